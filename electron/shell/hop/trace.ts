import { anyOf, canonicalIp, endpoint, isValidIp, notInForceBetween, PolicyIndex, resolveHost, Signal, sleep, type Cluster, type Journey, type KubeObject, type NotInForce, type Pod, type Process, type Task } from '../../engine/cluster.ts'
import { takeAddress } from './outside-client.ts'
import { findSource, parseDestination, type Destination, type Source } from './endpoints.ts'

/** How long a packet may be on its way before the trace says so, in virtual ms. */
const PATIENCE = 5000

/** The policies that speak of the journey's ends, and that the plugin does not obey. */
export function idlePolicies(cluster: Cluster, { from, finalDestination }: Journey): NotInForce[] {
  const policies = cluster.client.list('networkpolicies').items
  if (policies.length === 0) return []
  const list = (resource: string): readonly KubeObject[] => cluster.client.list(resource).items
  const view = PolicyIndex.of({ namespaces: list('namespaces'), pods: list('pods'), policies } as Parameters<typeof PolicyIndex.of>[0])
  const address = finalDestination?.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  return notInForceBetween(view, cluster.config.cni, { from: view.pods.get(from), to: address === undefined ? undefined : view.podAt(address) })
}

export type TraceResult = { journey: Journey } | { error: string }

/** Makes one real connection over the one path of packets, as a program of the source's would, and returns its journey. */
export function* traceJourney(cluster: Cluster, sourceText: string, destinationText: string, program = 'hop'): Task<TraceResult> {
  const source = findSource(cluster, sourceText)
  if ('error' in source) return source
  const destination = parseDestination(destinationText)
  if ('error' in destination) return destination
  const { address } = source
  const taken = address === undefined || source.network.isLocal(address) ? undefined : takeAddress(cluster, address)
  if (taken && 'error' in taken) return taken
  try {
    return yield* traceFrom(cluster, source, destination, program)
  } finally {
    taken?.release()
  }
}

function* traceFrom(cluster: Cluster, source: Source, destination: Destination, program: string): Task<TraceResult> {
  let result: TraceResult = { error: 'hop: the source went away' }
  const process = source.machine.start({
    argv: [program],
    files: new Map(),
    program: function* (self) {
      result = yield* connect(self, source, destination, cluster, program)
      return 0
    },
  })
  yield* process.thread.join()
  return result
}

function* connect(self: Process, source: Source, destination: Destination, cluster: Cluster, program: string): Task<TraceResult> {
  let address = canonicalIp(destination.host) ?? destination.host
  if (!isValidIp(address)) {
    const resolved = yield* resolveHost(self, address)
    if ('error' in resolved) return { error: `hop: ${destination.host}: ${resolved.message}${UNANSWERED.includes(resolved.message) ? ` (no DNS server answered: hop trace ${source.name} NAMESERVER:53/udp, with the nameserver of its /etc/resolv.conf, says why)` : hint(cluster, source, destination)}` }
    address = resolved.addresses[0]!
  }
  const begun = begin(self, source, { ...destination, host: address }, program)
  if ('error' in begun) return begun
  const { journey } = begun
  const signal = new Signal()
  const stop = cluster.journeys.onChange((changed) => {
    if (changed.id === journey.id) signal.notify()
  })
  try {
    const end = self.clock.now + PATIENCE
    while (!settled(journey) && self.clock.now < end) yield anyOf(signal.wait, sleep(self.clock, end - self.clock.now))
    if (journey.verdict === 'pending') Object.assign(journey, { verdict: 'timeout', reason: 'timeout-no-answer' })
    // the answer is still on its way home
    if (journey.verdict === 'delivered' && journey.protocol !== 'udp') yield* self.sleep(20)
    // A Pod's address leaves nothing to choose: it is the end, though the packet may not have come so far.
    if (journey.finalDestination === undefined && isPods(cluster, journey.destination)) journey.finalDestination = endpoint(journey.destination, journey.destinationPort)
    return { journey }
  } finally {
    stop()
    begun.close()
  }
}

