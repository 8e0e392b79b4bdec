import { byName } from '../../own.ts'
import { ALPINE, alpine, busybox, debian, ubuntu, withUser, type DebianRelease } from './bases.ts'
import { splitTag, versionParts, type ImageContent, type Repository } from './build.ts'

/** Images that people start shells and clients in. */
function busyboxTag(tag: string): ImageContent | undefined {
  const { version, flavour } = splitTag(tag)
  if (!/^(|glibc|musl|uclibc)$/.test(flavour)) return undefined
  const parts = versionParts(version)
  const known = ['latest', 'stable', 'unstable', 'glibc', 'musl', 'uclibc'].includes(version)
  if (!known && !(parts && parts[0] === 1 && (parts[1] ?? 37) <= 37)) return undefined
  const base = busybox()
  const musl = [version, flavour].includes('musl')
  // 1.29 brought the nslookup that asks name servers itself
  const old = parts !== undefined && parts.length > 1 && parts[1]! <= 28
  return {
    ...base,
    ...(musl ? { files: { ...base.files, '/lib/ld-musl-x86_64.so.1': '' } } : {}),
    ...(old ? { programs: { ...base.programs, '/bin/nslookup': 'busybox-1.28-nslookup' } } : {}),
    size: old ? 727_869 : 2_156_519, command: ['sh'],
  }
}

/** docker.io/radial/busyboxplus, which Kubernetes' pages start clients in: the busybox of its time, with curl. */
function busyboxPlus(tag: string): ImageContent | undefined {
  const base = ['latest', 'curl', 'git'].includes(tag) ? busyboxTag('1.22') : undefined
  return base && { ...base, size: tag === 'latest' ? 1_311_744 : 4_236_288, files: { ...base.files, '/etc/profile': "export PS1='[ \\u@\\h:\\w ]\\$ '\n" }, programs: { ...base.programs, ...(tag === 'latest' ? {} : { '/usr/bin/curl': 'curl' }) }, command: ['/bin/sh', '-l'] }
}

function alpineTag(tag: string): ImageContent | undefined {
  const parts = versionParts(tag)
  const word = ['latest', 'edge', '3'].includes(tag) ? '3.22' : tag
  const last = parts?.[0] === 3 || !parts ? ALPINE[word.split('.').slice(0, 2).join('.')] : undefined
  const patch = parts?.[2]
  if (last === undefined || (patch !== undefined && (parts!.length > 3 || patch > Number(last.split('.')[2])))) return undefined
  return { ...alpine([], { release: patch === undefined ? last : tag }), size: 3_653_068, command: ['/bin/sh'] }
}

function debianTag(tag: string): ImageContent | undefined {
  const match = /^([a-z]+|9|1[0-3])(\.\d+)?(-slim)?$/.exec(tag)
  const release = match && DEBIAN_TAGS[match[1]!]
  if (!release || (match[2] !== undefined && /^[a-z]/.test(tag))) return undefined
  return { ...debian({ slim: true, release }), size: tag.endsWith('-slim') ? 28_231_452 : 48_491_212, command: ['bash'] }
}
const DEBIAN_TAGS: Readonly<Record<string, DebianRelease>> = byName({
  latest: 'bookworm', stable: 'bookworm', oldstable: 'bullseye', testing: 'trixie',
  stretch: 'stretch', '9': 'stretch', buster: 'buster', '10': 'buster', bullseye: 'bullseye', '11': 'bullseye', bookworm: 'bookworm', '12': 'bookworm', trixie: 'trixie', '13': 'trixie',
})

const UBUNTU_TAGS = new Map([['latest', '24.04'], ['noble', '24.04'], ['jammy', '22.04'], ['focal', '20.04'], ['bionic', '18.04']])
const UBUNTU_SIZES = { '24.04': 29_724_688, '22.04': 29_537_284, '20.04': 27_510_942, '18.04': 25_688_000 }

function ubuntuTag(tag: string): ImageContent | undefined {
  const version = (UBUNTU_TAGS.get(tag) ?? tag) as keyof typeof UBUNTU_SIZES
  return Object.hasOwn(UBUNTU_SIZES, version) ? { ...ubuntu(version), size: UBUNTU_SIZES[version], command: ['/bin/bash'] } : undefined
}

