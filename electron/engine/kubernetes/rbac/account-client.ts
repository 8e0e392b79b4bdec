import type { Clock } from '../../clock.ts'
import { ConnectionError, type KubernetesClient, type ListOptions, type StatusError, type WatchEvent, type WatchOptions, type Way, type WriteOptions } from '../client.ts'
import { ConnectionWatch } from '../connection-watch.ts'
import { sleep, type Task } from '../../machine/task.ts'
import { copied } from '../../own.ts'
import { failure } from '../status.ts'
import type { KubeObject, Status } from '../types.ts'
import { named } from './as-user.ts'
import type { User } from './authorizer.ts'
import { AccountReflector, type ReflectorFailure } from './account-reflector.ts'
import { Rights, type Wish } from './rights.ts'

/** A lease that the rights of who asks do not let him have: he tries it again later, as if he had not been answered. */
export class Refused extends ConnectionError {
  override name = 'Refused'
  readonly status: StatusError
  constructor(status: StatusError) {
    super(status.message)
    this.status = status
  }
}

export interface AccountOptions {
  clock: Clock
  user: User
  /** Whether the token that it has now is good; asked when its ServiceAccount was deleted. */
  isKnown?: () => boolean
  /** Of how long its watches last: its container's name. */
  seed: string
  /** What a reflector's log says. */
  onFailure(failure: ReflectorFailure): void
  /** Its lists and watches are of one object ("metadata.name=…"), where the simulation asks for one. */
  selects?: boolean
  /** What it lists now and then, the simulation watches. */
  onlyLists?: boolean
}

/** The API for an agent that has a ServiceAccount. */
export interface AccountClient extends KubernetesClient {
  /** What the agent is refused this with; undefined: it may. */
  refusal(wish: Wish): StatusError | undefined
  /** Waits until these are listed: an agent that has not seen them does nothing. */
  untilSynced(resources: readonly string[]): Task
  /** Calls `done` once, when these objects have been listed for the first time: its informer's caches are synced. */
  onceSynced(resource: string, options: ListOptions, done: () => void): void
  stopReflectors(): void
}

/**
 * The same client for an agent that may do what its ServiceAccount may. It finds its rights as client-go's reflectors do: a
 * watch that stands lasts its time; without the right to list, nothing is learned, the log says so, and it is tried again
 * with a back-off. What is written without the right is not written. What it reads besides is what its caches or its files have.
 */
