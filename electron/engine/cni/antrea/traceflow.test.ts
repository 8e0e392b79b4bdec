import { beforeAll, expect, it } from 'vitest'
import { createCluster, type Cluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { KubeObject, Pod } from '../../kubernetes/types.ts'
import { TRACEFLOWS } from './crds.ts'
import type { Traceflow } from './traceflow.ts'

/** Traceflow: one packet with a tag, what each node's agent saw of it, and that no Pod gets it. */
let cluster: Cluster
let received = 0

beforeAll(() => {
  cluster = createCluster(parseClusterConfig({ cni: 'antrea' }))
  cluster.settle()
  const make = (resource: string, kind: string, name: string, rest: object, labels?: object): void => void cluster.client.create(resource, 'default', { apiVersion: resource === 'networkpolicies' ? 'networking.k8s.io/v1' : 'v1', kind, metadata: { name, ...(labels ? { labels } : {}) }, ...rest } as unknown as KubeObject)
  for (const [name, node] of [['a', 'worker-1'], ['near', 'worker-1'], ['far', 'worker-2'], ['closed', 'worker-2']] as const) make('pods', 'Pod', name, { spec: { nodeName: node, containers: [{ name: 'main', image: 'registry.k8s.io/pause:3.9' }] } }, { app: name })
  make('services', 'Service', 'far', { spec: { selector: { app: 'far' }, ports: [{ port: 80, targetPort: 8080 }] } })
  make('networkpolicies', 'NetworkPolicy', 'closed', { spec: { podSelector: { matchLabels: { app: 'closed' } }, ingress: [{ from: [{ podSelector: { matchLabels: { app: 'a' } } }], ports: [{ port: 80 }] }] } })
  cluster.settle()
  cluster.podNetwork('default', 'far')!.sockets.listen({ port: 8080 }, () => received++)
})

let count = 0
function trace(destination: object, tcp?: object, pod = 'a', wait = 3_000): NonNullable<Traceflow['status']> {
  const name = `t${count++}`
  cluster.client.create(TRACEFLOWS, undefined, { apiVersion: 'crd.antrea.io/v1beta1', kind: 'Traceflow', metadata: { name }, spec: { source: { namespace: 'default', pod }, destination: { namespace: 'default', ...destination }, ...(tcp ? { packet: { transportHeader: { tcp } } } : {}) } } as unknown as KubeObject)
  cluster.clock.runFor(wait)
  return cluster.client.get<Traceflow>(TRACEFLOWS, undefined, name).status!
}
const ip = (pod: string): string => cluster.client.get<Pod>('pods', 'default', pod).status.podIP!
const short = ({ phase, results = [] }: NonNullable<Traceflow['status']>): unknown[] => [phase, ...results.map((r) => [r.node, ...r.observations.map((o) => [o.component, o.componentInfo, o.action, o.networkPolicy ?? o.translatedDstIP ?? o.tunnelDstIP].filter((x) => x !== undefined).join(' '))])]
const out = ['worker-1', 'SpoofGuard Forwarded', 'Forwarding Output Forwarded 172.18.0.4']

it('follows a packet through the bridges of both nodes, and no program gets it', () => {
  expect(short(trace({ pod: 'near' }))).toEqual(['Succeeded', ['worker-1', 'SpoofGuard Forwarded', 'Forwarding Output Delivered']])
  expect(short(trace({ pod: 'far' }))).toEqual(['Succeeded', out, ['worker-2', 'Forwarding Received', 'Forwarding Output Delivered']])
  const service = trace({ service: 'far' })
  expect(short(service)).toEqual(['Succeeded', ['worker-1', 'SpoofGuard Forwarded', `LB Forwarded ${ip('far')}`, 'Forwarding Output Forwarded 172.18.0.4'], ['worker-2', 'Forwarding Received', 'Forwarding Output Delivered']])
  expect(service.results![0]!.observations[1]!.pod).toBe('default/far')
  expect(short(trace({ ip: '192.0.2.53' }))).toEqual(['Succeeded', ['worker-1', 'SpoofGuard Forwarded', 'Forwarding Output ForwardedOutOfNetwork']])
  expect(received).toBe(0)
  expect(cluster.journeys.recent.filter((j) => j.program === 'antrea-agent').at(-2)).toMatchObject({ verdict: 'delivered', destination: cluster.client.get<KubeObject & { spec: { clusterIP: string } }>('services', 'default', 'far').spec.clusterIP })
})

it('names the policy that lets it in, and the table that drops it', () => {
  expect(short(trace({ pod: 'closed' }, { dstPort: 80 }))).toEqual(['Succeeded', out, ['worker-2', 'Forwarding Received', 'NetworkPolicy IngressRule Forwarded K8sNetworkPolicy:default/closed', 'Forwarding Output Delivered']])
  expect(short(trace({ pod: 'closed' }, { dstPort: 81 }))).toEqual(['Succeeded', out, ['worker-2', 'Forwarding Received', 'NetworkPolicy IngressDefaultRule Dropped']])
})

it('fails in the words of the agent, or when its time is over', () => {
  expect(trace({ pod: 'gone' })).toMatchObject({ phase: 'Failed', reason: 'Node: worker-1, error: failed to get the destination Pod: pods "gone" not found' })
  expect(trace({ pod: 'far' }, undefined, 'nobody')).toMatchObject({ phase: 'Running', dataplaneTag: 7 })
  cluster.clock.runFor(30_000)
  expect(cluster.client.get<Traceflow>(TRACEFLOWS, undefined, `t${count - 1}`).status).toMatchObject({ phase: 'Failed', reason: 'Traceflow timeout' })
})
