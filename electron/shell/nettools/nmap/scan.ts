import { anyOf, isSystemError, Signal, type IpPacket, type Process, type Task, type TcpConnection, type TcpFlags } from '../../../engine/cluster.ts'
import { ownerOf, pause } from '../stream.ts'
import { size, unreachable, WAIT_MS } from './wire.ts'
import type { Counters, Port, PortState, Technique } from './types.ts'

/** Ports under way at a time. */
const PARALLEL = 100

interface Answer { state: PortState; reason: string; ttl?: number; ms: number }
type Answers = Map<number, Answer>
type Round = (process: Process, address: string, ports: readonly number[], found: (port: number) => void, counters: Counters) => Task<Answers>

/** What silence means. */
const SILENT: Readonly<Record<Technique, PortState>> = { syn: 'filtered', connect: 'filtered', udp: 'open|filtered', ack: 'filtered', window: 'filtered', maimon: 'open|filtered', null: 'open|filtered', fin: 'open|filtered', xmas: 'open|filtered' }
const FLAGS: Readonly<Record<Exclude<Technique, 'connect' | 'udp'>, TcpFlags>> = { syn: { syn: true }, ack: { ack: true }, window: { ack: true }, maimon: { fin: true, ack: true }, null: {}, fin: { fin: true }, xmas: { fin: true, psh: true, urg: true } }

/** What is said to UDP ports, so that their servers answer. */
const hex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g)!, (b) => Number.parseInt(b, 16))
const STATUS = hex('000010000000000000000000')
const VERSION = hex('77770100000100000000000007') // version.bind CH TXT
const DNS_VERSION = Uint8Array.of(...VERSION, ...[...'version'].map((c) => c.charCodeAt(0)), 4, ...[...'bind'].map((c) => c.charCodeAt(0)), 0, 0, 16, 0, 3)
const QUIC = Uint8Array.of(13, ...[...'12345678Q999'].map((c) => c.charCodeAt(0)), 0)
const PAYLOADS: ReadonlyMap<number, readonly Uint8Array[]> = new Map([[53, [STATUS, DNS_VERSION]], [5353, [STATUS, DNS_VERSION]], [80, [QUIC]], [443, [QUIC]]])
const NOTHING = [new Uint8Array(0)]

/** Every port once, and those that nobody answered for a second time. `onOpen`: as soon as one is known to be. */
export function* scanPorts(process: Process, address: string, ports: readonly number[], technique: Technique, { retries, counters, onOpen }: { retries: number; counters: Counters; onOpen?: (port: number) => void }): Task<{ ports: Port[]; latency: number | undefined }> {
  const protocol = technique === 'udp' ? 'udp' : 'tcp'
  const out = new Map<number, Port>(ports.map((number) => [number, { number, protocol, state: SILENT[technique], reason: 'no-response' }]))
  const round: Round = technique === 'connect' ? byConnect : technique === 'udp' ? byDatagram : bySegment(technique)
  let latency: number | undefined
  let left = [...ports]
  for (let attempt = 0; attempt <= Math.min(1, retries) && left.length > 0; attempt++) {
    const silent: number[] = []
    for (let i = 0; i < left.length; i += PARALLEL) {
      const batch = left.slice(i, i + PARALLEL)
      const answers = yield* round(process, address, batch, onOpen ?? (() => {}), counters)
      for (const port of batch) {
        const answer = answers.get(port)
        if (answer === undefined) silent.push(port)
        else {
          Object.assign(out.get(port)!, { state: answer.state, reason: answer.reason, ttl: answer.ttl })
          latency ??= answer.ms
        }
      }
    }
    left = silent
  }
  return { ports: [...out.values()], latency }
}

function* wait(process: Process, signal: Signal, done: () => boolean): Task {
  const end = process.clock.now + WAIT_MS
  while (!done() && process.clock.now < end) yield anyOf(signal.wait, pause(process, end - process.clock.now))
}

const REFUSED: ReadonlyMap<string, readonly [PortState, string]> = new Map([['ECONNREFUSED', ['closed', 'conn-refused']], ['EHOSTUNREACH', ['filtered', 'host-unreach']], ['ENETUNREACH', ['filtered', 'net-unreach']], ['EACCES', ['filtered', 'admin-prohibited']]])

