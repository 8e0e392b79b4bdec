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

/** `resource`: as the store names it, "pods" or of a custom one "gateways.gateway.networking.k8s.io". */
export function registryKey(resource: string, { metadata: { namespace, name } }: KubeObject): string {
  const [plural = '', ...group] = resource.split('.')
  const home = group.length > 0 ? `${group.join('.')}/${plural}` : (own(SPECIAL, plural) ?? plural)
  return `${PREFIX}/${home}/${namespace === undefined ? '' : `${namespace}/`}${name}`
}