export function accountClient(client: KubernetesClient, { clock, user, isKnown, seed, onFailure, selects = false, onlyLists = false }: AccountOptions): AccountClient {
  const server = client.way?.server ?? client
  const rights = Rights.of(server, clock)
  const reflectors = new Map<string, AccountReflector>()
  const refusal = (wish: Wish): StatusError | undefined => (isKnown && rights.mayBeUnknown(user) && !isKnown() ? UNAUTHORIZED : rights.refusal(user, wish))
  /** The simulation patches what a program may update, or whose status it may write. */
  const refusedWrite = (wish: Wish): StatusError | undefined => {
    const found = refusal(wish)
    if (!found || (wish.verb !== 'patch' && wish.verb !== 'update')) return found
    const others = ['update', 'patch'].flatMap((verb) => [{ ...wish, verb }, { ...wish, verb, subresource: 'status' }])
    return others.some((other) => !refusal(other)) ? undefined : found
  }
  const recorded = <O extends { account?: User }>(options: O | undefined): O => ({ ...options, account: user }) as O
  /** Those who write do not look at what comes of it, except whose lease it is. */
  const write = <T>(wish: Wish, act: () => T, instead: () => T): T => {
    const found = refusedWrite(wish)
    if (found && wish.resource === 'leases') throw new Refused(found)
    return found ? instead() : act()
  }
  const reflector = (resource: string, options: ListOptions): AccountReflector => {
    const name = selects ? named(options) : undefined
    const key = `${resource} ${options.namespace ?? ''} ${name ?? ''}`
    let known = reflectors.get(key)
    if (!known) {
      const { namespace } = options
      reflectors.set(key, (known = new AccountReflector({ clock, client, resource, name: `${seed} ${key}`, refusal: (verb) => (verb === 'watch' && onlyLists ? undefined : refusal({ verb, resource, namespace, name })), onFailure })))
    }
    return known
  }
  const check = (): void => {
    for (const each of reflectors.values()) each.check()
  }
  const stopRights = rights.onLoss(check)
  const wayTo = (resources: readonly string[]): Way => new AccountWay(server, client.way, resources.map((resource) => reflector(resource, {})), wayTo)
  const own: Pick<AccountClient, 'way' | 'refusal' | 'untilSynced' | 'onceSynced' | 'stopReflectors' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deleteCollection'> = {
    way: wayTo([]),
    refusal,
    untilSynced: (resources) => allOpen(clock, resources.map((resource) => reflector(resource, {}))),
    onceSynced(resource, options, done) {
      const part = reflector(resource, options)
      if (part.open) return done()
      const stop = part.onResume(() => {
        stop()
        done()
      })
    },
    stopReflectors() {
      stopRights()
      for (const each of reflectors.values()) each.stop()
    },
    watch<T extends KubeObject>(resource: string, options: WatchOptions, listener: (event: WatchEvent<T>) => void): () => void {
      const feed = reflector(resource, options)
      const watch = new ConnectionWatch(client, resource, recorded(options), listener as (event: WatchEvent) => void, !feed.open)
      const stops = [feed.onSilence(() => watch.silence()), feed.onResume(() => watch.resume())]
      return () => {
        for (const stop of stops) stop()
        watch.stop()
      }
    },
    create<T extends KubeObject>(resource: string, namespace: string | undefined, object: unknown, options?: WriteOptions): T {
      return write({ verb: 'create', resource, namespace }, () => client.create<T>(resource, namespace, object, recorded(options)), () => object as T)
    },
    update<T extends KubeObject>(resource: string, namespace: string | undefined, name: string, object: unknown, options?: WriteOptions & { subresource?: string }): T {
      return write({ verb: 'update', resource, namespace, name, subresource: options?.subresource }, () => client.update<T>(resource, namespace, name, object, recorded(options)), () => client.get<T>(resource, namespace, name))
    },
    patch(resource, namespace, name, type, patch, options) {
      return write({ verb: 'patch', resource, namespace, name, subresource: options?.subresource }, () => client.patch(resource, namespace, name, type, patch, recorded(options)), () => client.get(resource, namespace, name))
    },
    delete(resource, namespace, name, options) {
      return write({ verb: 'delete', resource, namespace, name }, () => client.delete(resource, namespace, name, recorded(options)), () => GONE)
    },
    deleteCollection(resource, list, options) {
      write({ verb: 'deletecollection', resource, namespace: list.namespace }, () => client.deleteCollection(resource, list, recorded(options)), () => undefined)
    },
  }
  return Object.assign(copied(client), own)
}

function* allOpen(clock: Clock, parts: readonly AccountReflector[]): Task {
  while (parts.some((part) => !part.open)) yield sleep(clock, SYNC_POLL, { background: true })
}

/** The way to the server, as far as the rights to some resources let it be one. */
class AccountWay implements Way {
  readonly server: KubernetesClient
  readonly reads: (resources: readonly string[]) => Way
  readonly #base: Way | undefined
  readonly #parts: readonly AccountReflector[]

  constructor(server: KubernetesClient, base: Way | undefined, parts: readonly AccountReflector[], reads: (resources: readonly string[]) => Way) {
    this.server = server
    this.reads = reads
    this.#base = base
    this.#parts = parts
  }

  get silent(): boolean {
    return (this.#base?.silent ?? false) || this.#parts.some((part) => !part.open)
  }

  onSilence(listener: () => void): () => void {
    const stops = [this.#base?.onSilence(listener), ...this.#parts.map((part) => part.onSilence(listener))]
    return () => stops.forEach((stop) => stop?.())
  }

  onResume(listener: () => void): () => void {
    const told = (): void => void (this.silent || listener())
    const stops = [this.#base?.onResume(told), ...this.#parts.map((part) => part.onResume(told))]
    return () => stops.forEach((stop) => stop?.())
  }
}

/** cache.WaitForCacheSync looks so often: syncedPollPeriod (ms). */
const SYNC_POLL = 100
/** k8s.io/apiserver, Unauthorized of filters/authentication.go. */
const UNAUTHORIZED = failure(401, 'Unauthorized', 'Unauthorized')
const GONE: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', message: '', reason: '', code: 200 }
