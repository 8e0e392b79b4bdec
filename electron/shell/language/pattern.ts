import { byName } from '../../engine/own.ts'
import { GuardedRegExp } from '../regex/guarded.ts'

/** Shell patterns (fnmatch(3), bash's extended ones) as regular expressions. A backslash quotes. */
export interface PatternOptions {
  extended?: boolean
  ignoreCase?: boolean
  /** "*" and "?" stop at "/" (pathnames). */
  pathname?: boolean
}

const CLASSES: Readonly<Record<string, string>> = byName({
  alpha: 'a-zA-Z', digit: '0-9', alnum: 'a-zA-Z0-9', upper: 'A-Z', lower: 'a-z', space: '\\s', blank: ' \\t', punct: '!-\\/:-@\\[-`{-~',
  xdigit: '0-9A-Fa-f', cntrl: '\\x00-\\x1f\\x7f', print: '\\x20-\\x7e', graph: '\\x21-\\x7e', word: 'A-Za-z0-9_',
})

export function hasGlob(pattern: string, extended = false): boolean {
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!
    if (c === '\\') i++
    else if (c === '*' || c === '?') return true
    else if (c === '[' && pattern.indexOf(']', i + 2) > 0) return true
    else if (extended && '+@!'.includes(c) && pattern[i + 1] === '(') return true
  }
  return false
}

export function unescapePattern(pattern: string): string {
  return pattern.replace(/\\([\s\S])/g, '$1')
}

export function escapePattern(text: string): string {
  return text.replace(/[\\*?[\]()|+@!]/g, '\\$&')
}

/** The source of a regular expression that matches what the pattern matches, without anchors. */
export function patternSource(pattern: string, options: PatternOptions = {}): string {
  return new Translation(pattern, options).run('')
}

const cache = new Map<string, RegExp>()

function patternRegExp(pattern: string, options: PatternOptions = {}): RegExp {
  const key = `${options.extended ? 1 : 0}${options.ignoreCase ? 1 : 0}${options.pathname ? 1 : 0}${pattern}`
  let found = cache.get(key)
  if (!found) {
    if (cache.size > 500) cache.clear()
    found = new GuardedRegExp(`^(?:${patternSource(pattern, options)})$`, options.ignoreCase ? 'siu' : 'su')
    cache.set(key, found)
  }
  return found
}

export function matchesPattern(pattern: string, text: string, options: PatternOptions = {}): boolean {
  return patternRegExp(pattern, options).test(text)
}

class Translation {
  #pattern: string
  #options: PatternOptions
  #at = 0

  constructor(pattern: string, options: PatternOptions) {
    this.#pattern = pattern
    this.#options = options
  }

  run(stops: string): string {
    const any = this.#options.pathname ? '[^/]' : '.'
    let out = ''
    while (this.#at < this.#pattern.length) {
      const c = String.fromCodePoint(this.#pattern.codePointAt(this.#at)!)
      if (stops.includes(c) && stops !== '') return out
      if (this.#options.extended && '?*+@!'.includes(c) && this.#pattern[this.#at + 1] === '(') {
        out += this.#group(c, any)
        continue
      }
      this.#at += c.length
      if (c === '\\') {
        const next = this.#pattern[this.#at]
        out += escapeRegExp(next ?? '\\')
        if (next !== undefined) this.#at++
      } else if (c === '*') {
        while (this.#pattern[this.#at] === '*') this.#at++
        out += any + '*'
      } else if (c === '?') out += any
      else if (c === '[') out += this.#bracket()
      else out += escapeRegExp(c)
    }
    return out
  }

  #group(kind: string, any: string): string {
    const start = this.#at
    this.#at += 2
    const branches: string[] = []
    for (;;) {
      branches.push(this.run('|)'))
      const c = this.#pattern[this.#at++]
      if (c === undefined) {
        this.#at = start + 1
        return escapeRegExp(kind)
      }
      if (c === ')') break
    }
    const inner = `(?:${branches.join('|')})`
    if (kind === '@') return inner
    if (kind !== '!') return inner + kind
    const rest = new Translation(this.#pattern.slice(this.#at), this.#options).run('|)')
    return `(?!${inner}${rest}$)${any}*`
  }

  #bracket(): string {
    const p = this.#pattern
    let i = this.#at
    let out = ''
    const negated = p[i] === '!' || p[i] === '^'
    if (negated) i++
    let first = true
    for (; ; first = false) {
      const c = p[i]
      if (c === undefined) return '\\['
      if (c === ']' && !first) break
      const named = c === '[' && p[i + 1] === ':' ? /^\[:(\w+):\]/.exec(p.slice(i)) : null
      if (named) {
        out += CLASSES[named[1]!] ?? ''
        i += named[0].length
        continue
      }
      if (c === '\\' && p[i + 1] !== undefined) {
        out += escapeClass(p[i + 1]!)
        i += 2
        continue
      }
      const low = p.codePointAt(i)!
      const size = low > 0xffff ? 2 : 1
      const next = p[i + size + 1]
      if (p[i + size] === '-' && next !== undefined && next !== ']') {
        const high = p.codePointAt(i + size + 1)!
        if (low <= high) out += `${escapeClass(String.fromCodePoint(low))}-${escapeClass(String.fromCodePoint(high))}`
        i += size + 1 + (high > 0xffff ? 2 : 1)
      } else {
        out += escapeClass(String.fromCodePoint(low))
        i += size
      }
    }
    this.#at = i + 1
    if (out === '') return negated ? '.' : '(?!)'
    return `[${negated ? '^' : ''}${out}]`
  }
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}

function escapeClass(text: string): string {
  return text.replace(/[\\\]^[-]/g, '\\$&')
}
