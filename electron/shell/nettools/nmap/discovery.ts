import { anyOf, capable, cidrContains, isIpv4, isSystemError, Signal, type ArpPacket, type IpPacket, type Process, type Task } from '../../../engine/cluster.ts'
import { ownerOf, pause } from '../stream.ts'
import { scanPorts } from './scan.ts'
import { size, unreachable, WAIT_MS } from './wire.ts'
import type { Counters, Discovery, Host, Options, Target } from './types.ts'

const BROADCAST = 'ff:ff:ff:ff:ff:ff'

/** How an address is reached: hosts of one group are reached in the same way. */
export interface Way { readonly kind: 'local' | 'wire' | 'routed'; readonly device: string | undefined; readonly source: string | undefined }

export function wayTo(process: Process, address: string): Way {
  const { network } = process
  if (network.isLocal(address)) return { kind: 'local', device: 'lo', source: address }
  const route = network.routes.lookup(address)
  const link = route?.device === undefined ? undefined : network.links.get(route.device)
  const own = link?.addresses.find((a) => isIpv4(a.address) && cidrContains(`${a.address}/${a.prefixLength}`, address))
  if (link && own && route?.via === undefined && link.arp !== false) return { kind: 'wire', device: link.name, source: own.address }
  return { kind: 'routed', device: link?.name, source: undefined }
}

/** The name of the phase in which hosts reached this way are looked for, and its probes of each; undefined where there is none. */
export function phase(way: Way, options: Options): { title: string; probes: number } | undefined {
  const { discovery } = options
  if (options.only === 'ping' && discovery === 'none') return undefined
  if (options.privileged && way.kind === 'local') return undefined
  if (options.privileged && way.kind === 'wire') return { title: 'ARP Ping Scan', probes: 1 }
  if (discovery === 'none') return undefined
  return { title: 'Ping Scan', probes: Number(discovery.echo) + Number(discovery.timestamp) + discovery.syn.length + discovery.ack.length + discovery.udp.length }
}

/** Whether anybody is there, all of a group at once: ARP on the own wire; else probes; without privileges connections. */
export function* discover(process: Process, targets: readonly Target[], way: Way, options: Options, counters: Counters): Task<Host[]> {
  const startedAt = process.clock.now
  const hosts: Host[] = targets.map((t) => ({ ...t, up: false, reason: 'no-response', startedAt, endedAt: startedAt }))
  const privileged = options.privileged && capable(process, 'NET_RAW')
  if (privileged && way.kind === 'local') for (const host of hosts) Object.assign(host, { up: true, reason: 'localhost-response' })
  else if (privileged && way.kind === 'wire' && !(options.only && options.discovery === 'none')) yield* askArp(process, way, hosts, counters)
  else if (options.discovery === 'none') for (const host of hosts) Object.assign(host, { up: true, reason: 'user-set' })
  else if (privileged) yield* probe(process, hosts, options.discovery, counters)
  else {
    for (const host of hosts) {
      const { ports, latency } = yield* scanPorts(process, host.address, options.discovery.syn, 'connect', { retries: 1, counters })
      const answer = ports.find((p) => p.state !== 'filtered')
      if (answer) Object.assign(host, { up: true, reason: answer.reason, latency })
    }
  }
  for (const host of hosts) host.endedAt = process.clock.now
  return hosts
}

