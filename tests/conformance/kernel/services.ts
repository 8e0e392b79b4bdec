import { SmallCluster } from '../../../electron/engine/cni/small-cluster.samples.ts'
import { Random } from '../../../electron/engine/random.ts'
import { decodeUtf8, encodeUtf8 } from '../../../electron/engine/text.ts'
import type { NetworkNamespace } from '../../../electron/engine/network/types.ts'
import { IptablesProxier } from '../../../electron/engine/proxy/iptables/proxier.ts'
import { DEFAULT_RULES, type RuleSettings } from '../../../electron/engine/proxy/rule-settings.ts'
import type { Probe } from './namespaces.ts'
import { NftablesProxier } from '../../../electron/engine/proxy/nftables/proxier.ts'
import { putService, putSlice, type EndpointSample } from '../../../electron/engine/proxy/services.samples.ts'

/** A cluster with Services of every kind, whose connections are tried here and in the kernel. */
export interface ServiceWorld {
  cluster: SmallCluster
  namespaces: NetworkNamespace[]
  servers: { namespace: NetworkNamespace; name: string; ports: string[] }[]
  probes(count: number): Probe[]
  /** What comes of it here, in the words of {@link KernelWorld.connect}. */
  connect(probe: Probe): string
}

const PORTS = ['tcp:80', 'tcp:8080', 'udp:53']
const WAIT = 8000

/** The same place in the world of IPv6, of an address or a network of IPv4. */
const SIXES: readonly (readonly [RegExp, string])[] = [
  [/^127\.0\.0\.1$/, '::1'], [/^10\.244\.0\.0\/16$/, 'fd00:10:244::/56'], [/^10\.244\.(\d+)\.0\/24$/, 'fd00:10:244:$1::/64'], [/^10\.244\.(\d+)\.(\d+)$/, 'fd00:10:244:$1::$2'], [/^10\.96\.0\.(\d+)$/, 'fd00:10:96::$1'], [/^10\.96\.9\.9$/, 'fd00:10:96::999'],
  [/^172\.18\.0\.0\/16$/, 'fd00:172:18::/64'], [/^172\.18\.0\.(\d+)$/, 'fd00:172:18::$1'], [/^172\.18\.0\.(\d+)\/32$/, 'fd00:172:18::$1/128'], [/^192\.0\.2\.0\/24$/, '2001:db8:2::/64'], [/^192\.0\.2\.(\d+)$/, '2001:db8:2::$1'], [/^203\.0\.113\.0\/24$/, '2001:db8:113::/64'],
]

function toSix(text: string): string {
  const [from, to] = SIXES.find(([pattern]) => pattern.test(text)) ?? []
  if (!from) throw new Error(`${text} has no place in the world of IPv6`)
  return text.replace(from, to!)
}

/** Of a Service's fields: those that are addresses. */
function sixed(spec: { [key: string]: unknown }): { [key: string]: unknown } {
  return Object.fromEntries(Object.entries(spec).map(([key, value]) => [key, Array.isArray(value) ? (value as string[]).map(toSix) : value]))
}

