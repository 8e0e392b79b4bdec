import { parse } from 'yaml'
import type { KubernetesClient } from '../../../kubernetes/client.ts'
import type { KubeObject } from '../../../kubernetes/types.ts'
import type { Mode } from './antctl-help.ts'

/** antctl get featuregates: what the ConfigMap says, and for the rest what is preset (pkg/features/antrea_features.go of Antrea v2.4). */
type Part = 'agent' | 'controller'
type Gate = readonly [name: string, on: boolean, version: 'ALPHA' | 'BETA' | 'GA', parts: readonly Part[]]

const BOTH = ['agent', 'controller'] as const
const AGENT = ['agent'] as const
const GATES: readonly Gate[] = [
  ['AdminNetworkPolicy', false, 'ALPHA', ['controller']], ['AntreaIPAM', false, 'ALPHA', BOTH], ['AntreaPolicy', true, 'BETA', BOTH], ['AntreaProxy', true, 'GA', AGENT], ['BGPPolicy', false, 'ALPHA', AGENT],
  ['CleanupStaleUDPSvcConntrack', true, 'BETA', AGENT], ['Egress', true, 'BETA', BOTH], ['EgressSeparateSubnet', true, 'BETA', AGENT], ['EgressTrafficShaping', false, 'ALPHA', AGENT], ['EndpointSlice', true, 'GA', AGENT],
  ['ExternalNode', false, 'ALPHA', AGENT], ['FlowExporter', false, 'ALPHA', AGENT], ['IPsecCertAuth', false, 'ALPHA', BOTH], ['L7FlowExporter', false, 'ALPHA', AGENT], ['L7NetworkPolicy', false, 'ALPHA', BOTH],
  ['LoadBalancerModeDSR', false, 'ALPHA', AGENT], ['Multicast', true, 'BETA', BOTH], ['Multicluster', false, 'ALPHA', BOTH], ['NetworkPolicyStats', true, 'BETA', BOTH], ['NodeIPAM', true, 'BETA', ['controller']],
  ['NodeLatencyMonitor', false, 'ALPHA', AGENT], ['NodeNetworkPolicy', false, 'ALPHA', AGENT], ['NodePortLocal', true, 'GA', AGENT], ['PacketCapture', false, 'ALPHA', AGENT], ['SecondaryNetwork', false, 'ALPHA', AGENT],
  ['ServiceExternalIP', true, 'BETA', BOTH], ['ServiceTrafficDistribution', true, 'BETA', AGENT], ['SupportBundleCollection', false, 'ALPHA', BOTH], ['TopologyAwareHints', true, 'BETA', AGENT],
  ['Traceflow', true, 'BETA', BOTH], ['TrafficControl', false, 'ALPHA', AGENT],
]
const TITLES = { agent: 'Antrea Agent Feature Gates\n', controller: '\nAntrea Controller Feature Gates\n' } as const

/** The agent's API tells of the agent's alone. */
export function featureGates(client: KubernetesClient, mode: Mode): string {
  const { data = {} } = client.get<KubeObject & { data?: Record<string, string> }>('configmaps', 'kube-system', 'antrea-config')
  return (mode === 'agent' ? AGENT : BOTH).map((part) => {
    const { featureGates: said } = (parse(data[`antrea-${part}.conf`] ?? '') ?? {}) as { featureGates?: Record<string, boolean> | null }
    const given = new Map(Object.entries(said ?? {}))
    const rows = [['FEATUREGATE', 'STATUS', 'VERSION'], ...GATES.filter(([, , , parts]) => parts.includes(part)).map(([name, on, version]) => [name, given.get(name) ?? on ? 'Enabled' : 'Disabled', version])]
    const [names, states] = [0, 1].map((i) => Math.max(...rows.map((row) => row[i]!.length)) + 5)
    return TITLES[part] + rows.map(([name, status, version]) => `${name!.padEnd(names!)}${status!.padEnd(states!)}${version!}\n`).join('')
  }).join('')
}
