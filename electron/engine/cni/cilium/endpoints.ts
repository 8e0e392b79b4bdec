import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import type { Namespace, Pod } from '../../kubernetes/types.ts'
import { nthAddress } from '../../network/address.ts'
import type { Ip } from '../../network/types.ts'
import { byName } from '../../own.ts'
import type { NodeContext, Sandbox } from '../types.ts'
import type { AgentLog } from './config.ts'
import type { Datapath } from './datapath.ts'
import { attachEndpoint, plugPod, POD_INTERFACE, randomAddress } from './devices.ts'
import { identityOf, labelsOfPod, type SecurityLabels } from './identity.ts'
import type { LbProtocol } from './lb-map.ts'
import { singleAddress, type Endpoint } from './maps.ts'
import { addressing, CILIUM_ENDPOINTS, labelsFor, type CiliumEndpoint, type IdentityAllocator } from './objects.ts'
import { EndpointPolicy } from './policy-map.ts'

/** What the agent does for its endpoints. */
export interface EndpointOwner {
  policyFor(endpoint: Endpoint): EndpointPolicy
  regenerateSoon(): void
  /** Creates, or changes what is there. */
  put(resource: string, namespace: string | undefined, name: string, object: object, change: object): void
  /** The CiliumEndpoint of a Pod, "namespace/name". */
  known(pod: string): CiliumEndpoint | undefined
}

/** The node's own endpoints (pkg/endpoint and pkg/endpointmanager of cilium/cilium): made, named by their labels, told of, taken away. */
export class LocalEndpoints {
  readonly #context: NodeContext
  readonly #client: KubernetesClient
  readonly #log: AgentLog
  readonly #identities: IdentityAllocator
  readonly #dp: Datapath
  readonly #agent: EndpointOwner
  readonly #namespaces = new Map<string, Readonly<Record<string, string>>>()
  #addresses = 0

  constructor(context: NodeContext, client: KubernetesClient, log: AgentLog, identities: IdentityAllocator, dp: Datapath, agent: EndpointOwner) {
    this.#context = context
    this.#client = client
    this.#log = log
    this.#identities = identities
    this.#dp = dp
    this.#agent = agent
  }

  namespaceGone(name: string): void {
    this.#namespaces.delete(name)
  }

  onNamespace({ metadata }: Namespace): void {
    const labels = metadata.labels ?? {}
    const former = this.#namespaces.get(metadata.name)
    this.#namespaces.set(metadata.name, labels)
    if (!former || JSON.stringify(former) === JSON.stringify(labels)) return
    for (const endpoint of this.#dp.endpoints.values()) {
      if (endpoint.podNamespace !== metadata.name) continue
      const pod = this.#pod(endpoint.podNamespace, endpoint.podName)
      if (pod) this.#relabel(endpoint, pod)
    }
  }

  onPod(pod: Pod): void {
    for (const { ip = '' } of pod.status.podIPs?.slice(0, 1) ?? []) {
      const endpoint = this.#dp.endpointAt(ip)
      if (endpoint?.pod === `${pod.metadata.namespace}/${pod.metadata.name}`) this.#relabel(endpoint, pod)
    }
  }

