import type { Clock, Timer } from '../../clock.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { AccountClient } from '../../kubernetes/rbac/account-client.ts'
import type { KubeObject, LabelSelector, Service } from '../../kubernetes/types.ts'
import type { Ip } from '../../network/types.ts'
import { PolicyModel } from '../../policy/policy-model.ts'
import type { Direction, Policy, PolicyPeer, PolicyPod, PolicyPort, PolicyRule } from '../../policy/types.ts'

/**
 * amazon-network-policy-controller-k8s: turns each NetworkPolicy into a PolicyEndpoint, in which selectors have become
 * addresses (pkg/resolvers/endpoints.go). One object a policy here, however many addresses; the real one cuts at 1,000.
 */
export const POLICY_ENDPOINTS = 'policyendpoints.networking.k8s.aws'

export interface EndpointPort { protocol: string; port?: number; endPort?: number }
export interface EndpointInfo { cidr: string; except?: readonly string[]; ports?: readonly EndpointPort[] }

export interface PolicyEndpoint extends KubeObject {
  spec: {
    policyRef: { name: string; namespace: string }
    podSelector?: LabelSelector
    podIsolation?: readonly ('Ingress' | 'Egress')[]
    podSelectorEndpoints?: readonly { hostIP: Ip; podIP: Ip; name: string; namespace: string }[]
    ingress?: readonly EndpointInfo[]
    egress?: readonly EndpointInfo[]
  }
}

/** How long changes are gathered, virtual ms. */
const DELAY = 20

export class PolicyEndpointController {
  readonly #client: AccountClient
  readonly #clock: Clock
  readonly #model: PolicyModel
  readonly #services = new Map<string, Service>()
  readonly #hostIps = new Map<string, Ip>()
  readonly #objects = new Map<string, PolicyEndpoint>()
  readonly #stops: (() => void)[] = []
  #timer: Timer | undefined
  #stopped = false

