import { canonicalQuantity, milliValue } from '../../../engine/kubernetes/schema/quantity.ts'
import type { KubeObject, Node, Pod } from '../../../engine/kubernetes/types.ts'
import { messageOf } from '../errors.ts'
import { at, map, text } from '../objects.ts'
import { type Description, rfc1123 } from './writer.ts'

export function describeNode(d: Description, node: Node): void {
  const { metadata, spec, status } = node
  d.field('Name', metadata.name)
  d.field('Roles', nodeRoles(node) || '<none>')
  d.labels('Labels', metadata.labels)
  d.annotations('Annotations', metadata.annotations)
  d.field('CreationTimestamp', rfc1123(metadata.creationTimestamp))
  const taints = [...(spec.taints ?? [])].sort((a, b) => (`${a.effect},${a.key}` < `${b.effect},${b.key}` ? -1 : 1))
  d.multiline('Taints', taints.map((t) => `${t.key}${t.value ? `=${t.value}` : ''}${t.effect ? `:${t.effect}` : ''}`))
  d.field('Unschedulable', spec.unschedulable ?? false)
  describeLease(d, metadata.name)
  if (status.conditions?.length) {
    d.line(0, 'Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage')
    d.line(1, '----\t------\t-----------------\t------------------\t------\t-------')
    for (const c of status.conditions) d.line(1, `${c.type} \t${c.status} \t${rfc1123(c.lastHeartbeatTime)} \t${rfc1123(c.lastTransitionTime)} \t${c.reason ?? ''} \t${c.message ?? ''}`)
  }
  d.line(0, 'Addresses:')
  for (const address of status.addresses ?? []) d.field(address.type, address.address, 1)
  quantities(d, 'Capacity', status.capacity)
  quantities(d, 'Allocatable', status.allocatable)
  d.line(0, 'System Info:')
  const info = status.nodeInfo
  for (const [name, value] of [
    ['Machine ID', info?.machineID], ['System UUID', info?.systemUUID], ['Boot ID', info?.bootID], ['Kernel Version', info?.kernelVersion],
    ['OS Image', info?.osImage], ['Operating System', info?.operatingSystem], ['Architecture', info?.architecture],
    ['Container Runtime Version', info?.containerRuntimeVersion], ['Kubelet Version', info?.kubeletVersion], ['Kube-Proxy Version', info?.kubeProxyVersion],
  ] as const) d.field(name, value, 1)
  if (spec.podCIDR) d.field('PodCIDR', spec.podCIDR)
  if (spec.podCIDRs?.length) d.field('PodCIDRs', spec.podCIDRs.join(','))
  if (spec.providerID) d.field('ProviderID', spec.providerID)
  describePods(d, node)
  d.events(node, { alsoUid: metadata.name })
}

function nodeRoles(node: KubeObject): string {
  const roles = new Set<string>()
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith('node-role.kubernetes.io/') && key.length > 24) roles.add(key.slice(24))
    else if (key === 'kubernetes.io/role' && value) roles.add(value)
  }
  return [...roles].sort().join(',')
}

function describeLease(d: Description, name: string): void {
  let lease: KubeObject
  try {
    lease = d.k.client.get('leases', 'kube-node-lease', name)
  } catch (error) {
    return d.field('Lease', `Failed to get lease: ${messageOf(error)}`)
  }
  const time = (value: unknown): string => (value ? rfc1123(value) : '<unset>')
  d.line(0, 'Lease:')
  d.field('HolderIdentity', at(lease, 'spec', 'holderIdentity') ?? '<unset>', 1)
  d.field('AcquireTime', time(at(lease, 'spec', 'acquireTime')), 1)
  d.field('RenewTime', time(at(lease, 'spec', 'renewTime')), 1)
}

function quantities(d: Description, title: string, all: unknown): void {
  const entries = Object.entries(map(all)).sort(([a], [b]) => (a < b ? -1 : 1))
  if (entries.length === 0) return
  d.line(0, `${title}:`)
  for (const [name, quantity] of entries) d.field(name, quantity, 1)
}

type Which = 'requests' | 'limits'

/** Of a Pod: the sum of its containers, or its largest init container if that is more. */
function milliOf(pod: Pod, which: Which, name: string): number {
  const of = (containers: Pod['spec']['containers'] | undefined): number[] => (containers ?? []).map((c) => {
    const quantity = text(at(c.resources, which, name))
    return quantity ? milliValue(quantity) : 0
  })
  const sum = of(pod.spec.containers).reduce((a, b) => a + b, 0)
  return Math.max(sum, 0, ...of(pod.spec.initContainers))
}

/** A sum of quantities as Go's Quantity prints it. */
function shown(name: string, milli: number, binary: boolean): string {
  if (milli === 0) return '0'
  if (name === 'cpu') return milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`
  let value = milli / 1000
  if (binary) {
    const units = ['', 'Ki', 'Mi', 'Gi', 'Ti']
    let unit = 0
    while (unit < units.length - 1 && value % 1024 === 0) {
      value /= 1024
      unit++
    }
    return `${value}${units[unit]}`
  }
  return canonicalQuantity(String(value)) ?? String(value)
}

function describePods(d: Description, node: Node): void {
  const pods = d.k.client.list<Pod>('pods', { fieldSelector: `spec.nodeName=${node.metadata.name},status.phase!=Succeeded,status.phase!=Failed` }).items
  const allocatable = node.status.allocatable ?? node.status.capacity ?? {}
  const total = (name: string): number => (allocatable[name] ? milliValue(String(allocatable[name])) : 0)
  const percent = (milli: number, name: string): number => (total(name) === 0 ? 0 : Math.trunc((milli / total(name)) * 100))
  const pair = (name: string, milli: number): string => `${shown(name, milli, true)} (${percent(milli, name)}%)`
  d.field('Non-terminated Pods', `(${pods.length} in total)`)
  d.line(1, 'Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge')
  d.line(1, '---------\t----\t\t------------\t----------\t---------------\t-------------\t---')
  for (const pod of pods) {
    const cells = (['cpu', 'memory'] as const).flatMap((name) => (['requests', 'limits'] as const).map((which) => pair(name, milliOf(pod, which, name))))
    d.line(1, `${pod.metadata.namespace}\t${pod.metadata.name}\t\t${cells.join('\t')}\t${d.age(pod.metadata.creationTimestamp)}`)
  }
  d.line(0, 'Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)')
  d.line(1, 'Resource\tRequests\tLimits')
  d.line(1, '--------\t--------\t------')
  const huge = Object.keys(allocatable).filter((name) => name.startsWith('hugepages-')).sort()
  for (const name of ['cpu', 'memory', 'ephemeral-storage', ...huge]) {
    const sum = (which: Which): number => pods.reduce((a, pod) => a + milliOf(pod, which, name), 0)
    d.line(1, `${name}\t${pair(name, sum('requests'))}\t${pair(name, sum('limits'))}`)
  }
}
