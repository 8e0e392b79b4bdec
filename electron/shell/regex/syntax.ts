/** A regular expression in JavaScript's words (flag u) as a tree, for the matchers that do not backtrack without end. */
export type Node =
  | { type: 'empty' }
  | { type: 'char'; test: CharTest }
  | { type: 'sequence'; items: Node[] }
  | { type: 'choice'; items: Node[] }
  | { type: 'group'; index: number | undefined; item: Node }
  | { type: 'repeat'; item: Node; min: number; max: number; lazy: boolean }
  | { type: 'assert'; kind: Assertion }
  | { type: 'look'; ahead: boolean; negative: boolean; item: Node }
  | { type: 'reference'; index: number }

/** The ends of a text or line, the edges of words, and GNU's \< and \>. */
export type Assertion = '^' | '$' | 'b' | 'B' | '<' | '>'

export interface Syntax { root: Node; groups: number; multiline: boolean }

/** Whether one character is of a kind, such as "[a-z]" or ".": the engine's own answer, kept for ASCII. */
export class CharTest {
  readonly #expression: RegExp
  readonly #known = new Uint8Array(128)

  constructor(source: string, flags: string) {
    this.#expression = new RegExp(`^(?:${source})$`, flags)
  }

  matches(code: number): boolean {
    if (code >= 128) return this.#expression.test(String.fromCodePoint(code))
    const known = this.#known[code]!
    if (known !== 0) return known === 1
    const matches = this.#expression.test(String.fromCharCode(code))
    this.#known[code] = matches ? 1 : 2
    return matches
  }
}

/** The tree of a valid expression; undefined where it has what only the engine knows. */
export function parseSyntax(source: string, flags: string): Syntax | undefined {
  const parser = new Parser(source, flags)
  const root = parser.choice()
  return parser.failed || !parser.atEnd ? undefined : { root, groups: parser.groups, multiline: flags.includes('m') }
}

class Parser {
  groups = 0
  failed = false
  #names: string[] = []
  #at = 0
  readonly #source: string
  readonly #flags: string
  readonly #tests = new Map<string, CharTest>()

  constructor(source: string, flags: string) {
    this.#source = source
    this.#flags = 'u' + flags.replace(/[^is]/g, '')
  }

  get atEnd(): boolean {
    return this.#at >= this.#source.length
  }

  choice(): Node {
    const items = [this.#sequence()]
    while (this.#take('|')) items.push(this.#sequence())
    return items.length === 1 ? items[0]! : { type: 'choice', items }
  }

  #sequence(): Node {
    const items: Node[] = []
    while (!this.atEnd && !this.failed && this.#source[this.#at] !== '|' && this.#source[this.#at] !== ')') items.push(this.#repeat(this.#atom()))
    return items.length === 0 ? { type: 'empty' } : items.length === 1 ? items[0]! : { type: 'sequence', items }
  }

  #repeat(item: Node): Node {
    const found = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})(\??)/.exec(this.#source.slice(this.#at, this.#at + 40))
    if (!found) return item
    this.#at += found[0].length
    const [, sign, least, comma, most] = found
    const min = sign === undefined ? Number(least) : sign === '+' ? 1 : 0
    const max = sign === undefined ? (comma === '' ? min : most === '' ? Infinity : Number(most)) : sign === '?' ? 1 : Infinity
    return { type: 'repeat', item, min, max, lazy: found[5] === '?' }
  }

  #atom(): Node {
    const rest = this.#source.slice(this.#at, this.#at + 64)
    if (this.#take('\\b(?=\\w)')) return { type: 'assert', kind: '<' }
    if (this.#take('\\b(?<=\\w)')) return { type: 'assert', kind: '>' }
    const look = /^\(\?(<?)([=!])/.exec(rest)
    if (look) {
      this.#at += look[0].length
      return this.#closed({ type: 'look', ahead: look[1] === '', negative: look[2] === '!', item: this.choice() })
    }
    if (this.#take('(?:')) return this.#closed({ type: 'group', index: undefined, item: this.choice() })
    const named = /^\(\?<([A-Za-z_]\w*)>/.exec(rest)
    if (named || (rest[0] === '(' && rest[1] !== '?')) {
      this.#at += named?.[0].length ?? 1
      const index = ++this.groups
      if (named) this.#names[index] = named[1]!
      return this.#closed({ type: 'group', index, item: this.choice() })
    }
    if (this.#take('^')) return { type: 'assert', kind: '^' }
    if (this.#take('$')) return { type: 'assert', kind: '$' }
    if (this.#take('\\b')) return { type: 'assert', kind: 'b' }
    if (this.#take('\\B')) return { type: 'assert', kind: 'B' }
    const reference = /^\\([1-9]\d*)/.exec(rest)
    if (reference) {
      this.#at += reference[0].length
      return { type: 'reference', index: Number(reference[1]) }
    }
    const byName = /^\\k<(\w+)>/.exec(rest)
    if (byName) {
      this.#at += byName[0].length
      return { type: 'reference', index: this.#names.indexOf(byName[1]!) }
    }
    return this.#char()
  }

  #closed(node: Node): Node {
    if (!this.#take(')')) this.failed = true
    return node
  }

  #char(): Node {
    const rest = this.#source.slice(this.#at)
    const text = rest[0] === '[' ? /^\[(?:[^\]\\]|\\.)*\]/su.exec(rest)?.[0] : /^(?:\\u\{[0-9a-fA-F]+\}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\c[A-Za-z]|\\[pP]\{[^}]*\}|\\.|[^()])/su.exec(rest)?.[0]
    if (text === undefined) {
      this.failed = true
      return { type: 'empty' }
    }
    this.#at += text.length
    let test = this.#tests.get(text)
    if (!test) this.#tests.set(text, (test = new CharTest(text, this.#flags)))
    return { type: 'char', test }
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }
}

const WORD = /\w/

function isWord(text: string, at: number): boolean {
  return at >= 0 && at < text.length && WORD.test(text[at]!)
}

/** Whether an assertion holds in `text` at `at`. */
export function holds(kind: Assertion, text: string, at: number, multiline: boolean): boolean {
  switch (kind) {
    case '^':
      return at === 0 || (multiline && text[at - 1] === '\n')
    case '$':
      return at === text.length || (multiline && text[at] === '\n')
    case 'b':
      return isWord(text, at - 1) !== isWord(text, at)
    case 'B':
      return isWord(text, at - 1) === isWord(text, at)
    case '<':
      return !isWord(text, at - 1) && isWord(text, at)
    case '>':
      return isWord(text, at - 1) && !isWord(text, at)
  }
}

/** Whether an expression needs back-references or looks around, which no automaton has. */
export function needsBacktracking(node: Node): boolean {
  switch (node.type) {
    case 'look':
    case 'reference':
      return true
    case 'sequence':
    case 'choice':
      return node.items.some(needsBacktracking)
    case 'group':
    case 'repeat':
      return needsBacktracking(node.item)
    default:
      return false
  }
}
