import { alpine, busybox, debian } from './bases.ts'
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
  return { ...base, ...(musl ? { files: { ...base.files, '/lib/ld-musl-x86_64.so.1': '' } } : {}), size: 2_156_519, command: ['sh'] }
}

function alpineTag(tag: string): ImageContent | undefined {
  const parts = versionParts(tag)
  if (!['latest', 'edge'].includes(tag) && !(parts && parts[0] === 3 && (parts[1] ?? 22) <= 22)) return undefined
  return { ...alpine(), size: 3_653_068, command: ['/bin/sh'] }
}

function debianTag(tag: string): ImageContent | undefined {
  if (!/^(latest|stable|bookworm|12)(\.\d+)?(-slim)?$/.test(tag)) return undefined
  return { ...debian({ slim: true }), size: 48_491_212, command: ['bash'] }
}

function curlTag(tag: string): ImageContent | undefined {
  const parts = versionParts(tag)
  if (tag !== 'latest' && !(parts && (parts[0] === 7 || parts[0] === 8))) return undefined
  const base = alpine(['curl'])
  return {
    ...base,
    size: 9_461_472,
    files: { ...base.files, '/etc/passwd': `${base.files!['/etc/passwd']!}curl_user:x:100:101:Linux User,,,:/home/curl_user:/sbin/nologin\n`, '/etc/group': `${base.files!['/etc/group']!}curl_group:x:101:\n` },
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
const NETWORK_ADMIN = ['ip', 'traceroute', 'ifconfig', 'netstat', 'route', 'arp', 'arping', 'iptables', 'iptables-save', 'iptables-restore', 'ip6tables', 'ip6tables-save', 'ip6tables-restore', 'conntrack', 'bridge', 'wg', 'sysctl']

function networkUtils(...more: string[]): ImageContent {
  return { ...debian({ more: NETWORK_TOOLS, sbin: [...NETWORK_ADMIN, ...more] }), size: 59_286_451, command: ['/bin/bash'] }
}

export const toolRepositories: readonly Repository[] = [
  { name: 'docker.io/library/busybox', tag: busyboxTag },
  { name: 'docker.io/library/alpine', tag: alpineTag },
  { name: 'docker.io/library/debian', tag: debianTag },
  { name: 'docker.io/curlimages/curl', tag: curlTag },
  { name: 'quay.io/curl/curl', tag: curlTag },
  { name: 'docker.io/amouat/network-utils', tag: (tag) => (tag === 'latest' ? networkUtils() : undefined) },
  { name: 'docker.io/nicolaka/netshoot', tag: (tag) => (tag === 'latest' || versionParts(tag) ? networkUtils('nft', 'tracepath', 'brctl', 'ethtool', 'ipset', 'ipvsadm') : undefined) },
]
