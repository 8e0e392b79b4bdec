import { alpine, debian } from './bases.ts'
import { versionParts, type ImageContent, type Repository } from './build.ts'

/** Images of the cluster's own Pods. */
function versioned(accept: (parts: number[]) => boolean, content: ImageContent): Repository['tag'] {
  return (tag) => {
    const parts = versionParts(tag.replace(/-\d+$/, ''))
    return parts && accept(parts) ? content : undefined
  }
}

const DISTROLESS = ['/etc', '/proc', '/sys', '/dev', '/tmp', '/run', '/var/lib', '/home']

/** Minor version → the last patch that there was at the beginning of 2026 (kubernetes.io/releases/patch-releases). */
const RELEASES = new Map([[25, 16], [26, 15], [27, 16], [28, 15], [29, 15], [30, 14], [31, 14], [32, 11], [33, 7], [34, 3], [35, 0]])

function isRelease(parts: readonly number[]): boolean {
  const [major, minor = -1, patch = Infinity, ...more] = parts
  return major === 1 && more.length === 0 && patch <= (RELEASES.get(minor) ?? -1)
}

function controlPlane(name: string, size: number): Repository {
  const path = `/usr/local/bin/${name}`
  return {
    name: `registry.k8s.io/${name}`,
    tag: versioned(isRelease, { size, directories: DISTROLESS, programs: { [path]: name }, entrypoint: [path] }),
  }
}

function flannel(): ImageContent {
  const base = alpine()
  const tools = { '/usr/sbin/iptables': 'iptables', '/usr/sbin/iptables-save': 'iptables-save', '/usr/sbin/ip': 'ip' }
  return { ...base, size: 33_164_327, programs: { ...base.programs, ...tools, '/opt/bin/flanneld': 'flanneld' }, entrypoint: ['/opt/bin/flanneld'] }
}

function kubeRouter(): ImageContent {
  const base = alpine(['curl'])
  const tools = { '/usr/sbin/iptables': 'iptables', '/usr/sbin/iptables-save': 'iptables-save', '/usr/sbin/ip': 'ip', '/usr/sbin/ipset': 'ipset', '/usr/sbin/ipvsadm': 'ipvsadm', '/usr/sbin/conntrack': 'conntrack', '/usr/local/bin/gobgp': 'gobgp' }
  return { ...base, size: 48_211_005, programs: { ...base.programs, ...tools, '/usr/local/bin/kube-router': 'kube-router' }, entrypoint: ['/usr/local/bin/kube-router'] }
}

function ingressNginx(): ImageContent {
  const base = alpine(['curl', 'bash'])
  return {
    ...base,
    files: { ...base.files, '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\nwww-data:x:101:82:www-data:/usr/local/nginx:/sbin/nologin\n' },
    size: 107_393_664,
    programs: { ...base.programs, '/nginx-ingress-controller': 'nginx-ingress-controller', '/dbg': 'nginx-ingress-dbg', '/usr/local/nginx/sbin/nginx': 'nginx-ingress-nginx', '/usr/bin/nginx': 'nginx-ingress-nginx', '/wait-shutdown': 'nginx-ingress-wait-shutdown', '/usr/bin/dumb-init': 'dumb-init' },
    entrypoint: ['/usr/bin/dumb-init', '--'],
    command: ['/nginx-ingress-controller'],
    user: { uid: 101, gid: 82, name: 'www-data' },
    workingDirectory: '/etc/nginx',
    directories: [...(base.directories ?? []), '/etc/nginx'],
    exposedPorts: ['80/tcp', '443/tcp'],
  }
}

/** metallb/metallb: nothing but the program. */
function metallb(program: string, size: number): ImageContent {
  return { size, directories: DISTROLESS, programs: { [`/${program}`]: `metallb-${program}` }, entrypoint: [`/${program}`] }
}

/** nginx/nginx-gateway-fabric: its control plane, and the nginx of each Gateway. */
const NGINX_USER = { uid: 101, gid: 1001, name: 'nginx' }

function nginxGateway(): ImageContent {
  return { size: 29_514_820, directories: DISTROLESS, programs: { '/usr/bin/gateway': 'nginx-gateway' }, entrypoint: ['/usr/bin/gateway'], user: NGINX_USER }
}

