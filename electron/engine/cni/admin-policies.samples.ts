import { createCluster, parseClusterConfig, type Cluster, type Pod } from '../cluster.ts'
import type { Journey } from '../journey/types.ts'
import type { KubeObject } from '../kubernetes/types.ts'
import { ADMIN_POLICIES, BASELINE_POLICIES } from './admin-policy-api.ts'

const V1 = 'policy.networking.k8s.io/v1alpha1'
const IMAGE = { name: 'c', image: 'nginx:1.27.5', ports: [{ name: 'http', containerPort: 80 }] }

export interface Shop {
  cluster: Cluster
  create(resource: string, namespace: string | undefined, object: object): void
  remove(resource: string, name: string, namespace?: string): void
  /** An AdminNetworkPolicy for the namespace shop. */
  admin(name: string, priority: number, spec: object): void
  /** The BaselineAdminNetworkPolicy for it. */
  baseline(spec: object, name?: string): void
  /** From the client in a namespace to web, by packets. */
  connect(from: string, port?: number): Journey
  /** Of the clients in shop and in test. */
  verdicts(): string[]
}

/** What selects a namespace by its name. */
export const namespaces = (name: string): object => ({ matchLabels: { 'kubernetes.io/metadata.name': name } })

/** A server, web, and a client in the namespace shop, and a client in test; administrators' policies are about shop. */
export function shop(cni: string | object): Shop {
  const cluster = createCluster(parseClusterConfig({ cni }))
  cluster.settle()
  const { client, clock } = cluster
  const settle = (): void => {
    cluster.settle()
    clock.runFor(500)
  }
  const create = (resource: string, namespace: string | undefined, object: object): void => {
    client.create(resource, namespace, object as unknown as KubeObject)
    settle()
  }
  for (const name of ['shop', 'test']) create('namespaces', undefined, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  for (const [namespace, name, nodeName] of [['shop', 'web', 'worker-1'], ['shop', 'client', 'worker-2'], ['test', 'client', 'worker-2']] as const) {
    create('pods', namespace, { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec: { nodeName, containers: [IMAGE] } })
  }
  const connect = (from: string, port = 80): Journey => {
    const connection = cluster.podNetwork(from, 'client')!.sockets.connect({ address: client.get<Pod>('pods', 'shop', 'web').status.podIP!, port }, {})
    clock.runFor(1_000)
    connection.abort()
    clock.runFor(100)
    return connection.journey!
  }
  const subject = { namespaces: namespaces('shop') }
  return {
    cluster, create, connect,
    remove: (resource, name, namespace) => {
      client.delete(resource, namespace, name)
      settle()
    },
    admin: (name, priority, spec) => create(ADMIN_POLICIES, undefined, { apiVersion: V1, kind: 'AdminNetworkPolicy', metadata: { name }, spec: { priority, subject, ...spec } }),
    baseline: (spec, name = 'default') => create(BASELINE_POLICIES, undefined, { apiVersion: V1, kind: 'BaselineAdminNetworkPolicy', metadata: { name }, spec: { subject, ...spec } }),
    verdicts: () => [connect('shop').verdict, connect('test').verdict],
  }
}
