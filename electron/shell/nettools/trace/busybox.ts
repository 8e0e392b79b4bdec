import { anyOf, Signal, type Process, type Task } from '../../../engine/cluster.ts'
import { getopt } from '../getopt.ts'
import { addressOf, nameOfAddress } from '../names.ts'
import { pause, programName } from '../stream.ts'
import { isRefused, mark, Prober } from './prober.ts'

const USAGE = `BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.

Usage: traceroute [-46FIlnrv] [-f 1ST_TTL] [-m MAXTTL] [-q PROBES] [-p PORT]
	[-t TOS] [-w WAIT_SEC] [-s SRC_IP] [-i IFACE]
	[-z PAUSE_MSEC] HOST [BYTES]

Trace the route to HOST

	-4,-6	Force IP or IPv6 name resolution
	-F	Set don't fragment bit
	-I	Use ICMP ECHO instead of UDP datagrams
	-l	Display TTL value of the returned packet
	-n	Print numeric addresses
	-r	Bypass routing tables, send directly to HOST
	-v	Verbose
	-f N	First number of hops (default 1)
	-m N	Max number of hops
	-q N	Number of probes per hop (default 3)
	-p N	Base UDP port number used in probes
		(default 33434)
	-s IP	Source address
	-i IFACE Source interface
	-t N	Type-of-service in probe packets (default 0)
	-w SEC	Wait for a response (default 3)
	-z MSEC	Wait before each send
`

/** Options and the numbers they take. */
const RANGES = [['t', 0, 255], ['m', 1, 255], ['f', 1, 255], ['p', 0, 65_535], ['q', 1, 2_147_483_647], ['w', 1, 86_400], ['z', 0, 3_600_000]] as const

/** The applet of busybox: one probe after the other. */
export function* busyboxTraceroute(process: Process): Task<number> {
  const name = programName(process)
  const parsed = getopt(process.argv.slice(1), '46FIlnrvf:m:q:p:t:w:s:i:z:')
  if ('invalid' in parsed || 'missing' in parsed || parsed.operands.length === 0) {
    yield* process.printError(`${'invalid' in parsed ? `${name}: unrecognized option: ${parsed.invalid.replace(/^-+/, '')}\n` : 'missing' in parsed ? `${name}: option requires an argument: ${parsed.missing}\n` : ''}${USAGE}`)
    return 1
  }
  const value = (o: string): string | undefined => parsed.options.findLast((p) => p.name === o)?.value
  const has = (o: string): boolean => value(o) !== undefined
  const number = (o: string, otherwise: number): number => (has(o) ? Number(value(o)) : otherwise)
  for (const [text, low, high] of [...RANGES.map(([o, l, h]) => [value(o), l, h] as const), [parsed.operands[1], 46, 32_768] as const]) {
    if (text === undefined || (/^\d+$/.test(text) && Number(text) >= low && Number(text) <= high)) continue
    yield* process.printError(/^\d+$/.test(text) ? `${name}: number ${text} is not in ${low}..${high} range\n` : `${name}: invalid number '${text}'\n`)
    return 1
  }
  if (has('r') || has('v')) {
    yield* process.printError(`podhop: not simulated: traceroute -${has('r') ? 'r' : 'v'} (use traceroute without it)\n`)
    return 69
  }
  const host = parsed.operands[0]!
  const family = name === 'traceroute6' || has('6') ? 6 : has('4') ? 4 : undefined
  const found = yield* addressOf(process, host, family)
  if ('error' in found) {
    yield* process.printError(`${name}: bad address '${host}'\n`)
    return 1
  }
  const { address } = found
  const v6 = address.includes(':')
  const length = parsed.operands[1] === undefined ? (v6 ? 66 : 46) : Number(parsed.operands[1])
  const most = number('m', 30)
  const queries = number('q', 3)
  const prober = new Prober(process, address, { method: has('I') ? 'icmp' : 'udp', port: number('p', 33434), length, dontFragment: has('F'), ...(has('t') ? { tos: Number(value('t')) } : {}), ...(has('s') ? { source: value('s')! } : {}) })
  const signal = new Signal()
  prober.onReply = () => signal.notify()
  const names = new Map<string, string | undefined>()
  yield* process.print(`traceroute to ${host} (${address})${has('s') ? ` from ${value('s')}` : ''}, ${most} hops max, ${length} byte packets\n`)
  try {
    for (let ttl = number('f', 1); ttl <= most; ttl++) {
      yield* process.print(String(ttl).padStart(2))
      let last: string | undefined
      let arrived = false
      let unreachable = 0
      for (let i = 0; i < queries; i++) {
        if (has('z')) yield pause(process, Number(value('z')))
        const probe = prober.send(ttl)
        const end = probe.sentAt + number('w', 3) * 1000
        while (!probe.reply && process.clock.now < end) yield anyOf(signal.wait, pause(process, end - process.clock.now))
        const { reply } = probe
        if (!reply) {
          yield* process.print('  *')
          continue
        }
        let text = ''
        if (reply.source !== last) text += has('n') ? `  ${reply.source}` : `  ${(yield* nameOfAddress(process, reply.source, names)) ?? reply.source} (${reply.source})`
        last = reply.source
        text += `  ${(reply.at - probe.sentAt).toFixed(3)} ms`
        if (has('l')) text += ` (${reply.ttl})`
        if (reply.reached) arrived = true
        const marked = reply.error ? mark(reply.error, v6) : ''
        if (reply.error) unreachable++
        yield* process.print(marked ? `${text} ${marked}` : text)
      }
      yield* process.print('\n')
      if (arrived || (unreachable > 0 && unreachable >= queries - 1)) break
    }
    return 0
  } catch (error) {
    if (!isRefused(error)) throw error
    yield* process.printError(`${name}: sendto: ${error.message}\n`)
    return 1
  } finally {
    prober.close()
  }
}
