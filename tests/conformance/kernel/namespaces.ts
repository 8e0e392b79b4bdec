import { execFileSync, spawn, spawnSync } from 'node:child_process'
import type { LinuxBridge } from '../../../electron/engine/network/bridge.ts'
import { formatRoute } from '../../../electron/engine/network/format.ts'
import type { Link, NetworkNamespace, VxlanLink } from '../../../electron/engine/network/types.ts'

/**
 * The Linux kernel as referee: makes real network namespaces of the same links, addresses, routes, neighbours, settings
 * and rules as simulated ones have, and asks for the same connections there. Needs Linux, root, iproute2, iptables,
 * nft and python3.
 */
const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`
const SETTINGS = [
  'net.ipv4.ip_forward', 'net.ipv4.conf.all.rp_filter', 'net.ipv4.conf.default.rp_filter', 'net.ipv4.conf.all.route_localnet', 'net.bridge.bridge-nf-call-iptables',
]
const SETTINGS6 = ['net.ipv6.conf.all.forwarding', 'net.bridge.bridge-nf-call-ip6tables']
/** Addresses are there at once, and there is nobody to ask for more. */
const QUIET6 = 'net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.dad_transmits=0 net.ipv6.conf.default.router_solicitations=0 net.ipv6.icmp.ratelimit=0'

/** Why it cannot be the referee of IPv6, if it can of IPv4. */
export function kernelMissing6(): string | undefined {
  const tried = spawnSync('unshare', ['-n', 'sh', '-ec', `
    ip link set lo up; ip -6 addr show dev lo | grep ::1; ip6tables-restore --version; sysctl net.ipv6.conf.all.forwarding
    ip6tables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -m statistic --mode random --probability 0.5`], { env: { PATH }, encoding: 'utf8' })
  return tried.status === 0 ? undefined : (tried.error?.message ?? tried.stderr.trim().split('\n').at(-1)) || 'it has no IPv6'
}

/** Why the kernel here cannot be the referee; undefined: it can. */
export function kernelMissing(): string | undefined {
  const tried = spawnSync('unshare', ['-n', 'sh', '-ec', `
    ip link add br0 type bridge; ip link add ve0 type veth peer name ve1; ip link add vx0 type vxlan id 1 dstport 8472
    sysctl net.bridge.bridge-nf-call-iptables; iptables-restore --version; iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -m statistic --mode random --probability 0.5
    nft list ruleset; python3 --version; ip netns list`], { env: { PATH }, encoding: 'utf8' })
  return tried.status === 0 ? undefined : (tried.error?.message ?? tried.stderr.trim().split('\n').at(-1)) || 'it failed'
}

const shell = (script: string, input?: string): string =>
  execFileSync('bash', ['-e', '-c', script], { env: { PATH }, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], ...(input === undefined ? {} : { input }) })

/** Says who it is and whom it sees, to whoever connects or sends. */
const SERVER = `
import socket, sys, threading
def tcp(port, any='0.0.0.0', family=socket.AF_INET):
    s = socket.socket(family); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((any, port)); s.listen(512)
    while True:
        c, a = s.accept(); c.sendall((sys.argv[1] + ' ' + a[0]).encode()); c.close()
def udp(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.IPPROTO_IP, 8, 1); s.bind(('0.0.0.0', port))
    while True:
        d, anc, _, a = s.recvmsg(100, 100)
        # answers leave from the address that was asked
        s.sendmsg([(sys.argv[1] + ' ' + a[0]).encode()], [(socket.IPPROTO_IP, 8, b'\\0' * 4 + anc[0][2][8:12] + b'\\0' * 4)] if anc else [], 0, a)
def tcp6(port): tcp(port, '::', socket.AF_INET6)
def udp6(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.setsockopt(socket.IPPROTO_IPV6, 49, 1); s.bind(('::', port))
    while True:
        d, anc, _, a = s.recvmsg(100, 100)
        s.sendmsg([(sys.argv[1] + ' ' + a[0]).encode()], [(socket.IPPROTO_IPV6, 50, anc[0][2][:16] + b'\\0' * 4)] if anc else [], 0, a)
for p in sys.argv[2:]:
    kind, port = p.split(':'); threading.Thread(target={'tcp': tcp, 'udp': udp, 'tcp6': tcp6, 'udp6': udp6}[kind], args=(int(port),)).start()
print('ready', flush=True)
`
/** Tries "protocol address port" of each line of its input, all at the same time. */
const CLIENT = `
import socket, sys, threading, errno
out = {}
def go(i, kind, a, p):
    s = socket.socket(socket.AF_INET6 if ':' in a else socket.AF_INET, socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM); s.settimeout(5)
    try:
        s.connect((a, int(p)))
        if kind == 'udp': s.send(b'?')
        out[i] = s.recv(100).decode()
    except ConnectionRefusedError: out[i] = 'refused'
    except (TimeoutError, PermissionError): out[i] = 'timeout'
    except OSError as e: out[i] = 'unreachable' if e.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH) else str(e)
