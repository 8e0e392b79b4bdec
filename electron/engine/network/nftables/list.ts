import { formatDuration } from './cursor.ts'
import type { BaseChain, NftChain, NftTable, PrintOptions, Rule } from './model.ts'
import { printElements } from './print-elements.ts'
import type { NftSet } from './set.ts'

/** The listings of nft 1.0.6. */

const PRIORITIES: readonly (readonly [string, number, BaseChain['hook'] | undefined])[] = [
  ['raw', -300, undefined], ['mangle', -150, undefined], ['dstnat', -100, 'prerouting'], ['filter', 0, undefined], ['security', 50, undefined], ['srcnat', 100, 'postrouting'],
]

export function priorityValue(name: string, hook: BaseChain['hook']): number | undefined {
  const found = PRIORITIES.find(([n, , only]) => n === name && (only === undefined || only === hook))
  return found?.[1]
}

function printPriority({ priority, hook }: BaseChain, numeric: boolean): string {
  if (numeric) return String(priority)
  for (const [name, value, only] of PRIORITIES) {
    if (only !== undefined && only !== hook) continue
    const difference = priority - value
    if (difference === 0) return name
    if (Math.abs(difference) <= 10) return `${name} ${difference > 0 ? '+' : '-'} ${Math.abs(difference)}`
  }
  return String(priority)
}

const handle = (options: PrintOptions, number: number): string => (options.handles ? ` # handle ${number}` : '')

export function printRule(rule: Rule, options: PrintOptions): string {
  const { statements, comment } = rule.body
  const parts = statements.map((s, i) => s.print(options, rule.states?.[i])).filter((text) => text !== '')
  if (comment !== undefined) parts.push(`comment "${comment}"`)
  return parts.join(' ')
}

export function printChain(chain: NftChain, options: PrintOptions, rules = true): string {
  const { base } = chain
  let out = `\tchain ${chain.name} {${handle(options, chain.handle)}\n`
  if (chain.comment !== undefined) out += `\t\tcomment "${chain.comment}"\n`
  if (base) out += `\t\ttype ${base.type} hook ${base.hook} priority ${printPriority(base, options.numeric === true || options.numericPriority === true)}; policy ${base.policy};\n`
  if (rules) for (const rule of chain.rules) out += `\t\t${printRule(rule, options)}${handle(options, rule.handle)}\n`
  return `${out}\t}\n`
}

export function printSet(set: NftSet, options: PrintOptions, now: number): string {
  const { definition } = set
  const types = (list: NftSet['definition']['key']): string => list.map((t) => t.name).join(' . ')
  let out = `\t${set.isMap ? 'map' : 'set'} ${set.name} {${handle(options, set.handle)}\n`
  const data = definition.data === undefined ? '' : ` : ${definition.data === 'verdict' ? 'verdict' : types(definition.data)}`
  out += definition.typeOf === undefined ? `\t\ttype ${types(definition.key)}${data}\n` : `\t\ttypeof ${definition.typeOf}\n`
  if (definition.policy === 'memory') out += '\t\tpolicy memory\n'
  if (definition.size !== undefined) out += `\t\tsize ${definition.size}\n`
  // by itself, a default timeout says it already
  const flags = (['constant', 'dynamic', 'interval', 'timeout'] as const).filter((f) => definition.flags.has(f) && !(f === 'timeout' && definition.timeout !== undefined && definition.flags.size === 1))
  if (flags.length > 0) out += `\t\tflags ${flags.join(',')}\n`
  if (definition.counter) out += '\t\tcounter\n'
  if (definition.autoMerge) out += '\t\tauto-merge\n'
  if (definition.timeout !== undefined) out += `\t\ttimeout ${formatDuration(definition.timeout, options.numeric)}\n`
  if (definition.gcInterval !== undefined) out += `\t\tgc-interval ${formatDuration(definition.gcInterval, options.numeric)}\n`
  if (definition.comment !== undefined) out += `\t\tcomment "${definition.comment}"\n`
  if (!options.terse && set.count(now) > 0) out += `\t\t${printElements(set, options, now)}\n`
  return `${out}\t}\n`
}

export function tableHead(table: NftTable, options: PrintOptions): string {
  return `table ${table.family} ${table.name} {${handle(options, table.handle)}\n`
}

export function printTable(table: NftTable, options: PrintOptions, now: number): string {
  let out = tableHead(table, options)
  if (table.comment !== undefined) out += `\tcomment "${table.comment}"\n`
  const objects = [...[...table.sets.values()].map((s) => printSet(s, options, now)), ...[...table.chains.values()].map((c) => printChain(c, options))]
  return `${out}${objects.join('\n')}}\n`
}
