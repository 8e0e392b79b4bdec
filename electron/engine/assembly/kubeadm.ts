import type { Clock } from '../clock.ts'
import type { ClusterConfig, NodeConfig } from '../config.ts'
import { encodeBase64 } from '../kubernetes/base64.ts'
import { CLUSTER_CA, FRONT_PROXY_CA } from '../kubernetes/cluster-ca.ts'
import type { Draft } from '../kubernetes/rbac/default-objects.ts'
import { joinHostPort } from '../network/address.ts'
import { kubeletConfig } from '../node/files.ts'
import { encodeUtf8 } from '../text.ts'
import { NODE_MONITOR_GRACE } from './control-plane.ts'
import { apiServerIdentity, apiServerLease } from './api-server-lease.ts'

/**
 * What lies in a cluster besides its roles and Pods once `kubeadm init` v1.33 is done: the configurations it was made
 * from (cmd/kubeadm/app/phases/uploadconfig, kubelet, bootstraptoken/clusterinfo), what the API server publishes of its
 * authorities (pkg/controlplane/controller/clusterauthenticationtrust), and the accounts that the controller manager
 * makes for its controllers (--use-service-account-credentials).
 */
const CONTROLLERS = `attachdetach-controller bootstrap-signer certificate-controller clusterrole-aggregation-controller cronjob-controller
  daemon-set-controller deployment-controller disruption-controller endpoint-controller endpointslice-controller
  endpointslicemirroring-controller ephemeral-volume-controller expand-controller generic-garbage-collector horizontal-pod-autoscaler
  job-controller legacy-service-account-token-cleaner namespace-controller node-controller persistent-volume-binder pod-garbage-collector
  pv-protection-controller pvc-protection-controller replicaset-controller replication-controller resourcequota-controller
  root-ca-cert-publisher service-account-controller service-cidrs-controller statefulset-controller token-cleaner
  ttl-after-finished-controller ttl-controller validatingadmissionpolicy-status-controller`.split(/\s+/)

/** Resource → objects, at the clock's birth. */
export function kubeadmObjects(clock: Clock, config: ClusterConfig, controlPlane: NodeConfig): Record<string, Draft[]> {
  return {
    leases: [apiServerLease(controlPlane.name, clock.wall(), apiServerIdentity(clock, 0))],
    configmaps: [
      configMap('kube-public', 'cluster-info', { kubeconfig: clusterInfo(controlPlane.ip) }),
      publishedAuthorities(),
      configMap('kube-system', 'kubeadm-config', { ClusterConfiguration: clusterConfiguration(config) }),
      configMap('kube-system', 'kubelet-config', { kubelet: kubeletConfig(config) }),
    ],
    serviceaccounts: CONTROLLERS.map((name) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'kube-system' } })),
  }
}

/** What the API server publishes of its authorities. */
export function publishedAuthorities(): Draft {
  return configMap('kube-system', 'extension-apiserver-authentication', AUTHORITIES)
}

function configMap(namespace: string, name: string, data: Record<string, string>): Draft {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data } as Draft
}

const AUTHORITIES = {
  'client-ca-file': CLUSTER_CA,
  'requestheader-allowed-names': '["front-proxy-client"]',
  'requestheader-client-ca-file': FRONT_PROXY_CA,
  'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
  'requestheader-group-headers': '["X-Remote-Group"]',
  'requestheader-username-headers': '["X-Remote-User"]',
}

/** As it is once the bootstrap token has gone: nothing signs it any more. */
function clusterInfo(ip: string): string {
  return `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${encodeBase64(encodeUtf8(CLUSTER_CA))}
    server: https://${joinHostPort(ip, 6443)}
  name: ""
contexts: null
current-context: ""
kind: Config
preferences: {}
users: null
`
}

function clusterConfiguration({ podCIDR, serviceCIDR, nodePortRange: { from, to } }: ClusterConfig): string {
  const apiServer = from === 30000 && to === 32767 ? 'apiServer: {}' : `apiServer:\n  extraArgs:\n  - name: service-node-port-range\n    value: ${from}-${to}`
  return `${apiServer}
apiVersion: kubeadm.k8s.io/v1beta4
caCertificateValidityPeriod: 87600h0m0s
certificateValidityPeriod: 8760h0m0s
certificatesDir: /etc/kubernetes/pki
clusterName: kubernetes
controllerManager:
  extraArgs:
  - name: node-monitor-grace-period
    value: ${NODE_MONITOR_GRACE}
dns: {}
encryptionAlgorithm: RSA-2048
etcd:
  local:
    dataDir: /var/lib/etcd
imageRepository: registry.k8s.io
kind: ClusterConfiguration
kubernetesVersion: v1.33.1
networking:
  dnsDomain: cluster.local
${podCIDR.length > 0 ? `  podSubnet: ${podCIDR.join(',')}\n` : ''}  serviceSubnet: ${serviceCIDR.join(',')}
proxy: {}
scheduler: {}
`
}
