import { selectorFromSet } from '../selectors.ts'
import type { Pod, Service } from '../types.ts'
import type { ControllerContext } from './context.ts'
import { endpointChanged, isSelected } from './endpoint.ts'
import { keyOf, type Informer } from './informer.ts'
import { BY_NAMESPACE, namespaceOf } from './pods.ts'
import type { WorkQueue } from './workqueue.ts'

const selectors = new WeakMap<object, ReturnType<typeof selectorFromSet>>()
export function serviceSelects(service: Service, pod: Pod): boolean {
  const set = service.spec.selector
  if (!set || Object.keys(set).length === 0) return false
  let selector = selectors.get(set)
  if (!selector) selectors.set(set, (selector = selectorFromSet(set)))
  return selector.matches(pod.metadata.labels)
}

/** The Services that a change of a Pod or of the Service itself makes due. */
export class ServiceWatch {
  readonly services: Informer<Service>
  readonly #pods: Informer<Pod>

  constructor(context: ControllerContext, queue: WorkQueue) {
    this.services = context.informers.of<Service>('services')
    this.#pods = context.informers.of<Pod>('pods')
    this.#pods.index(BY_NAMESPACE, namespaceOf)
    this.services.index(BY_NAMESPACE, namespaceOf)
    const add = (service: Service): void => queue.add(keyOf(service))
    this.services.on({ onAdd: add, onUpdate: add, onDelete: add })
    const onPod = (pod: Pod, old?: Pod): void => {
      for (const service of this.services.indexed(BY_NAMESPACE, pod.metadata.namespace)) {
        if (serviceSelects(service, pod) || (old && serviceSelects(service, old))) add(service)
      }
    }
    this.#pods.on({
      onAdd: (pod) => pod.status.podIP && onPod(pod),
      onUpdate: (pod, old) => endpointChanged(pod, old) && onPod(pod, old),
      onDelete: (pod) => onPod(pod),
    })
  }

  /** The Pods with an address that the Service selects, by name. */
  podsOf(service: Service): Pod[] {
    const all = this.#pods.indexed(BY_NAMESPACE, service.metadata.namespace)
    return all.filter((p) => isSelected(p) && serviceSelects(service, p)).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  }
}
