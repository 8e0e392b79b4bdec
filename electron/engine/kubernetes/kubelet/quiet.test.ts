import { describe, expect, it } from 'vitest'
import { createCluster, decodeUtf8, parseClusterConfig, type Cluster, type Machine, type NetworkNamespace, type Pod } from '../../cluster.ts'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'

/** Pods of images that only wait are made when somebody looks. Nobody may ever be able to tell. */

function workersOf(cluster: Cluster) {
  return [...cluster.nodes.keys()].flatMap((node) => [...(cluster as SimulatedCluster).kubelet(node)!.workers.values()])
}

/** As the window does for its picture. */
function lookAtNetworks(cluster: Cluster): void {
  for (const { sandbox } of workersOf(cluster)) void sandbox?.network.links
}

/** As somebody who is in every container from its first moment. */
function lookAtAll(cluster: Cluster): void {
  lookAtNetworks(cluster)
  for (const worker of workersOf(cluster)) for (const { run } of worker.records) void run?.machine
}

function pass(cluster: Cluster, ms: number, onEvent: () => void): void {
  const end = cluster.clock.now + ms
  while (cluster.clock.step(end)) onEvent()
  cluster.clock.runUntil(end)
}

/** A working day of Pods, with `onEvent` after each event. Returns what it looked like at its end. */
function day(config: object, onEvent: (cluster: Cluster) => void): { seen: object; executed: number } {
  const cluster = createCluster(parseClusterConfig(config))
  const look = (): void => onEvent(cluster)
  pass(cluster, 40_000, look)
  const { client } = cluster
  const deployment = (name: string, image: string, replicas: number, more: object = {}): object => ({
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name },
    spec: { replicas, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image, env: [{ name: 'WHO', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }], ...more }] } } },
  })
  client.create('deployments', 'default', deployment('web', 'nginx', 5) as never)
  client.create('deployments', 'default', deployment('who', 'traefik/whoami', 2) as never)
  client.create('deployments', 'default', deployment('probed', 'nginx', 1, { readinessProbe: { httpGet: { port: 80 } } }) as never)
  client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } } as never)
  pass(cluster, 7_000, look)
  // one goes and another comes; a node loses its power and comes back; an image changes
  client.delete('pods', 'default', client.list('pods', { namespace: 'default', labelSelector: 'app=web' }).items[0]!.metadata.name)
  pass(cluster, 5_000, look)
  cluster.faults.apply(['node-reboot', 'worker-2'])
  pass(cluster, 90_000, look)
  client.patch('deployments', 'default', 'who', 'application/merge-patch+json', { spec: { replicas: 4 } })
  client.patch('deployments', 'default', 'web', 'application/json-patch+json', [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'nginx:1.26' }])
  pass(cluster, 20_000, look)
  const { executed } = cluster.clock
  return { executed, seen: JSON.parse(JSON.stringify(picture(cluster))) as object }
}

function picture(cluster: Cluster): object {
  const machines: Record<string, object> = {}
  for (const worker of workersOf(cluster)) {
    const name = worker.pod.metadata.name
    const { sandbox } = worker
    if (sandbox) machines[`${name} sandbox`] = { id: sandbox.id, netns: sandbox.netns, ips: sandbox.ips, processes: processes(sandbox.pause.machine), network: networkOf(sandbox.network) }
    for (const { run, spec } of worker.records) {
      if (!run) continue
      const { machine } = run
      const stats = ['/etc', '/etc/hosts', '/etc/resolv.conf', '/run/nginx.pid', '/var/run/secrets/kubernetes.io/serviceaccount/token'].map((path) => (machine.fs.exists(path) ? { ...machine.fs.stat(path), text: machine.fs.stat(path).type === 'file' ? decodeUtf8(machine.fs.readFile(path)) : '' } : path))
      machines[`${name} ${spec.name}`] = { id: run.id, log: run.log.tail(100, 10_000), processes: processes(machine), stats, env: [...machine.env] }
    }
  }
  const nodes = Object.fromEntries([...cluster.nodes].map(([name, machine]) => [name, networkOf(machine.network)]))
  return { machines, nodes, namespaces: cluster.networks().map(({ id, name }) => `${id} ${name}`), objects: cluster.client.list('pods').items, events: cluster.client.list('events').items }
}

function processes(machine: Machine): unknown[] {
  return [...machine.processes.values()].map(({ pid, argv, startedAt }) => ({ pid, argv, startedAt }))
}

function networkOf(network: NetworkNamespace): object {
  return {
    links: [...network.links.values()].map(({ name, index, mac, mtu, up, carrier, addresses, statistics, master }) => ({ name, index, mac, mtu, up, carrier, addresses, statistics: { ...statistics }, master: master?.name })),
    routes: network.routes.list('main'),
    neighbours: network.neighbours.list(),
    sysctls: network.sysctls().map((key) => `${key} = ${network.sysctl(key)}`),
    sockets: network.sockets.list(),
  }
}

describe('a Pod that nobody has looked at', () => {
  it.each([
    ['flannel', { nodes: 3 }],
    ['the bridge plugin', { nodes: 3, cni: 'bridge', seed: 7 }],
    ['calico', { nodes: 3, cni: 'calico' }],
  ])('is, when somebody does, as if he always had: %s', (_name, config) => {
    const watched = day(config, lookAtAll)
    const alone = day(config, () => undefined)
    expect(alone.seen).toEqual(watched.seen)
  })

  it('leaves the count of events alone, which sessions are replayed by', () => {
    expect(day({ nodes: 3 }, lookAtNetworks).executed).toBe(day({ nodes: 3 }, () => undefined).executed)
  })

  it('costs no processes and no links until then', () => {
    const cluster = createCluster(parseClusterConfig({ nodes: 2 }))
    cluster.settle()
    for (const name of ['a', 'b', 'c']) cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'main', image: 'nginx' }] } } as never)
    cluster.settle()
    const { network } = cluster.nodes.get('worker-1')!
    expect(network.hasDeferred).toBe(true)
    // those that the node asks how they are, every ten seconds, are not they
    cluster.clock.runFor(30_000)
    expect(network.hasDeferred).toBe(true)
    expect([...network.links.keys()].filter((name) => name.startsWith('veth'))).toHaveLength(3 + 1)
    expect(network.hasDeferred).toBe(false)
  })

  it('has died where a variable is wrong with which its program does not come to wait', () => {
    const cluster = createCluster(parseClusterConfig({ nodes: 2 }))
    cluster.settle()
    const whoami = (name: string, value: string): void => void cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'traefik/whoami', env: [{ name: 'WHOAMI_PORT_NUMBER', value }] }] } } as never)
    whoami('wrong', 'abc')
    whoami('right', '8080')
    cluster.settle()
    const phase = (name: string): string | undefined => cluster.client.get<Pod>('pods', 'default', name).status.phase
    expect([phase('wrong'), phase('right')]).toEqual(['Failed', 'Running'])
  })
})
