import { formatIpv4, parseCidr } from '../../network/address.ts'
import type { Direction, PolicyPod, PolicyPort, PolicyRule, PolicyView } from '../../policy/types.ts'

/** What a rule becomes: matches for who sends, who receives, and what is asked for; the last is missing where everything may be. */
export interface Conjunction { key: string; from: string[]; to: string[]; services: string[] | undefined }

/** A rule as conjunctions. Rules with named ports fall apart by what the ports are called for: each target has its own numbers. */
export function* conjunctionsOf(view: PolicyView, base: string, rule: PolicyRule, direction: Direction, local: readonly PolicyPod[], own: (pod: PolicyPod) => string): Generator<Conjunction> {
  const mine = (pods: readonly PolicyPod[]): string[] => pods.map(own)
  const named = rule.ports?.some((p) => p.name !== undefined) === true
  if (direction === 'ingress') {
    const from = peerMatches(view, rule.peers, 'nw_src')
    for (const { key, pods, services } of byPorts(local, rule.ports, named)) yield { key: `${base} ${key}`, from, to: mine(pods), services }
    return
  }
  const from = mine(local)
  if (!named) {
    yield { key: base, from, to: peerMatches(view, rule.peers, 'nw_dst'), services: rule.ports && serviceMatches(rule.ports, undefined) }
    return
  }
  // An address block has no names: there the numbers alone count.
  const numbers = rule.ports!.filter((p) => p.name === undefined)
  const blocks = peerMatches(view, rule.peers?.filter((p) => p.kind === 'cidr'), 'nw_dst')
  if (numbers.length > 0 && blocks.length > 0) yield { key: `${base} blocks`, from, to: blocks, services: serviceMatches(numbers, undefined) }
  const targets = rule.peers === undefined ? [...view.pods.values()].filter((p) => !p.hostNetwork && !p.finished) : [...new Set(rule.peers.flatMap((p) => (p.kind === 'pods' ? view.members(p.set.id) : [])))]
  for (const { key, pods, services } of byPorts(targets, rule.ports, true)) yield { key: `${base} ${key}`, from, to: pods.flatMap((p) => p.ips.map((ip) => `ip,nw_dst=${ip}`)), services }
}

function peerMatches(view: PolicyView, peers: PolicyRule['peers'], field: 'nw_src' | 'nw_dst'): string[] {
  if (peers === undefined) return ['ip']
  const out = new Set<string>()
  for (const peer of peers) {
    if (peer.kind === 'pods') for (const ip of view.addresses(peer.set.id, 4)) out.add(`ip,${field}=${ip}`)
    else if (!peer.cidr.includes(':')) for (const cidr of without(peer.cidr, peer.except)) out.add(cidr === '0.0.0.0/0' ? 'ip' : `ip,${field}=${cidr.endsWith('/32') ? cidr.slice(0, -3) : cidr}`)
  }
  return [...out]
}

interface Share { key: string; pods: PolicyPod[]; services: string[] | undefined }

function byPorts(pods: readonly PolicyPod[], ports: readonly PolicyPort[] | undefined, named: boolean): Share[] {
  if (!ports || !named) return [{ key: '', pods: [...pods], services: ports && serviceMatches(ports, undefined) }]
  const shares = new Map<string, Share>()
  for (const pod of pods) {
    const services = serviceMatches(ports, pod)
    const key = services.join(' ')
    const share = shares.get(key)
    if (share) share.pods.push(pod)
    else shares.set(key, { key, pods: [pod], services })
  }
  return [...shares.values()]
}

function serviceMatches(ports: readonly PolicyPort[], target: PolicyPod | undefined): string[] {
  const out = new Set<string>()
  for (const { protocol, port, endPort, name } of ports) {
    const kind = protocol.toLowerCase()
    const number = name === undefined ? port : target?.namedPorts.get(`${protocol}/${name}`)
    if (name !== undefined && number === undefined) continue
    if (number === undefined) out.add(kind)
    else for (const range of portMasks(number, name === undefined ? (endPort ?? number) : number)) out.add(`${kind},tp_dst=${range}`)
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
  let left = [parseCidr(cidr)].map(({ base, length }) => ({ base, length }))
  for (const text of except) {
    if (text.includes(':')) continue
    const hole = parseCidr(text)
    left = left.flatMap(({ base, length }) => {
      const size = 2 ** (32 - length)
      const inside = hole.length >= length && hole.base >= base && hole.base < base + size
      if (!inside) return hole.length < length && base >= hole.base && base < hole.base + 2 ** (32 - hole.length) ? [] : [{ base, length }]
      const out: { base: number; length: number }[] = []
      for (let l = hole.length; l > length; l--) {
        const half = 2 ** (32 - l)
        const start = Math.floor(hole.base / half) * half
        out.push({ base: Math.floor(start / half) % 2 === 0 ? start + half : start - half, length: l })
      }
      return out
    })
  }
  return left.map(({ base, length }) => `${formatIpv4(base >>> 0)}/${length}`)
}
