import { Selector, selectorFromSet } from '../selectors.ts'
import type { Node, Pod, PodDisruptionBudget } from '../types.ts'
import { ClusterState } from './cluster-state.ts'

/** Nodes "name label=value …" and placed Pods "node label label …", as the tables of upstream's tests are told here. */
export const HOST = 'kubernetes.io/hostname'
const labelsOf = (words: readonly string[]): Record<string, string> => Object.fromEntries(words.map((word) => [word.split('=')[0]!, word.split('=')[1] ?? '']))

/** With the label of its name, unless one of the words is "!host". */
export function nodeOf(text: string, more: { images?: object[]; taints?: object[]; allocatable?: object; unschedulable?: boolean } = {}): Node {
  const [name, ...words] = text.split(' ')
  const labels = labelsOf(words.filter((word) => word !== '!host'))
  if (!words.includes('!host')) labels[HOST] = name!
  const spec = { ...(more.taints ? { taints: more.taints } : {}), ...(more.unschedulable ? { unschedulable: true } : {}) }
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec, status: { images: more.images ?? [], ...(more.allocatable ? { allocatable: more.allocatable } : {}) } } as unknown as Node
}

/** Among the words "ns:NAMESPACE" and "dying" say other things than labels. */
export function podOf(name: string, words: readonly string[], spec: object = {}): Pod {
  const namespace = words.find((word) => word.startsWith('ns:'))?.slice(3) ?? 'default'
  const dying = words.includes('dying') ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}
  const labels = labelsOf(words.filter((word) => word !== '' && word !== 'dying' && !word.startsWith('ns:')))
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, uid: name, labels, ...dying }, spec: { containers: [{ name: 'c', image: 'x' }], ...spec }, status: {} } as unknown as Pod
}

/** `service`: what a Service selects the Pods by; a placed Pod may have a spec. */
export function stateOf(nodes: readonly Node[], placed: readonly (string | [string, object])[] = [], service?: Record<string, string>, budgets: readonly PodDisruptionBudget[] = []): ClusterState {
  const state = new ClusterState({
    namespaces: () => [], namespace: () => undefined, claim: () => undefined, storageClass: () => undefined, budgets: () => budgets, hasClaims: false,
    defaultSelector: () => (service ? new Selector(selectorFromSet(service).requirements) : undefined),
  })
  for (const node of nodes) state.setNode(node)
  placed.forEach((each, i) => {
    const [text, spec] = typeof each === 'string' ? [each, {}] : each
    const [node, ...words] = text.split(' ')
    state.place(podOf(`placed-${i}`, words, spec), node!)
  })
  return state
}

export const times = (counts: Record<string, number>, labels = 'foo'): string[] => Object.entries(counts).flatMap(([node, n]) => Array.from({ length: n }, () => `${node} ${labels}`))
