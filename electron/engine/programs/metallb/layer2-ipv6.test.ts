import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { createCluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import { Undecided } from '../../kubernetes/client.ts'
import type { KubeObject, Service } from '../../kubernetes/types.ts'

const MANIFEST = readFileSync(new URL('../../../../assets/manifests/metallb-native.yaml', import.meta.url), 'utf8')

it('layer 2 mode answers Neighbour Discovery for a Service of both families', () => {
  const cluster = createCluster(parseClusterConfig({ nodes: 2, ipFamilies: ['IPv4', 'IPv6'], podCIDR: '10.244.0.0/16,fd00:10:244::/56', serviceCIDR: '10.96.0.0/16,fd00:10:96::/112' }))
  const { client, clock } = cluster
  cluster.settle()
  for (const document of parseAllDocuments(MANIFEST)) {
    const object = document.toJS() as KubeObject
    client.create(client.findResource(object.kind)!.name, object.metadata.namespace, object)
  }
  clock.runFor(30_000)
  const apply = (resource: string, kind: string, spec: object): void => {
    for (let i = 0; i < 50; i++) {
      try {
        client.create(`${resource}.metallb.io`, 'metallb-system', { apiVersion: 'metallb.io/v1beta1', kind, metadata: { name: 'both', namespace: 'metallb-system' }, spec } as unknown as KubeObject)
        return
      } catch (error) {
        if (!(error instanceof Undecided)) throw error
        clock.runFor(100)
      }
    }
  }
  apply('ipaddresspools', 'IPAddressPool', { addresses: ['172.18.255.200-172.18.255.210', 'fc00:f853:ccd:e793::1000-fc00:f853:ccd:e793::100f'] })
  apply('l2advertisements', 'L2Advertisement', {})
  client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', labels: { app: 'web' } }, spec: { nodeName: 'worker-1', containers: [{ name: 'c', image: 'nginx:1.27.5' }] } } as unknown as KubeObject)
  client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { type: 'LoadBalancer', ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'], selector: { app: 'web' }, ports: [{ port: 80 }] } } as unknown as KubeObject)
  cluster.settle()
  clock.runFor(10_000)
  const ips = (client.get<Service>('services', 'default', 'web').status.loadBalancer?.ingress ?? []).map((i) => i.ip!)
  expect(ips).toEqual(['172.18.255.200', 'fc00:f853:ccd:e793::1000'])
  for (const address of ips) {
    const connection = cluster.laptop.network.sockets.connect({ address, port: 80 }, {})
    clock.runFor(500)
    connection.abort()
    clock.runFor(50)
    expect(connection.journey).toMatchObject({ verdict: 'delivered' })
    expect(connection.journey!.hops.find((h) => h.explanation === 'raw-socket-reply')?.decidedBy?.text).toBe(`speaker on worker-1: ${address} of default/web, protocol layer2`)
  }
})
