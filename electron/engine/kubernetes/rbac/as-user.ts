import { own } from '../../own.ts'
import type { KubernetesClient, ListOptions } from '../client.ts'
import { resourceKey } from '../kinds/kind.ts'
import { authorize, impersonated, rbacOf, refusal, type Attributes, type User } from './authorizer.ts'

/** Impersonate-User, -Group and -Uid. */
export interface Impersonation { user: string; groups?: readonly string[]; uid?: string }

/** Whether a user may be somebody else, and who that is. Throws what the API server refuses it with. */
export function become(client: KubernetesClient, user: User, { user: name, groups = [], uid }: Impersonation): User {
  const [, namespace, account] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name) ?? []
  const asked: Attributes[] = [
    { verb: 'impersonate', group: '', resource: account === undefined ? 'users' : 'serviceaccounts', subresource: undefined, namespace, name: account ?? name },
    ...groups.map((group): Attributes => ({ verb: 'impersonate', group: '', resource: 'groups', subresource: undefined, namespace: undefined, name: group })),
    ...(uid ? [{ verb: 'impersonate', group: 'authentication.k8s.io', resource: 'uids', subresource: undefined, namespace: undefined, name: uid }] : []),
  ]
  for (const each of asked) demand(client, user, each)
  return impersonated(name, groups, uid)
}

/** Throws what the API server refuses it with, whom RBAC does not allow it. */
export function demand(client: KubernetesClient, user: User, asked: Attributes): void {
  const { allowed, reason } = authorize(rbacOf(client), user, asked)
  if (!allowed) throw refusal(user, asked, reason)
}

/** Whether somebody, or as whom he asks, may stream: a WebSocket is a GET, SPDY a POST. Throws what the API server refuses it with. */
export function checkStream(client: KubernetesClient, { user, as }: { user: User; as?: Impersonation | undefined }, method: string, namespace: string, pod: string, subresource: string): void {
  demand(client, as ? become(client, user, as) : user, attributes(client, method === 'POST' ? 'create' : 'get', 'pods', namespace, pod, subresource)!)
}

/** The same client for somebody who may not do everything: what his roles do not allow is Forbidden. */
export function asUser(client: KubernetesClient, user: User): KubernetesClient {
  const may = (verb: string, key: string, namespace: string | undefined, name?: string, subresource?: string, selector?: string): void => {
    const asked = attributes(client, verb, key, namespace, name, subresource)
    if (asked) demand(client, user, selector === undefined ? asked : { ...asked, selector } as Attributes)
  }
  const stream = (namespace: string, pod: string, subresource: string): void => {
    // a WebSocket is a GET; who may not is asked again for the POST of SPDY
    const get = attributes(client, 'get', 'pods', namespace, pod, subresource)!
    if (!authorize(rbacOf(client), user, get).allowed) may('create', 'pods', namespace, pod, subresource)
  }
  return {
    way: client.way,
    requests: client.requests,
    resources: () => client.resources(),
    findResource: (word) => client.findResource(word),
    serverVersion: () => client.serverVersion(),
    openApiPaths: () => client.openApiPaths(),
    openApi: (path) => client.openApi(path),
    document(verb, path) {
      demand(client, user, { verb, path })
      return client.document(verb, path)
    },
    tableOf: (resource, objects) => client.tableOf(resource, objects),
    get(resource, namespace, name) {
      may('get', resource, namespace, name)
      return client.get(resource, namespace, name)
    },
    list(resource, options) {
      may('list', resource, options?.namespace, named(options), undefined, options?.fieldSelector)
      return client.list(resource, options)
    },
    table(resource, options) {
      may(options?.name === undefined ? 'list' : 'get', resource, options?.namespace, options?.name ?? named(options), undefined, options?.fieldSelector)
      return client.table(resource, options)
    },
    inquire: (resource, done) => client.inquire(resource, done),
    watch(resource, options, listener) {
      may('watch', resource, options.namespace, named(options), undefined, options.fieldSelector)
      return client.watch(resource, options, listener)
    },
    create(resource, namespace, object, options) {
      may('create', resource, namespace)
      return client.create(resource, namespace, object, { ...options, user })
    },
    update(resource, namespace, name, object, options) {
      may('update', resource, namespace, name, options?.subresource)
      return client.update(resource, namespace, name, object, { ...options, user })
    },
    patch(resource, namespace, name, type, patch, options) {
      may('patch', resource, namespace, name, options?.subresource)
      return client.patch(resource, namespace, name, type, patch, { ...options, user })
    },
    createSubresource(resource, namespace, name, subresource, object, options) {
      may('create', resource, namespace, name, subresource)
      return client.createSubresource(resource, namespace, name, subresource, object, options)
    },
    scale(resource, namespace, name) {
      may('get', resource, namespace, name, 'scale')
      return client.scale(resource, namespace, name)
    },
    delete(resource, namespace, name, options) {
      may('delete', resource, namespace, name)
      return client.delete(resource, namespace, name, { ...options, user })
    },
    deleteCollection(resource, list, options) {
      may('deletecollection', resource, list.namespace)
      client.deleteCollection(resource, list, { ...options, user })
    },
    logs(namespace, pod, options, sink) {
      may('get', 'pods', namespace, pod, 'log')
      return client.logs(namespace, pod, options, sink)
    },
    exec(namespace, pod, options) {
      stream(namespace, pod, 'exec')
      return client.exec(namespace, pod, { ...options, user })
    },
    attach(namespace, pod, options) {
      stream(namespace, pod, 'attach')
      return client.attach(namespace, pod, { ...options, user })
    },
    openForward(namespace, pod, session) {
      stream(namespace, pod, 'portforward')
      return client.openForward(namespace, pod, { user, onOpen: () => session.onOpen(), onRefused: (why) => session.onRefused(why), onLost: () => session.onLost() })
    },
    proxy(resource, namespace, id, request, done) {
      may(verbOf(request.method), resource, namespace, id, 'proxy')
      return client.proxy(resource, namespace, id, { ...request, user }, done)
    },
  }
}

/** The verb of a request on a subresource. */
function verbOf(method: string): string {
  return own({ GET: 'get', HEAD: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }, method) ?? method.toLowerCase()
}

/** The name that a list asks for is the request's (RequestInfoFactory). */
export function named(options: ListOptions | undefined): string | undefined {
  return /(?:^|,)metadata\.name==?([^,]+)/.exec(options?.fieldSelector ?? '')?.[1]
}

/** What is asked of the authorizer; nothing for what nobody serves, which is refused for that. */
export function attributes(client: KubernetesClient, verb: string, key: string, namespace: string | undefined, name?: string, subresource?: string): Attributes | undefined {
  const resource = client.resources().find((each) => resourceKey(each) === key)
  if (!resource) return undefined
  const home = resource.namespaced ? namespace : key === 'namespaces' ? name : undefined
  return { verb, group: resource.group, resource: resource.name, subresource, namespace: home, name }
}
