import { selectorFromSet } from '../selectors.ts'
import type { Pod, Service } from '../types.ts'
import type { ControllerContext } from './context.ts'
import { endpointChanged, isSelected } from './endpoint.ts'
import { keyOf, type Informer } from './informer.ts'
import type { WorkQueue } from './workqueue.ts'

const selectors = new WeakMap<object, ReturnType<typeof selectorFromSet>>()
function serviceSelects(service: Service, pod: Pod): boolean {
  const set = service.spec.selector
  if (!set || Object.keys(set).length === 0) return false
  let selector = selectors.get(set)
  if (!selector) selectors.set(set, (selector = selectorFromSet(set)))
  return selector.matches(pod.metadata.labels)
}

const BY_LABEL = 'label'
const BY_SELECTOR = 'first label of the selector'

const pair = (namespace: string | undefined, key: string, value: string): string => `${namespace}/${key}=${value}`

/** Of whom was asked last: an update asks several times, and hardly any changes them. */
let latest: { labels: Pod['metadata']['labels']; namespace: string; pairs: readonly string[] } = { labels: undefined, namespace: '', pairs: [] }

function labelsOf({ metadata: { labels, namespace } }: Pod): readonly string[] {
  if (labels === undefined) return []
  if (latest.labels === labels && latest.namespace === namespace) return latest.pairs
  const pairs: string[] = []
  for (const key in labels) pairs.push(pair(namespace, key, labels[key]!))
  latest = { labels, namespace, pairs }
  return pairs
}

/** One of the labels that a Pod needs to be the Service's; nothing for a Service that selects none. */
function firstOfSelector({ metadata, spec }: Service): string[] {
  for (const key in spec.selector) return [pair(metadata.namespace, key, spec.selector[key]!)]
  return []
}

/** The Services that a change of a Pod or of the Service itself makes due. */
export class ServiceWatch {
  readonly services: Informer<Service>
  readonly #pods: Informer<Pod>

  constructor(context: ControllerContext, queue: WorkQueue) {
    this.services = context.informers.of<Service>('services')
    this.#pods = context.informers.of<Pod>('pods')
    // By label: with thousands of Services and Pods in a namespace nobody looks at all of one for each of the other.
    this.#pods.index(BY_LABEL, labelsOf, { ordered: false, from: ({ metadata }) => metadata.labels })
    this.services.index(BY_SELECTOR, firstOfSelector)
    const add = (service: Service): void => queue.add(keyOf(service))
    this.services.on({ onAdd: add, onUpdate: add, onDelete: add })
    const addThoseOf = (pod: Pod): void => {
      for (const label of labelsOf(pod)) for (const service of this.services.indexed(BY_SELECTOR, label)) if (serviceSelects(service, pod)) add(service)
    }
    const onPod = (pod: Pod, old?: Pod): void => {
      addThoseOf(pod)
      if (old && old.metadata.labels !== pod.metadata.labels) addThoseOf(old)
    }
    this.#pods.on({
      onAdd: (pod) => pod.status.podIP && onPod(pod),
      onUpdate: (pod, old) => endpointChanged(pod, old) && onPod(pod, old),
      onDelete: (pod) => onPod(pod),
    })
  }

  /** The Pods with an address that the Service selects, by name. */
  podsOf(service: Service): Pod[] {
    const all = firstOfSelector(service).flatMap((label) => this.#pods.indexed(BY_LABEL, label))
    return all.filter((p) => isSelected(p) && serviceSelects(service, p)).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  }
}
