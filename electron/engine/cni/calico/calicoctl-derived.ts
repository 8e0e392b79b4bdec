import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { KubeObject, NetworkPolicy, Node, Pod } from '../../kubernetes/types.ts'
import { singleAddress } from './calico.ts'
import type { CalicoKind, Stored } from './calicoctl-objects.ts'
import { addressesOf } from './datastore.ts'
import { workloadInterface } from './names.ts'

/** Objects of projectcalico.org/v3 that are made of Kubernetes' own (libcalico-go/lib/backend/k8s: resources/node.go, conversion). */

const text = (value: unknown): string => (Array.isArray(value) ? value.join(',') : typeof value === 'string' || typeof value === 'number' ? String(value) : '')
const some = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> => Object.fromEntries(Object.entries(fields).filter(([, v]) => v !== undefined && v !== ''))

const ALLOW = [{ action: 'Allow', destination: {}, source: {} }]
const HOST_LABELS = ['projectcalico.org/namespace', 'projectcalico.org/orchestrator', 'projectcalico.org/serviceaccount'] as const

export const DERIVED_KINDS: readonly CalicoKind[] = [
  {
    kind: 'Node', plural: 'nodes', words: ['no', 'nos'], columns: ['NAME'], wide: ['NAME', 'ASN', 'IPV4', 'IPV6'],
    row: ({ bgp }) => {
      const { asNumber, ipv4Address, ipv6Address } = (bgp ?? {}) as Record<string, unknown>
      return { ASN: bgp === undefined ? '' : asNumber === undefined ? '(64512)' : text(asNumber), IPV4: text(ipv4Address), IPV6: text(ipv6Address) }
    },
    read: (client) => client.list<Node>('nodes').items.map(nodeOf),
  },
  {
    kind: 'Profile', plural: 'profiles', words: ['pro', 'pros'], columns: ['NAME'], wide: ['NAME', 'LABELS'],
    row: ({ labelsToApply }) => ({ LABELS: Object.entries((labelsToApply ?? {}) as Record<string, string>).map(([k, v]) => `${k}=${v}`).sort().join(',') }),
    read: profiles,
  },
  {
    kind: 'WorkloadEndpoint', plural: 'workloadendpoints', words: ['wep', 'weps'], namespaced: true,
    columns: ['WORKLOAD', 'NODE', 'NETWORKS', 'INTERFACE'], wide: ['NAME', 'WORKLOAD', 'NODE', 'NETWORKS', 'INTERFACE', 'PROFILES', 'NATS'],
    row: (s) => ({ WORKLOAD: text(s['pod']), NODE: text(s['node']), NETWORKS: text(s['ipNetworks']), INTERFACE: text(s['interfaceName']), PROFILES: text(s['profiles']), NATS: '' }),
    read: (client, scope) => client.list<Pod>('pods', scope).items.flatMap(endpointOf),
  },
]

function nodeOf({ metadata, spec, status }: Node): Stored {
  const note = (name: string): string | undefined => metadata.annotations?.[`projectcalico.org/${name}`]
  const asNumber = note('ASNumber')
  const bgp = some({ asNumber: asNumber === undefined ? undefined : Number(asNumber), ipv4Address: note('IPv4Address'), ipv6Address: note('IPv6Address'), ipv4IPIPTunnelAddr: note('IPv4IPIPTunnelAddr'), routeReflectorClusterID: note('RouteReflectorClusterID') })
  const addresses = [
    ...[bgp['ipv4Address'], bgp['ipv6Address']].filter((a) => a !== undefined).map((address) => ({ address, type: 'CalicoNodeIP' })),
    ...(status?.addresses ?? []).filter((a) => a.type === 'InternalIP' || a.type === 'ExternalIP').map(({ address, type }) => ({ address, type })),
  ]
  const { name, uid, resourceVersion, creationTimestamp, labels } = metadata
  return {
    metadata: { ...some({ name, uid, resourceVersion, creationTimestamp, labels }), annotations: { 'projectcalico.org/kube-labels': JSON.stringify(Object.fromEntries(Object.entries(labels ?? {}).sort())) } },
    spec: some({
      bgp: Object.keys(bgp).length === 0 ? undefined : bgp, ipv4VXLANTunnelAddr: note('IPv4VXLANTunnelAddr'), vxlanTunnelMACAddr: note('VXLANTunnelMACAddr'), ipv6VXLANTunnelAddr: note('IPv6VXLANTunnelAddr'),
      vxlanTunnelMACAddrV6: note('VXLANTunnelMACAddrV6'), orchRefs: [{ nodeName: name, orchestrator: 'k8s' }], wireguard: note('IPv4WireguardInterfaceAddr') === undefined ? undefined : { interfaceIPv4Address: note('IPv4WireguardInterfaceAddr') }, addresses,
    }),
    status: some({ wireguardPublicKey: note('WireguardPublicKey'), podCIDRs: spec?.podCIDRs }),
  } as unknown as Stored
}

