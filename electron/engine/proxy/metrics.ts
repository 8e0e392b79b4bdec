import type { NodeContext } from '../cni/types.ts'
import { buildInfo, exposition, type MetricFamily } from '../prometheus.ts'
import type { EndpointInfo } from './endpoints.ts'
import type { ProxyHealth } from './health.ts'
import type { ServiceState } from './shared-services.ts'

/**
 * kube-proxy's metrics whose values are known here (pkg/proxy/metrics of v1.33): the rules that it has written, and when. What
 * it does not measure here (how long a sync takes, how many changes it saw) is not there.
 */
export function proxyMetrics({ name: node, network, config, clock }: NodeContext, mode: string, { syncedAt, states, queuedAt, answered, cleaned }: ProxyHealth): string {
  const families = config.ipFamilies.map((name) => ({ name, family: name === 'IPv4' ? (4 as const) : (6 as const) }))
  const last: MetricFamily = {
    name: 'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
    help: '[ALPHA] The last time proxy rules were successfully synced',
    type: 'gauge',
    samples: families.flatMap(({ name, family }) => (syncedAt.has(family) ? { labels: { ip_family: name }, value: (clock.epoch + syncedAt.get(family)!) / 1000 } : [])),
  }
  const rules: MetricFamily = {
    name: 'kubeproxy_sync_proxy_rules_iptables_total',
    help: '[ALPHA] Total number of iptables rules owned by kube-proxy',
    type: 'gauge',
    samples: mode !== 'iptables' ? [] : families.flatMap(({ name, family }) => {
      const netfilter = family === 4 ? network.netfilter : network.netfilter6
      // Where node ports are served on 127.0.0.1, it writes the kubelet's rule against guests there, too.
      const firewall = family === 4 && network.sysctl('net.ipv4.conf.all.route_localnet') === '1'
      return (['filter', 'nat'] as const).map((table) => ({ labels: { ip_family: name, table }, value: ownRules(netfilter.command(['-t', table, '-S']).stdout, firewall) }))
    }),
  }
  const nowhere: MetricFamily = {
    name: 'kubeproxy_sync_proxy_rules_no_local_endpoints_total',
    help: '[ALPHA] Number of services with a Local traffic policy and no endpoints',
    type: 'gauge',
    samples: families.flatMap(({ name, family }) => {
      const state = states.get(family)
      return state ? (['external', 'internal'] as const).map((policy) => ({ labels: { ip_family: name, traffic_policy: policy }, value: withoutLocal(state, node, policy) })) : []
    }),
  }
  const queued: MetricFamily = {
    name: 'kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds',
    help: '[ALPHA] The last time a sync of proxy rules was queued',
    type: 'gauge',
    samples: families.flatMap(({ name, family }) => (queuedAt.has(family) ? { labels: { ip_family: name }, value: (clock.epoch + queuedAt.get(family)!) / 1000 } : [])),
  }
  const deleted: MetricFamily = {
    name: 'kubeproxy_conntrack_reconciler_deleted_entries_total',
    help: '[ALPHA] Cumulative conntrack flows deleted by conntrack reconciler',
    type: 'counter',
    samples: families.flatMap(({ name, family }) => (cleaned.has(family) ? { labels: { ip_family: name }, value: cleaned.get(family)! } : [])),
  }
  const probes = (['healthz', 'livez'] as const).map((path): MetricFamily => ({
    name: `kubeproxy_proxy_${path}_total`,
    help: `[ALPHA] Cumulative proxy ${path} HTTP status`,
    type: 'counter',
    samples: [...answered[path]].map(([code, value]) => ({ labels: { code: String(code) }, value })),
  }))
  return exposition([buildInfo(), last, queued, rules, nowhere, deleted, ...probes])
}

/** Ports of Services that have endpoints, but none on this node, where only those may be used. */
function withoutLocal(state: ServiceState, node: string, policy: 'internal' | 'external'): number {
  const usable = (e: EndpointInfo): boolean => e.ready || (e.serving && e.terminating)
  return [...state.services.values()].flat().filter((port) => {
    if (!(policy === 'internal' ? port.internalPolicyLocal : port.externalPolicyLocal)) return false
    const endpoints = state.endpointsOf(port).filter(usable)
    return endpoints.length > 0 && endpoints.every((e) => e.nodeName !== node)
  }).length
}

/** What stands in its own chains; its jumps from the kernel's chains are not counted. */
function ownRules(listed: string, firewall: boolean): number {
  return listed.split('\n').filter((line) => /^-A KUBE-/.test(line) && (firewall || !line.startsWith('-A KUBE-FIREWALL '))).length
}
