import { doc, decodeDocument, encodeDocument, type Bson, type Document, ObjectId } from './bson.ts'
import { CommandError } from './query.ts'
import { isDocument, keyOf } from './values.ts'

/** A collection: documents by _id, in the order in which they came. */
export class Collection {
  readonly #documents = new Map<string, Document>()
  /** Bytes of the documents as BSON; what listDatabases counts. */
  size = 0

  get documents(): Document[] {
    return [...this.#documents.values()]
  }

  get count(): number {
    return this.#documents.size
  }

  /** Throws E11000 when the _id is taken. */
  insert(document: Document, namespace: string): void {
    const id = document.get('_id') ?? null
    const key = keyOf(id)
    if (this.#documents.has(key)) throw duplicate(namespace, id)
    this.#documents.set(key, document)
    this.size += encodeDocument(document).length
  }

  replace(document: Document): void {
    const key = keyOf(document.get('_id') ?? null)
    const old = this.#documents.get(key)
    this.size += encodeDocument(document).length - (old ? encodeDocument(old).length : 0)
    this.#documents.set(key, document)
  }

  remove(document: Document): void {
    if (this.#documents.delete(keyOf(document.get('_id') ?? null))) this.size -= encodeDocument(document).length
  }
}

function duplicate(namespace: string, id: Bson): CommandError {
  const shown = id instanceof ObjectId ? `ObjectId('${id.hex}')` : typeof id === 'string' ? `"${id}"` : String(id)
  return new CommandError(11000, 'DuplicateKey', `E11000 duplicate key error collection: ${namespace} index: _id_ dup key: { _id: ${shown} }`)
}

/** Databases of collections. One exists as soon as it has a collection. */
export class Store {
  readonly #databases = new Map<string, Map<string, Collection>>()

  databases(): string[] {
    return [...this.#databases].filter(([, collections]) => collections.size > 0).map(([name]) => name).sort()
  }

  collections(database: string): Map<string, Collection> {
    return this.#databases.get(database) ?? new Map()
  }

  find(database: string, name: string): Collection | undefined {
    return this.#databases.get(database)?.get(name)
  }

  create(database: string, name: string): Collection {
    let collections = this.#databases.get(database)
    if (!collections) this.#databases.set(database, (collections = new Map()))
    let collection = collections.get(name)
    if (!collection) collections.set(name, (collection = new Collection()))
    return collection
  }

  drop(database: string, name?: string): boolean {
    return name === undefined ? this.#databases.delete(database) : (this.#databases.get(database)?.delete(name) ?? false)
  }

  /** The whole of it as one BSON document, for the file in the data directory. */
  save(): Uint8Array {
    return encodeDocument(new Map([...this.#databases].map(([name, collections]) => [name, new Map([...collections].map(([c, { documents }]) => [c, documents]))])))
  }

  static load(bytes: Uint8Array): Store {
    const store = new Store()
    for (const [name, collections] of decodeDocument(bytes).value) {
      for (const [c, documents] of isDocument(collections) ? collections : doc()) {
        const collection = store.create(name, c)
        for (const d of Array.isArray(documents) ? documents : []) if (isDocument(d)) collection.insert(d, `${name}.${c}`)
      }
    }
    return store
  }
}
