import { StatusError } from '../../kubernetes/client.ts'
import { nodeIps } from '../../config.ts'
import type { KubeObject, Node } from '../../kubernetes/types.ts'
import { prefixLength } from '../../network/address.ts'
import type { NodeContext } from '../types.ts'
import { ADDRESS_ANNOTATIONS, writeNode } from './node-annotations.ts'
import { calicoObject, calicoResource, findObject, listPools, type IpPool, type TunnelMode } from './datastore.ts'
import { versionsOf } from './felix.ts'
import { BLOCK_SIZES, Ipam } from './ipam.ts'
import { CALICO_VERSION, isVersion, NODENAME_FILE, type Version } from './names.ts'
import { IPIP_ANNOTATION, VXLAN_ANNOTATIONS, VXLAN_MAC_ANNOTATIONS, vxlanMac } from './tunnels.ts'

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
  log('startup/startup.go 495', 'Initialize BGP data')
  const annotations: Record<string, string> = {}
  for (const version of [...versionsOf(node)].sort()) {
    const ip = nodeIps(config).find(isVersion(version))!
    const link = [...node.network.links.values()].find((l) => l.addresses.some((a) => a.address === ip))
    const own = link?.addresses.find((a) => a.address === ip)
    const address = `${ip}/${own?.prefixLength ?? (version === 4 ? 32 : 128)}`
    log('startup/autodetection_methods.go 103', `Using autodetected IPv${version} address on interface ${link?.name ?? 'eth0'}: ${address}`)
    annotations[ADDRESS_ANNOTATIONS[version]] = address
  }
  ensurePools(node, env, log)
  ensureDefaults(node)
  writeNode(node, annotations)
  log('startup/startup.go 213', `Using node name: ${node.name}`)
  for (const version of versionsOf(node)) node.network.setSysctl(version === 4 ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding', '1')
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

function ensurePools(node: NodeContext, env: ReadonlyMap<string, string>, log: StartupLog): void {
  const present = listPools(node.client).map((p) => p.spec.cidr)
  for (const version of [...versionsOf(node)].sort()) if (!present.some(isVersion(version))) ensurePool(node, version, env, log)
}

function ensurePool(node: NodeContext, version: Version, env: ReadonlyMap<string, string>, log: StartupLog): void {
  const setting = (name: string): string | undefined => env.get(`CALICO_IPV${version}POOL_${name}`)
  const cidr = setting('CIDR') ?? node.config.podCIDR.find(isVersion(version))!
  const modes = { ipipMode: (setting('IPIP') ?? 'Off').replace('Off', 'Never') as TunnelMode, vxlanMode: (setting('VXLAN') ?? 'Never') as TunnelMode }
  const natOutgoing = (setting('NAT_OUTGOING') ?? String(version === 4)) === 'true'
  log('startup/startup.go 781', `found v${version}=${cidr} in the kubeadm config map`)
  const blockSize = Math.max(BLOCK_SIZES[version], prefixLength(cidr))
  create(node, 'ippools', calicoObject<IpPool>('IPPool', `default-ipv${version}-ippool`, { allowedUses: ['Workload', 'Tunnel'], blockSize, cidr, ...modes, natOutgoing, nodeSelector: 'all()' }))
  log('startup/startup.go 934', `Created default IPv${version} pool (${cidr}) with NAT outgoing ${natOutgoing}. IPIP mode: ${modes.ipipMode}, VXLAN mode: ${modes.vxlanMode}, DisableBGPExport: false`)
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

/** A tunnel's address is the first one of the node's first block. */
function tunnelAddresses(node: NodeContext, log: StartupLog): void {
  const pools = listPools(node.client)
  const tunnel = (type: 'ipip' | 'vxlan', version: Version, annotation: string, mode: (pool: IpPool) => TunnelMode | undefined): void => {
    const on = (pool: IpPool): boolean => isVersion(version)(pool.spec.cidr) && (mode(pool) ?? 'Never') !== 'Never'
    if (!pools.some(on)) return
    const present = node.client.get<Node>('nodes', undefined, node.name).metadata.annotations?.[annotation]
    const kind = version === 4 ? type : `${type}-v6`
    const handle = `${kind}-tunnel-addr-${node.name}`
    const attributes = { type: version === 4 ? `${type}TunnelAddress` : `${type}V6TunnelAddress` }
    let ip = present
    if (ip === undefined || !findObject(node.client, calicoResource('ipamhandles'), undefined, handle)) {
      ip = new Ipam(node.client).assign({ node: node.name, handle, attributes, use: 'Tunnel', version, pools: on })
      log('tunnel-ip-allocator/allocateip.go 497', `Assigned tunnel address to node IP="${ip}" node="${node.name}" type="${attributes.type}"`)
    } else log('tunnel-ip-allocator/allocateip.go 358', `Current address is still valid, do nothing currentAddr="${ip}" type="${attributes.type}"`)
    writeNode(node, { [annotation]: ip, ...(type === 'vxlan' ? { [VXLAN_MAC_ANNOTATIONS[version]]: vxlanMac(node.name, version) } : {}) })
  }
  tunnel('ipip', 4, IPIP_ANNOTATION, (p) => p.spec.ipipMode)
  for (const version of [4, 6] as const) tunnel('vxlan', version, VXLAN_ANNOTATIONS[version], (p) => p.spec.vxlanMode)
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
