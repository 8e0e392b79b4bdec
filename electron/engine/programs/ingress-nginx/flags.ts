import { parseGoFlags } from '../go-flags.ts'

/** The controller's flags that are heeded (pkg/flags/flags.go). */
const STRINGS = ['publish-service', 'election-id', 'controller-class', 'ingress-class', 'configmap', 'validating-webhook', 'validating-webhook-certificate', 'validating-webhook-key', 'default-backend-service', 'default-ssl-certificate', 'tcp-services-configmap', 'udp-services-configmap', 'watch-namespace'] as const
const BOOLEANS = ['watch-ingress-without-class', 'enable-ssl-passthrough', 'disable-catch-all', 'enable-metrics', 'metrics-per-host', 'version'] as const
/** Change nothing that is to be seen here. */
const HARMLESS = ['v', 'logtostderr', 'sync-period', 'sync-rate-limit', 'health-check-path', 'profiling', 'update-status-on-shutdown', 'maxmind-license-key', 'dynamic-configuration-retries'] as const

/** `error` is the whole line for stderr. */
export function readFlags(args: readonly string[]): { values: ReadonlyMap<string, string> } | { error: string } {
  const flags = parseGoFlags(args, [...[...STRINGS, ...HARMLESS].map((name) => ({ name, kind: 'string' as const })), ...BOOLEANS.map((name) => ({ name, kind: 'bool' as const }))])
  if (!('error' in flags)) return flags
  return { error: `podhop: not simulated: ${flags.error} (the flags of the published manifest are, and ${[...STRINGS.slice(8), ...BOOLEANS].map((flag) => `--${flag}`).join(', ')})\n` }
}
