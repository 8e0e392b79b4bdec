import { readLabs, type FoundLab } from '../../host/labs.ts'
import { labLine } from '../../host/packs/shelf.ts'
import { formatProblem } from '../../lab/model.ts'
import { testLab } from '../../lab/replay.ts'
import { UsageError } from '../arguments.ts'
import { findLab, labShelf, ownLabs } from './find-labs.ts'
import { grade } from './grade.ts'
import { newLab } from './new-lab.ts'
import { importPack, pack, removePack } from './packs.ts'

interface Verb { usage: string; help: string; run(args: string[]): number | Promise<number> }

/** For trainers and QA. */
const VERBS: Readonly<Record<string, Verb>> = {
  list: { usage: 'list', help: 'The labs that there are: those of this installation and those of imported packs.', run: list },
  lint: { usage: 'lint [ID|FOLDER]…', help: 'Mistakes with file, line and what was expected. Without a name: of every lab that comes with Podhop.', run: lint },
  test: { usage: 'test [ID|FOLDER]…', help: 'Replays the solution and each wrong attempt in virtual time. Without a name: of every lab that comes with Podhop.', run: test },
  new: { usage: 'new FOLDER', help: "Writes a small lab that passes its own test, for you to change. The folder's name is the lab's id.", run: newLab },
  pack: {
    usage: 'pack FOLDER… -o FILE [--id ID] [--title TITLE]',
    help: `Puts labs into one file that travels, a pack: for students to import. FOLDER is a lab, or a folder of labs. The same labs give the
same bytes. --id: what the pack is called, by default the file's name; a pack takes the place of one of the same id. --title: what
students see.`,
    run: pack,
  },
  import: {
    usage: 'import FILE [--replace]',
    help: `Checks a pack and takes its labs into the catalogue. A pack of the same id is only replaced with --replace; what was done in
its labs is kept. A Podhop that is open shows them when it is started again ("Import a pack…" in its catalogue shows them at once).`,
    run: importPack,
  },
  remove: { usage: 'remove PACK', help: 'Takes an imported pack, by its id, out of the catalogue again. What was done in its labs is kept.', run: removePack },
  grade: {
    usage: 'grade FILE|FOLDER… [--replay] [-o table|json|csv]',
    help: `Reads results that students exported in Podhop's catalogue ("Export my results…"), one row for each student and lab: steps passed,
hints taken, time with the lab open. FOLDER: all .json files in it. Each is held against the lab as it is here.
--replay types again what the student typed, on a new cluster, and says whether it passes the same checks.

What this does not prove: a results file is plain text, which its student can change. Without --replay nothing shows that the
commands were ever typed; with it nothing shows by whom. Times are those of the student's own clock.`,
    run: grade,
  },
}

export function lab(args: string[]): number | Promise<number> {
  const [name, ...rest] = args
  if (name === undefined) throw new UsageError(`lab: expected one of ${Object.keys(VERBS).join(', ')}; 'podhop lab --help' tells more`)
  if (name === '--help' || name === '-h' || name === 'help') {
    const verb = rest[0] !== undefined && Object.hasOwn(VERBS, rest[0]) ? VERBS[rest[0]] : undefined
    process.stdout.write(verb ? helpOf(verb) : overview())
    return 0
  }
  const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined
  if (!verb) throw new UsageError(`lab: unknown verb "${name}"; expected one of ${Object.keys(VERBS).join(', ')}`)
  if (rest.some((word) => word === '--help' || word === '-h')) {
    process.stdout.write(helpOf(verb))
    return 0
  }
  return verb.run(rest)
}

const helpOf = (verb: Verb): string => `podhop lab ${verb.usage}\n\n${verb.help}\n`

function overview(): string {
  const lines = Object.values(VERBS).map((verb) => `  podhop lab ${verb.usage}`)
  return `Labs, for trainers and QA:\n\n${lines.join('\n')}\n\n'podhop lab VERB --help' tells more of one.\n`
}

function options(verb: string, args: readonly string[]): readonly string[] {
  const flag = args.find((word) => word.startsWith('-'))
  if (flag !== undefined) throw new UsageError(`lab ${verb}: unknown option "${flag}"`)
  return args
}

/** Labs by id, or by the path of a folder. */
function find(names: readonly string[]): FoundLab[] {
  return names.length === 0 ? readLabs(ownLabs()) : names.map((name) => findLab(name))
}

function list(args: string[]): number {
  if (options('list', args).length > 0) throw new UsageError(`lab list: unexpected argument "${args[0]}"`)
  const { labs, packs } = labShelf()
  const write = (found: FoundLab): void => void process.stdout.write('lab' in found ? `${labLine(found.lab)}\n` : `${found.id}  (has mistakes: podhop lab lint ${found.id})\n`)
  for (const found of labs) if (!found.pack) write(found)
  for (const kept of packs) {
    process.stdout.write(`\nPack ${kept.id}: ${'pack' in kept ? kept.pack.title : `cannot be read: ${kept.problem}`}\n`)
    for (const found of labs) if (found.pack?.id === kept.id) write(found)
  }
  return 0
}

function lint(args: string[]): number {
  let code = 0
  for (const found of find(options('lint', args))) {
    if ('lab' in found) process.stdout.write(`${found.id}: ok\n`)
    else {
      code = 1
      for (const problem of found.problems) process.stdout.write(`${found.id}/${formatProblem(problem)}\n`)
    }
  }
  return code
}

/** Replays each lab's solution and wrong attempts in virtual time. */
function test(args: string[]): number {
  let [good, bad] = [0, 0]
  for (const found of find(options('test', args))) {
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
