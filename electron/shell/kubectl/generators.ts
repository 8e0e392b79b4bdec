import { canonicalQuantity } from '../../engine/kubernetes/schema/quantity.ts'
import { put } from '../../engine/own.ts'
import { KubectlError } from './errors.ts'
import type { JsonObject } from './objects.ts'

/** Texts of flags made fields: kubectl's pkg/generate. */

/** "a=b,c=d" */
export function parseLabels(spec: string): Record<string, string> {
  if (spec === '') throw new KubectlError('no label spec passed')
  const labels: Record<string, string> = {}
  for (const part of spec.split(',')) {
    const pair = part.split('=')
    if (pair.length !== 2) throw new KubectlError(`unexpected label spec: ${part}`)
    if (pair[0] === '') throw new KubectlError('unexpected empty label key')
    put(labels, pair[0]!, pair[1]!)
  }
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
}

export function parseEnv(pairs: readonly string[]): JsonObject[] {
  return pairs.map((pair) => {
    const at = pair.indexOf('=')
    if (at < 0 || at === 0) throw new KubectlError(`invalid env: ${pair}`)
    const name = pair.slice(0, at)
    if (!/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(name)) throw new KubectlError(`invalid env: ${pair}`)
    const value = pair.slice(at + 1)
    return value === '' ? { name } : { name, value }
  })
}

/** ParsePairs */
export function parsePairs(pairs: readonly string[], what: string): Record<string, string> {
  const found: Record<string, string> = {}
  const wrong: string[] = []
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at <= 0) wrong.push(pair)
    else put(found, pair.slice(0, at), pair.slice(at + 1))
  }
  if (wrong.length > 0) throw new KubectlError(`invalid ${what} format: ${wrong.map((w) => w).join(', ')}`)
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** An IntOrString flag. */
export function intOrString(text: string): number | string {
  return /^[+-]?\d+$/.test(text) ? Number(text) : text
}

/** "cpu=100m": the amount of a resource, as limits, requests and quotas are written. */
export function resourceAmount(statement: string): [resource: string, amount: string] {
  const parts = statement.split('=')
  if (parts.length !== 2) throw new KubectlError(`Invalid argument syntax ${statement}, expected <resource>=<value>`)
  const quantity = canonicalQuantity(parts[1]!)
  if (quantity === undefined) throw new KubectlError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
  return [parts[0]!, quantity]
}
