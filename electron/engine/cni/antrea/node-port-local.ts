import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import type { Pod, Service } from '../../kubernetes/types.ts'
import type { Ip, SocketOwner } from '../../network/types.ts'
import { own } from '../../own.ts'
import { SyncLoop } from '../sync-loop.ts'
import type { NodeContext } from '../types.ts'
import type { AgentLog } from './agent-log.ts'

/**
 * NodePortLocal (docs/node-port-local.md and pkg/agent/nodeportlocal of Antrea v2.4): each port of the Pods behind an annotated
 * Service gets a port of the Pod's node, which the Pod's annotation tells. By IPv4, TCP and UDP.
 */
export const NPL_ENABLED = 'nodeportlocal.antrea.io/enabled'
export const NPL = 'nodeportlocal.antrea.io'
const CHAIN = 'ANTREA-NODE-PORT-LOCAL'
const DELAY = 5
/** minRetryDelay and maxRetryDelay. */
const RETRY = { least: 2_000, most: 120_000 }

interface Annotation { podPort: number; nodeIP: string; nodePort: number; protocol: string }
interface Entry { podKey: string; podPort: number; protocol: string; podIp: Ip; nodePort: number; close: () => void }

export class NodePortLocal {
  readonly #context: NodeContext
  readonly #client: KubernetesClient
  readonly #log: AgentLog
  readonly #range: { first: number; last: number }
  readonly #owner: SocketOwner | undefined
  readonly #loop: SyncLoop
  readonly #pods = new Map<string, Pod>()
  readonly #services = new Map<string, Service>()
  readonly #dirty = new Set<string>()
  /** "default/web:80:tcp" */
  readonly #entries = new Map<string, Entry>()
  readonly #stops: (() => void)[] = []
  #next: number
  #retry: { delay: number; timer: ReturnType<NodeContext['clock']['schedule']> | undefined } = { delay: RETRY.least, timer: undefined }
  #restored = false

  constructor(context: NodeContext, client: KubernetesClient, log: AgentLog, range: { first: number; last: number }, owner: SocketOwner | undefined) {
    this.#context = context
    this.#client = client
    this.#log = log
    this.#range = range
    this.#owner = owner
    this.#next = range.first
    this.#loop = new SyncLoop(context.clock, DELAY, () => this.#sync())
    this.#chain()
    this.#log('npl_controller.go:130', 'Starting NPLController')
    this.#stops.push(
      client.watch<Pod>('pods', { fieldSelector: `spec.nodeName=${context.name}` }, (event) => {
        if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return
        const key = `${event.object.metadata.namespace}/${event.object.metadata.name}`
        if (event.type === 'DELETED') this.#pods.delete(key)
        else this.#pods.set(key, event.object)
        this.#mark(key)
      }),
      client.watch<Service>('services', {}, (event) => {
        if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return
        const { metadata } = event.object
        const key = `${metadata.namespace}/${metadata.name}`
        const before = this.#services.get(key)
        const enabled = event.type !== 'DELETED' && metadata.annotations?.[NPL_ENABLED] === 'true'
        if (enabled) this.#services.set(key, event.object)
        else this.#services.delete(key)
        if (enabled) this.#validate(event.object)
        for (const service of [before, enabled ? event.object : undefined]) if (service) for (const [pod, object] of this.#pods) if (selects(service, object)) this.#mark(pod)
      }),
    )
  }

  stop(): void {
    this.#loop.stop()
    this.#context.clock.cancel(this.#retry.timer)
    for (const stop of this.#stops) stop()
    for (const { close } of this.#entries.values()) close()
  }

  #mark(pod: string): void {
    this.#dirty.add(pod)
    this.#loop.request()
  }

  #validate({ metadata: { namespace, name }, spec }: Service): void {
    const service = `service="${namespace}/${name}"`
    const says = (line: number, text: string): void => this.#log(`npl_controller.go:${line}`, `"${text}" ${service}`)
    if (spec.type === 'NodePort') says(196, 'Service is of type NodePort and cannot be used for NodePortLocal, the NodePortLocal annotation will have no effect')
    else if (spec.type === 'ExternalName') says(200, 'Service is of type ExternalName and cannot be used for NodePortLocal, the NodePortLocal annotation will have no effect')
    else if (Object.keys(spec.selector ?? {}).length === 0) says(204, 'Service does not have a selector, the NodePortLocal annotation will have no effect')
    else for (const port of spec.ports ?? []) if (port.protocol === 'SCTP') says(209, 'Service has NodePortLocal enabled but it includes a SCTP Service port, which will be ignored')
  }

  // ---- the table of ports ------------------------------------------------------------------------------------------------

