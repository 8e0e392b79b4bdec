import { describe, expect, it } from 'vitest'
import { createCluster, parseClusterConfig, type Cluster, type Deployment, type EndpointSlice, type Node, type Pod } from './cluster.ts'
import { SimulatedCluster } from './assembly/simulated-cluster.ts'

/** The engine as a whole, told as stories. Nothing is faked: packets, probes and DNS run over the simulated network. */
function settled(config: object = {}): SimulatedCluster {
  const cluster = createCluster(parseClusterConfig(config)) as SimulatedCluster
  expect(cluster.settle()).toBe(true)
  return cluster
}

function pods(cluster: Cluster, labelSelector: string): Pod[] {
  return [...cluster.client.list<Pod>('pods', { namespace: 'default', labelSelector }).items]
}

interface DeploymentSetup { replicas?: number; image?: string; container?: object; spec?: object; strategy?: object }

function deploy(cluster: Cluster, name: string, { replicas = 1, image = 'nginx', container = {}, spec = {}, strategy }: DeploymentSetup = {}): void {
  cluster.client.create('deployments', 'default', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      ...(strategy ? { strategy } : {}),
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image, ...container }], ...spec } },
    },
  })
}

function expose(cluster: Cluster, name: string): void {
  cluster.client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: name }, ports: [{ port: 80 }] } })
}

function endpoints(cluster: Cluster, service: string): EndpointSlice['endpoints'] {
  return cluster.client.list<EndpointSlice>('endpointslices', { namespace: 'default', labelSelector: `kubernetes.io/service-name=${service}` }).items.flatMap((s) => s.endpoints ?? [])
}

function events(cluster: Cluster, about: string): string[] {
  const list = cluster.client.list<{ reason: string; message: string; involvedObject: { name: string } } & Pod>('events', { namespace: 'default' }).items
  return list.filter((e) => e.involvedObject.name === about).map((e) => `${e.reason}: ${e.message}`)
}

function log(cluster: Cluster, pod: string, options: { container?: string; previous?: boolean } = {}): string {
  let text = ''
  let refused: Error | undefined
  cluster.client.logs('default', pod, options, { onLine: (line) => (text += `${line}\n`), onRefused: (error) => (refused = error), onEnd: () => undefined })
  cluster.settle()
  if (refused) throw refused
  return text
}

describe('a cluster is born', () => {
  it('with nodes that are ready and system Pods that run', () => {
    const cluster = settled()
    const nodes = cluster.client.list<Node>('nodes').items
    expect(nodes.map((n) => [n.metadata.name, n.spec.podCIDR, n.status.conditions!.find((c) => c.type === 'Ready')!.status])).toEqual([
      ['control-plane', '10.244.0.0/24', 'True'], ['worker-1', '10.244.1.0/24', 'True'], ['worker-2', '10.244.2.0/24', 'True'],
    ])
    const system = cluster.client.list<Pod>('pods').items
    expect(system).toHaveLength(12)
    expect(system.every((p) => p.status.conditions!.some((c) => c.type === 'Ready' && c.status === 'True'))).toBe(true)
    const dns = cluster.client.get<EndpointSlice & { spec: { clusterIP: string } }>('services', 'kube-system', 'kube-dns')
    expect(dns.spec.clusterIP).toBe('10.96.0.10')
  })

  it('on either plugin, and with a single node', () => {
    for (const config of [{ cni: 'bridge' }, { cni: 'flannel', nodes: 1 }]) {
      const cluster = settled(config)
      expect(cluster.client.list<Node>('nodes').items.every((n) => n.status.conditions!.some((c) => c.type === 'Ready' && c.status === 'True'))).toBe(true)
    }
  })

  it('the same from the same seed and commands, and another from another seed', () => {
    const story = (seed: number): string[] => {
      const cluster = settled({ seed })
      deploy(cluster, 'web', { replicas: 3 })
      cluster.settle()
      return cluster.client.list<Pod>('pods').items.map((p) => `${p.metadata.name} ${p.metadata.uid} ${p.spec.nodeName} ${p.status.podIP} ${p.status.containerStatuses![0]!.containerID}`)
    }
    const once = story(7)
    expect(story(7)).toEqual(once)
    expect(story(8).filter((line) => once.includes(line))).toEqual([])
  })
})

