import type { KubernetesClient } from '../client.ts'
import type { KubeObject } from '../types.ts'
import { Informer, keyOf } from './informer.ts'

const BY_NAMESPACE = 'namespace'

/**
 * The objects of a resource as agents of the same kind on many nodes know them: one picture for all, as a Map for each
 * of them would cost nodes times objects. An agent whose way to the API server is broken keeps its own of what changed since.
 */
class SharedObjects {
  readonly informer: Informer<KubeObject>
  #agents = 0
  /** Those that want to know what changes. */
  readonly #listeners = new Set<SharedInformer<KubeObject>>()
  readonly #onEmpty: () => void

  constructor(server: KubernetesClient, resource: string, onEmpty: () => void) {
    this.#onEmpty = onEmpty
    this.informer = new Informer<KubeObject>(server, resource)
    this.informer.index(BY_NAMESPACE, (object) => [object.metadata.namespace ?? ''], { ordered: false, from: ({ metadata }) => metadata.namespace })
    this.informer.on({
      onAdd: (object) => this.#tell(object, undefined),
      onUpdate: (object, old) => this.#tell(object, old),
      onDelete: (old) => this.#tell(undefined, old),
    })
  }

  add(): void {
    this.#agents++
  }

  remove(agent: SharedInformer<KubeObject>): void {
    this.#listeners.delete(agent)
    if (--this.#agents > 0) return
    this.informer.stop()
    this.#onEmpty()
  }

  listen(agent: SharedInformer<KubeObject>): void {
    this.#listeners.add(agent)
  }

  ignore(agent: SharedInformer<KubeObject>): void {
    this.#listeners.delete(agent)
  }

  #tell(object: KubeObject | undefined, old: KubeObject | undefined): void {
    for (const listener of this.#listeners) listener.changed(object, old)
  }
}

const all = new WeakMap<KubernetesClient, Map<string, SharedObjects>>()

function sharedBy(server: KubernetesClient, resource: string): SharedObjects {
  let resources = all.get(server)
  if (!resources) all.set(server, (resources = new Map()))
  let objects = resources.get(resource)
  if (!objects) resources.set(resource, (objects = new SharedObjects(server, resource, () => resources.delete(resource))))
  return objects
}

/** One agent's picture of a resource: as {@link Informer}, of what all agents of the API server share. */
export class SharedInformer<T extends KubeObject> {
  readonly #objects: SharedObjects
  readonly #onChange: ((object: T) => void) | undefined
  readonly #stops: (() => void)[]
  /** What was there, by key, of all that changed since the way broke. */
  #former: Map<string, T | undefined> | undefined

  /** `onChange`: an object came, changed or went. */
  constructor(client: KubernetesClient, resource: string, onChange?: (object: T) => void) {
    this.#onChange = onChange
    this.#objects = sharedBy(client.way?.server ?? client, resource)
    this.#objects.add()
    if (onChange) this.#objects.listen(this as unknown as SharedInformer<KubeObject>)
    const { way } = client
    this.#stops = way ? [way.onSilence(() => this.#silence()), way.onResume(() => this.#resume())] : []
    if (!way?.silent) return
    // Started without a way it knows nothing at all.
    this.#silence()
    for (const object of this.#objects.informer.values()) this.#former!.set(keyOf(object), undefined)
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    this.#objects.remove(this as unknown as SharedInformer<KubeObject>)
  }

  get(namespace: string | undefined, name: string): T | undefined {
    const key = namespace ? `${namespace}/${name}` : name
    return this.#former?.has(key) ? this.#former.get(key) : (this.#objects.informer.byKey(key) as T | undefined)
  }

  /** Those of a namespace, in no order. */
  inNamespace(namespace: string): readonly T[] {
    const now = this.#objects.informer.indexed(BY_NAMESPACE, namespace) as unknown as T[]
    if (!this.#former || this.#former.size === 0) return now
    const former = [...this.#former.values()].filter((object) => object?.metadata.namespace === namespace) as T[]
    return [...now.filter((object) => !this.#former!.has(keyOf(object))), ...former]
  }

  changed(object: T | undefined, old: T | undefined): void {
    if (this.#former) {
      const key = keyOf((object ?? old)!)
      if (!this.#former.has(key)) this.#former.set(key, old)
    } else this.#onChange?.((object ?? old)!)
  }

  #silence(): void {
    this.#former ??= new Map()
    this.#objects.listen(this as unknown as SharedInformer<KubeObject>)
  }

  #resume(): void {
    const former = this.#former
    this.#former = undefined
    if (!this.#onChange) return this.#objects.ignore(this as unknown as SharedInformer<KubeObject>)
    if (!former) return
    for (const [key, old] of former) {
      const now = this.#objects.informer.byKey(key) as T | undefined
      if (now !== old) this.#onChange((now ?? old)!)
    }
  }
}
