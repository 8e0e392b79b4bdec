import type { ClusterConfig, NodeConfig } from '../config.ts'
import { CLUSTER_CA } from '../kubernetes/cluster-ca.ts'
import { encodeBase64 } from '../kubernetes/base64.ts'
import { encodeUtf8 } from '../text.ts'
import type { MemoryFilesystem } from '../machine/filesystem.ts'
import type { Node } from '../machine/inode.ts'
import { joinHostPort, nthAddress } from '../network/address.ts'
import type { NodeView } from './index.ts'
import { NETNS } from './netns.ts'
import { clientCredentials, installPki, KUBELET_PKI, kubeletPki } from './pki.ts'
import { logDirectory, type ContainerView } from './runtime.ts'
import { kubeadmConfig } from './kubeconfig.ts'
import { KUBELET_DROP_IN, KUBELET_DROP_IN_TEXT, KUBELET_EXTRA_FILE, KUBELET_EXTRA_TEXT, KUBELET_FLAGS_FILE, KUBELET_FLAGS_TEXT, KUBELET_UNIT, KUBELET_UNIT_TEXT } from './kubelet-unit.ts'
import { installVirtual, virtualFile, virtualLink, virtualTree } from '../machine/virtual.ts'

export interface NodeFacts {
  readonly config: ClusterConfig
  readonly role: 'control-plane' | 'worker'
  /** The API server's: "172.18.0.2". */
  readonly apiServer: string
}

/** Where the kubelet's configuration lies; what of it is read is in kubelet.ts. */
export const KUBELET_CONFIG = '/var/lib/kubelet/config.yaml'

/** Puts on a node what kubeadm, Debian's packages and the agents leave there; what lies there already stays. */
export function installNodeFiles(view: NodeView, facts: NodeFacts): void {
  const fs = view.machine.fs as MemoryFilesystem
  linkVarRun(fs)
  mountNetns(fs, view)
  mountLogs(fs, view)
  // only once: what a person deleted stays away
  if (fs.exists('/etc/containerd/config.toml') || fs.exists(KUBELET_FLAGS_FILE)) return
  const { name } = view
  const files: Record<string, string> = {
    [KUBELET_CONFIG]: kubeletConfig(facts.config),
    [KUBELET_FLAGS_FILE]: KUBELET_FLAGS_TEXT,
    [KUBELET_EXTRA_FILE]: KUBELET_EXTRA_TEXT,
    [KUBELET_UNIT]: KUBELET_UNIT_TEXT,
    [KUBELET_DROP_IN]: KUBELET_DROP_IN_TEXT,
    '/lib/systemd/system/containerd.service': CONTAINERD_UNIT,
    '/etc/containerd/config.toml': CONTAINERD_CONFIG,
    '/etc/crictl.yaml': 'runtime-endpoint: unix:///run/containerd/containerd.sock\nimage-endpoint: unix:///run/containerd/containerd.sock\ntimeout: 2\n',
    '/etc/kubernetes/pki/ca.crt': CLUSTER_CA,
    '/etc/kubernetes/kubelet.conf': agentConfig(facts.apiServer, `system:node:${name}`, 'default-auth', '    client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem\n    client-key: /var/lib/kubelet/pki/kubelet-client-current.pem\n'),
    '/etc/os-release': OS_RELEASE,
    '/etc/machine-id': `${view.identity.machine}\n`,
    '/etc/sysctl.d/k8s.conf': 'net.bridge.bridge-nf-call-iptables  = 1\nnet.bridge.bridge-nf-call-ip6tables = 1\nnet.ipv4.ip_forward                 = 1\n',
    '/etc/modules-load.d/k8s.conf': 'overlay\nbr_netfilter\n',
  }
  if (!fs.exists('/usr/bin/kubectl')) fs.installProgram('/usr/bin/kubectl', 'kubectl')
  installKubeletPki(fs, kubeletPki(facts.config.seed, name, view.born))
  for (const [path, text] of Object.entries(files)) {
    if (fs.exists(path)) continue
    fs.makeDirectory(path.slice(0, path.lastIndexOf('/')), { parents: true })
    fs.writeFile(path, text, /kubelet\.conf|\/config\.yaml/.test(path) ? 0o600 : 0o644)
  }
}

