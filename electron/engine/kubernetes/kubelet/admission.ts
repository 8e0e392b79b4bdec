import { hostPortsOf, matchesNodeSelection, portsCollide, requestsOf, untolerated } from '../controllers/node-fit.ts'
import type { Node, Pod } from '../types.ts'
import { forbiddenSysctl } from './security.ts'

export interface Refusal { reason: string; message: string }
export interface Allocated { cpu: number; memory: number; pods: number }

/**
 * What a kubelet looks at before it takes a Pod, whoever bound it (pkg/kubelet/lifecycle predicate.go, sysctl):
 * undefined when it takes it. `allocated` is what its Pods have, in thousandths of a CPU and bytes.
 */
export function refusal(pod: Pod, node: () => Node | undefined, allocated: Allocated, allocatable: Allocated, others: () => Iterable<Pod>): Refusal | undefined {
  const { spec } = pod
  const { os } = spec as { os?: { name?: string } }
  if (os && os.name !== 'linux') return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" }
  if (spec.securityContext?.sysctls?.length) {
    const name = forbiddenSysctl(pod)
    if (name) return { reason: 'SysctlForbidden', message: `forbidden sysctl: "${name}" not allowlisted` }
  }
  const wanted = requestsOf(spec)
  const short = (name: keyof Allocated, resource: string, requested: number): Refusal | undefined => {
    if (requested === 0 || allocated[name] + requested <= allocatable[name]) return undefined
    return { reason: `OutOf${resource}`, message: `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${allocated[name]}, capacity: ${allocatable[name]}` }
  }
  const lack = short('pods', 'pods', 1) ?? short('cpu', 'cpu', wanted.cpu) ?? short('memory', 'memory', wanted.memory)
  if (lack) return lack
  const failed = (predicate: string, why: string): Refusal => ({ reason: predicate, message: `Predicate ${predicate} failed: ${why}` })
  const self = spec.nodeSelector || spec.affinity?.nodeAffinity || !spec.tolerations?.some((t) => !t.key && t.operator === 'Exists') ? node() : undefined
  if (self && !matchesNodeSelection(spec, self)) return failed('NodeAffinity', "node(s) didn't match Pod's node affinity/selector")
  const ports = hostPortsOf(pod)
  if (ports.length > 0) for (const other of others()) if (portsCollide(ports, hostPortsOf(other))) return failed('NodePorts', "node(s) didn't have free ports for the requested pod ports")
  if (self && untolerated(spec, self, ['NoExecute'])) return failed('TaintToleration', "node(s) had taints that the pod didn't tolerate")
  return undefined
}
