import { stringify } from 'yaml'
import type { ClusterConfig, NodeConfig } from '../config.ts'
import { joinHostPort } from '../network/address.ts'
import type { PartName } from '../programs/types.ts'

/** The static Pods that kubeadm v1.33 writes to /etc/kubernetes/manifests of a control-plane node. */
const VERSION = 'v1.33.1'
const ETCD = '3.5.21-0'

interface StaticPod { name: PartName; image: string; command: string[]; cpu: string; memory?: string }

export interface StaticPodFiles {
  /** File name → YAML. */
  files: Record<string, string>
  images: string[]
}

function podsOf(config: ClusterConfig, node: NodeConfig): StaticPod[] {
  return [
    { name: 'etcd', image: `registry.k8s.io/etcd:${ETCD}`, cpu: '100m', memory: '100Mi', command: ['etcd', `--advertise-client-urls=https://${joinHostPort(node.ip, 2379)}`, '--data-dir=/var/lib/etcd', `--listen-client-urls=https://127.0.0.1:2379,https://${joinHostPort(node.ip, 2379)}`, `--name=${node.name}`] },
    { name: 'kube-apiserver', image: `registry.k8s.io/kube-apiserver:${VERSION}`, cpu: '250m', command: ['kube-apiserver', `--advertise-address=${node.ip}`, '--authorization-mode=Node,RBAC', '--secure-port=6443', `--service-cluster-ip-range=${config.serviceCIDR.join(',')}`, `--service-node-port-range=${config.nodePortRange.from}-${config.nodePortRange.to}`] },
    { name: 'kube-controller-manager', image: `registry.k8s.io/kube-controller-manager:${VERSION}`, cpu: '200m', command: ['kube-controller-manager', ...(config.podCIDR.length > 0 ? ['--allocate-node-cidrs=true', `--cluster-cidr=${config.podCIDR.join(',')}`] : ['--allocate-node-cidrs=false']), '--kubeconfig=/etc/kubernetes/controller-manager.conf', '--leader-elect=true', '--node-monitor-grace-period=40s', `--service-cluster-ip-range=${config.serviceCIDR.join(',')}`, '--use-service-account-credentials=true'] },
    { name: 'kube-scheduler', image: `registry.k8s.io/kube-scheduler:${VERSION}`, cpu: '100m', command: ['kube-scheduler', '--kubeconfig=/etc/kubernetes/scheduler.conf', '--leader-elect=true'] },
  ]
}

/** The command lines, by program. */
export function commandsOf(config: ClusterConfig, node: NodeConfig): Record<PartName, readonly string[]> {
  const commands: Partial<Record<PartName, readonly string[]>> = {}
  for (const { name, command } of podsOf(config, node)) commands[name] = command
  return commands as Record<PartName, readonly string[]>
}

export function staticPods(config: ClusterConfig, node: NodeConfig): StaticPodFiles {
  const pods = podsOf(config, node)
  const files: Record<string, string> = {}
  for (const { name, image, command, cpu, memory } of pods) {
    files[`${name}.yaml`] = stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { labels: { component: name, tier: 'control-plane' }, name, namespace: 'kube-system' },
      spec: {
        containers: [{ command, image, imagePullPolicy: 'IfNotPresent', name, resources: { requests: { cpu, ...(memory ? { memory } : {}) } } }],
        hostNetwork: true,
        priority: 2000001000,
        priorityClassName: 'system-node-critical',
        securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      },
    })
  }
  return { files, images: pods.map((p) => p.image) }
}