describe('a Deployment', () => {
  it('becomes Pods that run with addresses of their nodes, named after the template', () => {
    const cluster = settled()
    deploy(cluster, 'web', { replicas: 3 })
    cluster.settle()
    const made = pods(cluster, 'app=web')
    expect(made.map((p) => p.status.phase)).toEqual(['Running', 'Running', 'Running'])
    for (const pod of made) {
      expect(pod.metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
      const node = cluster.client.get<Node>('nodes', undefined, pod.spec.nodeName!)
      expect(pod.status.podIP!.startsWith(node.spec.podCIDR!.replace(/0\/24$/, ''))).toBe(true)
      expect(events(cluster, pod.metadata.name).map((e) => e.replace(/ in .*? \(.*? including waiting\)/, ' in T'))).toEqual([
        `Scheduled: Successfully assigned default/${pod.metadata.name} to ${pod.spec.nodeName}`,
        'Pulling: Pulling image "nginx"',
        'Pulled: Successfully pulled image "nginx" in T. Image size: 72404038 bytes.',
        'Created: Created container: main',
        'Started: Started container main',
      ])
    }
    expect(new Set(made.map((p) => p.spec.nodeName))).toEqual(new Set(['worker-1', 'worker-2']))
  })

  it('scales up and down, and says so', () => {
    const cluster = settled()
    deploy(cluster, 'web', { replicas: 1 })
    cluster.settle()
    const scale = (replicas: number): void => {
      cluster.client.patch('deployments', 'default', 'web', 'application/merge-patch+json', { spec: { replicas } })
      cluster.settle()
    }
    scale(4)
    expect(pods(cluster, 'app=web')).toHaveLength(4)
    scale(2)
    expect(pods(cluster, 'app=web')).toHaveLength(2)
    const set = pods(cluster, 'app=web')[0]!.metadata.ownerReferences![0]!.name
    expect(events(cluster, 'web')).toEqual([
      `ScalingReplicaSet: Scaled up replica set ${set} from 0 to 1`,
      `ScalingReplicaSet: Scaled up replica set ${set} from 1 to 4`,
      `ScalingReplicaSet: Scaled down replica set ${set} from 4 to 2`,
    ])
  })

  it('rolls a new template out without ever having fewer Pods than it may', () => {
    const cluster = settled()
    deploy(cluster, 'web', { replicas: 4 })
    cluster.settle()
    let least = Infinity
    let most = 0
    cluster.client.watch<Pod>('pods', { namespace: 'default' }, () => {
      const live = pods(cluster, 'app=web').filter((p) => !p.metadata.deletionTimestamp)
      least = Math.min(least, live.filter((p) => p.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True')).length)
      most = Math.max(most, live.length)
    })
    cluster.client.patch('deployments', 'default', 'web', 'application/strategic-merge-patch+json', { spec: { template: { spec: { containers: [{ name: 'main', image: 'nginx:1.26' }] } } } })
    cluster.settle()
    expect([least, most]).toEqual([3, 5])
    const web = cluster.client.get<Deployment>('deployments', 'default', 'web')
    expect(web.status).toMatchObject({ replicas: 4, updatedReplicas: 4, readyReplicas: 4, availableReplicas: 4 })
    expect(web.metadata.annotations!['deployment.kubernetes.io/revision']).toBe('2')
    expect(pods(cluster, 'app=web').every((p) => p.spec.containers[0]!.image === 'nginx:1.26')).toBe(true)
  })

  it('that recreates has no old Pod running before the first new one', () => {
    const cluster = settled()
    deploy(cluster, 'web', { replicas: 2, strategy: { type: 'Recreate' } })
    cluster.settle()
    const images = new Set<string>()
    let mixed = false
    cluster.client.watch<Pod>('pods', { namespace: 'default' }, () => {
      images.clear()
      for (const p of pods(cluster, 'app=web')) if (!['Succeeded', 'Failed'].includes(p.status.phase!)) images.add(p.spec.containers[0]!.image!)
      mixed ||= images.size > 1
    })
    cluster.client.patch('deployments', 'default', 'web', 'application/strategic-merge-patch+json', { spec: { template: { spec: { containers: [{ name: 'main', image: 'nginx:1.26' }] } } } })
    cluster.settle()
    expect(mixed).toBe(false)
    expect([...images]).toEqual(['nginx:1.26'])
  })

  it('takes its ReplicaSets and Pods with it when it is deleted', () => {
    const cluster = settled()
    deploy(cluster, 'web', { replicas: 2 })
    cluster.settle()
    cluster.client.delete('deployments', 'default', 'web', { propagationPolicy: 'Background' })
    cluster.settle()
    expect(pods(cluster, 'app=web')).toEqual([])
    expect(cluster.client.list('replicasets', { namespace: 'default' }).items).toEqual([])
    expect(cluster.networks().filter((n) => n.name.startsWith('default/'))).toEqual([])
  })

  it('leaves them when they are to be orphaned', () => {
    const cluster = settled()
    deploy(cluster, 'web', { replicas: 2 })
    cluster.settle()
    cluster.client.delete('deployments', 'default', 'web', { propagationPolicy: 'Orphan' })
    cluster.settle()
    expect(pods(cluster, 'app=web')).toHaveLength(2)
    expect(cluster.client.list('replicasets', { namespace: 'default' }).items[0]!.metadata.ownerReferences ?? []).toEqual([])
  })
})

describe('a Pod', () => {
  it('that is deleted is replaced by one of another name and address', () => {
    const cluster = settled()
    deploy(cluster, 'web')
    cluster.settle()
    const [old] = pods(cluster, 'app=web')
    cluster.client.delete('pods', 'default', old!.metadata.name)
    cluster.settle()
    const [fresh, ...others] = pods(cluster, 'app=web')
    expect(others).toEqual([])
    expect(fresh!.metadata.name).not.toBe(old!.metadata.name)
    expect(fresh!.status.podIP).not.toBe(old!.status.podIP)
  })

  it('keeps its sandbox and address when its container restarts', () => {
    const cluster = settled()
    deploy(cluster, 'web')
    cluster.settle()
    const [before] = pods(cluster, 'app=web')
    const { name } = before!.metadata
    const network = cluster.podNetwork('default', name)
    const nginx = cluster.container('default', name)!.processes.get(1)!
    nginx.signal('SIGKILL')
    cluster.settle()
    const after = cluster.client.get<Pod>('pods', 'default', name)
    expect(after.status.podIP).toBe(before!.status.podIP)
    expect(cluster.podNetwork('default', name)).toBe(network)
    expect(after.status.containerStatuses![0]).toMatchObject({ restartCount: 1, ready: true, lastState: { terminated: { exitCode: 137, reason: 'Error' } } })
  })

  it('with two containers on one port: the second crash-loops, and its log says why', () => {
    const cluster = settled()
    cluster.client.create('pods', 'default', {
      apiVersion: 'v1', kind: 'Pod', metadata: { name: 'two' },
      spec: { containers: [{ name: 'one', image: 'nginx' }, { name: 'other', image: 'nginx' }] },
    })
    cluster.settle()
    const status = (): Pod['status'] => cluster.client.get<Pod>('pods', 'default', 'two').status
    expect(status().containerStatuses!.map((c) => [c.name, c.ready])).toEqual([['one', true], ['other', false]])
    expect(log(cluster, 'two', { container: 'other' })).toContain('bind() to 0.0.0.0:80 failed (98: Address already in use)')
    cluster.clock.runFor(5_000)
    const other = status().containerStatuses![1]!
    expect(other.state!.waiting!.reason).toBe('CrashLoopBackOff')
    expect(other.state!.waiting!.message).toMatch(/^back-off (10|20)s restarting failed container=other pod=two_default\(/)
    expect(other.lastState!.terminated).toMatchObject({ exitCode: 1, reason: 'Error' })
    const restarts = other.restartCount
    cluster.clock.runFor(120_000)
    expect(status().containerStatuses![1]!.restartCount).toBeGreaterThan(restarts)
  })

  it('of an image that no registry has waits, with the registry’s words', () => {
    const cluster = settled()
    cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'bad' }, spec: { containers: [{ name: 'bad', image: 'nginx:no-such-tag' }] } })
    cluster.settle()
    const refused = 'rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/nginx:no-such-tag": failed to resolve reference "docker.io/library/nginx:no-such-tag": docker.io/library/nginx:no-such-tag: not found'
    expect(events(cluster, 'bad')).toEqual(expect.arrayContaining([`Failed: Failed to pull image "nginx:no-such-tag": ${refused}`, 'Failed: Error: ErrImagePull']))
    cluster.clock.runFor(5_000)
    const waiting = cluster.client.get<Pod>('pods', 'default', 'bad').status.containerStatuses![0]!.state!.waiting!
    expect(waiting).toEqual({ reason: 'ImagePullBackOff', message: `Back-off pulling image "nginx:no-such-tag": ErrImagePull: ${refused}` })
    expect(() => log(cluster, 'bad')).toThrow('container "bad" in pod "bad" is waiting to start: trying and failing to pull image')
  })

  it('that nothing can run says so in a StartError', () => {
    const cluster = settled()
    cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'bad' }, spec: { restartPolicy: 'Never', containers: [{ name: 'bad', image: 'nginx', command: ['nope'] }] } })
    cluster.settle()
    const { phase, containerStatuses } = cluster.client.get<Pod>('pods', 'default', 'bad').status
    expect(phase).toBe('Failed')
    expect(containerStatuses![0]!.state!.terminated).toMatchObject({ exitCode: 128, reason: 'StartError' })
    expect(containerStatuses![0]!.state!.terminated!.message).toContain('exec: "nope": executable file not found in $PATH')
  })

  it('that fits no node stays Pending, and the scheduler lists the reasons', () => {
    const cluster = settled()
    deploy(cluster, 'big', { container: { resources: { requests: { cpu: '64' } } } })
    cluster.settle()
    const [pod] = pods(cluster, 'app=big')
    expect(pod!.status.phase).toBe('Pending')
    expect(events(cluster, pod!.metadata.name)).toEqual([
      'FailedScheduling: 0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 Insufficient cpu. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.',
    ])
  })
})

