import { AdmissionRefusal, ConnectionError, type KubernetesClient } from './client.ts'

/**
 * A client for agents that know two kinds of answers only, that the write is done or that the object is gone: what webhooks
 * and policies refuse them they try again later, as if they had not been answered.
 */
export function patient(client: KubernetesClient): KubernetesClient {
  const held = <A extends unknown[], R>(write: (...args: A) => R) => (...args: A): R => {
    try {
      return write(...args)
    } catch (error) {
      if (error instanceof AdmissionRefusal) throw new ConnectionError(error.message)
      throw error
    }
  }
  return {
    ...client,
    create: held(client.create) as KubernetesClient['create'],
    update: held(client.update) as KubernetesClient['update'],
    patch: held(client.patch) as KubernetesClient['patch'],
    createSubresource: held(client.createSubresource) as KubernetesClient['createSubresource'],
    delete: held(client.delete),
    deleteCollection: held(client.deleteCollection),
  }
}
