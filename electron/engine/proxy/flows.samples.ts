import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { Clock } from '../clock.ts'
import { ObjectStore } from '../cni/objects.samples.ts'
import type { NodeContext } from '../cni/types.ts'
import type { Journey } from '../journey/types.ts'
import type { EndpointSlice, KubeObject, Service } from '../kubernetes/types.ts'
import { createMachine } from '../machine/machine.ts'
import { createProgramTable } from '../machine/programs.ts'
import { joinHostPort } from '../network/address.ts'
import { Network } from '../network/fabric.ts'
import { NetfilterTables } from '../network/netfilter/netfilter.ts'
import { TcpStack } from '../network/tcp/stack.ts'
import type { NetworkNamespace } from '../network/types.ts'
import { IptablesProxier } from './iptables/proxier.ts'
import { DEFAULT_IPVS_SETTINGS, IpvsProxier } from './ipvs/proxier.ts'
import { NftablesProxier } from './nftables/proxier.ts'
import { DEFAULT_RULES, type RuleSettings } from './rule-settings.ts'

/**
 * The packet flow tests of kube-proxy's own (runPacketFlowTests of pkg/proxy/iptables/proxier_test.go and
 * pkg/proxy/nftables/proxier_test.go of v1.33), retold: flows/<case>/input.yaml has the Services and EndpointSlices, before
 * them a document `settings:` where kube-proxy's are not the usual ones; expected.txt a line a flow:
 *
 *     pod to LB: 10.0.0.2 > 1.2.3.4:80 = 10.180.0.1:80, 10.180.1.1:80 masqueraded
 *
 * with every endpoint that the rules could choose, DROP, REJECT, or "nothing" where no rule is met; in brackets what
 * another mode does. input-2.yaml is the next step. Addresses are upstream's: Pods 10.0.0.0/8, the node 192.168.0.2.
 */
const HERE = join(import.meta.dirname, 'flows')
const NODE = 'test-node'
export type FlowMode = 'iptables' | 'nftables'

export interface Flow { name: string; source: string; destination: string; port: number; protocol: 'tcp' | 'udp' | 'sctp'; expected: string; instead: ReadonlyMap<string, string> }
interface FlowSettings extends Partial<RuleSettings> { family?: 4 | 6 }
export interface FlowStep { settings: FlowSettings; objects: KubeObject[]; flows: Flow[] }

export function flowCases(): { name: string; steps: FlowStep[] }[] {
  return readdirSync(HERE).map((name) => {
    const files = readdirSync(join(HERE, name)).filter((f) => f.startsWith('input')).sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
    const steps = files.map((file): FlowStep => {
      const expected = readFileSync(join(HERE, name, file.replace('input', 'expected').replace('.yaml', '.txt')), 'utf8')
      return { ...readInput(join(HERE, name, file)), flows: expected.split('\n').filter((l) => l.trim() !== '' && !l.startsWith('#')).map(readFlow) }
    })
    return { name, steps }
  })
}

export function readInput(file: string): Omit<FlowStep, 'flows'> {
  const documents = parseAllDocuments(readFileSync(file, 'utf8')).map((d) => d.toJS() as KubeObject | { settings: FlowSettings })
  return {
    settings: Object.assign({}, ...documents.map((d) => ('settings' in d ? d.settings : {}))) as FlowSettings,
    objects: documents.filter((d): d is KubeObject => 'kind' in d),
  }
}

function readFlow(line: string): Flow {
  const match = /^(.*): (\S+) > (\S+?):(\d+)(?:\/(\w+))? = (.*?)(?: \((.*)\))?$/.exec(line.replaceAll(/\[(\S+?)\](?=:\d+(?:\/\w+)? =)/g, '$1'))
  if (!match) throw new Error(`not a flow: ${line}`)
  const [, name, source, destination, port, protocol, expected, others] = match
  const instead = new Map((others?.split('; ') ?? []).map((o) => o.split(': ', 2) as [string, string]))
  return { name: name!, source: source!, destination: destination!, port: Number(port), protocol: (protocol ?? 'tcp') as Flow['protocol'], expected: expected!, instead }
}

/** A node, the Pods that serve (of all nodes: one network namespace has all their addresses), those that ask, and the world. */
export class FlowWorld {
  readonly #clock = new Clock({ seed: 1 })
  readonly #store = new ObjectStore(this.#clock)
  readonly #network: Network
  readonly #node: NetworkNamespace
  readonly #pods: NetworkNamespace
  readonly #clients: NetworkNamespace
  readonly #outside: NetworkNamespace
  readonly #listening = new Set<string>()
  readonly #known = new Set<string>()
  readonly #host: '/32' | '/128'

