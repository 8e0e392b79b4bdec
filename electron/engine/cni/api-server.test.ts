import { expect, test } from 'vitest'
import { Clock } from '../clock.ts'
import type { ClusterConfig } from '../config.ts'
import { coreDnsManifests } from '../dns/manifests.ts'
import { ApiServer } from '../kubernetes/api-server.ts'
import type { Node, Service } from '../kubernetes/types.ts'
import { Network } from '../network/fabric.ts'
import { NetfilterTables } from '../network/netfilter/netfilter.ts'
import { TcpStack } from '../network/tcp/stack.ts'
import { MemoryFilesystem } from '../machine/filesystem.ts'
import { layOutLinux } from '../machine/linux.ts'
import { createMachine } from '../machine/machine.ts'
import { createProgramTable } from '../machine/programs.ts'
import { kubeProxyManifests } from '../proxy/manifests.ts'
import { IptablesProxier } from '../proxy/iptables/proxier.ts'
import { flannelPlugin } from './flannel.ts'

/** The agents against the real API server: what they write is accepted, what they watch arrives. */
const config: ClusterConfig = {
  nodes: [{ name: 'worker-1', role: 'worker', ip: '172.18.0.2' }], podCIDR: ['10.244.0.0/16'], serviceCIDR: ['10.96.0.0/12'],
  nodePortRange: { from: 30000, to: 32767 }, ipFamilies: ['IPv4'], cni: 'flannel', cniOptions: { backend: 'vxlan' }, proxyMode: 'iptables', cloud: 'none', ingressController: 'none', kubectlRun: 'pod', seed: 1,
}

test('manifests are valid, flanneld annotates its Node, kube-proxy sees Services come', () => {
  const clock = new Clock({ seed: 1 })
  const client = new ApiServer(clock, { freeze: true })
  for (const manifest of [...flannelPlugin.manifests(config), ...kubeProxyManifests(config), ...coreDnsManifests(config)] as { kind: string; metadata: { namespace?: string } }[]) {
    client.create(client.findResource(manifest.kind)!.name, manifest.metadata.namespace, manifest, { fieldValidation: 'Strict' })
  }
  expect(client.get<Service>('services', 'kube-system', 'kube-dns').spec.clusterIP).toBe('10.96.0.10')

  client.create('nodes', undefined, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'worker-1' }, spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'] } })
  client.patch('nodes', undefined, 'worker-1', 'application/merge-patch+json', { status: { addresses: [{ type: 'InternalIP', address: '172.18.0.2' }] } }, { subresource: 'status' })
  const fabric = new Network({ clock, layers: { netfilter: (host, beside) => new NetfilterTables(host, beside), tcp: (host) => new TcpStack(host) } })
  const network = fabric.createNamespace({ name: 'worker-1', kind: 'node' })
  fabric.createNic(network, 'eth0', fabric.createSwitch())
  network.setUp('eth0', true)
  network.addAddress('eth0', '172.18.0.2/16')
  const fs = new MemoryFilesystem({ clock })
  layOutLinux(fs)
  const machine = createMachine({ kind: 'node', name: 'worker-1', hostname: 'worker-1', clock, fs, network, programs: createProgramTable() })
  const context = { name: 'worker-1', machine, network, clock, client, config, fabric }
  flannelPlugin.startAgent(context)
  const proxy = new IptablesProxier(context)
  clock.runFor(2000)
  const node = client.get<Node>('nodes', undefined, 'worker-1')
  expect(node.metadata.annotations?.['flannel.alpha.coreos.com/public-ip']).toBe('172.18.0.2')
  expect(node.status.conditions?.find((c) => c.type === 'NetworkUnavailable')).toMatchObject({ status: 'False', reason: 'FlannelIsUp' })
  expect(flannelPlugin.status(context)).toBeUndefined()

  client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } })
  clock.runFor(2000)
  expect(network.netfilter.save('filter')).toContain('default/web has no endpoints')
  client.delete('services', 'default', 'web')
  clock.runFor(2000)
  expect(network.netfilter.save('filter')).not.toContain('default/web')
  proxy.stop()
})
