import type { ClusterConfig } from '../../config.ts'
import type { Pod } from '../../kubernetes/types.ts'
import { isLinkLocalIp6 } from '../../network/address.ts'
import type { Cidr, Ip } from '../../network/types.ts'
import type { Agent, CniPlugin, CniResult, NodeContext, Sandbox } from '../types.ts'
import { findObject } from './datastore.ts'
import { Ipam } from './ipam.ts'
import { calicoManifests } from './manifests.ts'
import { CALICO_CONFLIST, GATEWAY, isVersion, NODENAME_FILE, workloadInterface } from './names.ts'
import { wishOf } from './pools.ts'

/**
 * The calico CNI plugin (cni-plugin/pkg/plugin, pkg/dataplane/linux): a veth pair without a bridge. The Pod has a /32 and sends all to
 * 169.254.1.1, for which the node answers (proxy ARP), and a /128 whose gateway is the link-local address of the node's end; the node has
 * a route to each of its Pods.
 */
const POD_INTERFACE = 'eth0'
const HOST_MAC = 'ee:ee:ee:ee:ee:ee'
export const MTU_FILE = '/var/lib/calico/mtu'

function handleOf(sandbox: Sandbox): string {
  return `k8s-pod-network.${sandbox.id}`
}

/** "10.244.1.5/32", "fd00::5/128" */
export function singleAddress(ip: Ip): Cidr {
  return `${ip}/${ip.includes(':') ? 128 : 32}`
}

function wire(context: NodeContext, sandbox: Sandbox, ips: readonly Ip[]): string {
  const { network, fabric, machine } = context
  const hostInterface = workloadInterface(sandbox.podNamespace, sandbox.podName)
  // what a Pod of the same name left behind
  if (network.links.has(hostInterface)) network.removeLink(hostInterface)
  const mtu = machine.fs.exists(MTU_FILE) ? Number(machine.fs.readText(MTU_FILE)) : 1500
  fabric.createVeth({ network: sandbox.network, name: POD_INTERFACE, mtu }, { network, name: hostInterface, mac: HOST_MAC, mtu })
  const [v4, v6] = [ips.some(isVersion(4)), ips.some(isVersion(6))]
  if (v4) for (const name of ['route_localnet', 'proxy_arp', 'forwarding']) network.setSysctl(`net.ipv4.conf.${hostInterface}.${name}`, '1')
  if (v6) {
    sandbox.network.setSysctl(`net.ipv6.conf.${POD_INTERFACE}.accept_dad`, '0')
    for (const [name, value] of [['disable_ipv6', '0'], ['accept_dad', '0'], ['proxy_ndp', '1'], ['forwarding', '1']] as const) network.setSysctl(`net.ipv6.conf.${hostInterface}.${name}`, value)
  }
  network.setUp(hostInterface, true)
  sandbox.network.setUp(POD_INTERFACE, true)
  const { routes } = sandbox.network
  if (v4) {
    routes.add({ destination: `${GATEWAY}/32`, device: POD_INTERFACE, scope: 'link' })
    routes.add({ destination: '0.0.0.0/0', via: GATEWAY, device: POD_INTERFACE })
  }
  if (v6) {
    const via = network.links.get(hostInterface)!.addresses.find((a) => isLinkLocalIp6(a.address))?.address
    if (via === undefined) throw new Error('failed to get IPv6 addresses for host side of the veth pair')
    routes.add({ destination: '::/0', via, device: POD_INTERFACE })
  }
  for (const ip of ips) {
    sandbox.network.addAddress(POD_INTERFACE, singleAddress(ip))
    network.routes.add({ destination: singleAddress(ip), device: hostInterface, scope: 'link' }, { replace: true })
  }
  return hostInterface
}

