import type { NetworkNamespace } from '../network/types.ts'

/** The part `conntrack` of kube-proxy's configuration; durations are Go's, and without a value the default counts. */
export interface ConntrackFields {
  maxPerCore?: number | null
  min?: number | null
  tcpEstablishedTimeout?: string | null
  tcpCloseWaitTimeout?: string | null
  tcpBeLiberal?: boolean | null
  udpTimeout?: string | null
  udpStreamTimeout?: string | null
}

/** The defaults of pkg/proxy/apis/config/v1alpha1/defaults.go of v1.33. */
const DEFAULTS = { maxPerCore: 32 * 1024, min: 128 * 1024, tcpEstablishedTimeout: '24h', tcpCloseWaitTimeout: '1h' }

/** What kube-proxy sets of the node's connection tracking when it starts (cmd/kube-proxy/app/conntrack.go of v1.33); 0 leaves what is there. */
export function setConntrackSysctls(network: NetworkNamespace, fields: ConntrackFields, cpus: number, seconds: (duration: string) => number, log: (source: string, message: string) => void): void {
  const set = (name: string, value: number): void => {
    if (value <= 0 || network.sysctl(`net.netfilter.${name}`) === String(value)) return
    log('conntrack.go:121', `"Set sysctl" entry="net/netfilter/${name}" value=${value}`)
    network.setSysctl(`net.netfilter.${name}`, String(value))
  }
  const perCore = fields.maxPerCore ?? DEFAULTS.maxPerCore
  if (perCore > 0) {
    const max = Math.max(perCore * cpus, fields.min ?? DEFAULTS.min)
    set('nf_conntrack_max', max)
    log('conntrack.go:60', `"Setting nf_conntrack_max" nfConntrackMax=${max}`)
  }
  set('nf_conntrack_tcp_timeout_established', seconds(fields.tcpEstablishedTimeout ?? DEFAULTS.tcpEstablishedTimeout))
  set('nf_conntrack_tcp_timeout_close_wait', seconds(fields.tcpCloseWaitTimeout ?? DEFAULTS.tcpCloseWaitTimeout))
  if (fields.tcpBeLiberal) set('nf_conntrack_tcp_be_liberal', 1)
  set('nf_conntrack_udp_timeout', seconds(fields.udpTimeout ?? '0s'))
  set('nf_conntrack_udp_timeout_stream', seconds(fields.udpStreamTimeout ?? '0s'))
}
