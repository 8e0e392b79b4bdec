import type { Agent, NodeContext } from '../../cni/types.ts'
import { nodeIps } from '../../config.ts'
import type { Node } from '../../kubernetes/types.ts'
import type { CountedRules, Netfilter } from '../../network/types.ts'
import { BoundedRunner } from '../bounded-runner.ts'
import { ServiceCache } from '../cache.ts'
import type { Version } from '../shared-services.ts'
import { NodePortAddresses } from '../node-port-addresses.ts'
import { DEFAULT_RULES, type RuleSettings } from '../rule-settings.ts'
import type { ProxyHealth } from '../health.ts'
import { cleanStaleEntries } from '../conntrack.ts'
import { CANARY_TABLES, ensureCanary, ensureJumps, hasChain } from './jumps.ts'
import { isServiceChain } from './names.ts'
import { PortRuleMaker } from './port-rules.ts'
import { buildRules, LARGE_CLUSTER } from './rules.ts'

/** kube-proxy in iptables mode on one node, for one family. Stopping it leaves every rule as it is. */
const CANARY = 'KUBE-PROXY-CANARY'
const MIN_SYNC = 1000
const SYNC = 30_000
const FULL_SYNC = 3_600_000
const BURST = 2

/** What every sync writes anew, and packets fit that are for no Service. */
const COUNTED: readonly CountedRules[] = [
  { table: 'filter', chain: 'KUBE-FORWARD' },
  { table: 'filter', chain: 'KUBE-FIREWALL' },
  { table: 'nat', chain: 'KUBE-POSTROUTING' },
  { table: 'nat', chain: 'KUBE-MARK-MASQ' },
  { table: 'nat', chain: 'KUBE-SERVICES', jump: 'KUBE-NODEPORTS' },
]

/** source is "file.go:line", as klog prints it. */
export type ProxyLog = (severity: 'I' | 'E', source: string, message: string) => void

/** From one version of the Services to another; `full`: everything is written, whatever changed. */
interface Sync { full: boolean; from: Version; to: Version; cleans: boolean; large: boolean }

export class IptablesProxier implements Agent {
  readonly #context: NodeContext
  readonly #log: ProxyLog
  readonly #health: ProxyHealth | undefined
  readonly #family: 4 | 6
  readonly #cache: ServiceCache
  readonly #maker = new PortRuleMaker()
  readonly #stopNode: () => void
  #zone = ''
  #needFull = true
  #lastFull = -Infinity
  #lastCleanup = -Infinity
  /** Chains of Services and endpoints that are in the kernel. */
  #chains = new Set<string>()
  readonly #runner: BoundedRunner
  #retry: ReturnType<NodeContext['clock']['schedule']> | undefined
  #monitor: ReturnType<NodeContext['clock']['schedule']> | undefined
  #generation = -1
  /** The kernel's generation after the last write of its own. */
  #written = -1
  /** Syncs whose rules are written when somebody looks. */
  #deferred: Sync[] = []
  readonly #settings: RuleSettings
  #stopped = false
  /** Syncs so far, for tests and metrics. */
  syncs = 0

