import { stringify } from 'yaml'
import type { ClusterConfig, NodeConfig } from '../config.ts'
import { joinHostPort } from '../network/address.ts'
import type { PartName } from '../programs/types.ts'

/**
 * The static Pods that kubeadm v1.33 writes to /etc/kubernetes/manifests of a control-plane node
 * (cmd/kubeadm/app/phases/controlplane/manifests.go and volumes.go, phases/etcd/local.go, util/staticpod/utils.go).
 */
const VERSION = 'v1.33.1'
const ETCD = '3.5.21-0'
const KUBERNETES = '/etc/kubernetes'
const PKI = `${KUBERNETES}/pki`
/** How long a dead node passes for a living one here: kube-controller-manager's own default is 50s since v1.32. */
export const NODE_MONITOR_GRACE = '40s'

type Flags = Record<string, string | number>
interface Mount { name: string; path: string; type: 'DirectoryOrCreate' | 'FileOrCreate'; writable?: boolean }
interface Endpoint { host: string; port: number; scheme: 'HTTP' | 'HTTPS'; live: string; ready?: string; startup: string }
interface StaticPod { name: PartName; image: string; flags: Flags; requests: Record<string, string>; annotation?: string; probes: Endpoint; mounts: Mount[] }

export interface StaticPodFiles {
  /** File name → YAML. */
  files: Record<string, string>
  images: string[]
}

/** What Debian's ca-certificates has on a machine, in the order of the volumes' names, around those of the part itself. */
function withCertificates(...own: Mount[]): Mount[] {
  const system = { 'ca-certs': '/etc/ssl/certs', 'etc-ca-certificates': '/etc/ca-certificates', 'usr-local-share-ca-certificates': '/usr/local/share/ca-certificates', 'usr-share-ca-certificates': '/usr/share/ca-certificates' }
  const all = [...own, ...Object.entries(system).map(([name, path]): Mount => ({ name, path, type: 'DirectoryOrCreate' })), { name: 'k8s-certs', path: PKI, type: 'DirectoryOrCreate' } as const]
  return all.sort((a, b) => (a.name < b.name ? -1 : 1))
}

function etcd({ name, ip }: NodeConfig): StaticPod {
  const client = `https://${joinHostPort(ip, 2379)}`
  const peer = `https://${joinHostPort(ip, 2380)}`
  const local = localhost(ip)
  return {
    name: 'etcd',
    image: `registry.k8s.io/etcd:${ETCD}`,
    annotation: `kubeadm.kubernetes.io/etcd.advertise-client-urls: ${client}`,
    requests: { cpu: '100m', memory: '100Mi' },
    flags: {
      'advertise-client-urls': client, 'cert-file': `${PKI}/etcd/server.crt`, 'client-cert-auth': 'true', 'data-dir': '/var/lib/etcd', 'experimental-initial-corrupt-check': 'true',
      'experimental-watch-progress-notify-interval': '5s', 'initial-advertise-peer-urls': peer, 'initial-cluster': `${name}=${peer}`, 'key-file': `${PKI}/etcd/server.key`,
      'listen-client-urls': `https://${joinHostPort(local, 2379)},${client}`, 'listen-metrics-urls': `http://${joinHostPort(local, 2381)}`, 'listen-peer-urls': peer, name,
      'peer-cert-file': `${PKI}/etcd/peer.crt`, 'peer-client-cert-auth': 'true', 'peer-key-file': `${PKI}/etcd/peer.key`, 'peer-trusted-ca-file': `${PKI}/etcd/ca.crt`,
      'snapshot-count': 10_000, 'trusted-ca-file': `${PKI}/etcd/ca.crt`,
    },
    probes: { host: local, port: 2381, scheme: 'HTTP', live: '/livez', ready: '/readyz', startup: '/readyz' },
    mounts: [{ name: 'etcd-data', path: '/var/lib/etcd', type: 'DirectoryOrCreate', writable: true }, { name: 'etcd-certs', path: `${PKI}/etcd`, type: 'DirectoryOrCreate', writable: true }],
  }
}

