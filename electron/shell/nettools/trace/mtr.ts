import { anyOf, Signal, SystemError, type Process, type Task } from '../../../engine/cluster.ts'
import { getopt } from '../getopt.ts'
import { addressOf, nameOfAddress } from '../names.ts'
import { pause } from '../stream.ts'
import { Prober, type Method, type Probe } from './prober.ts'
import { MTR_USAGE } from './usage.ts'

const LONG = {
  udp: 'u', tcp: 'T', address: 'a', 'first-ttl': 'f', 'max-ttl': 'm', 'max-unknown': 'U', port: 'P', psize: 's', interval: 'i', gracetime: 'G', timeout: 'Z', report: 'r', 'report-wide': 'w', 'report-cycles': 'c', json: 'j', csv: 'C', 'no-dns': 'n',
  'show-ips': 'b', help: 'h', version: 'v', filename: 'F', interface: 'I', tos: 'Q', mpls: 'e', mark: 'M', xml: 'x', raw: 'l', split: 'p', curses: 't', order: 'o', ipinfo: 'y', aslookup: 'z', bitpattern: 'B', localport: 'L',
} as const

/** One router on the way. */
interface Hop { address: string | undefined; sent: number; times: number[] }

/** mtr(8) 0.95 in its report forms: the screen that redraws itself is not here. */
export function* mtr(process: Process): Task<number> {
  const parsed = getopt(process.argv.slice(1), 'F:46uTI:a:f:m:U:P:L:s:B:i:G:Q:eZ:M:rwc:jxClptnbo:y:zhv', LONG)
  if ('invalid' in parsed || 'missing' in parsed) {
    yield* process.printError('missing' in parsed ? `mtr: option requires an argument -- '${parsed.missing}'\n${MTR_USAGE}` : `mtr: ${parsed.invalid.startsWith('--') ? `unrecognized option '${parsed.invalid}'` : `invalid option -- '${parsed.invalid}'`}\n${MTR_USAGE}`)
    return 1
  }
  const value = (o: string): string | undefined => parsed.options.findLast((p) => p.name === o)?.value
  const has = (o: string): boolean => value(o) !== undefined
  if (has('h')) {
    yield* process.print(MTR_USAGE)
    return 0
  }
  if (has('v')) {
    yield* process.print('mtr 0.95\n')
    return 0
  }
  const other = [...'FIQeMxlptoyzBL'].find(has)
  const report = has('r') || has('w') || has('j') || has('C')
  if (other !== undefined || !report) {
    yield* process.printError(`podhop: not simulated: ${other === undefined ? "mtr's screen" : `mtr -${other}`} (use mtr --report)\n`)
    return 69
  }
  const host = parsed.operands[0] ?? 'localhost'
  const bad = ['c', 'i', 'f', 'm', 's', 'P'].map(value).find((text) => text !== undefined && !/^\d+(\.\d+)?$/.test(text))
  if (bad !== undefined) {
    yield* process.printError(`mtr: invalid argument: '${bad}'\n`)
    return 1
  }
  const problem = Number(value('i') ?? 1) <= 0 ? 'wait time must be positive' : Number(value('P') ?? 1) < 1 || Number(value('P') ?? 1) > 65_535 ? `Illegal port number: ${value('P')!}` : undefined
  if (problem !== undefined) {
    yield* process.printError(`mtr: ${problem}\n`)
    return 1
  }
  const found = yield* addressOf(process, host, has('6') ? 6 : has('4') ? 4 : undefined)
  if ('error' in found) {
    yield* process.printError(`mtr: Failed to resolve host: ${host}: ${found.message}\n`)
    // it goes on to the next host, of which there is none
    return found.error === 'EAI_NONAME' && found.message.startsWith('Address family') ? 0 : 1
  }
  const started = process.clock.now
  const method: Method = has('u') ? 'udp' : has('T') ? 'tcp' : 'icmp'
  const cycles = Number(value('c') ?? 10)
  let hops: Hop[]
  try {
    hops = yield* trace(process, found.address, {
      method, cycles, interval: Number(value('i') ?? 1) * 1000, first: Number(value('f') ?? 1), most: Number(value('m') ?? 30), unknown: Number(value('U') ?? 12), grace: Number(value('G') ?? 5) * 1000,
      length: Number(value('s') ?? 64), port: Number(value('P') ?? (method === 'tcp' ? 80 : 33434)), source: value('a'),
    })
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    yield* process.printError(`mtr: Unexpected mtr-packet error\n`)
    return 1
  }
  const names = new Map<string, string | undefined>()
  const shown: string[] = []
  for (const hop of hops) {
    const name = hop.address === undefined || has('n') ? undefined : yield* nameOfAddress(process, hop.address, names)
    shown.push(hop.address === undefined ? '???' : name === undefined ? hop.address : has('b') ? `${name} (${hop.address})` : name)
  }
  const first = Number(value('f') ?? 1)
  if (has('j')) yield* process.print(jsonReport(process, host, hops, shown, { cycles, first, length: Number(value('s') ?? 64) }))
  else if (has('C')) yield* process.print(csvReport(process, host, hops, shown, first, started))
  else yield* process.print(textReport(process, hops, shown, has('w'), first, started))
  return 0
}

interface Tracing { method: Method; cycles: number; interval: number; first: number; most: number; unknown: number; grace: number; length: number; port: number; source: string | undefined }

