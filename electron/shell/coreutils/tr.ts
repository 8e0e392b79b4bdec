import { byName } from '../../engine/own.ts'
import { Utf8Decoder } from '../../engine/text.ts'
import { Failure, quote, tool } from './command.ts'
import { readEscape } from '../language/escapes.ts'

const CLASSES: Readonly<Record<string, RegExp>> = byName({
  alpha: /[A-Za-z]/, digit: /[0-9]/, alnum: /[A-Za-z0-9]/, upper: /[A-Z]/, lower: /[a-z]/, space: /[ \t\n\v\f\r]/, blank: /[ \t]/, punct: /[!-/:-@[-`{-~]/,
  xdigit: /[0-9A-Fa-f]/, cntrl: /[\x00-\x1f\x7f]/, print: /[ -~]/, graph: /[!-~]/,
})

function expand(set: string): string[] {
  const out: string[] = []
  const chars: { c: string; literal: boolean }[] = []
  for (let i = 0; i < set.length; ) {
    if (set[i] === '\\' && i + 1 < set.length) {
      const escape = readEscape(set, i + 1, 'format')
      chars.push({ c: escape.text.length === 2 ? escape.text[1]! : escape.text, literal: true })
      i = escape.end
    } else {
      const c = String.fromCodePoint(set.codePointAt(i)!)
      chars.push({ c, literal: false })
      i += c.length
    }
  }
  for (let i = 0; i < chars.length; i++) {
    const rest = chars.slice(i).map((x) => (x.literal ? '\0' : x.c)).join('')
    const named = /^\[:(\w+):\]/.exec(rest)
    if (named) {
      const test = CLASSES[named[1]!]
      if (!test) throw new Failure(`invalid character class ${quote(named[1]!)}`)
      for (let code = 0; code < 128; code++) if (test.test(String.fromCharCode(code))) out.push(String.fromCharCode(code))
      i += named[0].length - 1
      continue
    }
    const repeat = /^\[(.)\*(\d*)\]/.exec(rest)
    if (repeat) {
      out.push(...Array<string>(repeat[2] ? Number(repeat[2]) : 256).fill(chars[i + 1]!.c))
      i += repeat[0].length - 1
      continue
    }
    if (chars[i + 1]?.c === '-' && !chars[i + 1]!.literal && chars[i + 2]) {
      const [from, to] = [chars[i]!.c.codePointAt(0)!, chars[i + 2]!.c.codePointAt(0)!]
      if (from > to) throw new Failure(`range-endpoints of '${chars[i]!.c}-${chars[i + 2]!.c}' are in reverse collating sequence order`)
      for (let code = from; code <= to; code++) out.push(String.fromCodePoint(code))
      i += 2
      continue
    }
    out.push(chars[i]!.c)
  }
  return out
}

tool('tr', { flags: 'cCdst', long: { delete: 'd', 'squeeze-repeats': 's', complement: 'c', 'truncate-set1': 't' }, stopAtOperand: true }, function* (run) {
  const { options } = run
  const [one, two, extra] = options.operands
  const deletes = options.has('d')
  const squeezes = options.has('s')
  if (one === undefined) throw new Failure('missing operand', 1, true)
  if (two === undefined && !deletes && !squeezes) throw new Failure(`missing operand after ${quote(one)}\nTwo strings must be given when translating.`, 1, true)
  if (extra !== undefined || (deletes && !squeezes && two !== undefined)) {
    throw new Failure(`extra operand ${quote(extra ?? two!)}${extra === undefined ? '\nOnly one string may be given when deleting without squeezing repeats.' : ''}`, 1, true)
  }
  const complement = options.has('c', 'C')
  const from = expand(one)
  const inFrom = new Set(from)
  const member = (c: string): boolean => inFrom.has(c) !== complement
  const to = two === undefined ? [] : expand(two)
  const translates = two !== undefined && !deletes
  if (translates && to.length === 0) throw new Failure('when not truncating set1, string2 must be non-empty')
  if (translates && options.has('t')) from.length = Math.min(from.length, to.length)
  const map = new Map<string, string>()
  if (translates && !complement) from.forEach((c, i) => map.set(c, to[Math.min(i, to.length - 1)]!))
  const translate = (c: string): string => (!translates ? c : complement ? (member(c) ? to[to.length - 1]! : c) : (map.get(c) ?? c))
  const squeezed = squeezes ? (two === undefined ? member : ((set) => (c: string): boolean => set.has(c))(new Set(to))) : (): boolean => false
  let last = ''
  const decoder = new Utf8Decoder()
  for (let bytes = yield* run.process.read(0); bytes !== null; bytes = yield* run.process.read(0)) {
    let out = ''
    for (const c of decoder.push(bytes)) {
      if (deletes && member(c)) continue
      const d = translate(c)
      if (d === last && squeezed(d)) continue
      last = d
      out += d
    }
    yield* run.print(out)
  }
})
