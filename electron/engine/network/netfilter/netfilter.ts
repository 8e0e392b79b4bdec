import type { Clock } from '../../clock.ts'
import type { Random } from '../../random.ts'
import { SparseMap } from '../../sparse.ts'
import { ipLength } from '../packets.ts'
import type { DeferredWork, Hook, HookVerdict, IpPacket, Link, Netfilter, NetworkNamespace, StackHost } from '../types.ts'
import { applyCommand, IncompatibleChain, MissingTable } from './apply.ts'
import type { TrackedConnection } from './conntrack/connection.ts'
import { formatConntrack } from './conntrack/format.ts'
import { Nat } from './conntrack/nat.ts'
import { tellRemembered } from './conntrack/remembered.ts'
import { ConnectionTracker } from './conntrack/tracker.ts'
import { commandFailure, NotSimulated, toolOf, UsageError, VERSION } from './errors.ts'
import { traverse } from './evaluate.ts'
import { traverseTraced, tracesPackets } from './evaluate-traced.ts'
import type { Decision } from './evaluate.ts'
import { IpSets } from '../ipset/sets.ts'
import { Ipvs, IPVS_SYSCTLS } from '../ipvs/ipvs.ts'
import { IpvsPath } from '../ipvs/path.ts'
import { NftPlan, runChain } from '../nftables/hooks.ts'
import type { NftChain } from '../nftables/model.ts'
import { Nftables } from '../nftables/nftables.ts'
import { DeferredRules } from './deferred-rules.ts'
import { RecentLists } from './matches/recent.ts'
import { RuleRecorder } from './record.ts'
import { needsTracking, setReferences } from './requirements.ts'
import { restore } from './restore.ts'
import type { RestoreHost, RestoreOptions } from './restore.ts'
import { Evaluation } from './rule.ts'
import type { RuleHost, TableName } from './rule.ts'
import { saveTable } from './save.ts'
import { Table, TABLES } from './table.ts'
import { ChainTrace, PacketTracing } from './tracing.ts'

/** What runs at each hook, in the kernel's order of priorities (include/uapi/linux/netfilter_ipv4.h). */
type Step = TableName | 'track' | 'confirm' | 'ipvs-reply' | 'ipvs'
const STEPS: Readonly<Record<Hook, readonly Step[]>> = {
  prerouting: ['raw', 'track', 'mangle', 'nat'],
  input: ['mangle', 'filter', 'security', 'ipvs-reply', 'ipvs', 'nat', 'confirm'],
  forward: ['mangle', 'filter', 'security', 'ipvs-reply'],
  output: ['raw', 'track', 'mangle', 'nat', 'ipvs-reply', 'ipvs', 'filter', 'security'],
  postrouting: ['mangle', 'nat', 'confirm'],
}

/** The built-in chain of each hook. */
const CHAINS: Readonly<Record<Hook, string>> = {
  prerouting: 'PREROUTING', input: 'INPUT', forward: 'FORWARD', output: 'OUTPUT', postrouting: 'POSTROUTING',
}

const ONLY_NAT = ['nat'] as const

type Met = Readonly<Record<TableName, Table | undefined>>
const NO_TABLES: Met = { raw: undefined, mangle: undefined, nat: undefined, filter: undefined, security: undefined }

/** What rules decided about a connection's translation. It is told when the packet was changed, so that its journey can show the new addresses. */
interface Translation {
  readonly verdict: HookVerdict
  readonly translates: boolean
  readonly rules?: readonly [Decision, RuleRecorder | undefined]
  readonly tell?: () => void
}

function tell({ rules, tell }: Translation): void {
  if (rules) rules[1]?.decided(rules[0])
  else tell?.()
}

/** Tables of one family, connection tracking and NAT of one network namespace: iptables, or ip6tables beside it. */
export class NetfilterTables implements Netfilter, RuleHost {
  readonly family: 4 | 6
  readonly stack: StackHost
  readonly namespace: NetworkNamespace
  readonly clock: Clock
  readonly random: Random
  readonly recent: RecentLists
  readonly conntrack: ConnectionTracker
  readonly nat: Nat
  readonly rejections: (() => void)[] = []
  readonly tracing: PacketTracing
  /** Made when somebody asks; both families have the same ones. */
  #sets: IpSets | undefined
  readonly #beside: NetfilterTables | undefined
  #usesSets = false
  #ipvs: { tables: Ipvs; path: IpvsPath } | undefined
  /** Made when somebody asks; for both families. */
  #nftables: Nftables | undefined
  /** Where its base chains stand among the steps; none as long as there is no such chain. */
  #plan: NftPlan<Step> | undefined
  /** Those that somebody has asked for; most Pods' namespaces have none. */
  readonly #tables = new SparseMap<TableName, Table>()
  /** The same ones, as packets meet them. */
  #met: Met = NO_TABLES
  #generation = 0
  #deferred: DeferredRules | undefined
  /** Tracking begins with the first rule that needs it, as the kernel registers its hooks then. */
  #tracking = false