/** So Felix learns of the address before the kubelet has told it (the plugin writes the WorkloadEndpoint, which is the Pod). */
function annotate(context: NodeContext, sandbox: Sandbox, ips: readonly Ip[] | undefined): void {
  const annotations = ips === undefined
    ? { 'cni.projectcalico.org/podIP': '', 'cni.projectcalico.org/podIPs': '' }
    : { 'cni.projectcalico.org/containerID': sandbox.id, 'cni.projectcalico.org/podIP': singleAddress(ips[0]!), 'cni.projectcalico.org/podIPs': ips.map(singleAddress).join(',') }
  const { podName, podNamespace } = sandbox
  const uid = apiUid(findObject<Pod>(context.client, 'pods', podNamespace, podName), sandbox)
  context.client.patch('pods', podNamespace, podName, 'application/strategic-merge-patch+json', { metadata: { uid, annotations } }, { subresource: 'status', fieldManager: 'calico' })
}

/** The uid of the Pod as the API has it, where the plugin read it: a static Pod's mirror has another one than the kubelet's. */
function apiUid(pod: Pod | undefined, { podUid }: Sandbox): string {
  return pod?.metadata.annotations?.['kubernetes.io/config.mirror'] === podUid ? pod.metadata.uid : podUid
}

export const calicoPlugin: CniPlugin = {
  name: 'calico',
  agentProgram: 'calico-start-runit',
  tools: { '/usr/local/bin/calicoctl': 'calicoctl' },

  manifests(config: ClusterConfig): object[] {
    return calicoManifests(config)
  },

  /** Its agents run in the calico-node Pods, whose program starts them. */
  startAgent(): Agent {
    return { stop: () => undefined }
  },

  status(context: NodeContext): string | undefined {
    return context.machine.fs.exists(CALICO_CONFLIST) ? undefined : 'cni plugin not initialized'
  },

  add(context: NodeContext, sandbox: Sandbox): CniResult {
    if (!context.machine.fs.exists(CALICO_CONFLIST)) throw new Error('cni plugin not initialized')
    const failed = (reason: string): Error => new Error(`plugin type="calico" failed (add): ${reason}`)
    if (!context.machine.fs.exists(NODENAME_FILE)) {
      throw failed(`stat ${NODENAME_FILE}: no such file or directory: check that the calico/node container is running and has mounted /var/lib/calico/`)
    }
    try {
      const attributes = { namespace: sandbox.podNamespace, pod: sandbox.podName, timestamp: goTime(context.clock.wall()) }
      const ipam = new Ipam(context.client)
      const ips = context.config.ipFamilies.map((family) => {
        const version = family === 'IPv4' ? 4 : 6
        const { exact, pools } = wishOf(context.client, sandbox, context.name, version)
        const assignment = { node: context.name, handle: handleOf(sandbox), attributes, use: 'Workload', version, pools } as const
        return exact === undefined ? ipam.assign(assignment) : ipam.assignExact(exact, assignment)
      })
      const hostInterface = wire(context, sandbox, ips)
      annotate(context, sandbox, ips)
      return { ips, interface: POD_INTERFACE, hostInterface }
    } catch (error) {
      throw failed((error as Error).message)
    }
  },

  remove(context: NodeContext, sandbox: Sandbox): void {
    const { client, network } = context
    const hostInterface = workloadInterface(sandbox.podNamespace, sandbox.podName)
    if (sandbox.network.links.has(POD_INTERFACE)) sandbox.network.removeLink(POD_INTERFACE)
    else if (network.links.has(hostInterface) && !network.links.get(hostInterface)!.peer) network.removeLink(hostInterface)
    try {
      new Ipam(client).release(handleOf(sandbox))
      // a Pod that is there still is shown without its address; one of the same name that came after it is another's
      const pod = findObject<Pod>(client, 'pods', sandbox.podNamespace, sandbox.podName)
      if (pod?.metadata.uid === apiUid(pod, sandbox) && pod.metadata.annotations?.['cni.projectcalico.org/containerID'] === sandbox.id) annotate(context, sandbox, undefined)
    } catch {
      // The API server cannot be reached: kube-controllers frees what is left.
    }
  },
}

/** Go's time.Time as Calico prints it: "2026-01-05 08:00:00.5 +0000 UTC". */
function goTime(wall: number): string {
  const [date, time] = new Date(wall).toISOString().split('T') as [string, string]
  const fraction = time.slice(8, 12).replace(/\.?0+$/, '')
  return `${date} ${time.slice(0, 8)}${fraction} +0000 UTC`
}
