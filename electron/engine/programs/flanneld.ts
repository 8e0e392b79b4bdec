import { BACKENDS, type BackendType } from '../cni/flannel-backend.ts'
import type { Process } from '../machine/types.ts'
import type { NetworkNamespace } from '../network/types.ts'
import { klogLine } from './klog.ts'

/** What flanneld is told: its flags (main.go of flannel-io/flannel v0.26) and net-conf.json. */
export interface FlanneldSettings {
  type: BackendType
  /** Of vxlan and ipip: without a tunnel to nodes on the same wire. */
  directRouting: boolean
  /** --iface: the first that is there, by its name or address. */
  device: string | undefined
}

/** Why it ends, and with which code. */
export interface Ended { code: number; message: string }

/** Flags of real flanneld that say here what they always are. */
const GIVEN: ReadonlyMap<string, string> = new Map([['ip-masq', 'true'], ['kube-subnet-mgr', 'true'], ['net-config-path', '/etc/kube-flannel/net-conf.json'], ['subnet-file', '/run/flannel/subnet.env'], ['kube-annotation-prefix', 'flannel.alpha.coreos.com'], ['iptables-resync', '5'], ['iptables-forward-rules', 'true'], ['v', '0'], ['logtostderr', 'true'], ['alsologtostderr', 'false']])
const OTHERS = [
  'etcd-cafile', 'etcd-certfile', 'etcd-endpoints', 'etcd-keyfile', 'etcd-password', 'etcd-prefix', 'etcd-username', 'healthz-ip', 'healthz-port', 'iface-can-reach', 'iface-regex', 'kube-api-url', 'kubeconfig-file', 'log_backtrace_at', 'public-ip', 'public-ipv6',
  'charge-node-network', 'set-node-network-unavailable', 'stderrthreshold', 'subnet-lease-renew-margin', 'version', 'vmodule',
]

export function settingsOf(process: Process, network: NetworkNamespace): FlanneldSettings | Ended {
  const wanted: string[] = []
  for (let i = 1; i < process.argv.length; i++) {
    const [, name = '', value] = /^--?([^=]+)(?:=(.*))?$/.exec(process.argv[i]!) ?? []
    if (name === 'iface') wanted.push(value ?? process.argv[++i] ?? '')
    else if (!GIVEN.has(name) && !OTHERS.includes(name)) return { code: 2, message: `flag provided but not defined: -${name}\n` }
    else if (!GIVEN.has(name) || (value ?? 'true') !== GIVEN.get(name)) return { code: 69, message: `podhop: not simulated: flanneld --${name}${value === undefined ? '' : `=${value}`} (use its default, or --iface)\n` }
  }
  const read = backendOf(process)
  if ('code' in read) return read
  const links = [...network.links.values()]
  const device = wanted.map((text) => links.find((l) => l.name === text || l.addresses.some((a) => a.address === text))?.name).find((name) => name !== undefined)
  if (wanted.length > 0 && device === undefined) {
    const line = (source: string, text: string, severity: 'I' | 'E' = 'I'): string => klogLine(process.clock.wall(), severity, process.pid, source, text)
    return { code: 1, message: `${wanted.map((text) => line('main.go:262', `Could not find valid interface matching ${text}: error looking up interface ${text}: ${/^[0-9.]+$|:/.test(text) ? 'No interface with given IP found' : 'route ip+net: no such network interface'}`)).join('')}${line('main.go:267', 'Failed to find interface to use that matches the interfaces and/or regexes provided', 'E')}` }
  }
  return { ...read, device }
}

/** The backend that net-conf.json names. */
function backendOf(process: Process): Pick<FlanneldSettings, 'type' | 'directRouting'> | Ended {
  const failed = (message: string): Ended => ({ code: 1, message: klogLine(process.clock.wall(), 'E', process.pid, 'main.go:232', message) })
  const path = '/etc/kube-flannel/net-conf.json'
  if (!process.fs.exists(path)) return failed(`Failed to create SubnetManager: failed to read net conf: open ${path}: no such file or directory`)
  let backend: Record<string, unknown>
  let six: boolean
  try {
    const conf = JSON.parse(process.fs.readText(path)) as { Backend?: Record<string, unknown>; EnableIPv6?: boolean }
    backend = conf.Backend ?? {}
    six = conf.EnableIPv6 === true
  } catch (error) {
    return failed(`Failed to create SubnetManager: error parsing subnet config: ${(error as Error).message}`)
  }
  const type = backend['Type'] ?? 'udp'
  const known = BACKENDS.find((t) => t === type)
  const routes = known === 'vxlan' || known === 'ipip'
  const directRouting = routes && backend['DirectRouting'] === true
  const more = Object.keys(backend).find((key) => key !== 'Type' && !(key === 'VNI' && known === 'vxlan' && backend[key] === 1) && !(key === 'Port' && known === 'vxlan' && backend[key] === 8472) && !(key === 'DirectRouting' && routes && typeof backend[key] === 'boolean')) ?? (known === 'ipip' && six ? 'IPv6' : undefined)
  if (known && more === undefined) return { type: known, directRouting }
  return { code: 69, message: `podhop: not simulated: flannel's backend ${known ? `${known} with ${more}` : String(type)} (use ${BACKENDS.slice(0, -1).join(', ')} or ${BACKENDS.at(-1)!})\n` }
}
