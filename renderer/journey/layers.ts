import type { Header, Hop } from '../../electron/bridge/view.ts'

/** A packet as envelopes in each other: a tunnel puts it into another one, and what it was travels on inside. */

/** Tunnels put a header around the packet; a VLAN's tag goes into the frame and packs nothing. */
const packs = (hop: Hop) => hop.stage === 'encapsulate' && hop.after !== undefined
const unpacks = (hop: Hop) => hop.stage === 'decapsulate' && hop.after !== undefined

/** For each hop of one way: the headers inside of the packet as it goes on from there, the outer ones first. */
export function packedIn(way: readonly Hop[]): (readonly Header[])[] {
  let inside: readonly Header[] = []
  return way.map((hop) => {
    if (packs(hop)) inside = [hop.before, ...inside]
    else if (unpacks(hop)) inside = inside.slice(1)
    return inside
  })
}

const TUNNEL = /^(VXLAN|Geneve|WireGuard|IP in IP)\b:? ?(.*)/

/** What a header says of the tunnel that it belongs to: "VXLAN"; undefined where it is none. */
export function tunnelOf(outer: Header): string | undefined {
  return TUNNEL.exec(outer.detail ?? '')?.[1]
}

export interface Layer {
  name: string
  text: string
  /** In how many tunnels it lies. */
  depth: number
}

/** The headers of a packet from the wire inwards, `inside` being what lies in its tunnels. */
export function layersOf(packet: Header, inside: readonly Header[]): Layer[] {
  return [packet, ...inside].flatMap((h, depth) => headerLayers(h).map(([name, text]) => ({ name, text, depth })))
}

function headerLayers(h: Header): [string, string][] {
  const six = h.source.includes(':')
  const tunnel = TUNNEL.exec(h.detail ?? '')
  const rows: [string, string][] = []
  if (h.sourceMac !== undefined || h.destinationMac !== undefined) rows.push(['Ethernet', `${h.sourceMac ?? '?'} → ${h.destinationMac ?? '?'}`])
  const lifetime = h.ttl === undefined ? '' : `  ${six ? 'hop limit' : 'ttl'} ${h.ttl}`
  rows.push([h.protocol === 'arp' ? 'ARP' : six ? 'IPv6' : 'IPv4', `${h.source} → ${h.destination}${lifetime}`])
  if (h.protocol !== 'ipip' && h.protocol !== 'arp') {
    const ports = h.sourcePort === undefined ? '' : `${h.sourcePort} → ${h.destinationPort}`
    rows.push([h.protocol === 'icmp' && six ? 'ICMPv6' : h.protocol.toUpperCase(), [ports, tunnel ? '' : h.detail].filter(Boolean).join('  ')])
  }
  if (tunnel) rows.push([tunnel[1]!, tunnel[1] === 'IP in IP' ? 'protocol 4' : tunnel[1] === 'WireGuard' ? `${tunnel[2]}, encrypted` : tunnel[2]!])
  return rows
}
