import type { KubernetesClient } from '../client.ts'
import { Informer } from '../controllers/informer.ts'
import { controllerOf, selectorOf } from '../controllers/ownership.ts'
import { Selector, selectorFromSet } from '../selectors.ts'
import type { KubeObject, LabelSelector, Namespace, PersistentVolumeClaim, Pod, PodDisruptionBudget, Service, StorageClass } from '../types.ts'
import type { Listers } from './cluster-state.ts'
import { pairOf } from './pod-index.ts'

type Owner = KubeObject & { spec: { selector?: LabelSelector | { [key: string]: string } } }

/** The kinds of controllers whose selectors spread Pods: pkg/scheduler/framework/plugins/helper DefaultSelector. */
const OWNERS: Record<string, string> = { ReplicaSet: 'replicasets', StatefulSet: 'statefulsets', ReplicationController: 'replicationcontrollers' }

/** The scheduler's other informers. */
export class InformerListers implements Listers {
  readonly hasClaims: boolean
  readonly #namespaces: Informer<Namespace>
  readonly #services: Informer<Service>
  /** "namespace/key=value" → Services that select by it. */
  readonly #servicesByPair = new Map<string, Set<Service>>()
  readonly #owners = new Map<string, Informer<Owner>>()
  readonly #claims: Informer<PersistentVolumeClaim> | undefined
  readonly #classes: Informer<StorageClass> | undefined
  readonly #budgets: Informer<PodDisruptionBudget> | undefined

  constructor(client: KubernetesClient, onClaim: () => void) {
    this.#namespaces = new Informer<Namespace>(client, 'namespaces')
    this.#services = new Informer<Service>(client, 'services')
    this.#services.on({
      onAdd: (service) => this.#index(service, true),
      onUpdate: (service, old) => {
        this.#index(old, false)
        this.#index(service, true)
      },
      onDelete: (service) => {
        for (const services of this.#servicesByPair.values()) for (const s of services) if (s.metadata.uid === service.metadata.uid) services.delete(s)
      },
    })
    for (const [kind, resource] of Object.entries(OWNERS)) if (client.findResource(resource)) this.#owners.set(kind, new Informer<Owner>(client, resource))
    if (client.findResource('poddisruptionbudgets')) this.#budgets = new Informer(client, 'poddisruptionbudgets')
    this.hasClaims = client.findResource('persistentvolumeclaims') !== undefined
    if (this.hasClaims) {
      this.#claims = new Informer(client, 'persistentvolumeclaims')
      this.#claims.on({ onAdd: onClaim, onUpdate: onClaim })
      this.#classes = new Informer(client, 'storageclasses')
      this.#classes.on({ onAdd: onClaim, onUpdate: onClaim })
    }
  }

  stop(): void {
    for (const informer of [this.#namespaces, this.#services, ...this.#owners.values(), this.#claims, this.#classes, this.#budgets]) informer?.stop()
  }

  namespaces(): Iterable<Namespace> {
    return this.#namespaces.values()
  }

  namespace(name: string): Namespace | undefined {
    return this.#namespaces.byKey(name)
  }

  claim(namespace: string, name: string): PersistentVolumeClaim | undefined {
    return this.#claims?.get(namespace, name)
  }

  storageClass(name: string): StorageClass | undefined {
    return this.#classes?.get(undefined, name)
  }

  budgets(): Iterable<PodDisruptionBudget> {
    return this.#budgets?.values() ?? []
  }

  defaultSelector(pod: Pod): Selector | undefined {
    const { namespace, labels = {} } = pod.metadata
    let set: { [key: string]: string } | undefined
    for (const key in labels) {
      for (const { spec } of this.#servicesByPair.get(`${namespace}/${key}=${labels[key]}`) ?? []) {
        if (Object.entries(spec.selector!).every(([k, v]) => labels[k] === v)) set = { ...set, ...spec.selector }
      }
    }
    const owner = controllerOf(pod)
    const controller = owner && this.#owners.get(owner.kind)?.get(namespace, owner.name)
    const own = controller && selectorOf(controller)
    const requirements = [...(set ? selectorFromSet(set).requirements : []), ...(own instanceof Selector ? own.requirements : [])]
    return requirements.length > 0 ? new Selector(requirements) : undefined
  }

  #index(service: Service, there: boolean): void {
    const { selector } = service.spec
    if (!selector || Object.keys(selector).length === 0) return
    const key = `${service.metadata.namespace}/${pairOf(selectorFromSet(selector))}`
    const services = this.#servicesByPair.get(key)
    if (!there) services?.delete(service)
    else if (services) services.add(service)
    else this.#servicesByPair.set(key, new Set([service]))
  }
}
