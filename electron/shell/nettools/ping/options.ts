import { byName } from '../../../engine/own.ts'
import { getopt } from '../getopt.ts'
import { BUSYBOX_PING_USAGE, PING_USAGE } from './usage.ts'

export interface Options {
  count: number
  /** ms */
  interval: number
  size: number
  ttl: number | undefined
  /** -W: how long to wait for the last answers, in ms. */
  wait: number
  /** -w: end after this time, in ms. */
  deadline: number
  quiet: boolean
  dontFragment: boolean
  source: string | undefined
  family: 4 | 6 | undefined
  /** -n */
  numeric: boolean
  /** -f: a dot for each request, taken back by its answer. */
  flood: boolean
  /** -A: the next request as soon as the last one is answered. */
  adaptive: boolean
  /** -D */
  stamps: boolean
  /** -O */
  outstanding: boolean
  /** -a */
  audible: boolean
  /** -b */
  broadcast: boolean
  /** -B: show, and keep, the source address. */
  sticky: boolean
  verbose: boolean
  /** -l: as many at once. */
  preload: number
  /** -p: what fills the packets; undefined: 0, 1, 2, … */
  pattern: Uint8Array | undefined
  /** What is said before anything else. */
  warnings: string
}

export const defaults = (): Options => ({
  count: Infinity, interval: 1000, size: 56, ttl: undefined, wait: 10_000, deadline: Infinity, quiet: false, dontFragment: false, source: undefined, family: undefined, numeric: false, flood: false, adaptive: false, stamps: false,
  outstanding: false, audible: false, broadcast: false, sticky: false, verbose: false, preload: 1, pattern: undefined, warnings: '',
})

export type Parsed = { options: Options; host: string } | { stdout?: string; error?: string; code: number }

const NOT_SIMULATED: Readonly<Record<string, string>> = byName({
  R: 'use traceroute', T: 'use traceroute', N: 'use ping without it', F: 'use ping without it', Q: 'tos bits change nothing here; use ping without it', e: 'use ping without it', m: 'use ip rule with other selectors', r: 'use ip route get', H: 'use ping without it',
})

/** iputils 20221126 (ping.c, strtol_or_err() and ping_strtod()). */
export function parsePing(args: readonly string[]): Parsed {
  const parsed = getopt(args, '4h?6bRT:F:N:aABc:CdDe:fi:I:l:Lm:M:nOp:qQ:rs:S:t:UvVw:W:')
  if ('invalid' in parsed) return { error: `ping: invalid option -- '${parsed.invalid.startsWith('--') ? '-' : parsed.invalid}'\n${PING_USAGE}`, code: 2 }
  if ('missing' in parsed) return { error: `ping: option requires an argument -- '${parsed.missing}'\n${PING_USAGE}`, code: 2 }
  const options = defaults()
  for (const { name, value } of parsed.options) {
    const whole = (low: number, high: number | bigint, set: (n: number) => void): Parsed | undefined => {
      if (!/^\s*[+-]?(0x[\da-f]+|\d+)$/i.test(value)) return { error: `ping: invalid argument: '${value}'\n`, code: 1 }
      const number = BigInt(value.replace(/^\s*[+-]/, '')) * (value.trim().startsWith('-') ? -1n : 1n)
      if (number > 9_223_372_036_854_775_807n || number < -9_223_372_036_854_775_808n) return { error: `ping: invalid argument: '${value}': Numerical result out of range\n`, code: 1 }
      if (number < BigInt(low) || number > BigInt(high)) return { error: `ping: invalid argument: '${value}': out of range: ${low} <= value <= ${high}\n`, code: 1 }
      set(Number(number))
      return undefined
    }
    const seconds = (): number => {
      const number = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?/i.exec(value)?.[0] ?? ''
      if (number.length !== value.length) options.warnings += `ping: option argument contains garbage: ${value.slice(number.length)}\nping: this will become fatal error in the future\n`
      return Number(number)
    }
    let wrong: Parsed | undefined
    switch (name) {
      case 'c': wrong = whole(1, 9_223_372_036_854_775_807n, (n) => (options.count = n)); break
      case 'i': options.interval = Math.max(0, seconds() * 1000); break
      case 's': wrong = whole(0, 2_147_483_647, (n) => (options.size = n)); break
      case 't': wrong = whole(0, 255, (n) => (options.ttl = n)); break
      case 'W': {
        const n = seconds()
        if (n < 0 || n > 2_147_483) return { error: `ping: bad linger time: ${value}\n`, code: 2 }
        options.wait = n === 0 ? 10_000 : n * 1000
        break
      }
      case 'w': wrong = whole(0, 2_147_483_647, (n) => (options.deadline = n === 0 ? Infinity : n * 1000)); break
      case 'l': wrong = whole(1, 65_536, (n) => (options.preload = n)); break
      case 'S': wrong = whole(1, 2_147_483_647, () => {}); break
      case 'p': {
        if (!/^[\da-f]+$/i.test(value)) return { error: `ping: patterns must be specified as hex digits: ${value}\n`, code: 2 }
        options.pattern = Uint8Array.from(value.match(/..?/g)!.slice(0, 16), (h) => parseInt(h, 16))
        break
      }
      case 'M':
        if (!['do', 'dont', 'want'].includes(value)) return { error: `ping: invalid -M argument: ${value}\n`, code: 2 }
        options.dontFragment = value === 'do'
        break
      case 'I': options.source = value; break
      case 'h': case '?': return { error: PING_USAGE, code: 2 }
      case 'V': return { stdout: 'ping from iputils 20221126\nlibcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, __fpending(): yes\n', code: 0 }
      case '4': case '6':
        if (options.family !== undefined && options.family !== Number(name)) return { error: 'ping: only one -4 or -6 option may be specified\n', code: 2 }
        options.family = Number(name) as 4 | 6
        break
      case 'q': options.quiet = true; break
      case 'n': options.numeric = true; break
      case 'f': options.flood = true; break
      case 'A': options.adaptive = true; break
      case 'D': options.stamps = true; break
      case 'O': options.outstanding = true; break
      case 'a': options.audible = true; break
      case 'b': options.broadcast = true; break
      case 'B': options.sticky = true; break
      case 'v': options.verbose = true; break
      // how it connects, what it hears of its own groups, and whose time it counts: the same here
      case 'C': case 'd': case 'L': case 'U': break
      default: return { error: `podhop: not simulated: ping -${name} (${NOT_SIMULATED[name] ?? 'use ping without it'})\n`, code: 69 }
    }
    if (wrong) return wrong
  }
  if (options.ttl === 0) return { error: 'ping: cannot set unicast time-to-live: Invalid argument\n', code: 2 }
  if (parsed.operands.length === 0) return { error: 'ping: usage error: Destination address required\n', code: 1 }
  if (parsed.operands.length > 1) return { error: 'podhop: not simulated: ping along a source route (use one destination)\n', code: 69 }
  return { options, host: parsed.operands[0]! }
}

