const COLLATOR = new Intl.Collator('en', { numeric: true })

/** Names as people count: worker-2 before worker-10. */
export function byName(a: string, b: string): number {
  return COLLATOR.compare(a, b)
}

export function entriesByName<T>(things: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(things).sort(([a], [b]) => byName(a, b))
}

export function valuesByName<T>(things: Readonly<Record<string, T>>): T[] {
  return entriesByName(things).map(([, thing]) => thing)
}
