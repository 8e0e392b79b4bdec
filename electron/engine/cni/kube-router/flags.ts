import { isValidIp } from '../../network/address.ts'

/** The command line of kube-router v2.6 (pkg/options/options.go, spf13/pflag): what acts here, and what it has besides. */
export interface Settings {
  readonly router: boolean
  readonly firewall: boolean
  readonly proxy: boolean
  readonly gracefulRestart: boolean
  readonly asn: number
  readonly masqueradeAll: boolean
  readonly hairpin: boolean
  /** The chain that rejects what no Service has a port for. */
  readonly permitAll: boolean
  readonly nodePortOnAll: boolean
  /** Masquerading of what Pods send out of the cluster. */
  readonly podEgress: boolean
  /** Routers outside. */
  readonly peers: readonly { readonly ip: string; readonly asn: number }[]
  /** Which addresses of all Services they are told. */
  readonly advertise: { readonly cluster: boolean; readonly external: boolean; readonly balancer: boolean }
  /** "generate", an IPv4 address, or "": the primary address. */
  readonly routerId: string
  /** Between the nodes. */
  readonly ibgp: boolean
}

const BOOLEANS = {
  'run-router': 'router', 'run-firewall': 'firewall', 'run-service-proxy': 'proxy', 'bgp-graceful-restart': 'gracefulRestart', 'masquerade-all': 'masqueradeAll', 'hairpin-mode': 'hairpin',
  'ipvs-permit-all': 'permitAll', 'nodeport-bindon-all-ip': 'nodePortOnAll', 'enable-pod-egress': 'podEgress', 'enable-ibgp': 'ibgp',
} as const

export const DEFAULTS: Settings = { router: true, firewall: true, proxy: true, gracefulRestart: false, asn: 64_512, masqueradeAll: false, hairpin: false, permitAll: true, nodePortOnAll: false, podEgress: true, peers: [], advertise: { cluster: false, external: false, balancer: false }, routerId: '', ibgp: true }

const ADVERTISE = { 'advertise-cluster-ip': 'cluster', 'advertise-external-ip': 'external', 'advertise-loadbalancer-ip': 'balancer' } as const
const PEERS = ['peer-router-ips', 'peer-router-asns'] as const

/** What says the same here whatever it says: where the API server is, logs, measurements, how often to look again. */
const FREE = new Set(['kubeconfig', 'master', 'v', 'metrics-path', 'metrics-port', 'metrics-addr', 'hostname-override', 'cache-sync-timeout', 'iptables-sync-period', 'ipvs-sync-period', 'routes-sync-period', 'injected-routes-sync-period', 'loadbalancer-sync-period', 'runtime-endpoint', 'service-cluster-ip-range', 'service-node-port-range', 'bgp-graceful-restart-deferral-time', 'gobgp-admin-port', 'enable-ipv4', 'enable-ipv6'])
/** What acts here as its default says, and not otherwise. */
const FIXED: Readonly<Record<string, string>> = {
  'advertise-pod-cidr': 'true', 'auto-mtu': 'true', 'disable-source-dest-check': 'true', 'enable-cni': 'true', 
  'enable-overlay': 'true', 'enable-pprof': 'false', 'cleanup-config': 'false', 'ipvs-graceful-termination': 'false', 'loadbalancer-default-class': 'true', 'nodes-full-mesh': 'true', 'overlay-encap': 'ipip', 'overlay-type': 'subnet',
  'override-nexthop': 'false', 'run-loadbalancer': 'false', 'bgp-graceful-restart-time': '1m30s', 'bgp-holdtime': '1m30s', 'bgp-port': '179', 'health-port': '20244', 'ipvs-graceful-period': '30s', 'overlay-encap-port': '5555',
}
const OTHERS = new Set(['excluded-cidrs', 'loadbalancer-ip-range', 'peer-router-multihop-ttl', 'peer-router-passwords', 'peer-router-passwords-file', 'peer-router-ports', 'service-external-ip-range', 'service-tcp-timeout', 'service-tcpfin-timeout', 'service-udp-timeout', 'help', 'version'])

export function readFlags(args: readonly string[]): Settings | { code: number; message: string } {
  const settings: { -readonly [K in keyof Settings]: Settings[K] } = { ...DEFAULTS }
  const lists = new Map<string, string[]>()
  const isBoolean = (name: string): boolean => name in BOOLEANS || name in ADVERTISE || FIXED[name] === 'true' || FIXED[name] === 'false' || ['help', 'version', 'enable-ipv4', 'enable-ipv6'].includes(name)
  for (let i = 0; i < args.length; i++) {
    const [, name, inline] = /^--([^=]+)(?:=([\s\S]*))?$/.exec(args[i]!) ?? []
    if (name === undefined) continue
    if (!(name in BOOLEANS) && !(name in ADVERTISE) && !PEERS.some((p) => p === name) && !FREE.has(name) && !(name in FIXED) && !OTHERS.has(name) && name !== 'cluster-asn' && name !== 'router-id') return { code: 2, message: `unknown flag: --${name}\n` }
    const value = inline ?? (isBoolean(name) ? 'true' : args[++i])
    if (value === undefined) return { code: 2, message: `flag needs an argument: --${name}\n` }
    if (isBoolean(name) && !/^(1|0|t|f|true|false)$/i.test(value)) return { code: 2, message: `invalid argument "${value}" for "--${name}" flag: strconv.ParseBool: parsing "${value}": invalid syntax\n` }
    const truth = /^(1|t|true)$/i.test(value)
    if (name in BOOLEANS) settings[BOOLEANS[name as keyof typeof BOOLEANS]] = truth
    else if (name in ADVERTISE) settings.advertise = { ...settings.advertise, [ADVERTISE[name as keyof typeof ADVERTISE]]: truth }
    else if (PEERS.some((p) => p === name)) lists.set(name, [...(lists.get(name) ?? []), ...value.split(',').filter((v) => v !== '')])
    else if (name === 'cluster-asn') settings.asn = Number(value)
    else if (name === 'router-id') settings.routerId = value
    else if (!FREE.has(name) && (isBoolean(name) ? String(truth) : value) !== FIXED[name]) return { code: 69, message: `podhop: not simulated: kube-router --${name}=${value} (use its default)\n` }
  }
  const [ips, asns] = PEERS.map((name) => lists.get(name) ?? [])
  const strange = ips!.find((ip) => !isValidIp(ip)) ?? asns!.find((asn) => !/^\d+$/.test(asn))
  if (strange !== undefined) return { code: 2, message: `invalid argument "${strange}" for "--peer-router-${isValidIp(strange) || !ips!.includes(strange) ? 'asns' : 'ips'}" flag: invalid string being converted to ${ips!.includes(strange) ? 'IP address' : 'uint'}: ${strange}\n` }
  if (ips!.length !== asns!.length) return { code: 1, message: 'Failed to create network routes controller: error processing Global Peer Router configs: invalid peer router config, the number of IPs and ASN numbers must be equal\n' }
  settings.peers = ips!.map((ip, i) => ({ ip, asn: Number(asns![i]) }))
  return settings
}