/** The client's certificate under the name of its time, with a link to it, as the kubelet's certificate manager keeps it. */
function installKubeletPki(fs: MemoryFilesystem, files: Readonly<Record<string, () => string>>): void {
  const folder = KUBELET_PKI
  fs.makeDirectory(folder, { parents: true })
  for (const [name, make] of Object.entries(files)) {
    fs.writeLate(`${folder}/${name}`, () => encodeUtf8(make()))
    fs.chmod(`${folder}/${name}`, name.endsWith('.crt') ? 0o644 : 0o600)
    if (name.startsWith('kubelet-client-')) fs.symlink(`${folder}/${name}`, `${folder}/kubelet-client-current.pem`)
  }
}

/** What `kubeadm init` leaves on a control-plane node from its birth on, for its Pods read it. `born`: ms since 1970. */
export function installControlPlaneFiles(fs: MemoryFilesystem, config: ClusterConfig, node: NodeConfig, apiServer: string, born: number): void {
  installPki(fs, config, node, born)
  const { seed } = config
  const files: Record<string, () => string> = {}
  for (const holder of ['admin', 'super-admin'] as const) files[holder] = () => kubeadmConfig(holder, { apiServer, seed, born })
  for (const part of ['controller-manager', 'scheduler'] as const) {
    files[part] = () => {
      const { certificate, key } = clientCredentials(part, seed, born)
      const data = (text: string): string => encodeBase64(encodeUtf8(text))
      return agentConfig(apiServer, `system:kube-${part}`, `system:kube-${part}`, `    client-certificate-data: ${data(certificate)}\n    client-key-data: ${data(key)}\n`)
    }
  }
  for (const [name, make] of Object.entries(files)) {
    const path = `/etc/kubernetes/${name}.conf`
    fs.writeLate(path, () => encodeUtf8(make()))
    fs.chmod(path, 0o600)
  }
}

/** /var/run is a link on Debian; here the kubelet may have mounted something in it before. */
function linkVarRun(fs: MemoryFilesystem): void {
  if (fs.lstat('/var/run').type !== 'directory' || fs.readDirectory('/var/run').length > 0) return
  fs.remove('/var/run')
  fs.symlink('/run', '/var/run')
}

function mountNetns(fs: MemoryFilesystem, view: NodeView): void {
  const virtual = { names: () => view.netns.list().map((n) => n.name), find: (name: string): Node | undefined => (view.netns.get(name) ? virtualFile(fs, () => '') : undefined) }
  installVirtual(fs, NETNS, virtual)
  if (fs.lstat('/var/run').type === 'directory') installVirtual(fs, `/var${NETNS}`, virtual)
}

/** /var/log/pods and the links to it, as far as containerd still has the containers. */
function mountLogs(fs: MemoryFilesystem, view: NodeView): void {
  const containers = (): ContainerView[] => view.runtime.containers().filter((c) => (c.run ? c.run.log : c.record.log) !== undefined)
  const ofPod = (directory: string): ContainerView[] => containers().filter((c) => logDirectory(c.sandbox.pod) === `/var/log/pods/${directory}`)
  const tree = (names: () => string[], find: (name: string) => Node | undefined): Node => virtualTree(fs, { names, find })
  installVirtual(fs, '/var/log/pods', {
    names: () => [...new Set(containers().map((c) => logDirectory(c.sandbox.pod).slice('/var/log/pods/'.length)))],
    find: (pod) => ofPod(pod).length === 0 ? undefined : tree(() => [...new Set(ofPod(pod).map((c) => c.name))], (name) => {
      const runs = (): ContainerView[] => ofPod(pod).filter((c) => c.name === name)
      return runs().length === 0 ? undefined : tree(() => runs().map((c) => `${c.attempt}.log`), (file) => {
        const run = runs().find((c) => `${c.attempt}.log` === file)
        return run && virtualFile(fs, () => criLog(run))
      })
    }),
  })
  const nameOf = (c: ContainerView): string => `${c.sandbox.pod.metadata.name}_${c.sandbox.pod.metadata.namespace}_${c.name}-${c.id}.log`
  installVirtual(fs, '/var/log/containers', {
    names: () => containers().map(nameOf),
    find: (name) => {
      const found = containers().find((c) => nameOf(c) === name)
      return found && virtualLink(fs, found.logPath)
    },
  })
}

