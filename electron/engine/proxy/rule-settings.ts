/** What the iptables and nftables modes read of their own part. */
export interface RuleSettings {
  masqueradeAll: boolean
  /** iptables only. */
  localhostNodePorts: boolean
}

export const DEFAULT_RULES: RuleSettings = { masqueradeAll: false, localhostNodePorts: true }
