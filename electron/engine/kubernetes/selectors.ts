import { byName } from '../own.ts'
import { quote } from './json.ts'
import type { LabelSelector, StoredMeta } from './types.ts'
import { labelValue, qualifiedName } from './validation/names.ts'

/** Label and field selectors, compiled once: k8s.io/apimachinery/pkg/labels and pkg/fields. */
type Labels = { readonly [key: string]: string } | undefined
type Operator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt'

interface Requirement {
  key: string
  operator: Operator
  values: readonly string[]
}

/** A selector that is malformed; the text is Go's. */
export class SelectorError extends Error {
  override name = 'SelectorError'
}

export class Selector {
  readonly requirements: readonly Requirement[]
  constructor(requirements: readonly Requirement[]) {
    this.requirements = [...requirements].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  }

  get empty(): boolean {
    return this.requirements.length === 0
  }

  matches(labels: Labels): boolean {
    for (const r of this.requirements) {
      const value = labels?.[r.key]
      // what every object has under this name is no label
      if (!satisfies(r, typeof value === 'string' ? value : undefined)) return false
    }
    return true
  }

  toString(): string {
    return this.requirements.map(printRequirement).join(',')
  }
}

function satisfies(r: Requirement, value: string | undefined): boolean {
  switch (r.operator) {
    case 'exists':
      return value !== undefined
    case '!':
      return value === undefined
    case '=':
    case '==':
    case 'in':
      return value !== undefined && r.values.includes(value)
    case '!=':
    case 'notin':
      return value === undefined || !r.values.includes(value)
    case 'gt':
    case 'lt': {
      if (value === undefined || !/^[+-]?\d+$/.test(value)) return false
      const [a, b] = [BigInt(value), BigInt(r.values[0]!)]
      return r.operator === 'gt' ? a > b : a < b
    }
  }
}

function printRequirement(r: Requirement): string {
  if (r.operator === '!') return `!${r.key}`
  if (r.operator === 'exists') return r.key
  if (r.operator === 'in' || r.operator === 'notin') return `${r.key} ${r.operator} (${[...r.values].sort().join(',')})`
  return `${r.key}${r.operator === 'gt' ? '>' : r.operator === 'lt' ? '<' : r.operator}${r.values[0]}`
}

type Token = { kind: 'end' | 'symbol' | 'identifier' | 'bad'; text: string }

function scan(text: string): Token[] {
  const tokens: Token[] = []
  const pattern = /[ \t\r\n]*(?:([=!(),<>]+)|([^ \t\r\n=!(),<>]+)|$)/gy
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text)!
    if (match[2] !== undefined) tokens.push({ kind: 'identifier', text: match[2] })
    else if (match[1] !== undefined) {
      const symbol = /^(?:==|!=|[=!(),<>])/.exec(match[1])![0]
      pattern.lastIndex -= match[1].length - symbol.length
      tokens.push({ kind: 'symbol', text: symbol })
    } else break
  }
  tokens.push({ kind: 'end', text: '' })
  return tokens
}

