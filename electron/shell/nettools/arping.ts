import { anyOf, capable, cidrContains, isIpv4, Signal, type ArpPacket, type Frame, type Link, type Process, type Task } from '../../engine/cluster.ts'
import { getopt } from './getopt.ts'
import { addressOf } from './names.ts'
import { pause } from './stream.ts'

const USAGE = `
Usage:
  arping [options] <destination>

Options:
  -f            quit on first reply
  -q            be quiet
  -b            keep on broadcasting, do not unicast
  -D            duplicate address detection mode
  -U            unsolicited ARP mode, update your neighbours
  -A            ARP answer mode, update your neighbours
  -V            print version and exit
  -c <count>    how many packets to send
  -w <timeout>  how long to wait for a reply
  -i <interval> set interval between packets (default: 1 second)
  -I <device>   which ethernet device to use
  -s <source>   source ip address
  <destination> dns name or ip address

For more details see arping(8).
`
const BUSYBOX_USAGE = 'BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.\n\nUsage: arping [-fqbDUA] [-c CNT] [-w TIMEOUT] [-I IFACE] [-s SRC_IP] DST_IP\n'
const BROADCAST = 'ff:ff:ff:ff:ff:ff'

/** arping(8), iputils 20221126. */
export const arping = (process: Process): Task<number> => run(process, false)
export const busyboxArping = (process: Process): Task<number> => run(process, true)

function* run(process: Process, busybox: boolean): Task<number> {
  const { network } = process
  const fail = function* (text: string, code = 2): Task<number> {
    yield* process.printError(text)
    return code
  }
  const parsed = getopt(process.argv.slice(1), busybox ? 'fqbDUAc:w:I:s:' : 'fqbDUAVc:w:i:I:s:hC:')
  if ('invalid' in parsed || 'missing' in parsed) {
    // without long options "--help" is the letter "-"
    const what = 'invalid' in parsed ? (busybox ? `unrecognized option: ${parsed.invalid}` : `invalid option -- '${parsed.invalid[0]}'`) : `option requires an argument${busybox ? ':' : ' --'} ${busybox ? parsed.missing : `'${parsed.missing}'`}`
    return yield* fail(`arping: ${what}\n${busybox ? BUSYBOX_USAGE : USAGE}`, busybox ? 1 : 2)
  }
  const value = (o: string): string | undefined => parsed.options.findLast((p) => p.name === o)?.value
  const has = (o: string): boolean => value(o) !== undefined
  if (has('V')) {
    yield* process.print('arping from iputils 20221126\nlibcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, __fpending(): yes\n')
    return 0
  }
  for (const { name, value: text } of busybox ? [] : parsed.options) {
    const least = name === 'c' ? 1 : 0
    if (!'cwi'.includes(name)) continue
    if (!/^[-+]?\d+$/.test(text)) return yield* fail(`arping: invalid argument: '${text}'\n`, 1)
    if (Number(text) < least || Number(text) > 2_147_483_647) return yield* fail(`arping: invalid argument: '${text}': out of range: ${least} <= value <= 2147483647\n`, 1)
  }
  if (parsed.operands.length > 1 && !busybox) return yield* fail(USAGE)
  const host = parsed.operands[0]
  if (host === undefined || has('h')) return yield* fail(busybox ? BUSYBOX_USAGE : USAGE, busybox ? 1 : 2)
  if (!capable(process, 'NET_RAW')) return yield* fail('arping: socket: Operation not permitted\n')
  const found = yield* addressOf(process, host, 4)
  if ('error' in found || !isIpv4(found.address)) return yield* fail(`arping: ${host}: ${'error' in found ? found.message : 'Address family for hostname not supported'}\n`)
  const candidates = [...network.links.values()].filter((l) => l.kind !== 'loopback' && l.up && l.arp !== false && l.kind !== 'ipip' && l.kind !== 'wireguard')
  const name = value('I') ?? (busybox ? 'eth0' : (network.routes.lookup(found.address)?.device ?? candidates[0]?.name))
  const link: Link | undefined = name === undefined ? undefined : network.links.get(name)
  if (!link) {
    if (name === undefined) return yield* fail('arping: Suitable device could not be determined. Please, use option -I.\n')
    return yield* fail(busybox ? `arping: interface ${name} not found: No such device\n` : `arping: Device ${name} not available.\n`)
  }
  if (!busybox && value('I') === undefined && link.kind !== 'loopback' && network.isLocal(found.address)) {
    // its route says whose address it is: nobody's own is reached through lo
    yield* process.print('Interface "lo" is not ARPable\n')
    return has('D') ? 0 : 2
  }
  if (!busybox && value('I') === undefined && (has('U') || has('A')) && link.kind !== 'loopback') {
    return yield* fail('arping: bind: Cannot assign requested address\n')
  }
  if (has('s') && !isIpv4(value('s')!)) return yield* fail(`arping: invalid source ${value('s')!}\n`)
  const unfit = !link.up ? 'is down' : link.kind === 'loopback' || link.kind === 'ipip' || link.kind === 'wireguard' ? 'is not ARPable' : undefined
  if (unfit !== undefined) {
    if (busybox) return yield* fail(`arping: interface ${link.name} ${unfit}\n`)
    yield* process.print(`Interface "${link.name}" ${unfit}\n`)
    return 2
  }
  const own = link.addresses.filter((a) => isIpv4(a.address))
  const source = value('s') ?? (has('D') ? '0.0.0.0' : has('U') || has('A') ? found.address : (own.find((a) => cidrContains(`${a.address}/${a.prefixLength}`, found.address)) ?? own[0])?.address ?? network.sourceFor(found.address) ?? '0.0.0.0')
  if (has('s') && !network.isLocal(source) && !has('D')) return yield* fail('arping: bind: Cannot assign requested address\n')
  return yield* probe(process, link, found.address, source, {
    busybox, quiet: has('q'), first: has('f') || has('D'), broadcast: has('b'), detection: has('D'), gratuitous: has('U') || has('A'), answer: has('A'), count: Number(value('c') ?? Infinity), wait: Number(value('w') ?? Infinity) * 1000, interval: Number(value('i') ?? 1) * 1000,
  })
}

