import { byName, own } from '../../own.ts'
import type { KubeObject } from '../types.ts'

/**
 * Where kube-apiserver keeps an object in etcd: --etcd-prefix, the resource, the namespace, the name
 * (pkg/kubeapiserver/default_storage_factory_builder.go, SpecialDefaultResourcePrefixes; apiextensions-apiserver and
 * kube-aggregator put their group in front).
 */
const PREFIX = '/registry'
const SPECIAL = byName({
  replicationcontrollers: 'controllers', endpoints: 'services/endpoints', nodes: 'minions', services: 'services/specs', ingresses: 'ingress',
  customresourcedefinitions: 'apiextensions.k8s.io/customresourcedefinitions', apiservices: 'apiregistration.k8s.io/apiservices',
})

/** What all keys of a resource begin with. `resource`: as the store names it, "pods" or of a custom one "gateways.gateway.networking.k8s.io". */
export function registryPrefix(resource: string): string {
  const [plural = '', ...group] = resource.split('.')
  return `${PREFIX}/${group.length > 0 ? `${group.join('.')}/${plural}` : (own(SPECIAL, plural) ?? plural)}/`
}

export function registryKey(resource: string, { metadata: { namespace, name } }: KubeObject): string {
  return `${registryPrefix(resource)}${namespace === undefined ? '' : `${namespace}/`}${name}`
}

/** A key, or with an end all from it up to there; an end of "\0" is that of all. */
export interface KeyRange { key: string; end?: string | undefined }

export function inRange(at: string, { key, end }: KeyRange): boolean {
  return end === undefined ? at === key : at >= key && (end === '\0' || at < end)
}

/** Whether keys that begin so may be in a range. */
export function meets(prefix: string, { key, end }: KeyRange): boolean {
  if (end === undefined || key >= prefix) return key.startsWith(prefix)
  return end === '\0' || end > prefix
}
