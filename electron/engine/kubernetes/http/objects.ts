import { own } from '../../own.ts'
import { StatusError, Undecided, type DeleteOptions, type ListOptions, type PatchType, type WriteOptions } from '../client.ts'
import { decodeUtf8 } from '../../text.ts'
import { FieldErrors } from '../field-errors.ts'
import { duplicateFields } from '../json-duplicates.ts'
import { isObject } from '../json.ts'
import { apiVersionOf, resourceKey } from '../kinds/kind.ts'
import { withDescriptions } from '../openapi/column-descriptions.ts'
import { internalError, invalid, noSuchMethod, notAcceptable, statusAsSent, unsupportedMediaType } from '../status.ts'
import type { KubeObject, Status } from '../types.ts'
import { mediaType, parseBody, parsePatch } from './body.ts'
import { notFoundPage, sendJson, sendStatus, type Exchange } from './exchange.ts'
import { serveLog } from './logs.ts'
import { serveProxy } from './proxy.ts'
import { listDocument, negotiate, partial, partialList, tableDocument, typed, type Negotiated } from './negotiate.ts'
import { isDeprecatedWatch, type ResourceRequest } from './request-info.ts'
import { serveWatch } from './watch.ts'

const PATCH_TYPES: readonly PatchType[] = [
  'application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml',
]

export interface Call extends Exchange {
  readonly info: ResourceRequest
  readonly negotiated: Negotiated
  /** How the client interface calls the resource. */
  readonly key: string
}

/** The verbs on objects: k8s.io/apiserver/pkg/endpoints/installer.go decides which there are. */
export function serveObjects(exchange: Exchange, info: ResourceRequest): () => void {
  const { request } = exchange
  const { resource, name, subresource, query } = info
  const negotiated = negotiate(request.accept, request.userAgent ?? '', query)
  if (!negotiated) throw notAcceptable(['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'])
  const call: Call = { ...exchange, info, negotiated, key: resourceKey(resource) }
  if (resource.deprecation) exchange.warnings.push(resource.deprecation)
  const idle = (): void => undefined
  if (subresource !== undefined && !resource.subresources.includes(subresource)) {
    notFoundPage(exchange)
    return idle
  }
  if (subresource === 'proxy') return connected(call)
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      if (subresource === 'log') return serveLog(call)
      if (name === undefined || query.flag('watch') || isDeprecatedWatch(info.path)) {
        if (query.flag('watch') || isDeprecatedWatch(info.path)) return serveWatch(call, listOptions(call))
        return found(call, () => list(call))
      }
      return found(call, () => read(call))
    case 'POST':
      return decided(call, create)
    case 'PUT':
      if (name === undefined) throw noSuchMethod()
      return decided(call, update)
    case 'PATCH':
      if (name === undefined) throw noSuchMethod()
      return decided(call, patch)
    case 'DELETE':
      return decided(call, name === undefined ? deleteCollection : remove)
    default:
      throw noSuchMethod()
  }
}

/** Answers when it is known what is asked for; most is at once. */
function found(call: Call, answer: () => void): () => void {
  let late = false
  const stop = call.client.inquire(call.key, () => {
    try {
      answer()
    } catch (error) {
      if (!late || !(error instanceof StatusError)) throw error
      sendStatus(call, error)
    }
  })
  late = true
  return stop
}

/** The proxy, when webhooks that have to judge it have answered. */
function connected(call: Call): () => void {
  let stop = (): void => undefined
  const giveUp = decided(call, () => void (stop = serveProxy(call)))
  return () => {
    giveUp()
    stop()
  }
}

/** A write, and again when the webhooks that have to judge it have answered. */
function decided(call: Call, write: (call: Call) => void): () => void {
  let stop = (): void => undefined
  let late = false
  const told = call.warnings.length
  const attempt = (): void => {
    try {
      call.warnings.length = told
      write(call)
    } catch (error) {
      if (error instanceof Undecided) stop = error.settle(attempt)
      else if (late) sendStatus(call, error instanceof StatusError ? error : internalError((error as Error).message))
      else throw error
    }
  }
  attempt()
  late = true
  return () => stop()
}

