import { type ApiResource, ConnectionError, StatusError } from '../../engine/kubernetes/client.ts'
import { findNotSimulated } from '../../engine/kubernetes/discovery.ts'
import { parseSelector } from '../../engine/kubernetes/selectors.ts'
import type { Kubectl } from './command.ts'
import { objectKind, validateHere } from './client-schema.ts'
import { AggregateError, KubectlError, quote, withSource } from './errors.ts'
import type { Entry, Files } from './manifests.ts'
import { isNoServer, unanswered } from './no-server.ts'
import { groupVersion, type JsonObject, nameOf, namespaceOf, text, withNamespace } from './objects.ts'
import { decodeTyped, TYPED } from './scheme.ts'
import { flatten } from './unstructured.ts'
import type { Info, Query, Result } from './resources.ts'
import { fetch, notServed } from './fetch.ts'

/** The objects of files, of stdin or of a text: the visitors of cli-runtime's Builder for -f. */
export function byFiles(k: Kubectl, query: Query, files: Files, selector: string): Result {
  // what is wrong with the configuration is said once, and not of each object
  if (!query.local) void k.clientConfig
  const infos: Info[] = []
  const errors: unknown[] = []
  const wanted = selector ? parseSelector(selector) : undefined
  const notes = new Set<string>()
  const broken = new Set<string>()
  const typedVerb = TYPED.test(k.path)
  for (const entry of files.entries) {
    if (broken.has(entry.source)) continue
    const invalid = query.validate && query.validate !== 'Ignore' ? validate(k, query.validate, entry, (note) => notes.add(note)) : undefined
    if (invalid) {
      errors.push(invalid)
      broken.add(entry.source)
      continue
    }
    const decoded = typedVerb && entry.raw !== undefined ? retyped(entry) : entry
    if ('error' in decoded) {
      errors.push(decoded.error)
      continue
    }
    let flat: ReturnType<typeof flatten>
    try {
      if ('items' in decoded.object && !query.local) checkListKind(k, decoded.object, entry.source)
      flat = flatten(decoded.object)
    } catch (error) {
      errors.push(error)
      continue
    }
    for (const object of flat.objects) {
      try {
        if (typedVerb && flat.isList) decodeTyped(object, '')
        let info = localInfo(k, query, object, entry.source, flat.isList)
        if (query.latest) info = fetch(k, info, query.subresource)
        if (wanted && !wanted.matches((info.object?.['metadata'] as { labels?: Record<string, string> } | undefined)?.labels)) continue
        infos.push(info)
      } catch (error) {
        // kubectl wraps what goes wrong in a list twice, and then says no "error: " before it
        errors.push(!flat.isList ? error : new AggregateError([new AggregateError([error])]))
      }
    }
  }
  return { infos, errors, notes: [...notes], single: files.single, types: [...new Set(infos.map((i) => i.resource))] }
}

/** What a verb reads that knows Go's types. */
function retyped({ source, value, raw }: Entry): Entry {
  try {
    return { source, value, object: decodeTyped(value, raw!) }
  } catch (error) {
    if (!(error instanceof KubectlError)) throw error
    return { source, value, error: new KubectlError(`unable to decode ${quote(source)}: ${error.message}`) }
  }
}

/** ValidateSchema of kubectl, by the server where that can, and otherwise here. The rest of a file that is not valid is not read. */
function validate(k: Kubectl, directive: Query['validate'], entry: Entry, tell: (note: string) => void): KubectlError | undefined {
  if (entry.value === undefined) return undefined
  try {
    if (entry.unreadable !== undefined) return invalidSource(entry, entry.unreadable)
    const kind = objectKind(entry.value)
    const unreachable = openApiProblem(k)
    if (unreachable) return invalidSource(entry, unreachable)
    const served = k.client.resources().some((r) => r.kind === kind.kind && r.group === kind.group && r.version === kind.version && r.verbs.includes('patch'))
    if (!served && directive === 'Warn') tell('schema.go:145] cannot perform warn validation if server-side field validation is unsupported, skipping validation')
    const problem = served || directive !== 'Strict' ? undefined : validateHere(entry.value, kind)
    return problem && invalidSource(entry, problem.message)
  } catch (error) {
    if (!(error instanceof KubectlError)) throw error
    return invalidSource(entry, error.message)
  }
}

function invalidSource({ source }: Entry, why: string): KubectlError {
  return new KubectlError(`error validating ${quote(source)}: error validating data: ${why}; if you choose to ignore these errors, turn validation off with --validate=false`)
}

/** What objects may have is asked of the API server before anything is sent. */
function openApiProblem(k: Kubectl): string | undefined {
  try {
    k.client.serverVersion()
    return undefined
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error
    return `failed to download openapi: ${unanswered(error, 'Get', '/openapi/v2?timeout=32s')}`
  }
}

