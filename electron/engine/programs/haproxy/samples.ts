import { byName } from '../../own.ts'
import type { Random } from '../../random.ts'
import { contains } from '../ingress-nginx/annotations.ts'
import { cookieOf } from '../ingress-nginx/balance.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'

/** Sample expressions and ACLs of HAProxy's configuration manual (7.1 to 7.3), as far as annotations use them: route-acl, request-capture, headers' values. */
export interface Asked {
  request: HttpRequest
  /** The client, as src-ip-header may have it. */
  source: string
  random: Random
}
export type Sample = string | number | boolean | undefined
export type Expression = (asked: Asked) => Sample
export type Lacking = { lacking: string }

const pathOf = ({ target }: HttpRequest): string => (target.replace(/^https?:\/\/[^/]*/, '') || '/').split('?')[0]!
const queryOf = ({ target }: HttpRequest): string => target.split('?').slice(1).join('?')
const hostOf = ({ headers }: HttpRequest): string => headerOf(headers, 'host') ?? ''

const PLAIN: Readonly<Record<string, Expression>> = byName({
  src: ({ source }) => source,
  src_port: ({ request }) => request.remotePort,
  dst: ({ request }) => request.localAddress,
  dst_port: ({ request }) => request.localPort,
  method: ({ request }) => request.method,
  path: ({ request }) => pathOf(request),
  pathq: ({ request }) => request.target,
  url: ({ request }) => request.target,
  'capture.req.uri': ({ request }) => request.target,
  'capture.req.method': ({ request }) => request.method,
  base: ({ request }) => hostOf(request) + pathOf(request),
  query: ({ request }) => queryOf(request),
  'req.ver': ({ request }) => request.version,
  ssl_fc: ({ request }) => request.tls !== undefined,
  always_true: () => true,
  always_false: () => false,
  'var(txn.base)': ({ request }) => hostOf(request) + pathOf(request),
  'var(txn.path)': ({ request }) => pathOf(request),
  'var(txn.host)': ({ request }) => hostOf(request).replace(/:.*/, '').toLowerCase(),
})

function fetchOf(name: string, argument: string | undefined): Expression | undefined {
  if (argument === undefined || argument === '') return PLAIN[name]
  if (name === 'hdr' || name === 'req.hdr' || name === 'req.fhdr') return ({ request }) => headerOf(request.headers, argument.split(',')[0]!)
  if (name === 'cookie' || name === 'cook' || name === 'req.cook') return ({ request }) => cookieOf(request, argument)
  if (name === 'url_param' || name === 'urlp') return ({ request }) => new Map(queryOf(request).split('&').map((pair) => [pair.split('=')[0]!, pair.split('=').slice(1).join('=')] as const)).get(argument)
  if (name === 'rand' && /^[0-9]+$/.test(argument)) return ({ random }) => random.below(Number(argument))
  if (name === 'int' && /^-?[0-9]+$/.test(argument)) return () => Number(argument)
  if (name === 'str') return () => argument
  return PLAIN[`${name}(${argument})`]
}

function converted(value: Expression, name: string, argument: string): Expression | undefined {
  const text = (change: (text: string) => Sample): Expression => (asked) => {
    const found = value(asked)
    return found === undefined ? undefined : change(String(found))
  }
  if (name === 'lower') return text((t) => t.toLowerCase())
  if (name === 'upper') return text((t) => t.toUpperCase())
  if (name === 'length') return text((t) => t.length)
  if (name === 'field' || name === 'word') {
    const [index = '1', separator = ' '] = argument.split(/,(.*)/s)
    return text((t) => {
      const parts = t.split(separator === '' ? ',' : separator)
      const own = name === 'word' ? parts.filter((p) => p !== '') : parts
      return own.at(Number(index) > 0 ? Number(index) - 1 : Number(index))
    })
  }
  if ((name === 'mod' || name === 'add' || name === 'sub' || name === 'mul') && /^[0-9]+$/.test(argument)) {
    const by = Number(argument)
    return text((t) => (name === 'mod' ? Number(t) % by : name === 'add' ? Number(t) + by : name === 'sub' ? Number(t) - by : Number(t) * by))
  }
  return undefined
}

const TERM = /^([A-Za-z_][A-Za-z0-9_.]*)(?:\(([^()]*)\))?(?:,|$)/

/** "req.hdr(host),lower". */
export function parseSample(text: string): Expression | Lacking {
  let rest = text.trim()
  let value: Expression | undefined
  while (rest !== '') {
    const found = TERM.exec(rest)
    const next = found && (value === undefined ? fetchOf(found[1]!, found[2]) : converted(value, found[1]!, found[2] ?? ''))
    if (!found || !next) return { lacking: `the sample expression "${text.trim()}"` }
    value = next
    rest = rest.slice(found[0].length)
  }
  return value ?? { lacking: 'an empty sample expression' }
}

const METHODS = ['beg', 'end', 'sub', 'dir', 'reg', 'dom', 'len', 'str', 'found', 'ip', 'int', 'bool'] as const
type Method = (typeof METHODS)[number]
const NUMBERS = new Set(['rand', 'src_port', 'dst_port', 'int', 'length'])

