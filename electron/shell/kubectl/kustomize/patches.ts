import { KINDS } from '../../../engine/kubernetes/kinds/index.ts'
import type { StructType } from '../../../engine/kubernetes/schema/notation.ts'
import { structOf } from '../../../engine/kubernetes/schema/index.ts'
import { groupVersion, isObject, type JsonObject, map, text } from '../objects.ts'
import { KubectlError, messageOf, quote } from '../errors.ts'
import { parseSelector } from '../../../engine/kubernetes/selectors.ts'
import type { Operation } from '../../../engine/kubernetes/patch/json-patch.ts'
import { decodeStream } from '../manifest-stream.ts'
import { patchedLocally } from '../patched-locally.ts'
import { GO_TAGS_3 } from '../yaml-scalars.ts'
import type { Selector } from './kustomization.ts'
import { mergePatch } from './merge.ts'
import { type Id, idText, namespaceOfId, Resource, sameId } from './resource.ts'

/** A patch of a kustomization: strategic merge of objects, or operations of RFC 6902. */
export interface ReadPatch {
  source: string
  objects: readonly JsonObject[] | undefined
  operations: readonly Operation[] | undefined
}

/** What a text is. Throws for one that is neither. */
export function readPatch(content: string, source: string): ReadPatch {
  const values = valuesOf(content, GO_TAGS_3)
  const [first] = valuesOf(content)
  if (values.length > 0 && values.every((value) => isObject(value) && text(value['kind']) !== '' && text(map(value['metadata'])['name']) !== '')) return { source, objects: values as JsonObject[], operations: undefined }
  if (Array.isArray(first) && first.length > 0 && first.every(isObject)) return { source, objects: undefined, operations: first as unknown as Operation[] }
  throw new KubectlError(`unable to parse SM or JSON patch from ${source}`)
}

function valuesOf(content: string, tags?: typeof GO_TAGS_3): unknown[] {
  try {
    return [...decodeStream(content, tags)].map(({ value }) => value).filter((value) => value !== null && value !== undefined)
  } catch {
    return []
  }
}

/** The resources with the patch applied, without those that it deletes. */
export function applyPatch(resources: readonly Resource[], patch: ReadPatch, target: Selector | undefined, may: { rename: boolean; change: boolean }): Resource[] {
  if (patch.operations) {
    if (!target) throw new KubectlError(`must specify a target for JSON patch ${patch.source}`)
    for (const resource of resources.filter((r) => isTarget(r, target))) {
      const before = resource.id
      resource.object = operated(resource.object, patch.operations)
      if (!sameId(before, resource.id)) resource.previous.push(before)
    }
    return [...resources]
  }
  const deleted = new Set<Resource>()
  const merge = (resource: Resource, object: JsonObject): void => {
    if (!mergeInto(resource, object, may)) deleted.add(resource)
  }
  if (target) {
    if (patch.objects!.length > 1) throw new KubectlError(`Multiple Strategic-Merge Patches in one \`patches\` entry is not allowed to set \`patches.target\` field: ${patch.source}`)
    for (const resource of resources) if (isTarget(resource, target)) merge(resource, patch.objects![0]!)
  } else for (const object of patch.objects!) merge(found(resources, new Resource(object)), object)
  return resources.filter((resource) => !deleted.has(resource))
}

function operated(object: JsonObject, operations: readonly Operation[]): JsonObject {
  let made = object
  for (const operation of operations) {
    try {
      made = patchedLocally(made, 'application/json-patch+json', [operation])
    } catch (error) {
      if (!(error instanceof KubectlError)) throw error
      throw new KubectlError(/^\w+ operation does not apply/.test(error.message) ? error.message : `${operation.op} operation does not apply: ${error.message}`)
    }
  }
  return made
}

function found(resources: readonly Resource[], wanted: Resource): Resource {
  const matches = resources.filter((resource) => resource.ids.some((id) => sameId(id, wanted.id)))
  if (matches.length === 1) return matches[0]!
  const id = idText(wanted.id)
  const why = matches.length === 0 ? `no matches for Id ${id}` : `multiple matches for Id ${id}`
  throw new KubectlError(`no resource matches strategic merge patch ${quote(id)}: ${why}; failed to find unique target for patch ${id}`)
}

/** What is known of a kind's fields; of those that are not Kubernetes' own nothing is. */
function schemaOf({ group, version, kind }: Id): StructType | undefined {
  const served = KINDS.find(({ resource }) => resource.kind === kind && resource.group === group && resource.version === version)
  return served && structOf(served)
}

function mergeInto(resource: Resource, patch: JsonObject, may: { rename: boolean; change: boolean }): boolean {
  const { id } = resource
  const made = mergePatch(resource.object, patch, schemaOf(id))
  if (made === undefined) return false
  const { name: _, namespace: __, ...rest } = map(made['metadata'])
  const metadata = { ...rest, name: may.rename ? map(made['metadata'])['name'] : id.name, ...(id.namespace ? { namespace: id.namespace } : {}) }
  resource.object = { ...made, apiVersion: resource.object['apiVersion'], kind: may.change ? made['kind'] : id.kind, metadata }
  if (!sameId(id, resource.id)) resource.previous.push(id)
  return true
}

/** Patterns match the whole, and what is not said matches all. */
function matches(pattern: string | undefined, value: string): boolean {
  if (pattern === undefined || pattern === '') return true
  try {
    return new RegExp(`^(?:${pattern})$`).test(value)
  } catch (error) {
    throw new KubectlError(messageOf(error))
  }
}

function isTarget(resource: Resource, target: Selector): boolean {
  const { id, original } = resource
  const { group, version } = groupVersion(text(resource.object['apiVersion']))
  return (
    (matches(target.namespace, namespaceOfId(original)) || matches(target.namespace, namespaceOfId(id))) &&
    (matches(target.name, original.name) || matches(target.name, id.name)) &&
    matches(target.group, group) && matches(target.version, version) && matches(target.kind, id.kind) &&
    selects(target.labelSelector, resource.strings('labels')) && selects(target.annotationSelector, resource.strings('annotations'))
  )
}

function selects(selector: string | undefined, having: JsonObject): boolean {
  return !selector || parseSelector(selector).matches(having as Record<string, string>)
}
