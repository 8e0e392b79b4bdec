/** The data behind the simulated database servers: databases with tables of text. */
export interface Table { columns: { name: string; type: string }[]; rows: (string | null)[][] }

export class Databases {
  readonly #databases = new Map<string, Map<string, Table>>()

  constructor(names: readonly string[]) {
    for (const name of names) this.#databases.set(name, new Map())
  }

  names(): string[] {
    return [...this.#databases.keys()].sort()
  }

  has(name: string): boolean {
    return this.#databases.has(name)
  }

  create(name: string): void {
    this.#databases.set(name, new Map())
  }

  drop(name: string): void {
    this.#databases.delete(name)
  }

  tables(database: string): Map<string, Table> {
    return this.#databases.get(database) ?? new Map()
  }
}

/** What a statement comes to. */
export type SqlResult =
  | { kind: 'rows'; columns: { name: string; numeric: boolean }[]; rows: (string | null)[][] }
  /** `tag` is PostgreSQL's command tag. */
  | { kind: 'done'; affected: number; tag: string; database?: string }
  | { kind: 'error'; code: number; state: string; message: string }

/** A statement beyond the small subset. */
export class SqlNotSimulated extends Error {}

export function sqlError(code: number, state: string, message: string): SqlResult {
  return { kind: 'error', code, state, message }
}