/** Whether a Pod has the address for itself; those of Services and nodes are taken as one of several endpoints. */
function isPods(cluster: Cluster, address: string): boolean {
  return cluster.client.list<Pod>('pods').items.some(({ spec, status }) => !spec.hostNetwork && status?.podIPs?.some(({ ip }) => ip === address))
}

const settled = (journey: Journey): boolean => journey.verdict !== 'pending' && (journey.verdict !== 'delivered' || journey.reply.length > 0 || journey.protocol === 'udp')

/** What the resolver says where there was no answer at all: that is no matter of names. */
const UNANSWERED: readonly string[] = ['Try again', 'Temporary failure in name resolution']

/** Why a name may be unknown, and what to write instead: Pods have no names in the cluster's DNS, and only Pods ask it. */
function hint(cluster: Cluster, source: Source, { host, port }: Destination): string {
  const [namespace, pod] = source.name.includes('/') ? source.name.split('/') : []
  const [name = '', other] = host.split('.')
  const found = cluster.client.list('pods').items.find(({ metadata }) => metadata.name === name && metadata.namespace === (other ?? namespace ?? 'default')) as KubeObject & { status?: { podIP?: string } } | undefined
  const address = found?.status?.podIP
  const at = (ip: string): string => (port === undefined ? ip : ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)
  const service = pod === undefined ? (cluster.client.list('services').items.find(({ metadata }) => metadata.name === name && metadata.namespace === (other ?? 'default')) as KubeObject & { spec?: { clusterIP?: string } } | undefined) : undefined
  const clusterIp = service?.spec?.clusterIP
  if (clusterIp !== undefined && clusterIp !== '' && clusterIp !== 'None') return ` (${source.name} does not ask the cluster's DNS: names of Services are known to Pods; write the Service's address: ${at(clusterIp)})`
  if (address !== undefined) {
    const written = at(address)
    return ` (${name} is a Pod, and DNS knows names of Services; write the Pod's address: ${written})`
  }
  return pod === undefined ? ` (${source.name} does not ask the cluster's DNS: names of Services are known to Pods, NAMESPACE/POD as SRC)` : ''
}

function begin(self: Process, source: Source, to: Destination, program: string): { journey: Journey; close: () => void } | { error: string } {
  const { sockets } = source.network
  const owner = { pid: self.pid, program }
  const from = source.address ? { source: source.address } : {}
  try {
    if (to.protocol === 'tcp' || to.protocol === 'sctp') {
      const connection = (to.protocol === 'sctp' ? sockets.sctp : sockets).connect({ address: to.host, port: to.port!, owner, ...from }, {})
      return connection.journey ? { journey: connection.journey, close: () => connection.abort() } : { error: 'hop: connect: Network is unreachable' }
    }
    if (to.protocol === 'udp') {
      const socket = sockets.udp({ owner })
      const journey = socket.send(new Uint8Array(0), to.host, to.port!, from)
      return journey ? { journey, close: () => socket.close() } : { error: 'hop: nothing was sent' }
    }
    const socket = sockets.ping({ owner })
    return { journey: socket.send(to.host, 1, new Uint8Array(56), from), close: () => socket.close() }
  } catch (error) {
    const { message } = error as Error
    // 2001:db8::1:80 is an address, too
    const [, address, port] = to.protocol === 'icmp' ? (/^(.*[0-9a-f:]):(\d+)$/i.exec(to.host) ?? []) : []
    const meant = address && port && isValidIp(address) ? `; for port ${port} of ${address} write [${address}]:${port}` : ''
    return { error: `hop: ${source.name} cannot send to ${to.host}: ${message}; its addresses and routes: ip address, ip ${to.host.includes(':') ? '-6 ' : ''}route there${meant}` }
  }
}
