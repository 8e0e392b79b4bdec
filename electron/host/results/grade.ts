import type { Lab, LabDefinition } from '../../lab/model.ts'
import type { FoundLab } from '../labs.ts'
import type { LabResult, ResultsFile } from './file.ts'

/** One student and one lab. */
export interface Grade {
  student: string
  lab: string
  title: string
  /** Null: the lab is not here. */
  steps: number | null
  stepsPassed: number | null
  checks: number | null
  checksPassed: number
  finished: boolean
  hints: number
  /** With the lab open, by the student's clock. */
  seconds: number | null
  began: string | null
  finishedAt: string | null
  /** What a replay of what was typed found; null: none was made. */
  replay: string | null
  /** What does not fit, or could not be held against anything. */
  remarks: string[]
}

/** Holds a results file against the labs as they are here. */
export function gradesOf(results: ResultsFile, labs: readonly FoundLab[]): { grade: Grade; result: LabResult; found: FoundLab | undefined }[] {
  return results.labs.map((result) => {
    const found = labs.find((lab) => lab.id === result.id)
    return { result, found, grade: gradeOf(results.student, result, found) }
  })
}

function gradeOf(student: string, result: LabResult, found: FoundLab | undefined): Grade {
  const passed = new Set(Object.keys(result.passed))
  const base = {
    student,
    lab: result.id,
    title: result.title,
    finished: result.finished,
    hints: Object.values(result.hints).reduce((sum, n) => sum + n, 0),
    seconds: result.seconds ?? null,
    began: result.began ?? null,
    finishedAt: result.finishedAt ?? null,
    replay: null,
  }
  const remarks: string[] = []
  if (result.forgotten) remarks.push(`began anew ${result.forgotten === 1 ? 'once' : `${result.forgotten} times`}`)
  if (!found || !('lab' in found)) {
    remarks.push(`the lab is not here${result.pack === undefined ? '' : `: import the pack "${result.pack}"`}; nothing was checked`)
    return { ...base, steps: null, stepsPassed: null, checks: null, checksPassed: passed.size, remarks }
  }
  const { definition } = found.lab
  const checks = definition.steps.flatMap((step) => step.checks)
  const stepsPassed = firstOpen(definition, passed)
  // what is wrong of another version may have been right there
  if (found.fingerprint !== result.fingerprint) remarks.push('done in another version of the lab')
  else remarks.push(...contradictions(found.lab, result, passed, stepsPassed).map((words) => `cannot be: ${words}`))
  return { ...base, title: definition.title, finished: stepsPassed === definition.steps.length, steps: definition.steps.length, stepsPassed, checks: checks.length, checksPassed: checks.filter((check) => passed.has(check.id)).length, remarks }
}

/** How many steps have passed: those before the first with a check that has not. */
function firstOpen(definition: LabDefinition, passed: ReadonlySet<string>): number {
  const open = definition.steps.findIndex((step) => !step.checks.every((check) => passed.has(check.id)))
  return open < 0 ? definition.steps.length : open
}

/** What no way through the lab can have given. */
function contradictions({ definition }: Lab, result: LabResult, passed: ReadonlySet<string>, stepsPassed: number): string[] {
  const out: string[] = []
  const checks = definition.steps.flatMap((step) => step.checks)
  const known = new Set(checks.map((check) => check.id))
  for (const id of passed) if (!known.has(id)) out.push(`a check "${id}" passed`)
  for (const step of definition.steps.slice(stepsPassed + 1)) for (const check of step.checks) if (passed.has(check.id)) out.push(`"${check.id}" passed before its step began`)
  if (result.finished !== (stepsPassed === definition.steps.length)) out.push(result.finished ? 'finished with steps that have not passed' : 'not finished, though all steps have passed')
  for (const check of checks) {
    const missing = check.needs.filter((need) => !passed.has(need))
    if (passed.has(check.id) && missing.length > 0) out.push(`"${check.id}" passed without "${missing[0]}"`)
    if ((own(result.hints, check.id) ?? 0) > check.hints.length) out.push(`"${check.id}" has ${check.hints.length} hints`)
    if (check.kind === 'quiz' && passed.has(check.id) && !rightAnswer(check, result)) out.push(`"${check.id}" passed with the answer "${own(result.answers, check.id) ?? ''}"`)
  }
  return out
}

const own = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined => (Object.hasOwn(record, key) ? record[key] : undefined)

/** Answers that an object of the cluster had to give can only be seen in a replay. */
function rightAnswer(check: Extract<LabDefinition['steps'][number]['checks'][number], { kind: 'quiz' }>, result: LabResult): boolean {
  const given = own(result.answers, check.id)
  if (given === undefined || check.answer === undefined) return given !== undefined
  const fold = (text: string): string => text.replace(/\{\{([a-z0-9-]+)\}\}/g, (whole, name: string) => own(result.variables, name) ?? whole).trim().toLowerCase()
  return [check.answer].flat().some((right) => fold(right) === given.trim().toLowerCase())
}
