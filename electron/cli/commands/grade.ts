import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { buildFingerprint } from '../../host/layout.ts'
import { parseResults, RESULTS_LIMITS } from '../../host/results/file.ts'
import { gradesOf, type Grade } from '../../host/results/grade.ts'
import { replayResult } from '../../host/results/replay.ts'
import { parse, UsageError } from '../arguments.ts'
import { labShelf } from './find-labs.ts'

/** What a results file cannot show, said under every table. */
const LIMITS_OF_PROOF = `A results file is plain text: its student can change it. "REPLAY yes" means that what is in it as typed passes the checks again;
nothing here shows who typed it. Times are by the student's own clock.`

/** `podhop lab grade`: results files of students into one table. */
export async function grade(args: string[]): Promise<number> {
  const { values, positionals } = parse({ args, allowPositionals: true, options: { replay: { type: 'boolean' }, output: { type: 'string', short: 'o' } } })
  const format = values.output ?? 'table'
  if (!['table', 'json', 'csv'].includes(format)) throw new UsageError(`lab grade: -o ${format}: expected one of table, json, csv`)
  const files = positionals.flatMap(resultFiles)
  if (files.length === 0) throw new UsageError('lab grade: expected results files, or a folder of them')
  const { labs } = labShelf()
  const build = values.replay ? buildFingerprint() : ''
  const rows: (Grade & { file: string })[] = []
  let code = 0
  for (const file of files) {
    try {
      if (statSync(file).size > RESULTS_LIMITS.file) throw new Error(`is larger than ${RESULTS_LIMITS.file / 1e6} MB`)
      for (const { grade: row, result, found } of gradesOf(parseResults(readFileSync(file, 'utf8')), labs)) {
        if (values.replay && found && 'lab' in found) row.replay = await replayResult(result, found, build)
        rows.push({ ...row, file })
      }
    } catch (error) {
      code = 1
      process.stderr.write(`podhop: lab grade: ${plain(file)} ${plain((error as Error).message)}\n`)
    }
  }
  rows.sort((a, b) => compare(a.student, b.student) || compare(a.lab, b.lab) || compare(a.file, b.file))
  if (format === 'json') process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`)
  else if (format === 'csv') process.stdout.write(csv(rows))
  else process.stdout.write(rows.length === 0 ? 'No lab was opened.\n' : `${table(rows, values.replay ?? false)}\n${LIMITS_OF_PROOF}\n`)
  return code
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function resultFiles(name: string): string[] {
  if (!existsSync(name)) throw new UsageError(`lab grade: there is no file or folder "${name}"`)
  if (!statSync(name).isDirectory()) return [name]
  return readdirSync(name).filter((entry) => entry.endsWith('.json')).sort().map((entry) => join(name, entry))
}

/** What strangers wrote does not move the cursor of this terminal. */
const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')

function duration(seconds: number | null): string {
  if (seconds === null) return '-'
  const minutes = Math.round(seconds / 60)
  return minutes < 60 ? `${minutes}m` : `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, '0')}m`
}

function table(rows: readonly Grade[], replayed: boolean): string {
  const head = ['STUDENT', 'LAB', 'STEPS', 'HINTS', 'TIME', 'FINISHED', ...(replayed ? ['REPLAY'] : []), 'REMARKS']
  const cells = rows.map((row) => [
    row.student, row.lab, row.steps === null ? '?' : `${row.stepsPassed}/${row.steps}`, String(row.hints), duration(row.seconds),
    row.finished ? (row.finishedAt?.slice(0, 16).replace('T', ' ') ?? 'yes') : 'no', ...(replayed ? [row.replay ?? '-'] : []), row.remarks.join('; '),
  ].map(plain))
  const widths = head.map((_, i) => Math.max(...[head, ...cells].map((row) => [...row[i]!].length)))
  return [head, ...cells].map((row) => row.map((cell, i) => cell + ' '.repeat(widths[i]! - [...cell].length)).join('   ').trimEnd() + '\n').join('')
}

/** RFC 4180; a cell that a spreadsheet would take for a formula gets an apostrophe. */
function csv(rows: readonly (Grade & { file: string })[]): string {
  const head = ['student', 'lab', 'title', 'steps', 'stepsPassed', 'checks', 'checksPassed', 'finished', 'hints', 'seconds', 'began', 'finishedAt', 'replay', 'remarks', 'file'] as const
  const cell = (value: unknown): string => {
    const text = plain(Array.isArray(value) ? value.join('; ') : value === null ? '' : String(value))
    const safe = /^[=+\-@\t]/.test(text) ? `'${text}` : text
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
  }
  return [head.join(','), ...rows.map((row) => head.map((key) => cell(row[key])).join(','))].map((line) => `${line}\r\n`).join('')
}
