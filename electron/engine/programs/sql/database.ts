/** The data behind the simulated database servers: databases with tables of text. */
export interface Column {
  name: string
  /** As it is shown: "varchar(20)", "character varying(20)". */
  type: string
  notNull: boolean
  key: '' | 'PRI' | 'UNI'
  /** What a row without a value gets; undefined: nothing was said. */
  fallback: string | null | undefined
  /** AUTO_INCREMENT and serial. */
  counts: boolean
}

export interface Table { columns: Column[]; rows: (string | null)[][]; next: number }

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

/** A table that is made when somebody asks, of texts. */
export function view(names: readonly string[], rows: (string | null)[][]): Table {
  return { columns: names.map((name) => ({ name, type: 'text', notNull: false, key: '', fallback: undefined, counts: false })), rows, next: 1 }
}

/** What a statement comes to. `position`: where in the statement, from 1; `detail`: PostgreSQL's second line. */
export type SqlResult =
  | { kind: 'rows'; columns: { name: string; numeric: boolean }[]; rows: (string | null)[][]; tag?: string }
  /** `tag` is PostgreSQL's command tag, `info` MySQL's line about many rows. */
  | { kind: 'done'; affected: number; tag: string; database?: string; info?: string }
  | SqlProblem

export interface SqlProblem { kind: 'error'; code: number; state: string; message: string; position?: number; detail?: string }

/** A statement beyond the small subset. */
export class SqlNotSimulated extends Error {}

/** Ends a statement with its error. */
export class SqlFailure extends Error {
  readonly problem: SqlProblem
  constructor(problem: SqlProblem) {
    super(problem.message)
    this.problem = problem
  }
}

export function sqlError(code: number, state: string, message: string, more: { position?: number; detail?: string } = {}): SqlProblem {
  return { kind: 'error', code, state, message, ...more }
}
