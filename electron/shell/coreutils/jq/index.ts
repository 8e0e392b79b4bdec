import { byName } from '../../../engine/own.ts'
import { decodeUtf8 } from '../../../engine/text.ts'
import { NotSimulated, tool, type Run } from '../command.ts'
import { openInput } from '../input.ts'
import { sleep, type Task } from '../../../engine/machine/task.ts'
import type { Filter, Json } from './ast.ts'
import { PAUSE } from './evaluation.ts'
import { Jq } from './interpreter.ts'
import { parseJq } from './parser.ts'
import { JqSyntaxError } from './tokens.ts'
import { JqError, pretty } from './values.ts'

interface Arguments { flags: Set<string>; variables: Map<string, Json>; indent: string; filter: string | undefined; files: string[]; positional: Json[] }

const LONG: Readonly<Record<string, string>> = byName({
  '--raw-output': 'r', '--join-output': 'j', '--compact-output': 'c', '--null-input': 'n', '--exit-status': 'e', '--slurp': 's', '--raw-input': 'R', '--sort-keys': 'S',
  '--monochrome-output': 'M', '--tab': 'tab', '--unbuffered': 'u', '--ascii-output': 'a',
})

tool('jq', 'raw', function* (run) {
  const given = yield* parseArguments(run)
  if (typeof given === 'number') return given
  if (given.filter === undefined && !(run.process.terminalOf(0) && run.process.terminalOf(1))) given.filter = '.'
  if (given.filter === undefined) {
    yield* run.process.printError('jq - commandline JSON processor [version 1.6]\n\nUsage:\tjq [options] <jq filter> [file...]\n')
    return 2
  }
  let filter: Filter
  let jq: Jq
  try {
    filter = parseJq(given.filter)
    given.variables.set('ENV', Object.fromEntries(run.process.env))
    given.variables.set('__prog_args', [])
    given.variables.set('ARGS', { positional: given.positional, named: Object.fromEntries([...given.variables].filter(([k]) => k !== 'ENV' && k !== '__prog_args')) })
    jq = new Jq(given.variables)
  } catch (error) {
    if (!(error instanceof JqSyntaxError)) throw error
    yield* run.process.printError(`jq: error: ${error.message}\njq: 1 compile error\n`)
    return 3
  }
  let last: Json | undefined
  let code = 0
  for (const input of yield* inputs(run, given)) {
    if (input instanceof Error) {
      yield* run.process.printError(`parse error: ${input.message}\n`)
      return 4
    }
    try {
      for (const value of jq.run(filter, input.value)) {
        if (value === PAUSE) {
          yield sleep(run.process.clock, 1, { background: true })
          continue
        }
        last = value
        const text = typeof value === 'string' && (given.flags.has('r') || given.flags.has('j')) ? value : pretty(value, { indent: given.indent, sort: given.flags.has('S') })
        yield* run.print(text + (given.flags.has('j') ? '' : '\n'))
      }
    } catch (error) {
      if (!(error instanceof JqError)) throw error
      const undefinedName = /^(\S+\/\d+|\$\w+) is not defined$/.exec(error.message)
      if (undefinedName) {
        yield* run.process.printError(`jq: error: ${error.message} at <top-level>, line 1:\n${given.filter}\njq: 1 compile error\n`)
        return 3
      }
      if (error.message.startsWith('podhop: not simulated')) throw new NotSimulated(error.message.slice(23))
      yield* run.process.printError(`jq: error (at ${given.files.length > 0 ? given.files[0] : '<stdin>'}:${input.line}): ${error.message}\n`)
      code = 5
    }
  }
  if (code !== 0 || !given.flags.has('e')) return Math.max(code, run.code)
  return last === undefined ? 4 : last === null || last === false ? 1 : 0
})

