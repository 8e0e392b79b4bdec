import { beforeAll, describe, expect, it } from 'vitest'
import { createCluster, type Cluster } from '../../cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import type { Journey } from '../../journey/types.ts'
import type { KubeObject, Pod, Service } from '../../kubernetes/types.ts'
import { readFlags, DEFAULTS } from './flags.ts'

/** kube-router with --run-service-proxy in kube-proxy's place. */
const pod = (name: string, node: string): object => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: name.split('-')[0] } },
  spec: { nodeName: node, terminationGracePeriodSeconds: 0, containers: [{ name: 'c', image: 'registry.k8s.io/e2e-test-images/agnhost:2.53', args: ['netexec', '--http-port=80'] }] },
})

describe('the service proxy', () => {
  let cluster: Cluster
  let service: Service
  beforeAll(() => {
    cluster = createCluster(parseClusterConfig({ cni: { plugin: 'kube-router', serviceProxy: true } }))
    cluster.settle()
    for (const [name, node] of [['web-1', 'worker-1'], ['web-2', 'worker-2'], ['client', 'worker-1']] as const) cluster.client.create('pods', 'default', pod(name, node) as KubeObject)
    service = cluster.client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, nodePort: 30_080 }] } } as unknown as KubeObject) as Service
    cluster.settle()
  })

  const node = (name: string) => cluster.nodes.get(name)!.network
  const ip = (name: string): string => cluster.client.get<Pod>('pods', 'default', name).status.podIP!
  const connect = (from: Parameters<typeof open>[0], address: string, port: number): Journey => open(from, address, port)
  function open(from: ReturnType<typeof node>, address: string, port: number): Journey {
    const connection = from.sockets.connect({ address, port }, {})
    cluster.clock.runFor(200)
    const { journey } = connection
    connection.abort()
    cluster.clock.runFor(50)
    return journey!
  }

  it('there is no kube-proxy, and Service addresses are on kube-dummy-if, reached with the node’s own', () => {
    expect(cluster.client.list('daemonsets').items.map((d) => d.metadata.name)).toEqual(['kube-router'])
    expect(node('worker-1').netfilter.save('nat')).not.toContain('KUBE-SERVICES')
    expect(node('worker-1').links.get('kube-dummy-if')!.addresses).toContainEqual(expect.objectContaining({ address: service.spec.clusterIP, prefixLength: 32, scope: 'link' }))
    expect(node('worker-1').routes.list('local').find((r) => r.destination === `${service.spec.clusterIP}/32`)).toMatchObject({ device: 'kube-dummy-if', source: '172.18.0.3', scope: 'host' })
  })

  it('a Pod goes through IPVS to Pods of both nodes, with its own address', () => {
    const client = cluster.podNetwork('default', 'client')!
    const tries = [connect(client, service.spec.clusterIP!, 80), connect(client, service.spec.clusterIP!, 80)]
    expect(new Set(tries.map((j) => j.finalDestination))).toEqual(new Set([`${ip('web-1')}:80`, `${ip('web-2')}:80`]))
    expect(tries.map((j) => [j.verdict, j.sourceSeenByServer])).toEqual([['delivered', ip('client')], ['delivered', ip('client')]])
  })

  it('from outside a Pod of the node sees the client, one of another node this node’s address', () => {
    const external = cluster.external.network
    const seen = new Map([connect(external, '172.18.0.3', 30_080), connect(external, '172.18.0.3', 30_080)].map((j) => [j.finalDestination, j.sourceSeenByServer]))
    expect(seen.get(`${ip('web-1')}:80`)).toMatch(/^192\.0\.2\./)
    expect(seen.get(`${ip('web-2')}:80`)).toBe('172.18.0.3')
    expect(node('worker-1').netfilter.save('nat')).toContain('-m ipvs --ipvs --vdir ORIGINAL --vmethod MASQ -m comment --comment "" -j SNAT --to-source 172.18.0.3 --random-fully')
  })

  it('rejects a Service’s address at ports that it does not have', () => {
    const journey = connect(cluster.podNetwork('default', 'client')!, service.spec.clusterIP!, 81)
    expect(journey).toMatchObject({ verdict: 'rejected' })
    expect(journey.hops.at(-1)!.decidedBy).toMatchObject({ chain: 'KUBE-ROUTER-SERVICES' })
  })

  it('gives a Pod that asks its own Service that address as its source where the Service says so, and takes another scheduler', () => {
    const own = cluster.podNetwork('default', 'web-1')!
    cluster.client.patch('services', 'default', 'web', 'application/merge-patch+json', { metadata: { annotations: { 'kube-router.io/service.hairpin': '', 'kube-router.io/service.scheduler': 'lc' } } })
    cluster.settle()
    expect(node('worker-1').netfilter.save('nat')).toContain(`-A KUBE-ROUTER-HAIRPIN -s ${ip('web-1')}/32 -d ${ip('web-1')}/32 -m ipvs --vaddr ${service.spec.clusterIP} --vport 80 -j SNAT --to-source ${service.spec.clusterIP}`)
    expect(node('worker-1').netfilter.ipvs.find({ protocol: 'tcp', address: service.spec.clusterIP!, port: 80 })!.scheduler).toBe('lc')
    const tries = Array.from({ length: 4 }, () => connect(own, service.spec.clusterIP!, 80))
    expect(tries.filter((j) => j.finalDestination === `${ip('web-1')}:80`).map((j) => [j.verdict, j.sourceSeenByServer])).toContainEqual(['delivered', service.spec.clusterIP])
  })

  it('takes away the servers and addresses that are gone', () => {
    cluster.client.delete('services', 'default', 'web')
    cluster.settle()
    expect(node('worker-1').links.get('kube-dummy-if')!.addresses.map((a) => a.address)).not.toContain(service.spec.clusterIP)
    expect(node('worker-1').netfilter.ipvs.services().map((s) => ('address' in s.key ? s.key.address : ''))).not.toContain(service.spec.clusterIP)
    expect(node('worker-1').netfilter.save('nat')).not.toContain('KUBE-ROUTER-HAIRPIN')
  })
})

it('reads its flags as pflag does, and tells what is not simulated', () => {
  expect(readFlags([])).toEqual(DEFAULTS)
  expect(readFlags(['--run-service-proxy=false', '--hairpin-mode', '--cluster-asn', '64513', '--kubeconfig=/x'])).toEqual({ ...DEFAULTS, proxy: false, hairpin: true, asn: 64_513 })
  expect(readFlags(['--foo'])).toEqual({ code: 2, message: 'unknown flag: --foo\n' })
  expect(readFlags(['--run-router=maybe'])).toMatchObject({ code: 2, message: expect.stringContaining('invalid argument "maybe" for "--run-router" flag') as string })
  expect(readFlags(['--advertise-cluster-ip', '--peer-router-ips=10.0.0.1,10.0.0.2', '--peer-router-asns', '65000,65001'])).toMatchObject({ advertise: { cluster: true, external: false, balancer: false }, peers: [{ ip: '10.0.0.1', asn: 65_000 }, { ip: '10.0.0.2', asn: 65_001 }] })
  expect(readFlags(['--peer-router-ips', '10.0.0.1'])).toMatchObject({ code: 1, message: expect.stringContaining('the number of IPs and ASN numbers must be equal') as string })
  expect(readFlags(['--peer-router-ips', 'router', '--peer-router-asns=1'])).toMatchObject({ code: 2 })
  expect(readFlags(['--overlay-type=full'])).toMatchObject({ code: 69, message: expect.stringMatching(/^podhop: not simulated: kube-router --overlay-type=full/) as string })
})
