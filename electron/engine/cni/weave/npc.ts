import type { Namespace } from '../../kubernetes/types.ts'
import type { Netfilter } from '../../network/types.ts'
import { hasNamedPorts } from '../../policy/decide.ts'
import { policyEnforcement } from '../../policy/enforcement.ts'
import { policyExplainer } from '../../policy/explainer.ts'
import { PolicyModel } from '../../policy/policy-model.ts'
import type { NodeContext } from '../types.ts'
import { SyncLoop } from '../sync-loop.ts'
import { EGRESS, LOCAL_SET, MAIN } from './bridge.ts'
import { BRIDGE, BRIDGE_PORT } from './names.ts'
import { CHAINS, desired, type NpcSet } from './npc-rules.ts'

/** How long after a change the rules are there, virtual ms. */
const DELAY = 20
const MARKED = '0x40000/0x40000'

export type NpcLog = (level: 'INFO' | 'ERRO', message: string) => void

/** weave-npc of one node (npc/controller.go, prog/weave-npc/main.go). What it has written stays when it stops. */
export class WeaveNpc {
  readonly #context: NodeContext
  readonly #log: NpcLog
  readonly #model: PolicyModel
  readonly #stopNamespaces: () => void
  readonly #namespaces = new Set<string>()
  readonly #rejected = new Set<string>()
  /** Rules that are there, as they were given. */
  readonly #rules = new Map<string, { chain: string; args: readonly string[] }>()
  #egressDrop = false
  readonly #loop: SyncLoop