/** The CRI's log format: time, stream, F for a whole line, text. */
export function criLog({ run, record }: ContainerView): string {
  const log = run ? run.log : record.run ? record.previousLog : record.log
  return log?.criText() ?? ''
}

/** The kubeconfig of a part of the cluster. `access`: the lines of its user. */
export function agentConfig(server: string, user: string, name: string, access: string): string {
  return `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${encodeBase64(encodeUtf8(CLUSTER_CA))}
    server: https://${joinHostPort(server, 6443)}
  name: podhop
contexts:
- context:
    cluster: podhop
    user: ${name}
  name: ${user}@podhop
current-context: ${user}@podhop
kind: Config
preferences: {}
users:
- name: ${name}
  user:
${access}`
}

export function kubeletConfig({ serviceCIDR }: ClusterConfig): string {
  return `apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous:
    enabled: false
  webhook:
    cacheTTL: 0s
    enabled: true
  x509:
    clientCAFile: /etc/kubernetes/pki/ca.crt
authorization:
  mode: Webhook
  webhook:
    cacheAuthorizedTTL: 0s
    cacheUnauthorizedTTL: 0s
cgroupDriver: systemd
clusterDNS:
- ${nthAddress(serviceCIDR[0]!, 10)}
clusterDomain: cluster.local
containerRuntimeEndpoint: ""
cpuManagerReconcilePeriod: 0s
crashLoopBackOff: {}
evictionPressureTransitionPeriod: 0s
fileCheckFrequency: 0s
healthzBindAddress: 127.0.0.1
healthzPort: 10248
httpCheckFrequency: 0s
imageMaximumGCAge: 0s
imageMinimumGCAge: 0s
kind: KubeletConfiguration
logging:
  flushFrequency: 0
  options:
    json:
      infoBufferSize: "0"
    text:
      infoBufferSize: "0"
  verbosity: 0
memorySwap: {}
nodeStatusReportFrequency: 0s
nodeStatusUpdateFrequency: 0s
rotateCertificates: true
runtimeRequestTimeout: 0s
shutdownGracePeriod: 0s
shutdownGracePeriodCriticalPods: 0s
staticPodPath: /etc/kubernetes/manifests
streamingConnectionIdleTimeout: 0s
syncFrequency: 0s
volumeStatsAggPeriod: 0s
`
}

const CONTAINERD_CONFIG = `version = 3
root = '/var/lib/containerd'
state = '/run/containerd'

[grpc]
  address = '/run/containerd/containerd.sock'

[plugins]
  [plugins.'io.containerd.cri.v1.images']
    snapshotter = 'overlayfs'

    [plugins.'io.containerd.cri.v1.images'.pinned_images]
      sandbox = 'registry.k8s.io/pause:3.10'

  [plugins.'io.containerd.cri.v1.runtime']
    [plugins.'io.containerd.cri.v1.runtime'.containerd]
      default_runtime_name = 'runc'

      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
        runtime_type = 'io.containerd.runc.v2'

        [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
          SystemdCgroup = true

    [plugins.'io.containerd.cri.v1.runtime'.cni]
      bin_dir = '/opt/cni/bin'
      conf_dir = '/etc/cni/net.d'
      max_conf_num = 1
`

const CONTAINERD_UNIT = `[Unit]
Description=containerd container runtime
Documentation=https://containerd.io
After=network.target dbus.service

[Service]
ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/bin/containerd

Type=notify
Delegate=yes
KillMode=process
Restart=always
RestartSec=5

LimitNPROC=infinity
LimitCORE=infinity

TasksMax=infinity
OOMScoreAdjust=-999

[Install]
WantedBy=multi-user.target
`

const OS_RELEASE = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
SUPPORT_URL="https://www.debian.org/support"
BUG_REPORT_URL="https://bugs.debian.org/"
`
