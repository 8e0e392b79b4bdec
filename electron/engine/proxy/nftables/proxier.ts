import type { Agent, NodeContext } from '../../cni/types.ts'
import { nodeIps } from '../../config.ts'
import type { Node } from '../../kubernetes/types.ts'
import { isLoopbackIp } from '../../network/address.ts'
import type { NftTable } from '../../network/nftables/model.ts'
import { BoundedRunner } from '../bounded-runner.ts'
import { ServiceCache } from '../cache.ts'
import { NodePortAddresses } from '../node-port-addresses.ts'
import { DEFAULT_RULES, type RuleSettings } from '../rule-settings.ts'
import { cleanStaleEntries } from '../conntrack.ts'
import type { ProxyHealth } from '../health.ts'
import type { ProxyLog } from '../iptables/proxier.ts'
import { isAffinitySet, isServiceChain } from './names.ts'
import { portRules, type Container, type RuleOptions, type SharedElement } from './port-rules.ts'
import { setupLines } from './setup.ts'

const MIN_SYNC = 1000
const RETRY = 30_000
const BURST = 2

/** What is in the kernel for one Service. */
interface Written {
  elements: Map<string, SharedElement>
  chains: ReadonlySet<string>
  affinity: ReadonlySet<string>
}

/** kube-proxy in nftables mode on one node, for one family. Stopping it leaves its table as it is. */
export class NftablesProxier implements Agent {
  readonly #context: NodeContext
  readonly #log: ProxyLog
  readonly #health: ProxyHealth | undefined
  readonly #family: 4 | 6
  readonly #cache: ServiceCache
  readonly #runner: BoundedRunner
  readonly #stopNode: () => void
  #zone = ''
  #needFull = true
  /** Base chains of a kube-proxy that ran here before have been replaced. */
  #flushed = false
  #written = new Map<string, Written>()
  /** Chains that nothing leads to any more, and since when: the kernel lets go of them a moment later. */
  readonly #stale = new Map<string, number>()
  #retry: ReturnType<NodeContext['clock']['schedule']> | undefined
  readonly #settings: Omit<RuleSettings, 'localhostNodePorts'>
  #stopped = false
  /** Syncs so far, for tests and metrics. */
  syncs = 0

