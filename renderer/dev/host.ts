import { diff } from '../../electron/bridge/patch.ts'
import type { EventName, Events, Message, RequestResults, Transport } from '../../electron/bridge/protocol.ts'
import type { Inspection, Journey, ViewModel } from '../../electron/bridge/view.ts'
import { pod, topology } from './cluster.ts'
import { dropped, journey, summary } from './journeys.ts'
import { catalog, lab } from './lab.ts'

const PROMPT = '\x1b[32mstudent@laptop\x1b[0m:\x1b[34m~\x1b[0m$ '

/** A host with no cluster behind it: enough to see and to test the window. */
export class FakeHost {
  view: ViewModel
  version = 1
  journeys = new Map<number, Journey>()
  requests: { name: string; argument: unknown }[] = []
  #printed = new Map<string, string>()
  #line = ''
  #toWindow: (message: unknown) => void = () => {}
  #close: (() => void)[] = []

  constructor(scene: URLSearchParams) {
    const pods = Number(scene.get('pods') ?? 4)
    const top = topology(pods, Number(scene.get('nodes') ?? 3))
    const web = Object.values(top.pods).find((p) => p.name.startsWith('web-') && p.node === 'worker-1')!
    this.journeys.set(1, journey(1, top.pods['default/client']!.hostInterface!, `default/${web.name}`, web.hostInterface!))
    this.journeys.set(2, dropped(2))
    this.view = {
      app: { version: '0.1.0', host: 'web', busy: null, test: true, tools: { api: null, hostTerminal: true, hostTerminalMissing: null } },
      cluster: {
        name: 'podhop', kubernetesVersion: 'v1.33.0', cni: 'flannel', proxyMode: 'iptables', nodes: 3,
        settings: { nodes: 3, cni: 'flannel', cniOptions: {}, proxyMode: 'iptables', ipFamilies: 'IPv4', cloud: 'none', ingressController: 'none' },
        world: 1,
        choices: { plugins: [{ name: 'flannel', options: { backend: ['vxlan', 'host-gw'] } }, { name: 'weave', options: {} }], ipFamilies: ['IPv4', 'IPv4,IPv6', 'IPv6,IPv4', 'IPv6'], refusals: { 'weave IPv6': '[IPv4] with cni weave: Weave Net has never learned IPv6' }, proxyModes: ['iptables'], clouds: ['none', 'loadbalancer'], ingressControllers: ['none', 'nginx'] },
        faults: scene.has('fault') ? { 'route-missing/worker-2/10.244.1.0/24': { id: 'route-missing/worker-2/10.244.1.0/24', text: 'worker-2 has no route to 10.244.1.0/24' } } : {}, faultKinds: [],
        clock: { now: 74_000, epoch: Date.UTC(2025, 0, 1, 9), paused: false, speed: 1 },
      },
      topology: top,
      lab: null,
      catalog,
      packs: {},
      terminals: {},
      journeys: {},
      portForwards: scene.has('forward') ? { pf1: { id: 'pf1', localPort: 8080, target: 'service/web:80', real: true } } : {},
    }
    if (scene.get('lab') !== null) this.openLab()
    if (scene.has('finished') && this.view.lab) {
      const steps = Object.fromEntries(Object.entries(this.view.lab.steps).map(([k, s]) => [k, { ...s, state: 'passed' as const }]))
      this.view = { ...this.view, lab: { ...this.view.lab, steps, finished: true, finish: 'You followed a packet from Pod to Pod.\n\n**Next:** *A stable address*.' } }
    }
  }

  openLab(): void {
    this.view = { ...this.view, lab: lab(), terminals: { t1: { id: 't1', title: 'Terminal 1', kind: 'lab', columns: 80, rows: 24 } }, journeys: Object.fromEntries([...this.journeys].map(([k, j]) => [k, summary(j)])) }
    this.#printed.set('t1', `Podhop lab terminal. \x1b[2mtype help\x1b[0m\r\n${PROMPT}`)
  }