function* askArp(process: Process, way: Way, hosts: readonly Host[], counters: Counters): Task {
  const { network, clock } = process
  const link = network.links.get(way.device!)!
  const signal = new Signal()
  const sentAt = new Map<string, number>()
  const missing = new Map(hosts.map((h) => [h.address, h]))
  const stop = network.capture(link.name, ({ direction, frame }) => {
    if (direction !== 'in' || frame.payload.kind !== 'arp' || frame.payload.operation !== 'reply') return
    const host = missing.get(frame.payload.senderIp)
    if (!host) return
    missing.delete(host.address)
    Object.assign(host, { up: true, reason: 'arp-response', latency: clock.now - sentAt.get(host.address)!, mac: frame.payload.senderMac })
    counters.received++
    counters.receivedBytes += 28
    signal.notify()
  })
  try {
    for (let attempt = 0; attempt < 2 && missing.size > 0; attempt++) {
      const begun = clock.now
      for (const address of missing.keys()) {
        sentAt.set(address, clock.now)
        const payload: ArpPacket = { kind: 'arp', operation: 'request', senderMac: link.mac, senderIp: way.source!, targetMac: BROADCAST, targetIp: address }
        link.transmit({ source: link.mac, destination: BROADCAST, payload })
        counters.sent++
        counters.sentBytes += 28
      }
      while (missing.size > 0 && clock.now < begun + WAIT_MS) yield anyOf(signal.wait, pause(process, begun + WAIT_MS - clock.now))
    }
  } finally {
    stop()
  }
}

function* probe(process: Process, hosts: readonly Host[], discovery: Discovery, counters: Counters): Task {
  const { network, clock } = process
  const signal = new Signal()
  const raw = network.sockets.raw({ owner: ownerOf(process) })
  const [id, port] = [0x4e4d, 40_000 + (process.pid % 20_000)]
  const missing = new Map(hosts.map((h) => [h.address, h]))
  let begun = clock.now
  const found = (address: string, packet: Readonly<IpPacket>, reason: string): void => {
    const host = missing.get(address)
    if (!host) return
    missing.delete(address)
    Object.assign(host, { up: true, reason, ttl: packet.ttl, latency: clock.now - begun })
    counters.received++
    counters.receivedBytes += size(packet)
    signal.notify()
  }
  raw.onPacket = (packet) => {
    const { payload, source } = packet
    if (payload.kind === 'icmp' && payload.id === id && (payload.type === 0 || payload.type === 129 || payload.type === 14)) found(source, packet, payload.type === 14 ? 'timestamp-reply' : 'echo-reply')
    else if (payload.kind === 'tcp' && payload.destinationPort === port) found(source, packet, payload.flags.rst ? 'reset' : 'syn-ack')
    else if (payload.kind === 'udp' && payload.destinationPort === port) found(source, packet, 'udp-response')
    else if (payload.kind === 'icmp' && payload.about?.payload.kind === 'udp' && payload.about.payload.sourcePort === port && payload.about.destination === source) found(source, packet, unreachable(payload))
  }
  const send = (destination: string, payload: Parameters<typeof raw.send>[0]['payload']): void => {
    try {
      raw.send({ destination, payload })
    } catch (error) {
      // nobody is there without a route
      if (!isSystemError(error)) throw error
    }
    counters.sent++
    counters.sentBytes += size({ version: destination.includes(':') ? 6 : 4, payload })
  }
  try {
    for (let attempt = 0; attempt < 2 && missing.size > 0; attempt++) {
      begun = clock.now
      const tcp = { kind: 'tcp', sourcePort: port, sequence: 1, acknowledgement: 0, window: 1024, data: new Uint8Array(0) } as const
      for (const address of missing.keys()) {
        const six = address.includes(':')
        if (discovery.echo) send(address, { kind: 'icmp', type: six ? 128 : 8, code: 0, id, sequence: attempt, data: new Uint8Array(0) })
        for (const destinationPort of discovery.syn) send(address, { ...tcp, destinationPort, flags: { syn: true }, mss: 1460 })
        for (const destinationPort of discovery.ack) send(address, { ...tcp, destinationPort, flags: { ack: true } })
        if (discovery.timestamp && !six) send(address, { kind: 'icmp', type: 13, code: 0, id, sequence: attempt, data: new Uint8Array(12) })
        for (const destinationPort of discovery.udp) send(address, { kind: 'udp', sourcePort: port, destinationPort, data: new Uint8Array(0) })
      }
      while (missing.size > 0 && clock.now < begun + WAIT_MS) yield anyOf(signal.wait, pause(process, begun + WAIT_MS - clock.now))
    }
  } finally {
    raw.close()
  }
}