  /** `nodes`: where the nodes' addresses are read, which the real one has of its Pods. */
  constructor(client: AccountClient, nodes: KubernetesClient, clock: Clock) {
    this.#client = client
    this.#clock = clock
    this.#watch<PolicyEndpoint>(POLICY_ENDPOINTS, (object, gone) => {
      const { namespace, name } = object.spec.policyRef
      if (!gone) this.#objects.set(`${namespace}/${name}`, object)
      else if (this.#objects.get(`${namespace}/${name}`)?.metadata.uid === object.metadata.uid) this.#objects.delete(`${namespace}/${name}`)
    })
    this.#watch<Service>('services', (service, gone) => {
      const key = `${service.metadata.namespace}/${service.metadata.name}`
      if (gone) this.#services.delete(key)
      else this.#services.set(key, service)
    })
    this.#watch<KubeObject & { status: { addresses?: { type: string; address: Ip }[] } }>('nodes', (node) => {
      const ip = node.status.addresses?.find((a) => a.type === 'InternalIP')?.address
      if (ip !== undefined) this.#hostIps.set(node.metadata.name, ip)
    }, nodes)
    this.#model = new PolicyModel(client, () => this.#request())
    this.#request()
  }

  stop(): void {
    this.#stopped = true
    this.#model.stop()
    for (const stop of this.#stops) stop()
    this.#clock.cancel(this.#timer)
  }

  #watch<T extends KubeObject>(resource: string, told: (object: T, gone: boolean) => void, client: KubernetesClient = this.#client): void {
    this.#stops.push(client.watch<T>(resource, {}, (event) => {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return
      told(event.object, event.type === 'DELETED')
      if (resource !== 'nodes' && (this.#objects.size > 0 || resource === POLICY_ENDPOINTS)) this.#request()
    }))
  }

  #request(): void {
    if (this.#stopped || this.#timer) return
    this.#timer = this.#clock.schedule(DELAY, () => {
      this.#timer = undefined
      try {
        this.#sync()
      } catch {
        // The API server cannot be reached, or refuses it: the next event, or this, tries again.
        this.#timer = this.#clock.schedule(5_000, () => {
          this.#timer = undefined
          this.#request()
        }, { background: true })
      }
    })
  }

  #sync(): void {
    const { view } = this.#model
    for (const [key, object] of this.#objects) if (!view.policies.has(key)) this.#client.delete(POLICY_ENDPOINTS, object.metadata.namespace, object.metadata.name)
    for (const [key, policy] of view.policies) {
      const spec = this.#specOf(policy)
      const present = this.#objects.get(key)
      if (present && JSON.stringify(normal(present.spec)) === JSON.stringify(normal(spec))) continue
      const refused = this.#client.refusal({ verb: present ? 'update' : 'create', resource: POLICY_ENDPOINTS, namespace: policy.namespace, name: present?.metadata.name })
      if (refused) throw refused
      if (present) {
        this.#client.update(POLICY_ENDPOINTS, policy.namespace, present.metadata.name, { ...present, spec })
        continue
      }
      const owner = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', name: policy.name, uid: policy.object.metadata.uid, controller: true, blockOwnerDeletion: true }
      this.#client.create(POLICY_ENDPOINTS, policy.namespace, { apiVersion: 'networking.k8s.aws/v1alpha1', kind: 'PolicyEndpoint', metadata: { generateName: `${policy.name}-`, namespace: policy.namespace, ownerReferences: [owner] }, spec })
    }
  }

  #specOf(policy: Policy): PolicyEndpoint['spec'] {
    const pods = this.#model.view.selected(policy.key).filter((p) => p.ips.length > 0)
    const podSelectorEndpoints = pods.map((p) => ({ hostIP: this.#hostIps.get(p.node ?? '') ?? '', name: p.name, namespace: p.namespace, podIP: p.ips[0]! }))
    const infos = (direction: Direction): EndpointInfo[] => policy.rules[direction].flatMap((rule) => this.#resolve(rule, direction, pods))
    const [ingress, egress] = [infos('ingress'), infos('egress')]
    return {
      ...(egress.length > 0 ? { egress } : {}),
      ...(ingress.length > 0 ? { ingress } : {}),
      podIsolation: [...(policy.isolates.ingress ? ['Ingress' as const] : []), ...(policy.isolates.egress ? ['Egress' as const] : [])],
      podSelector: policy.object.spec.podSelector ?? {},
      podSelectorEndpoints,
      policyRef: { name: policy.name, namespace: policy.namespace },
    }
  }

  #resolve(rule: PolicyRule, direction: Direction, own: readonly PolicyPod[]): EndpointInfo[] {
    const ports = (targets: readonly PolicyPod[] | undefined): EndpointPort[] | undefined => rule.ports && rule.ports.flatMap((p) => numbers(p, targets ?? []))
    // a rule none of whose named ports anybody has lets nothing through
    const info = (cidr: string, found: EndpointPort[] | undefined, except?: readonly string[]): EndpointInfo[] =>
      found?.length === 0 ? [] : [{ cidr, ...(except?.length ? { except } : {}), ...(found ? { ports: found } : {}) }]
    const inbound = direction === 'ingress' ? ports(own) : undefined
    if (!rule.peers) return ['0.0.0.0/0', '::/0'].flatMap((cidr) => info(cidr, direction === 'ingress' ? inbound : ports(undefined)))
    return rule.peers.flatMap((peer) => {
      if (peer.kind === 'cidr') return info(peer.cidr, direction === 'ingress' ? inbound : ports(undefined), peer.except)
      const pods = this.#model.view.members(peer.set.id)
      if (direction === 'ingress') return pods.flatMap((pod) => info(pod.ips[0]!, inbound))
      // a port's name means each Pod's own number
      const toPods = pods.flatMap((pod) => info(pod.ips[0]!, ports([pod])))
      return [...toPods, ...this.#servicesOf(peer, rule, pods)]
    })
  }

  /** At the Pod's link a Service's address is not translated yet: those of Services whose selector the peer chooses are let through as well. */
  #servicesOf(peer: PolicyPeer & { kind: 'pods' }, rule: PolicyRule, pods: readonly PolicyPod[]): EndpointInfo[] {
    const namespaces = new Set(pods.map((p) => p.namespace))
    return [...this.#services.values()].flatMap(({ metadata, spec }): EndpointInfo[] => {
      const { clusterIP, selector } = spec
      if (!clusterIP || clusterIP === 'None' || !selector || !namespaces.has(metadata.namespace!) || !peer.set.selectsPod(selector)) return []
      if (!rule.ports) return [{ cidr: clusterIP }]
      const ports = (spec.ports ?? []).filter(({ targetPort, port, protocol = 'TCP' }) => rule.ports!.some((p) => {
        if (p.protocol !== protocol) return false
        if (p.name !== undefined) return targetPort === p.name
        if (p.port === undefined) return true
        const target = typeof targetPort === 'string' ? pods.find((pod) => pod.namedPorts.has(`${protocol}/${targetPort}`))?.namedPorts.get(`${protocol}/${targetPort}`) : (targetPort ?? port)
        return target !== undefined && target >= p.port && target <= (p.endPort ?? p.port)
      })).map(({ port, protocol = 'TCP' }) => ({ port, protocol }))
      return ports.length > 0 ? [{ cidr: clusterIP, ports }] : []
    })
  }
}

function numbers({ protocol, port, endPort, name }: PolicyPort, targets: readonly PolicyPod[]): EndpointPort[] {
  if (name === undefined) return [{ ...(endPort === undefined ? {} : { endPort }), ...(port === undefined ? {} : { port }), protocol }]
  const found = new Set(targets.flatMap((pod) => pod.namedPorts.get(`${protocol}/${name}`) ?? []))
  return [...found].map((number) => ({ port: number, protocol }))
}

/** With its keys in one order. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, normal(inner)]))
}
