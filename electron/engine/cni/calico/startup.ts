import { StatusError } from '../../kubernetes/client.ts'
import type { KubeObject, Node } from '../../kubernetes/types.ts'
import { prefixLength } from '../../network/address.ts'
import type { NodeContext } from '../types.ts'
import { IPV4_ANNOTATION } from './bird.ts'
import { calicoObject, calicoResource, findObject, listPools, type IpPool, type TunnelMode } from './datastore.ts'
import { Ipam } from './ipam.ts'
import { CALICO_VERSION, NODENAME_FILE } from './names.ts'
import { IPIP_ANNOTATION, VXLAN_ANNOTATION, VXLAN_MAC_ANNOTATION, vxlanMac } from './tunnels.ts'

/**
 * What calico-node does before it starts its agents (node/pkg/lifecycle/startup, node/pkg/allocateip): the default objects, the Node's
 * annotations, the addresses of the tunnels, the file that the CNI plugin waits for. Throws as the API client does: then it begins anew.
 */
export type StartupLog = (source: string, message: string) => void

export function startNode(node: NodeContext, env: ReadonlyMap<string, string>, log: StartupLog): void {
  log('startup/startup.go 444', 'Early log level set to info')
  log('startup/utils.go 126', `Using NODENAME environment for node name ${node.name}`)
  log('startup/utils.go 138', `Determined node name: ${node.name}`)
  log('startup/startup.go 93', `Starting node ${node.name} with version ${CALICO_VERSION}`)
  log('startup/startup.go 442', 'Checking datastore connection')
  node.client.list(calicoResource('clusterinformations'))
  log('startup/startup.go 466', 'Datastore connection verified')
  log('startup/startup.go 103', 'Datastore is ready')
  const config = node.config.nodes.find((n) => n.name === node.name)!
  const link = [...node.network.links.values()].find((l) => l.addresses.some((a) => a.address === config.ip))
  const own = link?.addresses.find((a) => a.address === config.ip)
  const address = `${config.ip}/${own?.prefixLength ?? 32}`
  log('startup/startup.go 495', 'Initialize BGP data')
  log('startup/autodetection_methods.go 103', `Using autodetected IPv4 address on interface ${link?.name ?? 'eth0'}: ${address}`)
  ensurePool(node, env, log)
  ensureDefaults(node)
  writeNode(node, { [IPV4_ANNOTATION]: address })
  log('startup/startup.go 213', `Using node name: ${node.name}`)
  node.network.setSysctl('net.ipv4.ip_forward', '1')
  node.machine.fs.makeDirectory('/var/lib/calico', { parents: true })
  node.machine.fs.writeFile(NODENAME_FILE, node.name)
  tunnelAddresses(node, log)
  networkAvailable(node, true)
}

function create(node: NodeContext, plural: string, object: KubeObject): void {
  try {
    node.client.create(calicoResource(plural), undefined, object)
  } catch (error) {
    // another node was faster
    if (!(error instanceof StatusError && error.status.code === 409)) throw error
  }
}

function ensurePool(node: NodeContext, env: ReadonlyMap<string, string>, log: StartupLog): void {
  if (listPools(node.client).length > 0) return
  const cidr = env.get('CALICO_IPV4POOL_CIDR') ?? node.config.podCIDR.find((c) => !c.includes(':'))!
  const modes = { ipipMode: (env.get('CALICO_IPV4POOL_IPIP') ?? 'Off').replace('Off', 'Never') as TunnelMode, vxlanMode: (env.get('CALICO_IPV4POOL_VXLAN') ?? 'Never') as TunnelMode }
  log('startup/startup.go 781', `found v4=${cidr} in the kubeadm config map`)
  const blockSize = Math.max(26, prefixLength(cidr))
  create(node, 'ippools', calicoObject<IpPool>('IPPool', 'default-ipv4-ippool', { allowedUses: ['Workload', 'Tunnel'], blockSize, cidr, ...modes, natOutgoing: true, nodeSelector: 'all()' }))
  log('startup/startup.go 934', `Created default IPv4 pool (${cidr}) with NAT outgoing true. IPIP mode: ${modes.ipipMode}, VXLAN mode: ${modes.vxlanMode}, DisableBGPExport: false`)
}