/** An object of a file, with its type found and its namespace decided. */
function recognized(k: Kubectl, source: string): readonly ApiResource[] {
  try {
    return k.client.resources()
  } catch (error) {
    if (!isNoServer(error)) throw error
    throw new KubectlError(`unable to recognize ${quote(source)}: ${unanswered(error, 'Get', '/api?timeout=32s')}`)
  }
}

function notMapped(object: JsonObject, source: string): KubectlError {
  const missing = `no matches for kind ${quote(text(object['kind']))} in version ${quote(text(object['apiVersion']))}`
  return new KubectlError(`resource mapping not found for name: ${quote(nameOf(object))} namespace: ${quote(namespaceOf(object))} from ${quote(source)}: ${missing}\nensure CRDs are installed first`)
}

/** Client-go's mapper has a List in every group and version, and one of each kind. */
function checkListKind(k: Kubectl, object: JsonObject, source: string): void {
  const { group, version } = groupVersion(text(object['apiVersion']))
  const kind = text(object['kind'])
  if (recognized(k, source).some((r) => r.group === group && r.version === version && (kind === 'List' || kind === r.kind || kind === r.kind.toLowerCase() || kind === `${r.kind}List`))) return
  throw notMapped(object, source)
}

function localInfo(k: Kubectl, query: Query, object: JsonObject, source: string, ofList: boolean): Info {
  const name = nameOf(object)
  const apiVersion = text(object['apiVersion'])
  const kind = text(object['kind'])
  const { group, version } = groupVersion(apiVersion)
  if (ofList && (!kind || !apiVersion)) throw new KubectlError(`unable to get type info from the object "*unstructured.Unstructured": Object '${kind ? 'apiVersion' : 'Kind'}' is missing in 'object has no ${kind ? 'apiVersion field' : 'kind field '}'`)
  if (query.local) {
    const resource: ApiResource = { name: `${kind.toLowerCase()}s`, singular: kind.toLowerCase(), kind, group, version, namespaced: namespaceOf(object) !== '', shortNames: [], categories: [], verbs: [], subresources: [] }
    return { resource, name, namespace: namespaceOf(object), source, object }
  }
  const resource = recognized(k, source).find((r) => (r.kind === kind || r.kind.toLowerCase() === kind) && r.group === group && (r.version === version || version === ''))
  if (!resource) {
    const known = findNotSimulated(kind)
    if (known && known.group === group) throw notServed(known)
    const missing = `no matches for kind ${quote(kind)} in version ${quote(apiVersion)}`
    if (ofList) throw new KubectlError(`unable to recognize ${missing}`)
    if (kind === 'List' && apiVersion === 'v1' && name === '') refuseBareList(k, source)
    throw notMapped(object, source)
  }
  const asked = k.namespace
  let namespace = namespaceOf(object)
  if (!resource.namespaced) namespace = ''
  else if (namespace === '') namespace = asked.name
  else if (asked.explicit && !query.allNamespaces && namespace !== asked.name) {
    throw new KubectlError(`the namespace from the provided object ${quote(namespace)} does not match the namespace ${quote(asked.name)}. You must pass '--namespace=${namespace}' to perform this operation.`)
  }
  if (version === '') refuseVersionless(k, resource, name, source)
  return { resource, name, namespace, source, object: namespaceOf(object) === namespace ? object : withNamespace(object, namespace) }
}

const VERSIONLESS = new Map([['create', ['creating', 'post']], ['apply', ['creating', 'post']], ['delete', ['deleting', 'delete']]] as const)

/** Without an apiVersion kubectl knows the kind and asks below no version at all, where the server has nothing. */
function refuseVersionless(k: Kubectl, resource: ApiResource, name: string, source: string): void {
  const said = VERSIONLESS.get(k.command.name as 'create')
  const tried = k.flags.has('dry-run') && k.flags.string('dry-run') !== 'none'
  if (!said || tried || (k.flags.has('server-side') && k.flags.bool('server-side'))) return
  const message = `the server could not find the requested resource (${said[1]} ${resource.name}${said[1] === 'post' ? '' : ` ${name}`})`
  throw withSource(said[0], source, new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason: 'NotFound', code: 404 }))
}

/** A List without items is an object of its own to kubectl, one without a name. */
function refuseBareList(k: Kubectl, source: string): void {
  const nameless = 'resource name may not be empty'
  switch (k.command.name) {
    case 'create':
      throw withSource('creating', source, new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'the server could not find the requested resource (post lists)', reason: 'NotFound', code: 404 }))
    case 'delete':
      throw withSource('deleting', source, new KubectlError(nameless))
    case 'apply':
      throw new KubectlError(`error when retrieving current configuration of:\nResource: "/v1, Resource=lists", GroupVersionKind: "/v1, Kind=List"\nName: "", Namespace: ""\nfrom server for: ${quote(source)}: ${nameless}`)
    case 'label':
      throw new KubectlError(nameless)
  }
}