  constructor(context: NodeContext, log: NpcLog) {
    this.#context = context
    this.#log = log
    this.#reset()
    this.#loop = new SyncLoop(context.clock, DELAY, () => this.#sync())
    this.#model = new PolicyModel(context.client, () => this.#loop.request(), { always: true })
    this.#stopNamespaces = context.client.watch<Namespace>('namespaces', {}, (event) => {
      if (event.type === 'ADDED') this.#namespaces.add(event.object.metadata.name)
      else if (event.type === 'DELETED') this.#namespaces.delete(event.object.metadata.name)
      else return
      this.#loop.request()
    })
    const { view } = this.#model
    context.network.policyExplainer = policyExplainer(view, {
      ...policyEnforcement('weave'),
      // what a Service's address became is judged where it was translated, for Pods elsewhere, too
      isPolicyDrop: ({ decidedBy }) => decidedBy?.chain === EGRESS || (decidedBy?.chain === 'FORWARD' && decidedBy.text.includes(`-o ${BRIDGE} -j DROP`)),
      decides: ({ decidedBy }) => (decidedBy?.chain === EGRESS ? 'egress' : 'ingress'),
    })
    this.#loop.request()
  }

  stop(): void {
    this.#loop.stop()
    this.#model.stop()
    this.#stopNamespaces()
  }

  get #netfilter(): Netfilter {
    return this.#context.network.netfilter
  }

  #filter(...args: readonly string[]): boolean {
    const { code, stderr } = this.#netfilter.command(['-t', 'filter', ...args])
    if (code !== 0 && args[0] === '-A') this.#log('ERRO', `adding rule ${args.slice(2).join(' ')} to chain "${args[1]!}": ${stderr.trim()}`)
    return code === 0
  }

  /** resetIPTables, resetIPSets, createBaseRules: only the egress chain is not emptied, so that nothing passes meanwhile. */
  #reset(): void {
    const { sets } = this.#netfilter
    for (const chain of [CHAINS.ingress, CHAINS.default, MAIN, CHAINS.mark, CHAINS.custom, CHAINS.egressDefault]) {
      this.#filter('-N', chain)
      this.#filter('-F', chain)
    }
    const own = sets.names().filter((name) => name.startsWith('weave-') && name !== LOCAL_SET)
    for (const name of own) sets.flush(name)
    for (const name of own) sets.destroy(name)
    const fresh = ['-m', 'state', '--state', 'NEW']
    this.#filter('-A', MAIN, '-m', 'state', '--state', 'RELATED,ESTABLISHED', '-j', 'ACCEPT')
    this.#filter('-A', MAIN, '-d', '224.0.0.0/4', '-j', 'ACCEPT')
    this.#filter('-A', MAIN, '-m', 'physdev', '--physdev-is-bridged', `--physdev-out=${BRIDGE_PORT}`, '-j', 'ACCEPT')
    this.#filter('-A', MAIN, ...fresh, '-j', CHAINS.default)
    this.#filter('-A', MAIN, ...fresh, '-j', CHAINS.ingress)
    this.#filter('-A', CHAINS.mark, '-j', 'MARK', '--set-xmark', MARKED)
    this.#filter('-N', EGRESS)
    for (const rule of [
      ['-m', 'state', '--state', 'RELATED,ESTABLISHED', '-j', 'ACCEPT'],
      ['-m', 'physdev', '--physdev-is-bridged', `--physdev-in=${BRIDGE_PORT}`, '-j', 'RETURN'],
      ['-m', 'addrtype', '--dst-type', 'LOCAL', '-j', 'RETURN'],
      ['-d', '224.0.0.0/4', '-j', 'RETURN'],
      [...fresh, '-j', CHAINS.egressDefault],
      [...fresh, '-m', 'mark', '!', '--mark', MARKED, '-j', CHAINS.custom],
    ]) this.#ensureEgress(rule)
  }

  #ensureEgress(rule: readonly string[]): void {
    if (!this.#filter('-C', EGRESS, ...rule)) this.#filter('-A', EGRESS, ...rule)
  }

  #sync(): void {
    const { view } = this.#model
    this.#tellRejected()
    // only the first policy for egress closes what no rule opens
    if (!this.#egressDrop && [...view.policies.values()].some((p) => p.isolates.egress || p.object.spec.egress !== undefined)) {
      this.#egressDrop = true
      this.#ensureEgress(['-m', 'state', '--state', 'NEW', '-m', 'mark', '!', '--mark', MARKED, '-j', 'NFLOG', '--nflog-group', '86'])
      this.#ensureEgress(['-m', 'mark', '!', '--mark', MARKED, '-j', 'DROP'])
    }
    const state = desired(view, [...this.#namespaces])
    const wanted = new Map(state.rules.map((rule) => [`${rule.chain} ${rule.args.join(' ')}`, rule]))
    for (const set of state.sets.values()) if (set.type !== 'list:set') this.#fill(set)
    for (const set of state.sets.values()) if (set.type === 'list:set') this.#fill(set)
    for (const [key, { chain, args }] of this.#rules) {
      if (wanted.has(key)) continue
      this.#filter('-D', chain, ...args)
      this.#rules.delete(key)
    }
    for (const [key, rule] of wanted) if (!this.#rules.has(key) && this.#filter('-A', rule.chain, ...rule.args)) this.#rules.set(key, rule)
    this.#removeUnused(state.sets)
  }

  #fill(set: NpcSet): void {
    const { sets } = this.#netfilter
    if (!sets.has(set.name)) sets.create(set.name, set.type, set.type === 'list:set' ? { comment: true, size: 1024 } : { comment: true })
    const present = new Map(Array.from(sets.get(set.name)!.members(), (m) => [m.element, (m as { comment?: string }).comment]))
    const wanted = new Map(set.entries.map((e) => [e.element, e.comment]))
    for (const [element, comment] of present) if (wanted.get(element) !== comment) sets.remove(set.name, element)
    for (const [element, comment] of wanted) if (present.get(element) !== comment) sets.add(set.name, element, { comment })
  }

  #removeUnused(wanted: ReadonlyMap<string, NpcSet>): void {
    const { sets } = this.#netfilter
    const unused = sets.names().filter((name) => name.startsWith('weave-') && !wanted.has(name))
    // lists first: they hold on to their members
    for (const name of unused) sets.flush(name)
    for (const name of unused) sets.destroy(name)
  }

  #tellRejected(): void {
    for (const policy of this.#model.view.policies.values()) {
      if (!hasNamedPorts(policy) || this.#rejected.has(policy.key)) continue
      this.#rejected.add(policy.key)
      const named = [...policy.rules.ingress, ...policy.rules.egress].flatMap((r) => r.ports ?? []).find((p) => p.name !== undefined)!
      this.#log('ERRO', `add network policy: named ports in network policies is not supported yet. Rejecting network policy: ${policy.name} from further processing. named port ${named.name!} in network policy`)
    }
    for (const key of this.#rejected) if (!this.#model.view.policies.has(key)) this.#rejected.delete(key)
  }
}
