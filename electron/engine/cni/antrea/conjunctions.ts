import { formatIp, parseCidr } from '../../network/address.ts'
import { versionOf, WORDS } from './pipeline.ts'
import type { Direction, PolicyPod, PolicyProtocol, PolicyRule, PolicyView } from '../../policy/types.ts'

/** What a rule becomes: matches for who sends, who receives, and what is asked for; the last is missing where everything may be. */
export interface Conjunction { key: string; from: string[]; to: string[]; services: string[] | undefined }

/** A port or a range of them, where it is asked from, or a kind of ICMP message; what is not said is any. */
export interface ServicePort {
  readonly protocol: PolicyProtocol | 'ICMP'
  readonly port?: number | undefined
  readonly endPort?: number | undefined
  readonly name?: string | undefined
  readonly sourcePort?: number | undefined
  readonly sourceEndPort?: number | undefined
  readonly icmpType?: number | undefined
  readonly icmpCode?: number | undefined
}

/** `groups`: of Services, whose numbers ServiceLB leaves in register 7. */
export interface MatchedRule { readonly peers: PolicyRule['peers']; readonly ports: readonly ServicePort[] | undefined; readonly groups?: readonly number[] | undefined }

/** A rule as conjunctions. Rules with named ports fall apart by what the ports are called for: each target has its own numbers. */
export function* conjunctionsOf(view: PolicyView, base: string, rule: MatchedRule, direction: Direction, local: readonly PolicyPod[], versions: readonly Version[], own: (pod: PolicyPod) => string[]): Generator<Conjunction> {
  const mine = (pods: readonly PolicyPod[]): string[] => pods.flatMap(own)
  const named = rule.ports?.some((p) => p.name !== undefined) === true
  if (direction === 'ingress') {
    const from = peerMatches(view, rule.peers, 'src', versions)
    for (const { key, pods, services } of byPorts(local, rule.ports, named, versions)) yield { key: `${base} ${key}`, from, to: mine(pods), services }
    return
  }
  const from = mine(local)
  if (rule.groups) {
    yield { key: base, from, to: rule.groups.map((id) => `reg7=0x${id.toString(16)}`), services: undefined }
    return
  }
  if (!named) {
    yield { key: base, from, to: peerMatches(view, rule.peers, 'dst', versions), services: rule.ports && serviceMatches(rule.ports, undefined, versions) }
    return
  }
  // An address block has no names: there the numbers alone count.
  const numbers = rule.ports!.filter((p) => p.name === undefined)
  const blocks = peerMatches(view, rule.peers?.filter((p) => p.kind === 'cidr'), 'dst', versions)
  if (numbers.length > 0 && blocks.length > 0) yield { key: `${base} blocks`, from, to: blocks, services: serviceMatches(numbers, undefined, versions) }
  const targets = rule.peers === undefined ? [...view.pods.values()].filter((p) => !p.hostNetwork && !p.finished) : [...new Set(rule.peers.flatMap((p) => (p.kind === 'pods' ? view.members(p.set.id) : [])))]
  for (const { key, pods, services } of byPorts(targets, rule.ports, true, versions)) yield { key: `${base} ${key}`, from, to: pods.flatMap((p) => p.ips.map((ip) => addressMatch('dst', ip))), services }
}

type Version = 4 | 6

/** "ip,nw_src=10.244.1.5", "ipv6,ipv6_dst=fd00::/64" */
function addressMatch(end: 'src' | 'dst', address: string): string {
  const words = WORDS[versionOf(address)]
  return `${words.ip},${words[end]}=${address}`
}

function peerMatches(view: PolicyView, peers: PolicyRule['peers'], end: 'src' | 'dst', versions: readonly Version[]): string[] {
  if (peers === undefined) return versions.map((version) => WORDS[version].ip)
  const out = new Set<string>()
  for (const peer of peers) {
    if (peer.kind === 'pods') for (const version of versions) for (const ip of view.addresses(peer.set.id, version)) out.add(addressMatch(end, ip))
    else if (versions.includes(versionOf(peer.cidr))) for (const cidr of without(peer.cidr, peer.except)) out.add(cidr.endsWith('/0') ? WORDS[versionOf(cidr)].ip : addressMatch(end, cidr.replace(cidr.includes(':') ? /\/128$/ : /\/32$/, '')))
  }
  return [...out]
}

