import { copied } from '../../own.ts'
import type { KubernetesClient } from '../client.ts'
import type { User } from '../rbac/authorizer.ts'

/** What a client may do besides writing objects goes through as it is. */
const OTHERS = {
  resources: true, findResource: true, serverVersion: true, openApiPaths: true, openApi: true, document: true, get: true, list: true, table: true, tableOf: true, inquire: true,
  scale: true, logs: true, exec: true, attach: true, openForward: true, proxy: true,
} as const satisfies Record<Exclude<keyof KubernetesClient, 'way' | 'requests' | Written>, true>

type Written = 'create' | 'update' | 'patch' | 'createSubresource' | 'delete' | 'deleteCollection' | 'watch'

/**
 * A client whose writes are recorded under this name, unless one says otherwise: what the API server takes from the
 * user agent of a program ("kubelet/v1.33.1 (linux/amd64) …"). `account`: who the API server's records say that is.
 */
export function asManager(client: KubernetesClient, fieldManager: string, account?: User): KubernetesClient {
  const named = <T extends { fieldManager?: string; account?: User }>(options: T | undefined): T => {
    if (options?.fieldManager && (options.account ?? !account)) return options
    return { ...options, fieldManager: options?.fieldManager || fieldManager, ...(account ? { account: options?.account ?? account } : {}) } as T
  }
  return Object.assign(copied(passed(client)), {
    way: client.way,
    requests: client.requests,
    create: (resource, namespace, object, options) => client.create(resource, namespace, object, named(options)),
    update: (resource, namespace, name, object, options) => client.update(resource, namespace, name, object, named(options)),
    patch: (resource, namespace, name, type, patch, options) => client.patch(resource, namespace, name, type, patch, named(options)),
    createSubresource: (resource, namespace, name, subresource, object, options) => client.createSubresource(resource, namespace, name, subresource, object, named(options)),
    delete: (resource, namespace, name, options) => client.delete(resource, namespace, name, named(options)),
    deleteCollection: (resource, list, options) => client.deleteCollection(resource, list, named(options)),
    watch: (resource, options, listener) => client.watch(resource, named(options), listener),
  } satisfies Pick<KubernetesClient, 'way' | 'requests' | Written>)
}

/** One for all who write through the same client: a node has several of them. */
const bound = new WeakMap<KubernetesClient, Pick<KubernetesClient, keyof typeof OTHERS>>()

function passed(client: KubernetesClient): Pick<KubernetesClient, keyof typeof OTHERS> {
  let methods = bound.get(client)
  if (!methods) {
    methods = Object.fromEntries((Object.keys(OTHERS) as (keyof typeof OTHERS)[]).map((name) => [name, (client[name] as () => unknown).bind(client)])) as unknown as Pick<KubernetesClient, keyof typeof OTHERS>
    bound.set(client, methods)
  }
  return methods
}
