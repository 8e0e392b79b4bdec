import type { KubeObject } from '../../kubernetes/types.ts'
import type { Peer } from './groups.ts'

/** Antrea's own policies (docs/antrea-network-policy.md of v2.4): tiers, priorities, and rules that allow, drop, reject or pass on. */
export type Action = 'Allow' | 'Drop' | 'Reject' | 'Pass'

export interface RulePort { protocol?: string; port?: number | string; endPort?: number; sourcePort?: number; sourceEndPort?: number }
export interface Rule {
  action: Action
  name?: string
  from?: Peer[]
  to?: Peer[]
  ports?: RulePort[]
  protocols?: { icmp?: { icmpType?: number; icmpCode?: number } }[]
  /** Without a namespace: the policy's. */
  toServices?: { name: string; namespace?: string; scope?: string }[]
  appliedTo?: Peer[]
  enableLogging?: boolean
  logLabel?: string
}
export interface NativePolicy extends KubeObject { spec: { tier?: string; priority: number; appliedTo?: Peer[]; ingress?: Rule[]; egress?: Rule[] } }
