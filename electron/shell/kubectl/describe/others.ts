import { decodeBase64 } from '../../../engine/kubernetes/base64.ts'
import type { ConfigMap, KubeObject, Namespace } from '../../../engine/kubernetes/types.ts'
import { goFormat } from '../../../engine/kubernetes/json.ts'
import { at, byBytes, isObject, type JsonObject, list, map, text } from '../objects.ts'
import { type Description, rfc1123 } from './writer.ts'

export function describeNamespace(d: Description, namespace: Namespace): void {
  d.field('Name', namespace.metadata.name)
  d.labels('Labels', namespace.metadata.labels)
  d.annotations('Annotations', namespace.metadata.annotations)
  d.field('Status', namespace.status.phase)
  const conditions = list(at(namespace, 'status', 'conditions'))
  if (conditions.length > 0) {
    d.line(0, 'Conditions:')
    d.line(1, 'Type\tStatus\tLastTransitionTime\tReason\tMessage')
    d.line(1, '----\t------\t------------------\t------\t-------')
    for (const c of conditions) d.line(1, `${text(at(c, 'type'))}\t${text(at(c, 'status'))}\t${rfc1123(at(c, 'lastTransitionTime'))}\t${text(at(c, 'reason'))}\t${text(at(c, 'message'))}`)
  }
  d.line(0, '\nNo resource quota.')
  d.line(0, '\nNo LimitRange resource.')
}

export function describeConfigMap(d: Description, configMap: ConfigMap): void {
  d.head(configMap)
  d.labels('Labels', configMap.metadata.labels)
  d.annotations('Annotations', configMap.metadata.annotations)
  d.line(0, '\nData\n====')
  for (const [key, value] of sorted(configMap.data)) d.line(0, `${key}:\n----\n${text(value)}\n`)
  d.line(0, '\nBinaryData\n====')
  for (const [key, value] of sorted(configMap.binaryData)) {
    const bytes = decodeBase64(text(value))
    d.line(0, `${key}: ${typeof bytes === 'number' ? 0 : bytes.length} bytes`)
  }
  d.line(0, '')
  d.events(configMap)
}

function sorted(data: unknown): [string, unknown][] {
  return Object.entries(map(data)).sort(([a], [b]) => byBytes(a, b))
}

/** Kinds without a describer of their own: the fields as they are. */
export function describeGeneric(d: Description, object: KubeObject): void {
  d.head(object)
  d.labels('Labels', object.metadata.labels)
  d.annotations('Annotations', object.metadata.annotations)
  content(d, 0, object as unknown as JsonObject, '')
  d.events(object)
}

const SKIPPED = new Set(['.metadata.managedFields', '.metadata.name', '.metadata.namespace', '.metadata.labels', '.metadata.annotations'])

function content(d: Description, level: number, object: JsonObject, prefix: string): void {
  for (const key of Object.keys(object).sort(byBytes)) {
    const value = object[key]
    const path = `${prefix}.${key}`
    if (value === undefined || SKIPPED.has(path)) continue
    if (isObject(value)) {
      d.line(level, `${label(key)}:`)
      content(d, level + 1, value, path)
    } else if (Array.isArray(value)) {
      d.line(level, `${label(key)}:`)
      for (const child of value) {
        if (isObject(child)) content(d, level + 1, child, path)
        else d.line(level + 1, goFormat(child))
      }
    } else d.field(label(key), goFormat(value), level)
  }
}

const ACRONYMS = ['API', 'URL', 'UID', 'OSB', 'GUID']

/** "creationTimestamp" as "Creation Timestamp". */
function label(key: string): string {
  if (!/^[\p{L}-]+$/u.test(key)) return key
  const parts = key.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|-+/g) ?? [key]
  return parts.map((part) => (ACRONYMS.includes(part.toUpperCase()) ? part.toUpperCase() : part[0]!.toUpperCase() + part.slice(1))).join(' ')
}
