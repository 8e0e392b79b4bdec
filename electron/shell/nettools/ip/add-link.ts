import { isValidIp, SystemError, type NetworkNamespace, type NewLink } from '../../../engine/cluster.ts'
import { bondSpec, bridgeSpec, ipvlanSpec, macvlanSpec, vlanSpec } from './stacked-kinds.ts'
import { nextWord, numberWord, permit, Refusal, requireLink, type Options } from './common.ts'

/** `ip link add [name] NAME [mtu N] [address MAC] type KIND …` (ip-link(8)) for the kinds that are simulated. */
export function addLink(network: NetworkNamespace, args: string[], options: Options): string {
  const general: { name?: string; underlay?: string; mtu?: number; mac?: string } = {}
  let kind: string | undefined
  while (args.length > 0 && kind === undefined) {
    const word = args.shift()!
    if (word === 'type') kind = nextWord(args)
    else if (word === 'link') general.underlay = requireLink(network, args[0], `Cannot find device "${nextWord(args)}"\n`)
    else if (word === 'mtu') general.mtu = numberWord(nextWord(args), 'Invalid "mtu" value\n')
    else if (word === 'address') general.mac = nextWord(args)
    else if (word === 'up') continue
    else if (['txqueuelen', 'txqlen', 'qlen', 'numtxqueues', 'numrxqueues', 'group', 'netns', 'index'].includes(word)) throw new Refusal(`podhop: not simulated: ip link add ${word} (use ip link add NAME type KIND)\n`, 69)
    else general.name = word === 'name' || word === 'dev' ? nextWord(args) : word
  }
  if (kind === undefined) throw new Refusal('Not enough information: "type" argument is required\n', 1)
  const { name = freeName(network, kind), mtu, mac } = general
  if (!/^[^\s/:]+$/.test(name)) throw wrongName(name)
  const spec = specOf(network, kind, args, general.underlay, options, mtu)
  permit(options)
  if (name.length > 15) throw new Refusal('Error: Attribute failed policy validation.\n', 2)
  network.createLink(name, { ...spec, ...(mtu === undefined ? {} : { mtu }), ...(mac === undefined ? {} : { mac }) })
  return ''
}

function wrongName(name: string): Refusal {
  return new Refusal(`Error: argument "${name}" is wrong: "dev" not a valid ifname\n`, 255)
}

/** dev_alloc_name: the first number that is free. */
function freeName(network: NetworkNamespace, kind: string): string {
  for (let i = kind === 'ipip' ? 1 : 0; ; i++) {
    const name = `${kind === 'ipip' ? 'tunl' : kind === 'wireguard' ? 'wg' : kind}${i}`
    if (!network.links.has(name)) return name
  }
}

function specOf(network: NetworkNamespace, kind: string, args: string[], link: string | undefined, options: Options, mtu: number | undefined): NewLink {
  switch (kind) {
    case 'dummy':
      nothingMore(kind, args)
      return { kind }
    case 'bridge': return bridgeSpec(args)
    case 'vlan': return vlanSpec(network, args, link, mtu)
    case 'macvlan': return macvlanSpec(network, args, link)
    case 'ipvlan': return ipvlanSpec(network, args, link)
    case 'bond': return bondSpec(network, args)
    case 'veth': {
      let peer: string | undefined
      let target: NetworkNamespace | undefined
      if (args.at(0) === 'peer') {
        const word = args.splice(0, 2)[1]
        peer = word === 'name' ? args.shift() : word
        if (args.at(0) === 'netns') target = options.netns!(args.splice(0, 2)[1] ?? '')
      }
      nothingMore(kind, args)
      return { kind, peer: { name: peer ?? freeName(target ?? network, kind), ...(target ? { network: target } : {}) } }
    }
    case 'vxlan': return vxlan(network, args, link)
    case 'wireguard':
      nothingMore(kind, args)
      return { kind }
    case 'ipip': return ipip(network, args)
    case 'geneve': return geneve(args)
    case 'macvtap':
    case 'gre':
    case 'gretap':
    case 'sit':
    case 'vti':
    case 'vrf':
    case 'ifb':
    case 'tun':
    case 'ip6tnl':
    case 'xfrm':
      throw new Refusal(`podhop: not simulated: ip link add type ${kind} (use veth, bridge, bond, vlan, macvlan, ipvlan, dummy, vxlan, geneve, ipip or wireguard)\n`, 69)
    default: throw new Refusal('Error: Unknown device type.\n', 2)
  }
}