  constructor(mode: FlowMode | 'ipvs', { family = 4, ...settings }: FlowSettings) {
    const six = family === 6
    this.#host = six ? '/128' : '/32'
    this.#network = new Network({ clock: this.#clock, ipv6: six, layers: { netfilter: (host, beside) => new NetfilterTables(host, beside), tcp: (host) => new TcpStack(host) } })
    this.#node = this.#network.createNamespace({ name: NODE, kind: 'node' })
    this.#pods = this.#network.createNamespace({ name: 'pods', kind: 'pod' })
    this.#clients = this.#network.createNamespace({ name: 'clients', kind: 'pod' })
    this.#outside = this.#network.createNamespace({ name: 'outside', kind: 'outside' })
    const [all, podCIDR, serviceCIDR, node] = six ? ['::/0', 'fd00:10::/32', 'fd00:172:30::/112', '2001:db8::1'] : ['0.0.0.0/0', '10.0.0.0/8', '172.30.0.0/16', '192.168.0.2']
    const near = (network: 'pods' | 'clients', host: string): string => (six ? `fd00:10:${network === 'pods' ? 254 : 255}::${host}` : `10.${network === 'pods' ? 254 : 255}.0.${host}`)
    const length = six ? 64 : 24
    this.#join(this.#pods, 'pods', [`${near('pods', '1')}/${length}`])
    this.#join(this.#clients, 'clients', [`${near('clients', '1')}/${length}`])
    this.#join(this.#outside, 'eth0', six ? ['2001:db8::ff/64', '2001:db8:1::ff/64'] : ['192.168.0.1/24', '192.168.1.1/24', '192.168.99.1/24'])
    for (const address of six ? ['2001:db8::1/64', '2001:db8:1::2/64'] : ['192.168.0.2/24', '192.168.1.2/24', '192.168.99.11/24']) this.#node.addAddress('eth0', address)
    for (const link of ['pods', 'clients'] as const) this.#node.addAddress(link, `${near(link, '254')}/${length}`)
    this.#node.routes.add({ destination: podCIDR!, device: 'pods' })
    this.#node.routes.add({ destination: all!, via: six ? '2001:db8::ff' : '192.168.0.1', device: 'eth0' })
    this.#pods.routes.add({ destination: all!, via: near('pods', '254'), device: 'eth0' })
    this.#clients.routes.add({ destination: all!, via: near('clients', '254'), device: 'eth0' })
    this.#outside.routes.add({ destination: all!, via: node!, device: 'eth0' })
    for (const [key, value] of [['net.ipv4.ip_forward', '1'], ['net.ipv4.conf.all.rp_filter', '0'], ['net.ipv4.conf.default.rp_filter', '0'], ...(six ? [['net.ipv6.conf.all.forwarding', '1']] : [])] as [string, string][]) this.#node.setSysctl(key, value)
    // addresses of IPv6 are tentative at first
    this.#clock.runFor(3000)
    const context: NodeContext = {
      name: NODE, network: this.#node, clock: this.#clock, client: this.#store.client, fabric: this.#network,
      machine: createMachine({ kind: 'node', name: NODE, hostname: NODE, clock: this.#clock, network: this.#node, programs: createProgramTable() }),
      config: {
        nodes: [{ name: NODE, role: 'worker', ip: node! }], podCIDR: [podCIDR!], serviceCIDR: [serviceCIDR!], nodePortRange: { from: 30000, to: 32767 }, ipFamilies: [six ? 'IPv6' : 'IPv4'],
        cni: 'bridge', cniOptions: {}, proxyMode: mode, cloud: 'none', ingressController: 'none', kubectlRun: 'pod', seed: 1,
      },
    }
    this.#store.put('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE, labels: { 'topology.kubernetes.io/zone': 'zone-a' } }, spec: {}, status: { addresses: [], conditions: [] } })
    const rules = { ...DEFAULT_RULES, ...settings }
    if (mode === 'iptables') new IptablesProxier(context, undefined, undefined, family, rules)
    else if (mode === 'ipvs') new IpvsProxier(context, { ...DEFAULT_IPVS_SETTINGS, ...settings }, undefined, undefined, family)
    else new NftablesProxier(context, undefined, undefined, family, rules)
    this.#clock.runFor(2000)
  }

  /** The node's. */
  get node(): NetworkNamespace {
    return this.#node
  }

  #join(network: NetworkNamespace, atNode: string, addresses: string[]): void {
    this.#network.createVeth({ network: this.#node, name: atNode }, { network, name: 'eth0' })
    for (const [namespace, link] of [[this.#node, 'lo'], [this.#node, atNode], [network, 'lo'], [network, 'eth0']] as const) namespace.setUp(link, true)
    for (const address of addresses) network.addAddress('eth0', address)
  }

  /** From now on there are these Services and endpoints, and no others. */
  set(objects: readonly KubeObject[]): void {
    for (const resource of ['services', 'endpointslices']) {
      for (const { metadata } of this.#store.client.list<Service>(resource).items) {
        if (!objects.some((o) => `${o.kind.toLowerCase()}s` === resource && o.metadata.name === metadata.name && o.metadata.namespace === metadata.namespace)) this.#store.remove(resource, metadata.namespace, metadata.name)
      }
    }
    for (const object of objects) {
      this.#store.put(`${object.kind.toLowerCase()}s`, object)
      if (object.kind === 'EndpointSlice') this.#serve(object as EndpointSlice)
    }
    this.#clock.runFor(3000)
  }

  wait(ms: number): void {
    this.#clock.runFor(ms)
  }

  #serve({ endpoints, ports }: EndpointSlice): void {
    for (const { addresses } of endpoints) this.#own(this.#pods, addresses[0]!)
    for (const { port, protocol } of ports ?? []) {
      const kind = (protocol ?? 'TCP').toLowerCase()
      if (port === undefined || this.#listening.has(`${kind} ${port}`)) continue
      this.#listening.add(`${kind} ${port}`)
      if (kind === 'tcp') this.#pods.sockets.listen({ port }, () => undefined)
      else if (kind === 'sctp') this.#pods.sockets.sctp.listen({ port }, () => undefined)
      else this.#pods.sockets.udp({ port })
    }
  }

  #own(network: NetworkNamespace, address: string): void {
    if (!network.isLocal(address)) network.addAddress('eth0', `${address}${this.#host}`)
  }

  /** In the words of expected.txt. */
  flow({ source, destination, port, protocol }: Flow): string {
    // a balancer's address that is the node's own, too
    if (source === destination) this.#own(this.#node, source)
    const from = this.#node.isLocal(source) ? this.#node : this.#pods.isLocal(source) ? this.#pods : /^(10\.|fd00:10:)/.test(source) ? this.#clients : this.#outside
    if (from !== this.#node) this.#own(from, source)
    if (from === this.#clients && !this.#known.has(source)) this.#node.routes.add({ destination: `${source}${this.#host}`, device: 'clients' })
    if (!this.#known.has(source)) this.#clock.runFor(3000)
    this.#known.add(source)
    const ends = new Set<string>()
    // every one of a few endpoints comes up within so many tries: the random source is seeded
    for (let i = 0; i < (ends.size === 1 ? 12 : 40); i++) {
      const connection = this.#open(from, protocol, source, destination, port)
      this.#clock.runFor(10)
      ends.add(outcome(connection.journey()!, source))
      connection.close()
      this.#clock.runFor(10)
    }
    const masqueraded = [...ends].every((e) => e.endsWith(' masqueraded'))
    const plain = [...ends].map((e) => (masqueraded ? e.replace(' masqueraded', '') : e)).sort()
    return plain.join(', ') + (masqueraded ? ' masqueraded' : '')
  }

  #open({ sockets }: NetworkNamespace, protocol: Flow['protocol'], source: string, address: string, port: number): { journey: () => Journey | undefined; close: () => void } {
    if (protocol === 'udp') {
      const socket = sockets.udp({})
      const journey = socket.send(new Uint8Array(1), address, port, { source })
      return { journey: () => journey, close: () => socket.close() }
    }
    const connection = (protocol === 'sctp' ? sockets.sctp : sockets).connect({ address, port, source }, {})
    return { journey: () => connection.journey, close: () => connection.abort() }
  }
}

function outcome({ verdict, reason, finalDestination, destination, destinationPort, sourceSeenByServer }: Journey, source: string): string {
  if (reason === 'drop-filter-rule') return 'DROP'
  if (reason === 'reject-filter-rule') return 'REJECT'
  if (verdict !== 'delivered' || finalDestination === joinHostPort(destination, destinationPort!)) return 'nothing'
  return `${finalDestination}${sourceSeenByServer === source ? '' : ' masqueraded'}`
}
