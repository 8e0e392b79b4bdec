import type { User } from '../rbac/authorizer.ts'
import { agentNamed } from '../admission/agents.ts'
import { LateBody, LateChange, type WatchOptions } from '../client.ts'
import { resourceKey, type Kind } from '../kinds/kind.ts'
import type { Store } from '../store.ts'
import type { KubeObject, Node } from '../types.ts'
import { VERSION } from '../version.ts'
import { collectionPath, type Asked } from './asked.ts'
import type { Requests } from './requests.ts'

/** What the cluster's own parts ask without credentials and without HTTP here: as the server would see them otherwise. */
interface Written { user?: User; account?: User; fieldManager?: string; dryRun?: boolean; force?: boolean; subresource?: string }

interface Server { readonly store: Store; readonly requests: Requests; readonly advertiseAddress: string | undefined }

/** What the simulation writes with another verb than the real parts do: bindings are created, and a kubelet patches the status of Pods. */
function real(verb: Verb, { name }: Kind['resource'], { subresource, fieldManager }: Written): Verb {
  if (verb !== 'update' || name !== 'pods') return verb
  return subresource === 'binding' ? 'create' : subresource === 'status' && fieldManager === 'kubelet' ? 'patch' : verb
}

const METHODS = { create: 'POST', update: 'PUT', patch: 'PATCH', delete: 'DELETE', deletecollection: 'DELETE', watch: 'GET' } as const
type Verb = keyof typeof METHODS

/** Parts of Kubernetes that write under their own names. */
const PARTS = new Set(['kubelet', 'kube-scheduler', 'kube-controller-manager', 'kube-apiserver', 'cloud-controller-manager'])

const BUILD = `${VERSION.gitVersion} (${VERSION.platform}) kubernetes/${VERSION.gitCommit.slice(0, 7)}`

/** Does what an agent asks, and keeps count of it; what others ask is told by who serves them. */
export function asAgent<T>(server: Server, written: Verb, kind: Kind, namespace: string | undefined, name: string | undefined, options: Written, body: unknown, act: () => T): T {
  if (!isAgent(options)) return act()
  const verb = real(written, kind.resource, options)
  const { subresource = '', dryRun } = options
  const series = `${verb} ${resourceKey(kind.resource)} ${subresource} ${dryRun ?? ''}${name === undefined && namespace !== undefined ? ' namespace' : ''}`
  return server.requests.often(series, () => askedBy(server, verb, kind, namespace, name, options, body), verb === 'create' ? 201 : 200, act)
}

/** A watch of an agent, until it is stopped. */
export function watchAsAgent(server: Server, kind: Kind, options: WatchOptions, watch: () => () => void): () => void {
  if (!isAgent(options)) return watch()
  const stop = watch()
  const end = server.requests.watching(askedBy(server, 'watch', kind, options.namespace, undefined, options, undefined, watchQuery(options)))
  return () => {
    stop()
    end()
  }
}

function isAgent({ user, account, fieldManager }: Written): boolean {
  return user === undefined && (account !== undefined || (fieldManager !== undefined && PARTS.has(fieldManager)))
}

function askedBy(server: Server, verb: Verb, kind: Kind, namespace: string | undefined, name: string | undefined, options: Written, given: unknown, query = ''): Asked {
  const { fieldManager = '', subresource } = options
  const { resource } = kind
  const sent = (): unknown => (given instanceof LateBody ? given.make() : given instanceof LateChange ? given.make().patch : given)
  const object = verb === 'create' ? (sent() as KubeObject | undefined) : undefined
  const user = options.account ?? agentNamed(fieldManager, resource, name ?? '', verb === 'create', object) ?? API_SERVER
  const path = [collectionPath(resource, namespace), ...(name === undefined ? [] : [name]), ...(subresource === undefined ? [] : [subresource])].join('/')
  const home = resource.namespaced ? namespace : resource.name === 'namespaces' ? name : undefined
  return {
    method: METHODS[verb], uri: path + (query || (options.dryRun ? '?dryRun=All' : '')), version: resource.version, user, dryRun: options.dryRun ?? false,
    attributes: { verb, group: resource.group, resource: resource.name, subresource, namespace: home, name },
    userAgent: agentOf(fieldManager, user), sourceIp: user === API_SERVER ? '::1' : addressOf(server, user), ...(given === undefined ? {} : { body: sent }),
  }
}

/** The server's own client, over its loopback. */
const API_SERVER: User = { name: 'system:apiserver', groups: ['system:authenticated', 'system:masters'] }

function agentOf(fieldManager: string, { name }: User): string {
  switch (fieldManager) {
    case 'kube-controller-manager': return `kube-controller-manager/${BUILD}${name.startsWith('system:serviceaccount:') ? `/${name}` : ''}`
    case 'kube-scheduler': return `kube-scheduler/${BUILD}/scheduler`
    case 'kubelet': case 'kube-proxy': case 'kube-apiserver': case 'cloud-controller-manager': return `${fieldManager}/${BUILD}`
    default: return fieldManager
  }
}

/** A node's own address, or that of the node of the control plane. */
function addressOf({ store, advertiseAddress = '' }: Server, { name }: User): string {
  const [, node] = /^system:node:(.+)$/.exec(name) ?? []
  if (node === undefined) return /^system:(kube-|serviceaccount:kube-system:[a-z-]+(controller|publisher)$)/.test(name) ? advertiseAddress : ''
  const { status } = (store.get('nodes', '', node) as Partial<Node> | undefined) ?? {}
  return status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? ''
}

function watchQuery({ fieldSelector, labelSelector, allowWatchBookmarks, resourceVersion }: WatchOptions): string {
  const parts = [['allowWatchBookmarks', allowWatchBookmarks ? 'true' : undefined], ['fieldSelector', fieldSelector], ['labelSelector', labelSelector], ['resourceVersion', resourceVersion], ['watch', 'true']] as const
  return `?${parts.filter(([, value]) => value !== undefined && value !== '').map(([key, value]) => `${key}=${encodeURIComponent(value!)}`).join('&')}`
}