function nothingMore(kind: string, args: readonly string[]): void {
  if (args.length > 0) throw new Refusal(`podhop: not simulated: ip link add type ${kind} ${args[0]} (use type ${kind} alone)\n`, 69)
}

function end(args: string[]): string | undefined {
  const text = nextWord(args)
  if (text === 'any') return undefined
  if (!isValidIp(text)) throw new Refusal(`Error: inet address is expected rather than "${text}".\n`, 1)
  return text
}

function vxlan(network: NetworkNamespace, args: string[], link: string | undefined): NewLink {
  let [vni, port, underlay, external, learning] = [undefined as number | undefined, 8472, link, false, true]
  let local: string | undefined
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'id' || word === 'vni') vni = numberWord(nextWord(args), 'invalid id', 0xffffff)
    else if (word === 'dev') underlay = requireLink(network, args[0], `Cannot find device "${nextWord(args)}"\n`)
    else if (word === 'local') local = end(args)
    else if (word === 'dstport') port = numberWord(nextWord(args), 'dst port', 65535)
    else if (word === 'learning' || word === 'nolearning') learning = word === 'learning'
    else if (word === 'external') external = true
    else if (word === 'udpcsum' || word === 'noudpcsum') continue
    else throw new Refusal(`podhop: not simulated: ip link add type vxlan ${word} (use id, dev, local, dstport, nolearning or external)\n`, 69)
  }
  if (vni === undefined && !external) throw new Refusal('Error: Required attributes not provided to perform the operation.\n', 2)
  const own = underlay === undefined ? undefined : network.links.get(underlay)!.addresses.find((a) => !a.address.includes(':'))?.address
  const through = underlay ?? [...network.links.values()].find((l) => l.addresses.some((a) => a.address === local))?.name
  if (through === undefined || (local ?? own) === undefined) throw new Refusal('podhop: not simulated: a VXLAN link without a device or a local address (use dev LINK)\n', 69)
  for (const other of network.links.values()) {
    if (other.kind === 'vxlan' && 'vni' in other && other.vni === vni && 'port' in other && other.port === port) throw new Refusal('Error: A VXLAN device with the specified VNI already exists.\n', 2)
  }
  return { kind: 'vxlan', vni: vni ?? 0, port, underlay: through, local: (local ?? own)!, learning: learning && !external, external }
}

function ipip(network: NetworkNamespace, args: string[]): NewLink {
  const out: NewLink & { kind: 'ipip' } = { kind: 'ipip' }
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'remote') out.remote = end(args)
    else if (word === 'local') out.local = end(args)
    else if (word === 'ttl' || word === 'hoplimit') {
      const text = nextWord(args)
      out.ttl = text === 'inherit' ? 0 : numberWord(text, 'invalid TTL\n', 255)
    } else if (word === 'dev') out.underlay = requireLink(network, args[0], `Cannot find device "${nextWord(args)}"\n`)
    else if (word === 'pmtudisc' || word === 'nopmtudisc') out.pmtudisc = word === 'pmtudisc'
    else if (word === 'mode') {
      const mode = nextWord(args)
      if (mode !== 'ipip' && mode !== 'ip4ip4') throw new Refusal(`podhop: not simulated: ipip mode ${mode} (use mode ipip)\n`, 69)
    } else throw new Refusal(`podhop: not simulated: ip link add type ipip ${word} (use remote, local, ttl, dev or nopmtudisc)\n`, 69)
  }
  if (out.ttl && out.pmtudisc === false) throw new SystemError('EINVAL')
  return out
}

function geneve(args: string[]): NewLink {
  const out: NewLink & { kind: 'geneve' } = { kind: 'geneve' }
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'id' || word === 'vni') out.vni = numberWord(nextWord(args), 'invalid id', 0xffffff)
    else if (word === 'remote') out.remote = end(args)
    else if (word === 'dstport') out.port = numberWord(nextWord(args), 'dstport', 65535)
    else if (word === 'external') out.external = true
    else if (word === 'udpcsum' || word === 'noudpcsum') continue
    else throw new Refusal(`podhop: not simulated: ip link add type geneve ${word} (use id, remote, dstport or external)\n`, 69)
  }
  if (!out.external) {
    if (out.vni === undefined) throw new Refusal('geneve: missing virtual network identifier\n', 255)
    if (out.remote === undefined) throw new Refusal('geneve: remote link partner not specified\n', 255)
  }
  return out
}
