import { AdmissionRefusal, ConnectionError, StatusError, Undecided, type KubernetesClient, type WriteOptions } from './client.ts'
import type { KubeObject, Status } from './types.ts'

/**
 * A client for agents that know two kinds of answers only, that the write is done or that the object is gone. What webhooks
 * and policies refuse the kubelet and the scheduler, they try again later, as if they had not been answered. The others on a
 * node, who write under names of their own, do not look at what comes of it: what webhooks have to judge is written when
 * they have, and what is refused is not.
 */
export function patient(client: KubernetesClient): KubernetesClient {
  /** `instead`: what is given to who does not look. */
  const held = <T>(write: () => T, instead: (() => T) | undefined): T => {
    try {
      return write()
    } catch (error) {
      if (instead && error instanceof Undecided) error.settle(() => unseen(() => held(write, instead)))
      else if (error instanceof AdmissionRefusal && !instead) throw new ConnectionError(error.message)
      else if (!(error instanceof AdmissionRefusal)) throw error
      return instead!()
    }
  }
  const isOthers = (options: WriteOptions | undefined): boolean => options?.fieldManager !== undefined
  const asItIs = <T extends KubeObject>(resource: string, namespace: string | undefined, name: string) => (): T => client.get<T>(resource, namespace, name)
  const gone: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', message: '', reason: '', code: 200 }
  return {
    ...client,
    create: <T extends KubeObject>(resource: string, namespace: string | undefined, object: unknown, options?: WriteOptions): T =>
      held(() => client.create<T>(resource, namespace, object, options), isOthers(options) ? () => object as T : undefined),
    update: <T extends KubeObject>(resource: string, namespace: string | undefined, name: string, object: unknown, options?: WriteOptions & { subresource?: string }): T =>
      held(() => client.update<T>(resource, namespace, name, object, options), isOthers(options) ? asItIs<T>(resource, namespace, name) : undefined),
    patch: (resource, namespace, name, type, patch, options) =>
      held(() => client.patch(resource, namespace, name, type, patch, options), isOthers(options) ? asItIs(resource, namespace, name) : undefined),
    createSubresource: (resource, namespace, name, subresource, object, options) => held(() => client.createSubresource(resource, namespace, name, subresource, object, options), undefined),
    // the kubelet deletes nothing but Pods
    delete: (resource, namespace, name, options) => held(() => client.delete(resource, namespace, name, options), resource === 'pods' ? undefined : () => gone),
    deleteCollection: (resource, list, options) => held(() => client.deleteCollection(resource, list, options), undefined),
  }
}

/** Nobody is there any more whom it would be told. */
function unseen(act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof StatusError || error instanceof ConnectionError)) throw error
  }
}
