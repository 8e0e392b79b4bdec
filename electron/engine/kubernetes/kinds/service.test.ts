import { describe, expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { ApiServer } from '../api-server.ts'
import { StatusError } from '../client.ts'
import type { Service } from '../types.ts'

/** Services through create and update, as a table: what the API makes of the last, or why it refuses. */
function last(specs: readonly object[], merge = false): Service['spec'] | string {
  const api = new ApiServer(new Clock({ seed: 1 }), { freeze: true })
  const wrap = (spec: object): object => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec })
  try {
    let service = api.create<Service>('services', 'default', wrap(specs[0]!))
    for (const spec of specs.slice(1)) {
      service = merge
        ? api.patch<Service>('services', 'default', 'web', 'application/merge-patch+json', { spec })
        : api.update<Service>('services', 'default', 'web', { ...wrap(spec), metadata: { ...service.metadata } })
    }
    return service.spec
  } catch (error) {
    if (error instanceof StatusError) return error.message.replace('Service "web" is invalid: ', '')
    throw error
  }
}

const ports = [{ port: 80 }]
const lb = { type: 'LoadBalancer', ports }

describe('a Service that changes its type', () => {
  it('gets a node port, keeps it between NodePort and LoadBalancer, and gives it back', () => {
    const first = last([{ ports }, { type: 'NodePort' }], true) as Service['spec']
    const port = first.ports![0]!.nodePort
    expect(port).toBeGreaterThanOrEqual(30_000)
    expect(first.externalTrafficPolicy).toBe('Cluster')
    expect((last([{ ports }, { type: 'NodePort' }, { type: 'LoadBalancer' }], true) as Service['spec']).ports![0]!.nodePort).toBe(port)
    const back = last([{ ports }, { type: 'NodePort' }, { type: 'ClusterIP' }], true) as Service['spec']
    expect(back.ports![0]).not.toHaveProperty('nodePort')
    expect(back).not.toHaveProperty('externalTrafficPolicy')
  })

  it('to ExternalName gives its address back, and gets another when it returns', () => {
    const away = last([{ ports }, { type: 'ExternalName', externalName: 'db.example.com' }], true) as Service['spec']
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy']) expect(away).not.toHaveProperty(field)
    expect((last([{ ports }, { type: 'ExternalName', externalName: 'db.example.com' }, { type: 'ClusterIP', externalName: null }], true) as Service['spec']).clusterIP).toMatch(/^10\./)
  })

  it('gets a health check port with externalTrafficPolicy Local, and gives it back', () => {
    const local = last([lb, { externalTrafficPolicy: 'Local' }], true) as Service['spec']
    expect(local.healthCheckNodePort).toBeGreaterThanOrEqual(30_000)
    expect(last([lb, { externalTrafficPolicy: 'Local' }, { externalTrafficPolicy: 'Cluster' }], true)).not.toHaveProperty('healthCheckNodePort')
    expect(last([{ ...lb, externalTrafficPolicy: 'Local', healthCheckNodePort: 32_000 }])).toMatchObject({ healthCheckNodePort: 32_000 })
  })

  it('keeps a node port by the name of its port, whatever else changes: patchAllocatedValues', () => {
    const node = (...list: object[]): object => ({ type: 'NodePort', ports: list })
    const of = (...specs: object[]): unknown => {
      const spec = last(specs)
      return typeof spec === 'string' ? spec : spec.ports!.map((p) => p.nodePort)
    }
    expect(of(node({ port: 80, nodePort: 30_080 }), node({ port: 8080, protocol: 'UDP' }))).toEqual([30_080])
    expect(of(node({ name: 'a', port: 80, nodePort: 30_080 }, { name: 'b', port: 81, nodePort: 30_081 }), node({ name: 'b', port: 80 }, { name: 'a', port: 81 }))).toEqual([30_081, 30_080])
    // a port of another name is another one, and what another port has by now is not given twice
    expect((of(node({ name: 'a', port: 80, nodePort: 30_080 }), node({ name: 'b', port: 80 })) as number[])[0]).not.toBe(30_080)
    expect((of(node({ name: 'a', port: 80, nodePort: 30_080 }), node({ name: 'a', port: 80 }, { name: 'b', port: 81, nodePort: 30_080 })) as number[])[1]).toBe(30_080)
  })

  it('loses externalTrafficPolicy when nobody outside meets it any more', () => {
    const open = { ports, externalIPs: ['192.0.2.1'] }
    expect(last([open])).toMatchObject({ externalTrafficPolicy: 'Cluster' })
    expect(last([open, { externalIPs: null }], true)).not.toHaveProperty('externalTrafficPolicy')
    expect(last([{ ...open, type: 'NodePort' }, { type: 'ClusterIP' }], true)).toMatchObject({ externalTrafficPolicy: 'Cluster' })
    expect(last([{ ...open, externalTrafficPolicy: 'Local' }, { type: 'ExternalName', externalName: 'db.example.com' }], true)).not.toHaveProperty('externalTrafficPolicy')
  })

  it('leaves out node ports where nobody wants them', () => {
    expect((last([{ ...lb, allocateLoadBalancerNodePorts: false }]) as Service['spec']).ports).toEqual([{ port: 80, protocol: 'TCP', targetPort: 80 }])
  })
})