/** `settings` are those of kube-proxy, by node: then the Services are those whose policies, terminating endpoints and own clients differ. `family` 6: of a cluster with both families, everything by IPv6. */
export function serviceWorld(mode: 'iptables' | 'nftables', plugin: 'flannel' | 'bridge', seed: number, workers = 3, settings?: (node: string) => Partial<RuleSettings>, family: 4 | 6 = 4): ServiceWorld {
  const random = new Random(seed)
  const at = family === 6 ? toSix : (text: string): string => text
  const pick = <T>(from: readonly T[]): T => from[random.below(from.length)]!
  const nodes = Array.from({ length: workers }, (_, i) => `worker-${i + 1}`)
  const cluster = new SmallCluster(plugin, nodes, { dual: family === 6 })
  const { store } = cluster
  const pods = nodes.flatMap((node, n) => [0, 1].map((i) => cluster.pod(`web${n * 2 + i}`, node, 'busybox', { command: ['sleep', 'infinity'] })).map((pod) => ({ ...pod, ip: pod.ips[family === 6 ? 1 : 0]!, node })))
  const clients = nodes.map((node, n) => cluster.pod(`client${n}`, node, 'busybox', { command: ['sleep', 'infinity'] }))
  const outside = cluster.outside.network

  // ---- Services of every kind, with Pods by chance --------------------------------------------------------------------
  const targets: { protocol: 'tcp' | 'udp'; to: string; port: number; from?: 'inside' | 'node' }[] = []
  let next = 20
  const some = (least: number, from = pods): EndpointSample[] => {
    const chosen = from.filter(() => random.below(2) === 0)
    while (chosen.length < least) chosen.push(pick(from.filter((p) => !chosen.includes(p))))
    return chosen.map((p) => ({ ip: p.ip, node: p.node }))
  }
  const service = (spec: { type?: string; [key: string]: unknown }, endpoints: EndpointSample[], options: { target?: number; udp?: boolean; ingress?: string[] } = {}): void => {
    const n = next++
    const ip = at(`10.96.0.${n}`)
    const ingress = options.ingress?.map(at)
    const own = family === 6 ? sixed(spec) : spec
    const protocol = options.udp ? 'UDP' : 'TCP'
    const port = options.udp ? 53 : 80
    const nodePort = spec.type === 'NodePort' || spec.type === 'LoadBalancer' ? 30000 + n : undefined
    putService(store, 'default', `s${n}`, ip, [{ name: 'main', port, protocol, ...(nodePort ? { nodePort } : {}) }], { ...own, ...(family === 6 ? { ipFamilies: ['IPv6'] } : {}) }, ingress)
    if (endpoints.length > 0) putSlice(store, 'default', `s${n}`, [{ name: 'main', port: options.target ?? port, protocol }], endpoints)
    const kind = options.udp ? 'udp' as const : 'tcp' as const
    targets.push({ protocol: kind, to: ip, port, from: 'inside' })
    if (nodePort) for (const node of cluster.config.nodes) targets.push({ protocol: kind, to: at(node.ip), port: nodePort })
    if (nodePort && kind === 'tcp') targets.push({ protocol: kind, to: at('127.0.0.1'), port: nodePort, from: 'node' })
    for (const external of [...((own['externalIPs'] as string[] | undefined) ?? []), ...(ingress ?? [])]) targets.push({ protocol: kind, to: external, port })
  }
  const first = (n: string): EndpointSample[] => some(1, pods.filter((p) => p.node === n))
  const local = { externalTrafficPolicy: 'Local' }
  const everyKind = (): void => {
    service({}, some(2))
    service({}, some(2), { target: 8080 })
    service({}, some(1, pods.slice(0, 1)))
    service({}, [])
    service({}, some(2), { target: 81 })
    service({ type: 'NodePort' }, some(2))
    service({ type: 'NodePort', ...local }, [...first('worker-1'), ...first('worker-2')])
    service({ type: 'NodePort', ...local, internalTrafficPolicy: 'Local' }, first('worker-2'))
    service({ internalTrafficPolicy: 'Local' }, first('worker-1'))
    service({ type: 'NodePort' }, [])
    service({ externalIPs: ['192.0.2.7'] }, some(1))
    service({ type: 'LoadBalancer', loadBalancerSourceRanges: ['203.0.113.0/24'] }, some(1), { ingress: ['192.0.2.8'] })
    service({ type: 'LoadBalancer', loadBalancerSourceRanges: ['172.18.0.0/16', '10.244.1.0/24'] }, some(2), { ingress: ['192.0.2.9'] })
    service({ type: 'LoadBalancer', ...local }, first('worker-2'), { ingress: ['192.0.2.10'] })
    service({ type: 'LoadBalancer', ...local }, [...first('worker-1'), ...first('worker-2')], { ingress: ['192.0.2.11'], target: 8080 })
    service({ externalIPs: ['192.0.2.12'] }, [])
    service({ type: 'NodePort' }, some(2), { udp: true })
    service({ type: 'NodePort' }, [], { udp: true })
    service({}, some(3).map((e, i) => (i === 0 ? e : { ...e, ready: false })))
    service({ type: 'NodePort', ...local }, first('worker-1').map((e) => ({ ...e, ready: false, serving: true, terminating: true })))
    service({ type: 'NodePort', sessionAffinity: 'ClientIP' }, some(1, [pick(pods)]))
  }
  const policies = (): void => {
    const on = (n: number): EndpointSample[] => pods.filter((p) => p.node === `worker-${n}`).map((p) => ({ ip: p.ip, node: p.node }))
    const dying = (from: EndpointSample[]): EndpointSample[] => from.map((e) => ({ ...e, ready: false, serving: true, terminating: true }))
    const dead = (from: EndpointSample[]): EndpointSample[] => from.map((e) => ({ ...e, ready: false, serving: false, terminating: true }))
    const inside = { internalTrafficPolicy: 'Local' }
    // its only endpoint is one of its clients, and the other Pod of that node is one, too
    for (const pod of pods) service({}, [{ ip: pod.ip, node: pod.node }])
    service({ type: 'NodePort', ...inside }, on(1))
    service({ type: 'NodePort', ...inside, ...local }, [...on(1), ...on(3)], { target: 8080 })
    service({ type: 'NodePort', ...local }, on(3), { udp: true })
    service({ type: 'LoadBalancer', ...local, loadBalancerSourceRanges: ['10.244.0.0/16', '172.18.0.3/32'] }, [...on(1), ...on(2)], { ingress: ['192.0.2.20'] })
    service({ type: 'LoadBalancer', loadBalancerSourceRanges: ['172.18.0.0/16'] }, on(2), { ingress: ['192.0.2.21'], udp: true })
    service({ type: 'LoadBalancer', ...inside, loadBalancerSourceRanges: ['10.244.2.0/24'] }, on(2), { ingress: ['192.0.2.22'] })
    service({ externalIPs: ['192.0.2.23'], ...local }, on(1))
    service({ externalIPs: ['192.0.2.24'], ...inside }, on(2))
    service({ type: 'NodePort', externalIPs: ['192.0.2.25'], ...local, ...inside }, [...on(1), ...on(2)], { udp: true })
    // endpoints that go: the last that still serve are used, those of the node alone where only these may be
    service({}, dying(on(2)))
    service({}, [...dying(on(1)), ...on(2)])
    service({ type: 'NodePort' }, dead(on(1)))
    service({ type: 'NodePort', ...local }, [...dying(on(1)), ...on(2)])
    service({ type: 'NodePort', ...local, ...inside }, [...dead(on(1)), ...dying(on(3))])
    service({ type: 'LoadBalancer', ...local }, [...dying(on(1)), ...dead(on(2))], { ingress: ['192.0.2.26'] })
  }
  if (settings) policies()
  else everyKind()
  for (const pod of pods) targets.push({ protocol: 'tcp', to: pod.ip, port: 80, from: 'inside' }, { protocol: 'tcp', to: pod.ip, port: 82, from: 'inside' }, { protocol: 'udp', to: pod.ip, port: 99, from: 'inside' })
  targets.push(
    { protocol: 'tcp', to: at('172.18.0.1'), port: 8080, from: 'inside' }, { protocol: 'tcp', to: at('172.18.0.2'), port: 30999 }, { protocol: 'tcp', to: at('10.244.1.200'), port: 80, from: 'inside' },
    { protocol: 'tcp', to: at('10.96.0.20'), port: 81, from: 'inside' }, { protocol: 'tcp', to: at('10.96.9.9'), port: 80, from: 'inside' },
  )
  for (const node of cluster.nodes.values()) {
    const rules = { ...DEFAULT_RULES, ...settings?.(node.name) }
    if (mode === 'iptables') new IptablesProxier(node, undefined, undefined, family, rules)
    else new NftablesProxier(node, undefined, undefined, family, rules)
  }
  outside.routes.add({ destination: at('192.0.2.0/24'), via: at('172.18.0.2'), device: 'eth0' })
  cluster.clock.runFor(1500)

  // ---- programs ---------------------------------------------------------------------------------------------------------
  const ports = (of: readonly string[]): string[] => of.map((port) => (family === 6 ? port.replace(':', '6:') : port))
  const servers = [...pods.map((p) => ({ namespace: p.sandbox.network, name: p.name, ports: ports(PORTS) })), { namespace: outside, name: 'outside', ports: ports(['tcp:8080']) }]
  for (const { namespace, name, ports } of servers) for (const port of ports) listen(namespace, name, port)
  const sources = [...clients.map((c) => c.sandbox.network), ...pods.map((p) => p.sandbox.network), ...[...cluster.nodes.values()].map((n) => n.network), outside]
  const namespaces = [outside, ...[...cluster.nodes.values()].map((n) => n.network), ...[...clients, ...pods].map((p) => p.sandbox.network)]
  return {
    cluster, namespaces, servers,
    probes: (count) => Array.from({ length: count }, () => {
      for (;;) {
        const from = pick(sources)
        const { from: where, ...target } = pick(targets)
        if (where === 'inside' && from === outside || where === 'node' && from.kind !== 'node') continue
        return { from, ...target }
      }
    }),
    connect: (probe) => connect(cluster, probe),
  }
}

