import type { Header, HopStage } from '../../journey/types.ts'
import { endpoint } from '../../journey/header.ts'
import type { Hook, IpPacket, Recorder, StackHost } from '../types.ts'
import type { Chain } from './chain.ts'
import type { Decision, Jump } from './evaluate.ts'
import { isSelective, ruleText } from './rule.ts'
import type { Rule, TableName } from './rule.ts'
import { commentOf, fits, markText } from './words.ts'

const NO_JUMPS: readonly Jump[] = []

/** Writes what netfilter decides into a packet's journey. */
export class RuleRecorder {
  readonly #host: StackHost
  readonly #table: TableName
  readonly #hook: Hook
  readonly #packet: IpPacket
  readonly #interface: string | undefined
  /** Taken early only where the decision changes addresses: of most tables nobody ever asks. */
  #before: Header | undefined
  #announced: readonly Jump[] = NO_JUMPS
  #mark: number

  constructor(host: StackHost, table: TableName, hook: Hook, packet: IpPacket, interfaceName: string | undefined) {
    this.#host = host
    this.#table = table
    this.#hook = hook
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
    const text = name === 'MARK' ? markText(this.#mark, mark, chain.name, commentOf(rule)) : `${name} is applied and the packet goes on.`
    this.#mark = mark
    this.#hop(this.#stage(), text, rule, chain, 'netfilter-mark')
  }

  get #header(): Header {
    return (this.#before ??= this.#recorder.header(this.#packet))
  }

  /** After translation, so that the hop can show the new addresses. */
  decided(decision: Decision): void {
    const { verdict, rule, chain, jumps } = decision
    if (verdict === 'accept') {
      if (!rule) return
      const translates = this.#table === 'nat' && rule.target !== undefined
      if (!translates && this.#table !== 'filter') return
      this.#announce(jumps)
      if (translates) this.#translated(rule, chain)
      else this.#hop('filter', `The rule accepts the packet in ${this.#hookName()}.`, rule, chain, 'filter-accept')
      return
    }
    this.#announce(jumps)
    const policy = `-P ${chain.name} DROP`
    const decidedBy = {
      kind: 'rule' as const, table: this.#table, chain: chain.name, text: rule ? ruleText(chain.name, rule) : policy,
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
    const what = rule.target!.name
    const source = what === 'SNAT' || what === 'MASQUERADE'
    const ends = source ? endpoint(after.source, after.sourcePort) : endpoint(after.destination, after.destinationPort)
    const text = source ? `The source address becomes ${ends}.` : `The destination becomes ${ends}.`
    const explanation = what === 'MASQUERADE' ? 'masquerade' : source ? 'snat' : 'dnat'
    this.#hop(source ? 'snat' : 'dnat', text, rule, chain, explanation, after)
  }

  /** Jumps on the way to a decision are worth telling only when it came to one, and only those that chose. */
  #announce(jumps: readonly Jump[]): void {
    for (const jump of jumps) {
      const { rule, chain } = jump
      if (!isSelective(rule) || this.#announced.includes(jump)) continue
      const why = commentOf(rule)
      this.#hop(this.#stage(), `${fits(rule)}${why === undefined ? '' : ` (${why})`}: on to chain ${rule.jump}.`, rule, chain, 'netfilter-jump')
    }
    this.#announced = jumps.length === 0 ? NO_JUMPS : [...jumps]
  }

  #hop(stage: HopStage, text: string, rule: Rule, chain: Chain, explanation: string, after?: Header): void {
    this.#recorder.hop(this.#host.namespace, this.#packet, {
      interface: this.#interface, stage, text,
      decidedBy: { kind: 'rule', table: this.#table, chain: chain.name, text: ruleText(chain.name, rule) },
      before: this.#header, ...(after && { after }), explanation,
    })
    if (after) this.#before = after
  }

  #stage(): HopStage {
    if (this.#table !== 'nat') return 'filter'
    return this.#hook === 'prerouting' || this.#hook === 'output' ? 'dnat' : 'snat'
  }

  #hookName(): string {
    return this.#hook.toUpperCase()
  }
}