function curlTag(tag: string): ImageContent | undefined {
  const parts = versionParts(tag)
  if (tag !== 'latest' && !(parts && (parts[0] === 7 || parts[0] === 8))) return undefined
  const base = withUser(alpine(['curl']), 'curl_user:x:100:101:Linux User,,,:/home/curl_user:/sbin/nologin', 'curl_group:x:101:curl_user')
  return {
    ...base,
    size: 9_461_472,
    programs: { ...base.programs, '/entrypoint.sh': 'curl-entrypoint' },
    directories: [...(base.directories ?? []), '/home/curl_user'],
    entrypoint: ['/entrypoint.sh'],
    command: ['curl'],
    environment: { CURL_VERSION: tag === 'latest' ? '8.13.0' : tag },
    workingDirectory: '/home/curl_user',
    user: { uid: 100, gid: 101, name: 'curl_user' },
  }
}

const NETWORK_TOOLS = ['curl', 'wget', 'dig', 'nslookup', 'host', 'ping', 'ping6', 'tcpdump', 'nc', 'ncat', 'ss', 'nmap', 'openssl', 'telnet', 'vi', 'jq', 'mtr']
const NETWORK_ADMIN = ['ip', 'traceroute', 'ifconfig', 'netstat', 'route', 'arp', 'arping', 'iptables', 'iptables-save', 'iptables-restore', 'ip6tables', 'ip6tables-save', 'ip6tables-restore', 'conntrack', 'bridge', 'sysctl']

function networkUtils(): ImageContent {
  return { ...debian({ more: NETWORK_TOOLS, sbin: NETWORK_ADMIN }), size: 59_286_451, command: ['/bin/bash'] }
}

/**
 * nicolaka/netshoot: Alpine with the packages of its Dockerfile, each tool where its package puts it. ifconfig, netstat, route,
 * traceroute, wget and telnet are busybox's. Those after `bash` are in the image and not simulated: they say so when they are run.
 */
const NETSHOOT: Readonly<Record<string, string>> = {
  '/bin': 'bash ping zsh',
  '/sbin': 'ip bridge ipvsadm ss tc',
  '/usr/sbin': 'arping tracepath mtr ethtool ipset iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore conntrack nft brctl bird dhcping fping iftop iptraf-ng',
  '/usr/bin': 'curl dig nslookup host nc nmap openssl jq tcpdump vi vim websocat file git perl python3 pip3 ab drill http https iperf iperf3 ltrace nping ngrep noping oping scapy snmpget snmpwalk socat speedtest-cli ssh strace swaks tcptraceroute trip tshark lsof',
  '/usr/local/bin': 'calicoctl ctop fortio grpcurl skbdump termshark',
}

/** What its .zshrc shows (the image's file motd). */
const NETSHOOT_MOTD = [
  '                    dP            dP                           dP   ',
  '                    88            88                           88   ',
  '88d888b. .d8888b. d8888P .d8888b. 88d888b. .d8888b. .d8888b. d8888P ',
  "88'  `88 88ooood8   88   Y8ooooo. 88'  `88 88'  `88 88'  `88   88   ",
  '88    88 88.  ...   88         88 88    88 88.  .88 88.  .88   88   ',
  "dP    dP `88888P'   dP   `88888P' dP    dP `88888P' `88888P'   dP   ",
  '                                                                    ',
  'Welcome to Netshoot! (github.com/nicolaka/netshoot)',
  'Version: 0.14',
  '',
  '                                         ',
  '',
].join('\n')

function netshoot(): ImageContent {
  const base = alpine(['bash'], { release: '3.22.0', extras: true })
  const programs = { ...base.programs }
  for (const [directory, names] of Object.entries(NETSHOOT)) {
    for (const name of names.split(' ')) {
      for (const path of Object.keys(programs)) if (path.endsWith(`/${name}`)) delete programs[path]
      programs[`${directory}/${name}`] = name === 'vim' ? 'vi' : name
    }
  }
  return {
    ...base,
    programs,
    files: { ...base.files, '/root/motd': NETSHOOT_MOTD },
    size: 207_416_832,
    command: ['zsh'],
    environment: { HOSTNAME: 'netshoot' },
    workingDirectory: '/root',
  }
}

