import type { Clock, Timer } from '../../clock.ts'
import type { Random } from '../../random.ts'
import type { NodeAgents } from '../node-agents.ts'
import { Undecided } from '../client.ts'
import { storeKey, type Kind } from '../kinds/kind.ts'
import { ADMIN } from '../rbac/authorizer.ts'
import type { Requests } from '../requests/requests.ts'
import type { Store } from '../store.ts'
import type { KubeObject } from '../types.ts'
import { agentOf } from './agents.ts'
import { PolicyCheck } from './policies/check.ts'
import { BINDINGS, MUTATING, POLICIES, VALIDATING, type Policy, type Webhook, type WebhookConfiguration } from './registration.ts'
import { isExempt, matchesRule, type Request } from './request.ts'
import { Review, type Hook } from './webhooks/review.ts'

/** What admission needs of the API server. */
export interface AdmissionHost {
  readonly clock: Clock
  readonly store: Store
  readonly names: Random
  readonly nodeAgents: NodeAgents | undefined
  readonly requests: Requests
  kind(resource: string): Kind
  readonly kinds: Iterable<Kind>
}

/** How long an answer is kept for who asked and has not come back; virtual ms. */
const KEPT = 60_000

/**
 * The admission plugins that objects of admissionregistration.k8s.io drive: MutatingAdmissionWebhook,
 * ValidatingAdmissionPolicy and ValidatingAdmissionWebhook, asked in this order. A write that webhooks have to judge is
 * begun again when they have answered (client.ts Undecided); its review keeps what they said.
 */
export class Admission {
  readonly #host: AdmissionHost
  readonly #reviews = new Map<string, Review>()
  readonly #policies: PolicyCheck
  #configurations: { [resource: string]: { list: readonly KubeObject[]; hooks: readonly Hook[] } } = {}
  /** What {@link judgesUpdatesOf} has found out, as long as these lists are. */
  #judged: { lists: readonly (readonly KubeObject[])[]; of: Map<string, boolean> } = { lists: [], of: new Map() }
  #count = 0
  #sweep: Timer | undefined

  constructor(host: AdmissionHost) {
    this.#host = host
    this.#policies = new PolicyCheck(host)
  }

  /** Whether anybody is to be asked about anything. */
  get any(): boolean {
    const { store } = this.#host
    return store.count(VALIDATING) > 0 || store.count(MUTATING) > 0 || (store.count(POLICIES) > 0 && store.count(BINDINGS) > 0)
  }

