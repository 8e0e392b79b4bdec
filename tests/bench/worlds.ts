import { parseClusterConfig, type Cluster, type Pod } from '../../electron/engine/cluster.ts'
import { bearCluster } from '../../electron/lab/start.ts'
import { runScript } from '../../electron/lab/script.ts'

export interface Result { name: string; value: number; unit: string; note?: string }

/** A cluster of so many nodes, settled. */
export function cluster(nodes: number): Cluster {
  // A /24 for each: the default range has 256 of them.
  return bearCluster(parseClusterConfig(nodes > 250 ? { nodes, podCIDR: '10.0.0.0/11' } : { nodes }, 'cluster'))
}

export function deployment(name: string, replicas: number, image = 'nginx', more: object = {}): object {
  const labels = { app: name }
  return {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name, image, ports: [{ containerPort: 80 }] }], ...more } } },
  }
}

export const create = (c: Cluster, resource: string, object: object): void => void c.client.create(resource, resource === 'namespaces' ? undefined : 'default', object)

/** Runs until a Deployment has all its Pods Ready. */
export function untilReady(c: Cluster, name: string, replicas: number): void {
  const ready = (): number => c.client.get<{ status?: { readyReplicas?: number } } & Pod>('deployments', 'default', name).status?.readyReplicas ?? 0
  while (ready() < replicas) if (!c.clock.step()) throw new Error('nothing moves any more')
    else for (let i = 0; i < 200 && c.clock.step(); i++);
}

export function shell(c: Cluster, command: string): string {
  const { code, stdout, stderr } = runScript(c, command)
  if (code !== 0) throw new Error(stderr)
  return stdout
}

/** Milliseconds that `work` takes. */
export function time(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

export function heap(): number {
  for (let i = 0; i < 2; i++) (globalThis as { gc?: () => void }).gc?.()
  return process.memoryUsage().heapUsed / 1e6
}