  transport(): Transport {
    return {
      send: (message) => setTimeout(() => this.#receive(message), 1),
      onMessage: (listener) => (this.#toWindow = listener),
      onClose: (listener) => this.#close.push(listener),
    }
  }

  /** Cuts the connection, as a host that dies does. */
  drop(): void {
    this.#toWindow = () => {}
    for (const listener of this.#close.splice(0)) listener()
  }

  change(after: Partial<ViewModel>): void {
    const next = { ...this.view, ...after }
    const patches = diff(this.view, next)
    this.view = next
    this.emit('view.patch', { version: ++this.version, patches })
  }

  addPod(name: string, on: number, ip: string): void {
    this.change({ topology: { ...this.view.topology, pods: { ...this.view.topology.pods, [`default/${name}`]: pod(name, on, ip) } } })
  }

  /** The first journey once more, as a new connection. */
  repeatJourney(): void {
    const again = { ...this.journeys.get(1)!, id: this.journeys.size + 1 }
    this.journeys.set(again.id, again)
    this.change({ journeys: { ...this.view.journeys, [again.id]: summary(again) } })
  }

  removePod(name: string): void {
    const { [`default/${name}`]: _, ...pods } = this.view.topology.pods
    this.change({ topology: { ...this.view.topology, pods } })
  }

  emit<N extends EventName>(name: N, payload: Events[N]): void {
    this.#toWindow({ type: 'event', name, payload } satisfies Message)
  }

  print(id: string, data: string): void {
    this.#printed.set(id, (this.#printed.get(id) ?? '') + data)
    this.emit('terminal.output', { id, data })
  }

  #receive(message: Message): void {
    if (message.type !== 'request') return
    this.requests.push({ name: message.name, argument: message.argument })
    try {
      const result = this.#answer(message.name, message.argument as never)
      this.#toWindow({ type: 'result', id: message.id, result: result ?? null })
    } catch (error) {
      this.#toWindow({ type: 'failure', id: message.id, error: (error as Error).message })
    }
  }

  #answer(name: string, a: Record<string, never>): RequestResults[keyof RequestResults] | undefined {
    const view = this.view
    const labView = view.lab
    switch (name) {
      case 'session.open':
        return { version: this.version, view }
      case 'lab.start':
        this.change({ app: { ...view.app, busy: { text: 'Starting the cluster: 2 of 3 nodes are Ready', done: 0.6 } } })
        setTimeout(() => {
          this.openLab()
          this.change({ app: { ...this.view.app, busy: null } })
          this.version++
          this.emit('view.patch', { version: ++this.version, patches: [] })
          // long enough to be seen on a machine that is busy with other things
        }, 2_500)
        return
      case 'pack.offer':
        if ((a.data as string).length < 40) throw new Error('is no pack: expected a tar archive packed by gzip, as `podhop lab pack` makes it')
        return { id: 'shop', title: 'Shop', labs: [{ id: 'shop-front', title: 'The shop front', summary: 'Two Services and one mistake.', level: 'beginner', minutes: 10, steps: 2, images: ['example.com/shop:1.0'] }], replaces: view.packs['shop'] ? { title: 'Shop', same: false } : null, clashes: [] }
      case 'pack.take':
        return void this.change({ packs: { shop: { id: 'shop', title: 'Shop', labs: 1 } }, catalog: { ...view.catalog, 'shop-front': { id: 'shop-front', title: 'The shop front', summary: 'Two Services and one mistake.', track: 'Foundations', level: 'beginner', minutes: 10, steps: 2, passed: 0, state: 'new', pack: 'Shop' } } })
      case 'pack.remove': {
        const { 'shop-front': _, ...others } = view.catalog
        return void this.change({ packs: {}, catalog: others })
      }
      case 'laptop.files':
        return { files: [{ path: 'web.yaml', size: 312 }, { path: 'captures/way.pcapng', size: 4_812 }] }
      case 'laptop.file':
        return { name: 'web.yaml', data: btoa('kind: Pod\n') }
      case 'results.export':
        return { name: 'podhop-ann.json', text: '{"podhop": "results"}\n' }
      case 'lab.reset':
        return void this.change({ terminals: {} })
      case 'lab.leave':
        return void this.change({ lab: null, terminals: {} })
      case 'lab.hint':
      case 'lab.answer': {
        if (!labView) throw new Error('No lab is open.')
        const step = labView.steps[labView.active]!
        const check = step.checks[a.check as string]!
        const changed = name === 'lab.hint'
          ? { ...check, hints: [...check.hints, 'Look at the routing table of the node: `hop node worker-2 -- ip route`.'], hintsLeft: check.hintsLeft - 1 }
          : { ...check, quiz: { ...check.quiz!, answered: a.answer as string }, state: String(a.answer).includes('routing') ? ('passed' as const) : ('failing' as const), found: String(a.answer).includes('routing') ? null : 'That one only writes rules for Services.' }
        return void this.change({ lab: { ...labView, steps: { ...labView.steps, [labView.active]: { ...step, checks: { ...step.checks, [check.id]: changed } } } } })
      }
      case 'terminal.open': {
        const kind = (a.kind as 'lab' | 'host' | undefined) ?? 'lab'
        const id = `${kind === 'lab' ? 't' : 'h'}${Object.keys(view.terminals).length + 1}`
        this.#printed.set(id, PROMPT)
        this.change({ terminals: { ...view.terminals, [id]: { id, title: kind === 'lab' ? `Terminal ${id.slice(1)}` : `Your machine ${id.slice(1)}`, kind, columns: 80, rows: 24 } } })
        return { id }
      }
      case 'terminal.attach':
        return { printed: [{ columns: 80, rows: 24, text: this.#printed.get(a.id as string) ?? '' }] }
      case 'terminal.input':
        return this.#type(a.id as string, a.data as string)
      case 'terminal.close': {
        const { [a.id as string]: _, ...terminals } = view.terminals
        return void this.change({ terminals })
      }
      case 'tools.connect': {
        const api = a.on ? { url: 'https://127.0.0.1:40001', kubeconfig: '/home/ann/.local/share/podhop/kubeconfig-1.yaml' } : null
        return void this.change({ app: { ...view.app, tools: { ...view.app.tools, api } } })
      }
      case 'clock.pause':
        return void this.change({ cluster: { ...view.cluster, clock: { ...view.cluster.clock, paused: a.paused as boolean } } })
      case 'clock.step':
        return void this.change({ cluster: { ...view.cluster, clock: { ...view.cluster.clock, now: view.cluster.clock.now + (a.ms as number) } } })
      case 'clock.speed':
        return void this.change({ cluster: { ...view.cluster, clock: { ...view.cluster.clock, speed: a.speed as number } } })
      case 'journey.get':
        return this.journeys.get(a.id as number) ?? null
      case 'topology.inspect':
        return inspection(a.kind as string, a.id as string)
      case 'explanation.get':
        return { id: a.id as string, markdown: `# ${a.id as string}\n\nA packet for an address on the *same* network needs the MAC address of its owner. The node asks with **ARP**; when nobody answers, the packet cannot be sent.\n\n\`\`\`console\nip neigh\n\`\`\`` }
    }
    return
  }

  #type(id: string, data: string): undefined {
    for (const character of data) {
      if (character === '\r') {
        const line = this.#line
        this.#line = ''
        this.print(id, `\r\n${line ? `podhop: not simulated: ${line} (this is the window's own test host)\r\n` : ''}${PROMPT}`)
      } else if (character === '\x7f') {
        if (this.#line) this.print(id, '\b \b')
        this.#line = this.#line.slice(0, -1)
      } else {
        this.#line += character
        this.print(id, character)
      }
    }
  }
}

function inspection(kind: string, id: string): Inspection {
  return {
    kind,
    title: id,
    facts: [{ label: 'Status', value: 'Running' }, { label: 'Pod IP', value: '10.244.2.3' }, { label: 'Node', value: 'worker-2 (172.18.0.4)' }, { label: 'Host interface', value: 'vetha1b2c3, port of cni0' }],
    yaml: `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${id.split('/').pop()}\n  namespace: default\nspec:\n  containers:\n  - image: nginx\n    name: web\n`,
    sections: [
      { title: 'Routes', command: 'ip route', text: 'default via 10.244.2.1 dev eth0\n10.244.0.0/16 via 10.244.2.1 dev eth0\n10.244.2.0/24 dev eth0 proto kernel scope link src 10.244.2.3' },
      { title: 'Neighbours', command: 'ip neigh', text: '10.244.2.1 dev eth0 lladdr 0a:58:0a:f4:02:01 REACHABLE' },
    ],
  }
}
