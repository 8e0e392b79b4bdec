import { expect, it } from 'vitest'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster, parseClusterConfig, type Process, type Task } from '../../cluster.ts'
import type { RemoteCommand } from '../client.ts'

function* stay(process: Process): Task<number> {
  for (;;) yield* process.sleep(1_000)
}

/** What a client is told whose container is killed `after` ms of its call. */
function killed(call: (cluster: SimulatedCluster, pod: string) => RemoteCommand): (after: number) => unknown {
  const cluster = createCluster(parseClusterConfig({})) as SimulatedCluster
  cluster.programs.register('busybox', stay)
  cluster.settle()
  return (after) => {
    const name = `pod-${Math.round(after * 1000)}`
    const pod = cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { nodeName: 'worker-1', restartPolicy: 'Never', containers: [{ name: 'main', image: 'busybox', command: ['/bin/busybox', 'stay'] }] } })
    cluster.settle()
    let told: unknown
    call(cluster, name).onExit((result) => (told = result))
    cluster.clock.runFor(after)
    cluster.kubelet('worker-1')!.workers.get(pod.metadata.uid!)!.record('main')!.run!.process.signal('SIGKILL')
    cluster.clock.runFor(5_000)
    return told
  }
}

const moments = Array.from({ length: 60 }, (_, i) => i * 0.1)

it('who attaches hears of a container’s end whenever it comes, also while the streams are being opened', () => {
  const told = moments.map(killed((cluster, pod) => cluster.client.attach('default', pod, { tty: false })))
  expect([...new Set(told.map((result) => JSON.stringify(result)))]).toEqual([
    '{"error":"unable to upgrade connection: container not found (\\"main\\")"}',
    '{"error":"error attaching to container: container is in CONTAINER_EXITED state"}',
    '{"code":137}',
  ])
})

it('and so does who runs a command there', () => {
  const told = moments.map(killed((cluster, pod) => cluster.client.exec('default', pod, { command: ['/bin/busybox', 'stay'], tty: false })))
  expect([...new Set(told.map((result) => JSON.stringify(result)))]).toEqual([
    '{"error":"unable to upgrade connection: container not found (\\"main\\")"}',
    '{"error":"error executing command in container: container is in CONTAINER_EXITED state"}',
    '{"code":137}',
  ])
})
