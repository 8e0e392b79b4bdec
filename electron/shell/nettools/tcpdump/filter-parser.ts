import { byName } from '../../../engine/own.ts'

/**
 * The language of pcap-filter(7), as libpcap 1.10 reads it: primitives with qualifiers, `and` and `or` of one precedence
 * from left to right, `not` binding tighter, and comparisons of packet bytes.
 */
export type Direction = 'src' | 'dst' | 'either' | 'both'

export type Expression =
  | { kind: 'and' | 'or'; left: Expression; right: Expression }
  | { kind: 'not'; of: Expression }
  | { kind: 'protocol'; protocol: string }
  | { kind: 'primitive'; qualifiers: Qualifiers; id: string }
  | { kind: 'length'; least?: number; most?: number }
  | { kind: 'cast'; protocol: string; cast: 'broadcast' | 'multicast' }
  | { kind: 'direction'; inbound: boolean }
  | { kind: 'compare'; operator: string; left: Arithmetic; right: Arithmetic }
  /** The tag after as many others; without a number any. */
  | { kind: 'vlan'; behind: number; id: number | undefined }
  /** After `vlan`, all that follows looks behind so many tags. */
  | { kind: 'behind'; tags: number; of: Expression }

export type Arithmetic =
  | { kind: 'number'; value: number }
  | { kind: 'length' }
  | { kind: 'load'; protocol: string; offset: Arithmetic; size: number }
  | { kind: 'binary'; operator: string; left: Arithmetic; right: Arithmetic }
  | { kind: 'negate'; of: Arithmetic }

export interface Qualifiers {
  protocol?: string
  direction?: Direction
  type?: 'host' | 'net' | 'port' | 'portrange' | 'proto'
}

/** What libpcap says about an expression that it cannot use; `notSimulated` names what only Podhop cannot. */
export class FilterError extends Error {
  readonly notSimulated: boolean
  constructor(message: string, notSimulated = false) {
    super(message)
    this.notSimulated = notSimulated
  }
}

const syntaxError = (): FilterError => new FilterError("can't parse filter expression: syntax error")

const PROTOCOLS = ['ether', 'link', 'ip', 'ip6', 'arp', 'rarp', 'tcp', 'udp', 'icmp', 'icmp6', 'sctp', 'igmp', 'esp', 'ah', 'pim', 'vrrp']
const ALIASES: Readonly<Record<string, string>> = byName({ link: 'ether' })
const TYPES = ['host', 'net', 'port', 'portrange', 'proto']
const NOT_SIMULATED = ['mpls', 'pppoed', 'pppoes', 'geneve', 'vxlan', 'gateway', 'protochain', 'decnet', 'iso', 'stp', 'ipx', 'wlan', 'ifname', 'rnr', 'rulenum', 'reason', 'rset', 'ruleset', 'srnr', 'subrulenum', 'action', 'atalk', 'aarp', 'moprc', 'mopdl', 'lat', 'netbeui', 'ra', 'ta', 'addr1', 'addr2', 'fddi', 'tr', 'ppp', 'slip']
const COMPARISONS = ['>', '<', '>=', '<=', '=', '==', '!=']

/** Constants that may stand for a number (pcap-filter(7)). */
const CONSTANTS: Readonly<Record<string, number>> = {
  icmptype: 0, icmpcode: 1, tcpflags: 13,
  'icmp-echoreply': 0, 'icmp-unreach': 3, 'icmp-sourcequench': 4, 'icmp-redirect': 5, 'icmp-echo': 8, 'icmp-routeradvert': 9, 'icmp-routersolicit': 10,
  'icmp-timxceed': 11, 'icmp-paramprob': 12, 'icmp-tstamp': 13, 'icmp-tstampreply': 14, 'icmp-ireq': 15, 'icmp-ireqreply': 16, 'icmp-maskreq': 17, 'icmp-maskreply': 18,
  'tcp-fin': 1, 'tcp-syn': 2, 'tcp-rst': 4, 'tcp-push': 8, 'tcp-ack': 16, 'tcp-urg': 32, 'tcp-ece': 64, 'tcp-cwr': 128,
}

/** Binary operators by growing strength. */
const LEVELS: readonly (readonly string[])[] = [['|'], ['&'], ['<<', '>>'], ['+', '-'], ['*', '/']]

/** undefined for an empty expression: everything matches. */
export function parseFilter(text: string): Expression | undefined {
  const tokens = tokenize(text)
  if (tokens.length === 0) return undefined
  const parser = new Parser(tokens)
  const { expression } = parser.expression()
  if (!parser.atEnd) throw syntaxError()
  return expression
}

function tokenize(text: string): string[] {
  const tokens: string[] = []
  const pattern = /\s+|([0-9a-f]{1,2}(?:[:-][0-9a-f]{1,2}){5}(?![\w:.-])|(?:[0-9a-f]{0,4}:){2,7}[0-9a-f:.]*|\\?[a-z0-9_][\w.]*(?:-[a-z_][\w.-]*|-\d+[a-z_][\w.-]*)?|&&|\|\||<<|>>|>=|<=|==|!=|[()[\]<>=!&|^+*/%:,~-])/giy
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text)
    if (!match) throw syntaxError()
    if (match[1] !== undefined) tokens.push(match[1])
  }
  return tokens
}

