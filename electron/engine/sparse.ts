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
