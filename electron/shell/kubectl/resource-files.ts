import { type ApiResource, ConnectionError } from '../../engine/kubernetes/client.ts'
import { findNotSimulated } from '../../engine/kubernetes/discovery.ts'
import { parseSelector } from '../../engine/kubernetes/selectors.ts'
import type { Kubectl } from './command.ts'
import { AggregateError, KubectlError, quote } from './errors.ts'
import type { Entry, Files } from './manifests.ts'
import { isNoServer, unanswered } from './no-server.ts'
import { groupVersion, isList, isObject, type JsonObject, list, nameOf, namespaceOf, text, withNamespace } from './objects.ts'
import { TYPED, typedProblem } from './scheme.ts'
import { fetch, type Info, notServed, type Query, type Result } from './resources.ts'

/** The objects of files, of stdin or of a text: the visitors of cli-runtime's Builder for -f. */
export function byFiles(k: Kubectl, query: Query, files: Files, selector: string): Result {
  // what is wrong with the configuration is said once, and not of each object
  if (!query.local) void k.clientConfig
  const infos: Info[] = []
  const errors: unknown[] = []
  const wanted = selector ? parseSelector(selector) : undefined
  const broken = new Set<string>()
  for (const entry of files.entries) {
    if (broken.has(entry.source)) continue
    const invalid = query.validate ? validate(k, entry) : undefined
    if (invalid) {
      errors.push(invalid)
      broken.add(entry.source)
      continue
    }
    if ('error' in entry) {
      errors.push(entry.error)
      continue
    }
    for (const object of flatten(entry.object)) {
      try {
        const problem = TYPED.test(k.path) ? typedProblem(object) : undefined
        if (problem) throw new KubectlError(`unable to decode ${quote(entry.source)}: ${problem.message}`)
        let info = localInfo(k, query, object, entry.source, object !== entry.object)
        if (query.latest) info = fetch(k, info, query.subresource)
        if (wanted && !wanted.matches((info.object?.['metadata'] as { labels?: Record<string, string> } | undefined)?.labels)) continue
        infos.push(info)
      } catch (error) {
        // kubectl wraps what goes wrong in a list twice, and then says no "error: " before it
        errors.push(object === entry.object ? error : new AggregateError([new AggregateError([error])]))
      }
    }
  }
  return { infos, errors, single: files.single && files.entries.length <= 1, types: [...new Set(infos.map((i) => i.resource))] }
}

/** ValidateSchema: what has no kind is not sent. The rest of its file is not read. */
function validate(k: Kubectl, entry: Entry): KubectlError | undefined {
  const unreachable = openApiProblem(k)
  if (unreachable) return invalidSource(entry, unreachable)
  if (entry.value === undefined || !isObject(entry.value)) return undefined
  const missing = (['apiVersion', 'kind'] as const).filter((key) => !text((entry.value as JsonObject)[key])).map((key) => `${key} not set`)
  if (missing.length === 0) return undefined
  const why = missing.length > 1 ? `[${missing.join(', ')}]` : missing[0]!
  return invalidSource(entry, why)
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

function flatten(object: JsonObject): JsonObject[] {
  return isList(object) && text(object['kind']).endsWith('List') ? list(object['items']).flatMap((item) => flatten(item as JsonObject)) : [object]
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

function localInfo(k: Kubectl, query: Query, object: JsonObject, source: string, ofList: boolean): Info {
  const name = nameOf(object)
  const apiVersion = text(object['apiVersion'])
  const kind = text(object['kind'])
  const { group, version } = groupVersion(apiVersion)
  if (ofList && (!kind || !apiVersion)) throw new KubectlError(`unable to get type info from the object "*unstructured.Unstructured": Object '${kind ? 'apiVersion' : 'Kind'}' is missing in 'object has no ${kind ? 'apiVersion' : 'kind'} field'`)
  if (query.local) {
    const resource: ApiResource = { name: `${kind.toLowerCase()}s`, singular: kind.toLowerCase(), kind, group, version, namespaced: namespaceOf(object) !== '', shortNames: [], categories: [], verbs: [], subresources: [] }
    return { resource, name, namespace: namespaceOf(object), source, object }
  }
  const resource = recognized(k, source).find((r) => r.kind === kind && r.group === group && r.version === version)
  if (!resource) {
    const known = findNotSimulated(kind)
    if (known && known.group === group) throw notServed(known)
    const missing = `no matches for kind ${quote(kind)} in version ${quote(apiVersion)}`
    if (ofList) throw new KubectlError(`unable to recognize ${missing}`)
    throw new KubectlError(`resource mapping not found for name: ${quote(name)} namespace: ${quote(namespaceOf(object))} from ${quote(source)}: ${missing}\nensure CRDs are installed first`)
  }
  const asked = k.namespace
  let namespace = namespaceOf(object)
  if (!resource.namespaced) namespace = ''
  else if (namespace === '') namespace = asked.name
  else if (asked.explicit && !query.allNamespaces && namespace !== asked.name) {
    throw new KubectlError(`the namespace from the provided object ${quote(namespace)} does not match the namespace ${quote(asked.name)}. You must pass '--namespace=${namespace}' to perform this operation.`)
  }
  return { resource, name, namespace, source, object: namespaceOf(object) === namespace ? object : withNamespace(object, namespace) }
}
