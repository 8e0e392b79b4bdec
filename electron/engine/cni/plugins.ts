import type { ClusterConfig } from '../config.ts'
import { antreaPlugin } from './antrea/antrea.ts'
import { awsVpcPlugin } from './aws-vpc/aws-vpc.ts'
import { bridgePlugin } from './bridge.ts'
import { calicoPlugin } from './calico/calico.ts'
import { ciliumPlugin } from './cilium/cilium.ts'
import { flannelPlugin } from './flannel.ts'
import { kubeRouterPlugin } from './kube-router/kube-router.ts'
import type { CniPlugin } from './types.ts'
import { weavePlugin } from './weave/weave.ts'

/** The plugins that exist so far; undefined for one that is not simulated yet. */
export function findCniPlugin(name: ClusterConfig['cni']): CniPlugin | undefined {
  return [antreaPlugin, awsVpcPlugin, bridgePlugin, calicoPlugin, ciliumPlugin, flannelPlugin, kubeRouterPlugin, weavePlugin].find((plugin) => plugin.name === name)
}
