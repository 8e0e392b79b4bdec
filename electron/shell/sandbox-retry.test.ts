import { expect, test } from 'vitest'
import { house } from './house.samples.ts'

/** completeWork of pkg/kubelet/pod_workers.go, v1.33. */
test('a sandbox that cannot be made is tried again after ten to fifteen seconds, and without a network after one to one and a half', () => {
  const { cluster, run } = house()
  const times = (reason: string): number[] => cluster.client.list<never>('events', { namespace: 'default' }).items.map((e) => e as { reason: string; firstTimestamp: string }).filter((e) => e.reason === reason).map((e) => Date.parse(e.firstTimestamp) / 1000).sort((a, b) => a - b)
  run(`hop fault apply cni-down worker-1; kubectl run a --image=nginx --overrides='{"spec":{"nodeName":"worker-1"}}'; sleep 60`)
  const tries = times('FailedCreatePodSandBox')
  expect(tries.length).toBeGreaterThanOrEqual(4)
  expect(tries.length).toBeLessThanOrEqual(6)
  for (let i = 1; i < tries.length; i++) {
    expect(tries[i]! - tries[i - 1]!).toBeGreaterThanOrEqual(10)
    expect(tries[i]! - tries[i - 1]!).toBeLessThanOrEqual(16)
  }
  run(`hop fault clear --all; hop node worker-2 -- mv /etc/cni/net.d/10-flannel.conflist /root; kubectl run b --image=nginx --overrides='{"spec":{"nodeName":"worker-2"}}'; sleep 60`)
  expect(run('kubectl get pod a --no-headers').output).toMatch(/^a +1\/1 +Running/)
  // the kubelet's own limit of 25 for events about one object
  expect(run('kubectl describe pod b').output).toMatch(/NetworkNotReady +\d+s \(x25 over \d+s\) +kubelet +network is not ready/)
  run('hop node worker-2 -- mv /root/10-flannel.conflist /etc/cni/net.d; sleep 3')
  expect(run('kubectl get pod b --no-headers').output).toMatch(/^b +1\/1 +Running/)
})
