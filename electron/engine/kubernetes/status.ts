import { StatusError, type ApiResource } from './client.ts'
import { quote } from './json.ts'
import type { FieldErrors } from './field-errors.ts'
import type { KubeObject, Status } from './types.ts'

/** The API server's refusals, with the texts of k8s.io/apimachinery/pkg/api/errors. */
type GroupResource = Pick<ApiResource, 'name' | 'group'>
type Details = NonNullable<Status['details']>

export function failure(code: number, reason: string, message: string, details?: Details): StatusError {
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code }
  if (details) status.details = details
  return new StatusError(status)
}

/** A refusal with this code. */
export function isStatus(error: unknown, code: number): error is StatusError {
  return error instanceof StatusError && error.status.code === code
}

/** "pods", "deployments.apps". */
export function qualified(resource: GroupResource): string {
  return resource.group ? `${resource.name}.${resource.group}` : resource.name
}

function detailsOf(resource: GroupResource, name?: string): Details {
  const details: Details = { kind: resource.name }
  if (resource.group) details.group = resource.group
  if (name) details.name = name
  return details
}

export function notFound(resource: GroupResource, name: string): StatusError {
  return failure(404, 'NotFound', `${qualified(resource)} ${quote(name)} not found`, detailsOf(resource, name))
}
/** A path that no handler serves. */
export function noSuchPath(): StatusError {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {})
}
/** Not found either, but a real cluster has it. */
export function unservedResource(resource: GroupResource): StatusError {
  return failure(404, 'NotFound', `podhop: not simulated: resource ${qualified(resource)} (kinds that Podhop serves: kubectl api-resources)`, {})
}
export function alreadyExists(resource: GroupResource, name: string): StatusError {
  return failure(409, 'AlreadyExists', `${qualified(resource)} ${quote(name)} already exists`, detailsOf(resource, name))
}
export function conflict(resource: GroupResource, name: string, why: string): StatusError {
  return failure(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(resource)} ${quote(name)}: ${why}`, detailsOf(resource, name))
}
export function modified(resource: GroupResource, name: string): StatusError {
  return conflict(resource, name, 'the object has been modified; please apply your changes to the latest version and try again')
}
/** Server-side apply: NewApplyConflict. */
export function applyConflict(causes: NonNullable<Details['causes']>, message: string): StatusError {
  return failure(409, 'Conflict', message, { causes })
}
export function forbidden(resource: GroupResource, name: string, why: string, causes?: Details['causes']): StatusError {
  const details = detailsOf(resource, name)
  if (causes) details.causes = causes
  return failure(403, 'Forbidden', `${qualified(resource)} ${name ? `${quote(name)} ` : ''}is forbidden: ${why}`, details)
}
export function badRequest(message: string): StatusError {
  return failure(400, 'BadRequest', message)
}
/** apiserver's ToStatusErr (pkg/admission/plugin/webhook/errors): without a reason, as most webhooks give none. */
export function deniedByWebhook(webhook: string, why: string): StatusError {
  return failure(400, '', `admission webhook ${quote(webhook)} denied the request: ${why}`)
}
export function expired(message: string): StatusError {
  return failure(410, 'Expired', message)
}
/** The page after a continue token cannot be had any more; what goes on from `token` is another list. */
export function inconsistentContinue(token: string): StatusError {
  const { status } = expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, ' +
      'or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - ' +
      'objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  )
  return new StatusError({ ...status, metadata: { continue: token } })
}
/** A version that is yet to come: storage.NewTooLargeResourceVersionError. */
export function tooLargeVersion(wanted: number, current: number): StatusError {
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }]
  return failure(504, 'Timeout', `Timeout: Too large resource version: ${wanted}, current: ${current}`, { causes, retryAfterSeconds: 1 })
}
export function tooManyRequests(message: string, retryAfterSeconds: number, causes?: Details['causes']): StatusError {
  return failure(429, 'TooManyRequests', message, { ...(causes ? { causes } : {}), ...(retryAfterSeconds ? { retryAfterSeconds } : {}) })
}
export function tooLargeEntity(limit: number): StatusError {
  return failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}`)
}
/** The client reads none of the forms that there are. */
export function notAcceptable(accepted: readonly string[]): StatusError {
  return failure(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`)
}
/** An error of the store or of a handler that is no Status of its own. */
export function serverError(message: string): StatusError {
  return failure(500, '', message)
}
/** Eight generated names were all taken. */
export function generatedNameTaken(resource: GroupResource, name: string): StatusError {
  const message = `${qualified(resource)} ${quote(name)} already exists, the server was not able to generate a unique name for the object`
  return failure(409, 'AlreadyExists', message, { ...detailsOf(resource, name), retryAfterSeconds: 1 })
}
export function internalError(message: string): StatusError {
  return failure(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] })
}
/** An error for which the API server has no reason. */
export function internalFailure(message: string): StatusError {
  return failure(500, '', message)
}
export function methodNotAllowed(resource: GroupResource, action: string): StatusError {
  return failure(405, 'MethodNotAllowed', `${action} is not supported on resources of kind ${quote(qualified(resource))}`, detailsOf(resource))
}
/** A method that a path does not have: the mux of the API server says it without a body. */
export function noSuchMethod(): StatusError {
  return failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})
}
export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`
  return failure(415, 'UnsupportedMediaType', message)
}
export function invalid(kind: { kind: string; group: string }, name: string, errors: FieldErrors): StatusError {
  const qualifiedKind = kind.group ? `${kind.kind}.${kind.group}` : kind.kind
  const details: Details = {}
  if (name) details.name = name
  if (kind.group) details.group = kind.group
  if (kind.kind) details.kind = kind.kind
  details.causes = errors.list.map((e) => ({ reason: e.reason, message: e.body, field: e.field }))
  return failure(422, 'Invalid', `${qualifiedKind} ${quote(name)} is invalid: ${errors.text()}`, details)
}
/** A wish that Kubernetes grants and Podhop does not (design 3.3). kubectl prints the message and exits with 69. */
export function notSimulated(what: string): StatusError {
  return failure(501, 'NotSimulated', `podhop: not simulated: ${what}`)
}

/** What a finished delete answers. */
export function success(resource: GroupResource, object: KubeObject): Status {
  const details = { ...detailsOf(resource, object.metadata.name), uid: object.metadata.uid }
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', message: '', reason: '', details, code: 200 }
}

/** A patch that does not fit the object: NewGenericServerResponse of 422, which keeps the reason to itself. */
export function rejected(): StatusError {
  return failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {})
}

/** In the order and with the fields that Go writes of metav1.Status; what was deleted has no code of its own. */
export function statusAsSent({ kind, apiVersion, metadata, status, message, reason, details, code }: Status): object {
  const named = details && (({ name, group, kind: of, uid, causes, retryAfterSeconds }) => ({ name, group, kind: of, uid, causes, retryAfterSeconds }))(details)
  return { kind, apiVersion, metadata, status, message: message || undefined, reason: reason || undefined, details: named, code: status === 'Success' && code === 200 ? undefined : code }
}
