import type { Process } from '../../../engine/cluster.ts'
import { KubeadmError, NotSimulated } from './client.ts'

/** What v1.33.1 needs: cmd/kubeadm/app/images and constants. */
const IMAGES = ['kube-apiserver:v1.33.1', 'kube-controller-manager:v1.33.1', 'kube-scheduler:v1.33.1', 'kube-proxy:v1.33.1', 'coredns/coredns:v1.12.0', 'pause:3.10', 'etcd:3.5.21-0']

const TIMEOUTS = `timeouts:
  controlPlaneComponentHealthCheck: 4m0s
  discovery: 5m0s
  etcdAPICall: 2m0s
  kubeletHealthCheck: 4m0s
  kubernetesAPICall: 1m0s
  tlsBootstrap: 5m0s
  upgradeManifests: 5m0s
`
const registration = (name: string): string => `nodeRegistration:
  criSocket: unix:///var/run/containerd/containerd.sock
  imagePullPolicy: IfNotPresent
  imagePullSerial: true
  name: ${name}
  taints: null
`

/** The defaults of kubeadm.k8s.io/v1beta4, with placeholders for what has none: cmd/kubeadm/app/cmd/config.go of v1.33. */
const INIT = `apiVersion: kubeadm.k8s.io/v1beta4
bootstrapTokens:
- groups:
  - system:bootstrappers:kubeadm:default-node-token
  token: abcdef.0123456789abcdef
  ttl: 24h0m0s
  usages:
  - signing
  - authentication
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: 1.2.3.4
  bindPort: 6443
${registration('node')}${TIMEOUTS}---
apiServer: {}
apiVersion: kubeadm.k8s.io/v1beta4
caCertificateValidityPeriod: 87600h0m0s
certificateValidityPeriod: 8760h0m0s
certificatesDir: /etc/kubernetes/pki
clusterName: kubernetes
controllerManager: {}
dns: {}
encryptionAlgorithm: RSA-2048
etcd:
  local:
    dataDir: /var/lib/etcd
imageRepository: registry.k8s.io
kind: ClusterConfiguration
kubernetesVersion: 1.33.0
networking:
  dnsDomain: cluster.local
  serviceSubnet: 10.96.0.0/12
proxy: {}
scheduler: {}
`

const join = (name: string): string => `apiVersion: kubeadm.k8s.io/v1beta4
caCertPath: /etc/kubernetes/pki/ca.crt
discovery:
  bootstrapToken:
    apiServerEndpoint: kube-apiserver:6443
    token: abcdef.0123456789abcdef
    unsafeSkipCAVerification: true
  tlsBootstrapToken: abcdef.0123456789abcdef
kind: JoinConfiguration
${registration(name)}${TIMEOUTS}`

/** kubeadm config. */
export function config({ machine }: Process, words: readonly string[]): string {
  const [verb = '', what = '', ...more] = words
  if (verb === '') throw new KubeadmError('missing subcommand; "config" is not meant to be run on its own')
  if (more.length === 0) {
    if (verb === 'images' && what === 'list') return IMAGES.map((image) => `registry.k8s.io/${image}\n`).join('')
    if (verb === 'print' && what === 'init-defaults') return INIT
    if (verb === 'print' && what === 'join-defaults') return join(machine.hostname)
  }
  throw new NotSimulated(`kubeadm config ${words.join(' ')} (images list, print init-defaults and print join-defaults are)`)
}