function listen(namespace: NetworkNamespace, name: string, port: string): void {
  const [kind, number] = port.split(':')
  const where = { port: Number(number), ...(kind!.endsWith('6') ? { address: '::' } : {}) }
  if (kind!.startsWith('udp')) {
    const socket = namespace.sockets.udp(where)
    socket.onDatagram = ({ source, sourcePort, destination }) => socket.send(encodeUtf8(`${name} ${source}`), source, sourcePort, { source: destination })
    return
  }
  namespace.sockets.listen(where, (connection) => {
    connection.send(encodeUtf8(`${name} ${connection.remoteAddress}`))
    connection.end()
  })
}

function connect({ clock }: SmallCluster, { from, protocol, to, port }: Probe): string {
  let answer: string | undefined
  const failed = (error: { code: string }): string => (error.code === 'ECONNREFUSED' ? 'refused' : error.code === 'EHOSTUNREACH' || error.code === 'ENETUNREACH' ? 'unreachable' : error.code === 'EPERM' ? 'timeout' : error.code)
  let close: () => void
  if (protocol === 'tcp') {
    let text = ''
    const connection = from.sockets.connect({ address: to, port }, {
      onData: (data) => (text += decodeUtf8(data)),
      onEnd: () => connection.end(),
      onClose: (error) => (answer ??= error ? failed(error) : text),
    })
    close = () => connection.abort()
  } else {
    const socket = from.sockets.udp(to.includes(':') ? { address: '::' } : {})
    socket.onDatagram = ({ data }) => (answer ??= decodeUtf8(data))
    socket.onError = (error) => (answer ??= failed(error))
    try {
      socket.send(encodeUtf8('?'), to, port)
    } catch (error) {
      answer = failed(error as { code: string } & Error)
    }
    close = () => socket.close()
  }
  clock.runUntil(clock.now + WAIT, () => answer !== undefined)
  answer ??= 'timeout'
  close()
  clock.runFor(50)
  return answer
}
