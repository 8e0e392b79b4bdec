import { SystemError } from '../machine/errors.ts'
import { SparseMap } from '../sparse.ts'

/** Per-interface settings as the packet path asks for them, "all" already mixed in. */
export interface LinkConf {
  forwarding: boolean
  proxyArp: boolean
  routeLocalnet: boolean
  acceptLocal: boolean
  rpFilter: number
  arpIgnore: number
  srcValidMark: boolean
  /** IPv6: of this interface alone; writing "all" writes every interface. */
  forwarding6: boolean
  disabled6: boolean
}

type Defaults = Readonly<Record<string, string>>

const CONF = 'net.ipv4.conf.'
const CONF_DEFAULTS: Defaults = {
  accept_local: '0', arp_announce: '0', arp_ignore: '0', forwarding: '0', proxy_arp: '0', route_localnet: '0', rp_filter: '0', src_valid_mark: '0',
}

const CONF6 = 'net.ipv6.conf.'
const CONF6_DEFAULTS: Defaults = {
  accept_dad: '1', accept_ra: '1', accept_redirects: '1', addr_gen_mode: '0', autoconf: '1', dad_transmits: '1', disable_ipv6: '0',
  forwarding: '0', hop_limit: '64', keep_addr_on_down: '0', proxy_ndp: '0', use_tempaddr: '0',
}
const CONF6_DISABLED: Defaults = { ...CONF6_DEFAULTS, disable_ipv6: '1' }
/** Writing these to "all" writes them to every interface and to "default" (addrconf_fixup_forwarding, addrconf_disable_ipv6). */
const SPREADING: ReadonlySet<string> = new Set(['forwarding', 'disable_ipv6'])

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
  'net.ipv6.bindv6only': '0',
  'net.ipv6.icmp.echo_ignore_all': '0',
  'net.ipv6.ip_nonlocal_bind': '0',
  'net.ipv6.route.mtu_expires': '600',
  'net.netfilter.nf_conntrack_icmp_timeout': '30',
  'net.netfilter.nf_conntrack_icmpv6_timeout': '30',
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
  readonly #values = new SparseMap<string, string>()
  #defaults: Defaults
  /** Of those that every packet asks for. */
  readonly #numbers = new SparseMap<string, number>()
  /** net.ipv4.conf: "all", "default" and one for each link, by the link's part of the key. */
  readonly #conf = new Map<string, Defaults>([['all', CONF_DEFAULTS], ['default', CONF_DEFAULTS]])
  /** net.ipv6.conf likewise. */
  readonly #conf6 = new Map<string, Defaults>()
  readonly #links = new Map<string, LinkConf>()

  /** Without `ipv6` it is switched off with disable_ipv6, as a machine without IPv6 has it. */
  constructor(kind: 'laptop' | 'node' | 'pod' | 'outside', ipv6 = false) {
    for (const part of ['all', 'default']) this.#conf6.set(part, ipv6 ? CONF6_DEFAULTS : CONF6_DISABLED)
    this.#defaults = kind === 'node' ? NODE_DEFAULTS : DEFAULTS
  }

  /** What a module brings that is loaded now. */
  addDefaults(defaults: Defaults): void {
    this.#defaults = { ...this.#defaults, ...defaults }
    this.#numbers.clear()
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
    this.#numbers.clear()
    const conf = confPart(key)
    if (key === 'net.ipv4.ip_forward' || key === 'net.ipv4.conf.all.forwarding') this.#forwardAll(text)
    else if (conf?.family === 6) this.#set6(conf, text)
    else if (conf) this.#conf.set(conf.link, { ...this.#conf.get(conf.link), [conf.name]: text })
    else this.#values.set(key, text)
    if (conf) this.#refresh()
  }

  /** The kernel starts anew: what was written is forgotten, but for the interfaces' settings of IPv6, which their creation decides. */
  forget(): void {
    for (const key of [...this.#values.keys()]) this.#values.delete(key)
    this.#numbers.clear()
    for (const part of this.#conf.keys()) this.#conf.set(part, CONF_DEFAULTS)
    this.#refresh()
  }

  keys(): readonly string[] {
    const keys = Object.keys(this.#defaults)
    for (const link of this.#conf.keys()) for (const name of Object.keys(CONF_DEFAULTS)) keys.push(`${CONF}${link}.${name}`)
    for (const link of this.#conf6.keys()) for (const name of Object.keys(CONF6_DEFAULTS)) keys.push(`${CONF6}${link}.${name}`)
    return keys.sort()
  }

  /** Of a setting that is not an interface's. */
  number(key: string): number {
    return this.known(key) ?? 0
  }

  /** Undefined: there is no such setting. */
  known(key: string): number | undefined {
    let number = this.#numbers.get(key)
    if (number === undefined) {
      const text = this.#values.get(key) ?? own(this.#defaults, key)
      if (text === undefined) return undefined
      this.#numbers.set(key, (number = Number(text)))
    }
    return number
  }

  /** A setting of IPv6 as "all" has it. */
  flag6(name: string): boolean {
    return Number(this.#conf6.get('all')![name]) !== 0
  }

  flag(key: string): boolean {
    return this.number(key) !== 0
  }

  addLink(name: string): LinkConf {
    const conf: LinkConf = { forwarding: false, proxyArp: false, routeLocalnet: false, acceptLocal: false, rpFilter: 0, arpIgnore: 0, srcValidMark: false, forwarding6: false, disabled6: false }
    const part = linkPart(name)
    this.#conf.set(part, this.#conf.get('default')!)
    this.#conf6.set(part, this.#conf6.get('default')!)
    this.#links.set(part, conf)
    this.#refreshLink(part, conf)
    return conf
  }

  renameLink(name: string, to: string): void {
    for (const map of [this.#conf, this.#conf6, this.#links] as Map<string, unknown>[]) {
      map.set(linkPart(to), map.get(linkPart(name)))
      map.delete(linkPart(name))
    }
  }

  removeLink(name: string): void {
    const part = linkPart(name)
    this.#links.delete(part)
    this.#conf.delete(part)
    this.#conf6.delete(part)
  }

  #value(key: string): string | undefined {
    const conf = confPart(key)
    if (conf) return own((conf.family === 4 ? this.#conf : this.#conf6).get(conf.link), conf.name)
    return this.#values.get(key) ?? own(this.#defaults, key)
  }

  /** Writing another value to ip_forward resets every interface (inet_forward_change). */
  #forwardAll(forwarding: string): void {
    this.#values.set('net.ipv4.ip_forward', forwarding)
    for (const [part, values] of this.#conf) this.#conf.set(part, { ...values, forwarding })
    this.#refresh()
  }

  #set6({ link, name }: { link: string; name: string }, text: string): void {
    const parts = link === 'all' && SPREADING.has(name) ? [...this.#conf6.keys()] : [link]
    for (const part of parts) this.#conf6.set(part, { ...this.#conf6.get(part), [name]: text })
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
    conf.srcValidMark = most('src_valid_mark') !== 0
    const v6 = this.#conf6.get(part)!
    conf.forwarding6 = Number(v6['forwarding']) !== 0
    conf.disabled6 = Number(v6['disable_ipv6']) !== 0
  }
}

/** "net.ipv4.conf.eth0/1.forwarding" → the link's part and the setting; undefined for what is no interface's. */
function confPart(key: string): { family: 4 | 6; link: string; name: string } | undefined {
  const family = key.startsWith(CONF) ? 4 : key.startsWith(CONF6) ? 6 : undefined
  if (!family) return undefined
  const dot = key.lastIndexOf('.')
  return { family, link: key.slice(CONF.length, dot), name: key.slice(dot + 1) }
}

function own(values: Defaults | undefined, key: string): string | undefined {
  return values && Object.hasOwn(values, key) ? values[key] : undefined
}

function linkPart(link: string): string {
  return link.replaceAll('.', '/')
}

const canonicalKeys = new Map<string, string>()

function canonical(written: string): string {
  let key = canonicalKeys.get(written)
  if (key === undefined) {
    if (canonicalKeys.size >= 4096) canonicalKeys.clear()
    canonicalKeys.set(written, (key = withDots(written)))
  }
  return key
}

function withDots(key: string): string {
  const first = key.search(/[./]/)
  if (first < 0 || key[first] === '.') return key
  return key.replace(/[./]/g, (c) => (c === '.' ? '/' : '.'))
}