function* parseArguments(run: Run): Task<Arguments | number> {
  const out: Arguments = { flags: new Set(), variables: new Map(), indent: '  ', filter: undefined, files: [], positional: [] }
  const args = [...run.options.operands]
  let rest: 'files' | 'args' | 'jsonargs' = 'files'
  for (let arg = args.shift(); arg !== undefined; arg = args.shift()) {
    if (!arg.startsWith('-') || arg === '-') {
      if (out.filter === undefined) out.filter = arg
      else if (rest === 'files') out.files.push(arg)
      else out.positional.push(rest === 'args' ? arg : (JSON.parse(arg) as Json))
    } else if (arg === '--arg') out.variables.set(args.shift() ?? '', args.shift() ?? '')
    else if (arg === '--argjson') {
      const name = args.shift() ?? ''
      const text = args.shift() ?? ''
      try {
        out.variables.set(name, JSON.parse(text) as Json)
      } catch {
        yield* run.process.printError(`jq: Invalid JSON text passed to --argjson\nUse jq --help for help with command-line options,\nor see the jq manpage, or online docs  at https://stedolan.github.io/jq\n`)
        return 2
      }
    } else if (arg === '--args' || arg === '--jsonargs') rest = arg.slice(2) as 'args'
    else if (arg === '--indent') out.indent = ' '.repeat(Number(args.shift() ?? 2))
    else if (arg === '-f' || arg === '--from-file') out.filter = run.process.fs.readText(run.resolve(args.shift() ?? ''))
    else if (arg === '--slurpfile' || arg === '--rawfile' || arg === '--stream' || arg === '-C' || arg === '--color-output' || arg === '--seq') throw new NotSimulated(`jq ${arg} (jq without it)`)
    else if (arg in LONG) out.flags.add(LONG[arg]!)
    else if (/^-[a-zA-Z]+$/.test(arg) && [...arg.slice(1)].every((l) => 'rjcnesRSMua'.includes(l))) for (const letter of arg.slice(1)) out.flags.add(letter)
    else {
      yield* run.process.printError(`jq: Unknown arguments\nUse jq --help for help with command-line options,\nor see the jq manpage, or online docs  at https://stedolan.github.io/jq\n`)
      return 2
    }
  }
  if (out.flags.has('c')) out.indent = ''
  if (out.flags.has('tab')) out.indent = '\t'
  return out
}

type JsonInput = { value: Json; line: number } | Error

function* inputs(run: Run, given: Arguments): Task<JsonInput[]> {
  if (given.flags.has('n')) return [{ value: null, line: 0 }]
  let text = ''
  for (const name of given.files.length > 0 ? given.files : ['-']) {
    const input = yield* openInput(run, name, (n, m) => `error: Could not open file ${n}: ${m}`, 2)
    if (!input) continue
    text += decodeUtf8(yield* input.bytes())
    input.close()
  }
  const lines = text.split('\n').length - 1
  if (given.flags.has('R')) {
    const raw = text.split('\n')
    if (raw.at(-1) === '') raw.pop()
    return given.flags.has('s') ? [{ value: text, line: lines }] : raw.map((value, i) => ({ value, line: i + 1 }))
  }
  const values = documents(text)
  if (!given.flags.has('s')) return values
  const failed = values.find((v) => v instanceof Error)
  return failed ? [failed] : [{ value: values.map((v) => (v as { value: Json }).value), line: lines }]
}

/** One JSON text after another, as jq reads its input. */
function documents(text: string): JsonInput[] {
  const out: JsonInput[] = []
  let at = 0
  for (;;) {
    while (/\s/.test(text[at] ?? '')) at++
    if (at >= text.length) return out
    const end = documentEnd(text, at)
    const source = text.slice(at, end)
    const line = text.slice(0, end).split('\n').length - (text[end] === '\n' ? 0 : 1)
    try {
      out.push({ value: JSON.parse(source) as Json, line })
    } catch {
      const unfinished = /^[[{"]/.test(source) && end >= text.length && !/[\]}"]\s*$/.test(source)
      out.push(new Error(unfinished ? `Unfinished JSON term at EOF at line ${lines(text)}, column 0` : `Invalid numeric literal at line ${line + 1}, column 0`))
      return out
    }
    at = end
  }
}

function lines(text: string): number {
  return text.split('\n').length
}

function documentEnd(text: string, from: number): number {
  const first = text[from]!
  if (first !== '{' && first !== '[' && first !== '"') {
    let i = from
    while (i < text.length && !/[\s,[\]{}"]/.test(text[i]!)) i++
    return Math.max(i, from + 1)
  }
  let depth = 0
  let inString = false
  for (let i = from; i < text.length; i++) {
    const c = text[i]!
    if (inString) {
      if (c === '\\') i++
      else if (c === '"') {
        inString = false
        if (depth === 0) return i + 1
      }
    } else if (c === '"') inString = true
    else if (c === '{' || c === '[') depth++
    else if ((c === '}' || c === ']') && --depth === 0) return i + 1
  }
  return text.length
}