function nginxGatewayNginx(): ImageContent {
  const base = alpine(['curl'])
  const files = { ...base.files, '/etc/passwd': `${base.files!['/etc/passwd']!}nginx:x:101:1001:nginx:/var/cache/nginx:/sbin/nologin\n` }
  return { ...base, files, size: 48_903_118, programs: { ...base.programs, '/agent/entrypoint.sh': 'nginx-gateway-nginx', '/usr/sbin/nginx': 'nginx-gateway-command' }, entrypoint: ['/agent/entrypoint.sh'], user: NGINX_USER, stopSignal: 'SIGQUIT' }
}

function traefik(): ImageContent {
  const base = alpine()
  return { ...base, size: 64_112_874, programs: { ...base.programs, '/usr/local/bin/traefik': 'traefik', '/entrypoint.sh': 'traefik-entrypoint' }, entrypoint: ['/entrypoint.sh'], command: ['traefik'], exposedPorts: ['80/tcp'] }
}

function haproxyIngress(): ImageContent {
  const base = alpine(['curl'])
  return { ...base, size: 87_403_217, directories: [...(base.directories ?? []), '/usr/local/etc/haproxy'], programs: { ...base.programs, '/haproxy-ingress-controller': 'haproxy-ingress-controller', '/usr/local/sbin/haproxy': 'haproxy' }, entrypoint: ['/haproxy-ingress-controller'], exposedPorts: ['8080/tcp', '8443/tcp'] }
}

/** calico/cni, calico/node and calico/kube-controllers, whose base is Red Hat's. */
const CALICO_TOOLS = ['ip', 'ss', 'iptables', 'iptables-save', 'iptables-restore', 'ipset', 'conntrack', 'sysctl']

function calicoCni(): ImageContent {
  return { size: 71_406_532, directories: DISTROLESS, programs: { '/opt/cni/bin/calico-ipam': 'calico-ipam', '/opt/cni/bin/install': 'calico-install-cni' }, entrypoint: ['/opt/cni/bin/install'] }
}

function calicoNode(): ImageContent {
  const base = alpine(['bash'])
  const tools = Object.fromEntries(CALICO_TOOLS.map((name) => [`/usr/sbin/${name}`, name]))
  return { ...base, size: 156_953_447, programs: { ...base.programs, ...tools, '/bin/calico-node': 'calico-node', '/usr/bin/birdcl': 'birdcl', '/usr/sbin/start_runit': 'calico-start-runit' }, entrypoint: ['/usr/sbin/start_runit'] }
}

function calicoControllers(): ImageContent {
  return { size: 52_290_118, directories: DISTROLESS, programs: { '/usr/bin/kube-controllers': 'calico-kube-controllers', '/usr/bin/check-status': 'calico-check-status' }, entrypoint: ['/usr/bin/kube-controllers'], user: { uid: 999, gid: 0, name: '999' } }
}

function ciliumAgent(): ImageContent {
  const base = debian({ more: ['curl', 'ip', 'jq'] })
  return { ...base, size: 239_075_328, programs: { ...base.programs, '/usr/bin/cilium-agent': 'cilium-agent', '/usr/bin/cilium-dbg': 'cilium-dbg', '/usr/bin/cilium': 'cilium-dbg', '/usr/bin/hubble': 'hubble', '/usr/bin/cilium-health': 'cilium-health' }, environment: { HUBBLE_SERVER: 'unix:///var/run/cilium/hubble.sock' }, entrypoint: ['/usr/bin/cilium-agent'] }
}

/** weaveworks/weave-kube and weaveworks/weave-npc, both on Alpine. */
function weave(name: 'weave-kube' | 'weave-npc', size: number): ImageContent {
  const base = alpine(['curl'])
  const tools = Object.fromEntries(['iptables', 'iptables-save', 'ip', 'ipset', 'conntrack'].map((tool) => [`/usr/sbin/${tool}`, tool]))
  const own: Record<string, string> = name === 'weave-npc' ? { '/usr/bin/launch.sh': 'weave-npc' } : { '/home/weave/launch.sh': 'weave-launch', '/home/weave/init.sh': 'weave-init', '/home/weave/weave': 'weave' }
  return { ...base, size, programs: { ...base.programs, ...tools, ...own }, workingDirectory: name === 'weave-kube' ? '/home/weave' : '/', entrypoint: [Object.keys(own)[0]!] }
}

const ANTREA_TOOLS = { '/usr/bin/ovs-vsctl': 'ovs-vsctl', '/usr/bin/ovs-ofctl': 'ovs-ofctl', '/usr/bin/ovs-appctl': 'ovs-appctl', '/usr/local/bin/antctl': 'antctl' }

