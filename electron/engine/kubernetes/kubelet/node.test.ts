import { describe, expect, it } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import type { KubeObject, Node, Pod } from '../types.ts'
import { Story } from './stories.samples.ts'

const { does } = Story

describe('a kubelet takes no Pod', () => {
  const refused = (spec: object): object => {
    const story = new Story()
    story.run('other', { nodeName: 'worker-1', containers: [{ ports: [{ containerPort: 80, hostPort: 8080 }], resources: { requests: { cpu: '1500m' } } }] })
    story.run('web', { nodeName: 'worker-1', containers: [{}], ...spec })
    const { phase, reason, message, containerStatuses } = story.pod().status
    expect({ phase, containerStatuses }).toEqual({ phase: 'Failed', containerStatuses: undefined })
    expect(story.events()).toEqual([`Warning ${reason} ${message!.replace('Pod was rejected: ', '')}`])
    return { reason, message }
  }

  it('for which it has too little', () => {
    expect(refused({ containers: [{ resources: { requests: { cpu: '3' } } }] })).toEqual({ reason: 'OutOfcpu', message: expect.stringMatching(/^Pod was rejected: Node didn't have enough resource: cpu, requested: 3000, used: 1\d\d\d, capacity: 4000$/) as string })
  })

  it('that does not want to be here, or whose port is taken', () => {
    expect(refused({ nodeSelector: { disk: 'ssd' } })).toEqual({ reason: 'NodeAffinity', message: "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector" })
    expect(refused({ containers: [{ ports: [{ containerPort: 1, hostPort: 8080 }] }] })).toEqual({ reason: 'NodePorts', message: "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports" })
  })

  it('that sets what it does not allow', () => {
    expect(refused({ securityContext: { sysctls: [{ name: 'net.core.somaxconn', value: '1' }] } })).toEqual({ reason: 'SysctlForbidden', message: 'Pod was rejected: forbidden sysctl: "net.core.somaxconn" not allowlisted' })
    expect(refused({ os: { name: 'windows' } })).toEqual({ reason: 'PodOSNotSupported', message: "Pod was rejected: Failed to admit pod as the OS field doesn't match node OS" })
  })

  it('and what a Pod has given back others may have', () => {
    const story = new Story()
    const big = { nodeName: 'worker-1', restartPolicy: 'Never', containers: [{ ...does('exit', '0'), resources: { requests: { cpu: '3' } } }] }
    for (const name of ['a', 'b', 'c']) {
      story.run(name, big)
      expect(story.pod(name).status.phase).toBe('Succeeded')
      if (name === 'b') story.delete('b')
    }
  })
})

describe('a machine that is switched off and on', () => {
  it('starts its Pods again in new sandboxes, with new addresses, and keeps what is on its disk', () => {
    const story = new Story()
    const { cluster } = story
    const volumes = { volumes: [{ name: 'v', emptyDir: {} }, { name: 'h', hostPath: { path: '/srv/h' } }] }
    const mounts = { volumeMounts: [{ name: 'v', mountPath: '/v' }, { name: 'h', mountPath: '/h' }] }
    story.run('web', { nodeName: 'worker-1', initContainers: [{ name: 'first', ...does('write', '/v/first', '1'), ...mounts }], containers: [mounts], ...volumes })
    const before = story.pod()
    const { fs } = cluster.container('default', 'web')!
    for (const path of ['/v/note', '/h/note', '/own']) fs.writeFile(path, 'kept')
    cluster.faults.apply(['node-down', 'worker-1'])
    story.pass(20)
    expect(cluster.container('default', 'web')).toBeUndefined()
    expect(story.pod().status.phase).toBe('Running')
    cluster.faults.clear(['node-down', 'worker-1'])
    story.cluster.settle()
    story.pass(10)
    expect(story.state()).toBe('running, ready, restarted 1')
    expect(story.state('first')).toBe('terminated Completed 0, restarted 1')
    expect(story.pod().status.containerStatuses![0]!.lastState!.terminated).toMatchObject({ exitCode: 255, reason: 'Unknown' })
    expect(story.pod().status.podIP).not.toBe(before.status.podIP)
    expect(story.events('web', ['SandboxChanged'])).toEqual(['Normal SandboxChanged Pod sandbox changed, it will be killed and re-created.'])
    const after = cluster.container('default', 'web')!.fs
    expect([after.exists('/v/note'), after.exists('/h/note'), after.exists('/own')]).toEqual([true, true, false])
  })

  it('has no Pods any more that were deleted meanwhile', () => {
    const story = new Story()
    story.run('web', { nodeName: 'worker-1', containers: [{}] })
    story.cluster.faults.apply(['node-down', 'worker-1'])
    story.delete('web', { gracePeriodSeconds: 0 })
    story.pass(1)
    expect(story.gone()).toBe(true)
    story.cluster.faults.clear(['node-down', 'worker-1'])
    story.pass(10)
    expect(story.cluster.client.list<Pod>('pods', { namespace: 'default' }).items).toEqual([])
    expect(story.cluster.container('default', 'web')).toBeUndefined()
  })
})

describe('a machine that starts again', () => {
  it('keeps its ids as long as it runs, whatever else happens', () => {
    const story = new Story()
    const info = (): unknown => story.cluster.client.get<Node>('nodes', undefined, 'worker-1').status.nodeInfo
    const before = info()
    for (let i = 0; i < 3; i++) {
      story.cluster.clock.random.uint32()
      story.pass(310)
    }
    expect(info()).toEqual(before)
    expect(story.cluster.client.list<{ reason: string } & KubeObject>('events', { namespace: 'default' }).items.filter(({ reason }) => reason === 'Rebooted')).toEqual([])
  })

  it('has the same ids when only its kubelet starts again, before and after a reboot', () => {
    const story = new Story()
    const info = (): unknown => story.cluster.client.get<Node>('nodes', undefined, 'worker-1').status.nodeInfo
    const rebooted = (): number => story.cluster.client.list<{ reason: string } & KubeObject>('events', { namespace: 'default' }).items.filter(({ reason }) => reason === 'Rebooted').length
    const kubelet = (story.cluster as SimulatedCluster).kubelet('worker-1')!
    for (const reboots of [0, 1]) {
      const before = info()
      story.cluster.clock.random.uint32()
      kubelet.stop()
      kubelet.start()
      story.pass(310)
      expect([info(), rebooted()]).toEqual([before, reboots])
      story.cluster.faults.apply(['node-reboot', 'worker-1'])
      story.pass(60)
    }
  })

  it('has another boot id, and says so', () => {
    const story = new Story()
    const bootId = (): string => story.cluster.client.get<Node>('nodes', undefined, 'worker-1').status.nodeInfo!.bootID
    const before = bootId()
    story.cluster.faults.apply(['node-reboot', 'worker-1'])
    story.pass(60)
    expect(bootId()).not.toBe(before)
    const events = story.cluster.client.list<{ reason: string; message: string } & KubeObject>('events', { namespace: 'default' }).items
    expect(events.filter(({ reason }) => reason === 'Rebooted').map(({ message }) => message)).toEqual([`Node worker-1 has been rebooted, boot id: ${bootId()}`])
  })
})

describe('an agent that is stopped and started again', () => {
  it('finds its containers as it left them', () => {
    const story = new Story()
    const kubelet = (story.cluster as SimulatedCluster).kubelet('worker-1')!
    story.run('web', { nodeName: 'worker-1', containers: [{ name: 'a' }, { name: 'b' }] })
    const { podIP } = story.pod().status
    kubelet.stop()
    story.cluster.container('default', 'web', 'b')!.processes.get(1)!.signal('SIGKILL')
    story.pass(20)
    expect(story.state('b')).toBe('running, ready')
    kubelet.start()
    story.pass(5)
    expect([story.state('a'), story.state('b')]).toEqual(['running, ready', 'running, ready, restarted 1'])
    expect(story.pod().status.podIP).toBe(podIP)
    expect(story.events('web', ['SandboxChanged'])).toEqual([])
  })
})

describe('the status of a Node', () => {
  it('says what Pods may have of it, and which images it has', () => {
    const story = new Story()
    const node = (): Node => story.cluster.client.get<Node>('nodes', undefined, 'worker-1')
    const { capacity, allocatable, runtimeHandlers } = node().status as Node['status'] & { runtimeHandlers: object[] }
    expect(capacity).toMatchObject({ cpu: '4', 'ephemeral-storage': '61202244Ki', memory: '8131932Ki', pods: '110' })
    expect(allocatable).toMatchObject({ cpu: '4', 'ephemeral-storage': '56403987978', memory: '8029532Ki', pods: '110' })
    expect(runtimeHandlers).toHaveLength(2)
    const names = (): string[] => node().status.images!.map((image) => image.names![1]!)
    expect(names()).toContain('registry.k8s.io/pause:3.10')
    expect(names()).not.toContain('docker.io/library/nginx:1.27')
    story.run('web', { nodeName: 'worker-1', containers: [{ image: 'nginx:1.27' }] })
    story.pass(11)
    expect(names()).toContain('docker.io/library/nginx:1.27')
    const sizes = node().status.images!.map((image) => image.sizeBytes!)
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a))
    expect(node().status.images![0]!.names![0]).toMatch(/@sha256:[0-9a-f]{64}$/)
  })
})

describe('a mirror Pod', () => {
  it('is as its file says: no service account, no token', () => {
    const { cluster } = new Story()
    const { spec } = cluster.client.get<Pod>('pods', 'kube-system', 'etcd-control-plane')
    expect(spec).not.toHaveProperty('serviceAccountName')
    expect(spec.volumes!.map((v) => v.hostPath?.path)).toEqual(['/etc/kubernetes/pki/etcd', '/var/lib/etcd'])
    expect(spec.containers[0]!.volumeMounts!.map((m) => m.name)).toEqual(['etcd-data', 'etcd-certs'])
    const { metadata } = cluster.client.get<Pod>('pods', 'kube-system', 'etcd-control-plane')
    const mine = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'mine', annotations: metadata.annotations }, spec: { nodeName: 'worker-1', serviceAccountName: 'default', containers: [{ name: 'c', image: 'busybox' }] } }
    expect(() => cluster.client.create('pods', 'default', mine)).toThrow('pods "mine" is forbidden: a mirror pod may not reference service accounts')
  })
})