  /** Whether anybody's rules can mean an update of this part of objects of a kind. Cheap: asked at each heartbeat and each step of a Pod. */
  judgesUpdatesOf(kind: Kind, subresource: string): boolean {
    if (!this.any) return false
    const { store } = this.#host
    const lists = [store.list(VALIDATING, ''), store.list(MUTATING, ''), store.list(POLICIES, '')]
    if (lists.some((list, i) => list !== this.#judged.lists[i] && (list.length > 0 || this.#judged.lists[i]?.length !== 0))) this.#judged = { lists, of: new Map() }
    const key = `${storeKey(kind)} ${subresource}`
    let known = this.#judged.of.get(key)
    if (known === undefined) {
      const [validating, mutating, policies] = lists as [readonly WebhookConfiguration[], readonly WebhookConfiguration[], readonly Policy[]]
      const rules = policies.flatMap(({ spec }) => spec.matchConstraints?.resourceRules ?? [])
      known = [...validating, ...mutating].some(({ webhooks }) => webhooks?.some((hook) => this.#kindFor(hook, kind, 'UPDATE', subresource) !== undefined)) || kind.storedVersion !== undefined || rules.some((rule) => matchesRule(rule, kind, 'UPDATE', subresource))
      this.#judged.of.set(key, known)
    }
    return known
  }

  /** What is to be found out about a write of `object`, as it was sent; undefined: nothing. */
  about(asked: Request, object: KubeObject | undefined): Review | undefined {
    if (!this.any || isExempt(asked.kind)) return undefined
    const agent = asked.user === ADMIN ? agentOf(asked, object) : undefined
    const request = agent ? { ...asked, user: agent } : asked
    const mutating = this.#hooks(MUTATING, request)
    const validating = this.#hooks(VALIDATING, request)
    const policies = this.#policies.matching(request)
    if (mutating.length + validating.length + policies.length === 0) return undefined
    const { kind: { resource }, operation, namespace, name, subresource, user, dryRun } = request
    const key = JSON.stringify([operation, resource.key ?? resource.name, namespace, name, subresource, user.name, dryRun, object], withoutRecords)
    let review = this.#reviews.get(key)
    if (!review) {
      const { clock, store, names, nodeAgents, requests } = this.#host
      review = new Review({
        clock, store, requests, agents: nodeAgents, random: names.fork(`admission ${this.#count++}`), since: clock.now,
        onEnd: () => void this.#reviews.delete(key),
        policies: (of, all, now, old, warn) => this.#policies.check(of, all, now, old, warn),
      })
      this.#reviews.set(key, review)
      this.#sweep ??= clock.schedule(KEPT, () => this.#forget(), { background: true })
    }
    review.begin(request, mutating, validating, policies)
    return review
  }

  /** What webhooks and policies make of a stream, of which `options` tells. Throws who refuses, and Undecided as long as webhooks are asked. */
  connect(request: Request, options: KubeObject): KubeObject {
    const review = this.about(request, options)
    if (!review) return options
    const unheard = (): void => undefined
    try {
      const now = review.mutate(options, undefined, (patched) => patched as KubeObject, unheard) ?? options
      review.validate(now, undefined, unheard)
      review.end()
      return now
    } catch (error) {
      if (!(error instanceof Undecided)) review.end()
      throw error
    }
  }

  #forget(): void {
    this.#sweep = undefined
    for (const [key, review] of this.#reviews) if (review.since + KEPT <= this.#host.clock.now && !review.isAsking) this.#reviews.delete(key)
    if (this.#reviews.size > 0) this.#sweep = this.#host.clock.schedule(KEPT, () => this.#forget(), { background: true })
  }

  /** The webhooks that a rule of theirs lets be asked, by the names of their configurations. */
  #hooks(resource: string, { kind, operation, subresource }: Request): Hook[] {
    const list = this.#host.store.list(resource, '')
    if (list.length === 0) return []
    let known = this.#configurations[resource]
    if (known?.list !== list) known = this.#configurations[resource] = { list, hooks: (list as readonly WebhookConfiguration[]).flatMap(({ metadata, webhooks }) => (webhooks ?? []).map((webhook) => ({ id: `${metadata.uid}/${webhook.name}`, webhook }))) }
    return known.hooks.flatMap((hook): Hook[] => {
      const as = this.#kindFor(hook.webhook, kind, operation, subresource)
      return as ? [as === kind ? hook : { ...hook, kind: as }] : []
    })
  }

  /** The kind as which a webhook is asked: with the match policy Equivalent another version of it may be meant. */
  #kindFor({ rules = [], matchPolicy }: Webhook, kind: Kind, operation: Request['operation'], subresource: string): Kind | undefined {
    const meant = (each: Kind): boolean => rules.some((rule) => matchesRule(rule, each, operation, subresource))
    if (meant(kind)) return kind
    if (matchPolicy === 'Exact' || kind.storedVersion === undefined) return undefined
    for (const other of this.#host.kinds) if (other.storedAs === kind.storedAs && other.resource.group === kind.resource.group && meant(other)) return other
    return undefined
  }
}

/** A JSON.stringify replacer: who owns which field since when is no part of what is asked. */
function withoutRecords(key: string, value: unknown): unknown {
  return key === 'managedFields' ? undefined : value
}
