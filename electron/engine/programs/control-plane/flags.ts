import type { Process } from '../../machine/types.ts'
import type { PartName } from '../types.ts'

/**
 * The command lines of the control plane's programs. What kubeadm writes is simulated, and a few flags beside it; what
 * a program has and is not simulated is told, and what it does not have is its own error.
 */
export interface Refusal {
  code: number
  message: string
}

/** What only concerns the programs' own logs and measurements. */
const FREE = new Set(['v', 'vmodule', 'logging-format', 'profiling', 'contention-profiling', 'log-flush-frequency', 'log-level', 'logger', 'kube-api-qps', 'kube-api-burst'])
/** Those whose values may be others than kubeadm's. */
const ANY_VALUE: Readonly<Record<PartName, readonly string[]>> = {
  etcd: ['listen-client-urls', 'listen-metrics-urls', 'listen-peer-urls', 'snapshot-count', 'name', 'data-dir', 'initial-cluster', 'initial-advertise-peer-urls', 'initial-cluster-token', 'initial-cluster-state', 'advertise-client-urls'],
  'kube-apiserver': ['etcd-servers', 'audit-policy-file', 'audit-log-path', 'audit-log-maxage', 'audit-log-maxbackup', 'audit-log-maxsize', 'audit-log-format', 'audit-log-mode'],
  'kube-controller-manager': ['node-monitor-grace-period'],
  'kube-scheduler': [],
}
/** Those that a part makes, or of which it has words of its own. */
const OWN_FILES = new Set(['data-dir', 'audit-policy-file', 'audit-log-path'])
const OF_SERVERS = ['authentication-skip-lookup', 'authentication-tolerate-lookup-failure', 'authentication-token-webhook-cache-ttl', 'authorization-always-allow-paths', 'authorization-webhook-cache-authorized-ttl', 'authorization-webhook-cache-unauthorized-ttl', 'bind-address', 'cert-dir', 'feature-gates', 'emulated-version', 'http2-max-streams-per-connection', 'permit-address-sharing', 'permit-port-sharing', 'requestheader-allowed-names', 'requestheader-extra-headers-prefix', 'requestheader-group-headers', 'requestheader-username-headers', 'requestheader-uid-headers', 'secure-port', 'show-hidden-metrics-for-version', 'tls-cert-file', 'tls-private-key-file', 'tls-cipher-suites', 'tls-min-version', 'tls-sni-cert-key', 'disabled-metrics', 'allow-metric-labels']
const OF_LEADERS = ['leader-elect-lease-duration', 'leader-elect-renew-deadline', 'leader-elect-resource-lock', 'leader-elect-resource-name', 'leader-elect-resource-namespace', 'leader-elect-retry-period', 'master', 'kube-api-content-type']
/** What v1.33's programs (and etcd 3.5) have besides: kubernetes.io/docs/reference/command-line-tools-reference, etcd.io/docs/v3.5/op-guide/configuration. */
const KNOWN: Readonly<Record<PartName, RegExp>> = {
  etcd: /^(wal-dir|heartbeat-interval|election-timeout|quota-backend-bytes|backend-.*|max-.*|cors|initial-cluster-(state|token)|discovery.*|strict-reconfig-check|auto-compaction-(mode|retention)|enable-(v2|pprof)|auto-tls|peer-auto-tls|client-crl-file|peer-crl-file|peer-cert-allowed-.*|client-cert-allowed-.*|host-whitelist|cipher-suites|tls-(min|max)-version|log-(outputs|rotation-config-json|format|package-levels)|force-new-cluster|metrics|auth-token.*|bcrypt-cost|experimental-.*|grpc-keepalive-.*|socket-reuse-.*|unsafe-no-fsync|config-file|pre-vote|proxy.*|v2-deprecation|debug)$/,
  'kube-apiserver': /^(admission-control.*|anonymous-auth|api-audiences|apiserver-count|audit-.*|authentication-(config|token-webhook-.*)|authorization-(config|policy-file|webhook-.*)|cloud-.*|cors-allowed-origins|debug-socket-path|default-.*|delete-collection-workers|disable-admission-plugins|disable-http2-serving|egress-selector-config-file|enable-(aggregator-routing|garbage-collector|logs-handler|priority-and-fairness)|encryption-provider-.*|endpoint-reconciler-type|etcd-.*|event-ttl|external-hostname|goaway-chance|kubelet-.*|kubernetes-service-node-port|lease-reuse-duration-seconds|livez-grace-period|max-.*|min-request-timeout|oidc-.*|peer-.*|request-timeout|runtime-config|service-account-.*|service-node-port-range|shutdown-.*|storage-.*|strict-transport-security-directives|token-auth-file|tracing-config-file|watch-cache.*|aggregator-reject-forwarding-redirects|coordinated-leadership-.*)$/,
  'kube-controller-manager': /^(allocate-node-cidrs|attach-detach-.*|cidr-allocator-type|cloud-.*|cluster-cidr|cluster-signing-.*|concurrent-.*|configure-cloud-routes|controller-start-interval|controllers|disable-.*|enable-.*|endpoint-.*|endpointslice-.*|external-cloud-volume-plugin|flex-volume-plugin-dir|horizontal-pod-autoscaler-.*|large-cluster-size-threshold|legacy-service-account-token-clean-up-period|max-endpoints-per-slice|min-resync-period|mirroring-.*|namespace-sync-period|node-.*|pv.*|resource-quota-sync-period|root-ca-file|route-reconciliation-period|secondary-node-eviction-rate|service-(account-.*|cluster-ip-range)|terminated-pod-gc-threshold|unhealthy-zone-threshold|volume-host-.*|vendor.*|leader-migration-config)$/,
  'kube-scheduler': /^(config|pod-max-in-unschedulable-pods-duration|write-config-to)$/,
}