describe('readiness', () => {
  const probe = { readinessProbe: { httpGet: { path: '/ready', port: 80 }, periodSeconds: 5 } }

  it('gates endpoints: a Pod whose probe fails is not ready and gets no traffic', () => {
    const cluster = settled()
    deploy(cluster, 'web', { replicas: 2, container: probe })
    expose(cluster, 'web')
    cluster.settle()
    expect(endpoints(cluster, 'web').map((e) => e.conditions!.ready)).toEqual([false, false])
    const [first] = pods(cluster, 'app=web')
    expect(events(cluster, first!.metadata.name)).toContain('Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 404')
    cluster.container('default', first!.metadata.name)!.fs.writeFile('/usr/share/nginx/html/ready', 'yes\n')
    cluster.clock.runFor(6_000)
    expect(endpoints(cluster, 'web').filter((e) => e.conditions!.ready).map((e) => e.targetRef!.name)).toEqual([first!.metadata.name])
  })

  it('that is asked of a closed port says connection refused; liveness restarts the container', () => {
    const cluster = settled()
    deploy(cluster, 'web', { container: { livenessProbe: { tcpSocket: { port: 81 }, periodSeconds: 2, failureThreshold: 2 } } })
    cluster.settle()
    cluster.clock.runFor(10_000)
    const [pod] = pods(cluster, 'app=web')
    expect(events(cluster, pod!.metadata.name)).toEqual(expect.arrayContaining([
      `Unhealthy: Liveness probe failed: dial tcp ${pod!.status.podIP}:81: connect: connection refused`,
      'Killing: Container main failed liveness probe, will be restarted',
    ]))
    expect(pod!.status.containerStatuses![0]!.restartCount).toBeGreaterThan(0)
  })
})

