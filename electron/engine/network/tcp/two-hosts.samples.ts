import { Clock } from '../../clock.ts'
import { tcpFlags } from '../../journey/header.ts'
import { Journeys } from '../../journey/log.ts'
import { JourneyRecorder } from '../../journey/recorder.ts'
import type { IpPacket, NetworkNamespace, StackHost, TcpSegment } from '../types.ts'
import { Counters } from '../counters.ts'
import { TcpStack } from './stack.ts'

/** Two hosts and a wire of 1 ms between them that writes down what it carries, and loses what it is told to lose. */
export class TwoHosts {
  readonly clock = new Clock({ seed: 7 })
  readonly log = new Journeys()
  readonly recorder = new JourneyRecorder(this.clock, this.log)
  readonly script: string[] = []
  lose: (packet: IpPacket, number: number) => boolean = () => false
  mtu = 1500
  #carried = 0
  readonly #bases = new Map<string, number>()
  readonly client = this.#host('client', '10.0.0.1')
  readonly server = this.#host('server', '10.0.0.2')

  #host(name: string, address: string): TcpStack {
    const namespace = {
      name, machine: name, id: 1, clock: this.clock, counters: new Counters(), isLocal: (ip: string) => ip === address || ip === '127.0.0.1',
      sourceFor: (ip: string) => (ip.startsWith('10.') ? address : undefined), sysctl: () => undefined, sysctlNumber: () => undefined,
      routes: { lookup: (ip: string) => (ip.startsWith('10.') ? { destination: '10.0.0.0/8', device: 'eth0' } : undefined) },
      linkNamed: () => this,
    } as unknown as NetworkNamespace
    const host: StackHost = {
      namespace, clock: this.clock, recorder: this.recorder, output: (packet) => this.#carry(packet), sendIcmpError: () => {},
    }
    return new TcpStack(host)
  }

  #carry(packet: IpPacket): void {
    if (!packet.destination.startsWith('10.')) {
      return this.recorder.fail({ name: 'client', machine: 'client' }, packet, 'unreachable', 'drop-no-route', {
        stage: 'drop', text: 'No route.', before: this.recorder.header(packet), explanation: 'drop-no-route',
      })
    }
    const lost = this.lose(packet, this.#carried++)
    this.script.push(this.#show(packet) + (lost ? ' (lost)' : ''))
    if (lost) return
    this.clock.schedule(1, () => (packet.destination === '10.0.0.1' ? this.client : this.server).receive(packet))
  }

  /** "0 > SYN 0 mss 1460": ms, direction, flags, relative numbers, length. */
  #show(packet: IpPacket): string {
    const segment = packet.payload as TcpSegment
    const forward = packet.source === '10.0.0.1'
    const own = `${packet.source}:${segment.sourcePort} ${segment.destinationPort}`
    const other = `${packet.destination}:${segment.destinationPort} ${segment.sourcePort}`
    if (segment.flags.syn || !this.#bases.has(own)) this.#bases.set(own, segment.sequence)
    const relative = (n: number, of: string): number => (n - (this.#bases.get(of) ?? n)) | 0
    let text = `${Math.round(this.clock.now)} ${forward ? '>' : '<'} ${tcpFlags(segment.flags)} ${relative(segment.sequence, own)}`
    if (segment.flags.ack) text += ` ack ${relative(segment.acknowledgement, other)}`
    if (segment.mss) text += ` mss ${segment.mss}`
    return segment.data.length > 0 ? `${text} length ${segment.data.length}` : text
  }
}
