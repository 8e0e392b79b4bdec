import type { z } from 'zod'

/** The one that somebody meant who typed `word`: at most a third of its letters other, missing, too many or changed places. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const most = Math.max(1, Math.floor(word.length / 3))
  let best: { name: string; distance: number } | undefined
  for (const name of known) {
    const distance = editDistance(word.toLowerCase(), name.toLowerCase())
    if (distance <= most && (!best || distance < best.distance)) best = { name, distance }
  }
  return best?.name
}

/** Optimal string alignment: insertions, deletions, substitutions and transpositions of neighbours, one each. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 10) return Infinity
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j]!, before[j - 2]! + 1)
    }
    ;[before, last] = [last, row]
  }
  return last[b.length]!
}

type Definition = { type: string; shape?: Record<string, z.core.$ZodType>; element?: z.core.$ZodType; innerType?: z.core.$ZodType; options?: z.core.$ZodType[]; discriminator?: string }

/** The keys that a schema knows at the path of a value. */
export function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[], value: unknown): string[] {
  const definition = schema._zod.def as unknown as Definition
  if (definition.innerType) return keysAt(definition.innerType, path, value)
  if (definition.options) return definition.options.filter((option) => fits(option, definition.discriminator, value)).flatMap((option) => keysAt(option, path, value))
  const [key, ...rest] = path
  if (key === undefined) return Object.keys(definition.shape ?? {})
  const inner = definition.element ?? (typeof key === 'string' && definition.shape && Object.hasOwn(definition.shape, key) ? definition.shape[key] : undefined)
  return inner ? keysAt(inner, rest, (value as Record<PropertyKey, unknown> | null | undefined)?.[key]) : []
}

/** Whether an option of a discriminated union is the one that the value names. */
function fits(option: z.core.$ZodType, discriminator: string | undefined, value: unknown): boolean {
  if (discriminator === undefined) return true
  const named = (value as Record<string, unknown> | null | undefined)?.[discriminator]
  return option._zod.propValues?.[discriminator]?.has(named as never) ?? false
}
