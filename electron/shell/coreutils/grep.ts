import { isSystemError } from '../../engine/machine/errors.ts'
import type { Task } from '../../engine/machine/task.ts'
import { statIfAny } from './access.ts'
import { encodeUtf8 } from '../../engine/text.ts'
import { Failure, NotSimulated, tool, type Run } from './command.ts'
import { openInput } from './input.ts'
import { RegExpError, compileRegExp, posixRegExp } from './regex.ts'
import { matchesPattern } from '../language/pattern.ts'

tool('grep egrep fgrep', {
  flags: 'EFGPivcnolLqsrRHhwxzabIU', values: 'efmABCd',
  long: {
    'extended-regexp': 'E', 'fixed-strings': 'F', 'basic-regexp': 'G', 'perl-regexp': 'P', 'ignore-case': 'i', 'invert-match': 'v', count: 'c', 'line-number': 'n', 'only-matching': 'o', 'files-with-matches': 'l', 'files-without-match': 'L', quiet: 'q', silent: 'q', 'no-messages': 's',
    recursive: 'r', 'with-filename': 'H', 'no-filename': 'h', 'word-regexp': 'w', 'line-regexp': 'x', regexp: 'e=', file: 'f=', 'max-count': 'm=', 'after-context': 'A=', 'before-context': 'B=', context: 'C=', color: 'color?', colour: 'color?', include: 'include=', exclude: 'exclude=', 'line-buffered': 'buffered', 'exclude-dir': 'exclude-dir=',
  },
  number: 'C', unsupported: 'TuZy', usageCode: 2,
}, function* (run) {
  const { options } = run
  if (options.has('z')) throw new NotSimulated('grep -z (tr and grep)')
  if (options.has('P')) throw new NotSimulated('grep -P (grep -E)')
  if (options.values('color').some((c) => c === 'always')) throw new NotSimulated('grep --color=always (grep without colours)')
  const operands = [...options.operands]
  const patterns = options.values('e').flatMap((p) => p.split('\n'))
  for (const file of options.values('f')) {
    const input = yield* openInput(run, file, undefined, 2)
    if (!input) return 2
    const lines = (yield* input.text()).split('\n')
    if (lines.at(-1) === '') lines.pop()
    patterns.push(...lines)
    input.close()
  }
  if (!options.has('e', 'f')) {
    const first = operands.shift()
    if (first === undefined) {
      yield* run.process.printError(`Usage: ${run.name} [OPTION]... PATTERNS [FILE]...\nTry '${run.name} --help' for more information.\n`)
      return 2
    }
    patterns.push(...first.split('\n'))
  }
  const search = new Search(run, matcher(run, patterns))
  const recursive = options.has('r', 'R')
  const names = operands.length > 0 ? operands : [recursive ? '.' : '-']
  const many = names.length > 1 || recursive
  const named = options.has('h') ? false : options.has('H') || many
  for (const name of names) {
    for (const file of recursive && name !== '-' ? walk(run, name) : [name]) {
      if (!(yield* search.file(file, named))) continue
      if (options.has('q')) return 0
    }
  }
  return run.code === 2 && !(options.has('q') && search.found) ? 2 : search.found ? 0 : 1
})

type Matcher = (line: string) => { from: number; to: number }[]

function matcher(run: Run, patterns: readonly string[]): Matcher {
  const { options } = run
  const name = run.name.split('/').pop()
  const kind = options.last('E', 'F', 'G') ?? (name === 'egrep' ? 'E' : name === 'fgrep' ? 'F' : 'G')
  const sources = patterns.map((pattern) => {
    if (kind === 'F') return pattern.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
    try {
      return compileRegExp(pattern, kind === 'E' ? 'extended' : 'basic').source.replace(/^\(\?:\)$/, '')
    } catch (error) {
      // A lone bracket at the end, which grep's own parser finds first, has no name.
      if (error instanceof RegExpError) throw new Failure(pattern.endsWith('[') && error.message.startsWith('Unmatched [') ? 'Invalid regular expression' : error.message, 2)
      throw error
    }
  })
  const edge = options.has('x') ? ['^(?:', ')$'] : options.has('w') ? ['(?<!\\w)(?:', ')(?!\\w)'] : ['(?:', ')']
  const expressions = sources.map((s) => posixRegExp(edge[0]! + s + edge[1]!, options.has('i') ? 'gi' : 'g'))
  const all = options.has('o')
  return (line) => {
    const found: { from: number; to: number }[] = []
    for (const expression of expressions) {
      expression.lastIndex = 0
      // matchAll would make the expression anew for each line
      for (let match = expression.exec(line); match; match = expression.exec(line)) {
        const to = match.index + match[0].length
        found.push({ from: match.index, to })
        if (!all) return found
        if (match[0] === '') expression.lastIndex = to + (line.codePointAt(to)! > 0xffff ? 2 : 1)
      }
    }
    return found.sort((a, b) => a.from - b.from || b.to - a.to)
  }
}

