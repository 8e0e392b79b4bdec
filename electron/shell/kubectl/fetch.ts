import { StatusError, type ApiResource } from '../../engine/kubernetes/client.ts'
import { resourceKey } from '../../engine/kubernetes/kinds/kind.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Kubectl } from './command.ts'
import { isNotFound, NotSimulatedError } from './errors.ts'
import type { JsonObject } from './objects.ts'
import type { Info } from './resources.ts'

/** "pods", "deployments.apps" */
export function groupResource({ name, group }: ApiResource): string {
  return group ? `${name}.${group}` : name
}

export function notServed(resource: ApiResource): NotSimulatedError {
  return new NotSimulatedError(`resource ${groupResource(resource)}`, 'kinds that Podhop serves: kubectl api-resources')
}

/** info.Get(): with the object as the server has it now. */
export function fetch(k: Kubectl, info: Info, subresource = ''): Info {
  const { resource, name } = info
  const at = [resourceKey(resource), resource.namespaced ? info.namespace : undefined, name] as const
  // what the server has no path for, client-go puts into words
  if (subresource && !resource.subresources.includes(subresource)) throw new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: `the server could not find the requested resource (get ${groupResource(resource)} ${name})`, reason: 'NotFound', code: 404 })
  try {
    const object = subresource === 'scale' ? k.client.scale<KubeObject>(...at) : k.client.get<KubeObject>(...at)
    return { ...info, object: object as unknown as JsonObject }
  } catch (error) {
    if (isNotFound(error) && resource.namespaced && info.namespace !== 'default') refuseMissingNamespace(k, info.namespace)
    throw error
  }
}

/** What is not found may be so because its namespace is not. */
function refuseMissingNamespace(k: Kubectl, namespace: string): void {
  try {
    k.client.get<KubeObject>('namespaces', undefined, namespace)
  } catch (error) {
    if (isNotFound(error)) throw error
  }
}
