import type { Cluster } from '../../cluster.ts'
import { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { Journey } from '../../journey/types.ts'
import type { KubeObject, Pod, Service } from '../../kubernetes/types.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { datapathOf, type Datapath } from './datapath.ts'

function make(config: object = {}): SimulatedCluster {
  const cluster = new SimulatedCluster(parseClusterConfig({ nodes: 3, cni: 'cilium', ...config }))
  cluster.settle()
  return cluster
}

export function podObject(name: string, node: string, labels: Record<string, string> = { app: name }, spec: object = {}): object {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels }, spec: { nodeName: node, terminationGracePeriodSeconds: 0, containers: [{ name: 'c', image: 'nginx:1.27.5', ports: [{ name: 'http', containerPort: 80 }] }], ...spec } }
}

/** Helm's sctp.enabled=true, which restarts the agents. */
export function enableSctp(cluster: Cluster): void {
  const { client } = cluster
  client.patch('configmaps', 'kube-system', 'cilium-config', 'application/merge-patch+json', { data: { 'enable-sctp': 'true' } })
  for (const { metadata } of client.list('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=cilium' }).items) client.delete('pods', 'kube-system', metadata.name)
  cluster.clock.runFor(60_000)
  cluster.settle()
}

/** A cluster with Cilium, and what one does to it in stories. */
export class World {
  readonly cluster: SimulatedCluster
  constructor(config: object = {}) {
    this.cluster = make(config)
  }

  create(resource: string, object: object): KubeObject {
    const created = this.cluster.client.create(resource, 'default', object as KubeObject)
    this.cluster.settle()
    return created
  }

  service(name: string, spec: object): Service {
    return this.create('services', { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }], ...spec } }) as Service
  }

  pod(name: string, node: string, labels?: Record<string, string>, spec?: object): NetworkNamespace {
    this.create('pods', podObject(name, node, labels, spec))
    return this.cluster.podNetwork('default', name)!
  }

  ip(name: string): string {
    return this.cluster.client.get<Pod>('pods', 'default', name).status.podIP!
  }

  node(name: string): NetworkNamespace {
    return this.cluster.nodes.get(name)!.network
  }

  maps(node: string): Datapath {
    return datapathOf(this.node(node))!
  }

  /** One HTTP request on a connection of its own; the whole answer. */
  http(from: NetworkNamespace, address: string, request: string, more = ''): string {
    let answer = ''
    const connection = from.sockets.connect({ address, port: 80 }, { onConnect: () => connection.send(encodeUtf8(`${request} HTTP/1.1\r\nHost: web\r\nConnection: close\r\n${more}\r\n`)), onData: (data) => (answer += decodeUtf8(data)) })
    this.cluster.clock.runFor(3_000)
    connection.abort()
    this.cluster.clock.runFor(50)
    return answer
  }

  /** One TCP connection, opened and given up; its journey and the error that the program got. */
  connect(from: NetworkNamespace, address: string, port: number): Journey & { error?: string } {
    let error: string | undefined
    let opened = false
    const connection = from.sockets.connect({ address, port }, { onConnect: () => (opened = true), onClose: (e) => (error = e?.code) })
    this.cluster.clock.runFor(opened ? 0 : 200)
    const { journey } = connection
    connection.abort()
    this.cluster.clock.runFor(50)
    return Object.assign(Object.create(null) as object, journey, error === undefined ? {} : { error }) as Journey & { error?: string }
  }
}