function ensureDefaults(node: NodeContext): void {
  const { client, clock } = node
  const type = 'k8s,bgp,kubeadm,kdd'
  if (!findObject(client, calicoResource('clusterinformations'), undefined, 'default')) {
    const clusterGUID = clock.random.fork('calico cluster').hex(32)
    create(node, 'clusterinformations', calicoObject<KubeObject & { spec: object }>('ClusterInformation', 'default', { calicoVersion: CALICO_VERSION, clusterGUID, clusterType: type, datastoreReady: true }))
  }
  if (!findObject(client, calicoResource('felixconfigurations'), undefined, 'default')) {
    create(node, 'felixconfigurations', calicoObject<KubeObject & { spec: object }>('FelixConfiguration', 'default', { bpfConnectTimeLoadBalancing: 'TCP', bpfHostNetworkedNATWithoutCTLB: 'Enabled', bpfLogLevel: '', floatingIPs: 'Disabled', logSeverityScreen: 'Info', reportingInterval: '0s' }))
  }
  for (const [name, spec] of [['adminnetworkpolicy', { defaultAction: 'Pass', order: 1000 }], ['baselineadminnetworkpolicy', { defaultAction: 'Pass', order: 10_000_000 }], ['default', { defaultAction: 'Deny', order: 1_000_000 }]] as const) {
    if (!findObject(client, calicoResource('tiers'), undefined, name)) create(node, 'tiers', calicoObject<KubeObject & { spec: object }>('Tier', name, spec))
  }
}

function writeNode(node: NodeContext, wanted: Record<string, string>): void {
  const present = node.client.get<Node>('nodes', undefined, node.name).metadata.annotations ?? {}
  if (Object.entries(wanted).every(([key, value]) => present[key] === value)) return
  node.client.patch('nodes', undefined, node.name, 'application/strategic-merge-patch+json', { metadata: { annotations: wanted } }, { subresource: 'status' })
}

/** A tunnel's address is the first one of the node's first block. */
function tunnelAddresses(node: NodeContext, log: StartupLog): void {
  const pools = listPools(node.client)
  const tunnel = (type: 'ipip' | 'vxlan', annotation: string, on: (pool: IpPool) => boolean): void => {
    if (!pools.some(on)) return
    const present = node.client.get<Node>('nodes', undefined, node.name).metadata.annotations?.[annotation]
    const handle = `${type}-tunnel-addr-${node.name}`
    const attributes = { type: `${type}TunnelAddress` }
    let ip = present
    if (ip === undefined || !findObject(node.client, calicoResource('ipamhandles'), undefined, handle)) {
      ip = new Ipam(node.client).assign({ node: node.name, handle, attributes, use: 'Tunnel', pools: on })
      log('tunnel-ip-allocator/allocateip.go 497', `Assigned tunnel address to node IP="${ip}" node="${node.name}" type="${attributes.type}"`)
    } else log('tunnel-ip-allocator/allocateip.go 358', `Current address is still valid, do nothing currentAddr="${ip}" type="${attributes.type}"`)
    writeNode(node, { [annotation]: ip, ...(type === 'vxlan' ? { [VXLAN_MAC_ANNOTATION]: vxlanMac(node.name) } : {}) })
  }
  tunnel('ipip', IPIP_ANNOTATION, (p) => (p.spec.ipipMode ?? 'Never') !== 'Never')
  tunnel('vxlan', VXLAN_ANNOTATION, (p) => (p.spec.vxlanMode ?? 'Never') !== 'Never')
}

/** The Node's condition NetworkUnavailable (node/pkg/lifecycle/utils). */
export function networkAvailable(node: NodeContext, available: boolean): void {
  const now = `${new Date(Math.floor(node.clock.wall() / 1000) * 1000).toISOString().slice(0, 19)}Z`
  const condition = {
    type: 'NetworkUnavailable',
    status: available ? 'False' : 'True',
    reason: available ? 'CalicoIsUp' : 'CalicoIsDown',
    message: available ? 'Calico is running on this node' : 'Calico is shutting down on this node',
    lastTransitionTime: now,
    lastHeartbeatTime: now,
  }
  node.client.patch('nodes', undefined, node.name, 'application/strategic-merge-patch+json', { status: { conditions: [condition] } }, { subresource: 'status' })
}
