import { expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { parseClusterConfig } from '../../config.ts'
import { ApiServer } from '../api-server.ts'
import type { Node } from '../types.ts'
import { startControllerManager } from './index.ts'

const NOT_READY = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }

it('a Node that somebody makes by hand has no kubelet: it waits for one, and is called unreachable after its minute', () => {
  const clock = new Clock({ seed: 1 })
  const api = new ApiServer(clock, { freeze: true })
  startControllerManager(clock, api, parseClusterConfig({ nodes: 1 }))
  // plugin/pkg/admission/nodetaint: no Pods come before the node lifecycle controller knows of it
  const made = api.create<Node>('nodes', undefined, { metadata: { name: 'manual' }, spec: { taints: [{ key: 'a', effect: 'NoExecute' }] } })
  expect(made.spec.taints).toEqual([{ key: 'a', effect: 'NoExecute' }, NOT_READY])
  const node = (): Node => api.get<Node>('nodes', undefined, 'manual')
  clock.settle()
  expect([node().spec.taints, node().spec.podCIDR, node().status.conditions]).toEqual([[{ key: 'a', effect: 'NoExecute' }], '10.244.0.0/24', undefined])
  clock.runFor(58_000)
  expect(node().status.conditions).toBeUndefined()
  clock.runFor(20_000)
  const told = { status: 'Unknown', reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.', lastHeartbeatTime: node().metadata.creationTimestamp }
  expect(node().status.conditions).toEqual(['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'].map((type) => expect.objectContaining({ type, ...told }) as unknown))
  // of a zone in which nobody lives no Pods are driven out
  expect(node().spec.taints!.map(({ key, effect }) => `${key}:${effect}`)).toEqual(['a:NoExecute', 'node.kubernetes.io/unreachable:NoSchedule'])
})

it.each<[string, object, object[] | undefined]>([
  ['that is not ready', { status: { conditions: [{ type: 'Ready', status: 'False' }] } }, [NOT_READY]],
  ['that has the taint', { spec: { taints: [NOT_READY] } }, [NOT_READY]],
  ['that is only not to run anything', { spec: { taints: [{ ...NOT_READY, effect: 'NoExecute' }] } }, [{ ...NOT_READY, effect: 'NoExecute' }, NOT_READY]],
])('a new Node %s has the taint not-ready once', (_, node, taints) => {
  const api = new ApiServer(new Clock({ seed: 1 }), { freeze: true })
  expect(api.create<Node>('nodes', undefined, { metadata: { name: 'n' }, ...node }).spec.taints).toEqual(taints)
  // and nobody puts it back afterwards
  api.patch('nodes', undefined, 'n', 'application/merge-patch+json', { spec: { taints: null } })
  expect(api.get<Node>('nodes', undefined, 'n').spec.taints).toBeUndefined()
})
