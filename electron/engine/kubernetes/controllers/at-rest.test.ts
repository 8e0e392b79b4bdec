import { expect, it } from 'vitest'
import { createCluster, parseClusterConfig } from '../../cluster.ts'
import type { KubeObject } from '../types.ts'

/** What is as it should be, or cannot become so, is left alone: nobody writes the same things again and again. */
const pod = (name: string, more: object = {}, command?: string[]): object => ({ metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'nginx', ...(command ? { command } : {}) }], ...more } })
const selector = (name: string): object => ({ matchLabels: { app: name } })
const never = { restartPolicy: 'Never' }
const workloads: [string, string, string, string, object][] = [
  ['deployments', 'apps/v1', 'Deployment', 'paused', { replicas: 2, paused: true, selector: selector('paused'), template: pod('paused') }],
  ['deployments', 'apps/v1', 'Deployment', 'later-paused', { replicas: 2, selector: selector('later-paused'), template: pod('later-paused') }],
  ['deployments', 'apps/v1', 'Deployment', 'no-deadline', { replicas: 1, progressDeadlineSeconds: 2147483647, selector: selector('no-deadline'), template: pod('no-deadline') }],
  ['deployments', 'apps/v1', 'Deployment', 'recreated', { replicas: 1, strategy: { type: 'Recreate' }, selector: selector('recreated'), template: pod('recreated') }],
  ['deployments', 'apps/v1', 'Deployment', 'none', { replicas: 0, selector: selector('none'), template: pod('none') }],
  ['deployments', 'apps/v1', 'Deployment', 'nowhere', { replicas: 2, progressDeadlineSeconds: 30, selector: selector('nowhere'), template: pod('nowhere', { nodeSelector: { no: 'where' } }) }],
  ['statefulsets', 'apps/v1', 'StatefulSet', 'in-order', { serviceName: 'x', replicas: 2, selector: selector('in-order'), template: pod('in-order') }],
  ['daemonsets', 'apps/v1', 'DaemonSet', 'surging', { updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }, selector: selector('surging'), template: pod('surging') }],
  ['jobs', 'batch/v1', 'Job', 'suspended', { suspend: true, template: pod('suspended', never) }],
  ['jobs', 'batch/v1', 'Job', 'anothers', { managedBy: 'example.com/x', template: pod('anothers', never) }],
  ['jobs', 'batch/v1', 'Job', 'failed', { completions: 2, completionMode: 'Indexed', backoffLimitPerIndex: 0, template: pod('failed', never, ['nope']) }],
  ['cronjobs', 'batch/v1', 'CronJob', 'suspended', { schedule: '* * * * *', suspend: true, jobTemplate: { spec: { template: pod('cron', never) } } }],
  ['poddisruptionbudgets', 'policy/v1', 'PodDisruptionBudget', 'nobodys', { minAvailable: 1, selector: selector('nobody') }],
  ['poddisruptionbudgets', 'policy/v1', 'PodDisruptionBudget', 'uncounted', { maxUnavailable: 1, selector: selector('failed') }],
  ['services', 'v1', 'Service', 'manual', { ports: [{ name: 'http', port: 80 }] }],
]

it('controllers come to rest with whatever they are given', () => {
  const cluster = createCluster(parseClusterConfig({}))
  const { client, clock } = cluster
  clock.runFor(30_000)
  for (const [resource, apiVersion, kind, name, spec] of workloads) client.create(resource, 'default', { apiVersion, kind, metadata: { name }, spec } as never)
  client.create('endpoints', 'default', { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'manual' }, subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ name: 'http', port: 80 }] }] } as never)
  client.create('nodes', undefined, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'nobodys' } } as never)
  clock.runFor(60_000)
  client.patch('deployments', 'default', 'later-paused', 'application/merge-patch+json', { spec: { paused: true } })
  client.patch('deployments', 'default', 'later-paused', 'application/merge-patch+json', { spec: { replicas: 3 } })
  client.patch('nodes', undefined, 'worker-1', 'application/merge-patch+json', { spec: { unschedulable: true } })
  clock.runFor(120_000)
  const resources = ['deployments', 'replicasets', 'statefulsets', 'daemonsets', 'jobs', 'cronjobs', 'poddisruptionbudgets', 'pods', 'endpoints', 'endpointslices', 'services', 'controllerrevisions', 'namespaces', 'serviceaccounts', 'configmaps']
  const versions = (): string[] => resources.flatMap((resource) => client.list<KubeObject>(resource).items.map(({ metadata }) => `${resource} ${metadata.name} ${metadata.resourceVersion}`))
  const before = versions()
  clock.runFor(60_000)
  expect(versions()).toEqual(before)
})
