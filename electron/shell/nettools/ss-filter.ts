import { canonicalIp, cidrContains, tryParseCidr, type SocketInfo } from '../../engine/cluster.ts'
import { servicePorts } from './services.ts'
import type { SocketSelection } from './ss-selection.ts'

export class SocketFilterError extends Error {
  readonly code: number
  constructor(text: string, code: number) {
    super(text)
    this.code = code
  }
}

type Test = (socket: SocketInfo) => boolean

/** A word of the grammar (misc/ssfilter.y), or what a condition compares with. */
type Token = { kind: string } | { kind: 'value'; test: Condition }
type Condition = { of: 'host'; address: ((ip: string) => boolean) | undefined; port: number | undefined } | { of: 'device' | 'mark' | 'cgroup'; matches: Test }

const WORDS: ReadonlyMap<string, string> = new Map([
  ['!', '!'], ['not', '!'], ['&', '&'], ['&&', '&'], ['and', '&'], ['|', '|'], ['||', '|'], ['or', '|'], ['(', '('], [')', ')'], ['dst', 'dst'], ['src', 'src'], ['dport', 'dport'], ['sport', 'sport'], ['dev', 'dev'], ['fwmark', 'fwmark'], ['cgroup', 'cgroup'], ['autobound', 'autobound'],
  ['>=', '>='], ['ge', '>='], ['geq', '>='], ['<=', '<='], ['le', '<='], ['leq', '<='], ['!=', '!='], ['ne', '!='], ['neq', '!='], ['=', '='], ['==', '='], ['eq', '='], ['>', '>'], ['gt', '>'], ['<', '<'], ['lt', '<'],
])
const TYPES = ['dst', 'src', 'dport', 'sport', 'dev', 'fwmark', 'cgroup', 'autobound']

/**
 * The EXPRESSION of ss(8): dst, src, dport, sport, dev, fwmark with and, or, not and brackets, from left to right without
 * precedence. Words are looked up as they are read, so a bad address is told before a bad grammar behind it. Throws SocketFilterError.
 */
export function parseSocketFilter(operands: readonly string[], selection: SocketSelection, indexOf: (device: string) => number | undefined, usage: string): Test {
  const words = operands.flatMap((o) => o.split(/[ \t]+/)).filter((w) => w !== '')
  const syntax = (): SocketFilterError => new SocketFilterError(`ss: bison bellows (while parsing filter): "syntax error!" Sorry.\n${usage}`, 255)
  let type = ''
  let ahead: Token | undefined
  const read = (): Token => {
    const word = words.shift()
    if (word === undefined) return { kind: 'end' }
    const known = WORDS.get(word)
    if (known !== undefined) {
      if (TYPES.includes(known)) type = known
      return { kind: known }
    }
    return { kind: 'value', test: condition(word, type, selection, indexOf) }
  }
  const look = (): Token => (ahead ??= read())
  const take = (): Token => {
    const token = look()
    ahead = undefined
    return token
  }
  const list = (): Test => {
    let left = one()
    for (;;) {
      const { kind } = look()
      if (kind === 'end' || kind === ')') return left
      if (kind === '|' || kind === '&') take()
      const [a, b] = [left, one()]
      left = kind === '|' ? (s) => a(s) || b(s) : (s) => a(s) && b(s)
    }
  }
  const one = (): Test => {
    const { kind } = take()
    if (kind === '(') {
      const inner = list()
      if (take().kind !== ')') throw syntax()
      return inner
    }
    if (kind === '!') {
      const inner = one()
      return (s) => !inner(s)
    }
    if (kind === 'autobound') return (s) => s.localPort >= 32_768 && s.localPort <= 60_999
    if (!TYPES.includes(kind)) throw syntax()
    const ports = kind === 'dport' || kind === 'sport'
    const allowed = ports ? ['=', '!=', '<', '>', '<=', '>='] : kind === 'dst' || kind === 'src' ? ['='] : ['=', '!=']
    const next = take()
    const operator = next.kind === 'value' ? '=' : next.kind
    if (!allowed.includes(operator)) throw syntax()
    const value = next.kind === 'value' ? next : take()
    if (!('test' in value)) throw syntax()
    const test = compare(kind, operator, value.test)
    return operator === '!=' ? (s) => !test(s) : test
  }
  if (look().kind === 'end') return () => true
  const test = list()
  if (take().kind !== 'end') throw syntax()
  return test
}

