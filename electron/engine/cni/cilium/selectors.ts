import type { LabelSelector } from '../../kubernetes/types.ts'
import { CLUSTER_NAME, isReserved, type Identity, type SecurityLabels } from './identity.ts'

/** Endpoint selectors of Cilium's policies: label selectors whose keys may name the label's source (pkg/policy/api/selector.go). */
const NAMESPACE = 'io.kubernetes.pod.namespace'
const NAMESPACE_LABELS = 'io.cilium.k8s.namespace.labels.'
const SOURCES = ['k8s', 'any', 'reserved', 'cidr', 'unspec', 'container', 'cidrgroup']

export interface EndpointSelector { matches(labels: SecurityLabels): boolean; readonly text: string }

/** "k8s:app" → source and key; a key without a known source is of any. */
function splitKey(text: string): { source: string; key: string } {
  const at = text.indexOf(':')
  const source = at > 0 ? text.slice(0, at) : ''
  return SOURCES.includes(source) ? { source, key: text.slice(at + 1) } : { source: 'any', key: text }
}

function valueOf(labels: SecurityLabels, text: string): string | undefined {
  const { source, key } = splitKey(text)
  if (source !== 'any') return labels[`${source}:${key}`]
  for (const candidate of ['k8s', 'reserved', 'cidr']) {
    const value = labels[`${candidate}:${key}`]
    if (value !== undefined) return value
  }
  return undefined
}

function keysOf(selector: LabelSelector): string[] {
  return [...Object.keys(selector.matchLabels ?? {}), ...(selector.matchExpressions ?? []).map((e) => e.key)]
}

/** `namespace`: of the policy; undefined for a clusterwide one. `peer`: from or to whom, not what the policy is about. */
export function compileEndpointSelector(selector: LabelSelector, namespace: string | undefined, peer = false): EndpointSelector {
  const keys = keysOf(selector).map(splitKey)
  const free = peer && keys.some(({ key, source }) => key === NAMESPACE || key.startsWith(NAMESPACE_LABELS) || source === 'reserved')
  const labels = Object.entries(selector.matchLabels ?? {})
  const expressions = selector.matchExpressions ?? []
  const text = [
    ...labels.map(([key, value]) => (value === '' && splitKey(key).source === 'reserved' ? key : `${key}=${value}`)),
    ...expressions.map((e) => `${e.key} ${e.operator}${e.values?.length ? ` (${e.values.join(', ')})` : ''}`),
  ].join(', ')
  return {
    text,
    matches(own) {
      if (namespace !== undefined && !free && valueOf(own, `k8s:${NAMESPACE}`) !== namespace) return false
      // an empty selector means Pods, not the world
      if (namespace === undefined && peer && keys.length === 0 && valueOf(own, `k8s:${NAMESPACE}`) === undefined) return false
      if (!peer && valueOf(own, `k8s:${NAMESPACE}`) === undefined) return false
      return labels.every(([key, value]) => valueOf(own, key) === value) && expressions.every(({ key, operator, values }) => {
        const value = valueOf(own, key)
        switch (operator) {
          case 'In': return value !== undefined && (values ?? []).includes(value)
          case 'NotIn': return value === undefined || !(values ?? []).includes(value)
          case 'Exists': return value !== undefined
          default: return value === undefined
        }
      })
    },
  }
}

/** Of policies about nodes: the labels of the Node that identities have. */
export function compileNodeSelector(selector: LabelSelector): EndpointSelector {
  return compileEndpointSelector({ ...selector, matchLabels: { ...selector.matchLabels, 'reserved:host': '' } }, undefined, true)
}

/** pkg/policy/api/entity.go */
export const ENTITIES = ['all', 'world', 'world-ipv4', 'world-ipv6', 'cluster', 'host', 'init', 'ingress', 'unmanaged', 'remote-node', 'health', 'none', 'kube-apiserver'] as const

export function entity(name: string): (identity: Identity) => boolean {
  switch (name) {
    case 'all': return () => true
    case 'none': return () => false
    case 'world': return (i) => ['world', 'world-ipv4', 'world-ipv6'].some((r) => isReserved(i, r))
    case 'cluster': return (i) => i.labels['k8s:io.cilium.k8s.policy.cluster'] === CLUSTER_NAME || ['host', 'remote-node', 'init', 'ingress', 'unmanaged', 'health', 'kube-apiserver'].some((r) => isReserved(i, r))
    default: return (i) => isReserved(i, name)
  }
}
