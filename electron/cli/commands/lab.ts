import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { appFolder } from '../../host/layout.ts'
import { readLab, readLabs, type FoundLab } from '../../host/labs.ts'
import { formatProblem } from '../../lab/model.ts'
import { testLab } from '../../lab/replay.ts'
import { UsageError } from '../arguments.ts'
import { newLab } from './new-lab.ts'

/** For trainers and QA. */
export function lab(args: string[]): number {
  const [verb, ...names] = args
  switch (verb) {
    case 'list': return list()
    case 'lint': return lint(names)
    case 'test': return test(names)
    case 'new': return newLab(names)
    case 'pack':
    case 'import':
    case 'grade':
      process.stderr.write(`podhop: not simulated: lab ${verb} (copy the lab's folder into labs/)\n`)
      return 69
    default: throw new UsageError(verb === undefined ? 'lab: expected list, lint, test or new' : `lab: unknown verb "${verb}"`)
  }
}

/** Labs by id, or by the path of a folder. */
function find(names: readonly string[]): FoundLab[] {
  const labs = join(appFolder(), 'labs')
  if (names.length === 0) return readLabs(labs)
  return names.map((name) => {
    const folder = existsSync(join(labs, name, 'lab.yaml')) ? join(labs, name) : resolve(name)
    if (!existsSync(folder)) throw new UsageError(`there is no lab "${name}"`)
    return readLab(folder, basename(folder))
  })
}

function list(): number {
  for (const found of find([])) {
    if ('problems' in found) process.stdout.write(`${found.id}  (has mistakes: podhop lab lint ${found.id})\n`)
    else {
      const { title, level, minutes, steps } = found.lab.definition
      process.stdout.write(`${found.id.padEnd(28)} ${level.padEnd(13)} ${String(minutes).padStart(3)} min  ${String(steps.length).padStart(2)} steps  ${title}\n`)
    }
  }
  return 0
}

function lint(names: readonly string[]): number {
  let code = 0
  for (const found of find(names)) {
    if ('lab' in found) process.stdout.write(`${found.id}: ok\n`)
    else {
      code = 1
      for (const problem of found.problems) process.stdout.write(`${found.id}/${formatProblem(problem)}\n`)
    }
  }
  return code
}

/** Replays each lab's solution and wrong attempts in virtual time. */
function test(names: readonly string[]): number {
  let [good, bad] = [0, 0]
  for (const found of find(names)) {
    if ('problems' in found) {
      bad++
      for (const problem of found.problems) process.stdout.write(`not ok  ${found.id}/${formatProblem(problem)}\n`)
      continue
    }
    for (const result of testLab(found.lab)) {
      if (result.ok) good++
      else bad++
      process.stdout.write(result.ok ? `ok      ${result.name}\n` : `not ok  ${result.name}\n        ${result.problem}\n`)
    }
  }
  process.stdout.write(`${good} passed, ${bad} failed\n`)
  return bad === 0 ? 0 : 1
}
