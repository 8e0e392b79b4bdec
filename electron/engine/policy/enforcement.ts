import type { ClusterConfig } from '../config.ts'
import type { DecideOptions } from './decide.ts'

/** How the plugins treat NetworkPolicies as they come; undefined: not at all, without a word, as these do in life. */
const ENFORCEMENT: Readonly<Record<ClusterConfig['cni'], DecideOptions | undefined>> = {
  bridge: undefined,
  flannel: undefined,
  calico: {},
  // Pods and nodes are known by their identities there, and an ipBlock means what has none.
  cilium: { cidrMatchesPods: false, cidrMatchesNodes: false },
  // Release 2.8.1 is older than endPort, and never knew named ports.
  weave: { namedPorts: false, endPorts: false },
  'kube-router': { sharedChain: true },
  antrea: {},
  'aws-vpc': { namedPortsAnywhere: false },
}

export function policyEnforcement(plugin: ClusterConfig['cni']): DecideOptions | undefined {
  return ENFORCEMENT[plugin]
}
