/**
 * Objects that are asked by a name that somebody typed (a label, a flag, a DNS type, a key of a manifest) answer with what is
 * written in them and nothing else: not with what every object inherits, such as `constructor`, `toString` and `__proto__`.
 */

/** A table that knows only its own entries. For constants. */
export function byName<T extends object>(entries: T): T {
  return Object.setPrototypeOf(entries, null) as T
}

/** What an object itself has under a name. */
export function own<T>(object: { readonly [name: string]: T | undefined } | null | undefined, name: string): T | undefined {
  const value = object?.[name]
  // What every object inherits are functions, and __proto__: of all else nobody need ask, and hot paths do not.
  if (value === undefined || (typeof value !== 'function' && name !== '__proto__')) return value
  return Object.hasOwn(object!, name) ? value : undefined
}

/** Sets a key, even one that is called `__proto__`. */
export function put(object: object, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
  else (object as Record<string, unknown>)[key] = value
}

/**
 * As `{ ...object }`, for objects that get more fields afterwards and are kept by the thousand. V8 gives a spread copy a layout
 * of its own as soon as a field is added to it, which takes four times the memory and makes every reader of such objects slow;
 * of these copies all with the same fields have one layout.
 */
export function copied<T extends object>(object: T): T {
  return Object.hasOwn(object, '__proto__') ? { ...object } : Object.assign({}, object)
}