interface Options { busybox: boolean; quiet: boolean; first: boolean; broadcast: boolean; detection: boolean; gratuitous: boolean; answer: boolean; count: number; wait: number; interval: number }

function* probe(process: Process, link: Link, target: string, source: string, o: Options): Task<number> {
  const { clock, network } = process
  const signal = new Signal()
  const lines: string[] = []
  let [sent, broadcasts, received, over, sentAt] = [0, 0, 0, false, 0]
  let destination = BROADCAST
  process.onSignal('SIGINT', () => {
    over = true
    signal.notify()
  })
  const stop = network.capture(link.name, ({ direction, frame }: { direction: string; frame: Frame }) => {
    if (direction !== 'in' || frame.payload.kind !== 'arp') return
    const { operation, senderIp, senderMac, targetIp } = frame.payload
    if (senderIp !== target || senderMac === link.mac || (!o.detection && (targetIp !== source || operation !== 'reply'))) return
    received++
    const kind = operation === 'reply' ? 'reply' : 'request'
    const cast = frame.destination === BROADCAST ? 'Broadcast' : 'Unicast'
    lines.push(`${cast} ${kind} from ${senderIp} [${o.busybox ? senderMac : senderMac.toUpperCase()}]${o.busybox ? ' ' : '  '}${(clock.now - sentAt).toFixed(3)}ms\n`)
    if (!o.broadcast) destination = senderMac
    if (o.first) over = true
    signal.notify()
  })
  try {
    if (!o.quiet) yield* process.print(`ARPING ${target} from ${source} ${link.name}\n`)
    const end = clock.now + o.wait
    while (sent < o.count && !over && clock.now < end) {
      sentAt = clock.now
      const arp: ArpPacket = { kind: 'arp', operation: o.answer ? 'reply' : 'request', senderMac: link.mac, senderIp: source, targetMac: o.answer ? link.mac : BROADCAST, targetIp: target }
      link.transmit({ source: link.mac, destination, payload: arp })
      sent++
      if (destination === BROADCAST) broadcasts++
      const until = Math.min(end, clock.now + o.interval)
      while (!over && clock.now < until && !(sent >= o.count && received >= o.count)) {
        for (const line of lines.splice(0)) if (!o.quiet) yield* process.print(line)
        yield anyOf(signal.wait, pause(process, until - clock.now))
      }
      for (const line of lines.splice(0)) if (!o.quiet) yield* process.print(line)
    }
    if (!o.quiet) {
      yield* process.print(o.busybox
        ? `Sent ${sent} probe(s) (0 broadcast(s))\nReceived ${received} response(s) (0 request(s), 0 broadcast(s))\n`
        : `Sent ${sent} probes (${broadcasts} broadcast(s))\nReceived ${received} response(s)\n`)
    }
    if (o.detection) return received > 0 ? 1 : 0
    return o.gratuitous || received > 0 ? 0 : 1
  } finally {
    stop()
  }
}