function list(call: Call): void {
  const { client, info: { resource, query }, negotiated, key } = call
  const options = listOptions(call)
  if (negotiated.form === 'table') return sendJson(call, 200, tableDocument(withDescriptions(client.table(key, options), resource), query, true))
  const found = client.list(key, options)
  sendJson(call, 200, negotiated.form === 'partial' ? partialList(found) : listDocument(resource, found, resource.custom === true))
}

function read(call: Call): void {
  const { client, info: { namespace, name, subresource }, key } = call
  const object = subresource === 'scale' ? client.scale<KubeObject>(key, namespace, name!) : client.get(key, namespace, name!)
  sendObject(call, 200, object)
}

function create(call: Call): void {
  const { client, request, info: { namespace, name, subresource }, key } = call
  const body = parseBody(request.body, request.contentType ?? '')
  const options = writeOptions(call)
  if (subresource === undefined) {
    if (name !== undefined) throw noSuchMethod()
    return sendObject(call, 201, client.create(key, namespace, body, options))
  }
  const answer = client.createSubresource<KubeObject | Status>(key, namespace, name!, subresource, body, options)
  if (answer.kind === 'Status') sendJson(call, 201, statusAsSent(answer as Status))
  else sendObject(call, 201, answer as KubeObject)
}

function update(call: Call): void {
  const { client, request, info: { namespace, name, subresource }, key } = call
  const body = parseBody(request.body, request.contentType ?? '')
  const creates = subresource === undefined && !exists(call)
  sendObject(call, creates ? 201 : 200, client.update(key, namespace, name!, body, { ...writeOptions(call), ...(subresource ? { subresource } : {}) }))
}

function patch(call: Call): void {
  const { client, request, info: { namespace, name, subresource }, key } = call
  const type = mediaType(request.contentType ?? '') as PatchType
  if (!PATCH_TYPES.includes(type)) throw unsupportedMediaType(PATCH_TYPES)
  const body = parsePatch(request.body, type)
  const options: WriteOptions & { subresource?: string } = { ...writeOptions(call), ...(subresource ? { subresource } : {}) }
  const creates = type === 'application/apply-patch+yaml' && !exists(call)
  sendObject(call, creates ? 201 : 200, client.patch(key, namespace, name!, type, body, options))
}

function exists({ client, info: { namespace, name }, key }: Call): boolean {
  try {
    client.get(key, namespace, name!)
    return true
  } catch (error) {
    if (error instanceof StatusError && error.status.code === 404) return false
    throw error
  }
}

function remove(call: Call): void {
  const { client, info: { namespace, name }, key } = call
  const result = client.delete(key, namespace, name!, deleteOptions(call))
  if (result.kind === 'Status') sendJson(call, 200, statusAsSent(result as Status))
  else sendObject(call, 200, result as KubeObject)
}

function deleteCollection(call: Call): void {
  const { client, info: { resource }, key } = call
  const options = listOptions(call)
  const before = client.list(key, options)
  client.deleteCollection(key, options, deleteOptions(call))
  sendJson(call, 200, listDocument(resource, before, resource.custom === true))
}

function sendObject(call: Call, status: number, object: KubeObject): void {
  const { client, info: { query, resource }, negotiated, key } = call
  const own = object.kind === resource.kind && object.apiVersion === apiVersionOf(resource)
  if (negotiated.form === 'table' && object.kind === 'Scale') return sendJson(call, status, tableDocument(client.tableOf(key, [object]), query, true))
  if (negotiated.form === 'table' && own) return sendJson(call, status, tableDocument(withDescriptions(client.tableOf(key, [object]), resource), query, true))
  sendJson(call, status, negotiated.form === 'partial' ? partial(object) : typed(object))
}

