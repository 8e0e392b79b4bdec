import { readLabs } from '../../electron/host/labs.ts'
import { ProgressStore } from '../../electron/host/progress.ts'
import type { Session } from '../../electron/host/session/session.ts'
import { Tools } from '../../electron/host/tools/tools.ts'
import { buildView } from '../../electron/host/view/view.ts'
import { diff } from '../../electron/bridge/patch.ts'
import { encodeUtf8, parseClusterConfig, PolicyIndex, policyMatrix, type Cluster, type NetworkNamespace, type Pod } from '../../electron/engine/cluster.ts'
import { LabTerminal } from '../../electron/lab/terminal.ts'
import { World } from '../../electron/lab/world.ts'
import { cluster, create, deployment, heap, median, shell, time, untilReady, type Result } from './worlds.ts'

/** What `npm run bench` measures; each runs in a process of its own. */
const measurements: Record<string, () => Result[]> = {
  reset: () => {
    const labs = readLabs('labs').flatMap((found) => ('lab' in found ? [found.lab] : []))
    const times = [1, 2, 3, 4, 5].flatMap(() => labs.map((lab) => time(() => void new World({ lab }, silent))))
    return [
      { name: 'lab reset: first in a process', value: times[0]!, unit: 'ms' },
      { name: 'lab reset: median', value: median(times.slice(labs.length)), unit: 'ms' },
    ]
  },

  heap: () => {
    const before = heap()
    const c = cluster(3)
    create(c, 'deployments', deployment('web', 30))
    untilReady(c, 'web', 30)
    c.clock.runFor(60_000)
    const value = heap() - before
    return [{ name: 'heap of the engine: 3 nodes, 30 Pods', value, unit: 'MB', note: `${c.clock.executed} events` }]
  },

  idle: () => {
    const world = new World({ config: parseClusterConfig({ nodes: 3 }, 'cluster'), manifests: [] }, silent)
    const before = world.cluster.clock.executed
    const value = time(() => world.runUntil(world.cluster.clock.now + 3_600_000))
    return [{ name: 'replay of an idle hour: 3 nodes', value, unit: 'ms', note: `${world.cluster.clock.executed - before} events` }]
  },

  'idle-lab': () => {
    const [found] = readLabs('labs').filter((l) => l.id === 'stable-address')
    if (!found || !('lab' in found)) return []
    const world = new World({ lab: found.lab }, silent)
    const before = world.cluster.clock.executed
    const value = time(() => world.runUntil(world.cluster.clock.now + 3_600_000))
    return [{ name: 'replay of an idle hour: in a lab', value, unit: 'ms', note: `${world.cluster.clock.executed - before} events` }]
  },

  deployment: () => {
    const times = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(() => {
      const c = cluster(6)
      create(c, 'deployments', deployment('web', 500))
      return time(() => untilReady(c, 'web', 500))
    })
    return [
      { name: 'Deployment of 500 Pods, all Ready', value: times[0]!, unit: 'ms', note: 'first in its process' },
      { name: 'Deployment of 500 Pods, all Ready again', value: median(times.slice(4)), unit: 'ms', note: `in clusters of their own, median of the fifth to the ninth; the second took ${times[1]!.toFixed(0)} ms` },
    ]
  },

  growth: () => {
    const base = grown(1000, 10)
    return [base, grown(10_000, 100), grown(100_000, 1000)].flatMap((size, i) => {
      const name = `${size.pods.toLocaleString('en')} Pods Ready, on ${size.nodes.toLocaleString('en')} nodes`
      const results: Result[] = [
        { name, value: size.ms, unit: 'ms', note: `${((size.ms * 1000) / size.pods).toFixed(0)} µs a Pod` },
        { name: `${name}: heap a Pod`, value: size.bytes / size.pods / 1000, unit: 'kB' },
      ]
      if (i > 0) results.push({ name: `growth 1,000 → ${size.pods.toLocaleString('en')} Pods: time a Pod`, value: size.ms / size.pods / (base.ms / base.pods), unit: 'times' })
      return results
    })
  },

  nodes: () => {
    const sizes = [500, 2000, 5000].map(born)
    return sizes.flatMap((size, i) => {
      const name = `${size.nodes.toLocaleString('en')} nodes without user Pods`
      const { ms, bytes, nodes } = sizes[0]!
      const results: Result[] = [
        { name: `birth: ${name}`, value: size.ms / 1000, unit: 's', note: `${(size.ms / size.nodes).toFixed(1)} ms a node; a virtual minute with nothing to do ${size.idle.toFixed(0)} ms` },
        { name: `memory: ${name}`, value: size.bytes / 1e6, unit: 'MB', note: `${(size.bytes / size.nodes / 1000).toFixed(0)} kB a node` },
      ]
      if (i > 0) {
        const label = `growth ${nodes.toLocaleString('en')} → ${size.nodes.toLocaleString('en')} nodes`
        results.push({ name: `${label}: time a node`, value: size.ms / size.nodes / (ms / nodes), unit: 'times' }, { name: `${label}: heap a node`, value: size.bytes / size.nodes / (bytes / nodes), unit: 'times' })
      }
      return results
    })
  },

  limit: () => limit(5000, 10_000, 15),

  'services-1000': () => services(1000),
  'services-10000': () => services(10_000),

  matrix: () => policies(1000, 100),

  terminal: () => {
    const c = cluster(12)
    create(c, 'deployments', deployment('web', 1000))
    untilReady(c, 'web', 1000)
    let output = ''
    const terminal = new LabTerminal(c, 120, 40, (text) => (output += text))
    c.clock.runFor(100)
    const run = (): number => {
      output = ''
      return time(() => {
        terminal.input('kubectl get pods\r')
        while (!/\$ [^\n]*$/.test(output.slice(-60)) || output.length < 10_000) c.clock.step()
      })
    }
    const times = Array.from({ length: 15 }, run)
    if (output.split('\n').length < 1000) throw new Error('not all Pods were printed')
    return [{ name: 'kubectl get pods of 1,000 Pods', value: median(times), unit: 'ms', note: `first ${times[0]!.toFixed(0)} ms` }]
  },

  view: () => {
    const c = cluster(6)
    create(c, 'deployments', deployment('web', 500))
    untilReady(c, 'web', 500)
    c.clock.runFor(20_000)
    const build = viewer(c)
    let view = build()
    const times: number[] = []
    let patches = 0
    for (let i = 0; i < 60; i++) {
      shell(c, `kubectl label pod ${c.client.list('pods', { namespace: 'default' }).items[i]!.metadata.name} round=${i}`)
      times.push(time(() => {
        const next = build()
        patches += diff(view, next).length
        view = next
      }))
    }
    return [{ name: 'view of 500 Pods, little changed', value: times.slice(5).reduce((a, b) => a + b) / (times.length - 5), unit: 'ms', note: `first ${times[0]!.toFixed(1)} ms, ${patches / times.length} patches` }]
  },
}

