import { decodeUtf8 } from '../../../text.ts'
import { decodeBase64 } from '../../base64.ts'
import { AdmissionRefusal } from '../../client.ts'
import { isObject, quote } from '../../json.ts'
import type { Operation } from '../../patch/json-patch.ts'
import { internalError } from '../../status.ts'
import type { Status } from '../../types.ts'

/** A webhook's word: admission/v1 AdmissionResponse. */
export interface Word {
  allowed: boolean
  status: Partial<Status>
  warnings: readonly string[]
  patch: readonly Operation[]
}

const REVIEW = 'admission.k8s.io/v1, Kind=AdmissionReview'

/** Reads an answer: apiserver/pkg/admission/plugin/webhook/request VerifyAdmissionResponse. Or says why it is none. */
export function readAnswer(body: string, uid: string, mutating: boolean): Word | { failed: string } {
  let review: unknown
  try {
    review = JSON.parse(body)
  } catch {
    return { failed: `failed to call webhook: couldn't get version/kind; json parse error: ${body.trim() === '' ? 'unexpected end of JSON input' : `invalid character ${quote(body.trim()[0]!).replace(/^"|"$/g, "'")} looking for beginning of value`}` }
  }
  const invalid = (why: string): { failed: string } => ({ failed: `received invalid webhook response: ${why}` })
  const { apiVersion = '', kind = '', response } = isObject(review) ? review : {}
  if (!isObject(response)) return invalid('webhook response was absent')
  if (response['uid'] !== uid) return invalid(`expected response.uid=${quote(uid)}, got ${quote(typeof response['uid'] === 'string' ? response['uid'] : '')}`)
  if (apiVersion !== 'admission.k8s.io/v1' || kind !== 'AdmissionReview') {
    const [group, version] = String(apiVersion).includes('/') ? String(apiVersion).split('/') : ['', String(apiVersion)]
    return invalid(`expected webhook response of ${REVIEW}, got ${group}/${version}, Kind=${String(kind)}`)
  }
  const { patch, patchType } = response
  const given = typeof patch === 'string' && patch !== '' ? patch : undefined
  if (!mutating && given !== undefined) return invalid('validating webhook may not return response.patch')
  if (!mutating && patchType !== undefined && patchType !== null) return invalid('validating webhook may not return response.patchType')
  if (given !== undefined && typeof patchType !== 'string') return invalid('webhook returned response.patch but not response.patchType')
  if (given === undefined && typeof patchType === 'string' && patchType !== '') return invalid('webhook returned response.patchType but not response.patch')
  if (given !== undefined && patchType !== 'JSONPatch') return invalid(`webhook returned invalid response.patchType of ${quote(String(patchType))}`)
  const { warnings, allowed, status } = response
  return {
    allowed: allowed === true,
    status: isObject(status) ? (status as Partial<Status>) : {},
    warnings: Array.isArray(warnings) ? warnings.filter((text) => typeof text === 'string') : [],
    patch: given === undefined ? [] : operations(given),
  }
}

function operations(patch: string): Operation[] {
  const bytes = decodeBase64(patch)
  let list: unknown
  try {
    list = typeof bytes === 'number' ? undefined : JSON.parse(decodeUtf8(bytes))
  } catch {
    list = undefined
  }
  if (!Array.isArray(list)) throw internalError('json: cannot unmarshal object into Go value of type jsonpatch.Patch')
  return list as Operation[]
}

/** admission/plugin/webhook/errors ToStatusErr. */
export function denied(webhook: string, { message = '', reason = '', code = 0, details, metadata = {} }: Partial<Status>): AdmissionRefusal {
  const by = `admission webhook ${quote(webhook)} denied the request`
  const text = message !== '' ? `${by}: ${message}` : reason !== '' ? `${by}: ${reason}` : `${by} without explanation`
  return new AdmissionRefusal({ kind: 'Status', apiVersion: 'v1', metadata, status: 'Failure', message: text, reason, ...(details ? { details } : {}), code: code < 400 ? 400 : code })
}

