import { byName, own } from '../../own.ts'
import { Registry, type Labels } from '../../prometheus.ts'
import type { Asked } from './asked.ts'

/** staging/src/k8s.io/apiserver of v1.33: pkg/endpoints/metrics, pkg/audit/metrics.go and pkg/admission/metrics. */
const LATENCY = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]
const OF_WEBHOOKS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25]
const SIZES = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]

const DEFINITIONS = {
  apiserver_request_total: ['counter', '[STABLE] Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.'],
  apiserver_request_duration_seconds: ['histogram', '[STABLE] Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.', LATENCY],
  apiserver_response_sizes: ['histogram', '[STABLE] Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.', SIZES],
  apiserver_longrunning_requests: ['gauge', '[STABLE] Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.'],
  apiserver_current_inflight_requests: ['gauge', '[STABLE] Maximal number of currently used inflight request limit of this apiserver per request kind in last second.'],
  apiserver_audit_event_total: ['counter', '[ALPHA] Counter of audit events generated and sent to the audit backend.'],
  apiserver_audit_level_total: ['counter', '[ALPHA] Counter of policy levels for audit events (1 per request).'],
  apiserver_audit_requests_rejected_total: ['counter', '[ALPHA] Counter of apiserver requests rejected due to an error in audit logging backend.'],
  apiserver_admission_webhook_admission_duration_seconds: ['histogram', '[STABLE] Admission webhook latency histogram in seconds, identified by name and broken out for each operation and API resource and type (validate or admit).', OF_WEBHOOKS],
  apiserver_admission_webhook_request_total: ['counter', '[ALPHA] Admission webhook request total, identified by name and broken out for each admission type (validating or mutating) and operation. Additional labels specify whether the request was rejected or not and an HTTP status code. Codes greater than 600 are truncated to 600, to keep the metrics cardinality bounded.'],
  apiserver_admission_webhook_rejection_count: ['counter', '[ALPHA] Admission webhook rejection count, identified by name and broken out for each admission type (validating or admit) and operation. Additional labels specify an error type (calling_webhook_error or apiserver_internal_error if an error occurred; no_error otherwise) and optionally a non-zero rejection code if the webhook rejects the request with an HTTP status code (honored by the apiserver when the code is greater or equal to 400). Codes greater than 600 are truncated to 600, to keep the metrics cardinality bounded.'],
  apiserver_admission_webhook_fail_open_count: ['counter', '[ALPHA] Admission webhook fail open count, identified by name and broken out for each admission type (validating or mutating).'],
} as const

export type RequestMetrics = Registry<keyof typeof DEFINITIONS>

export function requestMetrics(): RequestMetrics {
  const metrics: RequestMetrics = new Registry(DEFINITIONS)
  metrics.set('apiserver_audit_event_total', {}, 0)
  metrics.set('apiserver_audit_requests_rejected_total', {}, 0)
  return metrics
}

/** Of non-resource paths only the checks of health are instrumented. */
const INSTRUMENTED = /^\/(healthz|livez|readyz)(\/|$)/

/** What names the series of a request; undefined: none is kept. */
export function seriesOf({ attributes, applies, version = '' }: Pick<Asked, 'attributes' | 'applies' | 'version'>): Labels | undefined {
  const { verb } = attributes
  if (attributes.resource === undefined) {
    return INSTRUMENTED.test(attributes.path) ? { component: 'apiserver', group: '', resource: '', scope: '', subresource: attributes.path, verb: verb.toUpperCase(), version: '' } : undefined
  }
  const { group, resource, subresource = '', namespace, name } = attributes
  // CleanScope, and cleanVerb: what is told from its way in is a CONNECT
  const scope = name !== undefined || verb === 'create' ? 'resource' : namespace !== undefined ? 'namespace' : 'cluster'
  const reported = CONNECTS.has(subresource) ? 'CONNECT' : applies ? 'APPLY' : (own(METHODS, verb) ?? verb.toUpperCase())
  return { component: 'apiserver', group, resource, scope, subresource, verb: reported, version }
}

const CONNECTS = new Set(['log', 'exec', 'attach', 'portforward', 'proxy'])
const METHODS: Readonly<Record<string, string>> = byName({ create: 'POST', update: 'PUT', deletecollection: 'DELETE' })

/** One that is over; `seconds` of virtual time. What lasts long is counted, and not how long. */
export function countRequest(metrics: RequestMetrics, labels: Labels, dryRun: boolean, code: number, seconds: number, times = 1): void {
  const all = { ...labels, dry_run: dryRun ? 'All' : '' }
  metrics.add('apiserver_request_total', { ...all, code: String(code) }, times)
  metrics.observe('apiserver_request_duration_seconds', all, seconds, times)
}
