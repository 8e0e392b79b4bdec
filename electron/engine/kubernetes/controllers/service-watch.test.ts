import { expect, test } from 'vitest'
import { createCluster, parseClusterConfig, type Pod } from '../../cluster.ts'

test('a Pod that gets the label of a Service later is its endpoint, and is none once it has lost it', () => {
  const cluster = createCluster(parseClusterConfig({ nodes: 2 }))
  const { client } = cluster
  client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'late', labels: { app: 'other' } }, spec: { containers: [{ name: 'main', image: 'nginx' }] } })
  client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } })
  cluster.settle()
  const addresses = (): string[] => client.list<Pod & { endpoints: { addresses: string[] }[] | null }>('endpointslices', { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' }).items.flatMap((slice) => (slice.endpoints ?? []).flatMap((e) => e.addresses))
  const label = (app: string): void => {
    client.patch('pods', 'default', 'late', 'application/merge-patch+json', { metadata: { labels: { app } } })
    cluster.settle()
  }
  expect(addresses()).toEqual([])
  label('web')
  expect(addresses()).toEqual([client.get<Pod>('pods', 'default', 'late').status.podIP])
  label('other')
  expect(addresses()).toEqual([])
})
