import type { StructType } from '../schema/notation.ts'
import { deepEqual } from '../json.ts'
import { braces, ELLIPSIS, line, render, wrap, type Entry, type Node, type Side } from './text.ts'
import { fieldOf, formatValue, goType, HOST_FIELDS, isZero, mapKey, named, type GoType, type Naming, type Options } from './values.ts'

/**
 * cmp.Diff of github.com/google/go-cmp (v0.7.0) for objects of the API: cmp/compare.go, cmp/report_compare.go. Where go-cmp
 * aligns lists by an edit script, here what is equal at both ends is, and the rest is compared place by place; long texts are
 * shown whole instead of in pieces.
 */
export function goDiff(old: unknown, now: unknown, type: StructType): string {
  const root = compare(goType(type), old, now)
  return root.diffs === 0 ? '' : render(format(root, { naming: 'emit', side: '', verbosity: 0 }))
}

/** The same of two Pod specs, as the internal one is: what it shares with its node's namespaces is in the security context. */
export function podSpecDiff(old: object, now: object, type: StructType): string {
  return goDiff(internal(old), internal(now), type)
}

function internal(spec: object): object {
  const from = spec as { [field: string]: unknown }
  const host = HOST_FIELDS.filter((field) => from[field] !== undefined).map((field) => [field, from[field]])
  return host.length === 0 ? spec : { ...spec, securityContext: { ...Object.fromEntries(host), ...(from['securityContext'] as object | undefined) } }
}

/** A pair of values, and what is below: cmp/report_value.go. */
interface Pair {
  type: GoType
  x: unknown
  y: unknown
  /** Which of the two there is. */
  has: 'both' | 'x' | 'y'
  children: { key: string; pair: Pair }[]
  diffs: number
  depth: number
}

function leaf(type: GoType, x: unknown, y: unknown, differs: boolean, has: Pair['has'] = 'both'): Pair {
  return { type, x, y, has, children: [], diffs: differs ? 1 : 0, depth: 0 }
}

function node(type: GoType, x: unknown, y: unknown, children: Pair['children']): Pair {
  const diffs = children.reduce((sum, c) => sum + c.pair.diffs, 0)
  return { type, x, y, has: 'both', children, diffs, depth: children.length === 0 ? 0 : 1 + Math.max(...children.map((c) => c.pair.depth)) }
}

function compare(type: GoType, x: unknown, y: unknown): Pair {
  switch (type.kind) {
    case 'struct':
      return node(type, x, y, type.fields.map((f) => ({ key: f.name, pair: compare(f.type, fieldOf(x, f), fieldOf(y, f)) })))
    case 'pointer':
      if (isAbsent(x) || isAbsent(y)) return leaf(type, x, y, isAbsent(x) !== isAbsent(y))
      return node(type, x, y, [{ key: '', pair: compare(type.to, x, y) }])
    case 'slice':
      if (!Array.isArray(x) || !Array.isArray(y)) return leaf(type, x, y, Array.isArray(x) !== Array.isArray(y))
      return node(type, x, y, elements(type.of, x, y))
    case 'map': {
      if (isAbsent(x) || isAbsent(y)) return leaf(type, x, y, isAbsent(x) !== isAbsent(y))
      const [a, b] = [x as { [key: string]: unknown }, y as { [key: string]: unknown }]
      const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()
      return node(type, x, y, keys.map((key) => ({ key: mapKey(type, key), pair: !(key in b) ? leaf(type.of, a[key], undefined, true, 'x') : !(key in a) ? leaf(type.of, undefined, b[key], true, 'y') : compare(type.of, a[key], b[key]) })))
    }
    default:
      return leaf(type, x, y, isZero(type, x) ? !isZero(type, y) : x !== y)
  }
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null
}

function elements(type: GoType, x: readonly unknown[], y: readonly unknown[]): Pair['children'] {
  let from = 0
  while (from < x.length && from < y.length && deepEqual(x[from], y[from])) from++
  let tail = 0
  while (tail < x.length - from && tail < y.length - from && deepEqual(x[x.length - 1 - tail], y[y.length - 1 - tail])) tail++
  const out: Pair[] = []
  for (let i = 0; i < from; i++) out.push(compare(type, x[i], y[i]))
  const removed: Pair[] = []
  const inserted: Pair[] = []
  for (let i = from; i < Math.max(x.length, y.length) - tail; i++) {
    const [hasX, hasY] = [i < x.length - tail, i < y.length - tail]
    const both = hasX && hasY ? compare(type, x[i], y[i]) : undefined
    // Values that have more in common than not are one that changed.
    if (both && same(both) + 1 >= both.diffs) out.push(...removed.splice(0), ...inserted.splice(0), both)
    else {
      if (hasX) removed.push(leaf(type, x[i], undefined, true, 'x'))
      if (hasY) inserted.push(leaf(type, undefined, y[i], true, 'y'))
    }
  }
  out.push(...removed, ...inserted)
  for (let i = tail; i > 0; i--) out.push(compare(type, x[x.length - i], y[y.length - i]))
  return out.map((pair) => ({ key: '', pair }))
}

