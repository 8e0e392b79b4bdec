import type { Clock } from '../../../clock.ts'
import type { Random } from '../../../random.ts'
import { AdmissionRefusal, Undecided } from '../../client.ts'
import { quote } from '../../json.ts'
import type { Kind } from '../../kinds/kind.ts'
import type { NodeAgents } from '../../node-agents.ts'
import { applyJsonPatch, JsonPatchError } from '../../patch/json-patch.ts'
import { badRequest, forbidden, internalError } from '../../status.ts'
import type { Requests } from '../../requests/requests.ts'
import type { Store } from '../../store.ts'
import type { KubeObject } from '../../types.ts'
import { evaluate, toCel } from '../policies/expressions.ts'
import type { PolicyMatch } from '../policies/check.ts'
import type { Webhook } from '../registration.ts'
import { admissionRequest, matchesSelectors, type Request, shown } from '../request.ts'
import { denied, readAnswer, type Word } from './answer.ts'
import { callWebhook, type Answer } from './call.ts'
import { countCall } from './metrics.ts'

export interface Hook {
  /** Unique in the cluster. */
  id: string
  webhook: Webhook
  /** Another version of the object's kind, as which this webhook wants it. */
  kind?: Kind
}

interface Setup {
  clock: Clock
  store: Store
  agents: NodeAgents | undefined
  random: Random
  requests: Requests
  /** Virtual ms. */
  since: number
  onEnd(): void
  policies(request: Request, all: readonly PolicyMatch[], object: KubeObject | undefined, old: KubeObject | undefined, warn: (text: string) => void): void
}

type Warn = (text: string) => void

/** So often a webhook is asked about one write whose object changes meanwhile; the last word counts then. */
const MOST_ASKED = 20

/** One write, from when it was first sent until it is done or refused. */
export class Review {
  readonly since: number
  readonly #setup: Setup
  readonly #start: readonly number[]
  readonly #answers = new Map<string, { uid: string; answer: Answer | undefined }>()
  readonly #asked = new Map<string, { times: number; key: string }>()
  readonly #waiting = new Set<() => void>()
  #asking = 0
  #born: number | undefined
  #request!: Request
  #mutating: readonly Hook[] = []
  #validating: readonly Hook[] = []
  #policies: readonly PolicyMatch[] = []

  constructor(setup: Setup) {
    this.#setup = setup
    this.since = setup.since
    this.#start = setup.random.mark()
  }

  get isAsking(): boolean {
    return this.#asking > 0
  }

  /** The write is tried, for the first time or again: all that is left to chance is the same each time. */
  begin(request: Request, mutating: readonly Hook[], validating: readonly Hook[], policies: readonly PolicyMatch[]): void {
    this.#request = request
    this.#mutating = mutating
    this.#validating = validating
    this.#policies = policies
    this.#setup.random.rewind(this.#start)
  }

  /** Where names, uids and the like come from. */
  get random(): Random {
    return this.#setup.random
  }

