import { canonicalIp, isValidIp, reverseNameOf, typeCode, type DnsEdnsOption, type Process, type Task } from '../../../engine/cluster.ts'
import { classOf, serverAddresses, wholeNumber } from './bind.ts'
import { HELP, USAGE } from './dig-usage.ts'
import { EDNS, SECTIONS, type Section } from './message-text.ts'
import type { SecureTransport } from './secure.ts'

/** The command line of dig 9.18: what stands before the first name is for all names, what stands after one is for it alone. */
export interface Lookup {
  name: string
  type: string
  typeSet: boolean
  class: string
  classSet: boolean
  /** What the person wrote, and an address of it. */
  servers: { word: string; address: string }[] | undefined
  search: boolean
  showSearch: boolean
  domain: string | undefined
  ndots: number | undefined
  /** Undefined: not said. */
  tcp: boolean | undefined
  ignore: boolean
  flags: { aa: boolean; ad: boolean; cd: boolean; ra: boolean; rd: boolean; tc: boolean }
  opcode: number
  headerOnly: boolean
  /** Undefined: one by chance. */
  id: number | undefined
  edns: number | undefined
  bufferSize: number
  dnssec: boolean
  cookie: Uint8Array | boolean
  options: DnsEdnsOption[]
  /** +ednsopt: they come last. */
  furtherOptions: DnsEdnsOption[]
  timeout: number | undefined
  tries: number
  fail: boolean
  showQuery: boolean
  identify: boolean
  stats: boolean
  comments: boolean
  sections: Record<Section, boolean>
  /** Undefined: +question and +comments were not asked for, which matters to AXFR. */
  transferShows: { question: boolean; comments: boolean }
  oneSoa: boolean
  ttl: boolean
  klass: boolean
  units: boolean
  multiline: boolean
  expand: boolean
  unknown: boolean
  transport: SecureTransport | undefined
  /** Bytes that a query's length is a multiple of; 0: as it is. */
  padding: number
}

export interface Globals {
  short: boolean
  yaml: boolean
  cmd: boolean
  microseconds: boolean
  family: 4 | 6 | undefined
  /** Undefined: the one that is usual where the question goes. */
  port: number | undefined
  source: { address: string; port?: number } | undefined
  batch: string | undefined
  /** The first line with the command has been made. */
  greeted: boolean
}

export type Ended = { stdout?: string; stderr?: string; code: number }
export const fatal = (text: string, code = 1): Ended => ({ stderr: `dig: ${text}\n`, code })
export const notSimulated = (what: string, instead: string): Ended => ({ stderr: `podhop: not simulated: dig ${what} (${instead})\n`, code: 69 })
const invalid = (what: string): Ended => ({ stderr: `Invalid option: ${what}\n${USAGE}`, code: 1 })

export const emptyLookup = (): Lookup => ({
  name: '', type: 'A', typeSet: false, class: 'IN', classSet: false, servers: undefined, search: false, showSearch: false, domain: undefined, ndots: undefined, tcp: undefined, ignore: false,
  flags: { aa: false, ad: true, cd: false, ra: false, rd: true, tc: false }, opcode: 0, headerOnly: false, id: undefined, edns: 0, bufferSize: 1232, dnssec: false, cookie: true, options: [], furtherOptions: [], timeout: undefined, tries: 3, fail: true,
  showQuery: false, identify: false, stats: true, comments: true, sections: { question: true, answer: true, authority: true, additional: true }, transferShows: { question: false, comments: false }, oneSoa: false,
  ttl: true, klass: true, units: false, multiline: false, expand: false, unknown: false, transport: undefined, padding: 0,
})

const clone = (l: Lookup): Lookup => ({ ...l, flags: { ...l.flags }, sections: { ...l.sections }, transferShows: { ...l.transferShows }, options: [...l.options], furtherOptions: [...l.furtherOptions] })

export const isType = (word: string): boolean => {
  try {
    return word.toUpperCase() !== 'OPT' && typeCode(word.toUpperCase()) >= 0
  } catch {
    return false
  }
}

export class DigArguments {
  readonly globals: Globals
  readonly #defaults: Lookup
  readonly #process: Process
  lookups: { lookup: Lookup; greeting: string }[] = []
  #current: Lookup
  #first = true

