import type { ScalarTag } from 'yaml'

/** What plain text means to go-yaml v2 (resolve.go): YAML 1.1's words, Go's numbers. Dates stay text, as kubectl keeps them. */
const NULL = /^(?:|~|null|Null|NULL)$/
const TRUE = /^(?:y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)$/
const FALSE = /^(?:n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/
const INTEGER = /^[-+]?(?:0[bB][01_]+|0[xX][0-9a-fA-F_]+|0[oO]?[0-7_]+|[1-9][0-9_]*|0)$/
const FLOAT = /^[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?$/
const INFINITE = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/
const DATE = /^\d{4}-\d{1,2}-\d{1,2}(?:(?:[Tt]|[ \t]+)\d{1,2}:\d{2}:\d{2}(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d{1,2}(?::?\d{2})?))?)?$/
const BASE_60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/

/** Whether text must be quoted to be read as text again. */
export function readsAsOther(text: string): boolean {
  return [NULL, TRUE, FALSE, INTEGER, FLOAT, INFINITE, DATE, BASE_60].some((pattern) => pattern.test(text))
}

function integer(text: string): number {
  const negative = text.startsWith('-')
  const digits = text.replace(/^[-+]/, '').replaceAll('_', '')
  const octal = /^0[oO]?([0-7]+)$/.exec(digits)
  const value = octal ? parseInt(octal[1]!, 8) : Number(digits.toLowerCase())
  return negative ? -value : value
}

function number(text: string): number | string {
  if (!INFINITE.test(text)) {
    const value = Number(text.replaceAll('_', ''))
    // what strconv.ParseFloat finds out of range is text
    return Number.isFinite(value) ? value : text
  }
  return /nan/i.test(text) ? NaN : text.startsWith('-') ? -Infinity : Infinity
}

const tag = (name: string, test: RegExp, resolve: (text: string) => unknown, identify: (value: unknown) => boolean): ScalarTag =>
  ({ default: true, tag: `tag:yaml.org,2002:${name}`, test, resolve, identify })

/** For the yaml package, in place of its own reading of plain text. */
export const GO_TAGS: ScalarTag[] = [
  tag('null', NULL, () => null, (value) => value === null),
  tag('bool', TRUE, () => true, (value) => value === true),
  tag('bool', FALSE, () => false, (value) => value === false),
  tag('int', INTEGER, integer, (value) => typeof value === 'number' && Number.isInteger(value)),
  tag('float', FLOAT, number, (value) => typeof value === 'number'),
  tag('float', INFINITE, number, (value) => typeof value === 'number' && !Number.isFinite(value)),
]

/** The same for go-yaml v3, which kustomize reads resources with: "yes" and "n" are text. */
export const GO_TAGS_3: ScalarTag[] = GO_TAGS.map((one) => (one.test === TRUE ? { ...one, test: /^(?:true|True|TRUE)$/ } : one.test === FALSE ? { ...one, test: /^(?:false|False|FALSE)$/ } : one))
