import { goFormat } from '../../engine/kubernetes/json.ts'
import { KubectlError } from './errors.ts'
import { sortedGoJson } from './json.ts'
import { byBytes, isObject } from './objects.ts'

/** kubectl's JSONPath templates (client-go util/jsonpath): text around {expressions}, range … end, filters, unions. */

type Node =
  | { kind: 'list'; nodes: Node[] }
  | { kind: 'text'; text: string }
  | { kind: 'value'; value: number | boolean }
  | { kind: 'field'; name: string }
  | { kind: 'slice'; from?: number; to?: number; step?: number; one: boolean }
  | { kind: 'filter'; left: Node; operator: string; right: Node }
  | { kind: 'wildcard' }
  | { kind: 'recursive' }
  | { kind: 'union'; parts: Node[] }
  | { kind: 'word'; word: string }

const TERMINATORS = new Set([' ', '\t', '\r', '\n', '.', ',', '[', ']', '$', '@', '{', '}', ''])

class Parser {
  #at = 0
  readonly #text: string
  constructor(text: string) {
    this.#text = text
  }

  parse(): Node[] {
    const nodes: Node[] = []
    while (this.#at < this.#text.length) {
      const open = this.#text.indexOf('{', this.#at)
      const end = open < 0 ? this.#text.length : open
      if (end > this.#at) nodes.push({ kind: 'text', text: this.#text.slice(this.#at, end) })
      this.#at = end
      if (open < 0) break
      this.#at++
      nodes.push({ kind: 'list', nodes: this.#action() })
    }
    return nodes
  }

  #action(): Node[] {
    const nodes: Node[] = []
    for (;;) {
      const rest = this.#text.slice(this.#at)
      const c = rest[0]
      if (c === undefined || c === '\n' || c === '\r') throw new KubectlError('unclosed action')
      if (c === '}') {
        this.#at++
        return nodes
      }
      if (rest.startsWith('[?(')) nodes.push(this.#filter())
      else if (rest.startsWith('..')) {
        if (nodes[nodes.length - 1]?.kind === 'recursive') throw new KubectlError('invalid multiple recursive descent')
        this.#at += 2
        nodes.push({ kind: 'recursive' })
        if (/[\p{L}\p{Nd}_]/u.test(this.#text[this.#at] ?? '')) nodes.push(this.#field())
      } else if (c === ' ' || c === '@' || c === '$') this.#at++
      else if (c === '[') nodes.push(...this.#array())
      else if (c === '"' || c === "'") nodes.push({ kind: 'text', text: this.#quoted(c) })
      else if (c === '.') {
        this.#at++
        nodes.push(this.#field())
      } else if (/[-+\d]/.test(c)) {
        const number = /^[-+]?[\d.]*/.exec(rest)![0]
        this.#at += number.length
        if (!/^[-+]?\d+(\.\d*)?$|^[-+]?\.\d+$/.test(number)) throw new KubectlError(`cannot parse number ${number}`)
        nodes.push({ kind: 'value', value: Number(number) })
      } else if (/[\p{L}_]/u.test(c)) {
        const word = this.#until()
        nodes.push(word === 'true' || word === 'false' ? { kind: 'value', value: word === 'true' } : { kind: 'word', word })
      } else throw new KubectlError(`unrecognized character in action: U+${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')} '${c}'`)
    }
  }

  #until(): string {
    const from = this.#at
    while (!TERMINATORS.has(this.#text[this.#at] ?? '')) this.#at++
    return this.#text.slice(from, this.#at)
  }
  #field(): Node {
    const from = this.#at
    while (!TERMINATORS.has(this.#text[this.#at] ?? '')) this.#at += this.#text[this.#at] === '\\' ? 2 : 1
    const name = this.#text.slice(from, this.#at)
    return name === '*' ? { kind: 'wildcard' } : { kind: 'field', name: name.replaceAll('\\', '') }
  }
  #quoted(end: string): string {
    const from = this.#at++
    for (; ; this.#at++) {
      const c = this.#text[this.#at]
      if (c === undefined || c === '\n') throw new KubectlError('unterminated quoted string')
      if (c === end && this.#text[this.#at - 1] !== '\\') break
    }
    this.#at++
    return unquote(this.#text.slice(from, this.#at))
  }
  #filter(): Node {
    this.#at += 3
    const from = this.#at
    let quote = ''
    for (; ; this.#at++) {
      const c = this.#text[this.#at]
      if (c === undefined || c === '\n') throw new KubectlError('unterminated filter')
      if (c === '"' || c === "'") {
        if (quote === '') quote = c
        else if (c === quote && this.#text[this.#at - 1] !== '\\') quote = ''
      } else if (c === ')' && quote === '') break
    }
    const inside = this.#text.slice(from, this.#at++)
    if (this.#text[this.#at++] !== ']') throw new KubectlError('unclosed array expect ]')
    const match = /^([^!<>=]+)([!<>=]+)(.+?)$/.exec(inside)
    if (!match) return { kind: 'filter', left: action(inside), operator: 'exists', right: { kind: 'list', nodes: [] } }
    return { kind: 'filter', left: action(match[1]!), operator: match[2]!, right: action(match[3]!) }
  }
  #array(): Node[] {
    const from = ++this.#at
    for (; ; this.#at++) {
      const c = this.#text[this.#at]
      if (c === undefined || c === '\n') throw new KubectlError('unterminated array')
      if (c === ']') break
    }
    let inside = this.#text.slice(from, this.#at++)
    if (inside === '*') inside = ':'
    const parts = inside.split(',')
    if (parts.length > 1) return [{ kind: 'union', parts: parts.map((p) => action(`[${p.replace(/^ +| +$/g, '')}]`)) }]
    const key = /^'([^']*)'$/.exec(inside)
    if (key) return (action(`.${key[1]}`) as { nodes: Node[] }).nodes
    const slice = /^(-?[\d]*)(:-?[\d]*)?(:-?[\d]*)?$/.exec(inside)
    if (!slice) throw new KubectlError(`invalid array index ${inside}`)
    const number = (text: string | undefined): number | undefined => {
      if (text === undefined || text === '') return undefined
      if (text === '-') throw new KubectlError('array index - is not a number')
      return Number(text)
    }
    return [{ kind: 'slice', from: number(slice[1]), to: number(slice[2]?.slice(1)), step: number(slice[3]?.slice(1)), one: slice[2] === undefined }]
  }
}

function action(text: string): Node {
  const nodes = new Parser(`{${text}}`).parse()
  return nodes[0] ?? { kind: 'list', nodes: [] }
}

function unquote(quoted: string): string {
  return quoted.slice(1, -1).replace(/\\(?:([abfnrtv\\'"])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([\s\S]))/g, (_, simple: string | undefined, x?: string, u?: string) => {
    if (simple !== undefined) return { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }[simple] ?? simple
    if (x ?? u) return String.fromCharCode(parseInt((x ?? u)!, 16))
    throw new KubectlError(`unquote string ${quoted} error invalid syntax`)
  })
}

/** "metadata.name", ".metadata.name" or "{.metadata.name}" made a whole template. */
export function relaxed(expression: string): string {
  if (expression === '') return ''
  const match = /^\{\.?([^{}]+)\}$|^\.?([^{}]+)$/.exec(expression)
  if (!match) throw new KubectlError("unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'")
  return `{.${match[1] ?? match[2]}}`
}

export class JsonPath {
  readonly #nodes: readonly Node[]
  readonly #missingAllowed: boolean
  #ranges = 0

  constructor(template: string, options: { allowMissing?: boolean } = {}) {
    this.#nodes = new Parser(template).parse()
    this.#missingAllowed = options.allowMissing ?? true
  }

  /** The results of every part of the template. */
  find(data: unknown): unknown[][] {
    this.#ranges = 0
    const { results } = this.#block(data, 0)
    return results
  }

  #block(data: unknown, from: number): { results: unknown[][]; next: number; ended: boolean } {
    const results: unknown[][] = []
    for (let i = from; i < this.#nodes.length; i++) {
      const node = this.#nodes[i]!
      const word = node.kind === 'list' ? node.nodes.find((n) => n.kind === 'word') : undefined
      const found = this.#walk([data], node)
      if (word?.word === 'end') return { results, next: i, ended: true }
      if (word?.word === 'range') {
        this.#ranges++
        let next = this.#nodes.length
        for (const item of found.length > 0 ? found : [undefined]) {
          const inner = this.#block(item, i + 1)
          // without an {end} what follows is said once more, of the whole
          next = inner.ended ? inner.next : i
          if (found.length > 0) results.push(...inner.results)
        }
        this.#ranges--
        i = next
        continue
      }
      results.push(found)
    }
    return { results, next: this.#nodes.length, ended: false }
  }

  #walk(input: readonly unknown[], node: Node): unknown[] {
    switch (node.kind) {
      case 'list':
        return node.nodes.reduce<unknown[]>((current, n) => this.#walk(current, n), [...input])
      case 'text':
        return [node.text]
      case 'value':
        return input.map(() => node.value)
      case 'word':
        if (node.word === 'range') return [...input]
        if (node.word !== 'end') throw new KubectlError(`unrecognized identifier ${node.word}`)
        if (this.#ranges === 0) throw new KubectlError('not in range, nothing to end')
        return []
      case 'field': {
        if (input.length === 0) return []
        const found = input.filter((v) => isObject(v) && Object.hasOwn(v, node.name)).map((v) => (v as Record<string, unknown>)[node.name])
        if (found.length === 0 && !this.#missingAllowed) throw new KubectlError(`${node.name} is not found`)
        return found
      }
      case 'wildcard':
        return input.flatMap(children)
      case 'recursive':
        return input.flatMap(descendants)
      case 'union':
        return node.parts.flatMap((part) => this.#walk(input, part))
      case 'slice':
        return input.flatMap((v) => slice(v, node))
      case 'filter':
        return input.flatMap((v) => {
          if (!Array.isArray(v)) throw new KubectlError(`${goFormat(v)} is not array or slice and cannot be filtered`)
          return v.filter((item) => this.#passes(item, node))
        })
    }
  }

  #passes(item: unknown, filter: Extract<Node, { kind: 'filter' }>): boolean {
    let lefts: unknown[]
    try {
      lefts = this.#walk([item], filter.left)
    } catch (error) {
      if (filter.operator === 'exists') return false
      throw error
    }
    if (filter.operator === 'exists') return lefts.length > 0
    if (lefts.length === 0) return false
    const rights = this.#walk([item], filter.right)
    if (lefts.length > 1 || rights.length > 1) throw new KubectlError('can only compare one element at a time')
    if (rights.length === 0) return false
    return compare(lefts[0], filter.operator, rights[0])
  }
}

function children(value: unknown): unknown[] {
  if (Array.isArray(value)) return value as unknown[]
  if (!isObject(value)) return []
  return Object.keys(value).sort(byBytes).map((k) => value[k])
}
function descendants(value: unknown): unknown[] {
  const inner = children(value)
  return inner.length === 0 ? [] : [value, ...inner.flatMap(descendants)]
}

function slice(value: unknown, node: Extract<Node, { kind: 'slice' }>): unknown[] {
  if (value === null || value === undefined) return []
  if (!Array.isArray(value)) throw new KubectlError(`${goType(value)} is not array or slice`)
  const length = value.length
  let from = node.from ?? 0
  if (from < 0) from += length
  let to = node.one ? (node.from ?? 0) + 1 : (node.to ?? length)
  if (to < 0 || (to === 0 && node.one)) to += length
  if (to === from) return []
  if (from >= length || from < 0) throw new KubectlError(`array index out of bounds: index ${from}, length ${length}`)
  if (to > length || to < 0) throw new KubectlError(`array index out of bounds: index ${to - 1}, length ${length}`)
  if (from > to) throw new KubectlError(`starting index ${from} is greater than ending index ${to}`)
  if (node.step !== undefined && node.step <= 0) throw new KubectlError('step must be > 0')
  return value.slice(from, to).filter((_, i) => i % (node.step ?? 1) === 0)
}

function compare(left: unknown, operator: string, right: unknown): boolean {
  if (typeof left !== typeof right) throw new KubectlError('incompatible types for comparison')
  const a = left as string | number
  const b = right as string | number
  switch (operator) {
    case '==': return a === b
    case '!=': return a !== b
    case '<': return a < b
    case '<=': return a <= b
    case '>': return a > b
    case '>=': return a >= b
    default: throw new KubectlError(`unrecognized filter operator ${operator}`)
  }
}

function goType(value: unknown): string {
  if (typeof value === 'string') return 'string'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}'
}

/** What `-o jsonpath` prints of the results. */
export function printResults(results: readonly unknown[][], asJson: boolean): string {
  return results.map((part) => {
    if (asJson) return `${sortedGoJson(part, '    ')}\n`
    return part.map((v) => (typeof v === 'object' && v !== null ? sortedGoJson(v) : v === null ? 'null' : goFormat(v))).join(' ')
  }).join('')
}
