import type { ClusterConfig } from '../../config.ts'
import type { AdminPeer, AdminPolicy, AdminPort } from '../admin-policy-api.ts'
import type { Peer } from './groups.ts'
import type { Action, NativePolicy } from './native-policy.ts'

/**
 * AdminNetworkPolicies and the BaselineAdminNetworkPolicy as Antrea's own, in tiers without a name
 * (pkg/controller/networkpolicy/adminnetworkpolicy.go of v2.4): Deny is Drop.
 */
export const ADMIN_TIERS: ReadonlyMap<string, number> = new Map([['AdminNetworkPolicy', 251], ['BaselineAdminNetworkPolicy', 254]])
/** The policy priority of the one baseline policy. */
const BASELINE_PRIORITY = 1

export function nativeOf({ kind, apiVersion, metadata, spec }: AdminPolicy): NativePolicy {
  const rule = (side: 'from' | 'to') => ({ action, name, ports, ...rest }: NonNullable<AdminPolicy['spec']['ingress']>[number]): object => ({
    action: (action === 'Deny' ? 'Drop' : action) as Action, ...(name === undefined ? {} : { name }), ...(ports?.length ? { ports: ports.flatMap(portsOf) } : {}), [side]: (rest[side] ?? []).map(peerOf),
  })
  return {
    kind, apiVersion, metadata,
    spec: { priority: spec.priority ?? BASELINE_PRIORITY, appliedTo: [peerOf(spec.subject)], ingress: (spec.ingress ?? []).map(rule('from')), egress: (spec.egress ?? []).map(rule('to')) },
  } as NativePolicy
}

function peerOf({ namespaces, pods }: AdminPeer): Peer {
  return pods ? { podSelector: pods.podSelector ?? {}, namespaceSelector: pods.namespaceSelector ?? {} } : { namespaceSelector: namespaces ?? {} }
}

function portsOf({ portNumber, portRange, namedPort }: AdminPort): { protocol?: string; port?: number | string; endPort?: number }[] {
  if (portNumber) return [{ protocol: portNumber.protocol ?? 'TCP', port: portNumber.port }]
  if (portRange) return [{ protocol: portRange.protocol ?? 'TCP', port: portRange.start, endPort: portRange.end }]
  // a name is of every protocol
  return namedPort === undefined ? [] : ['TCP', 'UDP', 'SCTP'].map((protocol) => ({ protocol, port: namedPort }))
}

/** The controller's feature gate AdminNetworkPolicy: only then it tells agents of these policies. */
export class AdminGate {
  #open = false
  readonly #waiting = new Set<() => void>()

  get isOpen(): boolean {
    return this.#open
  }

  /** What the controller that has just started was told. */
  set(open: boolean): void {
    if (open === this.#open) return
    this.#open = open
    for (const told of [...this.#waiting]) told()
  }

  /** Returns what ends it. */
  onChange(told: () => void): () => void {
    this.#waiting.add(told)
    return () => this.#waiting.delete(told)
  }
}

const gates = new WeakMap<ClusterConfig, AdminGate>()

/** One a cluster. */
export function adminGate(config: ClusterConfig): AdminGate {
  let gate = gates.get(config)
  if (!gate) gates.set(config, (gate = new AdminGate()))
  return gate
}
