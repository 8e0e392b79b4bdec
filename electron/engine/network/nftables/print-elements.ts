import { formatDuration } from './cursor.ts'
import type { Verdict } from './evaluate.ts'
import type { PrintOptions } from './model.ts'
import type { Element, NftSet } from './set.ts'
import { printSpan } from './spans.ts'

export function printVerdict(verdict: Verdict): string {
  return 'chain' in verdict ? `${verdict.kind} ${verdict.chain}` : verdict.kind
}

/** "10.96.0.10 . udp . 53 : goto service-…" */
export function printElement(set: NftSet, element: Element, options: PrintOptions, now: number): string {
  const { key, data, counter, timeout } = set.definition
  let out = element.key.map((span, i) => printSpan(span, key[i]!, options)).join(' . ')
  if (element.counter ?? counter) out += options.stateless ? ' counter' : ` counter packets ${element.counter?.packets ?? 0} bytes ${element.counter?.bytes ?? 0}`
  if (element.timeout !== undefined && element.timeout !== timeout) out += ` timeout ${formatDuration(element.timeout, options.numeric)}`
  if (element.expiresAt !== undefined && !options.stateless) out += ` expires ${formatDuration(element.expiresAt - now, options.numeric)}`
  if (element.comment !== undefined) out += ` comment "${element.comment}"`
  if (element.verdict) out += ` : ${printVerdict(element.verdict)}`
  else if (element.data && Array.isArray(data)) out += ` : ${element.data.map((span, i) => printSpan(span, data[i]!, options)).join(' . ')}`
  return out
}

/** The set of a rule, which has no name: "{ 80, 443 }". */
export function printAnonymous(set: NftSet, options: PrintOptions): string {
  return `{ ${set.elements(0).map((e) => printElement(set, e, options, 0)).join(', ')} }`
}

/** "elements = { … }", with as many on a line as nft puts there. */
export function printElements(set: NftSet, options: PrintOptions, now: number): string {
  const { key } = set.definition
  const perLine = key.length > 1 ? 1 : key[0]!.perLine
  let out = ''
  let onLine = 0
  for (const element of set.elements(now)) {
    if (out !== '') out += onLine < perLine ? ', ' : ',\n\t\t\t     '
    if (onLine >= perLine) onLine = 0
    out += printElement(set, element, options, now)
    onLine++
  }
  return `elements = { ${out} }`
}
