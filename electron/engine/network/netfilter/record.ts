import { endpoint } from '../../journey/header.ts'
import type { Header, HopStage } from '../../journey/types.ts'
import type { HopContent, Seen, Telling } from '../../journey/way.ts'
import type { Hook, IpPacket, Recorder, StackHost } from '../types.ts'
import type { Chain } from './chain.ts'
import type { Decision, Jump } from './evaluate.ts'
import { isSelective, ruleText } from './rule.ts'
import type { Rule, TableName } from './rule.ts'
import { commentOf, fits, markText } from './words.ts'

/** Where a rule stands; the chain is named beside it. */
interface Standing {
  readonly table: TableName
  readonly hook: Hook
  readonly stage: HopStage
}

const STANDINGS = new Map<TableName, Map<Hook, Standing>>()

function standing(table: TableName, hook: Hook): Standing {
  let hooks = STANDINGS.get(table)
  if (!hooks) STANDINGS.set(table, (hooks = new Map()))
  let known = hooks.get(hook)
  if (!known) {
    const stage = table !== 'nat' ? 'filter' : hook === 'prerouting' || hook === 'output' ? 'dnat' : 'snat'
    hooks.set(hook, (known = { table, hook, stage }))
  }
  return known
}

type Ruled = [rule: Rule, chain: string, standing: Standing]

function told({ interface: name, before, after }: Seen, stage: HopStage, text: string, [rule, chain, { table }]: Ruled, explanation: string): HopContent {
  return { interface: name, stage, text, decidedBy: { kind: 'rule', table, chain, text: ruleText(chain, rule) }, before, ...(after && { after }), explanation }
}

const jumped: Telling<Ruled> = (seen, ...by) => {
  const [rule, , { stage }] = by
  const why = commentOf(rule)
  return told(seen, stage, `${fits(rule)}${why === undefined ? '' : ` (${why})`}: on to chain ${rule.jump}.`, by, 'netfilter-jump')
}

const marked: Telling<[...Ruled, marks: readonly [before: number, after: number]]> = (seen, rule, chain, at, [before, after]) =>
  told(seen, at.stage, markText(before, after, chain, commentOf(rule)), [rule, chain, at], 'netfilter-mark')

const applied: Telling<Ruled> = (seen, ...by) => told(seen, by[2].stage, `${by[0].target!.name} is applied and the packet goes on.`, by, 'netfilter-mark')

const accepted: Telling<Ruled> = (seen, ...by) => told(seen, 'filter', `The rule accepts the packet in ${by[2].hook.toUpperCase()}.`, by, 'filter-accept')

const translatesSource = (what: string): boolean => what === 'SNAT' || what === 'MASQUERADE'

const translated: Telling<Ruled> = (seen, ...by) => {
  const what = by[0].target!.name
  const after = seen.after!
  if (!translatesSource(what)) return told(seen, 'dnat', `The destination becomes ${endpoint(after.destination, after.destinationPort)}.`, by, 'dnat')
  return told(seen, 'snat', `The source address becomes ${endpoint(after.source, after.sourcePort)}.`, by, what === 'MASQUERADE' ? 'masquerade' : 'snat')
}

/** Writes what netfilter decides into a packet's journey. */
export class RuleRecorder {
  readonly #host: StackHost
  readonly #standing: Standing
  readonly #packet: IpPacket
  readonly #interface: string | undefined
  /** Taken early only where the decision changes addresses: of most tables nobody ever asks. */
  #before: Header | undefined
  #mark: number

  constructor(host: StackHost, table: TableName, hook: Hook, packet: IpPacket, interfaceName: string | undefined) {
    this.#host = host
    this.#standing = standing(table, hook)
    this.#packet = packet
    this.#interface = interfaceName
    this.#before = table === 'nat' ? host.recorder.header(packet) : undefined
    this.#mark = packet.meta.mark
  }

  get #recorder(): Recorder {
    return this.#host.recorder
  }

  /** A rule that changed something and let the packet go on. */
  observe(rule: Rule, chain: Chain, jumps: readonly Jump[]): void {
    const name = rule.target!.name
    const { mark } = this.#packet.meta
    if (name === 'MARK' && mark === this.#mark) return
    this.#announce(jumps)
    if (name === 'MARK') this.#recorder.note(this.#host.namespace, this.#packet, this.#interface, this.#header, undefined, marked, rule, chain.name, this.#standing, [this.#mark, mark])
    else this.#note(applied, rule, chain)
    this.#mark = mark
  }

  get #header(): Header {
    return (this.#before ??= this.#recorder.header(this.#packet))
  }

  /** After translation, so that the hop can show the new addresses. */
  decided(decision: Decision): void {
    const { verdict, rule, chain, jumps } = decision
    if (verdict === 'accept') {
      if (!rule) return
      const translates = this.#standing.table === 'nat' && rule.target !== undefined
      if (!translates && this.#standing.table !== 'filter') return
      this.#announce(jumps)
      if (translates) this.#translated(rule, chain)
      else this.#note(accepted, rule, chain)
      return
    }
    this.#announce(jumps)
    const policy = `-P ${chain.name} DROP`
    const decidedBy = {
      kind: 'rule' as const, table: this.#standing.table, chain: chain.name, text: rule ? ruleText(chain.name, rule) : policy,
    }
    const common = { interface: this.#interface, decidedBy, before: this.#header }
    const { namespace } = this.#host
    if (verdict === 'stolen') {
      this.#recorder.fail(namespace, this.#packet, 'rejected', 'reject-filter-rule', {
        ...common, stage: 'reject', text: `A rule rejects the packet (${rule!.target!.list(true)}) and the sender is told.`, explanation: 'reject-filter-rule',
      })
    } else if (rule?.target) {
      this.#recorder.fail(namespace, this.#packet, 'dropped', 'drop-no-address', {
        ...common, stage: 'drop', text: `${rule.target.name} finds no address for the packet and drops it.`, explanation: 'drop-no-address',
      })
    } else {
      const reason = rule ? 'drop-filter-rule' : 'drop-filter-policy'
      const text = rule ? 'A rule drops the packet; the sender is told nothing.' : `No rule accepts the packet and the policy of ${chain.name} drops it.`
      this.#recorder.fail(namespace, this.#packet, 'dropped', reason, { ...common, stage: 'drop', text, explanation: reason })
    }
  }

  #translated(rule: Rule, chain: Chain): void {
    const after = this.#recorder.header(this.#packet)
    this.#note(translated, rule, chain, after)
    if (!translatesSource(rule.target!.name)) this.#recorder.destined(this.#packet, after)
    this.#before = after
  }

  /** Jumps on the way to a decision are worth telling only when it came to one, and only those that chose. */
  #announce(jumps: readonly Jump[]): void {
    for (const jump of jumps) {
      if (jump.told) continue
      jump.told = true
      if (isSelective(jump.rule)) this.#note(jumped, jump.rule, jump.chain)
    }
  }

  #note(telling: Telling<Ruled>, rule: Rule, chain: Chain, after?: Header): void {
    this.#recorder.note(this.#host.namespace, this.#packet, this.#interface, this.#header, after, telling, rule, chain.name, this.#standing)
  }
}