  constructor(context: NodeContext, log: ProxyLog = () => undefined, health?: ProxyHealth, family: 4 | 6 = 4, settings: Omit<RuleSettings, 'localhostNodePorts'> = DEFAULT_RULES) {
    this.#context = context
    this.#settings = settings
    this.#log = log
    this.#health = health
    this.#family = family
    const { client, clock, name } = context
    this.#runner = new BoundedRunner(clock, settings.minSync ?? MIN_SYNC, BURST, () => this.#sync())
    this.#cache = new ServiceCache(client, family, () => this.#queue())
    this.#stopNode = client.watch<Node>('nodes', { fieldSelector: `metadata.name=${name}` }, (event) => {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED') return
      if (event.object.metadata.name !== name) return
      health?.onNode(event.object)
      const zone = event.object.metadata.labels?.['topology.kubernetes.io/zone'] ?? ''
      if (zone === this.#zone) return
      this.#zone = zone
      this.#needFull = true
      this.#queue()
    })
    this.#queue()
  }

  stop(): void {
    this.#stopped = true
    this.#cache.stop()
    this.#stopNode()
    this.#runner.stop()
    this.#context.clock.cancel(this.#retry)
  }

  #queue(): void {
    if (this.#stopped) return
    this.#health?.queued(this.#family)
    this.#runner.queue()
  }

  get #options(): RuleOptions {
    const { config, name } = this.#context
    const named = this.#settings.nodePortAddresses
    const ports = named && new NodePortAddresses(this.#family, named)
    const ofFamily = (addresses: readonly string[]): string[] => addresses.filter((a) => a.includes(':') === (this.#family === 6))
    return {
      node: { name, zone: this.#zone, ip: ofFamily(config.nodes.filter((n) => n.name === name).flatMap(nodeIps))[0] ?? '' },
      clusterCIDR: ofFamily(this.#settings.clusterCIDR ?? config.podCIDR)[0], serviceCIDRs: ofFamily(config.serviceCIDR), masqueradeAll: this.#settings.masqueradeAll, family: this.#family,
      ...(ports ? { nodePortIps: ports.matchAll ? 'all' as const : ports.addressesOf(this.#context.network.links.values()).filter((ip) => !isLoopbackIp(ip)) } : {}),
    }
  }

  get #table(): string {
    return `${this.#family === 4 ? 'ip' : 'ip6'} kube-proxy`
  }

  get #inKernel(): NftTable | undefined {
    return this.#context.network.netfilter.nftables.tables.get(this.#table)
  }

  /** Throws what nft would print. */
  #run(lines: readonly string[]): void {
    this.#context.network.netfilter.nftables.apply(lines)
  }

  #sync(): void {
    const { clock, network } = this.#context
    const changed = this.#cache.takeChanged()
    const full = this.#needFull
    if (!full && changed.size === 0) return this.#health?.updated(this.#family, this.#cache, [])
    this.syncs++
    this.#deleteStale()
    const options = this.#options
    const lines = full ? setupLines(options, !this.#flushed) : []
    const before = full ? new Map<string, Written>() : this.#written
    const after = full ? before : new Map(before)
    const late: string[] = []
    for (const service of full ? [...this.#cache.services.keys()].sort() : [...changed].sort()) this.#write(service, before.get(service), after, options, lines, late)
    if (full) this.#flushUnknown(after, late)
    try {
      this.#run([...lines, ...late])
    } catch (error) {
      this.#log('E', 'proxier.go:1766', `"nftables sync failed" err="${(error as Error).message.trim().replaceAll('"', '\\"').replaceAll('\n', '\\n')}" ipFamily="IPv${this.#family}"`)
      this.#log('I', 'proxier.go:1191', `"Sync failed" ipFamily="IPv${this.#family}" retryingTime="30s"`)
      this.#stale.clear()
      this.#needFull = true
      if (!this.#stopped) {
        clock.cancel(this.#retry)
        this.#retry = clock.schedule(RETRY, () => this.#queue(), { background: true })
      }
      return
    }
    this.#flushed = true
    this.#needFull = false
    this.#written = after
    this.#health?.updated(this.#family, this.#cache, full ? undefined : changed)
    if (full || [...changed].some((s) => this.#cache.services.get(s)?.some((p) => p.protocol === 'udp'))) {
      const count = cleanStaleEntries(network.netfilter.conntrack, this.#cache, this.#family)
      this.#health?.removed(this.#family, count)
    }
  }

  /** The lines of one Service; `late` are those that take away what nothing uses any more. */
  #write(service: string, before: Written | undefined, after: Map<string, Written>, options: RuleOptions, lines: string[], late: string[]): void {
    const table = this.#table
    const chains = new Set<string>()
    const affinity = new Set<string>()
    const elements = new Map<string, SharedElement>()
    const bodies: string[] = []
    const wanted: SharedElement[] = []
    for (const port of this.#cache.services.get(service) ?? []) {
      const rules = portRules(port, this.#cache.endpointsOf(port), options)
      for (const [chain, texts] of rules.chains) {
        chains.add(chain)
        this.#stale.delete(chain)
        lines.push(`add chain ${table} ${chain}`, `flush chain ${table} ${chain}`)
        for (const text of texts) bodies.push(`add rule ${table} ${chain} ${text}`)
      }
      for (const [set, seconds] of rules.affinity) {
        affinity.add(set)
        lines.push(`add set ${table} ${set} { type ${this.#family === 4 ? 'ipv4_addr' : 'ipv6_addr'} ; flags dynamic,timeout ; timeout ${seconds}s ; }`)
      }
      wanted.push(...rules.elements)
    }
    for (const element of wanted) {
      const id = `${element.container} ${element.key}`
      const known = elements.get(id) ?? before?.elements.get(id)
      elements.set(id, element)
      if (known && known.value === element.value) continue
      if (known) lines.push(`delete element ${table} ${elementText(known)}`)
      lines.push(`add element ${table} ${elementText(element)}`)
    }
    lines.push(...bodies)
    for (const chain of before?.chains ?? []) if (!chains.has(chain)) this.#flushStale(chain, late)
    for (const set of before?.affinity ?? []) if (!affinity.has(set)) late.push(`delete set ${table} ${set}`)
    for (const [id, element] of before?.elements ?? []) {
      if (!elements.has(id) && !this.#usedByOther(id, service, after)) late.push(`delete element ${table} ${element.container} { ${element.key} }`)
    }
    if (elements.size === 0 && chains.size === 0) after.delete(service)
    else after.set(service, { elements, chains, affinity })
  }

  /** Two Services may have the same external address and port; only one of them is there then. */
  #usedByOther(id: string, service: string, after: ReadonlyMap<string, Written>): boolean {
    if (!id.startsWith('service-ips') && !id.startsWith('no-endpoint-services')) return false
    const address = id.split(' ')[1]!
    if (this.#written.get(service)?.elements.has(`cluster-ips ${address}`)) return false
    for (const [name, { elements }] of after) if (name !== service && elements.has(id)) return true
    return false
  }

  #flushStale(chain: string, late: string[]): void {
    late.push(`flush chain ${this.#table} ${chain}`)
    this.#stale.set(chain, this.#context.clock.now)
  }

  /** After a start: what the kube-proxy before has left. */
  #flushUnknown(after: ReadonlyMap<string, Written>, late: string[]): void {
    const inKernel = this.#inKernel
    if (!inKernel) return
    const chains = new Set<string>()
    const sets = new Set<string>()
    for (const written of after.values()) {
      for (const chain of written.chains) chains.add(chain)
      for (const set of written.affinity) sets.add(set)
    }
    for (const chain of inKernel.chains.keys()) if (isServiceChain(chain) && !chains.has(chain)) this.#flushStale(chain, late)
    for (const set of inKernel.sets.keys()) if (isAffinitySet(set) && !sets.has(set)) late.push(`delete set ${this.#table} ${set}`)
  }

  #deleteStale(): void {
    const old = this.#context.clock.now - 1000
    const gone = [...this.#stale].filter(([, since]) => since < old).map(([chain]) => chain)
    if (gone.length === 0) return
    for (const chain of gone) this.#stale.delete(chain)
    this.#log('I', 'proxier.go:1206', `"Deleting stale nftables chains" ipFamily="IPv${this.#family}" numChains=${gone.length}`)
    try {
      this.#run(gone.map((chain) => `delete chain ${this.#table} ${chain}`))
    } catch (error) {
      this.#log('E', 'proxier.go:1213', `"Unable to delete stale chains; will retry later" err="${(error as Error).message.trim().replaceAll('\n', '\\n')}" ipFamily="IPv${this.#family}"`)
    }
  }
}

function elementText({ container, key, value, comment }: SharedElement): string {
  return `${container} { ${key}${comment === undefined ? '' : ` comment "${comment}"`}${value === '' ? '' : ` : ${value}`} }`
}

export type { Container }