/** net.c's way: one packet after another over an interval, until the end of the path is known; then round after round. */
function* trace(process: Process, address: string, o: Tracing): Task<Hop[]> {
  const { clock } = process
  const signal = new Signal()
  const prober = new Prober(process, address, { method: o.method, length: o.length, port: o.port, ...(o.source === undefined ? {} : { source: o.source }) })
  const hops: Hop[] = []
  const hopOf = (ttl: number): Hop => (hops[ttl - o.first] ??= { address: undefined, sent: 0, times: [] })
  let end = o.most
  let underWay = 0
  prober.onReply = (probe: Probe) => {
    const reply = probe.reply!
    const hop = hopOf(probe.ttl)
    hop.address = reply.source
    hop.times.push(reply.at - probe.sentAt)
    if (reply.reached || reply.error) end = Math.min(end, probe.ttl)
    underWay--
    signal.notify()
  }
  try {
    for (let cycle = 0; cycle < o.cycles; cycle++) {
      for (let ttl = o.first; ttl <= end; ttl++) {
        // as many unknown hosts in a row as one puts up with
        if (ttl - o.first >= o.unknown && hops.slice(ttl - o.first - o.unknown, ttl - o.first).every((h) => h.address === undefined)) break
        hopOf(ttl).sent++
        underWay++
        prober.send(ttl)
        yield pause(process, o.interval / Math.max(1, Math.min(end, 10)))
      }
    }
    const deadline = clock.now + o.grace
    while (underWay > 0 && clock.now < deadline) yield anyOf(signal.wait, pause(process, deadline - clock.now))
  } finally {
    prober.close()
  }
  const known = hops.slice(0, end - o.first + 1)
  const last = known.findLastIndex((h) => h.address !== undefined)
  return known.slice(0, Math.min(known.length, last + 2))
}

interface Numbers { loss: number; last: number; average: number; best: number; worst: number; deviation: number }

function numbers({ sent, times }: Hop): Numbers {
  const n = times.length
  const average = n === 0 ? 0 : times.reduce((a, b) => a + b, 0) / n
  const variance = n < 2 ? 0 : times.reduce((a, t) => a + (t - average) ** 2, 0) / (n - 1)
  return { loss: sent === 0 ? 0 : (100 * (sent - n)) / sent, last: times.at(-1) ?? 0, average, best: n === 0 ? 0 : Math.min(...times), worst: n === 0 ? 0 : Math.max(...times), deviation: Math.sqrt(variance) }
}

/** report.c: the cells are written one over the other, so that one which is too long loses its end. */
function textReport(process: Process, hops: readonly Hop[], names: readonly string[], wide: boolean, first: number, started: number): string {
  const { hostname } = process.machine
  const width = wide ? Math.max(hostname.length, ...names.map((n) => n.length)) : 33
  const left = (text: string): string => (wide ? text : text.padEnd(width).slice(0, width))
  const line = (hop: Hop, i: number): string => {
    const n = numbers(hop)
    const times = [n.last, n.average, n.best, n.worst].map((v) => ` ${v.toFixed(1).padStart(5)}`.slice(0, 6)).join('')
    return `${left(`${String(first + i).padStart(3)}.|-- ${names[i]!.padEnd(width)}`)}${` ${n.loss.toFixed(1).padStart(4)}%`.slice(0, 6)}${String(hop.sent).padStart(6)} ${times} ${n.deviation.toFixed(1).padStart(5)}\n`
  }
  const start = new Date(process.clock.epoch + started).toISOString().slice(0, 19)
  return `Start: ${start}+0000\n${left(`HOST: ${hostname.padEnd(width)}`)} Loss%   Snt   Last   Avg  Best  Wrst StDev\n${hops.map(line).join('')}`
}

function jsonReport(process: Process, host: string, hops: readonly Hop[], names: readonly string[], o: { cycles: number; first: number; length: number }): string {
  const round = (n: number): string => {
    const text = String(Math.round(n * 1000) / 1000)
    return text.includes('.') ? text : `${text}.0`
  }
  const hub = (hop: Hop, i: number): string => {
    const n = numbers(hop)
    const fields = { count: o.first + i, host: JSON.stringify(names[i]), 'Loss%': round(n.loss), Snt: hop.sent, Last: round(n.last), Avg: round(n.average), Best: round(n.best), Wrst: round(n.worst), StDev: round(n.deviation) }
    return `            {\n${Object.entries(fields).map(([k, v]) => `                "${k}": ${v}`).join(',\n')}\n            }`
  }
  return `{
    "report": {
        "mtr": {
            "src": ${JSON.stringify(process.machine.hostname)},
            "dst": ${JSON.stringify(host)},
            "tos": 0,
            "tests": ${o.cycles},
            "psize": "${o.length}",
            "bitpattern": "0x00"
        },
        "hubs": [
${hops.map(hub).join(',\n')}
        ]
    }
}
`
}

function csvReport(process: Process, host: string, hops: readonly Hop[], names: readonly string[], first: number, started: number): string {
  const rows = hops.map((hop, i) => {
    const n = numbers(hop)
    return `MTR.0.95,${Math.floor((process.clock.epoch + started) / 1000)},OK,${host},${first + i},${names[i]},${n.loss.toFixed(2)},${hop.sent},0,${[n.last, n.average, n.best, n.worst, n.deviation].map((v) => v.toFixed(2)).join(',')}\n`
  })
  return `Mtr_Version,Start_Time,Status,Host,Hop,Ip,Loss%,Snt, ,Last,Avg,Best,Wrst,StDev,\n${rows.join('')}`
}
