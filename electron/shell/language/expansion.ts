import type { Task } from '../../engine/machine/task.ts'
import { ArithmeticError, evaluateArithmetic } from './arithmetic.ts'
import type { List, Part, Word } from './ast.ts'
import { expandBraces } from './braces.ts'
import { ExpansionError, SubscriptError } from './errors.ts'
import { expandGlob } from './glob.ts'
import { ParameterExpansion } from './parameters.ts'
import { escapePattern, hasGlob, matchesPattern } from './pattern.ts'
import type { Shell } from './shell.ts'

/** Expanded text; 'break' ends a field ("$@"). `split`: comes from an expansion, so that IFS cuts it. */
export type Piece = { text: string; quoted: boolean; split: boolean } | 'break'

interface Field { segments: { text: string; quoted: boolean }[] }

/** Word expansion in the order of bash(1): braces, tilde, parameters and commands, splitting, pathnames, quotes. */
export class Expander {
  readonly shell: Shell
  readonly #parameters: ParameterExpansion

  constructor(shell: Shell) {
    this.shell = shell
    this.#parameters = new ParameterExpansion(this)
  }

  *words(words: readonly Word[]): Task<string[]> {
    const out: string[] = []
    for (const word of words) out.push(...(yield* this.fields(word)))
    return out
  }

