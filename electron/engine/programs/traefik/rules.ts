import { cidrContains, isIpv4, tryParseCidr } from '../../network/address.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'

/** Traefik's rules (v3 syntax): matchers with back-quoted or quoted arguments, &&, ||, ! and parentheses. */
export type Matcher = (request: HttpRequest, url: { host: string; path: string; query: ReadonlyMap<string, string> }) => boolean

/** The error is Traefik's (pkg/rules, pkg/muxer/http). */
export type ParsedRule = { matches: Matcher; hosts: readonly string[] } | { error: string }

/** What a rule's names are about: HTTP requests, or TCP connections. */
export type Matchers<A extends unknown[]> = ReadonlyMap<string, { count: readonly number[]; make(args: string[]): (...about: A) => boolean }>

type Token = { kind: 'name' | 'text' | 'sign'; value: string }

class RuleError extends Error {}

export function parseRule(rule: string): ParsedRule {
  return parseWith(rule, MATCHERS)
}

/** `hosts` of Host or HostSNI. */
export function parseWith<A extends unknown[]>(rule: string, matchers: Matchers<A>): { matches: (...about: A) => boolean; hosts: readonly string[] } | { error: string } {
  try {
    const parser = new Parser(tokens(rule), matchers)
    const matches = parser.whole()
    return { matches, hosts: parser.hosts }
  } catch (error) {
    if (error instanceof RuleError || error instanceof SyntaxError) return { error: error.message }
    throw error
  }
}

function tokens(rule: string): Token[] {
  const out: Token[] = []
  const pattern = /\s+|([A-Za-z]+)|`([^`]*)`|"((?:[^"\\]|\\.)*)"|(&&|\|\||[!(),])|(.)/gsy
  for (const [, name, quoted, text, sign, other] of rule.matchAll(pattern)) {
    if (other !== undefined) throw new RuleError(`error while parsing rule ${rule}: 1:${rule.indexOf(other) + 1}: illegal character`)
    if (name !== undefined) out.push({ kind: 'name', value: name })
    else if (quoted !== undefined || text !== undefined) out.push({ kind: 'text', value: quoted ?? text!.replace(/\\(.)/g, '$1') })
    else if (sign !== undefined) out.push({ kind: 'sign', value: sign })
  }
  return out
}

class Parser<A extends unknown[]> {
  readonly hosts: string[] = []
  readonly #tokens: Token[]
  readonly #matchers: Matchers<A>
  #at = 0

  constructor(list: Token[], matchers: Matchers<A>) {
    this.#tokens = list
    this.#matchers = matchers
  }

  whole(): (...about: A) => boolean {
    const matcher = this.#either()
    if (this.#at < this.#tokens.length) throw new RuleError(`unexpected ${this.#tokens[this.#at]!.value}`)
    return matcher
  }

  #either(): (...about: A) => boolean {
    const parts = [this.#both()]
    while (this.#take('||')) parts.push(this.#both())
    return parts.length === 1 ? parts[0]! : (...about) => parts.some((p) => p(...about))
  }

  #both(): (...about: A) => boolean {
    const parts = [this.#one()]
    while (this.#take('&&')) parts.push(this.#one())
    return parts.length === 1 ? parts[0]! : (...about) => parts.every((p) => p(...about))
  }

  #one(): (...about: A) => boolean {
    if (this.#take('!')) {
      const inner = this.#one()
      return (...about) => !inner(...about)
    }
    if (this.#take('(')) {
      const inner = this.#either()
      if (!this.#take(')')) throw new RuleError("expected ')'")
      return inner
    }
    const token = this.#tokens[this.#at++]
    if (token?.kind !== 'name') throw new RuleError(token === undefined ? 'unexpected end of rule' : `unexpected ${token.value}`)
    if (!this.#take('(')) throw new RuleError("expected '('")
    const args: string[] = []
    while (!this.#take(')')) {
      const next = this.#tokens[this.#at++]
      if (next?.kind !== 'text') throw new RuleError("expected ')'")
      args.push(next.value)
      this.#take(',')
    }
    return this.#matcher(token.value, args)
  }

  #matcher(name: string, args: string[]): (...about: A) => boolean {
    const known = this.#matchers.get(name)
    if (!known) throw new RuleError(`unsupported function: ${name}`)
    if (!known.count.includes(args.length)) throw new RuleError(`unexpected number of parameters; got ${args.length}, expected one of [${known.count.join(' ')}]`)
    if (name === 'Host' || name === 'HostSNI') this.hosts.push(args[0]!.toLowerCase())
    return known.make(args)
  }

  #take(sign: string): boolean {
    const token = this.#tokens[this.#at]
    if (token?.kind !== 'sign' || token.value !== sign) return false
    this.#at++
    return true
  }
}

/** Go's patterns, as far as JavaScript's are the same; (?i) may stand at their start. */
export function pattern(text: string): RegExp {
  const caseless = text.startsWith('(?i)')
  return new RegExp(caseless ? text.slice(4) : text, caseless ? 'i' : '')
}

const MATCHERS: Matchers<Parameters<Matcher>> = new Map<string, { count: readonly number[]; make(args: string[]): Matcher }>([
  ['Host', { count: [1], make: ([wanted]) => (_, { host }) => host === wanted!.toLowerCase().replace(/\.$/, '') }],
  ['HostRegexp', { count: [1], make: ([text]) => (_, { host }) => regexp(text!).test(host) }],
  ['Path', { count: [1], make: ([wanted]) => (_, { path }) => path === wanted }],
  ['PathPrefix', { count: [1], make: ([wanted]) => (_, { path }) => path.startsWith(wanted!) }],
  ['PathRegexp', { count: [1], make: ([text]) => (_, { path }) => regexp(text!).test(path) }],
  ['Method', { count: [1], make: ([wanted]) => ({ method }) => method === wanted!.toUpperCase() }],
  ['Header', { count: [2], make: ([name, wanted]) => ({ headers }) => headers.some(([n, v]) => n.toLowerCase() === name!.toLowerCase() && v === wanted) }],
  ['HeaderRegexp', { count: [2], make: ([name, text]) => ({ headers }) => headers.some(([n, v]) => n.toLowerCase() === name!.toLowerCase() && regexp(text!).test(v)) }],
  ['Query', { count: [1, 2], make: ([name, wanted]) => (_, { query }) => query.has(name!) && (query.get(name!) === (wanted ?? '')) }],
  ['QueryRegexp', { count: [1, 2], make: ([name, text]) => (_, { query }) => query.has(name!) && regexp(text ?? '.*').test(query.get(name!)!) }],
  ['ClientIP', { count: [1], make: ([range]) => ({ remoteAddress }) => inRange(range!, remoteAddress) }],
])

const compiled = new Map<string, RegExp>()

export function regexp(text: string): RegExp {
  let found = compiled.get(text)
  if (!found) compiled.set(text, (found = pattern(text)))
  return found
}

export function inRange(range: string, address: string): boolean {
  if (!range.includes('/')) return range === address
  return tryParseCidr(range) !== undefined && isIpv4(range.split('/')[0]!) === isIpv4(address) && cidrContains(range, address)
}

/** The host that rules look at: without port and last dot, in lower case. */
export function requestHost(request: HttpRequest): string {
  return (headerOf(request.headers, 'host') ?? '').replace(/:[0-9]+$/, '').replace(/\.$/, '').toLowerCase()
}
