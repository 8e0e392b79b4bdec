import { anyOf, capable, cidrContains, isIpv4, isSystemError, Signal, type ArpPacket, type IpPacket, type Process, type Task, type TcpConnection } from '../../../engine/cluster.ts'
import { pause, ownerOf } from '../stream.ts'

export type PortState = 'open' | 'closed' | 'filtered'
export interface Host { up: boolean; /** ms */ latency?: number; mac?: string }

/** Ports under way at a time, and how long one is waited for (twice). */
const PARALLEL = 100
const WAIT_MS = 1000
const BROADCAST = 'ff:ff:ff:ff:ff:ff'

/** Whether anybody is there: ARP on the own wire; else echo, a SYN to 443 and an ACK to 80; without privileges connections. */
export function* discover(process: Process, address: string): Task<Host> {
  const { network, clock } = process
  if (network.isLocal(address)) return { up: true }
  if (!capable(process, 'NET_RAW')) {
    const result = yield* scan(process, address, [80, 443], 'connect')
    return [...result.ports.values()].some((s) => s !== 'filtered') ? { up: true, ...(result.latency === undefined ? {} : { latency: result.latency }) } : { up: false }
  }
  const route = network.routes.lookup(address)
  const link = route?.device === undefined ? undefined : network.links.get(route.device)
  const own = link?.addresses.find((a) => isIpv4(a.address) && cidrContains(`${a.address}/${a.prefixLength}`, address))
  if (link && own && route?.via === undefined && link.arp !== false) return yield* askArp(process, link.name, own.address, address)
  const signal = new Signal()
  const raw = network.sockets.raw({ owner: ownerOf(process) })
  const [id, port] = [0x4e4d, 40_000 + (process.pid % 20_000)]
  let answered: number | undefined
  raw.onPacket = (packet) => {
    const { payload } = packet
    if (packet.source !== address) return
    if ((payload.kind === 'icmp' && payload.id === id) || (payload.kind === 'tcp' && payload.destinationPort === port)) {
      answered ??= clock.now
      signal.notify()
    }
  }
  try {
    for (let attempt = 0; attempt < 2 && answered === undefined; attempt++) {
      const sentAt = clock.now
      const tcp = { kind: 'tcp', sourcePort: port, sequence: 1, acknowledgement: 0, window: 1024, data: new Uint8Array(0) } as const
      try {
        raw.send({ destination: address, payload: { kind: 'icmp', type: address.includes(':') ? 128 : 8, code: 0, id, sequence: attempt, data: new Uint8Array(0) } })
        raw.send({ destination: address, payload: { ...tcp, destinationPort: 443, flags: { syn: true }, mss: 1460 } })
        raw.send({ destination: address, payload: { ...tcp, destinationPort: 80, flags: { ack: true } } })
      } catch (error) {
        if (!isSystemError(error)) throw error
        return { up: false }
      }
      while (answered === undefined && clock.now < sentAt + WAIT_MS) yield anyOf(signal.wait, pause(process, sentAt + WAIT_MS - clock.now))
      if (answered !== undefined) return { up: true, latency: answered - sentAt }
    }
    return { up: false }
  } finally {
    raw.close()
  }
}

function* askArp(process: Process, device: string, source: string, target: string): Task<Host> {
  const { network, clock } = process
  const link = network.links.get(device)!
  const signal = new Signal()
  let found: Host | undefined
  let sentAt = clock.now
  const stop = network.capture(device, ({ direction, frame }) => {
    if (direction !== 'in' || frame.payload.kind !== 'arp' || frame.payload.operation !== 'reply' || frame.payload.senderIp !== target) return
    found ??= { up: true, latency: clock.now - sentAt, mac: frame.payload.senderMac }
    signal.notify()
  })
  try {
    for (let attempt = 0; attempt < 2 && !found; attempt++) {
      sentAt = clock.now
      const payload: ArpPacket = { kind: 'arp', operation: 'request', senderMac: link.mac, senderIp: source, targetMac: BROADCAST, targetIp: target }
      link.transmit({ source: link.mac, destination: BROADCAST, payload })
      while (!found && clock.now < sentAt + WAIT_MS) yield anyOf(signal.wait, pause(process, sentAt + WAIT_MS - clock.now))
    }
    return found ?? { up: false }
  } finally {
    stop()
  }
}

