import type { Process } from '../../machine/types.ts'
import { SqlNotSimulated, type SqlProblem, type SqlResult } from './database.ts'
import type { SqlSession } from './session.ts'
import { splitStatements } from './tokens.ts'

/** /docker-entrypoint-initdb.d of the database images: what is read when the data directory is empty (docker_process_init_files). */
const INIT_DIRECTORY = '/docker-entrypoint-initdb.d'

export interface InitFile { path: string; kind: 'sql' | 'shell' | 'packed' | 'other' }

/** In the order of the shell's `*`, which shows no names that begin with a dot. */
export function initFiles({ fs }: Process): InitFile[] {
  if (!fs.exists(INIT_DIRECTORY)) return []
  return fs.readDirectory(INIT_DIRECTORY).filter((name) => !name.startsWith('.')).sort().map((name) => ({
    path: `${INIT_DIRECTORY}/${name}`,
    kind: name.endsWith('.sql') ? 'sql' : name.endsWith('.sh') ? 'shell' : /\.sql\.(gz|bz2|xz|zst)$/.test(name) ? 'packed' : 'other',
  }))
}

/** What such a file is told of that nobody can run here. */
export function notRun({ path, kind }: InitFile): string {
  return `podhop: not simulated: ${path} at the first start (${kind === 'shell' ? 'write it as .sql' : 'unpack it, .sql is read'})\n`
}

/** Lines count from 1: where the statement begins, and where it ends. */
export interface ScriptFailure { problem: SqlProblem; from: number; to: number; unsimulated: boolean }

/** Runs statement after statement up to the first that fails; `tell` hears each result. */
export function runInitScript(session: SqlSession, text: string, tell: (result: SqlResult) => void): ScriptFailure | undefined {
  const { statements, open } = splitStatements(text)
  let at = 0
  for (const statement of [...statements, ...(open.trim() === '' ? [] : [open])]) {
    const found = text.indexOf(statement.trim(), at)
    const begin = found < 0 ? at : found
    at = begin + statement.trim().length
    const lineOf = (place: number): number => text.slice(0, place).split('\n').length
    const failed = (problem: SqlProblem, unsimulated: boolean): ScriptFailure => ({ problem, from: lineOf(begin), to: lineOf(at), unsimulated })
    try {
      const result = session.run(statement)
      if (result.kind === 'error') return failed(result, false)
      if (result.kind === 'done' && result.database !== undefined) session.database = result.database
      tell(result)
    } catch (error) {
      if (!(error instanceof SqlNotSimulated)) throw error
      return failed({ kind: 'error', code: 1235, state: '42000', message: `podhop: not simulated: ${error.message}` }, true)
    }
  }
  return undefined
}
