import type { ClusterConfig } from '../../config.ts'
import type { Pod } from '../../kubernetes/types.ts'
import type { Agent, CniPlugin, CniResult, NodeContext, Sandbox } from '../types.ts'
import { findObject } from './datastore.ts'
import { Ipam } from './ipam.ts'
import { calicoManifests } from './manifests.ts'
import { CALICO_CONFLIST, GATEWAY, NODENAME_FILE, workloadInterface } from './names.ts'

/**
 * The calico CNI plugin (cni-plugin/pkg/plugin, pkg/dataplane/linux): a veth pair without a bridge. The Pod has a /32 and sends all to
 * 169.254.1.1, for which the node answers (proxy ARP); the node has a route to each of its Pods.
 */
const POD_INTERFACE = 'eth0'
const HOST_MAC = 'ee:ee:ee:ee:ee:ee'
export const MTU_FILE = '/var/lib/calico/mtu'

function handleOf(sandbox: Sandbox): string {
  return `k8s-pod-network.${sandbox.id}`
}

function wire(context: NodeContext, sandbox: Sandbox, ip: string): string {
  const { network, fabric, machine } = context
  const hostInterface = workloadInterface(sandbox.podNamespace, sandbox.podName)
  // what a Pod of the same name left behind
  if (network.links.has(hostInterface)) network.removeLink(hostInterface)
  const mtu = machine.fs.exists(MTU_FILE) ? Number(machine.fs.readText(MTU_FILE)) : 1500
  fabric.createVeth({ network: sandbox.network, name: POD_INTERFACE, mtu }, { network, name: hostInterface, mac: HOST_MAC, mtu })
  const conf = `net.ipv4.conf.${hostInterface}`
  for (const name of ['route_localnet', 'proxy_arp', 'forwarding']) network.setSysctl(`${conf}.${name}`, '1')
  network.setUp(hostInterface, true)
  sandbox.network.setUp(POD_INTERFACE, true)
  sandbox.network.routes.add({ destination: `${GATEWAY}/32`, device: POD_INTERFACE, scope: 'link' })
  sandbox.network.routes.add({ destination: '0.0.0.0/0', via: GATEWAY, device: POD_INTERFACE })
  sandbox.network.addAddress(POD_INTERFACE, `${ip}/32`)
  network.routes.add({ destination: `${ip}/32`, device: hostInterface, scope: 'link' }, { replace: true })
  return hostInterface
}

/** So Felix learns of the address before the kubelet has told it (the plugin writes the WorkloadEndpoint, which is the Pod). */
function annotate(context: NodeContext, sandbox: Sandbox, ip: string | undefined): void {
  const annotations = ip === undefined
    ? { 'cni.projectcalico.org/podIP': '', 'cni.projectcalico.org/podIPs': '' }
    : { 'cni.projectcalico.org/containerID': sandbox.id, 'cni.projectcalico.org/podIP': `${ip}/32`, 'cni.projectcalico.org/podIPs': `${ip}/32` }
  const { podName, podNamespace, podUid } = sandbox
  context.client.patch('pods', podNamespace, podName, 'application/strategic-merge-patch+json', { metadata: { uid: podUid, annotations } }, { subresource: 'status', fieldManager: 'calico' })
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
      const ip = new Ipam(context.client).assign({ node: context.name, handle: handleOf(sandbox), attributes, use: 'Workload' })
      const hostInterface = wire(context, sandbox, ip)
      annotate(context, sandbox, ip)
      return { ips: [ip], interface: POD_INTERFACE, hostInterface }
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
      if (pod?.metadata.uid === sandbox.podUid && pod.metadata.annotations?.['cni.projectcalico.org/containerID'] === sandbox.id) annotate(context, sandbox, undefined)
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