describe('a kubelet whose port somebody has', () => {
  it('ends with status 1 and is started again every ten seconds, until the port is free', () => {
    const { cluster } = new Story()
    const machine = cluster.nodes.get('worker-1')!
    const { services } = cluster.nodeView(machine)!
    services.stop('kubelet')
    const listener = machine.network.sockets.listen({ port: 10_250, owner: { pid: 99, program: 'nc' } }, () => undefined)
    services.start('kubelet')
    expect(services.get('kubelet')).toMatchObject({ active: false, restarting: true, failed: true, pid: 0 })
    cluster.clock.runFor(60_000)
    const ready = (): string | undefined => cluster.client.get<Node>('nodes', undefined, 'worker-1').status.conditions!.find((c) => c.type === 'Ready')?.status
    expect(ready()).toBe('Unknown')
    const journal = cluster.nodeView(machine)!.journal().map((entry) => entry.text())
    expect(journal.filter((line) => line.includes('Failed to listen and serve" err="listen tcp 0.0.0.0:10250: bind: address already in use"'))).toHaveLength(7)
    expect(journal).toContain("kubelet.service: Failed with result 'exit-code'.")
    listener.close()
    cluster.clock.runFor(15_000)
    expect(services.get('kubelet')).toMatchObject({ active: true, failed: false })
    expect(ready()).toBe('True')
  })
})