  constructor(process: Process, globals: Globals, defaults: Lookup) {
    this.#process = process
    this.globals = globals
    this.#defaults = defaults
    this.#current = defaults
  }

  /** Adds the lookups of one line of words, of the command or of a batch file. */
  *parse(words: readonly string[]): Task<Ended | undefined> {
    for (let i = 0; i < words.length; i++) {
      const word = words[i]!
      if (word.startsWith('@')) {
        const addresses = yield* serverAddresses(this.#process, word.slice(1))
        const { family } = this.globals
        const usable = addresses.filter((a) => family === undefined || (family === 6) === a.includes(':'))
        if (usable.length === 0) return fatal(`couldn't get address for '${word.slice(1)}': not found`)
        this.#current.servers = usable.map((address) => ({ word: word.slice(1), address }))
      } else if (word.startsWith('+')) {
        const ended = this.#plus(word)
        if (ended?.code === -1) {
          yield* this.#process.print(ended.stdout ?? '')
          yield* this.#process.printError(ended.stderr ?? '')
        }
        else if (ended) return ended
      } else if (word === '-') return invalid(word)
      else if (word.startsWith('-')) {
        const used = yield* this.#dash(word, words[i + 1], words)
        if (typeof used === 'object') return used
        i += used
      } else if (/^ixfr=/i.test(word)) return notSimulated(word, 'use SOA')
      else yield* this.#bareWord(word, words)
    }
    if (this.lookups.length === 0 && this.globals.batch === undefined) this.#begin('.', words, 'NS')
    return undefined
  }

  *#bareWord(word: string, words: readonly string[]): Task {
    if (/^ixfr$/i.test(word)) yield* this.#process.printError(';; Warning, ixfr requires a serial number\n')
    else if (isType(word)) yield* this.#setType(word)
    else if (classOf(word) !== undefined) {
      if (this.#current.classSet) yield* this.#process.printError(';; Warning, extra class option\n')
      Object.assign(this.#current, { class: classOf(word), classSet: true })
    } else this.#begin(word, words)
  }

  *#setType(word: string): Task {
    if (this.#current.typeSet) yield* this.#process.printError(';; Warning, extra type option\n')
    Object.assign(this.#current, { type: word.toUpperCase(), typeSet: true })
    if (this.#current.type === 'ANY') this.#current.tcp ??= true
  }

  #begin(name: string, words: readonly string[], type?: string): void {
    this.#current = { ...clone(this.#defaults), name }
    if (type !== undefined) this.#current.type = type
    this.lookups.push({ lookup: this.#current, greeting: this.#first ? this.#greeting(words) : '' })
    this.#first = false
  }

  /** printgreeting(): global options are told once. */
  #greeting(words: readonly string[]): string {
    const servers = this.#defaults.servers?.length ?? 0
    const head = `${this.globals.greeted ? '' : '\n'}; <<>> DiG 9.18.49-1~deb12u3-Debian <<>>${words.map((w) => ` ${w}`).join('')}\n`
    if (this.globals.greeted) return head
    this.globals.greeted = true
    return `${head}${servers > 0 ? `; (${servers} server${servers > 1 ? 's' : ''} found)\n` : ''};; global options:${this.globals.short ? ' +short' : ''} +cmd\n`
  }

  /** One word, which can hold several letters; the number of further words it took. */
  *#dash(word: string, next: string | undefined, words: readonly string[]): Task<number | Ended> {
    const { globals } = this
    for (let k = 1; k < word.length; k++) {
      const letter = word[k]!
      switch (letter) {
        case '4': case '6':
          if (globals.family !== undefined && globals.family !== Number(letter)) return fatal('only one of -4 and -6 allowed')
          globals.family = Number(letter) as 4 | 6
          continue
        case 'i': case 'r': case 'm': continue
        case 'd': return notSimulated('-d', 'use +qr, or hop trace')
        case 'u': globals.microseconds = true; continue
        case 'v': return { stderr: 'DiG 9.18.49-1~deb12u3-Debian\n', code: 0 }
        case 'h': return { stdout: HELP, code: 0 }
      }
      const inline = word.slice(k + 1)
      const value = inline !== '' ? inline : next
      if (!'bcfkpqtxy'.includes(letter) || value === undefined) return invalid(word)
      const ended = yield* this.#valued(letter, value, words)
      return ended ?? (inline !== '' ? 0 : 1)
    }
    return 0
  }

  *#valued(letter: string, value: string, words: readonly string[]): Task<Ended | undefined> {
    const { globals } = this
    switch (letter) {
      case 'b': {
        const [address, port] = value.split('#') as [string, string?]
        if (!isValidIp(address)) return fatal(`invalid address ${value}`)
        globals.source = { address, ...(port === undefined ? {} : { port: (parseInt(port, 10) || 0) & 0xffff }) }
        return
      }
      case 'c': {
        const klass = classOf(value)
        if (klass === undefined) yield* this.#process.printError(`;; Warning, ignoring invalid class ${value}\n`)
        else Object.assign(this.#current, { class: klass, classSet: true })
        return
      }
      case 'f': globals.batch = value; return
      case 'p': {
        const port = wholeNumber(value, 65_535, 'port number')
        if (typeof port === 'string') return { stdout: port, ...fatal("Couldn't parse port number") }
        globals.port = port
        return
      }
      case 'q': this.#begin(value, words); return
      case 't':
        if (/^ixfr/i.test(value) && value.includes('=')) return notSimulated(`-t ${value}`, 'use -t SOA')
        if (!isType(value) || /^ixfr$/i.test(value)) yield* this.#process.printError(`;; Warning, ignoring invalid type ${value}\n`)
        else yield* this.#setType(value)
        return
      case 'x': {
        const canonical = canonicalIp(value)
        this.#begin(canonical !== undefined ? reverseNameOf(canonical) : `${value.split('.').reverse().join('.')}.in-addr.arpa.`, words)
        Object.assign(this.#current, { type: 'PTR', typeSet: true, class: 'IN', classSet: true })
        return
      }
      default: return notSimulated(`-${letter}`, 'servers here know no keys; use dig without it')
    }
  }

  /** A code of -1: a warning only. */
  #plus(word: string): Ended | undefined {
    const [given, value] = word.slice(1).split(/=(.*)/s) as [string, string?]
    const on = !/^no/i.test(given)
    if (word === '+') return { stdout: ';; Invalid option \n', code: -1 }
    const name = complete((on ? given : given.slice(2)).toLowerCase())
    const l = this.#current
    const { globals } = this
    const number = (most: number, what: string, told: string, set: (n: number) => void): Ended | undefined => {
      if (value === undefined || !on) return invalid(word)
      const n = wholeNumber(value, most, what)
      if (typeof n === 'string') return { stdout: n, ...fatal(`Couldn't parse ${told}`, 10) }
      set(n)
      return undefined
    }
    const option = (code: number, data: readonly number[] = []): undefined => {
      l.options = l.options.filter((o) => o.code !== code)
      if (on) l.options.push({ code, data: Uint8Array.from(data) })
      if (on) l.edns ??= 0
    }
    const secured = (kind: SecureTransport['kind'] | undefined, more: Partial<SecureTransport> = {}): undefined => {
      l.transport = kind && { path: '/dns-query', ca: undefined, hostname: undefined, certFile: undefined, keyFile: undefined, ...l.transport, kind, ...more }
      return undefined
    }
    switch (name) {
      case 'tls': return secured(on ? 'TLS' : undefined)
      case 'tls-ca': return secured(on ? (l.transport?.kind ?? 'TLS') : undefined, { ca: { file: value } })
      case 'tls-hostname': case 'tls-certfile': case 'tls-keyfile':
        if (value === undefined && on) return invalid(word)
        return secured(on ? (l.transport?.kind ?? 'TLS') : undefined, { [{ 'tls-hostname': 'hostname', 'tls-certfile': 'certFile', 'tls-keyfile': 'keyFile' }[name]]: value })
      case 'https': case 'https-get': case 'http-plain': case 'http-plain-get': {
        if (value !== undefined && !value.startsWith('/')) return { stdout: `;; The given HTTP path "${value}" is not a valid absolute path\n`, ...invalid(`+${given}`) }
        const kind = ({ https: 'HTTPS', 'https-get': 'HTTPS-GET', 'http-plain': 'HTTP', 'http-plain-get': 'HTTP-GET' } as const)[name]
        return secured(on ? kind : undefined, value === undefined ? {} : { path: value })
      }
      case 'yaml':
        globals.yaml = on
        if (on) {
          globals.cmd = false
          l.stats = false
        }
        return
      case 'padding': return number(512, 'padding', 'padding', (n) => void (l.padding = n))
      case 'unknownformat': l.unknown = on; return
      case 'unexpected': return { stderr: ';; +unexpected option is deprecated', code: -1 }
      case 'aaflag': case 'aaonly': l.flags.aa = on; return
      case 'adflag': l.flags.ad = on; return
      case 'cdflag': l.flags.cd = on; return
      case 'raflag': l.flags.ra = on; return
      case 'rdflag': case 'recurse': l.flags.rd = on; return
      case 'tcflag': l.flags.tc = on; return
      case 'answer': case 'authority': case 'additional': l.sections[name] = on; return
      case 'question': l.sections.question = l.transferShows.question = on; return
      case 'comments': l.comments = l.transferShows.comments = on; return
      case 'stats': l.stats = on; return
      case 'all':
        for (const section of SECTIONS) l.sections[section] = on
        l.comments = l.stats = globals.cmd = on
        return
      case 'cmd': globals.cmd = on; return
      case 'short':
        globals.short = on
        if (on) {
          globals.cmd = l.comments = l.stats = false
          l.sections = { question: false, answer: true, authority: false, additional: false }
        }
        return
      case 'search': case 'defname': l.search = on; return
      case 'showsearch':
        l.showSearch = on
        l.search = on
        return
      case 'domain':
        if (value === undefined || !on) return invalid(word)
        l.domain = value
        l.search = true
        return
      case 'ndots': return number(255, 'ndots', 'ndots', (n) => void (l.ndots = n))
      case 'tcp': case 'vc': l.tcp = on; return
      case 'ignore': l.ignore = on; return
      case 'qid': return on ? number(0xffff, 'qid', 'qid', (n) => void (l.id = n)) : void (l.id = undefined)
      case 'header-only': l.headerOnly = on; return
      case 'fail': l.fail = on; return
      case 'identify': l.identify = on; return
      case 'qr': l.showQuery = on; return
      case 'onesoa': l.oneSoa = on; return
      case 'ttlid': l.ttl = on; return
      case 'class': l.klass = on; return
      case 'ttlunits':
        l.units = on
        if (on) l.ttl = true
        return
      case 'multiline': l.multiline = on; return
      case 'expandaaaa': l.expand = on; return
      case 'timeout': return number(0xffff, 'timeout', 'timeout', (n) => void (l.timeout = Math.max(1, n)))
      case 'tries': return number(0xffff, 'tries', 'tries', (n) => void (l.tries = Math.max(1, n)))
      case 'retry': return number(0xffff, 'retries', 'retries', (n) => void (l.tries = n + 1))
      case 'bufsize':
        if (value === undefined) return void (l.bufferSize = 1232)
        return number(65_535, 'buffer size', 'buffer size', (n) => void (l.bufferSize = n))
      case 'edns':
        if (!on) return void (l.edns = undefined)
        if (value === undefined) return void (l.edns = 0)
        return number(255, 'edns', 'edns', (n) => void (l.edns = n))
      case 'dnssec': case 'do':
        l.dnssec = on
        if (on) l.edns ??= 0
        return
      case 'cookie': l.cookie = on && value !== undefined ? Uint8Array.from(value.match(/../g) ?? [], (h) => parseInt(h, 16)) : on; return
      case 'nsid': return option(EDNS.nsid)
      case 'expire': return option(EDNS.expire)
      case 'keepalive': return option(EDNS.keepalive)
      case 'subnet': {
        if (!on) return option(EDNS.subnet)
        if (value === undefined) return invalid(word)
        const bytes = subnetBytes(value)
        return bytes ? option(EDNS.subnet, bytes) : fatal(`invalid address '${value}'`)
      }
      case 'ednsopt': {
        if (!on) return void (l.furtherOptions = [])
        if (value === undefined) return fatal('ednsopt no code point specified')
        const [code, hex = ''] = value.split(':') as [string, string?]
        const n = EDNS_NAMES.get(code.toUpperCase()) ?? wholeNumber(code, 65_535, 'ednsopt')
        if (typeof n === 'string') return { stdout: n, ...fatal(`bad edns code point: ${code}`) }
        l.furtherOptions.push({ code: n, data: Uint8Array.from(hex.match(/../g) ?? [], (h) => parseInt(h, 16)) })
        return
      }
      case 'opcode': {
        if (!on) return void (l.opcode = 0)
        if (value === undefined) return invalid(word)
        const known = ['query', 'iquery', 'status', 'reserved3', 'notify', 'update'].indexOf(value.toLowerCase())
        return known >= 0 ? void (l.opcode = known) : number(15, 'opcode', 'opcode', (n) => void (l.opcode = n))
      }
      case 'mapped': return { stderr: ';; +mapped option is deprecated', code: -1 }
      // they change nothing of what servers here answer, or of what is shown of it
      case 'badcookie': case 'besteffort': case 'crypto': case 'ednsnegotiation': case 'idnin': case 'idnout': case 'keepopen': case 'rrcomments': case 'showbadcookie': case 'split': return
      case undefined: return invalid(word)
      default: return on ? notSimulated(word, name === 'trace' || name === 'nssearch' ? 'the simulated internet has no root and name servers of its own; ask a server with @' : 'use dig without it') : undefined
    }
  }
}

/** IANA's registry of EDNS options, in dig's words. */
const EDNS_NAMES = new Map([
  ['LLQ', 1], ['NSID', 3], ['DAU', 5], ['DHU', 6], ['N3U', 7], ['ECS', 8], ['EXPIRE', 9], ['COOKIE', 10], ['KEEPALIVE', 11], ['PADDING', 12], ['PAD', 12], ['CHAIN', 13], ['KEY-TAG', 14], ['EDE', 15], ['CLIENT-TAG', 16], ['SERVER-TAG', 17], ['DEVICEID', 26_946],
])

const WORDS = [
  'aaflag', 'aaonly', 'additional', 'adflag', 'all', 'answer', 'authority', 'badcookie', 'besteffort', 'bufsize', 'cdflag', 'class', 'cmd', 'coflag', 'comments', 'cookie', 'crypto', 'defname', 'dns64prefix', 'dnssec', 'do', 'domain', 'edns',
  'ednsflags', 'ednsnegotiation', 'ednsopt', 'expandaaaa', 'expire', 'fail', 'header-only', 'http-plain', 'http-plain-get', 'https', 'https-get', 'identify', 'idnin', 'idnout', 'ignore', 'keepalive', 'keepopen', 'mapped', 'multiline', 'ndots',
  'nsid', 'nssearch', 'onesoa', 'opcode', 'padding', 'qid', 'qr', 'question', 'raflag', 'rdflag', 'recurse', 'retry', 'rrcomments', 'search', 'short', 'showbadcookie', 'showsearch', 'split', 'stats', 'subnet', 'tcflag', 'tcp', 'timeout', 'tls',
  'tls-ca', 'tls-certfile', 'tls-hostname', 'tls-keyfile', 'trace', 'tries', 'ttlid', 'ttlunits', 'unexpected', 'unknownformat', 'vc', 'yaml', 'zflag',
]

/** A word can be cut short as long as it is clear. */
function complete(word: string): string | undefined {
  if (WORDS.includes(word)) return word
  if (word === 'ad' || word === 'aa') return `${word}flag`
  const found = word === '' ? [] : WORDS.filter((w) => w.startsWith(word))
  return found.length === 1 ? found[0] : undefined
}

/** "10.0.0.0/8", "fd00::/16", "0": family, prefix length, no scope, and as many bytes as the prefix needs. */
function subnetBytes(text: string): number[] | undefined {
  const [address, prefix] = (text === '0' ? '0.0.0.0/0' : text).split('/') as [string, string?]
  const canonical = canonicalIp(address)
  if (canonical === undefined) return undefined
  const six = canonical.includes(':')
  const length = Number(prefix ?? (six ? 128 : 32))
  if (!Number.isInteger(length) || length < 0 || length > (six ? 128 : 32)) return undefined
  const bytes = six ? reverseNameOf(canonical).split('.').slice(0, 32).reverse().join('').match(/../g)!.map((h) => parseInt(h, 16)) : canonical.split('.').map(Number)
  const kept = bytes.slice(0, Math.ceil(length / 8))
  if (length % 8 !== 0) kept[kept.length - 1]! &= 0xff << (8 - (length % 8))
  return [0, six ? 2 : 1, length, 0, ...kept]
}
