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

type Defaults = Readonly<Record<string, string>>

const CONF = 'net.ipv4.conf.'
const CONF_DEFAULTS: Defaults = {
  accept_local: '0', arp_announce: '0', arp_ignore: '0', forwarding: '0', proxy_arp: '0', route_localnet: '0', rp_filter: '0',
}

/** Kernel defaults (Documentation/networking/ip-sysctl.rst, nf_conntrack-sysctl.rst). */
const DEFAULTS: Defaults = {
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
const NODE_DEFAULTS: Defaults = {
  ...DEFAULTS,
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
  /** Only what was written; the rest is as the kernel sets it. */
  readonly #values = new Map<string, string>()
  readonly #defaults: Defaults
  /** net.ipv4.conf: "all", "default" and one for each link, by the link's part of the key. */
  readonly #conf = new Map<string, Defaults>([['all', CONF_DEFAULTS], ['default', CONF_DEFAULTS]])
  readonly #links = new Map<string, LinkConf>()

  constructor(kind: 'laptop' | 'node' | 'pod' | 'outside') {
    this.#defaults = kind === 'node' ? NODE_DEFAULTS : DEFAULTS
  }

  get(key: string): string | undefined {
    return this.#value(canonical(key))
  }

  set(written: string, value: string): void {
    const key = canonical(written)
    const old = this.#value(key)
    if (old === undefined) throw new SystemError('ENOENT')
    const text = value.trim().replace(/\s+/g, '\t')
    const numbers = text.split('\t')
    if (numbers.length !== old.split('\t').length || !numbers.every((n) => /^-?[0-9]+$/.test(n))) throw new SystemError('EINVAL')
    if (text === old) return
    const conf = confPart(key)
    if (key === 'net.ipv4.ip_forward' || key === 'net.ipv4.conf.all.forwarding') this.#forwardAll(text)
    else if (conf) this.#conf.set(conf.link, { ...this.#conf.get(conf.link), [conf.name]: text })
    else this.#values.set(key, text)
    if (conf) this.#refresh()
  }

  keys(): readonly string[] {
    const keys = Object.keys(this.#defaults)
    for (const link of this.#conf.keys()) for (const name of Object.keys(CONF_DEFAULTS)) keys.push(`${CONF}${link}.${name}`)
    return keys.sort()
  }

  /** Of a setting that is not an interface's. */
  number(key: string): number {
    return Number(this.#values.get(key) ?? this.#defaults[key] ?? 0)
  }

  flag(key: string): boolean {
    return this.number(key) !== 0
  }

  addLink(name: string): LinkConf {
    const conf: LinkConf = { forwarding: false, proxyArp: false, routeLocalnet: false, acceptLocal: false, rpFilter: 0, arpIgnore: 0 }
    const part = linkPart(name)
    this.#conf.set(part, this.#conf.get('default')!)
    this.#links.set(part, conf)
    this.#refreshLink(part, conf)
    return conf
  }

  removeLink(name: string): void {
    const part = linkPart(name)
    this.#links.delete(part)
    this.#conf.delete(part)
  }

  #value(key: string): string | undefined {
    const conf = confPart(key)
    if (conf) return own(this.#conf.get(conf.link), conf.name)
    return this.#values.get(key) ?? own(this.#defaults, key)
  }

  /** Writing another value to ip_forward resets every interface (inet_forward_change). */
  #forwardAll(forwarding: string): void {
    this.#values.set('net.ipv4.ip_forward', forwarding)
    for (const [part, values] of this.#conf) this.#conf.set(part, { ...values, forwarding })
    this.#refresh()
  }

  #refresh(): void {
    for (const [part, conf] of this.#links) this.#refreshLink(part, conf)
  }

  #refreshLink(part: string, conf: LinkConf): void {
    const values = this.#conf.get(part)!
    const all = this.#conf.get('all')!
    const most = (key: string): number => Math.max(Number(values[key]), Number(all[key]))
    conf.forwarding = Number(values['forwarding']) !== 0
    conf.proxyArp = most('proxy_arp') !== 0
    conf.routeLocalnet = most('route_localnet') !== 0
    conf.acceptLocal = most('accept_local') !== 0
    conf.rpFilter = most('rp_filter')
    conf.arpIgnore = most('arp_ignore')
  }
}

/** "net.ipv4.conf.eth0/1.forwarding" → the link's part and the setting; undefined for what is no interface's. */
function confPart(key: string): { link: string; name: string } | undefined {
  if (!key.startsWith(CONF)) return undefined
  const dot = key.lastIndexOf('.')
  return { link: key.slice(CONF.length, dot), name: key.slice(dot + 1) }
}

function own(values: Defaults | undefined, key: string): string | undefined {
  return values && Object.hasOwn(values, key) ? values[key] : undefined
}

function linkPart(link: string): string {
  return link.replaceAll('.', '/')
}

function canonical(key: string): string {
  const first = key.search(/[./]/)
  if (first < 0 || key[first] === '.') return key
  return key.replace(/[./]/g, (c) => (c === '.' ? '/' : '.'))
}
