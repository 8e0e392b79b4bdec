import type { Clock } from '../../clock.ts'
import type { KubernetesClient, StatusError } from '../client.ts'
import { attributes } from './as-user.ts'
import { authorize, rbacOf, refusal, type User } from './authorizer.ts'

const RESOURCES = ['clusterroles', 'clusterrolebindings', 'roles', 'rolebindings']
/** So long the API server takes a token that it has found good for good: tokenSuccessCacheTTL of kubeapiserver/options (ms). */
const TOKEN_CACHE = 10_000

/** A request of a user: as {@link User} and {@link attributes} say it. */
export interface Wish { verb: string; resource: string; namespace?: string | undefined; name?: string | undefined; subresource?: string | undefined }

/**
 * What the API server's users may do, as those want to know it who ask again and again: decided once, and anew when an
 * object of RBAC changes.
 */
export class Rights {
  readonly #server: KubernetesClient
  readonly #decisions = new Map<string, StatusError | undefined>()
  readonly #listeners = new Set<() => void>()
  /** Names of users whose account was deleted: their tokens are of nobody, whether there is one of the name again or not. */
  readonly #orphans = new Set<string>()

  private constructor(server: KubernetesClient, clock: Clock) {
    this.#server = server
    for (const resource of RESOURCES) {
      const { resourceVersion } = server.list(resource, { limit: 1 })
      server.watch(resource, { resourceVersion }, (event) => {
        if (event.type === 'BOOKMARK' || event.type === 'ERROR') return
        this.#decisions.clear()
        // what is new takes nothing from anybody; who waits for it tries by himself
        if (event.type !== 'ADDED') this.#lost()
      })
    }
    const { resourceVersion } = server.list('serviceaccounts', { limit: 1 })
    server.watch('serviceaccounts', { resourceVersion }, (event) => {
      if (event.type !== 'DELETED') return
      const { namespace, name } = event.object.metadata
      clock.schedule(TOKEN_CACHE, () => {
        this.#orphans.add(`system:serviceaccount:${namespace}:${name}`)
        this.#lost()
      }, { background: true })
    })
  }

  static of(server: KubernetesClient, clock: Clock): Rights {
    let known = all.get(server)
    if (!known) all.set(server, (known = new Rights(server, clock)))
    return known
  }

  /** Whether a ServiceAccount of the name was deleted: who has a token of it must see whether it is good. */
  mayBeUnknown(user: User): boolean {
    return this.#orphans.has(user.name)
  }

  /** What the user is refused it with; undefined: it is allowed. */
  refusal(user: User, wish: Wish): StatusError | undefined {
    const { verb, resource, namespace = '', name = '', subresource = '' } = wish
    const key = `${user.name} ${verb} ${resource} ${namespace} ${name} ${subresource}`
    if (this.#decisions.has(key)) return this.#decisions.get(key)
    const asked = attributes(this.#server, verb, resource, wish.namespace, wish.name, wish.subresource)
    const decision = asked && authorize(rbacOf(this.#server), user, asked)
    const found = decision && !decision.allowed ? refusal(user, asked!, decision.reason) : undefined
    this.#decisions.set(key, found)
    return found
  }

  #lost(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  /** Called when somebody may have lost a right, or is not known any more. Returns what stops it. */
  onLoss(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}

const all = new WeakMap<KubernetesClient, Rights>()
