/**
 * Maps and sets of which a cluster has very many, nearly all of them empty for ever: the hash table (some 150 bytes) is
 * made with the first entry. Iteration is in the order of insertion, as always.
 */
export class SparseMap<K, V> {
  #map: Map<K, V> | undefined

  get size(): number {
    return this.#map === undefined ? 0 : this.#map.size
  }

  get(key: K): V | undefined {
    return this.#map === undefined ? undefined : this.#map.get(key)
  }

  has(key: K): boolean {
    return this.#map !== undefined && this.#map.has(key)
  }

  set(key: K, value: V): void {
    this.#map ??= new Map()
    this.#map.set(key, value)
  }

  delete(key: K): boolean {
    return this.#map !== undefined && this.#map.delete(key)
  }

  clear(): void {
    this.#map = undefined
  }

  keys(): Iterable<K> {
    return this.#map === undefined ? [] : this.#map.keys()
  }

  values(): Iterable<V> {
    return this.#map === undefined ? [] : this.#map.values()
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    return this.#map === undefined ? [][Symbol.iterator]() : this.#map[Symbol.iterator]()
  }
}

/** As {@link SparseMap}. */
export class SparseSet<T> {
  #set: Set<T> | undefined

  get size(): number {
    return this.#set === undefined ? 0 : this.#set.size
  }

  has(value: T): boolean {
    return this.#set !== undefined && this.#set.has(value)
  }

  add(value: T): void {
    this.#set ??= new Set()
    this.#set.add(value)
  }

  delete(value: T): boolean {
    return this.#set !== undefined && this.#set.delete(value)
  }

  clear(): void {
    this.#set = undefined
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#set === undefined ? [][Symbol.iterator]() : this.#set[Symbol.iterator]()
  }
}

/** Up to so many are found by looking at one after the other. */
const FEW = 6

/** A map by text of which there are thousands, most with an entry or two; in the order of their coming, as a Map. */
export class SmallMap<V> {
  /** Keys and values in turn; undefined while there are none. */
  #few: (string | V)[] | undefined = undefined
  #many: Map<string, V> | undefined = undefined

  get(key: string): V | undefined {
    if (this.#many !== undefined) return this.#many.get(key)
    const at = this.#indexOf(key)
    return at < 0 ? undefined : this.#few![at + 1] as V
  }

  set(key: string, value: V): void {
    if (this.#many !== undefined) return void this.#many.set(key, value)
    const at = this.#indexOf(key)
    if (at >= 0) this.#few![at + 1] = value
    else if (this.#few === undefined) this.#few = [key, value]
    else if (this.#few.length < 2 * FEW) this.#few.push(key, value)
    else {
      this.#many = new Map(this)
      this.#many.set(key, value)
      this.#few = undefined
    }
  }

  delete(key: string): void {
    if (this.#many !== undefined) return void this.#many.delete(key)
    const at = this.#indexOf(key)
    if (at >= 0) this.#few!.splice(at, 2)
  }

  [Symbol.iterator](): Iterator<[string, V]> {
    return this.#many === undefined ? this.#pairs()[Symbol.iterator]() : this.#many[Symbol.iterator]()
  }

  #pairs(): [string, V][] {
    const pairs: [string, V][] = []
    if (this.#few !== undefined) for (let i = 0; i < this.#few.length; i += 2) pairs.push([this.#few[i] as string, this.#few[i + 1] as V])
    return pairs
  }

  #indexOf(key: string): number {
    if (this.#few !== undefined) for (let i = 0; i < this.#few.length; i += 2) if (this.#few[i] === key) return i
    return -1
  }
}
