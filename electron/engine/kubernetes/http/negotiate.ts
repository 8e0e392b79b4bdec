import { put } from '../../own.ts'
import type { ApiResource } from '../client.ts'
import { apiVersionOf } from '../kinds/kind.ts'
import type { KubeObject, Table } from '../types.ts'
import type { Query } from './query.ts'

/** What a client can read: k8s.io/apiserver/pkg/endpoints/handlers/negotiation. */
export interface MediaType {
  /** "application/json" */
  type: string
  parameters: Readonly<Record<string, string>>
}

/** The Accept header's types in the client's order; those with a lower q come later. */
export function parseAccept(accept: string): MediaType[] {
  const found = accept.split(',').map((text, at) => {
    const [type = '', ...rest] = text.split(';').map((p) => p.trim())
    const parameters: Record<string, string> = {}
    for (const parameter of rest) {
      const equals = parameter.indexOf('=')
      if (equals > 0) put(parameters, parameter.slice(0, equals), parameter.slice(equals + 1))
    }
    return { type: type.toLowerCase(), parameters, at, q: Number(parameters['q'] ?? 1) }
  })
  return found.filter((m) => m.type !== '' && m.q > 0).sort((a, b) => b.q - a.q || a.at - b.at)
}

/** What objects are turned into before they are sent. */
export type Form = 'object' | 'table' | 'partial'

export interface Negotiated {
  form: Form
  /** The Content-Type of the answer. */
  contentType: string
  /** Pretty-printed for people: browsers and curl. */
  pretty: boolean
}

const JSON_TYPES = new Set(['application/json', '*/*', 'application/*'])

/** Undefined: the client reads nothing that is served (406). */
export function negotiate(accept: string | undefined, userAgent: string, query: Query): Negotiated | undefined {
  const types = accept ? parseAccept(accept) : [{ type: '*/*', parameters: {} }]
  const wanted = query.get('pretty')
  const pretty = wanted === undefined ? /^(curl|Wget|Mozilla\/)/.test(userAgent) : wanted !== 'false' && wanted !== '0'
  for (const { type, parameters } of types) {
    if (!JSON_TYPES.has(type)) continue
    const as = parameters['as']
    if (as === undefined) return { form: 'object', contentType: 'application/json', pretty }
    if (parameters['g'] !== 'meta.k8s.io' || (parameters['v'] !== 'v1' && parameters['v'] !== 'v1beta1')) continue
    if (as === 'Table') return { form: 'table', contentType: 'application/json', pretty }
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { form: 'partial', contentType: 'application/json', pretty }
  }
  return undefined
}

/** As Go writes it: the type comes first. */
export function typed(object: KubeObject): object {
  const { kind, apiVersion, ...rest } = object
  return { kind, apiVersion, ...rest }
}

export function partial(object: KubeObject): object {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata }
}

/** A table as it goes over the wire: rows carry their objects' metadata, all of them or nothing. `header`: with the columns. */
export function tableDocument(table: Table, query: Query, header: boolean): object {
  const include = query.get('includeObject') ?? 'Metadata'
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: table.metadata,
    columnDefinitions: header ? table.columnDefinitions : null,
    rows: table.rows.map(({ cells, object }) => ({ cells, object: include === 'Object' ? object : include === 'None' ? null : partial(object) })),
  }
}

/** A list names its items' kind once; those of custom resources say it themselves. */
export function listDocument(resource: ApiResource, list: { resourceVersion: string; continue?: string; remainingItemCount?: number; items: readonly KubeObject[] }, custom: boolean): object {
  const { items, ...metadata } = list
  return {
    kind: `${resource.kind}List`,
    apiVersion: apiVersionOf(resource),
    metadata,
    items: custom ? items : items.map(({ kind: _kind, apiVersion: _apiVersion, ...item }) => item),
  }
}

export function partialList(list: { resourceVersion: string; continue?: string; remainingItemCount?: number; items: readonly KubeObject[] }): object {
  const { items, ...metadata } = list
  return { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata, items: items.map(partial) }
}