function apiServer({ serviceCIDR, nodePortRange: { from, to } }: ClusterConfig, { ip }: NodeConfig): StaticPod {
  return {
    name: 'kube-apiserver',
    image: `registry.k8s.io/kube-apiserver:${VERSION}`,
    annotation: `kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint: ${joinHostPort(ip, 6443)}`,
    requests: { cpu: '250m' },
    flags: {
      'advertise-address': ip, 'allow-privileged': 'true', 'authorization-mode': 'Node,RBAC', 'client-ca-file': `${PKI}/ca.crt`, 'enable-admission-plugins': 'NodeRestriction',
      'enable-bootstrap-token-auth': 'true', 'etcd-cafile': `${PKI}/etcd/ca.crt`, 'etcd-certfile': `${PKI}/apiserver-etcd-client.crt`, 'etcd-keyfile': `${PKI}/apiserver-etcd-client.key`,
      'etcd-servers': `https://${joinHostPort(localhost(ip), 2379)}`, 'kubelet-client-certificate': `${PKI}/apiserver-kubelet-client.crt`, 'kubelet-client-key': `${PKI}/apiserver-kubelet-client.key`,
      'kubelet-preferred-address-types': 'InternalIP,ExternalIP,Hostname', 'proxy-client-cert-file': `${PKI}/front-proxy-client.crt`, 'proxy-client-key-file': `${PKI}/front-proxy-client.key`,
      'requestheader-allowed-names': 'front-proxy-client', 'requestheader-client-ca-file': `${PKI}/front-proxy-ca.crt`, 'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
      'requestheader-group-headers': 'X-Remote-Group', 'requestheader-username-headers': 'X-Remote-User', 'secure-port': 6443, 'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
      'service-account-key-file': `${PKI}/sa.pub`, 'service-account-signing-key-file': `${PKI}/sa.key`, 'service-cluster-ip-range': serviceCIDR.join(','),
      ...(from === 30_000 && to === 32_767 ? {} : { 'service-node-port-range': `${from}-${to}` }),
      'tls-cert-file': `${PKI}/apiserver.crt`, 'tls-private-key-file': `${PKI}/apiserver.key`,
    },
    probes: { host: ip, port: 6443, scheme: 'HTTPS', live: '/livez', ready: '/readyz', startup: '/livez' },
    mounts: withCertificates(),
  }
}

function controllerManager({ podCIDR, serviceCIDR }: ClusterConfig, { ip }: NodeConfig): StaticPod {
  const kubeconfig = `${KUBERNETES}/controller-manager.conf`
  return {
    name: 'kube-controller-manager',
    image: `registry.k8s.io/kube-controller-manager:${VERSION}`,
    requests: { cpu: '200m' },
    flags: {
      ...(podCIDR.length > 0 ? { 'allocate-node-cidrs': 'true' } : {}),
      'authentication-kubeconfig': kubeconfig, 'authorization-kubeconfig': kubeconfig, 'bind-address': localhost(ip), 'client-ca-file': `${PKI}/ca.crt`,
      ...(podCIDR.length > 0 ? { 'cluster-cidr': podCIDR.join(',') } : {}),
      'cluster-name': 'kubernetes', 'cluster-signing-cert-file': `${PKI}/ca.crt`, 'cluster-signing-key-file': `${PKI}/ca.key`, controllers: '*,bootstrapsigner,tokencleaner',
      kubeconfig, 'leader-elect': 'true', 'node-monitor-grace-period': NODE_MONITOR_GRACE, 'requestheader-client-ca-file': `${PKI}/front-proxy-ca.crt`, 'root-ca-file': `${PKI}/ca.crt`,
      'service-account-private-key-file': `${PKI}/sa.key`,
      ...(podCIDR.length > 0 ? { 'service-cluster-ip-range': serviceCIDR.join(',') } : {}),
      'use-service-account-credentials': 'true',
    },
    probes: { host: localhost(ip), port: 10_257, scheme: 'HTTPS', live: '/healthz', startup: '/healthz' },
    mounts: withCertificates({ name: 'flexvolume-dir', path: '/usr/libexec/kubernetes/kubelet-plugins/volume/exec', type: 'DirectoryOrCreate', writable: true }, { name: 'kubeconfig', path: kubeconfig, type: 'FileOrCreate' }),
  }
}