/** polinux/stress, of the pages of Kubernetes about memory limits. */
function stressImage(): ImageContent {
  const base = alpine()
  return { ...base, size: 4_041_495, programs: { ...base.programs, '/usr/local/bin/stress': 'stress' }, command: ['stress'] }
}

/** kubectl v1.33, which a Pod's ServiceAccount lets into the cluster. */
const isKubectl = (tag: string): boolean => tag === 'latest' || /^v?1\.33(\.\d+)?(-debian-12-r\d+)?$/.test(tag)

function bitnamiKubectl(): ImageContent {
  const base = debian({ more: ['curl', 'jq'], slim: true })
  return {
    ...base, size: 126_877_696, programs: { ...base.programs, '/opt/bitnami/kubectl/bin/kubectl': 'kubectl' }, entrypoint: ['kubectl'], command: ['--help'],
    environment: { HOME: '/', PATH: '/opt/bitnami/kubectl/bin:/opt/bitnami/common/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }, user: { uid: 1001, gid: 0, name: '1001' },
  }
}

function alpineK8s(): ImageContent {
  const base = alpine(['bash', 'curl', 'jq', 'openssl'])
  return { ...base, size: 284_000_000, programs: { ...base.programs, '/usr/bin/kubectl': 'kubectl' }, command: ['bash'], workingDirectory: '/apps', directories: [...(base.directories ?? []), '/apps'] }
}

/** registry.k8s.io/kubectl and rancher/kubectl: the program and nothing else. */
function bareKubectl(): ImageContent {
  const base = debian({ slim: true })
  return { ...base, size: 22_800_000, programs: { '/bin/kubectl': 'kubectl' }, entrypoint: ['/bin/kubectl'], command: [] }
}

export const toolRepositories: readonly Repository[] = [
  { name: 'docker.io/polinux/stress', tag: (tag) => (tag === 'latest' || tag === '1.0.4' ? stressImage() : undefined) },
  { name: 'docker.io/alpine/k8s', tag: (tag) => (isKubectl(tag) ? alpineK8s() : undefined) },
  { name: 'docker.io/bitnami/kubectl', tag: (tag) => (isKubectl(tag) ? bitnamiKubectl() : undefined) },
  { name: 'docker.io/library/busybox', tag: busyboxTag },
  // as "Debug Services" and older pages name it
  ...['gcr.io/google-containers/busybox', 'gcr.io/google_containers/busybox', 'registry.k8s.io/busybox', 'k8s.gcr.io/busybox'].map((name) => ({ name, tag: (tag: string) => (['latest', '1.24', '1.27', '1.27.2'].includes(tag) ? busyboxTag(tag === 'latest' ? '1.27' : tag) : undefined) })),
  { name: 'docker.io/radial/busyboxplus', tag: busyboxPlus },
  { name: 'docker.io/library/alpine', tag: alpineTag },
  { name: 'docker.io/library/debian', tag: debianTag },
  { name: 'docker.io/library/ubuntu', tag: ubuntuTag },
  { name: 'docker.io/curlimages/curl', tag: curlTag },
  { name: 'quay.io/curl/curl', tag: curlTag },
  { name: 'docker.io/amouat/network-utils', tag: (tag) => (tag === 'latest' ? networkUtils() : undefined) },
  { name: 'docker.io/rancher/kubectl', tag: (tag) => (isKubectl(tag) ? bareKubectl() : undefined) },
  { name: 'registry.k8s.io/kubectl', tag: (tag) => (isKubectl(tag) ? bareKubectl() : undefined) },
  { name: 'docker.io/nicolaka/netshoot', tag: (tag) => (/^(latest|v0\.(1[0-4]|[1-9])|0\.1[0-4])$/.test(tag) ? netshoot() : undefined) },
]
