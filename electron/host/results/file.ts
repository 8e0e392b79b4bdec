import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { z } from 'zod'
import type { FoundLab } from '../labs.ts'
import type { ProgressStore } from '../progress.ts'

/**
 * What a student hands in: JSON that says what has passed in which lab, and with `session` also what was typed (a
 * session's log, gzip in base64). It is not sealed: whoever has it can write it.
 */
const id = z.string().min(1).max(200)
const labSchema = z.object({
  id,
  title: z.string().max(1000),
  /** Of the lab's files, as they were for the student. */
  fingerprint: z.string().max(100),
  pack: id.optional(),
  /** Check id → virtual wall-clock ms at which it passed. */
  passed: z.record(id, z.number()),
  hints: z.record(id, z.number().int().min(0)),
  answers: z.record(id, z.string().max(10_000)),
  variables: z.record(id, z.string()),
  finished: z.boolean(),
  /** By the student's own clock: ISO 8601 times of first opening and finish, seconds with the lab open, how often all was forgotten. */
  began: z.string().max(40).optional(),
  finishedAt: z.string().max(40).optional(),
  seconds: z.number().min(0).optional(),
  forgotten: z.number().int().min(0).optional(),
  session: z.string().optional(),
})
const resultsSchema = z.object({
  podhop: z.literal('results'),
  format: z.literal(1),
  student: z.string().min(1).max(200),
  exported: z.string().max(40),
  version: z.string().max(40),
  labs: z.array(labSchema).max(1000),
})
export type ResultsFile = z.infer<typeof resultsSchema>
export type LabResult = ResultsFile['labs'][number]

/** Bytes of a session, packed, that go along; and of a whole file that is read. */
export const RESULTS_LIMITS = { session: 5_000_000, unpacked: 300_000_000, file: 50_000_000 }

export interface CollectOptions {
  student: string
  version: string
  labs: readonly FoundLab[]
  progress: ProgressStore
  /** Where sessions are; undefined: what was typed does not go along. */
  sessionsFolder: string | undefined
  /** Ms since 1970. */
  now: number
}

/** All labs that the student has opened. */
export function collectResults({ student, version, labs, progress, sessionsFolder, now }: CollectOptions): ResultsFile {
  const results = progress.labIds.sort().map((labId): LabResult => {
    const { finished, progress: kept } = progress.lab(labId)!
    const found = labs.find((lab) => lab.id === labId)
    const times = progress.times(labId)
    const session = sessionsFolder === undefined ? undefined : packedSession(join(sessionsFolder, `${labId}.jsonl`))
    return {
      id: labId,
      title: found && 'lab' in found ? found.lab.definition.title : labId,
      fingerprint: found?.fingerprint ?? '',
      ...(found?.pack ? { pack: found.pack.id } : {}),
      ...structuredClone(kept),
      finished,
      ...(times ? { began: iso(times.began), seconds: times.seconds, forgotten: times.forgotten, ...(times.finished === undefined ? {} : { finishedAt: iso(times.finished) }) } : {}),
      ...(session === undefined ? {} : { session }),
    }
  })
  return { podhop: 'results', format: 1, student, exported: iso(now), version, labs: results }
}

const iso = (ms: number): string => new Date(ms).toISOString()

function packedSession(path: string): string | undefined {
  try {
    const packed = gzipSync(readFileSync(path))
    return packed.length > RESULTS_LIMITS.session ? undefined : packed.toString('base64')
  } catch {
    return undefined
  }
}

/** The session's log; undefined when that is none. */
export function unpackedSession(text: string): Uint8Array | undefined {
  try {
    return gunzipSync(Buffer.from(text, 'base64'), { maxOutputLength: RESULTS_LIMITS.unpacked })
  } catch {
    return undefined
  }
}

/** Throws with words for the person who handed it over. */
export function parseResults(text: string): ResultsFile {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Error('is no JSON; expected a file that Podhop\'s "Export my results…" wrote')
  }
  const parsed = resultsSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new Error(`is no results file of Podhop: ${issue!.path.map(String).join('.') || 'file'}: ${issue!.message}`)
}
