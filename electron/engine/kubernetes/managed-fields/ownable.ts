import type { Kind } from '../kinds/kind.ts'
import { structOf } from '../schema/index.ts'
import type { KubeObject } from '../types.ts'
import { type Comparison, compareMaps, fieldShape, type Shape, shapeOf } from './compare.ts'
import { type FieldSet, fieldSet, fromPaths, isEmpty, union } from './field-set.ts'

/** What of an object can be owned. */

const OF_THE_SERVER = ['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'clusterName', 'generation', 'managedFields', 'resourceVersion']
/** Nobody owns these (stripmeta.go). */
export const STRIPPED: FieldSet = fromPaths([['f:apiVersion'], ['f:kind'], ['f:metadata'], ...OF_THE_SERVER.map((name) => ['f:metadata', `f:${name}`])])
export const NOT_IN_METADATA: ReadonlySet<string> = new Set(OF_THE_SERVER)
export const NOT_AT_ROOT: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata'])
export const NOR_STATUS: ReadonlySet<string> = new Set([...NOT_AT_ROOT, 'status'])

export function rootShape(kind: Kind): Shape {
  return shapeOf(structOf(kind))
}

/** What differs between two versions, of what can be owned. */
export function compareObjects(kind: Kind, before: KubeObject, after: KubeObject, subresource: string | undefined): Comparison {
  const shape = rootShape(kind)
  const withStatus = subresource === 'status' || !kind.resource.subresources.includes('status')
  const root = compareMaps(before, after, shape, withStatus ? NOT_AT_ROOT : NOR_STATUS)
  const metadata = compareMaps(before.metadata, after.metadata, fieldShape(shape, 'metadata'), NOT_IN_METADATA)
  return {
    added: joined(root.added, metadata.added),
    modified: joined(root.modified, metadata.modified),
    removed: joined(root.removed, metadata.removed),
  }
}

function joined(root: FieldSet, metadata: FieldSet): FieldSet {
  return isEmpty(metadata) ? root : union(root, fieldSet(['f:metadata'], [metadata]))
}
