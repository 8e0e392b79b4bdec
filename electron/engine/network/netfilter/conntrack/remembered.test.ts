import { expect, it } from 'vitest'
import { createCluster } from '../../../cluster.ts'
import { parseClusterConfig } from '../../../config.ts'
import type { KubeObject } from '../../../kubernetes/types.ts'

it('a datagram of a known connection says where it was going and by which row, even when it is lost behind the translation', () => {
  const cluster = createCluster(parseClusterConfig({ nodes: 3 }))
  cluster.settle()
  for (const [name, node] of [['client', 'worker-1'], ['server', 'worker-2']]) {
    cluster.client.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name } }, spec: { nodeName: node, containers: [{ name: 'c', image: 'nginx' }] } } as unknown as KubeObject)
  }
  cluster.client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'dns' }, spec: { clusterIP: '10.96.0.77', selector: { app: 'server' }, ports: [{ port: 53, protocol: 'UDP' }] } } as unknown as KubeObject)
  cluster.settle()
  cluster.clock.runFor(5000)
  const server = cluster.podNetwork('default', 'server')!
  server.sockets.udp({ port: 53 }).onDatagram = () => undefined
  // another process each time, whose packets are those of one connection
  const send = () => {
    const socket = cluster.podNetwork('default', 'client')!.sockets.udp({ port: 4000 })
    const journey = socket.send(new Uint8Array([1]), '10.96.0.77', 53)!
    cluster.clock.runFor(100)
    socket.close()
    return journey
  }
  const address = [...server.links.values()].flatMap((l) => l.addresses).find((a) => a.address.startsWith('10.244.'))!.address
  const before = send()
  expect(before).toMatchObject({ verdict: 'delivered', finalDestination: `${address}:53` })
  cluster.faults.apply(['route-missing', 'worker-1', '10.244.2.0/24'])
  const after = send()
  expect(after).not.toMatchObject({ verdict: 'delivered' })
  expect(after.finalDestination).toBe(`${address}:53`)
  const told = after.hops.find((h) => h.stage === 'dnat')!
  expect(told.text).toBe('The connection is known, so its packets get the same destination.')
  expect(told.decidedBy?.text).toMatch(new RegExp(`^udp +17 30 src=10\\.244\\.1\\.\\d+ dst=10\\.96\\.0\\.77 sport=4000 dport=53 \\[UNREPLIED\\] src=${address} `))
})
