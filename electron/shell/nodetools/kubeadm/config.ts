import type { Process } from '../../../engine/cluster.ts'
import { own } from '../../../engine/own.ts'
import { FlagError, FlagSet, flags } from '../../kubectl/flags.ts'
import { toYaml } from '../../kubectl/yaml.ts'
import { KubeadmError, NotSimulated } from './client.ts'

/** What v1.33.1 needs: cmd/kubeadm/app/images and constants. */
const PARTS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy']
const ADDONS = { 'coredns/coredns': 'v1.12.0', coredns: 'v1.12.0', pause: '3.10', etcd: '3.5.21-0' }

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

/** ResetConfiguration and UpgradeConfiguration of v1beta4: cmd/upgrade/apply_test.go has the second. */
const RESET = `apiVersion: kubeadm.k8s.io/v1beta4
certificatesDir: /etc/kubernetes/pki
criSocket: unix:///var/run/containerd/containerd.sock
kind: ResetConfiguration
${TIMEOUTS}`
const UPGRADES = '  certificateRenewal: true\n  etcdUpgrade: true\n  imagePullPolicy: IfNotPresent\n  imagePullSerial: true\n'
const UPGRADE = `apiVersion: kubeadm.k8s.io/v1beta4\napply:\n${UPGRADES}diff: {}\nkind: UpgradeConfiguration\nnode:\n${UPGRADES}plan: {}\n${TIMEOUTS}`

const PRINTED: Readonly<Record<string, (name: string) => string>> = { 'init-defaults': () => INIT, 'join-defaults': join, 'reset-defaults': () => RESET, 'upgrade-defaults': () => UPGRADE }

/** kubeadm config images list: a repository of one's own has all images side by side. */
function images(words: readonly string[]): string {
  const given = new FlagSet(flags(IMAGE_FLAGS))
  given.parse(words)
  if (given.args.length > 0) throw new FlagError(`unknown command ${JSON.stringify(given.args[0])} for "kubeadm config images list"`)
  const [version, repository, format] = ['kubernetes-version', 'image-repository', 'output'].map((name) => given.string(name)) as [string, string, string]
  if (given.changed('config') || given.changed('feature-gates')) throw new NotSimulated('kubeadm config images list --config and --feature-gates (use --image-repository)')
  if (!/^v?1\.33\.\d+$/.test(version)) throw new NotSimulated(`kubeadm config images list --kubernetes-version ${version} (there is no version but v1.33)`)
  const root = repository.replace(/\/$/, '')
  const list = [...PARTS.map((part) => `${part}:v${version.replace(/^v/, '')}`), ...[root === 'registry.k8s.io' ? 'coredns/coredns' : 'coredns', 'pause', 'etcd'].map((name) => `${name}:${ADDONS[name as keyof typeof ADDONS]}`)].map((image) => `${root}/${image}`)
  if (format === 'text') return list.map((image) => `${image}\n`).join('')
  const document = { apiVersion: 'output.kubeadm.k8s.io/v1alpha3', images: list, kind: 'Images' }
  if (format === 'yaml') return toYaml(document)
  if (format === 'json') return `${JSON.stringify({ kind: 'Images', apiVersion: document.apiVersion, images: list }, null, 4)}\n`
  throw new NotSimulated(`kubeadm config images list -o ${format} (text, json and yaml are)`)
}

const IMAGE_FLAGS = '--kubernetes-version string=v1.33.1\n--image-repository string=registry.k8s.io\n--config string=\n--feature-gates string=\n-o --output string=text\n--kubeconfig string='

/** kubeadm config. */
export function config({ machine }: Process, words: readonly string[]): string {
  const [verb = '', what = '', ...more] = words
  if (verb === '') throw new KubeadmError('missing subcommand; "config" is not meant to be run on its own')
  if (verb === 'images' && what === 'list') return images(more)
  const print = verb === 'print' && more.length === 0 ? own(PRINTED, what) : undefined
  if (print) return print(machine.hostname)
  if (verb !== 'images' && verb !== 'print' && verb !== 'migrate' && verb !== 'validate') throw new KubeadmError(`invalid subcommand ${JSON.stringify(verb)}`)
  if (what === '' && (verb === 'images' || verb === 'print')) throw new KubeadmError(`missing subcommand; ${JSON.stringify(verb)} is not meant to be run on its own`)
  throw new NotSimulated(`kubeadm config ${words.join(' ')} (images list, and print with init-, join-, reset- and upgrade-defaults are)`)
}