function scheduler({ ip }: NodeConfig): StaticPod {
  const kubeconfig = `${KUBERNETES}/scheduler.conf`
  return {
    name: 'kube-scheduler',
    image: `registry.k8s.io/kube-scheduler:${VERSION}`,
    requests: { cpu: '100m' },
    flags: { 'authentication-kubeconfig': kubeconfig, 'authorization-kubeconfig': kubeconfig, 'bind-address': localhost(ip), kubeconfig, 'leader-elect': 'true' },
    probes: { host: localhost(ip), port: 10_259, scheme: 'HTTPS', live: '/livez', ready: '/readyz', startup: '/livez' },
    mounts: [{ name: 'kubeconfig', path: kubeconfig, type: 'FileOrCreate' }],
  }
}

/** Of the family of the address that is advertised. */
function localhost(ip: string): string {
  return ip.includes(':') ? '::1' : '127.0.0.1'
}

function podsOf(config: ClusterConfig, node: NodeConfig): StaticPod[] {
  return [etcd(node), apiServer(config, node), controllerManager(config, node), scheduler(node)]
}

function commandOf({ name, flags }: StaticPod): string[] {
  return [name, ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)]
}

/** The command lines, by program. */
export function commandsOf(config: ClusterConfig, node: NodeConfig): Record<PartName, readonly string[]> {
  const commands: Partial<Record<PartName, readonly string[]>> = {}
  for (const pod of podsOf(config, node)) commands[pod.name] = commandOf(pod)
  return commands as Record<PartName, readonly string[]>
}

export function staticPods(config: ClusterConfig, node: NodeConfig): StaticPodFiles {
  const pods = podsOf(config, node)
  return { files: Object.fromEntries(pods.map((pod) => [`${pod.name}.yaml`, stringify(manifestOf(pod), { lineWidth: 0, indentSeq: false })])), images: pods.map((p) => p.image) }
}

/** In the order of the fields that sigs.k8s.io/yaml gives them: by name. */
function manifestOf(pod: StaticPod): object {
  const { name, image, requests, annotation, mounts, probes } = pod
  const [key = '', value = ''] = annotation?.split(': ') ?? []
  const { startup, ready, live } = probes
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...(annotation ? { annotations: { [key]: value } } : {}), creationTimestamp: null, labels: { component: name, tier: 'control-plane' }, name, namespace: 'kube-system' },
    spec: {
      containers: [{
        command: commandOf(pod),
        image,
        imagePullPolicy: 'IfNotPresent',
        livenessProbe: probe(probes, live, { failureThreshold: 8, initialDelaySeconds: 10, periodSeconds: 10 }),
        name,
        ...(ready ? { readinessProbe: probe(probes, ready, { failureThreshold: 3, periodSeconds: 1 }) } : {}),
        resources: { requests },
        // four minutes: the default of timeouts.controlPlaneComponentHealthCheck
        startupProbe: probe(probes, startup, { failureThreshold: 24, initialDelaySeconds: 10, periodSeconds: 10 }),
        volumeMounts: mounts.map(({ name: volume, path, writable }) => ({ mountPath: path, name: volume, ...(writable ? {} : { readOnly: true }) })),
      }],
      hostNetwork: true,
      priority: 2000001000,
      priorityClassName: 'system-node-critical',
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      volumes: [...mounts].sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ name: volume, path, type }) => ({ hostPath: { path, type }, name: volume })),
    },
    status: {},
  }
}

function probe({ host, port, scheme }: Endpoint, path: string, times: { failureThreshold: number; initialDelaySeconds?: number; periodSeconds: number }): object {
  const { failureThreshold, ...delays } = times
  return { failureThreshold, httpGet: { host, path, port, scheme }, ...delays, timeoutSeconds: 15 }
}
