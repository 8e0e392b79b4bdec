import { describe, expect, test } from 'vitest'
import { chooseEndpoints, type EndpointInfo } from './endpoints.ts'
import type { ServicePortInfo } from './service-ports.ts'

/**
 * TestCategorizeEndpoints of pkg/proxy/topology_test.go of v1.33, told again: which endpoints serve which policy on a node of
 * zone-a, "10.1.2.3 local zone-a" a line. Its gate PreferSameTrafficDistribution is off in v1.33, so hints for nodes say nothing.
 */
const service = (policy: 'cluster' | 'external' | 'internal' | 'both', nodePort = 0): ServicePortInfo => ({
  name: 'ns/svc', service: 'ns/svc', portName: '', endpointsKey: '/tcp', protocol: 'tcp', clusterIP: '10.96.0.1', port: 80, nodePort, externalIPs: [], loadBalancerIPs: [], sourceRanges: [],
  healthCheckNodePort: 0, stickySeconds: undefined, internalPolicyLocal: policy === 'internal' || policy === 'both', externalPolicyLocal: policy === 'external' || policy === 'both',
})

function endpoint(text: string): EndpointInfo {
  const [ip, ...marks] = text.split(' ')
  const terminating = marks.includes('terminating')
  return {
    ip: ip!, port: 80, address: `${ip}:80`, ready: !terminating && !marks.includes('unready'), serving: !marks.includes('unready') && !marks.includes('dead'), terminating,
    nodeName: marks.includes('local') ? 'here' : 'there', zones: marks.filter((m) => m.startsWith('zone-')), chain: undefined,
  }
}

interface Case { zone?: string; endpoints: string[]; cluster?: string[]; local?: string[]; all?: string[]; any?: boolean }

function check(info: ServicePortInfo, { zone = '', endpoints, cluster = [], local = [], all = cluster.length > 0 ? cluster : local, any }: Case): void {
  const choice = chooseEndpoints(endpoints.map(endpoint), info, { name: 'here', zone })
  const ips = (list: readonly EndpointInfo[]): string[] => list.map((e) => e.ip).sort()
  expect({ cluster: ips(choice.cluster), local: ips(choice.local), all: ips(choice.reachable), any: choice.any }).toEqual({ cluster, local, all, any: any ?? all.length > 0 })
}

const everyZone = ['10.1.2.3 local zone-a', '10.1.2.4 local zone-b', '10.1.2.5 zone-c', '10.1.2.6 zone-a']

describe('hints for zones', () => {
  test.each<[string, ServicePortInfo, Case]>([
    ['all have hints, and some are for the node\'s zone', service('cluster'), { zone: 'zone-a', endpoints: ['10.1.2.3 zone-a', '10.1.2.4 zone-b', '10.1.2.5 zone-c', '10.1.2.6 zone-a'], cluster: ['10.1.2.3', '10.1.2.6'] }],
    ['externalTrafficPolicy Local: not for local ones', service('external', 8080), { zone: 'zone-a', endpoints: everyZone, cluster: ['10.1.2.3', '10.1.2.6'], local: ['10.1.2.3', '10.1.2.4'], all: ['10.1.2.3', '10.1.2.4', '10.1.2.6'] }],
    ['internalTrafficPolicy Local: not for local ones', service('internal', 8080), { zone: 'zone-a', endpoints: everyZone, cluster: ['10.1.2.3', '10.1.2.6'], local: ['10.1.2.3', '10.1.2.4'], all: ['10.1.2.3', '10.1.2.4', '10.1.2.6'] }],
    ['the node has no zone', service('cluster'), { endpoints: ['10.1.2.3 zone-a'], cluster: ['10.1.2.3'] }],
    ['none for the node\'s zone', service('cluster'), { zone: 'zone-b', endpoints: ['10.1.2.3 zone-a', '10.1.2.5 zone-c'], cluster: ['10.1.2.3', '10.1.2.5'] }],
    ['one of the zone is not ready', service('cluster'), { zone: 'zone-a', endpoints: ['10.1.2.3 zone-a', '10.1.2.4 zone-b', '10.1.2.5 zone-c', '10.1.2.6 zone-a unready'], cluster: ['10.1.2.3'] }],
    ['none of the zone is ready', service('cluster'), { zone: 'zone-a', endpoints: ['10.1.2.3 zone-a unready', '10.1.2.4 zone-b', '10.1.2.5 zone-c', '10.1.2.6 zone-a unready'], cluster: ['10.1.2.4', '10.1.2.5'] }],
    ['one has no hint', service('cluster'), { zone: 'zone-a', endpoints: ['10.1.2.3 zone-a', '10.1.2.4 zone-b', '10.1.2.5', '10.1.2.6 zone-a'], cluster: ['10.1.2.3', '10.1.2.4', '10.1.2.5', '10.1.2.6'] }],
    ['several hints each', service('cluster'), { zone: 'zone-c', endpoints: ['10.1.2.3 zone-a zone-b zone-c', '10.1.2.4 zone-b zone-c', '10.1.2.5 zone-b zone-d', '10.1.2.6 zone-c'], cluster: ['10.1.2.3', '10.1.2.4', '10.1.2.6'] }],
    ['zone and node disagree: both are reachable', service('internal', 8080), { zone: 'zone-a', endpoints: ['10.0.0.0 local zone-a', '10.0.0.1 local zone-b', '10.0.0.2 zone-a', '10.0.0.3 zone-b'], cluster: ['10.0.0.0', '10.0.0.2'], local: ['10.0.0.0', '10.0.0.1'], all: ['10.0.0.0', '10.0.0.1', '10.0.0.2'] }],
  ])('%s', (_, info, expected) => check(info, expected))
})

