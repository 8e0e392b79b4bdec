import type { ApiResource } from '../client.ts'
import { Query } from './query.ts'

/** What a request is about: k8s.io/apiserver/pkg/endpoints/request, RequestInfoResolver. */
export type RequestInfo = ResourceRequest | { path: string; query: Query; resource?: undefined; unknown?: UnknownRequest | undefined }

/** What has the form of a request about objects, of a resource that there is not: whether one may ask comes first. */
export interface UnknownRequest {
  group: string
  resource: string
  namespace: string | undefined
  name: string | undefined
  subresource: string | undefined
}

export interface ResourceRequest {
  path: string
  query: Query
  resource: ApiResource
  namespace: string | undefined
  name: string | undefined
  /** What follows the subresource belongs to it (proxy paths). */
  subresource: string | undefined
}

/**
 * `/api/v1/namespaces/default/pods/web/log?follow=true` taken apart. A path of no known group, version and resource has
 * no resource; so has everything that is not below /api/v1 and /apis/group/version.
 */
export function requestInfo(target: string, resources: readonly ApiResource[]): RequestInfo {
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  const query = new Query(mark < 0 ? '' : target.slice(mark + 1))
  const parts = path.split('/').filter((p) => p !== '').map(decodePart)
  const core = parts[0] === 'api'
  if (!core && parts[0] !== 'apis') return { path, query }
  const group = core ? '' : (parts[1] ?? '')
  const version = parts[core ? 1 : 2]
  let rest = parts.slice(core ? 2 : 3)
  // the deprecated form of a watch: /api/v1/watch/namespaces/…
  if (rest[0] === 'watch') rest = rest.slice(1)
  const find = (name: string | undefined): ApiResource | undefined => resources.find((r) => r.name === name && r.group === group && r.version === version)
  const scoped = rest[0] === 'namespaces' && rest.length > 2 ? find(rest[2]) : undefined
  if (scoped?.namespaced) {
    return { path, query, resource: scoped, namespace: rest[1], name: rest[3], subresource: rest[4] }
  }
  if (rest[0] === undefined) return { path, query }
  if (rest[0] === 'namespaces' && rest[2] !== undefined && !NAMESPACE_SUBRESOURCES.has(rest[2])) {
    return { path, query, unknown: { group, resource: rest[2], namespace: rest[1], name: rest[3], subresource: rest[4] } }
  }
  const resource = find(rest[0])
  // a namespaced resource has objects only below a namespace
  if (!resource || (resource.namespaced && rest.length > 1)) return { path, query, unknown: { group, resource: rest[0], namespace: undefined, name: rest[1], subresource: rest[2] } }
  return { path, query, resource, namespace: undefined, name: rest[1], subresource: rest[2] }
}

const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(['status', 'finalize'])

/** The path without `/watch` is what is watched. */
export function isDeprecatedWatch(path: string): boolean {
  return /^\/(api\/[^/]+|apis\/[^/]+\/[^/]+)\/watch\//.test(path)
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
