import { own } from '../../own.ts'
import { deepEqual, isObject } from '../json.ts'

/**
 * The simple JSONPath of printer columns, scale and selectable fields: ".spec.a", "['b.c']", "\.", "[0]", "[*]" and
 * "[?(@.type=="Ready")]". Returns what it finds, first to last; nothing where a key is missing.
 */
export function readPath(path: string): (value: unknown) => unknown[] {
  const steps = parse(path)
  return (value) => steps.reduce<unknown[]>((found, step) => found.flatMap((each) => step(each)), [value])
}

type Step = (value: unknown) => unknown[]

const field = (name: string): Step => (value) => (isObject(value) && own(value, name) !== undefined ? [value[name]] : [])

function parse(path: string): Step[] {
  const steps: Step[] = []
  let rest = path
  while (rest !== '') {
    const name = /^\.((?:\\.|[^.[\]\\])+)/.exec(rest)
    const quoted = /^\[(['"])((?:\\.|(?!\1).)*)\1\]/.exec(rest)
    const index = /^\[(-?\d+)\]/.exec(rest)
    const all = /^(\[\*\]|\.\*)/.exec(rest)
    const filter = /^\[\?\(\s*@(\.?[^=!<>\s]*)\s*(?:(==|!=)\s*("(?:\\.|[^"])*"|'(?:\\.|[^'])*'|[\w.-]+))?\s*\)\]/.exec(rest)
    if (all) steps.push((value) => (Array.isArray(value) ? (value as unknown[]) : isObject(value) ? Object.keys(value).sort().map((key) => value[key]) : []))
    else if (name) steps.push(field(name[1]!.replace(/\\(.)/g, '$1')))
    else if (quoted) steps.push(field(quoted[2]!.replace(/\\(.)/g, '$1')))
    else if (index) steps.push((value) => (Array.isArray(value) && value.at(Number(index[1])) !== undefined ? [value.at(Number(index[1])) as unknown] : []))
    else if (filter) steps.push(filterStep(filter[1]!, filter[2], filter[3]))
    else if (rest === '.') return steps
    else return [() => []]
    rest = rest.slice((all ?? name ?? quoted ?? index ?? filter)![0].length)
  }
  return steps
}

function filterStep(path: string, operator: string | undefined, literal: string | undefined): Step {
  const read = readPath(path)
  const wanted: unknown = literal === undefined ? undefined : /^['"]/.test(literal) ? literal.slice(1, -1) : /^(true|false)$/.test(literal) ? literal === 'true' : Number(literal)
  return (value) => {
    if (!Array.isArray(value)) return []
    return (value as unknown[]).filter((item) => {
      const found = read(item)
      if (operator === undefined) return found.length > 0
      return found.length > 0 && deepEqual(found[0], wanted) === (operator === '==')
    })
  }
}