/** Flag → value; the last of several. */
export function flagsOf(argv: readonly string[]): Map<string, string> {
  const flags = new Map<string, string>()
  for (let i = 1; i < argv.length; i++) {
    const [, name, value] = /^--?([^=]*)(?:=([\s\S]*))?$/.exec(argv[i]!) ?? []
    if (name === undefined) continue
    if (value !== undefined) flags.set(name, value)
    else if (argv[i + 1] !== undefined && !argv[i + 1]!.startsWith('-')) flags.set(name, argv[++i]!)
    else flags.set(name, 'true')
  }
  return flags
}

/** Why a part does not start with this command line; `usual`: kubeadm's. */
export function refusalOf(process: Process, part: PartName, usual: readonly string[], failed: (message: string) => Refusal): Refusal | undefined {
  const flags = flagsOf(process.argv)
  const expected = flagsOf(usual)
  for (const [name, value] of flags) {
    const known = expected.has(name) || ANY_VALUE[part].includes(name) || FREE.has(name) || KNOWN[part].test(name) || (part !== 'etcd' && OF_SERVERS.includes(name)) || (/manager|scheduler/.test(part) && OF_LEADERS.includes(name))
    if (!known) return part === 'etcd' ? { code: 2, message: `flag provided but not defined: -${name}\n` } : { code: 1, message: `Error: unknown flag: --${name}\n` }
    const isFile = value.startsWith('/') && !OWN_FILES.has(name)
    if (isFile && !process.fs.exists(value)) return failed(missing(name, value))
    const acts = expected.get(name) === value || ANY_VALUE[part].includes(name) || FREE.has(name) || (isFile && expected.has(name))
    if (!acts) return { code: 69, message: `podhop: not simulated: ${part} with --${name}=${value} (use the flags of kubeadm, and a cluster file for what they say)\n` }
  }
  for (const name of expected.keys()) {
    if (!flags.has(name)) return { code: 69, message: `podhop: not simulated: ${part} without --${name} (use the flags of kubeadm)\n` }
  }
  return undefined
}

/** The programs' words for a file that is not there. */
function missing(name: string, path: string): string {
  if (name.endsWith('kubeconfig')) return `stat ${path}: no such file or directory`
  return `${name === 'client-ca-file' ? 'unable to load client CA provider: ' : ''}open ${path}: no such file or directory`
}