function* byConnect(process: Process, address: string, ports: readonly number[], found: (port: number) => void): Task<Answers> {
  const answers: Answers = new Map()
  const signal = new Signal()
  const started = process.clock.now
  const connections: TcpConnection[] = []
  try {
    for (const port of ports) {
      const answer = (state: PortState, reason: string): void => {
        if (!answers.has(port)) {
          answers.set(port, { state, reason, ms: process.clock.now - started })
          if (state === 'open') found(port)
        }
        signal.notify()
      }
      connections.push(process.network.sockets.connect({ address, port, owner: ownerOf(process) }, {
        onConnect: () => answer('open', 'syn-ack'),
        onClose: (error) => {
          if (error) answer(...(REFUSED.get(error.code) ?? ['filtered', 'no-response'] as const))
        },
      }))
    }
    yield* wait(process, signal, () => answers.size === ports.length)
    return answers
  } finally {
    for (const connection of connections) {
      connection.handlers = {}
      connection.abort()
    }
  }
}

/** What a raw socket hears of the port that the probes come from. */
function* probing(process: Process, address: string, ports: readonly number[], counters: Counters, judge: (packet: Readonly<IpPacket>, own: number) => { port: number; state: PortState; reason: string } | undefined, probes: (port: number, own: number) => readonly IpPacket['payload'][], found: (port: number) => void): Task<Answers> {
  const answers: Answers = new Map()
  const signal = new Signal()
  const started = process.clock.now
  const raw = process.network.sockets.raw({ owner: ownerOf(process) })
  const own = 33_000 + process.clock.random.fork(`nmap ${process.machine.name} ${process.pid} ${started}`).below(30_000)
  const local = process.network.isLocal(address)
  raw.onPacket = (packet) => {
    const judged = judge(packet, own)
    if (!judged || answers.has(judged.port) || !ports.includes(judged.port)) return
    answers.set(judged.port, { state: judged.state, reason: judged.reason, ttl: packet.ttl, ms: process.clock.now - started })
    counters.received++
    counters.receivedBytes += size(packet)
    if (judged.state === 'open') found(judged.port)
    signal.notify()
  }
  try {
    for (const port of ports) {
      for (const payload of probes(port, own)) {
        try {
          raw.send({ destination: address, payload })
        } catch (error) {
          if (!isSystemError(error)) throw error
          answers.set(port, { state: 'filtered', reason: REFUSED.get(error.code)?.[1] ?? 'host-unreach', ms: 0 })
        }
        const bytes = size({ version: address.includes(':') ? 6 : 4, payload })
        counters.sent++
        counters.sentBytes += bytes
        // on lo it hears itself
        if (local) {
          counters.received++
          counters.receivedBytes += bytes
        }
      }
    }
    yield* wait(process, signal, () => answers.size === ports.length)
    return answers
  } finally {
    raw.close()
  }
}

const bySegment = (technique: Exclude<Technique, 'connect' | 'udp'>): Round => (process, address, ports, found, counters) =>
  probing(process, address, ports, counters, (packet, own) => {
    const { payload } = packet
    if (payload.kind === 'tcp' && packet.source === address && payload.destinationPort === own) {
      const port = payload.sourcePort
      if (!payload.flags.rst) return technique === 'syn' ? { port, state: 'open', reason: 'syn-ack' } : undefined
      const state = technique === 'ack' ? 'unfiltered' : technique === 'window' && payload.window > 0 ? 'open' : 'closed'
      return { port, state, reason: 'reset' }
    }
    const about = payload.kind === 'icmp' ? payload.about : undefined
    if (about?.payload.kind === 'tcp' && about.destination === address && about.payload.sourcePort === own) return { port: about.payload.destinationPort, state: 'filtered', reason: unreachable(payload as { type: number; code: number }) }
    return undefined
  }, (port, own) => [{ kind: 'tcp', sourcePort: own, destinationPort: port, sequence: own * 65_537 + port, acknowledgement: 0, flags: FLAGS[technique], window: 1024, ...(technique === 'syn' ? { mss: 1460 } : {}), data: new Uint8Array(0) }], found)

const byDatagram: Round = (process, address, ports, found, counters) =>
  probing(process, address, ports, counters, (packet, own) => {
    const { payload } = packet
    if (payload.kind === 'udp' && packet.source === address && payload.destinationPort === own) return { port: payload.sourcePort, state: 'open', reason: 'udp-response' }
    const about = payload.kind === 'icmp' ? payload.about : undefined
    if (payload.kind !== 'icmp' || about?.payload.kind !== 'udp' || about.destination !== address || about.payload.sourcePort !== own) return undefined
    const reason = unreachable(payload)
    return { port: about.payload.destinationPort, state: reason === 'port-unreach' && packet.source === address ? 'closed' : 'filtered', reason }
  }, (port, own) => (PAYLOADS.get(port) ?? NOTHING).map((data) => ({ kind: 'udp', sourcePort: own, destinationPort: port, data })), found)