  /** `beside`: the tables of IPv4, for those of IPv6, which have connections, NAT and sets in common with them. */
  constructor(host: StackHost, beside?: Netfilter) {
    const v4 = beside as NetfilterTables | undefined
    this.family = v4 ? 6 : 4
    this.#beside = v4
    this.stack = host
    this.namespace = host.namespace
    this.clock = host.clock
    this.random = host.clock.random.fork(`netfilter${v4 ? 6 : ''}${host.namespace.name}`)
    this.recent = new RecentLists(host.clock)
    this.tracing = v4?.tracing ?? new PacketTracing((of) => this.clock.random.fork(`trace${this.namespace.name}${of}`).below(0x1_0000_0000))
    this.conntrack = v4?.conntrack ?? new ConnectionTracker(host.namespace, host.clock)
    this.nat = v4?.nat ?? new Nat(this.conntrack, host.clock.random.fork(`nat${host.namespace.name}`))
  }

  get generation(): number {
    return this.#generation
  }

  get sets(): IpSets {
    return this.#beside?.sets ?? (this.#sets ??= new IpSets(this.clock, () => this.clock.random.fork(`ipset${this.namespace.name}`)))
  }

  /** Loaded, as the kernel's module, when somebody asks for it; for both families. */
  get ipvs(): Ipvs {
    if (this.#beside) return this.#beside.ipvs
    if (!this.#ipvs) {
      const tables = new Ipvs(this.clock)
      this.stack.addSysctls?.(IPVS_SYSCTLS)
      this.#ipvs = { tables, path: new IpvsPath(tables, this.stack) }
    }
    return this.#ipvs.tables
  }

  get nftables(): Nftables {
    if (this.#beside) return this.#beside.nftables
    return (this.#nftables ??= new Nftables(this.clock, () => this.#generation++))
  }

  get hasNftables(): boolean {
    return (this.#beside ?? this).#nftables !== undefined
  }

  get hasIpvs(): boolean {
    return (this.#beside ?? this).#ipvs !== undefined
  }

  /** Rules that name a set keep it from being destroyed. */
  #hasSet(name: string): boolean {
    if (!this.#usesSets) {
      this.#usesSets = true
      this.sets.addUser(() => setReferences(this.#tables.values()))
    }
    return this.sets.has(name)
  }

  get pristine(): boolean {
    return this.#generation === 0
  }

  defer(owner: object, work: DeferredWork): void {
    this.#deferred ??= new DeferredRules((name) => this.#tables.get(name), (packet) => this.conntrack.isEstablished(packet))
    this.#deferred.set(owner, work)
  }

  #settle(): void {
    const deferred = this.#deferred
    this.#deferred = undefined
    deferred?.settle()
  }

  /** Who traces packets is told the numbers of rules. */
  #mattersTo(packet: IpPacket): boolean {
    return this.#tables.get('raw')?.exists === true || this.hasNftables || this.#deferred!.concern(packet)
  }

  // ---- packets -------------------------------------------------------------------------------------------------

  run(hook: Hook, packet: IpPacket, inInterface: Link | undefined, outInterface: Link | undefined): HookVerdict {
    if (this.#deferred && this.#mattersTo(packet)) this.#settle()
    for (const step of (this.#beside ?? this).#nftables ? this.#planned(hook) : STEPS[hook]) {
      let verdict: HookVerdict = 'accept'
      if (typeof step === 'object') verdict = this.#chain(step, hook, packet, inInterface, outInterface)
      else if (step === 'track') verdict = this.#track(packet, hook)
      else if (step === 'confirm') verdict = this.#confirm(packet)
      else if (step === 'nat') verdict = this.#translate(hook, packet, inInterface, outInterface)
      else if (step === 'ipvs-reply') verdict = (this.#beside ?? this).#ipvs?.path.reply(packet, hook) ?? 'accept'
      else if (step === 'ipvs') {
        const { destination } = packet
        verdict = (this.#beside ?? this).#ipvs?.path.request(packet, hook as 'input' | 'output') ?? 'accept'
        // The rules behind it see where it goes now.
        if (outInterface && packet.destination !== destination) outInterface = this.namespace.links.get(this.namespace.routes.lookup(packet.destination)?.device ?? '') ?? outInterface
      }
      else verdict = this.#table(step, hook, packet, inInterface, outInterface)
      if (verdict !== 'accept') return verdict
    }
    return 'accept'
  }

  #planned(hook: Hook): readonly (Step | NftChain)[] {
    this.#plan ??= new NftPlan(this.nftables, this.family, STEPS)
    return this.#plan.at(hook)
  }

  #chain(chain: NftChain, hook: Hook, packet: IpPacket, inLink: Link | undefined, outLink: Link | undefined): HookVerdict {
    const [decision, record] = runChain(this, chain, hook, packet, inLink, outLink)
    record?.decided(decision)
    if (this.rejections.length > 0) this.#reject()
    return decision.verdict
  }

  #reject(): void {
    for (const send of this.rejections.splice(0)) send()
  }

  #table(name: TableName, hook: Hook, packet: IpPacket, inLink: Link | undefined, outLink: Link | undefined): HookVerdict {
    const recorder = this.#evaluate(name, hook, packet, inLink, outLink)
    if (!recorder) return 'accept'
    const [decision, record] = recorder
    record?.decided(decision)
    if (this.rejections.length > 0) this.#reject()
    return decision.verdict
  }

  #evaluate(
    name: TableName, hook: Hook, packet: IpPacket, inLink: Link | undefined, outLink: Link | undefined,
  ): [Decision, RuleRecorder | undefined] | undefined {
    const table = this.#met[name]
    if (!table?.exists || packet.version !== this.family) return undefined
    const chain = table.chains.get(CHAINS[hook])!
    if (chain.isEmpty && chain.policy === 'ACCEPT') {
      chain.packets++
      chain.bytes += ipLength(packet)
      return undefined
    }
    const record = this.stack.recorder.recording(packet)
      ? new RuleRecorder(this.stack, name, hook, packet, (outLink ?? inLink)?.name)
      : undefined
    const evaluation = new Evaluation(this, name, hook, packet, inLink, outLink)
    const decision = this.tracing.isHeard && (packet.meta.trace !== undefined || tracesPackets(table))
      ? traverseTraced(table, chain, evaluation, record, new ChainTrace(this.tracing, { packet, inLink, outLink, tool: 'iptables', family: this.family === 4 ? 'ip' : 'ip6', table: name }))
      : traverse(table, chain, evaluation, record)
    if (!record && decision.verdict !== 'accept' && packet.meta.trail) {
      // A failure is always told, even of packets whose way nobody records.
      return [decision, new RuleRecorder(this.stack, name, hook, packet, (outLink ?? inLink)?.name)]
    }
    return [decision, record]
  }

  #track(packet: IpPacket, hook: Hook): HookVerdict {
    if (!this.#tracking && !(this.#beside ?? this).#nftables?.tracking) return 'accept'
    if (this.conntrack.track(packet) === 'accept') return 'accept'
    const { recorder } = this.stack
    this.namespace.printk?.('nf_conntrack: nf_conntrack: table full, dropping packet', { limited: true })
    recorder.fail(this.namespace, packet, 'dropped', 'drop-conntrack-full', {
      stage: 'drop', text: `nf_conntrack: table full, dropping packet (in ${hook.toUpperCase()}).`,
      decidedBy: { kind: 'conntrack', text: `net.netfilter.nf_conntrack_max = ${this.namespace.sysctl('net.netfilter.nf_conntrack_max')}` },
      before: recorder.header(packet), explanation: 'drop-conntrack-full',
    })
    return 'drop'
  }

  #confirm(packet: IpPacket): HookVerdict {
    if (packet.meta.connection === undefined || this.conntrack.confirm(packet)) return 'accept'
    const { recorder } = this.stack
    recorder.fail(this.namespace, packet, 'dropped', 'drop-conntrack-clash', {
      stage: 'drop', text: 'Another connection has the same addresses and ports; its answers could not be told apart.',
      decidedBy: { kind: 'conntrack', text: formatConntrack(packet.meta.connection as TrackedConnection, this.clock.now) },
      before: recorder.header(packet), explanation: 'drop-conntrack-clash',
    })
    return 'drop'
  }

  #translate(hook: Hook, packet: IpPacket, inLink: Link | undefined, outLink: Link | undefined): HookVerdict {
    const connection = packet.meta.connection as TrackedConnection | undefined
    if (!connection) return 'accept'
    const what = hook === 'prerouting' || hook === 'output' ? 'destination' : 'source'
    let decided: Translation | undefined
    if (packet.meta.state === 'NEW' && !this.nat.isDecided(connection, what)) {
      for (const step of this.#natSteps(hook)) {
        decided = this.#decide(step, hook, packet, inLink, outLink)
        if (decided && decided.verdict !== 'accept') {
          tell(decided)
          if (this.rejections.length > 0) this.#reject()
          return decided.verdict
        }
        if (this.nat.isDecided(connection, what)) break
      }
      this.nat.bindNothing(packet, what)
    }
    const before = this.stack.recorder.recording(packet) ? this.stack.recorder.header(packet) : undefined
    const changed = this.nat.translate(packet, hook)
    if (decided) tell(decided)
    // Told when no rule told it: what is remembered of the connection did it.
    if (changed && before && !decided?.translates) tellRemembered(this.stack.recorder, this.namespace, packet, what, connection, before)
    return 'accept'
  }

  #natSteps(hook: Hook): readonly ('nat' | NftChain)[] {
    return this.#plan?.nat(hook) ?? ONLY_NAT
  }