function walk(run: Run, name: string): string[] {
  const { process, options } = run
  const path = process.resolve(name)
  const stat = statIfAny(process, path)
  if (stat?.type !== 'directory') return [name]
  const out: string[] = []
  for (const entry of process.fs.readDirectory(path)) {
    const inner = name === '.' && run.options.operands.length < 2 ? entry : `${name.replace(/\/$/, '')}/${entry}`
    const type = process.fs.lstat(`${path}/${entry}`).type
    if (type === 'directory') {
      if (options.values('exclude-dir').some((p) => matchesPattern(p, entry))) continue
      out.push(...walk(run, inner))
    } else if (type === 'file') {
      const include = options.values('include')
      if (include.length > 0 && !include.some((p) => matchesPattern(p, entry))) continue
      if (options.values('exclude').some((p) => matchesPattern(p, entry))) continue
      out.push(inner)
    }
  }
  return out
}

class Search {
  found = false
  readonly #run: Run
  readonly #match: Matcher
  readonly #before: number
  readonly #after: number
  #printedAny = false

  constructor(run: Run, match: Matcher) {
    this.#run = run
    this.#match = match
    this.#before = this.#number('B') ?? this.#number('C') ?? 0
    this.#after = this.#number('A') ?? this.#number('C') ?? 0
  }

  #number(option: string): number | undefined {
    const text = this.#run.options.value(option)
    if (text === undefined) return undefined
    if (!/^\d+$/.test(text)) throw new Failure(option === 'm' ? 'invalid max count' : `${text}: invalid context length argument`, 2)
    return Number(text)
  }

  /** Searches one file; whether anything was selected. */
  *file(name: string, named: boolean): Task<boolean> {
    const run = this.#run
    const { options } = run
    if (name !== '-' && statIfAny(run.process, run.process.resolve(name))?.type === 'directory') {
      if (!options.has('s')) yield* run.warn(`${name}: Is a directory`, 2)
      return false
    }
    let input
    try {
      input = options.has('s') ? yield* this.#quietly(name) : yield* openInput(run, name, undefined, 2)
    } catch (error) {
      if (!isSystemError(error)) throw error
    }
    if (!input) return false
    const shown = name === '-' ? '(standard input)' : name
    const limit = this.#number('m') ?? Infinity
    const quiet = options.has('q', 'c', 'l', 'L')
    const label = (number: number, mark: string, offset = 0): string => (named ? shown + mark : '') + (options.has('n') ? number + mark : '') + (options.has('b') ? offset + mark : '')
    let count = 0
    let number = 0
    let lastPrinted = 0
    let trailing = 0
    let start = 0
    let next = 0
    const earlier: { number: number; line: string; start: number }[] = []
    try {
      for (let line = yield* input.line(); line !== null; line = yield* input.line()) {
        number++
        start = next
        if (options.has('b')) next += encodeUtf8(line).length + 1
        const matches = this.#match(line)
        if ((matches.length > 0) === options.has('v')) {
          if (trailing > 0) {
            trailing--
            lastPrinted = number
            yield* run.print(label(number, '-', start) + line + '\n')
          } else if (this.#before > 0) {
            earlier.push({ number, line, start })
            if (earlier.length > this.#before) earlier.shift()
          }
          if (count >= limit && trailing === 0) break
          continue
        }
        count++
        this.found = true
        if (options.has('q')) return true
        if (quiet) {
          if (options.has('l', 'L') || count >= limit) break
          continue
        }
        if ((this.#before > 0 || this.#after > 0) && this.#printedAny && number - earlier.length > lastPrinted + 1) yield* run.print('--\n')
        for (const e of earlier.splice(0)) yield* run.print(label(e.number, '-', e.start) + e.line + '\n')
        this.#printedAny = true
        lastPrinted = number
        if (options.has('o')) yield* this.#parts(line, matches, (from) => label(number, ':', start + (options.has('b') ? encodeUtf8(line.slice(0, from)).length : 0)))
        else yield* run.print(label(number, ':', start) + line + '\n')
        trailing = this.#after
        if (count >= limit && trailing === 0) break
      }
    } finally {
      input.close()
    }
    if (options.has('c')) yield* run.print(`${named ? shown + ':' : ''}${count}\n`)
    if (options.has('l') && count > 0) yield* run.print(shown + '\n')
    if (options.has('L')) {
      this.found = this.found || count === 0
      if (count === 0) yield* run.print(shown + '\n')
    }
    return count > 0
  }

   
  *#quietly(name: string): Task<Awaited<ReturnType<typeof openInput> extends Task<infer T> ? T : never>> {
    const before = this.#run.code
    try {
      if (name !== '-') this.#run.process.open(name, 'read').release()
    } catch {
      this.#run.code = Math.max(before, 2)
      return undefined
    }
    return yield* openInput(this.#run, name, undefined, 2)
  }

  *#parts(line: string, matches: readonly { from: number; to: number }[], label: (from: number) => string): Task<void> {
    if (this.#run.options.has('v')) return
    let at = 0
    for (const { from, to } of matches) {
      if (from < at || to === from) continue
      yield* this.#run.print(label(from) + line.slice(from, to) + '\n')
      at = to
    }
  }
}