/** antrea/antrea-agent-ubuntu, which has Open vSwitch with it. */
function antreaAgent(): ImageContent {
  const base = debian({ more: ['ip', 'bash'] })
  const tools = Object.fromEntries(['ip', 'iptables', 'iptables-save', 'ipset', 'conntrack'].map((name) => [`/usr/sbin/${name}`, name]))
  return { ...base, size: 178_412_033, programs: { ...base.programs, ...tools, '/usr/local/bin/antrea-agent': 'antrea-agent', '/usr/local/bin/start_ovs': 'antrea-start-ovs', '/usr/local/bin/install_cni': 'antrea-install-cni', ...ANTREA_TOOLS } }
}

/** Amazon's images of the VPC CNI plugin; the registry is that of us-west-2. */
const ECR = '602401143452.dkr.ecr.us-west-2.amazonaws.com'

function awsVpc(path: string, program: string, size: number): ImageContent {
  const base = debian({ more: ['ip'] })
  const tools = Object.fromEntries(['iptables', 'iptables-save', 'conntrack'].map((tool) => [`/usr/sbin/${tool}`, tool]))
  return { ...base, size, programs: { ...base.programs, ...tools, [path]: program, '/app/grpc-health-probe': 'aws-grpc-health-probe' }, entrypoint: [path] }
}

const COREDNS: ImageContent = { size: 20_939_036, directories: [...DISTROLESS, '/etc/coredns'], programs: { '/coredns': 'coredns' }, entrypoint: ['/coredns'], exposedPorts: ['53/tcp', '53/udp'] }