  #relabel(endpoint: Endpoint, pod: Pod): void {
    const labels = this.#labels(pod)
    const id = this.#identities.idOf(labels)
    if (id === endpoint.identity) return
    this.#log('info', 'Identity of endpoint changed', 'endpoint', `endpointID=${endpoint.id} k8sPodName=${endpoint.pod} newIdentity=${id} oldIdentity=${endpoint.identity}`)
    endpoint.identity = id
    this.#know(endpoint, labels)
    this.#client.patch(CILIUM_ENDPOINTS, endpoint.podNamespace, endpoint.podName, 'application/merge-patch+json', { metadata: { labels: pod.metadata.labels ?? {} }, status: { identity: { id, labels: labelsFor(labels) } } })
    this.#agent.regenerateSoon()
  }

  #know(endpoint: Endpoint, labels: SecurityLabels): void {
    const dp = this.#dp
    if (!dp.identities.has(endpoint.identity)) dp.identities.set(endpoint.identity, identityOf(endpoint.identity, labels))
    for (const ip of endpoint.ips) dp.ipcache.set(singleAddress(ip), { identity: endpoint.identity })
  }

  #labels(pod: Pod): SecurityLabels {
    const namespace = pod.metadata.namespace!
    return labelsOfPod({ namespace, labels: pod.metadata.labels, serviceAccount: pod.spec.serviceAccountName ?? 'default', namespaceLabels: this.#namespaces.get(namespace) })
  }

  #pod(namespace: string, name: string): Pod | undefined {
    try {
      return this.#client.get<Pod>('pods', namespace, name)
    } catch (error) {
      if (error instanceof StatusError) return undefined
      throw error
    }
  }

  /** Throws an Error with the plugin's text. */
  add(sandbox: Sandbox): { ips: Ip[]; link: string } {
    const dp = this.#dp
    const pod = this.#pod(sandbox.podNamespace, sandbox.podName)
    if (!pod) throw new Error(`unable to create endpoint: [PUT /endpoint/{id}][404] putEndpointIdNotFound "Pod ${sandbox.podNamespace}/${sandbox.podName} not found"`)
    const number = this.#addresses++
    let ips: Ip[]
    try {
      ips = this.#context.config.ipFamilies.map((name) => {
        const { version, routerIp, podCidr } = dp.families.find((f) => f.version === (name === 'IPv4' ? 4 : 6))!
        const taken = new Set([routerIp, nthAddress(podCidr, 0), ...[...dp.endpoints.values()].flatMap((e) => e.ips)])
        return randomAddress(this.#context, podCidr, `cilium ipam ${this.#context.name} ${number}${version === 6 ? ' IPv6' : ''}`, taken)
      })
    } catch (error) {
      throw new Error(`unable to allocate IP via local cilium agent: [POST /ipam][502] postIpamFailure ${(error as Error).message}`, { cause: error })
    }
    const labels = this.#labels(pod)
    const identity = this.#identities.idOf(labels)
    const ends = plugPod(dp, sandbox, ips)
    const namedPorts: Record<string, { port: number; protocol: string }> = byName({})
    for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) for (const p of container.ports ?? []) if (p.name) namedPorts[p.name] ??= { port: p.containerPort, protocol: p.protocol ?? 'TCP' }
    const endpoint: Endpoint = {
      id: this.#endpointId(dp), ips, ...ends, containerId: sandbox.id, pod: `${sandbox.podNamespace}/${sandbox.podName}`, podNamespace: sandbox.podNamespace, podName: sandbox.podName,
      identity, policy: new EndpointPolicy(), namedPorts,
    }
    dp.addEndpoint(endpoint)
    this.#know(endpoint, labels)
    endpoint.policy = this.#agent.policyFor(endpoint)
    attachEndpoint(dp, endpoint)
    if (dp.replacesProxy) dp.lb.hostPorts(endpoint.pod, ips.flatMap((ip) => hostPortsOf(pod, ip, dp.family(ip)!.nodeIp)))
    this.#publish(endpoint, pod, labels)
    this.#log('info', 'Successful endpoint creation', 'daemon', `ciliumEndpointName=${endpoint.pod} containerID=${sandbox.id.slice(0, 10)} endpointID=${endpoint.id} identity=${identity} ${ips.map((ip) => `ipv${ip.includes(':') ? 6 : 4}=${ip}`).join(' ')} k8sPodName=${endpoint.pod}`)
    return { ips, link: endpoint.link.name }
  }

  #endpointId(dp: Datapath): number {
    const used = new Set([...dp.endpoints.values()].map((e) => e.id))
    const random = this.#context.clock.random.fork(`cilium endpoint ${this.#context.name} ${this.#addresses}`)
    for (;;) {
      const id = 1 + random.below(4_095)
      if (!used.has(id)) return id
    }
  }

  #publish(endpoint: Endpoint, pod: Pod, labels: SecurityLabels): void {
    const { podNamespace, podName, containerId } = endpoint
    const ports = Object.entries(endpoint.namedPorts).map(([name, { port, protocol }]) => ({ name, port, protocol }))
    const status = {
      encryption: {},
      'external-identifiers': { 'cni-attachment-id': `${containerId}:${POD_INTERFACE}`, 'container-id': containerId, 'k8s-namespace': podNamespace, 'k8s-pod-name': podName, 'pod-name': `${podNamespace}/${podName}` },
      id: endpoint.id,
      identity: { id: endpoint.identity, labels: labelsFor(labels) },
      ...(ports.length > 0 ? { 'named-ports': ports } : {}),
      networking: { addressing: [addressing(endpoint.ips)], node: this.#dp.nodeIp },
      state: 'ready',
    }
    const metadata = { name: podName, namespace: podNamespace, labels: pod.metadata.labels ?? {}, ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: podName, uid: pod.metadata.uid }] }
    this.#agent.put(CILIUM_ENDPOINTS, podNamespace, podName, { apiVersion: 'cilium.io/v2', kind: 'CiliumEndpoint', metadata, status }, { metadata: { labels: metadata.labels, ownerReferences: metadata.ownerReferences }, status })
  }

  remove({ pod, podNamespace, podName, containerId }: Endpoint): void {
    const object = this.#agent.known(pod)
    // a new Pod of the same name has made it its own
    if (!object || object.status?.['external-identifiers']?.['container-id'] !== containerId) return
    try {
      this.#client.delete(CILIUM_ENDPOINTS, podNamespace, podName, object.metadata.uid === undefined ? {} : { preconditions: { uid: object.metadata.uid } })
    } catch {
      // Gone with its Pod, or the API server cannot be reached: the garbage collector will see to it.
    }
  }
}

/** The Pod is gone: what the maps hold of it goes. */
export function forgetEndpoint(dp: Datapath, endpoint: Endpoint): void {
  const { ips, pod } = endpoint
  dp.removeEndpoint(endpoint)
  dp.names.forget(endpoint)
  for (const ip of ips) dp.ipcache.delete(singleAddress(ip))
  dp.conntrack.removeIf(({ tuple }) => ips.includes(tuple.source) || ips.includes(tuple.destination))
  if (![...dp.endpoints.values()].some((other) => other.pod === pod)) dp.lb.hostPorts(pod, [])
}

function hostPortsOf(pod: Pod, ip: Ip, nodeIp: Ip): { hostIp: Ip; hostPort: number; ip: Ip; port: number; protocol: LbProtocol }[] {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers].flatMap((c) => c.ports ?? []).flatMap(({ hostPort, hostIP, containerPort: port, protocol }) => {
    const hostIp = hostIP && hostIP !== '0.0.0.0' && hostIP !== '::' ? hostIP : nodeIp
    return hostPort && hostIp.includes(':') === ip.includes(':') ? [{ hostIp, hostPort, ip, port, protocol: (protocol ?? 'TCP').toLowerCase() as LbProtocol }] : []
  })
}
