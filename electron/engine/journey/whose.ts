import type { Journey } from './types.ts'

/** The program of connections that the checks of a lab make themselves. */
export const CHECKER = 'lab-check'

/** Programs of the cluster itself, and of its labs: what they send is no doing of the student's. */
const BACKGROUND = new Set([
  'kubelet', 'kubectl', 'coredns', 'kube-proxy', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd',
  'flanneld', 'kube-router', 'weaver', 'bird', 'felix', 'confd', 'typha', 'calico-node', 'calico-kube-controllers', 'cilium-agent', 'cilium-operator', 'cilium-health', 'cilium-health-responder',
  'antrea-agent', 'antrea-controller', 'ovs-vswitchd', 'ovsdb-server', 'nginx-agent', 'gateway',
  CHECKER,
])

export function isBackground({ program }: Journey): boolean {
  return program === undefined || BACKGROUND.has(program)
}
