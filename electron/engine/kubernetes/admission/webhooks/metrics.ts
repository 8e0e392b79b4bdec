import type { RequestMetrics } from '../../requests/metrics.ts'
import type { Webhook } from '../registration.ts'
import type { Operation } from '../request.ts'
import { denied, type Word } from './answer.ts'
import type { Answer } from './call.ts'

/** apiserver_admission_webhook_*: what a call of a webhook came to, as admission/plugin/webhook's dispatchers of v1.33 tell it. `seconds` of virtual time. */
export function countCall(metrics: RequestMetrics, { name, failurePolicy }: Webhook, operation: Operation, mutating: boolean, seconds: number, answer: Answer, word: Word | { failed: string }): void {
  const labels = { name, type: mutating ? 'admit' : 'validating', operation }
  const failed = 'failed' in word
  // NewServiceUnavailable("error calling webhook") where there is no status of its own
  const code = failed ? (('code' in answer && answer.code) || 503) : word.allowed ? 200 : denied(name, word.status).status.code!
  const rejected = failed ? failurePolicy !== 'Ignore' : !word.allowed
  if (rejected) metrics.add('apiserver_admission_webhook_rejection_count', { ...labels, error_type: failed ? 'calling_webhook_error' : 'no_error', rejection_code: String(Math.min(code, 600)) })
  if (failed && !rejected) metrics.add('apiserver_admission_webhook_fail_open_count', { name, type: labels.type })
  metrics.observe('apiserver_admission_webhook_admission_duration_seconds', { ...labels, rejected: String(rejected) }, seconds)
  metrics.add('apiserver_admission_webhook_request_total', { ...labels, rejected: String(rejected), code: String(Math.min(code, 600)) })
}