  #chain(): void {
    const { netfilter } = this.#context.network
    netfilter.command(['-t', 'nat', '-N', CHAIN])
    for (const chain of ['PREROUTING', 'OUTPUT']) {
      const rule = ['-m', 'addrtype', '--dst-type', 'LOCAL', '-j', CHAIN]
      if (netfilter.command(['-t', 'nat', '-C', chain, ...rule]).code !== 0) netfilter.command(['-t', 'nat', '-A', chain, ...rule])
    }
  }

  /** What the Pods' annotations say is so again; rules of before go. */
  #restore(): void {
    this.#restored = true
    this.#log('npl_controller.go:528', '"Will fetch Pods and generate NodePortLocal rules for these Pods"')
    const lines: string[] = []
    for (const [podKey, pod] of this.#pods) {
      for (const { podPort, nodePort, protocol } of annotationsOf(pod) ?? []) {
        const podIp = ipv4Of(pod)
        if (nodePort > this.#range.last || nodePort < this.#range.first || podIp === undefined) continue
        const close = this.#open(nodePort, protocol)
        if (!close) {
          this.#log('port_table_others.go:136', `"Cannot bind to local port, skipping it" err="listen ${protocol}4 :${nodePort}: bind: address already in use" port=${nodePort}`, 'E')
          continue
        }
        this.#entries.set(`${podKey}:${podPort}:${protocol}`, { podKey, podPort, protocol, podIp, nodePort, close })
        lines.push(`-A ${CHAIN} ${ruleOf({ nodePort, protocol, podIp, podPort }).join(' ')}`)
      }
    }
    this.#context.network.netfilter.restore(`*nat\n:${CHAIN} - [0:0]\n${lines.map((l) => `${l}\n`).join('')}COMMIT\n`, { noflush: true })
    this.#log('npl_controller.go:583', '"Waiting for initialization of NodePortLocal rules to complete"')
    this.#log('npl_controller.go:585', '"Initialization of NodePortLocal rules successful"')
  }

  /** A socket keeps others from the port; packets never come to it. */
  #open(port: number, protocol: string): (() => void) | undefined {
    const { sockets } = this.#context.network
    const owner = this.#owner ? { owner: this.#owner } : {}
    try {
      const socket = protocol === 'udp' ? sockets.udp({ port, address: '0.0.0.0', ...owner }) : sockets.listen({ port, address: '0.0.0.0', ...owner }, (connection) => connection.abort())
      return () => socket.close()
    } catch {
      return undefined
    }
  }

  #free(protocol: string): { nodePort: number; close: () => void } | undefined {
    const { first, last } = this.#range
    const count = last - first + 1
    const taken = new Set([...this.#entries.values()].filter((e) => e.protocol === protocol).map((e) => e.nodePort))
    for (let i = 0; i < count; i++) {
      const nodePort = first + ((this.#next - first + i) % count)
      const close = taken.has(nodePort) ? undefined : this.#open(nodePort, protocol)
      if (!close) continue
      this.#next = nodePort === last ? first : nodePort + 1
      return { nodePort, close }
    }
    return undefined
  }

  #remove(key: string, entry: Entry): void {
    const { podKey, podPort, protocol, podIp, nodePort, close } = entry
    this.#log('npl_controller.go:507', `"Deleting NodePortLocal rule" pod="${podKey}" podIP="${podIp}" port=${podPort} protocol="${protocol}"`)
    this.#context.network.netfilter.command(['-t', 'nat', '-D', CHAIN, ...ruleOf(entry)])
    this.#log('iptable_rule.go:124', `"Successfully deleted DNAT rule" podAddr="${podIp}:${podPort}" nodePort=${nodePort} protocol="${protocol}"`)
    close()
    this.#entries.delete(key)
  }

  // ---- Pods --------------------------------------------------------------------------------------------------------------

  #sync(): void {
    if (!this.#restored) this.#restore()
    const pods = [...this.#dirty].sort()
    this.#dirty.clear()
    let failed = false
    for (const pod of pods) {
      if (this.#syncPod(pod)) continue
      this.#dirty.add(pod)
      failed = true
    }
    this.#context.clock.cancel(this.#retry.timer)
    if (!failed) {
      this.#retry.delay = RETRY.least
      return
    }
    this.#retry.timer = this.#context.clock.schedule(this.#retry.delay, () => this.#loop.request(), { background: true })
    this.#retry.delay = Math.min(RETRY.most, 2 * this.#retry.delay)
  }

  /** Whether it went well. */
  #syncPod(podKey: string): boolean {
    const pod = this.#pods.get(podKey)
    const podIp = pod && ipv4Of(pod)
    if (pod && podIp === undefined) return true
    const wanted = pod ? this.#wanted(pod) : []
    // a Pod's new sandbox has another address
    if (pod) for (const [key, entry] of [...this.#entries]) if (entry.podKey === podKey && entry.podIp !== podIp) this.#remove(key, entry)
    const hostPorts = new Map<string, number>((pod?.spec.containers ?? []).flatMap((c) => c.ports ?? []).flatMap((p) => (p.hostPort ? [[`${p.containerPort}:${(p.protocol ?? 'TCP').toLowerCase()}`, p.hostPort] as const] : [])))
    const annotations = new Map<string, Annotation>()
    for (const target of wanted) {
      const [number, protocol] = target.split(':') as [string, string]
      const podPort = Number(number)
      const key = `${podKey}:${target}`
      let nodePort = this.#entries.get(key)?.nodePort ?? hostPorts.get(target)
      if (nodePort === undefined) {
        this.#log('npl_controller.go:465', `"Adding NodePortLocal rule" pod="${podKey}" podIP="${podIp}" port=${podPort} protocol="${protocol}"`)
        const free = this.#free(protocol)
        if (!free) {
          this.#log('npl_controller.go:376', `Error syncing Pod ${podKey}, requeuing. Error: failed to add rule for Pod ${podKey}: no free port found`, 'E')
          return false
        }
        const entry = { podKey, podPort, protocol, podIp: podIp!, ...free }
        this.#entries.set(key, entry)
        this.#context.network.netfilter.command(['-t', 'nat', '-A', CHAIN, ...ruleOf(entry)])
        this.#log('iptable_rule.go:95', `"Successfully added DNAT rule" podAddr="${podIp}:${podPort}" nodePort=${free.nodePort} protocol="${protocol}"`)
        nodePort = free.nodePort
      }
      if (!annotations.has(`${nodePort}:${protocol}`)) annotations.set(`${nodePort}:${protocol}`, { podPort, nodeIP: pod!.status.hostIP ?? '', nodePort, protocol })
    }
    for (const [key, entry] of [...this.#entries]) if (entry.podKey === podKey && !wanted.includes(key.slice(podKey.length + 1))) this.#remove(key, entry)
    if (pod) this.#annotate(pod, [...annotations.values()].sort((a, b) => a.nodePort - b.nodePort))
    return true
  }

  /** "8080:tcp" of each port of the Pod that some annotated Service sends to. */
  #wanted(pod: Pod): string[] {
    if (pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') return []
    const out = new Set<string>()
    const named = Object.fromEntries(pod.spec.containers.flatMap((c) => c.ports ?? []).flatMap((p) => (p.name ? [[`${p.name}:${p.protocol ?? 'TCP'}`, p.containerPort]] : [])))
    for (const service of this.#services.values()) {
      if (service.spec.type === 'NodePort' || service.spec.type === 'ExternalName' || !selects(service, pod)) continue
      for (const { port, targetPort = port, protocol = 'TCP' } of service.spec.ports ?? []) {
        if (protocol === 'SCTP') continue
        const number = typeof targetPort === 'number' ? targetPort : own(named, `${targetPort}:${protocol}`)
        if (number !== undefined) out.add(`${number}:${protocol.toLowerCase()}`)
      }
    }
    return [...out].sort()
  }

  #annotate(pod: Pod, wanted: readonly Annotation[]): void {
    const text = pod.metadata.annotations?.[NPL]
    const there = text === undefined ? [] : annotationsOf(pod)
    if (there && JSON.stringify([...there].sort((a, b) => a.nodePort - b.nodePort)) === JSON.stringify(wanted)) return
    const value = wanted.length > 0 ? JSON.stringify(wanted) : null
    try {
      this.#client.patch('pods', pod.metadata.namespace, pod.metadata.name, 'application/merge-patch+json', { metadata: { annotations: { [NPL]: value } } }, { subresource: 'status' })
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      if (error.status.code !== 404) this.#log('annotations.go:43', `Unable to patch NodePortLocal annotation for Pod ${pod.metadata.namespace}/${pod.metadata.name}: unable to update NodePortLocal annotation for Pod ${pod.metadata.namespace}/${pod.metadata.name}: ${error.message}`, 'W')
    }
  }
}

function ruleOf({ nodePort, protocol, podIp, podPort }: Omit<Entry, 'podKey' | 'close'>): string[] {
  return ['-p', protocol, '-m', protocol, '--dport', String(nodePort), '-j', 'DNAT', '--to-destination', `${podIp}:${podPort}`]
}

function selects({ metadata, spec }: Service, pod: Pod): boolean {
  const selector = Object.entries(spec.selector ?? {})
  return metadata.namespace === pod.metadata.namespace && selector.length > 0 && selector.every(([key, value]) => own(pod.metadata.labels ?? {}, key) === value)
}

function ipv4Of(pod: Pod): Ip | undefined {
  return [pod.status.podIP, ...(pod.status.podIPs ?? []).map((p) => p.ip)].find((ip) => ip !== undefined && ip !== '' && !ip.includes(':'))
}

/** Undefined where it is not JSON. */
function annotationsOf(pod: Pod): Annotation[] | undefined {
  const text = pod.metadata.annotations?.[NPL]
  if (text === undefined) return []
  try {
    const list: unknown = JSON.parse(text)
    return Array.isArray(list) ? (list as Annotation[]) : undefined
  } catch {
    return undefined
  }
}