/** The syntax of `kubectl -l`: equality, set-based, exists. Throws SelectorError. */
export function parseSelector(text: string): Selector {
  const tokens = scan(text)
  let at = 0
  const fail = (found: string, expected: string, comma = ','): never => {
    throw new SelectorError(`found '${found}'${comma} expected: ${expected}`)
  }
  const is = (symbol: string): boolean => tokens[at]!.kind === 'symbol' && tokens[at]!.text === symbol
  const ended = (): boolean => tokens[at]!.kind === 'end'
  const identifier = (): boolean => tokens[at]!.kind === 'identifier'

  const parseList = (): string[] => {
    if (!is('(')) fail(tokens[at]!.text, "'('", '')
    at++
    const values = new Set<string>()
    let expectValue = true
    for (;;) {
      if (identifier()) {
        if (!expectValue) fail(tokens[at]!.text, "',' or ')'")
        values.add(tokens[at++]!.text)
        expectValue = false
      } else if (is(',')) {
        if (expectValue) values.add('')
        expectValue = true
        at++
      } else if (is(')')) {
        if (expectValue) values.add('')
        at++
        return [...values].sort()
      } else if (expectValue) {
        fail(tokens[at]!.text, values.size === 0 ? "',', ')' or identifier" : "',', or identifier")
      } else fail(tokens[at]!.text, "',' or ')'")
    }
  }

  const parseRequirement = (): Requirement => {
    const negated = is('!')
    if (negated) at++
    if (!identifier()) fail(tokens[at]!.text, 'identifier')
    const key = tokens[at++]!.text
    checkKey(key)
    if (ended() || is(',')) return { key, operator: negated ? '!' : 'exists', values: [] }
    if (negated) return { key, operator: '!', values: [] }
    const word = tokens[at++]!
    const operators: Record<string, Operator> = byName({ in: 'in', notin: 'notin', '=': '=', '==': '==', '!=': '!=', '>': 'gt', '<': 'lt' })
    const operator = operators[word.text]
    if (!operator) return fail(word.text, 'in, notin, =, ==, !=, gt, lt')
    let values: string[]
    if (operator === 'in' || operator === 'notin') values = parseList()
    else if (ended() || is(',')) values = ['']
    else if (identifier()) values = [tokens[at++]!.text]
    else return fail(tokens[at]!.text, 'identifier')
    const number = values[0]!
    if ((operator === 'gt' || operator === 'lt') && !/^[+-]?\d+$/.test(number)) {
      throw new SelectorError(`values[0]: Invalid value: ${quote(number)}: for 'Gt', 'Lt' operators, the value must be an integer`)
    }
    for (const value of values) checkValue(key, value)
    return { key, operator, values }
  }

  const requirements: Requirement[] = []
  for (;;) {
    if (ended()) return new Selector(requirements)
    if (!identifier() && !is('!')) fail(tokens[at]!.text, "!, identifier, or 'end of string'")
    try {
      requirements.push(parseRequirement())
    } catch (error) {
      if (error instanceof SelectorError) error.message = `unable to parse requirement: ${error.message}`
      throw error
    }
    if (ended()) return new Selector(requirements)
    if (!is(',')) fail(tokens[at]!.text, "',' or 'end of string'")
    at++
    if (!identifier() && !is('!')) fail(tokens[at]!.text, "identifier after ','")
  }
}

function checkKey(key: string): void {
  const errors = qualifiedName(key)
  if (errors.length > 0) throw new SelectorError(`<nil>: Invalid value: ${quote(key)}: ${errors.join('; ')}`)
}
function checkValue(key: string, value: string): void {
  const errors = labelValue(value)
  if (errors.length > 0) throw new SelectorError(`values[0][${key}]: Invalid value: ${quote(value)}: ${errors.join('; ')}`)
}

/** metav1.LabelSelectorAsSelector: absent selects nothing, empty selects everything. */
export function compileLabelSelector(selector: LabelSelector | undefined): { matches(labels: Labels): boolean; toString(): string } {
  if (!selector) return { matches: () => false, toString: () => '' }
  const requirements: Requirement[] = []
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) requirements.push({ key, operator: '=', values: [value] })
  const operators: Record<string, Operator> = byName({ In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' })
  for (const e of selector.matchExpressions ?? []) {
    requirements.push({ key: e.key, operator: operators[e.operator] ?? 'exists', values: [...(e.values ?? [])].sort() })
  }
  return new Selector(requirements)
}

/** labels.SelectorFromSet of a Service's or ReplicationController's selector. */
export function selectorFromSet(set: { readonly [key: string]: string }): Selector {
  return new Selector(Object.entries(set).map(([key, value]) => ({ key, operator: '=', values: [value] })))
}


/** As Scale.status.selector has it. */
export function formatScaleSelector(selector: LabelSelector | undefined): string {
  return compileLabelSelector(selector).toString()
}

/** metav1.FormatLabelSelector, as tables show selectors: "<none>" when there is nothing in it. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  return compileLabelSelector(selector).toString() || '<none>'
}

export interface FieldRequirement {
  field: string
  equal: boolean
  value: string
}

/** The syntax of `--field-selector`: comma-separated `a=b`, `a==b`, `a!=b`; a backslash escapes. */
export function parseFieldSelector(text: string): FieldRequirement[] {
  const out: FieldRequirement[] = []
  for (const part of text.split(/(?<!\\),/)) {
    if (part === '') continue
    const match = /^((?:\\.|[^\\=!]|!(?!=))*)(!=|==|=)(.*)$/s.exec(part)
    if (!match) throw new SelectorError(`invalid selector: '${text}'; can't understand '${part}'`)
    out.push({ field: match[1]!, equal: match[2] !== '!=', value: match[3]!.replace(/\\(.)/g, '$1') })
  }
  return out
}

export type FieldReader<T> = (object: T) => string

/** Fields that every kind can be selected by. */
export const META_FIELDS: Record<string, FieldReader<{ metadata: StoredMeta }>> = {
  'metadata.name': (o) => o.metadata.name,
  'metadata.namespace': (o) => o.metadata.namespace ?? '',
}
