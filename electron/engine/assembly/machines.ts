import type { Clock } from '../clock.ts'
import { internetProgram } from '../cloud/internet.ts'
import { PUBLIC_RESOLVERS, SITES } from '../cloud/zone.ts'
import { POOL, POOL6 } from '../cloud/load-balancer.ts'
import { MemoryFilesystem } from '../machine/filesystem.ts'
import { layOutLinux } from '../machine/linux.ts'
import { createMachine } from '../machine/machine.ts'
import type { Machine, ProgramTable } from '../machine/types.ts'
import { EXTRAS, debianUserland, installUserland } from '../machine/userland.ts'
import { broadcastOption, networkOf, nthAddress, prefixLength } from '../network/address.ts'
import type { Network } from '../network/fabric.ts'
import type { Namespace } from '../network/namespace.ts'
import type { Switch } from '../network/switch.ts'
import type { NetworkNamespace } from '../network/types.ts'
import { kubeadmConfig } from '../node/kubeconfig.ts'
import { Bgpd, type Place } from '../programs/frr/bgpd.ts'
import { vtysh } from '../programs/frr/vtysh.ts'
import { encodeUtf8 } from '../text.ts'
import { BALANCER, BALANCER6, nodeIps, UNDERLAY, UNDERLAY6, type ClusterConfig } from '../config.ts'
import { LAPTOP_FILES, LAPTOP_KUBECONFIG, LAPTOP_SSH_CONFIG, LAPTOP_TOOLS, NODE_TOOLS, sshConfig, STUDENT } from './files.ts'

/**
 * The machines of a cluster's world. The nodes stand on one wire, the underlay. Its first address is a router, behind
 * which lies the outside: the student's laptop, another client, and a machine that stands for the internet
 * (addresses of RFC 5737).
 */
const OUTSIDE = '192.0.2.0/24'
/** RFC 3849, in a dual-stack world. */
const OUTSIDE6 = '2001:db8::/64'
const HOSTS = { router: 1, laptop: 10, external: 20, balancer: 40, internet: 53 }

export interface World {
  readonly laptop: Machine
  readonly external: Machine
  readonly internet: Machine
  readonly nodes: ReadonlyMap<string, Machine>
  readonly underlay: Switch
  /** The first address of the underlay: what lies outside is behind it. It has FRR, which speaks BGP with those that its vtysh is told of. */
  readonly router: Machine
  /** The cloud's, where there is a cloud. */
  readonly balancer: Namespace | undefined
}