describe('a Service is refused', () => {
  it.each<[string, object[], string]>([
    ['an address outside the range', [{ clusterIP: '192.168.1.1', ports }], 'spec.clusterIPs: Invalid value: []string{"192.168.1.1"}: failed to allocate IP 192.168.1.1: the provided network does not match the current range'],
    ['a node port out of range', [{ type: 'NodePort', ports: [{ port: 80, nodePort: 29_999 }] }], 'spec.ports[0].nodePort: Invalid value: 29999: provided port is not in the valid range. The range of valid ports is 30000-32767'],
    ['a new node port when it becomes a ClusterIP, with the one that it had', [{ type: 'NodePort', ports: [{ name: 'a', port: 80, nodePort: 30_080 }] }, { externalTrafficPolicy: null, ports: [{ name: 'a', port: 80, nodePort: 30_080 }, { name: 'b', port: 81, nodePort: 30_081 }] }], "[spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP', spec.ports[1].nodePort: Forbidden: may not be used when `type` is 'ClusterIP']"],
    ['another address in the place of the one that it has', [{ ports, clusterIP: '10.96.0.20' }, { ports, clusterIP: '10.96.0.21' }], 'spec.clusterIPs[0]: Invalid value: []string{"10.96.0.20"}: first value must match `clusterIP`'],
    ['a node port for a ClusterIP', [{ ports: [{ port: 80, nodePort: 30_080 }] }], "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ['source ranges without a load balancer', [{ ports, loadBalancerSourceRanges: ['10.0.0.0/8'] }], "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"],
    ['a source range that is none', [{ ...lb, loadBalancerSourceRanges: ['10.0.0.300/8'] }], 'spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.300/8": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'],
    ['a class without a load balancer', [{ ports, loadBalancerClass: 'a/b' }], "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"],
    ['a class that changes', [{ ...lb, loadBalancerClass: 'example.com/a' }, { ...lb, loadBalancerClass: 'example.com/b' }], 'spec.loadBalancerClass: Invalid value: "example.com/b": may not change once set'],
    ['a policy that nobody outside meets', [{ ports, externalTrafficPolicy: 'Local' }], 'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
    ['a policy that there is not', [{ type: 'NodePort', ports, externalTrafficPolicy: 'Near' }], 'spec.externalTrafficPolicy: Unsupported value: "Near": supported values: "Cluster", "Local"'],
    ['a health check without need', [{ ...lb, healthCheckNodePort: 32_000 }], "spec.healthCheckNodePort: Invalid value: 32000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"],
    ['another health check port', [{ ...lb, externalTrafficPolicy: 'Local', healthCheckNodePort: 32_000 }, { ...lb, externalTrafficPolicy: 'Local', healthCheckNodePort: 32_001 }], 'spec.healthCheckNodePort: Forbidden: field is immutable'],
    ['an affinity without sense', [{ ports, sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 90_000 } } }], 'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 90000: must be greater than 0 and less than 86400'],
    ['the kubelet for the world', [{ type: 'LoadBalancer', ports: [{ port: 10_250 }] }], 'spec.ports[0].port: Invalid value: 10250: may not expose port 10250 externally since it is used by kubelet'],
    ['an external address of this machine', [{ ports, externalIPs: ['127.0.0.1'] }], 'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)'],
    ['a headless load balancer', [{ ...lb, clusterIP: 'None' }], "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for LoadBalancer services"],
  ])('%s', (_, specs, message) => {
    expect(last(specs)).toBe(message)
  })

  it('for an address or a port that another has', () => {
    const api = new ApiServer(new Clock({ seed: 1 }), { freeze: true })
    const make = (name: string, spec: object): Service => api.create<Service>('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec })
    make('one', { type: 'NodePort', clusterIP: '10.96.0.50', ports: [{ port: 80, nodePort: 30_080 }] })
    expect(() => make('two', { clusterIP: '10.96.0.50', ports })).toThrow('Service "two" is invalid: spec.clusterIPs: Invalid value: []string{"10.96.0.50"}: failed to allocate IP 10.96.0.50: provided IP is already allocated')
    expect(() => make('two', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] })).toThrow('Service "two" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated')
    expect(() => make('two', { ...lb, externalTrafficPolicy: 'Local', healthCheckNodePort: 30_080 })).toThrow('failed to allocate requested HealthCheck NodePort 30080: provided port is already allocated')
    api.delete('services', 'default', 'one')
    expect(make('two', { type: 'NodePort', clusterIP: '10.96.0.50', ports: [{ port: 80, nodePort: 30_080 }] }).spec.clusterIP).toBe('10.96.0.50')
  })

  it('never for what is taken by chance: that comes from the upper bands', () => {
    const api = new ApiServer(new Clock({ seed: 3 }), { freeze: true, serviceCIDR: ['10.96.0.0/24'], nodePortRange: { from: 30_000, to: 32_767 } })
    for (let i = 0; i < 60; i++) {
      const { spec } = api.create<Service>('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: `s-${i}` }, spec: { type: 'NodePort', ports } })
      // min(max(16, 256/16), 256) and min(max(16, 2768/32), 128)
      expect(Number(spec.clusterIP!.split('.')[3])).toBeGreaterThan(16)
      expect(spec.ports![0]!.nodePort).toBeGreaterThanOrEqual(30_086)
    }
  })
})
