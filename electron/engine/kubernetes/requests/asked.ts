import { byName, own } from '../../own.ts'
import type { ApiResource } from '../client.ts'
import type { RequestInfo } from '../http/request-info.ts'
import type { Attributes, User } from '../rbac/authorizer.ts'

/** A request as the API server's filters see it: who asks for what, and how. */
export interface Asked {
  /** HTTP's. */
  method: string
  /** Path and query as sent. */
  uri: string
  attributes: Attributes
  /** Of a resource: its version. */
  version?: string | undefined
  /** Who asks; undefined: nobody knows him (401). */
  user: User | undefined
  /** Of one whom nobody knows: he shows a token. */
  bearer?: boolean
  /** As whom. */
  impersonated?: User | undefined
  userAgent: string
  sourceIp: string
  dryRun: boolean
  /** Server-side apply. */
  applies?: boolean
  /** What was sent, if that is an object; asked for only if somebody keeps it. */
  body?: (() => unknown) | undefined
}

const VERBS: Readonly<Record<string, string>> = byName({ POST: 'create', PUT: 'update', PATCH: 'patch' })

/** The verb of a request, and of what: k8s.io/apiserver/pkg/endpoints/request. */
export function attributesOf(method: string, info: RequestInfo): Attributes {
  if (info.resource === undefined && !info.unknown) return { verb: method === 'HEAD' ? 'get' : method.toLowerCase(), path: info.path }
  const { query } = info
  const { group, resource, namespace, name, subresource } = info.resource === undefined ? info.unknown! : { ...info, group: info.resource.group, resource: info.resource.name }
  const watch = query.get('watch')
  const looks = name !== undefined ? 'get' : watch !== undefined && watch !== 'false' && watch !== '0' ? 'watch' : 'list'
  const verb = method === 'GET' || method === 'HEAD' ? looks : method === 'DELETE' ? (name === undefined ? 'deletecollection' : 'delete') : (own(VERBS, method) ?? method.toLowerCase())
  return { verb, group, resource, subresource, namespace, name, selector: query.get('fieldSelector') }
}

/** Where the objects of a resource are: "/api/v1/namespaces/default/pods". */
export function collectionPath({ group, version, name, namespaced }: Pick<ApiResource, 'group' | 'version' | 'name' | 'namespaced'>, namespace: string | undefined): string {
  const root = group ? `/apis/${group}/${version}` : `/api/${version}`
  return `${root}${namespaced && namespace ? `/namespaces/${namespace}` : ''}/${name}`
}

const STREAMS = new Set(['attach', 'exec', 'proxy', 'log', 'portforward'])

/** genericfilters.BasicLongRunningRequestCheck, as kube-apiserver configures it. */
export function isLongRunning(attributes: Attributes): boolean {
  return attributes.verb === 'watch' || (attributes.resource !== undefined && STREAMS.has(attributes.subresource ?? ''))
}