export function buildMachines(clock: Clock, network: Network, programs: ProgramTable, { nodes, cloud, ipFamilies, seed }: Pick<ClusterConfig, 'nodes' | 'cloud' | 'ipFamilies' | 'seed'>): World {
  const underlay = network.createSwitch('underlay')
  const outside = network.createSwitch('outside')
  const dual = ipFamilies.includes('IPv6')
  const inPrefix = (prefix: string, host: number): string => `${nthAddress(prefix, host)}/${prefixLength(prefix)}`
  const addresses = (host: number): string[] => [OUTSIDE, ...(dual ? [OUTSIDE6] : [])].map((prefix) => inPrefix(prefix, host))

  const router = network.createNamespace({ name: 'outside', kind: 'outside' })
  plug(network, router, 'eth0', underlay, [UNDERLAY, ...(dual ? [UNDERLAY6] : [])].map((prefix) => inPrefix(prefix, 1)))
  plug(network, router, 'eth1', outside, addresses(HOSTS.router))
  router.setSysctl('net.ipv4.ip_forward', '1')
  if (dual) router.setSysctl('net.ipv6.conf.all.forwarding', '1')

  const toBalancer = cloud !== 'loadbalancer' ? [] : [
    { destination: POOL, via: nthAddress(OUTSIDE, HOSTS.balancer), device: 'eth0' },
    ...(dual ? [{ destination: POOL6, via: nthAddress(OUTSIDE6, HOSTS.balancer), device: 'eth0' }] : []),
  ]
  const outer = (name: string, kind: NetworkNamespace['kind'], host: number): NetworkNamespace => {
    const namespace = network.createNamespace({ name, kind, ...(kind === 'laptop' ? { ipv6: true } : {}) })
    plug(network, namespace, 'eth0', outside, addresses(host))
    namespace.routes.add({ destination: networkOf(UNDERLAY), via: nthAddress(OUTSIDE, HOSTS.router), device: 'eth0' })
    for (const route of toBalancer) namespace.routes.add(route)
    if (host !== HOSTS.internet) namespace.routes.add({ destination: '0.0.0.0/0', via: nthAddress(OUTSIDE, HOSTS.internet), device: 'eth0' })
    if (dual) namespace.routes.add({ destination: UNDERLAY6, via: nthAddress(OUTSIDE6, HOSTS.router), device: 'eth0' })
    if (dual && host !== HOSTS.internet) namespace.routes.add({ destination: '::/0', via: nthAddress(OUTSIDE6, HOSTS.internet), device: 'eth0' })
    return namespace
  }
  // who is outside asks the resolver of the internet, and so do the nodes
  const resolver = `nameserver ${nthAddress(OUTSIDE, HOSTS.internet)}\n`
  const nodeResolver = ipFamilies.includes('IPv4') ? resolver : `nameserver ${nthAddress(OUTSIDE6, HOSTS.internet)}\n`

  const laptop = machine(clock, programs, outer('laptop', 'laptop', HOSTS.laptop), 'laptop', {
    hostname: 'podhop', resolver, user: STUDENT, tools: LAPTOP_TOOLS, files: LAPTOP_FILES,
    late: { [LAPTOP_KUBECONFIG]: () => kubeadmConfig('admin', { apiServer: nodes.find((n) => n.role === 'control-plane')?.ip ?? nodes[0]!.ip, seed, born: clock.epoch }), [LAPTOP_SSH_CONFIG]: () => sshConfig(nodes) },
  })
  const external = machine(clock, programs, outer('external', 'outside', HOSTS.external), 'node', { hostname: 'external', resolver, tools: NODE_TOOLS })
  const internet = machine(clock, programs, outer('internet', 'outside', HOSTS.internet), 'node', { hostname: 'internet', resolver: 'nameserver 127.0.0.1\n', tools: [] })
  const sites = (prefix: string): string[] => Array.from({ length: SITES }, (_, i) => nthAddress(prefix, HOSTS.internet + i))
  for (const prefix of dual ? [OUTSIDE, OUTSIDE6] : [OUTSIDE]) for (const site of sites(prefix).slice(1)) internet.network.addAddress('eth0', `${site}/${prefixLength(prefix)}`)
  for (const { addresses: v4, ipv6 } of PUBLIC_RESOLVERS) for (const address of dual ? [...v4, ...ipv6] : v4) internet.network.addAddress('lo', `${address}/${address.includes(':') ? 128 : 32}`)
  internet.start({ argv: ['internet'], program: internetProgram(sites(OUTSIDE), dual ? sites(OUTSIDE6) : []), files: new Map() })
  router.routes.add({ destination: '0.0.0.0/0', via: nthAddress(OUTSIDE, HOSTS.internet), device: 'eth1' })
  if (dual) router.routes.add({ destination: '::/0', via: nthAddress(OUTSIDE6, HOSTS.internet), device: 'eth1' })

  const balancer = toBalancer.length > 0 ? network.createNamespace({ name: 'load-balancer', kind: 'outside' }) : undefined
  if (balancer) {
    plug(network, balancer, 'eth0', outside, addresses(HOSTS.balancer))
    plug(network, balancer, 'eth1', underlay, [`${BALANCER}/${prefixLength(UNDERLAY)}`, ...(dual ? [`${BALANCER6}/${prefixLength(UNDERLAY6)}`] : [])])
    balancer.setSysctl('net.ipv4.ip_forward', '1')
    if (dual) balancer.setSysctl('net.ipv6.conf.all.forwarding', '1')
    for (const route of toBalancer) router.routes.add({ ...route, device: 'eth1' })
  }

  const made = new Map<string, Machine>()
  const names = nodes.flatMap((n) => nodeIps(n).map((ip) => `${ip}\t${n.name}\n`)).join('')
  const base = installed(clock, { hostname: '-', resolver: nodeResolver, tools: NODE_TOOLS })
  for (const node of nodes) {
    const namespace = network.createNamespace({ name: node.name, kind: 'node' })
    network.createNic(namespace, 'eth0', underlay)
    namespace.setUp('eth0', true)
    configureNode(namespace, 'eth0', nodeIps(node))
    made.set(node.name, machine(clock, programs, namespace, 'node', { hostname: node.name, resolver: nodeResolver, tools: NODE_TOOLS, names, base }))
  }
  const gateway = machine(clock, programs, router, 'node', { hostname: router.name, resolver, tools: NODE_TOOLS, names, base })
  installFrr(gateway, { address: nthAddress(UNDERLAY, HOSTS.router), via: nthAddress(OUTSIDE, HOSTS.router), ...(dual ? { address6: nthAddress(UNDERLAY6, HOSTS.router), via6: nthAddress(OUTSIDE6, HOSTS.router) } : {}) }, [laptop, external, internet].map((m) => m.network))
  return { laptop, external, internet, nodes: made, underlay, router: gateway, balancer }
}

