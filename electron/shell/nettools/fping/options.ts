import { getopt } from '../getopt.ts'
import { USAGE } from './usage.ts'

export interface Options {
  family: 4 | 6 | undefined
  alive: boolean; unreachable: boolean; elapsed: boolean; quiet: boolean; statistics: boolean; generate: boolean; loop: boolean; stamps: boolean; byAddress: boolean
  /** -c and -C; undefined: until it answers, or has not often enough. */
  count: number | undefined
  /** -C */
  each: boolean
  /** Bytes of data. */
  size: number
  backoff: number
  retries: number
  /** ms */
  interval: number
  period: number
  timeout: number
  ttl: number | undefined
  source: string | undefined
  file: string | undefined
  dontFragment: boolean
  /** -x */
  enough: number | undefined
}

const LONG: Readonly<Record<string, string>> = {
  ipv4: '4', ipv6: '6', size: 'b', backoff: 'B', count: 'c', file: 'f', generate: 'g', ttl: 'H', iface: 'I', loop: 'l', all: 'm', dontfrag: 'M', tos: 'O', period: 'p', retry: 'r', random: 'R', src: 'S', timeout: 't', alive: 'a', addr: 'A', vcount: 'C', rdns: 'd', timestamp: 'D',
  elapsed: 'e', interval: 'i', name: 'n', netdata: 'N', outage: 'o', quiet: 'q', squiet: 'Q', stats: 's', unreach: 'u', version: 'v', reachable: 'x', help: 'h',
}
const NOT_SIMULATED = 'ImOdnNoQ'

/** fping(8) 5.1. */
export function parseFping(args: readonly string[]): { options: Options; targets: string[] } | { stdout?: string; error?: string; code: number } {
  const parsed = getopt(args, '46b:B:c:f:gH:I:lmMO:p:r:RS:t:aAC:dDei:nNoqQ:suvx:h', LONG)
  if (!('options' in parsed)) return { error: `fping: ${parsed.text.replace(/^unrecognized option '--/, "unrecognized option '--")}\nsee 'fping -h' for usage information\n`, code: 1 }
  const options: Options = {
    family: undefined, alive: false, unreachable: false, elapsed: false, quiet: false, statistics: false, generate: false, loop: false, stamps: false, byAddress: false, count: undefined, each: false,
    size: 56, backoff: 1.5, retries: 3, interval: 10, period: 1000, timeout: 500, ttl: undefined, source: undefined, file: undefined, dontFragment: false, enough: undefined,
  }
  const usage = { error: USAGE, code: 1 }
  let timeoutGiven = false
  for (const { name, value } of parsed.options) {
    const number = Number(/^\d+(\.\d+)?$/.test(value) ? value : NaN)
    if ('bBcCHipQrtx'.includes(name) && Number.isNaN(number)) return usage
    switch (name) {
      case 'h': return { stdout: USAGE, code: 0 }
      case 'v': return { stdout: 'fping: Version 5.1\n', code: 0 }
      case '4': case '6': options.family = Number(name) as 4 | 6; break
      case 'a': options.alive = true; break
      case 'A': options.byAddress = true; break
      case 'b': options.size = number; break
      case 'B': options.backoff = number; break
      case 'c': case 'C':
        if (number < 1) return usage
        options.count = Math.trunc(number)
        options.each = name === 'C'
        break
      case 'D': options.stamps = true; break
      case 'e': options.elapsed = true; break
      case 'f': options.file = value; break
      case 'g': options.generate = true; break
      case 'H': options.ttl = number; break
      case 'i': options.interval = number; break
      case 'l': options.loop = true; break
      case 'M': options.dontFragment = true; break
      case 'p': options.period = number; break
      case 'q': options.quiet = true; break
      case 'r': options.retries = number; break
      // what is in the packets changes nothing here
      case 'R': break
      case 's': options.statistics = true; break
      case 'S': options.source = value; break
      case 't':
        options.timeout = number
        timeoutGiven = true
        break
      case 'u': options.unreachable = true; break
      case 'x': options.enough = number; break
      default: if (NOT_SIMULATED.includes(name)) return { error: `podhop: not simulated: fping -${name} (use fping with -a -u -c -C -l -q -s -e -g -f -b -i -p -t -r -B -H -S -A -D -x -4 -6)\n`, code: 69 }
    }
  }
  if (options.count !== undefined && options.loop) return { error: 'fping: specify only one of c, l\n', code: 1 }
  if (options.alive && options.unreachable) return { error: 'fping: specify only one of a, u\n', code: 1 }
  if (!timeoutGiven && (options.loop || options.count !== undefined)) options.timeout = Math.min(options.period, 2000)
  return { options, targets: parsed.operands }
}
