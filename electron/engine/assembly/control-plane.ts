import type { ClusterConfig, NodeConfig } from '../config.ts'

/** The static Pods that kubeadm v1.33 writes to /etc/kubernetes/manifests of a control-plane node. */
const VERSION = 'v1.33.1'
const ETCD = '3.5.21-0'

interface StaticPod { name: string; image: string; command: string[]; cpu: string; memory?: string }

export interface StaticPodManifest { metadata: object; spec: { containers: { image: string }[] } }

export function staticPods(config: ClusterConfig, node: NodeConfig): StaticPodManifest[] {
  const pods: StaticPod[] = [
    { name: 'etcd', image: `registry.k8s.io/etcd:${ETCD}`, cpu: '100m', memory: '100Mi', command: ['etcd', `--advertise-client-urls=https://${node.ip}:2379`, '--data-dir=/var/lib/etcd', `--listen-client-urls=https://127.0.0.1:2379,https://${node.ip}:2379`, `--name=${node.name}`] },
    { name: 'kube-apiserver', image: `registry.k8s.io/kube-apiserver:${VERSION}`, cpu: '250m', command: ['kube-apiserver', `--advertise-address=${node.ip}`, '--authorization-mode=Node,RBAC', '--secure-port=6443', `--service-cluster-ip-range=${config.serviceCIDR.join(',')}`, `--service-node-port-range=${config.nodePortRange.from}-${config.nodePortRange.to}`] },
    { name: 'kube-controller-manager', image: `registry.k8s.io/kube-controller-manager:${VERSION}`, cpu: '200m', command: ['kube-controller-manager', '--allocate-node-cidrs=true', `--cluster-cidr=${config.podCIDR.join(',')}`, `--service-cluster-ip-range=${config.serviceCIDR.join(',')}`, '--use-service-account-credentials=true'] },
    { name: 'kube-scheduler', image: `registry.k8s.io/kube-scheduler:${VERSION}`, cpu: '100m', command: ['kube-scheduler', '--kubeconfig=/etc/kubernetes/scheduler.conf', '--leader-elect=true'] },
  ]
  return pods.map(({ name, image, command, cpu, memory }) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'kube-system', labels: { component: name, tier: 'control-plane' } },
    spec: {
      containers: [{ name, image, imagePullPolicy: 'IfNotPresent', command, resources: { requests: { cpu, ...(memory ? { memory } : {}) } } }],
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
      priority: 2000001000,
    },
  }))
}