  constructor(context: NodeContext, log: ProxyLog = () => undefined, health?: ProxyHealth, family: 4 | 6 = 4, settings: RuleSettings = DEFAULT_RULES) {
    this.#context = context
    this.#settings = settings
    this.#log = log
    this.#health = health
    this.#family = family
    const { client, clock, network, name } = context
    if (family === 4 && settings.localhostNodePorts) network.setSysctl('net.ipv4.conf.all.route_localnet', '1')
    this.#runner = new BoundedRunner(clock, settings.minSync ?? MIN_SYNC, BURST, () => this.#sync())
    this.#cache = new ServiceCache(client, family, () => this.#queue())
    this.#stopNode = client.watch<Node>('nodes', { fieldSelector: `metadata.name=${name}` }, (event) => {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED') return
      if (event.object.metadata.name === name) health?.onNode(event.object)
      const zone = event.object.metadata.labels?.['topology.kubernetes.io/zone'] ?? ''
      if (event.object.metadata.name !== name || zone === this.#zone) return
      this.#zone = zone
      this.#needFull = true
      this.#queue()
    })
    this.#queue()
    this.#watchRules()
  }

  get #netfilter(): Netfilter {
    const { network } = this.#context
    return this.#family === 4 ? network.netfilter : network.netfilter6
  }

  stop(): void {
    this.#stopped = true
    if (this.#deferred.length > 0) this.#writeDeferred()
    this.#cache.stop()
    this.#stopNode()
    this.#runner.stop()
    this.#context.clock.cancel(this.#retry)
    this.#context.clock.cancel(this.#monitor)
  }

  #queue(): void {
    if (this.#stopped) return
    this.#health?.queued(this.#family)
    this.#runner.queue()
  }

  /** Every 30 s it looks whether somebody has flushed the tables: then its canary chains are gone (iptables.Monitor). */
  #watchRules(): void {
    const { clock } = this.#context
    this.#monitor = clock.schedule(SYNC, () => {
      const netfilter = this.#netfilter
      if (!netfilter.pristine && netfilter.generation !== this.#generation) {
        this.#generation = netfilter.generation
        if (CANARY_TABLES.some((table) => !hasChain(netfilter, table, CANARY))) {
          this.#needFull = true
          this.#queue()
        }
      }
      if (clock.now - this.#lastFull > FULL_SYNC) this.#queue()
      this.#watchRules()
    }, { background: true })
  }

  #sync(): void {
    const { clock } = this.#context
    const full = this.#needFull || clock.now - this.#lastFull > FULL_SYNC
    const from = this.#cache.version
    const changed = this.#cache.takeChanged()
    // Slices came and went, and their endpoints are what they were.
    if (!full && changed.size === 0) return this.#health?.updated(this.#family, this.#cache, [])
    this.syncs++
    const large = this.#cache.totalEndpoints > LARGE_CLUSTER
    // In large clusters chains that nobody uses any more wait for the next clean-up.
    const cleans = !large || clock.now - this.#lastCleanup > SYNC
    const sync: Sync = { full, from, to: this.#cache.version, cleans, large }
    if (this.#netfilter.pristine || (!full && this.#netfilter.generation === this.#written)) this.#defer(sync)
    else if (!this.#write([sync])) return
    if (cleans) this.#lastCleanup = clock.now
    this.#needFull = false
    this.#health?.updated(this.#family, this.#cache, full ? undefined : changed)
    if (full) this.#lastFull = clock.now
    const { conntrack } = this.#netfilter
    if (conntrack.list().length > 0 && this.#udpChanged(changed, full)) {
      const count = cleanStaleEntries(conntrack, this.#cache, this.#family)
      this.#health?.removed(this.#family, count)
    }
  }

  /**
   * Nobody but this proxier has written since its last sync, so nothing can go wrong: the rules of nodes that nobody
   * looks at are not made. A clean-up leaves just what the newest state asks for, whatever was before; but rules that
   * were written in a large cluster have no comments, until something about them changes.
   */
  #defer(sync: Sync): void {
    const other = sync.cleans ? this.#deferred.findLastIndex((s) => s.large !== sync.large) + 1 : this.#deferred.length
    const [first = sync] = this.#deferred.splice(other)
    const all = first.full || sync.full
    this.#deferred.push({ ...sync, full: all, from: first.from })
    this.#cache.keep(this.#deferred[0]!.full ? this.#deferred[0]!.to : this.#deferred[0]!.from)
    this.#written = this.#netfilter.generation
    const { pristine } = this.#netfilter
    this.#netfilter.defer(this, {
      work: () => this.#writeDeferred(),
      isTheirs: (chain) => pristine || (chain.startsWith('KUBE-') && chain !== CANARY),
      concerns: (packet, isEstablished) => pristine || this.#cache.concerns(packet, () => isEstablished(packet)),
      counted: COUNTED,
    })
  }

  #writeDeferred(): void {
    const syncs = this.#deferred
    this.#deferred = []
    this.#cache.keep(undefined)
    this.#write(syncs)
  }

  /** Gives the kernel the rules of one sync after the other; false: they could not be written, and will be tried again. */
  #write(syncs: readonly Sync[]): boolean {
    try {
      for (const sync of syncs) this.#restore(sync)
      this.#written = this.#netfilter.generation
      return true
    } catch (error) {
      const ipFamily = `ipFamily="IPv${this.#family}"`
      const { clock } = this.#context
      this.#log('E', 'proxier.go:1565', `"Failed to execute iptables-restore" err="${(error as Error).message.trim().replaceAll('\n', '\\n')}" ${ipFamily}`)
      this.#log('I', 'proxier.go:826', `"Sync failed" ${ipFamily} retryingTime="30s"`)
      this.#needFull = true
      clock.cancel(this.#retry)
      if (!this.#stopped) this.#retry = clock.schedule(SYNC, () => this.#runner.queue(), { background: true })
      return false
    }
  }

  #restore({ full, from, to, cleans }: Sync): void {
    const { name, config } = this.#context
    const netfilter = this.#netfilter
    const ofFamily = (addresses: readonly string[]): string | undefined => addresses.find((a) => a.includes(':') === (this.#family === 6))
    if (full) {
      ensureCanary(netfilter, CANARY)
      ensureJumps(netfilter)
      this.#chains = new Set([...netfilter.save('nat').matchAll(/^:(\S+)/gm)].map((m) => m[1]!).filter(isServiceChain))
    }
    const previous = this.#chains
    const ports = new NodePortAddresses(this.#family, this.#settings.nodePortAddresses ?? [])
    const { lines, active } = buildRules(
      this.#cache.at(to),
      {
        node: { name, zone: this.#zone, ip: ofFamily(config.nodes.filter((n) => n.name === name).flatMap(nodeIps)) ?? '' },
        masqueradeAll: this.#settings.masqueradeAll, localhostNodePorts: this.#settings.localhostNodePorts,
        clusterCIDR: ofFamily(this.#settings.clusterCIDR ?? config.podCIDR),
        ...(this.#settings.podInterface === undefined ? {} : { podInterface: this.#settings.podInterface }),
        ...(ports.matchAll ? {} : { nodePortIps: ports.addressesOf(this.#context.network.links.values()) }),
        ipv6: this.#family === 6,
      },
      this.#maker,
      full ? undefined : this.#cache.changedBetween(from, to),
      (now) => (cleans ? [...previous].filter((chain) => !now.has(chain)) : []),
    )
    netfilter.restore(lines, { noflush: true, counters: true })
    if (cleans) this.#chains = active
    else for (const chain of active) previous.add(chain)
  }

  #udpChanged(changed: ReadonlySet<string>, full: boolean): boolean {
    if (full) return true
    for (const service of changed) if (this.#cache.services.get(service)?.some((p) => p.protocol === 'udp')) return true
    return false
  }
}
