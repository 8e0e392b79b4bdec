/**
 * A process's environment (environ(7)). Copies are free until one of them is written to: a container has half a dozen
 * that are all the same.
 */
export class Environment implements Map<string, string> {
  #map: Map<string, string>
  /** Others have the same map. */
  #shared: boolean

  constructor(source: Iterable<readonly [string, string]>) {
    this.#shared = source instanceof Environment
    this.#map = source instanceof Environment ? source.#lend() : new Map(source)
  }

  get size(): number {
    return this.#map.size
  }

  get(name: string): string | undefined {
    return this.#map.get(name)
  }

  has(name: string): boolean {
    return this.#map.has(name)
  }

  set(name: string, value: string): this {
    this.#own().set(name, value)
    return this
  }

  delete(name: string): boolean {
    return this.#map.has(name) && this.#own().delete(name)
  }

  clear(): void {
    this.#own().clear()
  }

  forEach(visit: (value: string, name: string, map: Map<string, string>) => void): void {
    for (const [name, value] of this.#map) visit(value, name, this)
  }

  keys(): MapIterator<string> {
    return this.#map.keys()
  }

  values(): MapIterator<string> {
    return this.#map.values()
  }

  entries(): MapIterator<[string, string]> {
    return this.#map.entries()
  }

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.#map.entries()
  }

  get [Symbol.toStringTag](): string {
    return 'Environment'
  }

  #lend(): Map<string, string> {
    this.#shared = true
    return this.#map
  }

  #own(): Map<string, string> {
    if (this.#shared) this.#map = new Map(this.#map)
    this.#shared = false
    return this.#map
  }
}