/** busybox 1.36 (networking/ping.c). */
export function parseBusyboxPing(args: readonly string[]): Parsed {
  const usage = `BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.\n\n${BUSYBOX_PING_USAGE}`
  const parsed = getopt(args, 'c:i:s:t:W:w:qn46I:Ap:')
  if ('invalid' in parsed) return { error: `ping: invalid option -- '${parsed.invalid.replace(/^--/, '')}'\n${usage}`, code: 1 }
  if ('missing' in parsed) return { error: `ping: option requires an argument -- '${parsed.missing}'\n${usage}`, code: 1 }
  if (parsed.operands.length !== 1) return { error: usage, code: 1 }
  const options = defaults()
  for (const { name, value } of parsed.options) {
    const whole = (most: number, set: (n: number) => void): Parsed | undefined => {
      if (!/^\d+$/.test(value)) return { error: `ping: invalid number '${value}'\n`, code: 1 }
      if (Number(value) > most) return { error: `ping: number ${value} is not in 0..${most} range\n`, code: 1 }
      set(Number(value))
      return undefined
    }
    let wrong: Parsed | undefined
    switch (name) {
      case 'c': wrong = whole(4_294_967_295, (n) => (options.count = n === 0 ? Infinity : n)); break
      case 's': wrong = whole(65_535, (n) => (options.size = n)); break
      case 't': wrong = whole(255, (n) => (options.ttl = n)); break
      case 'W': wrong = whole(4_294_967_295, (n) => (options.wait = n * 1000)); break
      case 'w': wrong = whole(4_294_967_295, (n) => (options.deadline = n === 0 ? Infinity : n * 1000)); break
      case 'i':
        if (!/^\d+(\.\d+)?$/.test(value)) return { error: `ping: invalid number '${value}'\n`, code: 1 }
        options.interval = Number(value) * 1000
        break
      case 'p':
        if (!/^[\da-f]{1,2}$/i.test(value)) return { error: `ping: invalid number '${value}'\n`, code: 1 }
        options.pattern = Uint8Array.of(parseInt(value, 16))
        break
      case 'q': options.quiet = true; break
      case 'A': options.adaptive = true; break
      case 'I': options.source = value; break
      case '4': case '6': options.family = Number(name) as 4 | 6
    }
    if (wrong) return wrong
  }
  return { options, host: parsed.operands[0]! }
}