interface Share { key: string; pods: PolicyPod[]; services: string[] | undefined }

function byPorts(pods: readonly PolicyPod[], ports: readonly ServicePort[] | undefined, named: boolean, versions: readonly Version[]): Share[] {
  if (!ports || !named) return [{ key: '', pods: [...pods], services: ports && serviceMatches(ports, undefined, versions) }]
  const shares = new Map<string, Share>()
  for (const pod of pods) {
    const services = serviceMatches(ports, pod, versions)
    const key = services.join(' ')
    const share = shares.get(key)
    if (share) share.pods.push(pod)
    else shares.set(key, { key, pods: [pod], services })
  }
  return [...shares.values()]
}

function serviceMatches(ports: readonly ServicePort[], target: PolicyPod | undefined, versions: readonly Version[]): string[] {
  const out = new Set<string>()
  for (const { protocol, port, endPort, name, sourcePort, sourceEndPort, icmpType, icmpCode } of ports) {
    if (protocol === 'ICMP') {
      for (const version of versions) out.add([version === 4 ? 'icmp' : 'icmp6', ...(icmpType === undefined ? [] : [`icmp_type=${icmpType}`]), ...(icmpCode === undefined ? [] : [`icmp_code=${icmpCode}`])].join())
      continue
    }
    const kinds = versions.map((version) => WORDS[version].protocol(protocol.toLowerCase()))
    const number = name === undefined ? port : target?.namedPorts.get(`${protocol}/${name}`)
    if (name !== undefined && number === undefined) continue
    const targets = number === undefined ? [''] : portMasks(number, name === undefined ? (endPort ?? number) : number).map((range) => `,tp_dst=${range}`)
    const sources = sourcePort === undefined ? [''] : portMasks(sourcePort, sourceEndPort ?? sourcePort).map((range) => `,tp_src=${range}`)
    for (const kind of kinds) for (const to of targets) for (const from of sources) out.add(`${kind}${to}${from}`)
  }
  return [...out]
}

/** Ports from one to another as bits: "80", "0x50/0xfff0". */
export function portMasks(from: number, to: number): string[] {
  const out: string[] = []
  for (let at = from; at <= to; ) {
    let size = 1
    while (at % (size * 2) === 0 && at + size * 2 - 1 <= to && size < 65_536) size *= 2
    out.push(size === 1 ? String(at) : `0x${at.toString(16)}/0x${(65_536 - size).toString(16)}`)
    at += size
  }
  return out
}

/** The blocks that are left of one when others are taken out of it. */
export function without(cidr: string, except: readonly string[]): string[] {
  const block = (text: string): { base: bigint; length: number } => {
    const { base, base6, length, version } = parseCidr(text)
    return { base: version === 4 ? BigInt(base) : base6, length }
  }
  const version = versionOf(cidr)
  const bits = version === 4 ? 32 : 128
  const size = (length: number): bigint => 1n << BigInt(bits - length)
  let left = [block(cidr)]
  for (const text of except) {
    if (versionOf(text) !== version) continue
    const hole = block(text)
    left = left.flatMap(({ base, length }) => {
      const inside = hole.length >= length && hole.base >= base && hole.base < base + size(length)
      if (!inside) return hole.length < length && base >= hole.base && base < hole.base + size(hole.length) ? [] : [{ base, length }]
      const out: { base: bigint; length: number }[] = []
      for (let l = hole.length; l > length; l--) {
        const half = size(l)
        const start = (hole.base / half) * half
        out.push({ base: (start / half) % 2n === 0n ? start + half : start - half, length: l })
      }
      return out
    })
  }
  return left.map(({ base, length }) => `${formatIp(base, version)}/${length}`)
}
