import type { Clock } from '../clock.ts'
import type { ClusterConfig } from '../config.ts'
import type { KubernetesClient } from '../kubernetes/client.ts'
import type { Machine } from '../machine/types.ts'
import type { OvsInternal } from '../network/ovs-internal.ts'
import type { Nic, Switch } from '../network/switch.ts'
import type { Bridge, GeneveLink, Ip, IpipLink, Link, Mac, NetworkNamespace, VxlanLink, WireguardLink } from '../network/types.ts'

/** Contract of network plugins, after the Container Network Interface specification 1.0. */

/** What makes links; network/fabric.ts is the one that does. */
export interface LinkFactory {
  /** The address that the next link would get: for one that is made later. */
  randomMac(): Mac
  createBridge(network: NetworkNamespace, name: string, options?: { mac?: Mac; mtu?: number }): Bridge
  createVeth(
    a: { network: NetworkNamespace; name: string; mac?: Mac; mtu?: number },
    b: { network: NetworkNamespace; name: string; mac?: Mac; mtu?: number },
  ): [Link, Link]
  createVxlan(
    network: NetworkNamespace,
    name: string,
    options: { vni: number; port: number; local: Ip; underlay: string; mac?: Mac; mtu?: number; learning?: boolean; external?: boolean },
  ): VxlanLink
  /** Another network card, on the wire between the nodes. */
  createNic(network: NetworkNamespace, name: string, plugInto: Switch): Nic
  createDummy(network: NetworkNamespace, name: string, options?: { mac?: Mac; mtu?: number }): Link
  /** One end of a Geneve tunnel; `external`: programs name the other ends (PacketMeta.tunnel). */
  createGeneve(network: NetworkNamespace, name: string, options: { vni?: number; remote?: Ip; port?: number; external?: boolean; mac?: Mac; mtu?: number }): GeneveLink
  /** An Open vSwitch bridge's internal port. */
  createOvsInternal(network: NetworkNamespace, name: string, options?: { mac?: Mac; mtu?: number }): OvsInternal
  createWireguard(network: NetworkNamespace, name: string, options?: { publicKey?: string; privateKey?: string; listenPort?: number; fwmark?: number; mtu?: number }): WireguardLink
  /** `fallback`: tunl0. Without `remote` the gateway of a route is the other end. */
  createIpip(
    network: NetworkNamespace,
    name: string,
    options?: { local?: Ip; remote?: Ip; ttl?: number; pmtudisc?: boolean; underlay?: string; fallback?: boolean; mtu?: number },
  ): IpipLink
}

/** What an agent on a node works with. */
export interface NodeContext {
  /** The Node object's name. */
  readonly name: string
  readonly machine: Machine
  /** The node's own network namespace. */
  readonly network: NetworkNamespace
  readonly clock: Clock
  readonly client: KubernetesClient
  readonly config: ClusterConfig
  readonly fabric: LinkFactory
}

/** Something that watches and writes on a node. Stopping it leaves what it wrote. */
export interface Agent {
  stop(): void
}

/** The pause container's side of CNI ADD and DEL. */
export interface Sandbox {
  /** 64 hex digits: CNI_CONTAINERID. */
  readonly id: string
  readonly network: NetworkNamespace
  readonly podNamespace: string
  readonly podName: string
  readonly podUid: string
}

export interface CniResult {
  /** The Pod's addresses, one a family, in the cluster's order. */
  ips: Ip[]
  /** The Pod's interface: "eth0". */
  interface: string
  /** The node's end of the veth pair. */
  hostInterface: string
}

export interface CniPlan {
  ips: Ip[]
  wire(network: NetworkNamespace): void
}

export interface CniPlugin {
  readonly name: ClusterConfig['cni']
  /** Objects applied when the cluster is born (Namespace, ConfigMap, DaemonSet of the plugin's Pods); may be empty. */
  manifests(config: ClusterConfig): object[]
  /**
   * Who runs {@link startAgent}: the plugin's DaemonSet Pods through the named program of the program table, or
   * (undefined) whoever assembles the node, as kubenet was a part of the kubelet and of the cloud's routes.
   */
  readonly agentProgram: string | undefined
  /** The plugin's own command, where an administrator would have put it: on the nodes and on the laptop. Path → program. */
  readonly tools?: Readonly<Record<string, string>>
  startAgent(context: NodeContext, log?: (line: string) => void): Agent
  /**
   * Why the node's network is not ready, as in the Node's Ready condition ("cni plugin not initialized"), or
   * undefined: containerd reads it from /etc/cni/net.d.
   */
  status(context: NodeContext): string | undefined
  /**
   * CNI ADD. Throws an Error whose message is what containerd reports after "failed to setup network for sandbox
   * <id>: " (for example: plugin type="flannel" failed (add): …).
   */
  add(context: NodeContext, sandbox: Sandbox): CniResult
  /**
   * CNI ADD in two parts, for Pods that nobody looks at yet: the addresses are given now, `wire` makes the links later, as
   * they would be. Undefined when this cannot be, now or ever: then {@link add} is called. Throws as it does.
   */
  plan?(context: NodeContext, sandbox: Pick<Sandbox, 'id'>): CniPlan | undefined
  /** CNI DEL: frees the addresses and removes the links; says nothing when there is nothing. */
  remove(context: NodeContext, sandbox: Sandbox): void
}
