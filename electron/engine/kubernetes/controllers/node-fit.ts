import { own } from '../../own.ts'
import { milliValue } from '../schema/quantity.ts'
import type { Node, Pod, PodSpec } from '../types.ts'

/** Which nodes a Pod may run on: the predicates that the scheduler and the DaemonSet controller share. */
type Taint = NonNullable<Node['spec']['taints']>[number]
type Toleration = NonNullable<PodSpec['tolerations']>[number]
type NodeSelectorTerm = { matchExpressions?: { key: string; operator: string; values?: string[] }[]; matchFields?: { key: string; operator: string; values?: string[] }[] }

export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false
  if (toleration.key && toleration.key !== taint.key) return false
  return toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '')
}

/** The first taint of these effects that nothing of the Pod tolerates. */
export function untolerated(spec: PodSpec, node: Node, effects: readonly string[]): Taint | undefined {
  return node.spec.taints?.find((taint) => effects.includes(taint.effect) && !spec.tolerations?.some((t) => tolerates(t, taint)))
}

/** nodeSelector and required node affinity. */
export function matchesNodeSelection(spec: PodSpec, node: Node): boolean {
  if (!spec.nodeSelector && !spec.affinity?.nodeAffinity) return true
  const labels = node.metadata.labels ?? {}
  for (const [key, value] of Object.entries(spec.nodeSelector ?? {})) if (labels[key] !== value) return false
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms as NodeSelectorTerm[] | undefined
  return !terms || terms.some((term) => matchesTerm(term, node))
}

export function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const expressions = term.matchExpressions ?? []
  const fields = term.matchFields ?? []
  if (expressions.length === 0 && fields.length === 0) return false
  return expressions.every((e) => holds(e, own(node.metadata.labels, e.key))) && fields.every((e) => holds(e, e.key === 'metadata.name' ? node.metadata.name : undefined))
}

function holds({ operator, values = [] }: { operator: string; values?: string[] }, value: string | undefined): boolean {
  switch (operator) {
    case 'In': return value !== undefined && values.includes(value)
    case 'NotIn': return value === undefined || !values.includes(value)
    case 'Exists': return value !== undefined
    case 'DoesNotExist': return value === undefined
    case 'Gt': return isInteger(value) && isInteger(values[0]) && BigInt(value) > BigInt(values[0])
    case 'Lt': return isInteger(value) && isInteger(values[0]) && BigInt(value) < BigInt(values[0])
    default: return false
  }
}

function isInteger(value: string | undefined): value is string {
  return value !== undefined && /^-?\d+$/.test(value)
}

export interface Requests { cpu: number; memory: number }

/** CPU in thousandths and memory in bytes: k8s.io/component-helpers/resource PodRequests, as the scheduler counts them. */
export function requestsOf(spec: PodSpec): Requests {
  return { cpu: requestOf(spec, 'cpu', 1), memory: requestOf(spec, 'memory', 1000) }
}

/** The containers and sidecars together, or the largest init container with the sidecars before it, and the overhead. */
function requestOf(spec: PodSpec, name: string, scale: number): number {
  const amount = (list: { readonly [name: string]: string } | undefined): number => {
    const text = own(list, name)
    return text === undefined ? 0 : milliValue(String(text)) / scale
  }
  let sidecars = 0
  let peak = 0
  for (const { restartPolicy, resources } of spec.initContainers ?? []) {
    const here = sidecars + amount(resources?.requests)
    if (restartPolicy === 'Always') sidecars = here
    peak = Math.max(peak, here)
  }
  const main = spec.containers.reduce((n, c) => n + amount(c.resources?.requests), sidecars)
  return Math.max(main, peak) + amount(spec.overhead)
}

export function hostPortsOf(pod: Pod): { ip: string; port: number; protocol: string }[] {
  return pod.spec.containers.flatMap((c) => c.ports ?? []).filter((p) => p.hostPort).map((p) => ({ ip: p.hostIP || '0.0.0.0', port: p.hostPort!, protocol: p.protocol ?? 'TCP' }))
}

export function portsCollide(a: ReturnType<typeof hostPortsOf>, b: ReturnType<typeof hostPortsOf>): boolean {
  return a.some((x) => b.some((y) => x.port === y.port && x.protocol === y.protocol && (x.ip === y.ip || x.ip === '0.0.0.0' || y.ip === '0.0.0.0')))
}