  #decide(
    step: 'nat' | NftChain, hook: Hook, packet: IpPacket, inLink: Link | undefined, outLink: Link | undefined,
  ): Translation | undefined {
    if (step === 'nat') {
      const found = this.#evaluate('nat', hook, packet, inLink, outLink)
      if (!found) return undefined
      const [decision] = found
      return { verdict: decision.verdict, translates: decision.rule?.target !== undefined, rules: found }
    }
    const [decision, record] = runChain(this, step, hook, packet, inLink, outLink)
    const translates = decision.step?.rule.body.statements.some((s) => s.changes && s.changes !== 'mark') ?? false
    return { verdict: decision.verdict, translates, tell: () => record?.decided(decision) }
  }

  // ---- rules ---------------------------------------------------------------------------------------------------

  readonly #restoreHost: RestoreHost = {
    family: () => this.family,
    table: (name) => this.table(name),
    commit: (table) => this.#commit(table),
    hasSet: (name) => this.#hasSet(name),
  }

  #commit(table: Table): void {
    this.#set(table)
    this.#generation++
    if (!this.#tracking) this.#tracking = (table.name === 'nat' && table.exists) || needsTracking(table)
  }

  /** The table itself, for whoever explains rules or tests them. */
  table(name: TableName): Table {
    if (this.#deferred) this.#settle()
    return this.#peek(name)
  }

  #peek(name: TableName): Table {
    let table = this.#tables.get(name)
    if (!table) this.#set((table = new Table(name)))
    return table
  }

  #set(table: Table): void {
    this.#tables.set(table.name, table)
    this.#met = { ...this.#met, [table.name]: table }
  }

  restore(text: Parameters<Netfilter['restore']>[0], options: RestoreOptions = {}): void {
    if (this.#deferred) this.#settle()
    restore(text, this.#restoreHost, options)
  }

  save(table?: string, options: { counters?: boolean } = {}): string {
    if (table !== undefined && !TABLES.includes(table as TableName)) throw new UsageError(`Table \`${table}' does not exist`)
    if (this.#deferred) this.#settle()
    let out = ''
    for (const name of TABLES) {
      const t = this.#tables.get(name)
      if (t?.exists && (table === undefined || table === name)) out += saveTable(t, options.counters ?? false)
    }
    return out
  }

  /** For commands that change nothing. */
  #lookedAt(name: TableName, checked: string | undefined): Table {
    return checked !== undefined && !this.#deferred?.isTheirs(checked) ? this.#peek(name) : this.table(name)
  }

  command(args: readonly string[], nameOf?: (address: string) => string | undefined): { code: number; stdout: string; stderr: string } {
    let stdout = ''
    let stderr = ''
    let changed: Table | undefined
    try {
      applyCommand(args, {
        family: this.family, inRestore: false, line: 0, tableName: 'filter', hasSet: (name) => this.#hasSet(name),
        table: (name, changes, checked) => (changes ? (changed = this.table(name).fork()) : this.#lookedAt(name, checked)),
        print: (text) => (stdout += text), warn: (text) => (stderr += text), nameOf,
      })
      if (changed) {
        const missing = changed.missingTarget()
        if (missing !== undefined) {
          stdout = ''
          throw new UsageError(`Chain '${missing}' does not exist`)
        }
        changed.validate(() => {})
        this.#commit(changed)
      }
      return { code: 0, stdout, stderr }
    } catch (error) {
      if (error instanceof NotSimulated) return { code: 69, stdout, stderr: `podhop: not simulated: ${error.message} (use a rule without it)\n` }
      if (error instanceof IncompatibleChain) return { code: 1, stdout, stderr: error.message }
      if (error instanceof MissingTable) {
        const text = `${toolOf(this.family)} ${VERSION}: table '${error.message}' does not exist\nPerhaps iptables or your kernel needs to be upgraded.\n`
        return { code: 3, stdout, stderr: text }
      }
      const failure = commandFailure(error, toolOf(this.family))
      return { code: failure.code, stdout, stderr: stderr + failure.text }
    }
  }
}