  /** When the object is born: wall-clock ms. */
  get wall(): number {
    return (this.#born ??= this.#setup.clock.wall())
  }

  end(): void {
    this.#setup.onEnd()
  }

  /** MutatingAdmissionWebhook; `remake` reads an object that was patched. */
  mutate(object: KubeObject | undefined, old: KubeObject | undefined, remake: (patched: unknown) => KubeObject, warn: Warn): KubeObject | undefined {
    let current = object
    let lastChange = -1
    const asked: { hook: Hook; at: number }[] = []
    const run = (hook: Hook, round: number, at: number): void => {
      const next = this.#mutateBy(hook, round, current, old, remake, warn)
      if (next === 'not asked') return
      if (round === 0) asked.push({ hook, at })
      if (next === current) return
      current = next
      lastChange = at
    }
    this.#mutating.forEach((hook, at) => run(hook, 0, at))
    for (const { hook, at } of asked) if (hook.webhook.reinvocationPolicy === 'IfNeeded' && lastChange > at) run(hook, 1, at)
    return current
  }

  #mutateBy(hook: Hook, round: number, object: KubeObject | undefined, old: KubeObject | undefined, remake: (patched: unknown) => KubeObject, warn: Warn): KubeObject | undefined | 'not asked' {
    if (!this.#isMeant(hook, object, old)) return 'not asked'
    const word = this.#word(hook, round, object, old, true)
    if (word === 'asking') throw this.#undecided()
    const heard = this.#heard(hook, word, warn)
    if (!heard || heard.patch.length === 0) return object
    const { name } = hook.webhook
    if (!object) throw internalError(`admission webhook ${quote(name)} attempted to modify the object, which is not supported for this operation`)
    try {
      return remake(applyJsonPatch(shown(hook.kind ?? this.#request.kind, object), heard.patch))
    } catch (error) {
      if (error instanceof JsonPatchError) throw internalError(error.message)
      throw error
    }
  }

  /** ValidatingAdmissionPolicy, then ValidatingAdmissionWebhook: all at once. Throws who refuses. */
  validate(object: KubeObject | undefined, old: KubeObject | undefined, warn: Warn): void {
    if (this.#policies.length > 0) this.#setup.policies(this.#request, this.#policies, object, old, warn)
    const meant = this.#validating.filter((hook) => this.#isMeant(hook, object, old))
    const words = meant.map((hook) => this.#word(hook, 0, object, old, false))
    if (words.includes('asking')) throw this.#undecided()
    let refusal: unknown
    meant.forEach((hook, i) => {
      try {
        this.#heard(hook, words[i] as Word | { failed: string }, warn)
      } catch (error) {
        refusal ??= error
      }
    })
    if (refusal !== undefined) throw refusal
  }

  /** What a webhook's answer comes to. Undefined: it failed, and may. */
  #heard({ webhook }: Hook, word: Word | { failed: string }, warn: Warn): Word | undefined {
    if ('failed' in word) {
      if (webhook.failurePolicy === 'Ignore') return undefined
      throw new AdmissionRefusal(internalError(`failed calling webhook ${quote(webhook.name)}: ${word.failed}`).status)
    }
    for (const text of word.warnings) warn(text)
    if (!word.allowed) throw denied(webhook.name, word.status)
    return word
  }

  #isMeant({ webhook, kind }: Hook, object: KubeObject | undefined, old: KubeObject | undefined): boolean {
    const { store } = this.#setup
    if (!matchesSelectors(webhook, this.#request, object, old, store)) return false
    const { matchConditions = [] } = webhook
    if (matchConditions.length === 0) return true
    const as = kind ?? this.#request.kind
    const variables = { object: toCel(shown(as, object)), oldObject: toCel(shown(as, old)), request: toCel(admissionRequest(this.#request, '')), params: null, namespaceObject: null, variables: {} }
    const found = matchConditions.map(({ name, expression }) => ({ name, result: evaluate(expression, variables) }))
    if (found.some(({ result }) => result && 'value' in result && result.value !== true)) return false
    const failed = found.find(({ result }) => result && 'error' in result)
    if (!failed) return true
    if (webhook.failurePolicy === 'Ignore') return false
    const { kind: { resource }, name } = this.#request
    throw forbidden(resource, name, `match conditions of webhook ${quote(webhook.name)} failed: ${(failed.result as { error: string }).error}`)
  }

  #word(hook: Hook, round: number, object: KubeObject | undefined, old: KubeObject | undefined, mutating: boolean): Word | { failed: string } | 'asking' {
    const { webhook } = hook
    const { dryRun, kind } = this.#request
    if (dryRun && webhook.sideEffects !== 'None' && webhook.sideEffects !== 'NoneOnDryRun') throw badRequest(`admission webhook ${quote(webhook.name)} does not support dry run`)
    const objects = { object: shown(hook.kind ?? kind, object), oldObject: shown(hook.kind ?? kind, old) }
    const who = `${hook.id} ${round} ${mutating}`
    const asked = this.#asked.get(who)
    let key = `${who} ${JSON.stringify(objects, (name, value: unknown) => (name === 'managedFields' ? undefined : value))}`
    if (asked && asked.times >= MOST_ASKED) key = asked.key
    let entry = this.#answers.get(key)
    if (!entry) {
      this.#asked.set(who, { times: (asked?.times ?? 0) + 1, key })
      this.#answers.set(key, (entry = this.#ask(hook, objects, mutating)))
    }
    const { answer, uid } = entry
    if (!answer) return 'asking'
    return 'failed' in answer ? answer : readAnswer(answer.body, uid, mutating)
  }

  #ask({ webhook, kind }: Hook, objects: object, mutating: boolean): { uid: string; answer: Answer | undefined } {
    const { agents, clock, store } = this.#setup
    const entry: { uid: string; answer: Answer | undefined } = { uid: clock.random.fork(`review ${clock.now} ${webhook.name} ${this.#answers.size}`).uuid(), answer: undefined }
    const request = kind ? { ...this.#request, kind } : this.#request
    const { dryRun, options, ...rest } = admissionRequest(request, entry.uid)
    const review = { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', request: { ...rest, ...objects, dryRun, options } }
    if (!agents) entry.answer = { failed: 'failed to call webhook: podhop: not simulated: webhooks in a cluster without machines' }
    else {
      this.#asking++
      const since = clock.now
      callWebhook(webhook, review, { store, agents, clock }, (answer) => {
        entry.answer = answer
        countCall(this.#setup.requests.metrics, webhook, request.operation, mutating, (clock.now - since) / 1000, answer, 'body' in answer ? readAnswer(answer.body, entry.uid, mutating) : answer)
        if (--this.#asking > 0) return
        for (const each of [...this.#waiting]) each()
      })
    }
    return entry
  }

  #undecided(): Undecided {
    return new Undecided((done) => {
      const told = (): void => {
        this.#waiting.delete(told)
        done()
      }
      if (this.#asking === 0) {
        const timer = this.#setup.clock.schedule(0, told)
        return () => this.#setup.clock.cancel(timer)
      }
      this.#waiting.add(told)
      return () => void this.#waiting.delete(told)
    })
  }
}

/** Tells a review when its write is done or refused. */
export function reviewed<T>(review: Review | undefined, work: () => T): T {
  if (!review) return work()
  try {
    const result = work()
    review.end()
    return result
  } catch (error) {
    if (!(error instanceof Undecided)) review.end()
    throw error
  }
}