function profiles(client: KubernetesClient): Stored[] {
  const made = (name: string, prefix: string, { metadata }: KubeObject, allow: boolean): Stored => ({
    metadata: some({ name, uid: metadata.uid, resourceVersion: allow ? `${metadata.resourceVersion}/` : `/${metadata.resourceVersion}`, creationTimestamp: metadata.creationTimestamp }),
    spec: { ...(allow ? { ingress: ALLOW, egress: ALLOW } : {}), labelsToApply: Object.fromEntries([...Object.entries(metadata.labels ?? {}).map(([k, v]) => [`${prefix}${k}`, v] as const), [`${prefix}projectcalico.org/name`, metadata.name] as const].sort()) },
  }) as unknown as Stored
  return [
    { metadata: { name: 'projectcalico-default-allow', resourceVersion: '1', creationTimestamp: null }, spec: { ingress: ALLOW, egress: ALLOW } } as unknown as Stored,
    ...client.list('namespaces').items.map((n) => made(`kns.${n.metadata.name}`, 'pcns.', n, true)),
    ...client.list('serviceaccounts').items.map((a) => made(`ksa.${a.metadata.namespace}.${a.metadata.name}`, 'pcsa.', a, false)),
  ]
}

function endpointOf(pod: Pod): Stored[] {
  const { metadata, spec, status } = pod
  const ips = addressesOf(pod)
  if (spec.hostNetwork || ips.length === 0 || !spec.nodeName || status.phase === 'Succeeded' || status.phase === 'Failed') return []
  const dashed = (name: string): string => name.replaceAll('-', '--')
  const account = spec.serviceAccountName ?? 'default'
  const values = [metadata.namespace, 'k8s', account]
  const ports = [...spec.containers, ...(spec.initContainers ?? [])].flatMap((c) => c.ports ?? []).filter((p) => p.name || p.hostPort)
  return [{
    metadata: some({
      name: `${dashed(spec.nodeName)}-k8s-${dashed(metadata.name)}-eth0`, generateName: metadata.generateName, namespace: metadata.namespace, uid: metadata.uid, resourceVersion: metadata.resourceVersion,
      creationTimestamp: metadata.creationTimestamp, labels: { ...metadata.labels, ...Object.fromEntries(HOST_LABELS.map((l, i) => [l, values[i]!])) },
    }),
    spec: some({
      orchestrator: 'k8s', node: spec.nodeName, containerID: metadata.annotations?.['cni.projectcalico.org/containerID'], pod: metadata.name, endpoint: 'eth0', serviceAccountName: account,
      ipNetworks: ips.map(singleAddress), profiles: [`kns.${metadata.namespace}`, `ksa.${metadata.namespace}.${account}`], interfaceName: workloadInterface(metadata.namespace, metadata.name),
      ...(ports.length === 0 ? {} : { ports: ports.map((p) => ({ name: p.name ?? '', protocol: p.protocol ?? 'TCP', port: p.containerPort, hostPort: p.hostPort ?? 0, hostIP: p.hostIP ?? '' })) }),
    }),
  } as unknown as Stored]
}

/** A NetworkPolicy of Kubernetes among Calico's own: its name, its order and what it chooses. */
export function kubernetesPolicy({ metadata, spec }: NetworkPolicy): Stored {
  const labels = Object.entries(spec.podSelector?.matchLabels ?? {}).sort().map(([k, v]) => `${k} == '${v}'`)
  return { metadata: { name: `knp.default.${metadata.name}`, namespace: metadata.namespace }, spec: { order: 1000, selector: ["projectcalico.org/orchestrator == 'k8s'", ...labels].join(' && ') } } as unknown as Stored
}
