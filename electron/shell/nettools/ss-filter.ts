import { canonicalIp, cidrContains, tryParseCidr, type SocketInfo } from '../../engine/cluster.ts'
import { servicePorts } from './services.ts'

export interface SocketExpression {
  /** Undefined: no state was named. */
  states: ReadonlySet<string> | undefined
  matches: (socket: SocketInfo) => boolean
}

export class SocketFilterError extends Error {
  readonly code: number
  constructor(text: string, code: number) {
    super(text)
    this.code = code
  }
}

const STATES = ['ESTAB', 'SYN-SENT', 'SYN-RECV', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT', 'CLOSED', 'UNCONN', 'CLOSE-WAIT', 'LAST-ACK', 'LISTEN', 'CLOSING']
const without = (...names: string[]): string[] => STATES.filter((s) => !names.includes(s))
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  established: ['ESTAB'], 'syn-sent': ['SYN-SENT'], 'syn-recv': ['SYN-RECV'], 'fin-wait-1': ['FIN-WAIT-1'], 'fin-wait-2': ['FIN-WAIT-2'], 'time-wait': ['TIME-WAIT'], closed: ['CLOSED', 'UNCONN'], 'close-wait': ['CLOSE-WAIT'], 'last-ack': ['LAST-ACK'],
  listening: ['LISTEN'], listen: ['LISTEN'], closing: ['CLOSING'], all: STATES, connected: without('LISTEN', 'CLOSED', 'UNCONN'), synchronized: without('LISTEN', 'CLOSED', 'UNCONN', 'SYN-SENT'), bucket: ['SYN-RECV', 'TIME-WAIT'], big: without('SYN-RECV', 'TIME-WAIT'),
}

type Test = (socket: SocketInfo) => boolean

/** FILTER of ss(8): `state X`, `exclude X`, and an expression of dst, src, dport, sport with and, or, not and brackets. */
export function parseSocketFilter(operands: readonly string[]): SocketExpression {
  const words = operands.flatMap((o) => o.replace(/([()])/g, ' $1 ').trim().split(/\s+/)).filter((w) => w !== '')
  let states: Set<string> | undefined
  while (words[0] === 'state' || words[0] === 'exclude' || words[0] === 'excl') {
    const verb = words.shift()!
    const name = words.shift() ?? ''
    const group = Object.hasOwn(GROUPS, name.toLowerCase()) ? GROUPS[name.toLowerCase()]! : undefined
    if (!group) throw new SocketFilterError(`ss: wrong state name: ${name}\n`, 255)
    if (verb === 'state') states = new Set([...(states ?? []), ...group])
    else states = new Set([...(states ?? STATES)].filter((s) => !group.includes(s)))
  }
  if (words.length === 0) return { states, matches: () => true }
  const matches = alternatives(words)
  if (words.length > 0) throw syntax()
  return { states, matches }
}

const syntax = (): SocketFilterError => new SocketFilterError('ss: bison bellows (while parsing filter): "syntax error!" Sorry.\nUsage: ss [ OPTIONS ]\n       ss [ OPTIONS ] [ FILTER ]\n', 255)

function alternatives(words: string[]): Test {
  let left = conjunction(words)
  while (words[0] === 'or' || words[0] === '||' || words[0] === '|') {
    words.shift()
    const [a, b] = [left, conjunction(words)]
    left = (s) => a(s) || b(s)
  }
  return left
}

function conjunction(words: string[]): Test {
  let left = single(words)
  while (words.length > 0 && words[0] !== ')' && words[0] !== 'or' && words[0] !== '||' && words[0] !== '|') {
    if (words[0] === 'and' || words[0] === '&&' || words[0] === '&') words.shift()
    const [a, b] = [left, single(words)]
    left = (s) => a(s) && b(s)
  }
  return left
}

const OPERATORS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '=': (a, b) => a === b, '==': (a, b) => a === b, eq: (a, b) => a === b, '!=': (a, b) => a !== b, ne: (a, b) => a !== b, neq: (a, b) => a !== b, '<': (a, b) => a < b, lt: (a, b) => a < b, '>': (a, b) => a > b, gt: (a, b) => a > b,
  '<=': (a, b) => a <= b, le: (a, b) => a <= b, leq: (a, b) => a <= b, '>=': (a, b) => a >= b, ge: (a, b) => a >= b, geq: (a, b) => a >= b,
}

function single(words: string[]): Test {
  const word = words.shift()
  if (word === '(') {
    const inner = alternatives(words)
    if (words.shift() !== ')') throw syntax()
    return inner
  }
  if (word === 'not' || word === '!') {
    const inner = single(words)
    return (s) => !inner(s)
  }
  if (word === 'sport' || word === 'dport') {
    const operator = words[0] !== undefined && Object.hasOwn(OPERATORS, words[0]) ? OPERATORS[words.shift()!]! : OPERATORS['=']!
    const text = (words.shift() ?? '').replace(/^.*:/, '')
    const port = /^\d+$/.test(text) ? Number(text) : (servicePorts(text).tcp ?? servicePorts(text).udp)
    if (port === undefined) throw new SocketFilterError(`Error: an inet prefix is expected rather than "${text}".\nCannot parse dst/src address.\n`, 1)
    return (s) => operator(word === 'sport' ? s.localPort : s.remotePort, port)
  }
  if (word === 'src' || word === 'dst') {
    const negated = words[0] === '!=' || words[0] === 'ne'
    if (words[0] !== undefined && ['=', '==', 'eq', '!=', 'ne'].includes(words[0])) words.shift()
    const test = addressTest(words.shift() ?? '')
    return (s) => test(word === 'src' ? s.localAddress : s.remoteAddress, word === 'src' ? s.localPort : s.remotePort) !== negated
  }
  if (word === undefined) throw syntax()
  if (['dev', 'fwmark', 'cgroup', 'autobound'].includes(word)) throw new SocketFilterError(`podhop: not simulated: ss ${word} (use src, dst, sport or dport)\n`, 69)
  // a bare address is one of the other side
  const test = addressTest(word)
  return (s) => test(s.remoteAddress, s.remotePort)
}

/** "10.0.0.0/8", "10.0.0.1:80", ":80", "[fd00::1]:80" */
function addressTest(text: string): (address: string, port: number) => boolean {
  const parts = /^\[([^\]]*)\](?::(.*))?$/.exec(text) ?? /^([^:]*)(?::([^:]*))?$/.exec(text) ?? [text, text]
  const [, host = '', service] = parts
  const port = service === undefined || service === '' || service === '*' ? undefined : /^\d+$/.test(service) ? Number(service) : servicePorts(service).tcp
  const anywhere = host === '' || host === '*'
  const cidr = anywhere ? undefined : host.includes('/') ? host : `${host}/${host.includes(':') ? 128 : 32}`
  if (cidr !== undefined && (!tryParseCidr(cidr) || canonicalIp(host.split('/')[0]!) === undefined)) throw new SocketFilterError(`Error: an inet prefix is expected rather than "${host}".\nCannot parse dst/src address.\n`, 1)
  return (address, other) => (cidr === undefined || (address.includes(':') === cidr.includes(':') && cidrContains(cidr, address))) && (port === undefined || other === port)
}
