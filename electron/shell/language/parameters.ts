import type { Task } from '../../engine/machine/task.ts'
import type { ParameterPart, Word } from './ast.ts'
import { ExpansionError, SubscriptError } from './errors.ts'
import type { Expander, Piece } from './expansion.ts'
import { textOf } from './word-text.ts'
import { patternSource, unescapePattern } from './pattern.ts'
import { doubleQuote, quoteForShell } from './quote.ts'
import { assignmentOf, attributesOf } from './declarations.ts'
import { readEscape } from './escapes.ts'
import { GuardedRegExp, PosixRegExp } from '../regex/guarded.ts'

/** What a parameter stands for: one value, or several ($@, ${a[@]}; `star` joins them between quotes). */
type Value = { list: string[]; star: boolean } | { text: string | undefined }

/** Operators in ${…} that dash has, and ash, which knows parts of a text and replacements as well. */
const STANDARD = { dash: /^(:?[-=?+]|##?|%%?)$/, busybox: /^(:?[-=?+]|##?|%%?|:|\/\/?|\/[#%])$/ } as const

/** ${…}: bash(1), Parameter Expansion. */
export class ParameterExpansion {
  readonly #expander: Expander

  constructor(expander: Expander) {
    this.#expander = expander
  }

  *expand(part: ParameterPart, quoted: boolean): Task<Piece[]> {
    const { shell } = this.#expander
    if (part.operator === 'bad') throw new ExpansionError(`${part.source}: bad substitution`)
    if (part.names) {
      const names = shell.variables.names().filter((n) => n.startsWith(part.name))
      return this.#pieces({ list: names, star: part.names === '*' }, quoted)
    }
    if (part.keys) return this.#pieces({ list: this.#keys(part.name), star: textOf(part.index!) === '*' }, quoted)
    let { name } = part
    let index = part.index ? yield* this.#index(part.index) : undefined
    if (part.indirect && part.operator === undefined && shell.variables.own(name)?.reference && index === undefined) return [{ text: shell.variables.own(name)!.value ?? '', quoted, split: !quoted }]
    if (part.indirect) {
      const target = this.#text(yield* this.#value(name, index))
      if (target === undefined || target === '') throw new ExpansionError(`${name}: invalid indirect expansion`)
      const found = /^([A-Za-z_]\w*|\d+|[@*#?$!-])(?:\[(.*)\])?$/.exec(target)
      if (!found) throw new ExpansionError(`${target}: invalid variable name`)
      name = found[1]!
      index = found[2]
    }
    const value = yield* this.#value(name, index)
    if (part.length) {
      const length = 'list' in value ? value.list.length : [...(value.text ?? '')].length
      if ('text' in value && value.text === undefined) this.#unbound(part, name)
      return [{ text: String(length), quoted, split: !quoted }]
    }
    if (part.operator === undefined) {
      if ('text' in value && value.text === undefined) this.#unbound(part, name)
      return this.#pieces(value, quoted)
    }
    return yield* this.#operate(part, name, index, value, quoted)
  }

  #unbound(part: ParameterPart, name: string): void {
    const { shell } = this.#expander
    if (!shell.options.has('nounset') || name === '@' || name === '*') return
    const shown = part.index ? `${name}[${textOf(part.index)}]` : /^\d+$|^!$/.test(name) && shell.flavour === 'bash' ? `$${name}` : name
    throw new ExpansionError(`${shown}: ${shell.flavour === 'bash' ? 'unbound variable' : 'parameter not set'}`, true)
  }

  *#index(word: Word): Task<string> {
    return yield* this.#expander.string(word)
  }

  *#value(name: string, index: string | undefined): Task<Value> {
    const { shell } = this.#expander
    if (name === '@' || name === '*') return { list: [...shell.positional], star: name === '*' }
    if (index === '@' || index === '*') return { list: this.#elements(name), star: index === '*' }
    if (index !== undefined) {
      try {
        return { text: this.#expander.element(name, index) }
      } catch (error) {
        if (!(error instanceof SubscriptError)) throw error
        yield* shell.error(`${name}: bad array subscript`)
        return { text: undefined }
      }
    }
    return { text: shell.parameter(name) }
  }

  #elements(name: string): string[] {
    const dynamic = this.#expander.shell.dynamicArray(name)
    if (dynamic) return dynamic
    const variable = this.#expander.shell.variables.find(name)
    if (variable?.array) return [...variable.array].sort((a, b) => a[0] - b[0]).map(([, v]) => v)
    if (variable?.table) return [...variable.table.values()]
    const text = this.#expander.shell.variables.get(name)
    return text === undefined ? [] : [text]
  }

  #keys(name: string): string[] {
    const dynamic = this.#expander.shell.dynamicArray(name)
    if (dynamic) return dynamic.map((_, i) => String(i))
    const variable = this.#expander.shell.variables.find(name)
    if (variable?.array) return [...variable.array.keys()].sort((a, b) => a - b).map(String)
    if (variable?.table) return [...variable.table.keys()]
    return this.#expander.shell.variables.get(name) === undefined ? [] : ['0']
  }

  #text(value: Value): string | undefined {
    return 'list' in value ? value.list.join(' ') : value.text
  }

  #pieces(value: Value, quoted: boolean): Piece[] {
    if ('text' in value) return [{ text: value.text ?? '', quoted, split: !quoted }]
    const ifs = this.#expander.shell.variables.get('IFS')
    if (quoted && value.star) return [{ text: value.list.join(ifs === undefined ? ' ' : (ifs[0] ?? '')), quoted, split: false }]
    if (!quoted && value.star && ifs && !/^\s/.test(ifs)) return [{ text: value.list.join(ifs[0]), quoted, split: true }]
    return value.list.flatMap((text, i): Piece[] => [...(i > 0 ? (['break'] as const) : []), { text, quoted, split: !quoted }])
  }

  #map(value: Value, change: (text: string) => string, quoted: boolean): Piece[] {
    return this.#pieces('list' in value ? { ...value, list: value.list.map(change) } : { text: change(value.text ?? '') }, quoted)
  }

  *#operate(part: ParameterPart, name: string, index: string | undefined, value: Value, quoted: boolean): Task<Piece[]> {
    const operator = part.operator!
    const argument = part.argument!
    const { shell } = this.#expander
    if (shell.flavour !== 'bash' && !STANDARD[shell.flavour].test(operator)) throw new ExpansionError(shell.flavour === 'dash' ? 'Bad substitution' : 'syntax error: bad substitution', true)
    const isSet = 'list' in value ? value.list.length > 0 : value.text !== undefined
    const isEmpty = 'list' in value ? value.list.join('') === '' && value.list.length <= 1 : !value.text
    const missing = operator.startsWith(':') ? !isSet || isEmpty : !isSet
    switch (operator) {
      case ':-':
      case '-':
        return missing ? yield* this.#alternative(argument, quoted) : this.#pieces(value, quoted)
      case ':+':
      case '+':
        return missing ? [{ text: '', quoted, split: !quoted }] : yield* this.#alternative(argument, quoted)
      case ':=':
      case '=': {
        if (!missing) return this.#pieces(value, quoted)
        if (!/^[A-Za-z_]/.test(name)) throw new ExpansionError(`$${name}: cannot assign in this way`)
        const text = yield* this.#expander.string(argument)
        shell.assign(name, text, index)
        return [{ text, quoted, split: !quoted }]
      }
      case ':?':
      case '?': {
        if (!missing) return this.#pieces(value, quoted)
        const message = yield* this.#expander.string(argument)
        throw new ExpansionError(`${name}: ${message || (operator === ':?' ? 'parameter null or not set' : 'parameter not set')}`, true)
      }
    }
    if (!isSet) this.#unbound(part, name)
    switch (operator) {
      case '#':
      case '##':
      case '%':
      case '%%': {
        const pattern = yield* this.#expander.pattern(argument)
        return this.#map(value, (text) => this.#strip(text, pattern, operator), quoted)
      }
      case '/':
      case '//':
      case '/#':
      case '/%': {
        const pattern = yield* this.#expander.pattern(argument)
        const replacement = part.second ? yield* this.#replacement(part.second) : () => ''
        return this.#map(value, (text) => this.#replace(text, pattern, replacement, operator), quoted)
      }
      case ':':
        return yield* this.#substring(part, name, value, quoted)
      case '^':
      case '^^':
      case ',':
      case ',,':
      case '~':
      case '~~': {
        const pattern = yield* this.#expander.pattern(argument)
        const matches = new GuardedRegExp(`^(?:${patternSource(pattern === '' ? '?' : pattern)})$`, 'su')
        const upper = (c: string): boolean => (operator[0] === '~' ? c === c.toLowerCase() : operator[0] === '^')
        const turn = (c: string): string => (matches.test(c) ? (upper(c) ? c.toUpperCase() : c.toLowerCase()) : c)
        const all = operator.length === 2
        return this.#map(value, (text) => (all ? [...text].map(turn).join('') : [...text].map((c, i) => (i === 0 ? turn(c) : c)).join('')), quoted)
      }
      case '@':
        if (!/^[UuLQEPAKak]$/.test(textOf(argument)) && !('text' in value && value.text === undefined)) throw new ExpansionError(`${part.source}: bad substitution`)
        return this.#transform(textOf(argument), name, value, quoted)
      default:
        throw new ExpansionError(`${part.source}: bad substitution`)
    }
  }

  *#alternative(word: Word, quoted: boolean): Task<Piece[]> {
    const pieces = yield* this.#expander.pieces(word.parts, quoted)
    // Text of the alternative is itself the result of an expansion: IFS cuts what is not quoted.
    if (pieces.length === 0 && quoted) return [{ text: '', quoted: true, split: false }]
    return pieces.map((p) => (p === 'break' || p.quoted ? p : { ...p, split: true }))
  }

  /** What a match is replaced with: "&" without quotes stands for the match (shopt patsub_replacement). */
  *#replacement(word: Word): Task<(match: string) => string> {
    const pieces = yield* this.#expander.pieces(word.parts, false)
    const marks = this.#expander.shell.shopt.has('patsub_replacement')
    const parts: (string | undefined)[] = []
    for (const piece of pieces) {
      if (piece === 'break') parts.push(' ')
      else if (piece.quoted || !marks) parts.push(piece.text)
      else for (const [token] of piece.text.matchAll(/\\[&\\]|&|[^&\\]+|\\/g)) parts.push(token === '&' ? undefined : token.length === 2 && token[0] === '\\' ? token[1] : token)
    }
    return (match) => parts.map((p) => p ?? match).join('')
  }

  #strip(text: string, pattern: string, operator: string): string {
    const source = patternSource(pattern, { extended: this.#expander.shell.shopt.has('extglob') })
    const whole = new GuardedRegExp(`^(?:${source})$`, 'su')
    const cuts = [...Array(text.length + 1).keys()]
    const longest = operator.length === 2
    if (operator[0] === '#') {
      for (const cut of longest ? cuts.reverse() : cuts) if (whole.test(text.slice(0, cut))) return text.slice(cut)
      return text
    }
    for (const cut of longest ? cuts : cuts.reverse()) if (whole.test(text.slice(cut))) return text.slice(0, cut)
    return text
  }

  #replace(text: string, pattern: string, replacement: (match: string) => string, operator: string): string {
    if (pattern === '' && !operator.endsWith('#') && !operator.endsWith('%')) return text
    const source = patternSource(pattern, { extended: this.#expander.shell.shopt.has('extglob') })
    const anchored = operator === '/#' ? `^(?:${source})` : operator === '/%' ? `(?:${source})$` : source
    const expression = new PosixRegExp(anchored, operator === '//' ? 'gsu' : 'su')
    return text.replace(expression, (match) => (match === '' && operator === '//' && text !== '' ? '' : replacement(match)))
  }

  *#substring(part: ParameterPart, name: string, value: Value, quoted: boolean): Task<Piece[]> {
    const { shell } = this.#expander
    let offset = Number(yield* this.#expander.arithmetic(part.argument!))
    const count = part.second ? Number(yield* this.#expander.arithmetic(part.second)) : undefined
    if ('list' in value) {
      if (count !== undefined && count < 0) throw new ExpansionError(`${unescapePattern(textOf(part.second!))}: substring expression < 0`)
      const array = part.index ? shell.variables.find(name)?.array : undefined
      if (array) {
        if (offset < 0) offset += Math.max(-1, ...array.keys()) + 1
        const found = [...array].sort((a, b) => a[0] - b[0]).filter(([k]) => offset >= 0 && k >= offset).map(([, v]) => v)
        return this.#pieces({ ...value, list: found.slice(0, count) }, quoted)
      }
      const list = name === '@' || name === '*' ? [shell.name, ...value.list] : value.list
      if (offset < 0) offset += list.length
      // $0 belongs to ${@:0} only.
      const from = (name === '@' || name === '*') && offset === 0 && count === undefined ? 0 : offset
      return this.#pieces({ ...value, list: offset < 0 ? [] : list.slice(from, count === undefined ? undefined : from + count) }, quoted)
    }
    const text = [...(value.text ?? '')]
    if (offset < 0) offset += text.length
    if (offset < 0 || offset > text.length) return this.#pieces({ text: '' }, quoted)
    const end = count === undefined ? text.length : count < 0 ? text.length + count : offset + count
    if (end < offset) throw new ExpansionError(`${textOf(part.second!)}: substring expression < 0`)
    return this.#pieces({ text: text.slice(offset, end).join('') }, quoted)
  }

  #transform(letter: string, name: string, value: Value, quoted: boolean): Piece[] {
    const unset = 'text' in value && value.text === undefined
    if (unset && letter !== 'a' && letter !== 'A') return this.#pieces({ text: '' }, quoted)
    const { variables } = this.#expander.shell
    const variable = variables.find(name)
    switch (letter) {
      case 'A':
        if (name === '@' || name === '*') return this.#pieces({ text: `set -- ${(value as { list: string[] }).list.map(quoteForShell).join(' ')}` }, quoted)
        return this.#pieces({ text: variable ? assignmentOf(variables.target(name), variable, 'list' in value) : '' }, quoted)
      case 'K':
      case 'k': {
        if ('text' in value || !variable || (!variable.array && !variable.table)) return this.#map(value, quoteForShell, quoted)
        const keys = this.#keys(name)
        const pairs = value.list.map((v, i) => [keys[i] ?? '', v] as const)
        if (letter === 'k') return this.#pieces({ list: pairs.flat(), star: value.star }, quoted)
        return this.#pieces({ text: pairs.map(([k, v]) => `${variable.table && !/^[\w.\-]+$/.test(k) ? doubleQuote(k) : k} ${doubleQuote(v)}`).join(' ') + (variable.table && pairs.length > 0 ? ' ' : '') }, quoted)
      }
      case 'Q':
        return this.#map(value, quoteForShell, quoted)
      case 'U':
        return this.#map(value, (t) => t.toUpperCase(), quoted)
      case 'L':
        return this.#map(value, (t) => t.toLowerCase(), quoted)
      case 'u':
        return this.#map(value, (t) => t.slice(0, 1).toUpperCase() + t.slice(1), quoted)
      case 'E':
        return this.#map(value, expandEscapes, quoted)
      case 'P':
        return this.#map(value, (t) => this.#expander.shell.prompt(t), quoted)
      case 'a': {
        return this.#pieces({ text: variable ? attributesOf(variable) : '' }, quoted)
      }
      default:
        return this.#pieces({ text: '' }, quoted)
    }
  }
}

function expandEscapes(text: string): string {
  let out = ''
  for (let i = 0; i < text.length; ) {
    if (text[i] !== '\\') {
      out += text[i++]
      continue
    }
    const escape = readEscape(text, i + 1, 'ansi')
    out += escape.text
    i = escape.end
  }
  return out
}