function compare(kind: string, operator: string, value: Condition): Test {
  if (value.of !== 'host') return value.matches
  const { address, port } = value
  const here = kind === 'src' || kind === 'sport'
  const local: (s: SocketInfo) => [string, number] = here ? (s) => [s.localAddress, s.localPort] : (s) => [s.remoteAddress, s.remotePort]
  const wanted = port ?? -1
  switch (operator) {
    case '<': return (s) => local(s)[1] < wanted
    case '>': return (s) => local(s)[1] > wanted
    case '<=': return (s) => local(s)[1] <= wanted
    case '>=': return (s) => local(s)[1] >= wanted
    default: return (s) => (port === undefined || local(s)[1] === port) && (address?.(local(s)[0]) ?? true)
  }
}

function condition(word: string, type: string, selection: SocketSelection, indexOf: (device: string) => number | undefined): Condition {
  if (type === 'dev') {
    if (indexOf(word) === undefined && !/^(0x[0-9a-f]+|\d+)$/i.test(word)) throw new SocketFilterError('Cannot parse device.\n', 1)
    // nothing here binds a socket to a device
    return { of: 'device', matches: () => false }
  }
  if (type === 'fwmark') {
    const parts = /^(0x[0-9a-f]+|\d+)(?:\/(0x[0-9a-f]+|\d+))?/i.exec(word)
    if (!parts || (word.includes('/') && parts[2] === undefined)) throw new SocketFilterError(`Cannot parse mark ${word}.\n`, 1)
    const [mark, mask] = [Number(parts[1]), parts[2] === undefined ? 0xffff_ffff : Number(parts[2])]
    return { of: 'mark', matches: (s) => ((s.details?.().info?.mark ?? 0) & mask) >>> 0 === mark }
  }
  if (type === 'cgroup') throw new SocketFilterError('podhop: not simulated: ss cgroup (use src, dst, sport or dport)\n', 69)
  return hostCondition(word, type === 'sport' || type === 'dport', selection)
}

const OTHER_FAMILIES = /^(unix|link|netlink|vsock):/

/** "10.0.0.0/8", "10.0.0.1:80", ":80", "[fd00::1]:80", "inet:*:80"; of ports "80", ":80" and "http". */
function hostCondition(text: string, isPort: boolean, selection: SocketSelection): Condition {
  const bad = (why: string): SocketFilterError => new SocketFilterError(`${why}Cannot parse dst/src address.\n`, 1)
  if (OTHER_FAMILIES.test(text)) throw new SocketFilterError(`podhop: not simulated: ss ${text} (use src, dst, sport or dport)\n`, 69)
  const named = /^(inet6?):/.exec(text)
  const family = named?.[1] ?? selection.preferred
  let host = named ? text.slice(named[0].length) : text
  let port: string | undefined
  if (host.startsWith('[')) {
    const end = host.indexOf(']')
    if (end < 0) throw bad('')
    port = host.slice(end + 1)
    host = host.slice(1, end)
  } else if (host.startsWith('*')) port = host.slice(1)
  else {
    const from = Math.max(0, host.indexOf('/'))
    const colon = host.lastIndexOf(':')
    if (colon >= from && !isPort) [host, port] = [host.slice(0, colon), host.slice(colon)]
  }
  if (isPort) port = host
  port = port?.replace(/^:/, '')
  let number: number | undefined
  if (port !== undefined && port !== '' && !port.startsWith('*')) {
    number = /^(0x[0-9a-f]+|\d+)$/i.test(port) ? Number(port) : undefined
    if (number === undefined) {
      const ports = servicePorts(port)
      const [udp, tcp] = [selection.tables.has('udp') ? ports.udp : undefined, selection.tables.has('tcp') ? ports.tcp : undefined]
      if (udp !== undefined && tcp !== undefined && udp !== tcp) throw bad(`Error: ambiguous port "${port}".\n`)
      number = udp ?? tcp
    }
    if (number === undefined) throw bad(`Error: "${port}" does not look like a port.\n`)
  }
  let address: ((ip: string) => boolean) | undefined
  if (!isPort && !['', 'any', 'all', 'default'].includes(host) && !host.startsWith('*')) {
    const cidr = host.includes('/') ? host : `${host}/${host.includes(':') ? 128 : 32}`
    const wrong = (family === 'inet' && host.includes(':')) || (family === 'inet6' && !host.includes(':'))
    if (wrong || !tryParseCidr(cidr) || canonicalIp(host.split('/')[0]!) === undefined) throw bad(`Error: an inet prefix is expected rather than "${host}".\n`)
    address = (ip) => cidr.endsWith('/0') || (ip.includes(':') === cidr.includes(':') && cidrContains(cidr, ip))
  }
  if (family !== undefined) selection.only(family)
  return { of: 'host', address, port: number }
}
