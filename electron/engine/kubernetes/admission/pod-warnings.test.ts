import { expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { ApiServer } from '../api-server.ts'

it('warns of what a Pod says twice, and of what counts otherwise than it says', () => {
  const api = new ApiServer(new Clock({ seed: 1 }), { freeze: true })
  const warnings: string[] = []
  const options = { onWarning: (text: string) => warnings.push(text) }
  const containers = [
    { name: 'a', image: 'nginx', ports: [{ containerPort: 80 }, { containerPort: 80, name: 'web' }], env: [{ name: 'A', value: '1' }, { name: 'A', value: '2' }, { name: 'B', value: '1' }, { name: 'B', value: '$(B)2' }] },
    { name: 'b', image: 'nginx', ports: [{ containerPort: 80, hostPort: 80 }, { containerPort: 80, protocol: 'UDP' }], resources: { requests: { memory: '100m' } } },
  ]
  const spec = { nodeSelector: { 'beta.kubernetes.io/os': 'linux' }, terminationGracePeriodSeconds: -1, containers }
  const told = (before: string): string[] => [
    `${before}spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead`,
    `${before}spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply`,
    `${before}spec.containers[1].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer`,
    `${before}spec.containers[0].ports[1]: duplicate port definition with ${before}spec.containers[0].ports[0]`,
    `${before}spec.containers[1].ports[0]: overlapping port definition with ${before}spec.containers[0].ports[0]`,
    `${before}spec.containers[1].ports[0]: overlapping port definition with ${before}spec.containers[0].ports[1]`,
    `${before}spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
  ]
  api.create('pods', 'default', { metadata: { name: 'web' }, spec }, options)
  expect(warnings.splice(0)).toEqual(told(''))
  api.create('deployments', 'default', { metadata: { name: 'web' }, spec: { selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec } } }, options)
  expect(warnings.splice(0)).toEqual(told('spec.template.'))
  api.patch('deployments', 'default', 'web', 'application/merge-patch+json', { metadata: { labels: { a: 'b' } } }, options)
  expect(warnings).toEqual([])
})

it('warns of addresses that are written in dubious ways, and says that leading zeros are not simulated', () => {
  const api = new ApiServer(new Clock({ seed: 1 }), { freeze: true })
  const warnings: string[] = []
  const make = (name: string, more: object): unknown => api.create('pods', 'default', { metadata: { name }, spec: { containers: [{ name: 'a', image: 'nginx' }], ...more } }, { onWarning: (text: string) => warnings.push(text) })
  make('web', { dnsPolicy: 'None', dnsConfig: { nameservers: ['2001:DB8::1', '10.0.0.1'] }, hostAliases: [{ ip: '::ffff:1.2.3.4', hostnames: ['a'] }, { ip: '10.0.0.2', hostnames: ['b'] }] })
  expect(warnings).toEqual([
    'spec.dnsConfig.nameservers[0]: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
    'spec.hostAliases[0].ip: non-standard IP address "::ffff:1.2.3.4" will be considered invalid in a future Kubernetes release: use "1.2.3.4"',
  ])
  const said = (address: string, plain: string): string => `podhop: not simulated: the address ${address}, whose leading zeros v1.33 takes with a warning (write ${plain})`
  expect(() => make('zeros', { hostAliases: [{ ip: '10.01.0.0', hostnames: ['a'] }] })).toThrow(said('10.01.0.0', '10.1.0.0'))
  const service = (spec: object): unknown => api.create('services', 'default', { metadata: { name: 'web' }, spec: { ports: [{ port: 80 }], ...spec } })
  expect(() => service({ clusterIP: '10.096.0.8' })).toThrow(said('10.096.0.8', '10.96.0.8'))
  expect(() => service({ externalIPs: ['192.168.001.5'] })).toThrow(said('192.168.001.5', '192.168.1.5'))
  expect(() => service({ type: 'LoadBalancer', loadBalancerSourceRanges: ['010.0.0.0/8'] })).toThrow(said('010.0.0.0/8', '10.0.0.0/8'))
  expect(() => api.create('endpointslices', 'default', { metadata: { name: 'web' }, addressType: 'IPv4', endpoints: [{ addresses: ['10.01.0.9'] }] })).toThrow(said('10.01.0.9', '10.1.0.9'))
  expect(() => make('none', { hostAliases: [{ ip: '10.0.0.256', hostnames: ['a'] }] })).toThrow('must be a valid IP address')
})