/** One ACL without its braces: "cookie(staging) -m found", "rand(100) lt 25", "path_beg -i /a /b". */
export function parseAcl(text: string): ((asked: Asked) => boolean) | Lacking {
  const lacking = { lacking: `the ACL "${text.trim()}"` }
  const [first = '', ...words] = text.trim().split(/\s+/)
  const suffixed = /^([a-z.]+)_(beg|end|sub|dir|reg|dom|len)(\(.*)?$/.exec(first)
  const value = parseSample(suffixed ? `${suffixed[1]}${suffixed[3] ?? ''}` : first)
  if ('lacking' in value) return lacking
  const name = first.replace(/\(.*/, '')
  let method: Method = (suffixed?.[2] as Method | undefined) ?? (NUMBERS.has(name) ? 'int' : name === 'src' || name === 'dst' ? 'ip' : name === 'ssl_fc' || name.startsWith('always_') ? 'bool' : 'str')
  let insensitive = false
  while (words[0]?.startsWith('-')) {
    const flag = words.shift()
    if (flag === '-i') insensitive = true
    else if (flag === '-m' && METHODS.includes(words[0] as Method)) method = words.shift() as Method
    else if (flag !== '--') return lacking
    else break
  }
  if (method === 'bool') return words.length === 0 ? (asked) => value(asked) === true : lacking
  if (method === 'found') return (asked) => value(asked) !== undefined
  if (method === 'int' || method === 'len') return numeric(value, words, method === 'len') ?? lacking
  if (words.length === 0) return lacking
  const test = textTest(method, words.map((w) => (insensitive && method !== 'reg' ? w.toLowerCase() : w)), insensitive)
  if (!test) return lacking
  return (asked) => {
    const found = value(asked)
    return found !== undefined && test(insensitive && method !== 'reg' ? String(found).toLowerCase() : String(found))
  }
}

function textTest(method: Method, patterns: readonly string[], insensitive: boolean): ((text: string) => boolean) | undefined {
  if (method === 'ip') return (text) => contains(patterns, text)
  if (method === 'str') return (text) => patterns.includes(text)
  if (method === 'beg') return (text) => patterns.some((p) => text.startsWith(p))
  if (method === 'end') return (text) => patterns.some((p) => text.endsWith(p))
  if (method === 'sub') return (text) => patterns.some((p) => text.includes(p))
  if (method === 'dir' || method === 'dom') return (text) => patterns.some((p) => holdsParts(text, p, method === 'dir' ? /[/?]/ : /[/?.:]/))
  try {
    const expressions = patterns.map((p) => new RegExp(p, insensitive ? 'i' : ''))
    return (text) => expressions.some((e) => e.test(text))
  } catch {
    return undefined
  }
}

/** Whether `wanted`'s parts stand in `text` one after another. */
function holdsParts(text: string, wanted: string, between: RegExp): boolean {
  const [all, some] = [text.split(between), wanted.split(between).filter((part) => part !== '')]
  return all.some((_, at) => some.every((part, i) => all[at + i] === part))
}

function numeric(value: Expression, words: readonly string[], ofLength: boolean): ((asked: Asked) => boolean) | undefined {
  const operator = ['eq', 'ge', 'gt', 'le', 'lt'].find((o) => o === words[0]) ?? 'eq'
  const numbers = operator === words[0] ? words.slice(1) : words
  if (numbers.length === 0 || !numbers.every((n) => /^-?[0-9]+(:[0-9]+)?$/.test(n))) return undefined
  const fits = (n: number, text: string): boolean => {
    const [low, high] = text.split(':').map(Number) as [number, number | undefined]
    if (high !== undefined) return n >= low && n <= high
    return operator === 'eq' ? n === low : operator === 'ge' ? n >= low : operator === 'gt' ? n > low : operator === 'le' ? n <= low : n < low
  }
  return (asked) => {
    const found = value(asked)
    return found !== undefined && numbers.some((n) => fits(ofLength ? String(found).length : Number(found), n))
  }
}

/** A value of log-format's: text with %[expression]s. `variable` knows the short ones (%ci). */
export function parseFormat(text: string, variable: (name: string) => ((asked: Asked) => string) | undefined): ((asked: Asked) => string) | Lacking {
  const parts: (string | ((asked: Asked) => string))[] = []
  let rest = text
  while (rest !== '') {
    const found = /^%(?:\{([^}]*)\})?(?:\[([^\]]*)\]|([A-Za-z]+)|(%))/.exec(rest)
    if (!found) {
      parts.push(rest[0]!)
      rest = rest.slice(1)
      continue
    }
    const [whole, flags, sample, name, percent] = found
    rest = rest.slice(whole.length)
    if (percent !== undefined) {
      parts.push('%')
      continue
    }
    if (flags !== undefined && flags !== '+Q') return { lacking: `%{${flags}} in a format` }
    const value = sample === undefined ? variable(name!) : parseSample(sample)
    if (!value) return { lacking: `%${name!} in a format` }
    if ('lacking' in value) return value
    const told = (asked: Asked): string => {
      const found = value(asked)
      return found === undefined ? '' : typeof found === 'boolean' ? (found ? '1' : '0') : String(found)
    }
    parts.push(flags === '+Q' ? (asked) => `"${told(asked)}"` : told)
  }
  return (asked) => parts.map((part) => (typeof part === 'string' ? part : part(asked))).join('')
}