  *fields(word: Word): Task<string[]> {
    const out: string[] = []
    const only = word.parts.length === 1 ? word.parts[0]! : undefined
    if (only?.kind === 'literal' && !/[{~*?[\\]/.test(only.text) && !(this.shell.shopt.has('extglob') && only.text.includes('('))) return [only.text]
    for (const braced of this.shell.flavour === 'bash' ? expandBraces(word) : [word]) {
      const assigns = this.shell.flavour === 'bash' && braced.parts[0]?.kind === 'literal' && /^[A-Za-z_]\w*=/.test(braced.parts[0].text)
      const pieces = yield* this.pieces(this.#tilde(braced === word ? braced.parts : rejoined(braced.parts), assigns), false)
      for (const field of this.#split(pieces)) out.push(...this.#glob(field))
    }
    return out
  }

  /** One string: no splitting, no pathnames (assignments, redirections of here-strings, case words). */
  *string(word: Word, options: { assignment?: boolean } = {}): Task<string> {
    const pieces = yield* this.pieces(this.#tilde(word.parts, options.assignment ?? false), false)
    return this.#joined(pieces)
  }

  *pattern(word: Word): Task<string> {
    const pieces = yield* this.pieces(this.#tilde(word.parts, false), false)
    return pieces.map((p) => (p === 'break' ? ' ' : p.quoted ? escapePattern(p.text) : p.text)).join('')
  }

  /** A pattern as `set -x` shows it: what was quoted has backslashes. */
  *quotedPattern(word: Word): Task<string> {
    const pieces = yield* this.pieces(this.#tilde(word.parts, false), false)
    return pieces.map((p) => (p === 'break' ? ' ' : p.quoted ? p.text.replace(/[\s\S]/gu, '\\$&') : p.text)).join('')
  }

  *regularExpression(word: Word): Task<string> {
    const pieces = yield* this.pieces(word.parts, false)
    return pieces.map((p) => (p === 'break' ? ' ' : p.quoted ? p.text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&') : p.text)).join('')
  }

  /** A here-document's body, text between double quotes. */
  *document(word: Word): Task<string> {
    return this.#joined(yield* this.pieces(word.parts, true))
  }

  *arithmetic(word: Word, prefix = ''): Task<bigint> {
    return this.evaluate(this.#joined(yield* this.pieces(word.parts, true)), prefix)
  }

  evaluate(text: string, prefix = ''): bigint {
    const { shell } = this
    try {
      return evaluateArithmetic(text, {
        get: (name, index) => {
          const value = index === undefined ? shell.variables.get(name) : this.element(name, index)
          if (value === undefined && shell.options.has('nounset')) throw new ExpansionError(`${name}: unbound variable`, true)
          return value
        },
        set: (name, value, index) => shell.assign(name, value, index),
      })
    } catch (error) {
      if (error instanceof ArithmeticError) throw new ExpansionError(prefix + error.message)
      throw error
    }
  }

  /** The value of name[index], the index taken as arithmetic or, in a table, as a key. */
  element(name: string, index: string): string | undefined {
    const variable = this.shell.variables.find(name)
    const dynamic = this.shell.dynamicArray(name)
    if (dynamic) return dynamic[this.arrayIndex(name, index, dynamic.length)]
    if (variable?.table) return variable.table.get(index)
    const number = this.arrayIndex(name, index)
    if (variable?.array) return variable.array.get(number)
    return number === 0 ? this.shell.variables.get(name) : undefined
  }

  arrayIndex(name: string, index: string, length?: number): number {
    let number = Number(this.evaluate(index))
    if (number < 0) {
      const array = this.shell.variables.find(name)?.array
      number += length ?? (array ? Math.max(-1, ...array.keys()) + 1 : 1)
      if (number < 0) throw new SubscriptError(`${name}[${index}]: bad array subscript`)
    }
    return number
  }

  *pieces(parts: readonly Part[], quoted: boolean): Task<Piece[]> {
    const out: Piece[] = []
    for (const part of parts) {
      switch (part.kind) {
        case 'literal':
          out.push({ text: part.text, quoted, split: false })
          break
        case 'quoted':
          out.push({ text: part.text, quoted: true, split: false })
          break
        case 'double': {
          const inner = yield* this.pieces(part.parts, true)
          if (inner.length > 0) out.push(...inner)
          else if (!part.parts.some((p) => p.kind === 'parameter')) out.push({ text: '', quoted: true, split: false })
          break
        }
        case 'parameter':
          out.push(...(yield* this.#parameters.expand(part, quoted)))
          break
        case 'command':
          out.push({ text: yield* this.shell.substitute(part.script), quoted, split: !quoted })
          break
        case 'arithmetic':
          out.push({ text: String(yield* this.arithmetic(part.expression)), quoted, split: !quoted })
          break
        case 'process':
          out.push({ text: this.#processSubstitution(part.direction, part.script), quoted: true, split: false })
          break
      }
    }
    return out
  }

  #processSubstitution(direction: '<' | '>', script: List): string {
    return this.shell.processSubstitution(direction, script)
  }

  #joined(pieces: readonly Piece[]): string {
    return pieces.map((p) => (p === 'break' ? ' ' : p.text)).join('')
  }

  #tilde(parts: readonly Part[], assignment: boolean): readonly Part[] {
    if (!parts.some((p) => p.kind === 'literal' && p.text.includes('~'))) return parts
    return parts.flatMap((part, i): Part[] => {
      if (part.kind !== 'literal') return [part]
      const next = parts[i + 1]
      const chunks = assignment ? part.text.split(i === 0 ? /(?<=:|^[A-Za-z_]\w*=)/ : /(?<=:)/) : [part.text]
      return chunks.flatMap((chunk, k): Part[] => {
        const atStart = i === 0 && k === 0
        if (!chunk.startsWith('~') || !(atStart || (assignment && k > 0))) return [{ kind: 'literal', text: chunk }]
        const end = /^~([^/:]*)/.exec(chunk)![0].length
        if (end === chunk.length && next && k === chunks.length - 1) return [{ kind: 'literal', text: chunk }]
        const home = this.#home(chunk.slice(1, end))
        if (home === undefined) return [{ kind: 'literal', text: chunk }]
        return [{ kind: 'quoted', text: home }, { kind: 'literal', text: chunk.slice(end) }]
      })
    })
  }

  #home(user: string): string | undefined {
    const { shell } = this
    if (user === '') return shell.variables.get('HOME') ?? '/'
    if (user === '+') return shell.process.cwd
    if (user === '-') return shell.variables.get('OLDPWD')
    try {
      const line = shell.process.fs.readText('/etc/passwd').split('\n').find((l) => l.startsWith(user + ':'))
      return line?.split(':')[5]
    } catch {
      return undefined
    }
  }

  #split(pieces: readonly Piece[]): Field[] {
    const ifs = this.shell.variables.get('IFS') ?? ' \t\n'
    const fields: Field[] = []
    let current: Field | undefined
    let afterBlank = false
    const add = (text: string, quoted: boolean): void => {
      current ??= { segments: [] }
      current.segments.push({ text, quoted })
      afterBlank = false
    }
    const end = (): void => {
      if (current) fields.push(current)
      current = undefined
    }
    for (const piece of pieces) {
      if (piece === 'break') {
        end()
        afterBlank = false
        continue
      }
      if (!piece.split || ifs === '') {
        if (piece.quoted || piece.text !== '') add(piece.text, piece.quoted)
        continue
      }
      let text = ''
      const flush = (): void => {
        if (text !== '') add(text, false)
        text = ''
      }
      for (const char of piece.text) {
        if (!ifs.includes(char)) {
          text += char
          continue
        }
        flush()
        if (char === ' ' || char === '\t' || char === '\n') {
          if (current) afterBlank = true
          end()
        } else if (!current && afterBlank) afterBlank = false
        else {
          current ??= { segments: [] }
          end()
          afterBlank = false
        }
      }
      flush()
    }
    end()
    return fields
  }

  #glob(field: Field): string[] {
    const { shell } = this
    const text = field.segments.map((s) => s.text).join('')
    if (shell.options.has('noglob')) return [text]
    const extended = shell.shopt.has('extglob')
    if (!field.segments.some((s) => !s.quoted && /[*?[(]/.test(s.text))) return [text]
    const pattern = field.segments.map((s) => (s.quoted ? escapePattern(s.text) : s.text)).join('')
    if (!hasGlob(pattern, extended)) return [text]
    const ignored = shell.variables.get('GLOBIGNORE')
    const found = expandGlob(shell.process.fs, shell.process.cwd, pattern, {
      extended,
      dots: shell.shopt.has('dotglob') || !!ignored,
      ignoreCase: shell.shopt.has('nocaseglob'),
      globstar: shell.shopt.has('globstar'),
    }).filter((path) => !ignored || !ignored.split(':').some((p) => matchesPattern(p, path, { extended, pathname: true })))
    if (found.length > 0) return found
    if (shell.shopt.has('failglob')) throw new ExpansionError(`no match: ${text}`)
    return shell.shopt.has('nullglob') ? [] : [text]
  }
}

/** Braces are expanded before anything else, as text: x{$a,b}y makes x$ay. */
function rejoined(parts: readonly Part[]): Part[] {
  const out: Part[] = []
  for (const part of parts) {
    const before = out[out.length - 1]
    const tail = part.kind === 'literal' && before?.kind === 'parameter' && /^\$[A-Za-z_]\w*$/.test(before.source) ? /^\w+/.exec(part.text)?.[0] : undefined
    if (tail === undefined || before?.kind !== 'parameter') {
      out.push(part)
      continue
    }
    out[out.length - 1] = { ...before, name: before.name + tail, source: before.source + tail }
    out.push({ kind: 'literal', text: (part as { text: string }).text.slice(tail.length) })
  }
  return out
}
