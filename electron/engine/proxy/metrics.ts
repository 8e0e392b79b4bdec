import type { NodeContext } from '../cni/types.ts'
import { buildInfo, exposition, type MetricFamily } from '../prometheus.ts'
import type { ProxyHealth } from './health.ts'

/**
 * kube-proxy's metrics whose values are known here (pkg/proxy/metrics of v1.33): the rules that it has written, and when. What
 * it does not measure here (how long a sync takes, how many changes it saw) is not there.
 */
export function proxyMetrics({ network, config, clock }: NodeContext, mode: string, { syncedAt }: ProxyHealth): string {
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
      return (['filter', 'nat'] as const).map((table) => ({ labels: { ip_family: name, table }, value: ownRules(netfilter.command(['-t', table, '-S']).stdout) }))
    }),
  }
  return exposition([buildInfo(), last, rules])
}

/** What stands in its own chains; KUBE-FIREWALL is the kubelet's, and its jumps from the kernel's chains are not counted. */
function ownRules(listed: string): number {
  return listed.split('\n').filter((line) => /^-A KUBE-/.test(line) && !line.startsWith('-A KUBE-FIREWALL ')).length
}