export function listOptions({ info: { namespace, name, query } }: Call): ListOptions {
  const fields = [name === undefined ? '' : `metadata.name=${name}`, query.get('fieldSelector') ?? ''].filter((f) => f !== '').join(',')
  const labels = query.get('labelSelector')
  const [limit, token, resourceVersion, match] = [query.number('limit'), query.get('continue'), query.get('resourceVersion'), query.get('resourceVersionMatch')]
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels ? { labelSelector: labels } : {}),
    ...(fields ? { fieldSelector: fields } : {}),
    ...(limit ? { limit } : {}),
    ...(token ? { continue: token } : {}),
    ...(resourceVersion ? { resourceVersion } : {}),
    ...(match ? { resourceVersionMatch: match } : {}),
  } as ListOptions
}

function writeOptions({ info: { query }, request, warnings }: Call): WriteOptions {
  const validation = query.get('fieldValidation')
  const dryRun = query.all('dryRun').filter((v) => v !== '')
  checkOptions(own({ POST: 'CreateOptions', PUT: 'UpdateOptions', PATCH: 'PatchOptions' }, request.method) ?? 'DeleteOptions', dryRun, validation)
  const json = mediaType(request.contentType ?? '') === 'application/json' && request.body.length > 0
  return {
    dryRun: dryRun.length > 0,
    // without a name of its own a client is called as its program is (managedfields.prefixFromUserAgent)
    fieldManager: query.get('fieldManager') || (request.userAgent ?? 'unknown').split('/')[0]!.slice(0, 128),
    fieldValidation: (validation as 'Ignore' | 'Warn' | 'Strict' | '' | undefined) || 'Warn',
    ...(query.get('force') === undefined ? {} : { force: query.flag('force') }),
    ...(json ? { duplicates: duplicatesOf(request.body) } : {}),
    onWarning: (text) => warnings.push(text),
  }
}

/** metav1 validation: ValidateDryRun, ValidateFieldValidation. */
function checkOptions(kind: string, dryRun: readonly string[], validation = ''): void {
  const errors = new FieldErrors()
  if (dryRun.some((v) => v !== 'All')) errors.notSupported('dryRun', dryRun, ['All'])
  const allowed = ['', 'Ignore', 'Strict', 'Warn']
  if (!allowed.includes(validation)) errors.notSupported('fieldValidation', validation, allowed)
  if (!errors.empty) throw invalid({ kind, group: 'meta.k8s.io' }, '', errors)
}

function duplicatesOf(body: Uint8Array): string[] {
  try {
    return duplicateFields(decodeUtf8(body))
  } catch {
    // No JSON: that is told by who parses it.
    return []
  }
}

/** From the body, or without one from the query. */
function deleteOptions(call: Call): DeleteOptions {
  const { info: { query }, request, warnings } = call
  const body = parseBody(request.body, request.contentType ?? '')
  const given = isObject(body) ? body : undefined
  const grace = given ? given['gracePeriodSeconds'] : query.number('gracePeriodSeconds')
  const policy = given ? given['propagationPolicy'] : query.get('propagationPolicy')
  const orphan = given ? given['orphanDependents'] : query.get('orphanDependents')
  const preconditions = given?.['preconditions']
  const dryRun = (given && Array.isArray(given['dryRun']) ? (given['dryRun'] as string[]) : query.all('dryRun')).filter((v) => v !== '')
  checkOptions('DeleteOptions', dryRun)
  return {
    ...(typeof grace === 'number' ? { gracePeriodSeconds: grace } : {}),
    ...(typeof policy === 'string' && policy !== '' ? { propagationPolicy: policy as NonNullable<DeleteOptions['propagationPolicy']> } : {}),
    ...(policy === undefined && orphan !== undefined ? { propagationPolicy: orphan === true || orphan === 'true' ? 'Orphan' : 'Background' } : {}),
    ...(isObject(preconditions) ? { preconditions: preconditions as NonNullable<DeleteOptions['preconditions']> } : {}),
    ...(dryRun.length > 0 ? { dryRun: true } : {}),
    onWarning: (text) => warnings.push(text),
  }
}