export const systemRepositories: readonly Repository[] = [
  { name: 'registry.k8s.io/pause', tag: versioned(([major]) => major === 3, { size: 318_731, programs: { '/pause': 'pause' }, directories: DISTROLESS, entrypoint: ['/pause'], user: { uid: 65535, gid: 65535, name: '65535' } }) },
  { name: 'registry.k8s.io/coredns/coredns', tag: versioned(([major]) => major === 1, COREDNS) },
  // there the tags have no v
  { name: 'docker.io/coredns/coredns', tag: (tag) => (tag === 'latest' ? COREDNS : /^\d/.test(tag) ? versioned(([major]) => major === 1, COREDNS)(tag) : undefined) },
  { name: 'registry.k8s.io/dns/k8s-dns-node-cache', tag: versioned(([major]) => major === 1, { size: 36_417_226, directories: DISTROLESS, programs: { '/node-cache': 'node-cache', '/usr/sbin/iptables': 'iptables', '/usr/sbin/iptables-save': 'iptables-save' }, entrypoint: ['/node-cache'], exposedPorts: ['53/tcp', '53/udp'] }) },
  { name: 'registry.k8s.io/kube-proxy', tag: versioned(isRelease, { size: 31_891_685, directories: DISTROLESS, programs: { '/usr/local/bin/kube-proxy': 'kube-proxy', '/usr/sbin/iptables': 'iptables', '/usr/sbin/iptables-save': 'iptables-save', '/usr/sbin/nft': 'nft' }, entrypoint: ['/usr/local/bin/kube-proxy'] }) },
  { name: 'registry.k8s.io/cpa/cluster-proportional-autoscaler', tag: versioned(([major, minor]) => major === 1 && minor === 8, { size: 15_209_393, directories: DISTROLESS, programs: { '/cluster-proportional-autoscaler': 'cluster-proportional-autoscaler' }, entrypoint: ['/cluster-proportional-autoscaler'], user: { uid: 65534, gid: 0, name: 'nobody' } }) },
  { name: 'registry.k8s.io/etcd', tag: versioned(([major]) => major === 3, { size: 58_938_593, directories: DISTROLESS, programs: { '/usr/local/bin/etcd': 'etcd', '/usr/local/bin/etcdctl': 'etcdctl', '/usr/local/bin/etcdutl': 'etcdutl' }, entrypoint: ['/usr/local/bin/etcd'] }) },
  controlPlane('kube-apiserver', 30_075_899),
  controlPlane('kube-controller-manager', 27_646_507),
  controlPlane('kube-scheduler', 21_782_634),
  { name: 'registry.k8s.io/ingress-nginx/controller', tag: versioned(([major, minor]) => major === 1 && minor === 12, ingressNginx()) },
  { name: 'registry.k8s.io/ingress-nginx/kube-webhook-certgen', tag: versioned(([major]) => major === 1, { size: 26_021_410, directories: DISTROLESS, programs: { '/kube-webhook-certgen': 'kube-webhook-certgen' }, entrypoint: ['/kube-webhook-certgen'], user: { uid: 65532, gid: 65532, name: 'nonroot' } }) },
  { name: 'ghcr.io/nginx/nginx-gateway-fabric', tag: versioned(([major, minor]) => major === 2 && minor === 2, nginxGateway()) },
  { name: 'ghcr.io/nginx/nginx-gateway-fabric/nginx', tag: versioned(([major, minor]) => major === 2 && minor === 2, nginxGatewayNginx()) },
  { name: 'quay.io/metallb/controller', tag: versioned(([major, minor]) => major === 0 && (minor === 14 || minor === 15), metallb('controller', 29_870_212)) },
  { name: 'quay.io/metallb/speaker', tag: versioned(([major, minor]) => major === 0 && (minor === 14 || minor === 15), metallb('speaker', 54_120_418)) },
  { name: 'docker.io/library/traefik', tag: versioned(([major, minor]) => major === 3 && (minor ?? 3) === 3, traefik()) },
  { name: 'docker.io/haproxytech/kubernetes-ingress', tag: versioned(([major, minor]) => major === 3 && (minor ?? 1) === 1, haproxyIngress()) },
  { name: 'ghcr.io/flannel-io/flannel', tag: versioned(() => true, flannel()) },
  { name: 'docker.io/cloudnativelabs/kube-router', tag: () => kubeRouter() },
  { name: `${ECR}/amazon-k8s-cni-init`, tag: versioned(([major]) => major === 1, awsVpc('/init/aws-vpc-cni-init', 'aws-vpc-cni-init', 66_124_313)) },
  { name: `${ECR}/amazon-k8s-cni`, tag: versioned(([major]) => major === 1, awsVpc('/app/aws-vpc-cni', 'aws-vpc-cni', 48_917_640)) },
  { name: `${ECR}/amazon/aws-network-policy-agent`, tag: versioned(([major]) => major === 1, awsVpc('/controller', 'aws-eks-nodeagent', 42_633_119)) },
  { name: 'public.ecr.aws/eks/amazon-network-policy-controller-k8s', tag: versioned(([major]) => major === 1, awsVpc('/controller', 'aws-network-policy-controller', 31_472_908)) },
  { name: 'docker.io/weaveworks/weave-kube', tag: versioned(([major]) => major === 2, weave('weave-kube', 30_924_137)) },
  { name: 'docker.io/weaveworks/weave-npc', tag: versioned(([major]) => major === 2, weave('weave-npc', 19_275_346)) },
  { name: 'quay.io/cilium/cilium', tag: versioned(([major, minor]) => major === 1 && minor === 17, ciliumAgent()) },
  { name: 'quay.io/cilium/operator-generic', tag: versioned(([major, minor]) => major === 1 && minor === 17, { size: 35_120_411, directories: DISTROLESS, programs: { '/usr/bin/cilium-operator-generic': 'cilium-operator-generic' }, entrypoint: ['/usr/bin/cilium-operator-generic'] }) },
  { name: 'quay.io/cilium/hubble-relay', tag: versioned(([major, minor]) => major === 1 && minor === 17, { size: 29_874_112, directories: DISTROLESS, programs: { '/usr/bin/hubble-relay': 'hubble-relay' }, entrypoint: ['/usr/bin/hubble-relay'], user: { uid: 65_532, gid: 65_532, name: '65532' } }) },
  { name: 'quay.io/cilium/cilium-envoy', tag: () => ({ size: 61_538_304, directories: DISTROLESS, programs: { '/usr/bin/cilium-envoy-starter': 'cilium-envoy-starter' }, entrypoint: ['/usr/bin/cilium-envoy-starter'] }) },
  { name: 'docker.io/antrea/antrea-agent-ubuntu', tag: versioned(([major]) => major === 2, antreaAgent()) },
  { name: 'docker.io/antrea/antrea-controller-ubuntu', tag: versioned(([major]) => major === 2, { size: 74_203_958, directories: DISTROLESS, programs: { '/usr/local/bin/antrea-controller': 'antrea-controller', '/usr/local/bin/antctl': 'antctl' } }) },
  { name: 'docker.io/calico/cni', tag: versioned(([major]) => major === 3, calicoCni()) },
  { name: 'docker.io/calico/node', tag: versioned(([major]) => major === 3, calicoNode()) },
  { name: 'docker.io/calico/ctl', tag: versioned(([major]) => major === 3, { size: 28_413_977, directories: DISTROLESS, programs: { '/calicoctl': 'calicoctl' }, entrypoint: ['/calicoctl'] }) },
  { name: 'docker.io/calico/kube-controllers', tag: versioned(([major]) => major === 3, calicoControllers()) },
]