/** Leaves that are equal. */
function same(pair: Pair): number {
  if (pair.children.length === 0) return pair.diffs === 0 ? 1 : 0
  return pair.children.reduce((sum, c) => sum + same(c.pair), 0)
}

/** FormatDiff. */
function format(pair: Pair, given: Options): Node {
  const options: Options = { ...given, verbosity: given.side === 'identical' ? 1 : Math.max(3, given.verbosity) }
  const { type, x, y, has } = pair
  if (pair.depth === 0) {
    const shown = (value: unknown, naming: Naming): Node => formatValue(type, value, { ...options, naming })
    if (options.side === '-') return shown(x, options.naming)
    if (options.side === '+') return shown(y, options.naming)
    if (pair.diffs === 0) return shown(x, options.naming)
    const sides: Entry[] = []
    if (has !== 'y') sides.push({ side: '-', key: '', value: shown(x, 'elide') })
    if (has !== 'x') sides.push({ side: '+', key: '', value: shown(y, 'elide') })
    return named(type, { kind: 'list', records: sides }, { ...options, naming: 'emit' })
  }
  if (type.kind === 'pointer') return wrap('&', format(pair.children[0]!.pair, options))
  return named(type, list(pair, options), options)
}

const NAMES = { struct: 'field', slice: 'element', map: 'entry' } as const
/** Equal neighbours of a difference that are shown. */
const CONTEXT = 2

/** formatDiffList. */
function list(pair: Pair, options: Options): Node {
  const kind = pair.type.kind as keyof typeof NAMES
  const inner: Options = { ...options, naming: kind === 'struct' ? 'auto' : 'elide', verbosity: options.verbosity - 1 }
  const most = options.side === 'identical' ? ((1 << options.verbosity) >> 1) << 2 : (1 << options.verbosity) << 1
  const entry = (child: Pair['children'][number], side: Options['side'], mark: Side = ''): Entry => ({ side: mark, key: child.key, value: format(child.pair, { ...inner, side }) })
  if (options.side !== '') {
    const shown = pair.children.filter(({ pair: c }) => kind !== 'struct' || !isZero(c.type, options.side === '+' ? c.y : c.x))
    return braces([...shown.slice(0, most).map((c) => entry(c, options.side)), ...(shown.length > most ? [ELLIPSIS] : [])])
  }
  const out: Entry[] = []
  const groups = grouped(pair.children)
  let diffs = 0
  groups.forEach((group, g) => {
    const identical = group[0]!.pair.diffs === 0
    if (diffs >= most) return
    if (!identical) {
      diffs += group.length
      for (const child of group) {
        const { has, children, depth } = child.pair
        if (children.length !== depth) out.push(entry(child, ''))
        else {
          if (has !== 'y') out.push(entry(child, '-', '-'))
          if (has !== 'x') out.push(entry(child, '+', '+'))
        }
      }
      return
    }
    const low = g === 0 ? 0 : Math.min(CONTEXT, group.length)
    let high = g === groups.length - 1 ? 0 : Math.min(CONTEXT, group.length - low)
    if (group.length - low - high === 1) high++
    for (const child of group.slice(0, low)) out.push(entry(child, 'identical'))
    const left = group.length - low - high
    if (left > 0) out.push(ellipsis(left, NAMES[kind]))
    for (const child of group.slice(group.length - high)) out.push(entry(child, 'identical'))
  })
  return braces(out)
}

function ellipsis(count: number, name: string): Entry {
  const many = count > 1 ? `${name}s`.replace(/ys$/, 'ies') : name
  return { side: '', key: '', value: line('...'), elided: true, comment: `${count} identical ${many}` }
}

/** Runs of equal and of unequal neighbours. */
function grouped(children: Pair['children']): Pair['children'][] {
  const out: Pair['children'][] = []
  for (const child of children) {
    const last = out[out.length - 1]
    if (last && (last[0]!.pair.diffs === 0) === (child.pair.diffs === 0)) last.push(child)
    else out.push([child])
  }
  return out
}