/** The router's FRR; whoever else stands outside learns its routes. */
function installFrr({ clock, fs, network, programs }: Machine, place: Place, hosts: readonly NetworkNamespace[]): void {
  let bgpd: Bgpd | undefined
  programs.register('vtysh', vtysh(() => (bgpd ??= new Bgpd(clock, network, place, () => hosts))))
  ;(fs as MemoryFilesystem).installProgram('/usr/bin/vtysh', 'vtysh')
}

/** What a node's own files say of its network, at each of its starts. */
export function configureNode(network: NetworkNamespace, device: string, ips: readonly string[]): void {
  for (const ip of ips) {
    const six = ip.includes(':')
    const wire = six ? UNDERLAY6 : UNDERLAY
    const address = `${ip}/${prefixLength(wire)}`
    if (!network.links.get(device)!.addresses.some((a) => a.address === ip)) network.addAddress(device, address, broadcastOption(address))
    network.routes.add({ destination: six ? '::/0' : '0.0.0.0/0', via: nthAddress(wire, 1), device }, { replace: true })
    // as kubeadm's preflight checks want it
    network.setSysctl(six ? 'net.ipv6.conf.all.forwarding' : 'net.ipv4.ip_forward', '1')
  }
}

function plug(network: Network, namespace: NetworkNamespace, name: string, wire: Switch, addresses: readonly string[]): void {
  network.createNic(namespace, name, wire)
  namespace.setUp(name, true)
  for (const address of addresses) namespace.addAddress(name, address, broadcastOption(address))
}

/** Debian's: a person adds names of tables here. */
const RT_TABLES = '#\n# reserved values\n#\n255\tlocal\n254\tmain\n253\tdefault\n0\tunspec\n#\n# local\n#\n#1\tinr.ruhep\n'

interface MachineSetup {
  hostname: string
  resolver: string
  tools: readonly string[]
  user?: typeof STUDENT
  files?: Readonly<Record<string, string>>
  /** What is made when somebody reads it, for its owner alone. */
  late?: Readonly<Record<string, () => string>>
  /** Lines of /etc/hosts for the other machines. */
  names?: string
  /** What machines of its kind have in common; without it, it is installed here. */
  base?: MemoryFilesystem
}

/** A machine's files, as its installer leaves them. */
function installed(clock: Clock, { hostname, resolver, tools, user }: MachineSetup): MemoryFilesystem {
  const fs = new MemoryFilesystem({ clock })
  layOutLinux(fs, { hostname, ...(user ? { user } : {}) })
  installUserland(fs, debianUserland([...EXTRAS, ...tools]))
  fs.writeFile('/etc/resolv.conf', resolver)
  fs.makeDirectory('/etc/iproute2', { parents: true })
  fs.writeFile('/etc/iproute2/rt_tables', RT_TABLES)
  fs.writeFile('/etc/hosts', '')
  return fs
}

/** As Debian's installer leaves them. */
const HOSTS6 = '\n# The following lines are desirable for IPv6 capable hosts\n::1     localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n'

function machine(clock: Clock, programs: ProgramTable, network: NetworkNamespace, kind: Machine['kind'], setup: MachineSetup): Machine {
  const { hostname, user, names = '', base } = setup
  const fs = base ? new MemoryFilesystem({ clock, base }) : installed(clock, setup)
  if (base) fs.writeFile('/etc/hostname', `${hostname}\n`)
  fs.writeLate('/etc/hosts', () => encodeUtf8(`127.0.0.1\tlocalhost\n127.0.1.1\t${hostname}\n${HOSTS6}${names}`))
  const laid = (path: string, write: () => void): void => {
    const folder = path.slice(0, path.lastIndexOf('/'))
    fs.makeDirectory(folder, { parents: true })
    write()
    if (user) for (const owned of [path, folder]) fs.chown(owned, user.uid, user.gid)
  }
  for (const [path, text] of Object.entries(setup.files ?? {})) laid(path, () => fs.writeFile(path, text))
  for (const [path, make] of Object.entries(setup.late ?? {})) {
    laid(path, () => fs.writeLate(path, () => encodeUtf8(make())))
    fs.chmod(path, 0o600)
  }
  const home = user?.home ?? '/root'
  return createMachine({
    kind, name: network.name, hostname, clock, fs, network, programs, ...(user ? { user } : {}),
    env: {
      HOME: home, USER: user?.name ?? 'root', LOGNAME: user?.name ?? 'root', SHELL: '/bin/bash', LANG: 'C.UTF-8',
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', TERM: 'xterm-256color', PWD: home,
    },
  })
}
