import { endpoint } from '../../journey/header.ts'
import type { Header, Hop, HopStage } from '../../journey/types.ts'
import { markText } from '../netfilter/words.ts'
import type { Hook, IpPacket, StackHost } from '../types.ts'
import type { Decision, Step } from './evaluate.ts'
import { printRule } from './list.ts'
import type { NftChain } from './model.ts'
import { printElement } from './print-elements.ts'

/** Writes what nftables decides into a packet's journey. */
export class NftRecorder {
  readonly #host: StackHost
  readonly #base: NftChain
  readonly #hook: Hook
  readonly #packet: IpPacket
  readonly #interface: string | undefined
  readonly #now: number
  #before: Header
  #announced: readonly Step[] = []
  #mark: number

  constructor(host: StackHost, base: NftChain, hook: Hook, packet: IpPacket, interfaceName: string | undefined) {
    this.#host = host
    this.#base = base
    this.#hook = hook
    this.#packet = packet
    this.#interface = interfaceName
    this.#now = host.clock.now
    this.#before = host.recorder.header(packet)
    this.#mark = packet.meta.mark
  }

  /** A rule that changed something and let the packet go on. */
  readonly observe = (step: Step, jumps: readonly Step[]): void => {
    if (!step.rule.body.statements.some((s) => s.changes === 'mark')) return
    this.#announce(jumps)
    const { mark } = this.#packet.meta
    this.#hop(this.#stage(), markText(this.#mark, mark, step.chain.name, step.rule.body.comment), step, 'netfilter-mark')
    this.#mark = mark
  }

  /** After translation, so that the hop can show the new addresses. */
  decided({ verdict, step, chain, jumps }: Decision): void {
    const changes = step?.rule.body.statements.find((s) => s.changes && s.changes !== 'mark')?.changes
    if (verdict === 'accept') {
      if (!step) return
      if (changes && this.#base.base!.type === 'nat') {
        this.#announce(jumps)
        return this.#translated(step, changes)
      }
      if (this.#base.base!.type !== 'filter') return
      this.#announce(jumps)
      return this.#hop('filter', `The rule accepts the packet in ${this.#hook.toUpperCase()}.`, step, 'filter-accept')
    }
    this.#announce(jumps)
    const { recorder, namespace } = this.#host
    const decidedBy = step ? this.#decidedBy(step) : this.#row(chain, `chain ${chain.name} { policy drop; }`)
    const common = { interface: this.#interface, decidedBy, before: this.#before }
    if (verdict === 'stolen') {
      const how = printRule(step!.rule, {}).replace(/^.*\breject/, 'reject').replace(/ comment ".*"$/, '')
      recorder.fail(namespace, this.#packet, 'rejected', 'reject-filter-rule', { ...common, stage: 'reject', text: `A rule rejects the packet (${how}) and the sender is told.`, explanation: 'reject-filter-rule' })
    } else if (changes) {
      recorder.fail(namespace, this.#packet, 'dropped', 'drop-no-address', { ...common, stage: 'drop', text: `${changes} finds no address for the packet and drops it.`, explanation: 'drop-no-address' })
    } else {
      const reason = step ? 'drop-filter-rule' : 'drop-filter-policy'
      const text = step ? 'A rule drops the packet; the sender is told nothing.' : `No rule accepts the packet and the policy of ${chain.name} drops it.`
      recorder.fail(namespace, this.#packet, 'dropped', reason, { ...common, stage: 'drop', text, explanation: reason })
    }
  }

  #translated(step: Step, changes: string): void {
    const after = this.#host.recorder.header(this.#packet)
    const source = changes === 'snat' || changes === 'masquerade'
    const ends = source ? endpoint(after.source, after.sourcePort) : endpoint(after.destination, after.destinationPort)
    const text = source ? `The source address becomes ${ends}.` : `The destination becomes ${ends}.`
    this.#hop(source ? 'snat' : 'dnat', text, step, changes === 'masquerade' ? 'masquerade' : source ? 'snat' : 'dnat', after)
  }

  /** Jumps on the way to a decision are worth telling only when it came to one, and only those that chose. */
  #announce(jumps: readonly Step[]): void {
    for (const step of jumps) {
      if (this.#announced.includes(step)) continue
      const { element, rule } = step
      const to = lastChain(step)
      if (element?.picked) {
        const how = element.picked.mode === 'random' ? 'at random' : 'in turn'
        this.#hop(this.#stage(), `One of ${element.picked.of} is picked ${how}: on to chain ${to}.`, step, 'nftables-numgen')
      } else if (element) {
        const { name } = element.set
        this.#hop(this.#stage(), `${name.startsWith('__') ? 'The map of the rule' : `The map ${name}`} has the packet's key: on to chain ${to}.`, step, 'nftables-map')
      } else if (rule.body.statements.some((s) => s.selects)) {
        this.#hop(this.#stage(), `The rule fits${rule.body.comment === undefined ? '' : ` (${rule.body.comment})`}: on to chain ${to}.`, step, 'nftables-jump')
      }
    }
    this.#announced = [...jumps]
  }

  #row(chain: NftChain, text: string): NonNullable<Hop['decidedBy']> {
    return { kind: 'rule', table: `${chain.table.family} ${chain.table.name}`, chain: chain.name, text }
  }

  #decidedBy({ rule, chain, element }: Step): NonNullable<Hop['decidedBy']> {
    if (!element) return this.#row(chain, printRule(rule, { stateless: true }))
    return { ...this.#row(chain, `element: ${printElement(element.set, element.element, { stateless: true }, this.#now)}`), kind: 'map' }
  }

  #hop(stage: HopStage, text: string, step: Step, explanation: string, after?: Header): void {
    this.#host.recorder.hop(this.#host.namespace, this.#packet, {
      interface: this.#interface, stage, text, decidedBy: this.#decidedBy(step), before: this.#before, ...(after && { after }), explanation,
    })
    if (after) this.#before = after
  }

  #stage(): HopStage {
    if (this.#base.base!.type !== 'nat') return 'filter'
    return this.#hook === 'prerouting' || this.#hook === 'output' ? 'dnat' : 'snat'
  }
}

function lastChain({ rule, element }: Step): string {
  const verdict = element?.element.verdict
  if (verdict && 'chain' in verdict) return verdict.chain
  return rule.body.statements.at(-1)?.chains?.[0] ?? ''
}
