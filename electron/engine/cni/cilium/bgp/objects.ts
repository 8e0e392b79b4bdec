import type { KubeObject, LabelSelector } from '../../../kubernetes/types.ts'
import type { Ip } from '../../../network/types.ts'

/** The resources of Cilium's BGP control plane (pkg/k8s/apis/cilium.io/v2alpha1/bgp_*_types.go of cilium/cilium v1.17). */
export const BGP_CLUSTER_CONFIGS = 'ciliumbgpclusterconfigs.cilium.io'
export const BGP_PEER_CONFIGS = 'ciliumbgppeerconfigs.cilium.io'
export const BGP_ADVERTISEMENTS = 'ciliumbgpadvertisements.cilium.io'
export const BGP_NODE_CONFIGS = 'ciliumbgpnodeconfigs.cilium.io'
export const BGP_OVERRIDES = 'ciliumbgpnodeconfigoverrides.cilium.io'

export interface PeerReference { group?: string; kind?: string; name: string }
export interface BgpPeerSpec { name: string; peerAddress?: Ip; peerASN?: number; peerConfigRef?: PeerReference }
export interface BgpInstance { name: string; localASN?: number; peers?: BgpPeerSpec[] }
export interface Condition { type: string; status: string; reason: string; message: string; lastTransitionTime?: string; observedGeneration?: number }

export interface BgpClusterConfig extends KubeObject { spec: { nodeSelector?: LabelSelector; bgpInstances: BgpInstance[] }; status?: { conditions?: Condition[] } }

export interface BgpOverride extends KubeObject {
  spec: { bgpInstances: { name: string; routerID?: Ip; localASN?: number; peers?: { name: string; localAddress?: Ip }[] }[] }
}

export interface NodePeer extends BgpPeerSpec { localAddress?: Ip }
export interface NodeInstance { name: string; localASN?: number; routerID?: Ip; peers?: NodePeer[] }
export interface BgpNodeConfig extends KubeObject { spec: { bgpInstances: NodeInstance[] }; status?: object }

export interface BgpPeerConfig extends KubeObject {
  spec: {
    transport?: { peerPort?: number }
    /** Seconds. */
    timers?: { connectRetryTimeSeconds?: number; holdTimeSeconds?: number; keepAliveTimeSeconds?: number }
    gracefulRestart?: { enabled: boolean; restartTimeSeconds?: number }
    ebgpMultihop?: number
    families?: { afi: 'ipv4' | 'ipv6'; safi: string; advertisements?: LabelSelector }[]
  }
  status?: { conditions?: Condition[] }
}

export interface BgpAdvertisementEntry {
  advertisementType: 'PodCIDR' | 'Service'
  service?: { addresses: ('LoadBalancerIP' | 'ClusterIP' | 'ExternalIP')[]; aggregationLengthIPv4?: number; aggregationLengthIPv6?: number }
  selector?: LabelSelector
  attributes?: { communities?: { standard?: string[]; wellKnown?: string[] }; localPreference?: number }
}
export interface BgpAdvertisement extends KubeObject { spec: { advertisements: BgpAdvertisementEntry[] } }

/** Defaults of v2alpha1, seconds. */
export const DEFAULTS = { connectRetry: 120, hold: 90, keepAlive: 30, restart: 120, port: 179 } as const