describe('traffic policies', () => {
  test.each<[string, ServicePortInfo, Case]>([
    ['internal Local, no endpoints', service('internal'), { endpoints: [] }],
    ['internal Local, all elsewhere: there are some, and none is reachable', service('internal'), { endpoints: ['10.0.0.0', '10.0.0.1'], any: true }],
    ['internal Local, all here', service('internal'), { endpoints: ['10.0.0.0 local', '10.0.0.1 local'], local: ['10.0.0.0', '10.0.0.1'] }],
    ['internal Local, one here', service('internal'), { endpoints: ['10.0.0.0 local', '10.0.0.1'], local: ['10.0.0.0'] }],
    ['Cluster, none is ready', service('cluster'), { endpoints: ['10.0.0.0 local unready', '10.0.0.1 unready'] }],
    ['Cluster, some are ready', service('cluster'), { endpoints: ['10.0.0.0 unready', '10.0.0.1'], cluster: ['10.0.0.1'] }],
    ['Cluster, all terminate and serve', service('cluster'), { endpoints: ['10.0.0.0 local terminating', '10.0.0.1 terminating'], cluster: ['10.0.0.0', '10.0.0.1'] }],
    ['Cluster, one terminates and serves, one no longer', service('cluster'), { endpoints: ['10.0.0.0 terminating', '10.0.0.1 terminating dead'], cluster: ['10.0.0.0'] }],
    ['internal Cluster, external Local, not from outside: as Cluster', service('external'), { endpoints: ['10.0.0.0 local', '10.0.0.1'], cluster: ['10.0.0.0', '10.0.0.1'] }],
    ['internal Cluster, external Local, some here', service('external', 8080), { endpoints: ['10.0.0.0 local', '10.0.0.1'], cluster: ['10.0.0.0', '10.0.0.1'], local: ['10.0.0.0'] }],
    ['internal Cluster, external Local, the local ones terminate and serve', service('external', 8080), { endpoints: ['10.0.0.0 local terminating', '10.0.0.1 local terminating dead', '10.0.0.2'], cluster: ['10.0.0.2'], local: ['10.0.0.0'], all: ['10.0.0.0', '10.0.0.2'] }],
    ['internal Cluster, external Local, a local one is ready, another terminates', service('external', 8080), { endpoints: ['10.0.0.0 local terminating', '10.0.0.1 local', '10.0.0.2'], cluster: ['10.0.0.1', '10.0.0.2'], local: ['10.0.0.1'] }],
    ['internal and external Local', service('both', 8080), { endpoints: ['10.0.0.0 local', '10.0.0.1'], cluster: ['10.0.0.0', '10.0.0.1'], local: ['10.0.0.0'] }],
    ['internal Local, external Cluster', service('internal', 8080), { endpoints: ['10.0.0.0 local', '10.0.0.1'], cluster: ['10.0.0.0', '10.0.0.1'], local: ['10.0.0.0'] }],
    ['both Local, all elsewhere and about to go', service('both', 8080), { endpoints: ['10.0.0.0 terminating', '10.0.0.1 terminating'], cluster: ['10.0.0.0', '10.0.0.1'] }],
    ['both Local, all elsewhere', service('both', 8080), { endpoints: ['10.0.0.0', '10.0.0.1'], cluster: ['10.0.0.0', '10.0.0.1'] }],
  ])('%s', (_, info, expected) => check(info, expected))
})