t = [threading.Thread(target=go, args=(i, *l.split())) for i, l in enumerate(sys.stdin.read().splitlines())]
[x.start() for x in t]; [x.join() for x in t]
for i in range(len(t)): print(out.get(i, 'no answer'))
`

export interface Probe { from: NetworkNamespace; protocol: 'tcp' | 'udp'; to: string; port: number }

export class KernelWorld {
  readonly #names = new Map<NetworkNamespace, string>()
  readonly #wires: string
  #servers: ReturnType<typeof spawn>[] = []

  constructor(namespaces: readonly NetworkNamespace[]) {
    const id = `ph${process.pid}x${Math.floor(performance.now())}`
    this.#wires = `${id}w`
    namespaces.forEach((n, i) => this.#names.set(n, `${id}n${i}`))
  }

  /** Builds the namespaces; rules come in as their own tools read them. */
  build(iptables: 'iptables' | 'iptables-legacy' = 'iptables'): void {
    const spaces = [...this.#names.values(), this.#wires]
    const lines = [...spaces.map((s) => `ip netns add ${s}; ip -n ${s} link set lo up`), `ip -n ${this.#wires} link add underlay type bridge`, `ip -n ${this.#wires} link set underlay up`]
    for (const [namespace, name] of this.#names) lines.push(...this.#links(namespace, name))
    for (const [namespace, name] of this.#names) lines.push(...this.#addresses(namespace, name))
    for (const [namespace, name] of this.#names) lines.push(...this.#routes(namespace, name))
    shell(lines.join('\n'))
    for (const [namespace, name] of this.#names) {
      const { netfilter } = namespace
      for (const [rules, tool] of [[netfilter.save(), iptables], [namespace.ipv6 ? namespace.netfilter6.save() : '', iptables.replace('ip', 'ip6')]] as const) {
        if (rules.includes('\n-A ')) shell(`ip netns exec ${name} ${tool}-restore`, rules)
      }
      // the world outside is larger than its one machine: what nobody there has is lost without a word
      if (namespace.kind === 'outside' && namespace.ipv6) shell(`ip netns exec ${name} ${iptables.replace('ip', 'ip6')} -A OUTPUT -p icmpv6 --icmpv6-type no-route -j DROP`)
      if (netfilter.hasNftables) shell(`ip netns exec ${name} nft -f -`, netfilter.nftables.run('list ruleset').stdout)
    }
  }

  #links(namespace: NetworkNamespace, name: string): string[] {
    const keys = (namespace.ipv6 ? [...SETTINGS, ...SETTINGS6] : SETTINGS).flatMap((key) => {
      const value = namespace.sysctl(key)
      return value === undefined ? [] : [`${key}=${value}`]
    })
    // limits of ICMP errors would make many tries at once differ
    const lines = [`ip netns exec ${name} sysctl -qw ${keys.join(' ')} net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_ratemask=0 net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=100000${namespace.ipv6 ? ` ${QUIET6}` : ''}`]
    for (const link of namespace.links.values()) {
      if (link.kind === 'loopback') continue
      if (link.kind === 'nic') lines.push(`ip -n ${name} link add ${link.name} address ${link.mac} type veth peer name p${name.slice(-9)} netns ${this.#wires}`, `ip -n ${this.#wires} link set p${name.slice(-9)} master underlay up`)
      else if (link.kind === 'bridge') lines.push(`ip -n ${name} link add ${link.name} address ${link.mac} type bridge`)
      else if (link.kind === 'veth') lines.push(...this.#veth(link, name))
      else if (link.kind === 'vxlan') lines.push(`ip -n ${name} link add ${link.name} address ${link.mac} type vxlan ${vxlan(link as VxlanLink)}`)
      else if (link.kind === 'dummy') lines.push(`ip -n ${name} link add ${link.name} address ${link.mac} type dummy`)
      else throw new Error(`the kernel here has no ${link.kind}`)
    }
    return lines
  }

  /** Both ends at once, by the end that comes first. */
  #veth(link: Link, name: string): string[] {
    const peer = link.peer!
    const there = this.#names.get(peer.namespace)
    if (there === undefined) throw new Error(`${link.name}: the other end is in ${peer.namespace.name}`)
    if (link.namespace.kind === 'pod') return []
    return [`ip -n ${name} link add ${link.name} address ${link.mac} type veth peer name ${peer.name} address ${peer.mac} netns ${there}`]
  }

  #addresses(namespace: NetworkNamespace, name: string): string[] {
    const lines: string[] = []
    for (const link of namespace.links.values()) {
      if (link.kind === 'loopback') continue
      lines.push(`ip -n ${name} link set ${link.name} mtu ${link.mtu}`)
      if (link.master) {
        const hairpin = (link.master as LinuxBridge).isHairpin(link)
        lines.push(`ip -n ${name} link set ${link.name} master ${link.master.name}`, `bridge -n ${name} link set dev ${link.name} hairpin ${hairpin ? 'on' : 'off'}`)
      }
      for (const { address, prefixLength, broadcast } of link.addresses) {
        // those of the link alone follow from its MAC address, there as here
        if (address.startsWith('fe80')) continue
        lines.push(`ip -n ${name} addr add ${address}/${prefixLength} ${broadcast ? `brd ${broadcast} ` : ''}dev ${link.name}${address.includes(':') ? ' nodad' : ''}`)
      }
      if (link.up) lines.push(`ip -n ${name} link set ${link.name} up`)
      if (link.kind === 'vxlan') lines.push(...(link as VxlanLink).forwarding().map(({ mac, vtep }) => `bridge -n ${name} fdb append ${mac} dev ${link.name} dst ${vtep}`))
    }
    return lines
  }

  #routes(namespace: NetworkNamespace, name: string): string[] {
    const routes = [...namespace.routes.list('main', 4), ...(namespace.ipv6 ? namespace.routes.list('main', 6) : [])].filter((r) => r.protocol !== 'kernel')
    // gateways must be reachable before: direct routes first
    const ordered = [...routes.filter((r) => !r.via), ...routes.filter((r) => r.via)]
    return [
      ...ordered.map((r) => `ip -n ${name} ${r.destination.includes(':') ? '-6 ' : ''}route replace ${formatRoute(r)}`),
      ...namespace.neighbours.list().filter((n) => n.state === 'PERMANENT').map((n) => `ip -n ${name} neigh replace ${n.ip} lladdr ${n.mac} dev ${n.device} nud permanent`),
    ]
  }

  /** Servers on "tcp:80" and the like; they are there when the promise is. */
  async serve(namespace: NetworkNamespace, name: string, ports: readonly string[]): Promise<void> {
    const child = spawn('ip', ['netns', 'exec', this.#names.get(namespace)!, 'python3', '-c', SERVER, name, ...ports], { env: { PATH }, stdio: ['ignore', 'pipe', 'inherit'] })
    this.#servers.push(child)
    await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
  }

  /** What comes of each, in their order: "web0 10.244.1.3" (who answered, and whom it saw), refused, unreachable, timeout. */
  async connect(probes: readonly Probe[]): Promise<string[]> {
    const answers = new Map<Probe, string>()
    await Promise.all([...this.#names].map(async ([namespace, name]) => {
      const own = probes.filter((p) => p.from === namespace)
      if (own.length === 0) return
      const child = spawn('ip', ['netns', 'exec', name, 'python3', '-c', CLIENT], { env: { PATH }, stdio: ['pipe', 'pipe', 'inherit'] })
      let out = ''
      child.stdout.on('data', (data: Uint8Array) => (out += String(data)))
      child.stdin.end(own.map((p) => `${p.protocol} ${p.to} ${p.port}\n`).join(''))
      await new Promise((resolve) => child.on('close', resolve))
      const lines = out.split('\n')
      own.forEach((p, i) => answers.set(p, lines[i]!))
    }))
    return probes.map((p) => answers.get(p)!)
  }

  remove(): void {
    for (const server of this.#servers) server.kill('SIGKILL')
    for (const space of [...this.#names.values(), this.#wires]) spawnSync('ip', ['netns', 'del', space], { env: { PATH } })
  }
}

function vxlan(link: VxlanLink): string {
  return `id ${link.vni} local ${link.local} dev ${link.underlay} dstport ${link.port} ${link.learning ? 'learning' : 'nolearning'}`
}