describe('agents run because their Pods run', () => {
  it('without kube-proxy the rules of a node stay as they were, and come up to date with it', () => {
    const cluster = settled()
    deploy(cluster, 'web')
    expose(cluster, 'web')
    cluster.settle()
    const rules = (): string => cluster.nodes.get('worker-2')!.network.netfilter.save('nat')
    const [before] = pods(cluster, 'app=web')
    expect(rules()).toContain(`--to-destination ${before!.status.podIP}:80`)
    const daemonSet = cluster.client.get<Deployment>('daemonsets', 'kube-system', 'kube-proxy')
    cluster.client.patch('daemonsets', 'kube-system', 'kube-proxy', 'application/merge-patch+json', { spec: { template: { spec: { nodeSelector: { nowhere: 'yes' } } } } })
    cluster.settle()
    expect(cluster.client.list<Pod>('pods', { namespace: 'kube-system', labelSelector: 'k8s-app=kube-proxy' }).items).toEqual([])
    const stale = rules()
    cluster.client.delete('pods', 'default', before!.metadata.name)
    cluster.settle()
    const [after] = pods(cluster, 'app=web')
    expect(rules()).toBe(stale)
    cluster.client.patch('daemonsets', 'kube-system', 'kube-proxy', 'application/merge-patch+json', { spec: { template: { spec: { nodeSelector: { nowhere: null, ...daemonSet.spec.template.spec!.nodeSelector } } } } })
    cluster.settle()
    expect(rules()).toContain(`--to-destination ${after!.status.podIP}:80`)
    expect(rules()).not.toContain(`--to-destination ${before!.status.podIP}:80`)
  })

  it('a static Pod cannot be deleted for good', () => {
    const cluster = settled()
    cluster.client.delete('pods', 'kube-system', 'kube-scheduler-control-plane')
    cluster.settle()
    expect(cluster.client.get<Pod>('pods', 'kube-system', 'kube-scheduler-control-plane').status.phase).toBe('Running')
  })
})