/** Every port once, and those that nobody answered for a second time. */
export function* scan(process: Process, address: string, ports: readonly number[], technique: 'connect' | 'syn'): Task<{ ports: Map<number, PortState>; latency: number | undefined }> {
  const states = new Map<number, PortState>(ports.map((p) => [p, 'filtered']))
  let latency: number | undefined
  let left = [...ports]
  for (let attempt = 0; attempt < 2 && left.length > 0; attempt++) {
    const silent: number[] = []
    for (let i = 0; i < left.length; i += PARALLEL) {
      const batch = left.slice(i, i + PARALLEL)
      const answers = technique === 'syn' ? yield* bySyn(process, address, batch) : yield* byConnect(process, address, batch)
      for (const port of batch) {
        const answer = answers.get(port)
        if (answer === undefined) silent.push(port)
        else {
          states.set(port, answer.state)
          latency ??= answer.ms
        }
      }
    }
    left = silent
  }
  return { ports: states, latency }
}

type Answers = Map<number, { state: PortState; ms: number }>

function* wait(process: Process, signal: Signal, done: () => boolean): Task {
  const end = process.clock.now + WAIT_MS
  while (!done() && process.clock.now < end) yield anyOf(signal.wait, pause(process, end - process.clock.now))
}

function* byConnect(process: Process, address: string, ports: readonly number[]): Task<Answers> {
  const answers: Answers = new Map()
  const signal = new Signal()
  const started = process.clock.now
  const connections: TcpConnection[] = []
  try {
    for (const port of ports) {
      const answer = (state: PortState): void => {
        if (!answers.has(port)) answers.set(port, { state, ms: process.clock.now - started })
        signal.notify()
      }
      connections.push(process.network.sockets.connect({ address, port, owner: ownerOf(process) }, {
        onConnect: () => answer('open'),
        onClose: (error) => {
          if (error) answer(error.code === 'ECONNREFUSED' ? 'closed' : 'filtered')
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

function* bySyn(process: Process, address: string, ports: readonly number[]): Task<Answers> {
  const answers: Answers = new Map()
  const signal = new Signal()
  const started = process.clock.now
  const raw = process.network.sockets.raw({ owner: ownerOf(process) })
  const own = 33_000 + process.clock.random.fork(`nmap ${process.machine.name} ${process.pid} ${started}`).below(30_000)
  const answer = (port: number, state: PortState): void => {
    if (!answers.has(port) && ports.includes(port)) answers.set(port, { state, ms: process.clock.now - started })
    signal.notify()
  }
  raw.onPacket = (packet: Readonly<IpPacket>) => {
    const { payload } = packet
    if (payload.kind === 'tcp' && packet.source === address && payload.destinationPort === own) answer(payload.sourcePort, payload.flags.rst ? 'closed' : 'open')
    const about = payload.kind === 'icmp' ? payload.about : undefined
    if (about?.payload.kind === 'tcp' && about.destination === address && about.payload.sourcePort === own) answer(about.payload.destinationPort, 'filtered')
  }
  try {
    for (const port of ports) {
      try {
        raw.send({ destination: address, payload: { kind: 'tcp', sourcePort: own, destinationPort: port, sequence: own * 65_537 + port, acknowledgement: 0, flags: { syn: true }, window: 1024, mss: 1460, data: new Uint8Array(0) } })
      } catch (error) {
        if (!isSystemError(error)) throw error
        answer(port, 'filtered')
      }
    }
    yield* wait(process, signal, () => answers.size === ports.length)
    return answers
  } finally {
    raw.close()
  }
}
