import { SystemError } from '../machine/errors.ts'

/** Per-interface settings as the packet path asks for them, "all" already mixed in. */
export interface LinkConf {
  forwarding: boolean
  proxyArp: boolean
  routeLocalnet: boolean
  acceptLocal: boolean
  rpFilter: number
  arpIgnore: number
}

const CONF_DEFAULTS: Readonly<Record<string, string>> = {
  accept_local: '0', arp_announce: '0', arp_ignore: '0', forwarding: '0', proxy_arp: '0', route_localnet: '0', rp_filter: '0',
}

/** Kernel defaults (Documentation/networking/ip-sysctl.rst, nf_conntrack-sysctl.rst). */
const DEFAULTS: Readonly<Record<string, string>> = {
  'net.core.somaxconn': '4096',
  'net.ipv4.icmp_echo_ignore_all': '0',
  'net.ipv4.icmp_echo_ignore_broadcasts': '1',
  'net.ipv4.ip_default_ttl': '64',
  'net.ipv4.ip_forward': '0',
  'net.ipv4.ip_local_port_range': '32768\t60999',
  'net.ipv4.ip_nonlocal_bind': '0',
  'net.ipv4.ip_unprivileged_port_start': '1024',
  'net.ipv4.ping_group_range': '0\t2147483647',
  'net.ipv4.tcp_fin_timeout': '60',
  'net.ipv4.tcp_keepalive_intvl': '75',
  'net.ipv4.tcp_keepalive_probes': '9',
  'net.ipv4.tcp_keepalive_time': '7200',
  'net.ipv4.tcp_max_syn_backlog': '512',
  'net.ipv4.tcp_retries2': '15',
  'net.ipv4.tcp_syn_retries': '6',
  'net.ipv4.tcp_synack_retries': '5',
  'net.netfilter.nf_conntrack_icmp_timeout': '30',
  'net.netfilter.nf_conntrack_max': '262144',
  'net.netfilter.nf_conntrack_tcp_be_liberal': '0',
  'net.netfilter.nf_conntrack_tcp_timeout_close_wait': '60',
  'net.netfilter.nf_conntrack_tcp_timeout_established': '432000',
  'net.netfilter.nf_conntrack_tcp_timeout_time_wait': '120',
  'net.netfilter.nf_conntrack_udp_timeout': '30',
  'net.netfilter.nf_conntrack_udp_timeout_stream': '120',
}

/** The module br_netfilter is loaded on nodes only, as Kubernetes asks for. */
const BRIDGE_DEFAULTS: Readonly<Record<string, string>> = {
  'net.bridge.bridge-nf-call-arptables': '1',
  'net.bridge.bridge-nf-call-ip6tables': '1',
  'net.bridge.bridge-nf-call-iptables': '1',
}

/**
 * The settings below net. of one network namespace. A key is written as sysctl(8) prints it: parts divided by ".",
 * a "." inside an interface's name as "/"; the form with the two swapped ("net/ipv4/conf/eth0.1/forwarding") is
 * understood as well.
 */
export class Sysctls {
  readonly #values = new Map<string, string>()
  readonly #confs = new Map<string, LinkConf>()

  constructor(kind: 'laptop' | 'node' | 'pod' | 'outside') {
    for (const [key, value] of Object.entries(DEFAULTS)) this.#values.set(key, value)
    if (kind === 'node') for (const [key, value] of Object.entries(BRIDGE_DEFAULTS)) this.#values.set(key, value)
    for (const part of ['all', 'default']) {
      for (const [key, value] of Object.entries(CONF_DEFAULTS)) this.#values.set(`net.ipv4.conf.${part}.${key}`, value)
    }
  }

  get(key: string): string | undefined {
    return this.#values.get(canonical(key))
  }

  set(written: string, value: string): void {
    const key = canonical(written)
    const old = this.#values.get(key)
    if (old === undefined) throw new SystemError('ENOENT')
    const text = value.trim().replace(/\s+/g, '\t')
    const numbers = text.split('\t')
    if (numbers.length !== old.split('\t').length || !numbers.every((n) => /^-?[0-9]+$/.test(n))) throw new SystemError('EINVAL')
    this.#values.set(key, text)
    if (key === 'net.ipv4.ip_forward' || key === 'net.ipv4.conf.all.forwarding') this.#forwardAll(text)
    if (key.startsWith('net.ipv4.conf.')) this.#refresh()
  }

  keys(): readonly string[] {
    return [...this.#values.keys()].sort()
  }

  number(key: string): number {
    return Number(this.#values.get(key) ?? 0)
  }

  flag(key: string): boolean {
    return this.number(key) !== 0
  }

  addLink(name: string): LinkConf {
    const conf: LinkConf = { forwarding: false, proxyArp: false, routeLocalnet: false, acceptLocal: false, rpFilter: 0, arpIgnore: 0 }
    for (const key of Object.keys(CONF_DEFAULTS)) this.#values.set(confKey(name, key), this.#values.get(`net.ipv4.conf.default.${key}`)!)
    this.#confs.set(name, conf)
    this.#refresh()
    return conf
  }

  removeLink(name: string): void {
    this.#confs.delete(name)
    for (const key of Object.keys(CONF_DEFAULTS)) this.#values.delete(confKey(name, key))
  }

  /** Writing ip_forward resets every interface (inet_forward_change). */
  #forwardAll(value: string): void {
    this.#values.set('net.ipv4.ip_forward', value)
    for (const part of ['all', 'default', ...this.#confs.keys()]) this.#values.set(confKey(part, 'forwarding'), value)
    this.#refresh()
  }

  #refresh(): void {
    for (const [name, conf] of this.#confs) {
      const own = (key: string): number => this.number(confKey(name, key))
      const most = (key: string): number => Math.max(own(key), this.number(`net.ipv4.conf.all.${key}`))
      conf.forwarding = own('forwarding') !== 0
      conf.proxyArp = most('proxy_arp') !== 0
      conf.routeLocalnet = most('route_localnet') !== 0
      conf.acceptLocal = most('accept_local') !== 0
      conf.rpFilter = most('rp_filter')
      conf.arpIgnore = most('arp_ignore')
    }
  }
}

function confKey(link: string, key: string): string {
  return `net.ipv4.conf.${link.replaceAll('.', '/')}.${key}`
}

function canonical(key: string): string {
  const first = key.search(/[./]/)
  if (first < 0 || key[first] === '.') return key
  return key.replace(/[./]/g, (c) => (c === '.' ? '/' : '.'))
}