describe('a node that falls silent', () => {
  it('is NotReady after the grace period, loses its Pods after five minutes, and is ready again when it returns', () => {
    const cluster = settled()
    deploy(cluster, 'web', { replicas: 2 })
    expose(cluster, 'web')
    cluster.settle()
    const lost = pods(cluster, 'app=web').find((p) => p.spec.nodeName === 'worker-1')!
    const kubelet = cluster.kubelet('worker-1')!
    kubelet.stop()
    cluster.clock.runFor(35_000)
    const condition = (): string => cluster.client.get<Node>('nodes', undefined, 'worker-1').status.conditions!.find((c) => c.type === 'Ready')!.status
    expect(condition()).toBe('True')
    cluster.clock.runFor(20_000)
    expect(condition()).toBe('Unknown')
    expect(cluster.client.get<Node>('nodes', undefined, 'worker-1').spec.taints!.map((t) => `${t.key}:${t.effect}`)).toEqual(['node.kubernetes.io/unreachable:NoSchedule', 'node.kubernetes.io/unreachable:NoExecute'])
    expect(endpoints(cluster, 'web').filter((e) => e.conditions!.ready).map((e) => e.nodeName)).toEqual(['worker-2'])
    expect(() => log(cluster, lost.metadata.name)).toThrow('dial tcp 172.18.0.3:10250: connect: connection refused')
    cluster.clock.runFor(310_000)
    const now = pods(cluster, 'app=web')
    expect(now.find((p) => p.metadata.name === lost.metadata.name)!.metadata.deletionTimestamp).toBeDefined()
    expect(now.filter((p) => !p.metadata.deletionTimestamp).map((p) => p.spec.nodeName)).toEqual(['worker-2', 'worker-2'])
    kubelet.start()
    cluster.clock.runFor(60_000)
    expect(condition()).toBe('True')
    expect(pods(cluster, 'app=web')).toHaveLength(2)
  })
})
