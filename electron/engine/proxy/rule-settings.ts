/** What the iptables and nftables modes read of their own part. */
export interface RuleSettings {
  masqueradeAll: boolean
  /** iptables only. */
  localhostNodePorts: boolean
  /** nodePortAddresses; empty: all addresses. In nftables mode undefined, or "primary", is the node's own. */
  nodePortAddresses?: readonly string[]
  /** Another than the cluster file's podCIDR: what comes from there comes from the Pods. */
  clusterCIDR?: readonly string[]
  /** Instead: what comes in by this interface, or by those whose names begin so ("veth+"). iptables and ipvs. */
  podInterface?: string
  /** minSyncPeriod (ms): so long there is between two syncs when many changes come; a second without it. */
  minSync?: number
}

export const DEFAULT_RULES: RuleSettings = { masqueradeAll: false, localhostNodePorts: true }