/** Pods of ten namespaces under policies of all kinds, without a cluster around them: what `hop matrix` works out and prints. */
function policies(podCount: number, policyCount: number): Result[] {
  const meta = (name: string, namespace?: string, labels: Record<string, string> = {}) => ({ name, ...(namespace ? { namespace } : {}), uid: `${namespace}/${name}`, resourceVersion: '1', creationTimestamp: '', labels })
  const namespaces = Array.from({ length: 10 }, (_, i) => ({ kind: 'Namespace', metadata: meta(`team-${i}`, undefined, { team: String(i % 3) }) }))
  const pods = Array.from({ length: podCount }, (_, i) => ({
    kind: 'Pod', metadata: meta(`pod-${i}`, `team-${i % 10}`, { app: `app-${i % 17}`, tier: i % 2 ? 'front' : 'back' }),
    spec: { nodeName: `worker-${i % 50}`, containers: [] }, status: { phase: 'Running', podIPs: [{ ip: `10.244.${i >> 8}.${i & 255}` }] },
  }))
  const peers = [{ podSelector: { matchLabels: { tier: 'front' } } }, { namespaceSelector: { matchLabels: { team: '1' } } }, { ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.2.0/24'] } }]
  const rules = (i: number, key: string) => (i % 5 === 0 ? [] : [{ [key]: [peers[i % 3]], ...(i % 2 ? { ports: [{ port: 80, protocol: 'TCP' }] } : {}) }])
  const objects = Array.from({ length: policyCount }, (_, i) => ({
    kind: 'NetworkPolicy', metadata: meta(`policy-${i}`, `team-${i % 10}`),
    spec: { podSelector: i % 7 === 0 ? {} : { matchLabels: { app: `app-${i % 17}` } }, policyTypes: i % 4 === 0 ? ['Ingress', 'Egress'] : i % 4 === 1 ? ['Egress'] : ['Ingress'], ingress: rules(i, 'from'), egress: rules(i + 1, 'to') },
  }))
  let denied = 0
  const value = time(() => {
    const view = PolicyIndex.of({ namespaces, pods, policies: objects } as unknown as Parameters<typeof PolicyIndex.of>[0])
    const { cell } = policyMatrix(view, { enforced: true, port: 80, protocol: 'TCP' })
    for (let from = 0; from < podCount; from++) for (let to = 0; to < podCount; to++) if (!cell(from, to).allowed) denied++
  })
  return [{ name: `policy matrix: ${podCount.toLocaleString('en')} Pods, ${policyCount} policies`, value, unit: 'ms', note: `${denied.toLocaleString('en')} of ${(podCount ** 2).toLocaleString('en')} cells denied, model included` }]
}

const silent = {
  terminalOutput: () => undefined, terminalClosed: () => undefined, portWanted: () => undefined, portReleased: () => undefined, outsideData: () => undefined,
  outsideEnd: () => undefined, outsideClose: () => undefined, timeChanged: () => undefined, refused: () => undefined, explain: () => undefined,
  apiHead: () => undefined, apiData: () => undefined, apiEnd: () => undefined, apiOutput: () => undefined, apiSessionEnd: () => undefined, apiForwardOpen: () => undefined, apiForwardEnd: () => undefined,
  trouble: (error: unknown) => {
    throw error
  },
}

/** A cluster that does nothing but be there. */
function born(nodes: number): { nodes: number; ms: number; bytes: number; idle: number } {
  const before = heap()
  let c: Cluster | undefined
  const ms = time(() => void (c = cluster(nodes)))
  const bytes = (heap() - before) * 1e6
  return { nodes, ms, bytes, idle: time(() => c!.clock.runFor(60_000)) }
}

/** Pods of one Deployment, in a cluster of their own that is up before. */
function grown(pods: number, workers: number): { pods: number; nodes: number; ms: number; bytes: number } {
  const c = cluster(workers + 1)
  const before = heap()
  const ms = time(() => {
    create(c, 'deployments', deployment('web', pods))
    untilReady(c, 'web', pods)
  })
  return { pods, nodes: workers + 1, ms, bytes: (heap() - before) * 1e6 }
}

/** Deployments of so many Pods, each with its Service, from nothing until all are Ready and no controller has work left. */
function limit(nodes: number, services: number, replicas: number): Result[] {
  const begun = process.cpuUsage()
  const label = `${nodes.toLocaleString('en')} nodes, ${(services * replicas).toLocaleString('en')} Pods, ${services.toLocaleString('en')} Services`
  let c: Cluster | undefined
  const ms = time(() => {
    c = cluster(nodes)
    const namespaces = Array.from({ length: 100 }, (_, i) => `team-${i}`)
    for (const name of namespaces) create(c, 'namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    c.settle()
    for (let i = 0; i < services; i++) {
      const name = `web-${i}`
      const namespace = namespaces[i % namespaces.length]!
      // Without service links, as everybody does who has so many: each process would know all Services of its namespace.
      c.client.create('deployments', namespace, deployment(name, replicas, 'nginx', { enableServiceLinks: false }))
      c.client.create('services', namespace, { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: name }, ports: [{ port: 80 }] } })
    }
    c.settle(600_000)
  })
  const ready = c!.client.list<Pod>('pods').items.filter((pod) => pod.metadata.name.startsWith('web-') && pod.status?.conditions?.some((x) => x.type === 'Ready' && x.status === 'True'))
  if (ready.length !== services * replicas) throw new Error(`${ready.length} of ${services * replicas} Pods are Ready`)
  const { user, system } = process.cpuUsage(begun)
  return [
    { name: label, value: ms / 1000, unit: 's', note: `${((user + system) / 1e6).toFixed(1)} s of processor, virtual time ${(c!.clock.now / 1000).toFixed(0)} s` },
    { name: `heap: ${label}`, value: heap() / 1000, unit: 'GB', note: `${(process.memoryUsage().rss / 1e9).toFixed(1)} GB resident` },
  ]
}

/** Builds the view as the app does. */
function viewer(c: Cluster): () => object {
  const session = { cluster: c, run: null, busy: null, time: { paused: false, speed: 1 }, terminalIds: [], realPorts: [], terminalSize: () => ({ columns: 80, rows: 24 }) }
  const progress = new ProgressStore('/nowhere', { readOnly: true, onTrouble: () => undefined })
  const events = { output: () => undefined, closed: () => undefined }
  const tools = new Tools({ folder: '/nowhere', hostTerminal: false, api: () => undefined, changed: () => undefined }, events)
  return () => buildView(session as unknown as Session, { labs: [], packs: [] }, progress, tools, { version: '1', host: 'web' })
}

/** Packets and requests through the rules that kube-proxy has written for so many Services. */
function services(count: number): Result[] {
  const c = cluster(3)
  create(c, 'deployments', deployment('web', 3))
  create(c, 'pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'client' }, spec: { containers: [{ name: 'client', image: 'nginx' }] } })
  untilReady(c, 'web', 3)
  const born = time(() => {
    for (let i = 0; i < count; i++) {
      const ports = [{ name: 'tcp', port: 80, protocol: 'TCP' }, ...(i % 10 === 0 ? [{ name: 'udp', port: 53, protocol: 'UDP' }] : [])]
      create(c, 'services', { apiVersion: 'v1', kind: 'Service', metadata: { name: `service-${i}` }, spec: { selector: { app: 'web' }, ports } })
    }
    c.settle()
    c.clock.runFor(5000)
  })
  const list = c.client.list<{ spec: { clusterIP: string; ports: unknown[] } } & ReturnType<Cluster['client']['get']>>('services', { namespace: 'default' }).items.filter((s) => s.metadata.name !== 'kubernetes')
  const addresses = list.map((s) => s.spec.clusterIP)
  const client = c.podNetwork('default', 'client')!
  const label = `${count.toLocaleString('en')} Services`
  const first = firstPackets(c, client, list.filter((s) => s.spec.ports.length > 1).map((s) => s.spec.clusterIP))
  const requests = httpRequests(c, client, addresses)
  return [
    { name: `${label} written by kube-proxy, 3 nodes`, value: born, unit: 'ms' },
    { name: `first packets, ${label}, journeys recorded`, ...first, unit: 'a second' },
    { name: `whole HTTP requests, ${label}`, ...requests, unit: 'a second' },
  ]
}

/** Each packet is the first of its connection: all chains are passed, and every hop is written down. */
function firstPackets(c: Cluster, client: NetworkNamespace, addresses: readonly string[]): Rate {
  for (const pod of c.client.list('pods', { namespace: 'default', labelSelector: 'app=web' }).items) {
    const socket = c.podNetwork('default', pod.metadata.name)!.sockets.udp({ port: 53 })
    socket.onDatagram = () => void arrived++
  }
  let arrived = 0
  const data = encodeUtf8('hello')
  const round = (packets: number): void => {
    for (let i = 0; i < packets; i++) {
      const socket = client.sockets.udp({ port: 1024 + ((arrived + i) % 60_000) })
      const journey = socket.send(data, addresses[i % addresses.length]!, 53)
      socket.close()
      if (i % 50 === 49) c.clock.runFor(2)
      if (i === packets - 1 && (!journey || journey.hops.length < 5)) throw new Error('the journey was not recorded')
    }
    c.clock.runFor(50)
  }
  round(5000)
  return rate(20_000, (packets) => {
    const before = arrived
    round(packets)
    if (arrived - before !== packets) throw new Error(`${arrived - before} of ${packets} packets arrived`)
  })
}

function httpRequests(c: Cluster, client: NetworkNamespace, addresses: readonly string[]): Rate {
  const request = encodeUtf8('GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n')
  let begun = 0
  let done = 0
  const one = (): void => {
    let bytes = 0
    const connection = client.sockets.connect({ address: addresses[begun++ % addresses.length]!, port: 80 }, {
      onConnect: () => connection.send(request),
      onData: (data) => void (bytes += data.length),
      onEnd: () => connection.end(),
      onClose: () => {
        if (bytes < 600) throw new Error(`an answer of ${bytes} bytes`)
        done++
      },
    })
  }
  const round = (requests: number): void => {
    const goal = done + requests
    for (let left = requests; left > 0; left -= 50) {
      for (let i = 0; i < 50; i++) one()
      c.clock.runFor(5)
    }
    c.clock.runFor(200)
    if (done !== goal) throw new Error(`${goal - done} requests have no answer`)
  }
  round(1000)
  return rate(4000, round)
}

type Rate = { value: number; note: string }

/** So many a second: the median of five rounds, as V8 still compiles in the first, which is told beside it. */
function rate(count: number, round: (count: number) => void): Rate {
  const rates = Array.from({ length: 5 }, () => count / (time(() => round(count)) / 1000))
  return { value: median(rates), note: `median of 5 rounds of ${count.toLocaleString('en')}; the first ${Math.round(rates[0]!).toLocaleString('en')}` }
}

const name = process.argv[2] ?? ''
process.stdout.write(JSON.stringify(measurements[name]?.() ?? Object.keys(measurements)))
