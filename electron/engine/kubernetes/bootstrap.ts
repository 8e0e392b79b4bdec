import { nthAddress } from '../network/address.ts'
import type { ApiServer } from './api-server.ts'
import { CLUSTER_CA } from './cluster-ca.ts'
import { timestamp } from './human-duration.ts'
import { deepFreeze } from './json.ts'
import { registered } from './kinds/api-service.ts'
import { allocatedLabels } from './kinds/service-cidr.ts'
import { type Draft, defaultRbac } from './rbac/default-objects.ts'
import type { KubeObject } from './types.ts'
import { createObject } from './writes.ts'
import { SYSTEM_PRIORITIES } from './validation/policy.ts'

/**
 * What an API server makes when it starts over an empty store: the system namespaces, and the Service of the API.
 * Each namespace's `default` ServiceAccount and kube-root-ca.crt are made with it, as the controllers for them would.
 */
export const SYSTEM_NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system'] as const

export const BY_SERVER = { fieldManager: 'kube-apiserver' }
const BY_MANAGER = { fieldManager: 'kube-controller-manager' }

const ROOT_CA_NOTE =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. ' +
  'No other usage is guaranteed across distributions of Kubernetes clusters.'

/** `more`: what else was there before anybody looks, by resource. */
export function bootstrap(server: ApiServer, serviceCIDR: readonly string[], address: string | undefined, more: Readonly<Record<string, readonly Draft[]>> = {}): void {
  seed(server, serviceCIDR, more)
  for (const name of SYSTEM_NAMESPACES) {
    server.create('namespaces', undefined, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, BY_SERVER)
  }
  kubernetesService(server, serviceCIDR)
  if (address) publishAddress(server, address)
}

/** pkg/controlplane/controller/kubernetesservice. */
export function kubernetesService(server: ApiServer, serviceCIDR: readonly string[]): void {
  const clusterIP = nthAddress(serviceCIDR[0]!, 1)
  // Its address is the first of the range and was never taken from it.
  const { allocate: _, ...service } = server.kind('services')
  const made = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      type: 'ClusterIP',
      clusterIP,
      clusterIPs: [clusterIP],
      ipFamilies: [clusterIP.includes(':') ? 'IPv6' : 'IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }],
      sessionAffinity: 'None',
    },
  }
  createObject(server, service, 'default', made, {})
}

/** Roles, priorities, and the range of Services: they have been there before anybody looks, and most are never looked at. */
function seed(server: ApiServer, serviceCIDR: readonly string[], more: Readonly<Record<string, readonly Draft[]>>): void {
  const uids = server.clock.random.fork('kubernetes/default-objects')
  const creationTimestamp = timestamp(server.clock.wall())
  const seedAll = (resource: string, drafts: readonly Draft[]): void => {
    const objects = drafts.map((draft) => ({ ...draft, metadata: { ...draft.metadata, uid: uids.uuid(), resourceVersion: '1', creationTimestamp } }) as KubeObject)
    if (server.freeze) for (const object of objects) deepFreeze(object)
    server.store.seed(resource, objects)
  }
  for (const [resource, drafts] of Object.entries(defaultRbac())) seedAll(resource, drafts)
  seedAll('priorityclasses', systemPriorities())
  for (const [resource, draft] of defaultRange(server, serviceCIDR)) seedAll(resource, [draft])
  for (const [resource, drafts] of Object.entries(more)) seedAll(resource, drafts)
  seedAll('apiservices', registered(server.resources(), server.clock.wall()) as Draft[])
}

export function systemPriorities(): Draft[] {
  return Object.entries(SYSTEM_PRIORITIES).map(([name, { value, description }]) => ({
    apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name, generation: 1 }, value, description, preemptionPolicy: 'PreemptLowerPriority',
  }))
}

/** The range of Services, and that its first address is taken; by resource. */
export function defaultRange(server: ApiServer, serviceCIDR: readonly string[]): [resource: string, draft: Draft][] {
  const ready = { lastTransitionTime: timestamp(server.clock.wall()), message: 'Kubernetes Service CIDR is ready', reason: '', status: 'True', type: 'Ready' }
  const range = { metadata: { name: 'kubernetes', finalizers: ['networking.k8s.io/service-cidr-finalizer'] }, spec: { cidrs: [...serviceCIDR] }, status: { conditions: [ready] } }
  const apiVersion = 'networking.k8s.io/v1'
  const name = nthAddress(serviceCIDR[0]!, 1)
  const spec = { parentRef: { name: 'kubernetes', namespace: 'default', resource: 'services' } }
  return [['servicecidrs', { apiVersion, kind: 'ServiceCIDR', ...range } as Draft], ['ipaddresses', { apiVersion, kind: 'IPAddress', metadata: { name, labels: allocatedLabels(name) }, spec } as Draft]]
}

/** pkg/controlplane/reconcilers: the API server itself says where it is. */
export function publishAddress(server: ApiServer, address: string, wanted: (resource: string) => boolean = () => true): void {
  const ports = [{ name: 'https', port: 6443, protocol: 'TCP' }]
  if (wanted('endpoints')) {
    server.create('endpoints', 'default', {
      metadata: { name: 'kubernetes', labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
      subsets: [{ addresses: [{ ip: address }], ports }],
    }, BY_SERVER)
  }
  if (wanted('endpointslices')) {
    server.create('endpointslices', 'default', {
      metadata: { name: 'kubernetes', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      addressType: address.includes(':') ? 'IPv6' : 'IPv4',
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports,
    }, BY_SERVER)
  }
}

/** The two objects that every namespace has from its beginning; upstream leaves them to controllers. */
export function populateNamespace(server: ApiServer, namespace: string): void {
  server.create('serviceaccounts', namespace, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } }, BY_MANAGER)
  server.create('configmaps', namespace, rootCa(), BY_MANAGER)
}

export function rootCa(): { metadata: { name: string }; data: { 'ca.crt': string } } & object {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kube-root-ca.crt', annotations: { 'kubernetes.io/description': ROOT_CA_NOTE } },
    data: { 'ca.crt': CLUSTER_CA },
  } as ReturnType<typeof rootCa>
}
