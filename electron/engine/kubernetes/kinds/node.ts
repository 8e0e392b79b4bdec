import type { Node } from '../types.ts'
import { dns1123Subdomain } from '../validation/names.ts'
import { validateNode, validateNodeUpdate } from '../validation/nodes.ts'
import { AGE, NAME } from './columns.ts'
import { apiResource, type Kind } from './kind.ts'

const ROLE = 'node-role.kubernetes.io/'
const NOT_READY = 'node.kubernetes.io/not-ready'

/** core/v1 Node: pkg/registry/core/node, printNode, plugin/pkg/admission/nodetaint. */
export const node: Kind<Node> = {
  resource: apiResource('Node', 'nodes', { shortNames: ['no'], namespaced: false, subresources: ['proxy', 'status'] }),
  type: 'Node',
  validName: dns1123Subdomain,
  setDefaults({ spec, status }) {
    if (spec.podCIDR && !spec.podCIDRs) spec.podCIDRs = [spec.podCIDR]
    if (!spec.podCIDR && spec.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0]
    if (status.capacity && !status.allocatable) status.allocatable = status.capacity
  },
  admit(object) {
    // a kubelet here registers when it is ready, whose taint the node lifecycle controller would take away in the same moment
    if (object.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) return
    const taints = object.spec.taints ?? []
    if (!taints.some(({ key, effect }) => key === NOT_READY && effect === 'NoSchedule')) object.spec.taints = [...taints, { key: NOT_READY, effect: 'NoSchedule' }]
  },
  prepareForStatusUpdate(object, _old, submitted) {
    for (const field of ['labels', 'annotations'] as const) if (submitted.metadata[field]) object.metadata[field] = submitted.metadata[field]
  },
  validate: validateNode,
  validateUpdate: validateNodeUpdate,
  fields: { 'spec.unschedulable': (o) => String(o.spec.unschedulable ?? false) },
  columns: [
    NAME,
    { name: 'Status', cell: statusOf },
    { name: 'Roles', cell: ({ metadata }) => rolesOf(metadata.labels ?? {}) },
    AGE,
    { name: 'Version', cell: ({ status }) => status.nodeInfo?.kubeletVersion ?? '' },
    { name: 'Internal-IP', priority: 1, cell: (o) => addressOf(o, 'InternalIP') },
    { name: 'External-IP', priority: 1, cell: (o) => addressOf(o, 'ExternalIP') },
    { name: 'OS-Image', priority: 1, cell: ({ status }) => status.nodeInfo?.osImage || '<unknown>' },
    { name: 'Kernel-Version', priority: 1, cell: ({ status }) => status.nodeInfo?.kernelVersion || '<unknown>' },
    { name: 'Container-Runtime', priority: 1, cell: ({ status }) => status.nodeInfo?.containerRuntimeVersion || '<unknown>' },
  ],
}

function statusOf({ status, spec }: Node): string {
  const ready = status.conditions?.find((c) => c.type === 'Ready')
  const words = [ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown']
  if (spec.unschedulable) words.push('SchedulingDisabled')
  return words.join(',')
}

function rolesOf(labels: { [key: string]: string }): string {
  const roles = new Set<string>()
  for (const [key, value] of Object.entries(labels)) {
    if (key.startsWith(ROLE) && key.length > ROLE.length) roles.add(key.slice(ROLE.length))
    else if (key === 'kubernetes.io/role' && value) roles.add(value)
  }
  return [...roles].sort().join(',') || '<none>'
}

function addressOf({ status }: Node, type: string): string {
  return status.addresses?.find((a) => a.type === type)?.address ?? '<none>'
}