/** With the qualifiers of its last primitive. */
interface Parsed { expression: Expression; qualifiers: Qualifiers | undefined }

class Parser {
  readonly #tokens: readonly string[]
  #at = 0
  #tags = 0

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens
  }

  get atEnd(): boolean {
    return this.#at >= this.#tokens.length
  }

  #peek(ahead = 0): string | undefined {
    return this.#tokens[this.#at + ahead]
  }

  #next(): string {
    const token = this.#tokens[this.#at++]
    if (token === undefined) throw syntaxError()
    return token
  }

  #accept(...tokens: string[]): string | undefined {
    const token = this.#peek()
    return token !== undefined && tokens.includes(token) ? this.#next() : undefined
  }

  #expect(token: string): void {
    if (this.#next() !== token) throw syntaxError()
  }

  /** `inherited` are the qualifiers of the primitive before, which a bare name after `and` or `or` takes over. */
  expression(inherited?: Qualifiers): Parsed {
    let left = this.#term(inherited)
    for (;;) {
      const word = this.#accept('and', '&&', 'or', '||')
      if (word === undefined) return left
      const right = this.#term(left.qualifiers)
      left = { expression: { kind: word === 'and' || word === '&&' ? 'and' : 'or', left: left.expression, right: right.expression }, qualifiers: right.qualifiers }
    }
  }

  #term(inherited: Qualifiers | undefined): Parsed {
    if (this.#accept('not', '!')) {
      const { expression, qualifiers } = this.#term(inherited)
      return { expression: { kind: 'not', of: expression }, qualifiers }
    }
    if (this.#peek() === '(' && !this.#isArithmeticAhead()) {
      this.#next()
      const inner = this.expression(inherited)
      this.#expect(')')
      return inner
    }
    if (this.#accept('vlan')) return { expression: this.#vlan(), qualifiers: undefined }
    const primitive = this.#isArithmeticAhead() ? this.#comparison() : this.#primitive(inherited)
    const qualifiers = primitive.kind === 'primitive' ? primitive.qualifiers : undefined
    return { expression: this.#tags === 0 ? primitive : { kind: 'behind', tags: this.#tags, of: primitive }, qualifiers }
  }

  #vlan(): Expression {
    const id = numberOf(this.#peek() ?? '')
    if (id !== undefined) this.#next()
    if (id !== undefined && id > 4095) throw new FilterError(`VLAN tag ${id} greater than maximum 4095`)
    return { kind: 'vlan', behind: this.#tags++, id }
  }

  // ---- primitives ----------------------------------------------------------------------------------------------------

  #primitive(inherited: Qualifiers | undefined): Expression {
    const word = this.#peek()
    if (word === undefined) throw syntaxError()
    if (NOT_SIMULATED.includes(word)) throw new FilterError(`the filter primitive "${word}" (use host, net, port, proto and comparisons of bytes)`, true)
    if (word === 'inbound' || word === 'outbound') return { kind: 'direction', inbound: this.#next() === 'inbound' }
    if (word === 'less' || word === 'greater') {
      this.#next()
      const value = numberOf(this.#next())
      if (value === undefined) throw syntaxError()
      return word === 'less' ? { kind: 'length', most: value } : { kind: 'length', least: value }
    }
    if (word === 'broadcast' || word === 'multicast') return { kind: 'cast', protocol: 'ether', cast: this.#next() as 'broadcast' | 'multicast' }
    const qualifiers = this.#qualifiers()
    if (Object.keys(qualifiers).length === 0) {
      if (!inherited || !isName(word)) throw syntaxError()
      return { kind: 'primitive', qualifiers: inherited, id: this.#id(inherited) }
    }
    const following = this.#peek()
    if (following === 'broadcast' || following === 'multicast') {
      this.#next()
      return { kind: 'cast', protocol: qualifiers.protocol ?? 'ether', cast: following }
    }
    if (following === '(') return this.#list(qualifiers)
    if (following !== undefined && isName(following)) return { kind: 'primitive', qualifiers, id: this.#id(qualifiers) }
    if (qualifiers.protocol !== undefined && qualifiers.direction === undefined && qualifiers.type === undefined) return { kind: 'protocol', protocol: qualifiers.protocol }
    throw syntaxError()
  }

  #qualifiers(): Qualifiers {
    const out: Qualifiers = {}
    const protocol = this.#accept(...PROTOCOLS)
    if (protocol !== undefined) out.protocol = ALIASES[protocol] ?? protocol
    const direction = this.#accept('src', 'dst')
    if (direction !== undefined) {
      out.direction = direction as Direction
      const [joint, other] = [this.#peek(), this.#peek(1)]
      if ((other === 'src' || other === 'dst') && other !== direction && ['and', 'or', '&&', '||'].includes(joint ?? '')) {
        this.#at += 2
        out.direction = joint === 'and' || joint === '&&' ? 'both' : 'either'
      }
    }
    const type = this.#accept(...TYPES)
    if (type !== undefined) out.type = type as Qualifiers['type'] & string
    return out
  }

  /** "port (80 or 443)" */
  #list(qualifiers: Qualifiers): Expression {
    this.#expect('(')
    const one = (): Expression => {
      if (this.#accept('not', '!')) return { kind: 'not', of: one() }
      if (this.#peek() === '(') return this.#list(qualifiers)
      const word = this.#peek()
      if (word === undefined || !isName(word)) throw syntaxError()
      return { kind: 'primitive', qualifiers, id: this.#id(qualifiers) }
    }
    let left = one()
    for (;;) {
      const word = this.#next()
      if (word === ')') return left
      if (!['and', '&&', 'or', '||'].includes(word)) throw syntaxError()
      left = { kind: word === 'and' || word === '&&' ? 'and' : 'or', left, right: one() }
    }
  }

  /** A name, address, number or range; a network takes its length or mask along: "10.0.0.0/8". */
  #id(qualifiers: Qualifiers): string {
    const word = this.#next().replace(/^\\/, '')
    if (this.#peek() === '/') {
      this.#next()
      return `${word}/${this.#next()}`
    }
    if (qualifiers.type === 'net' && this.#accept('mask')) return `${word} mask ${this.#next()}`
    if (qualifiers.type === 'portrange' && this.#accept('-')) return `${word}-${this.#next()}`
    return word
  }

  // ---- comparisons -----------------------------------------------------------------------------------------------------

  /** Whether a comparison begins here: its operator comes outside of all parentheses that open from here on. */
  #isArithmeticAhead(): boolean {
    let [brackets, parentheses] = [0, 0]
    for (let i = 0; ; i++) {
      const token = this.#peek(i)
      if (token === undefined) return false
      if (token === '[') brackets++
      else if (token === ']') brackets--
      else if (brackets > 0) continue
      else if (token === '(') parentheses++
      else if (token === ')') {
        if (parentheses-- === 0) return false
      } else if (COMPARISONS.includes(token)) return parentheses === 0
      else if (['and', 'or', '&&', '||', 'not', '!'].includes(token)) return false
      else if (isName(token) && !isOperand(token)) return false
    }
  }

  #comparison(): Expression {
    const left = this.#arithmetic(0)
    const operator = this.#next()
    if (!COMPARISONS.includes(operator)) throw syntaxError()
    return { kind: 'compare', operator: operator === '==' ? '=' : operator, left, right: this.#arithmetic(0) }
  }

  #arithmetic(level: number): Arithmetic {
    if (level === LEVELS.length) {
      const left = this.#operand()
      // libpcap's grammar gives these two no strength of their own: all that follows is their right side
      const operator = this.#accept('^', '%')
      return operator === undefined ? left : { kind: 'binary', operator, left, right: this.#arithmetic(0) }
    }
    let left = this.#arithmetic(level + 1)
    for (;;) {
      const operator = this.#accept(...LEVELS[level]!)
      if (operator === undefined) return left
      left = { kind: 'binary', operator, left, right: this.#arithmetic(level + 1) }
    }
  }

  #operand(): Arithmetic {
    const token = this.#next()
    if (token === '-') return { kind: 'negate', of: this.#arithmetic(LEVELS.length) }
    if (token === '(') {
      const inner = this.#arithmetic(0)
      this.#expect(')')
      return inner
    }
    if (token === 'len') return { kind: 'length' }
    if (this.#peek() === '[' && PROTOCOLS.includes(token)) {
      this.#next()
      const offset = this.#arithmetic(0)
      const size = this.#accept(':') === undefined ? 1 : numberOf(this.#next())
      this.#expect(']')
      if (size !== 1 && size !== 2 && size !== 4) throw new FilterError('data size must be 1, 2, or 4')
      return { kind: 'load', protocol: ALIASES[token] ?? token, offset, size }
    }
    const value = numberOf(token) ?? (Object.hasOwn(CONSTANTS, token) ? CONSTANTS[token] : undefined)
    if (value === undefined) throw syntaxError()
    return { kind: 'number', value }
  }
}

const RESERVED = ['vlan', 'and', 'or', 'not', 'src', 'dst', 'mask', 'less', 'greater', 'broadcast', 'multicast', 'inbound', 'outbound', 'len', ...PROTOCOLS, ...TYPES]

const isName = (token: string): boolean => /^[\w\\:]/.test(token) && token !== ':' && !RESERVED.includes(token)
const isOperand = (token: string): boolean => token === 'len' || numberOf(token) !== undefined || Object.hasOwn(CONSTANTS, token)

/** C's notation: decimal, 0x…, 0…. */
export function numberOf(token: string): number | undefined {
  if (/^0x[0-9a-f]+$/i.test(token)) return Number.parseInt(token, 16)
  if (/^0[0-7]+$/.test(token)) return Number.parseInt(token, 8)
  return /^\d+$/.test(token) ? Number(token) : undefined
}
