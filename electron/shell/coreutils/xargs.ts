import { isSystemError } from '../../engine/machine/errors.ts'
import type { Task } from '../../engine/machine/task.ts'
import { decodeUtf8 } from '../../engine/text.ts'
import { Failure, quoted, tool, type Run } from './command.ts'

tool('xargs', { flags: '0rtx', values: 'nILdPsaE', attached: 'il', unsupported: 'poe', long: { null: '0', 'no-run-if-empty': 'r', 'max-args': 'n=', replace: 'I=', delimiter: 'd=', verbose: 't', 'max-procs': 'P=', 'arg-file': 'a=' }, stopAtOperand: true }, function* (run) {
  const { options, process } = run
  const source = options.value('a')
  const text = source === undefined ? decodeUtf8(yield* process.readAll(0)) : process.fs.readText(run.resolve(source))
  const replace = options.value('I') ?? (options.has('i') ? options.value('i') || '{}' : undefined)
  const delimiter = options.has('0') ? '\0' : options.value('d')?.replace('\\n', '\n').replace('\\t', '\t')
  let words: string[]
  let failure: Failure | undefined
  if (delimiter !== undefined) {
    words = text.split(delimiter)
    if (words.at(-1) === '') words.pop()
  } else if (replace !== undefined || options.has('L', 'l')) words = text.split('\n').map((l) => l.trimStart()).filter((l) => l !== '')
  else words = split(text, (unfinished) => (failure = unfinished))
  const command = options.operands.length > 0 ? options.operands : ['echo']
  const size = replace !== undefined ? 1 : Number(options.value('n') ?? options.value('L') ?? (options.has('l') ? options.value('l') || 1 : Infinity))
  if (Number.isNaN(size) || size < 1) throw new Failure(`value for -n option should be >= 1`)
  if (failure && words.length === 0) throw failure
  if (words.length === 0) {
    if (options.has('r') || replace !== undefined || run.isBusybox) return 0
    return yield* runOne(run, command)
  }
  let code = 0
  for (let i = 0; i < words.length; i += size) {
    const part = words.slice(i, i + size)
    const argv = replace !== undefined ? command.map((a) => a.replaceAll(replace, part[0]!)) : [...command, ...(options.has('L', 'l') ? part.flatMap((line) => split(line)) : part)]
    const result = yield* runOne(run, argv)
    if (result === 255) {
      yield* run.warn(`${argv[0]}: exited with status 255; aborting`)
      return 124
    }
    if (result === 126 || result === 127) return result
    if (result >= 128) return 125
    if (result !== 0) code = 123
    if (!Number.isFinite(size)) break
  }
  if (failure) throw failure
  return code
})

/** Words as xargs reads them: blanks separate, quotes and backslashes protect. */
function split(text: string, unfinished?: (failure: Failure) => void): string[] {
  const words: string[] = []
  let word: string | undefined
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (c === '"' || c === "'") {
      const end = text.indexOf(c, i + 1)
      if (end < 0 || text.slice(i, end).includes('\n')) {
        const failure = new Failure(`unmatched ${c === '"' ? 'double' : 'single'} quote; by default quotes are special to xargs unless you use the -0 option`)
        if (!unfinished) throw failure
        unfinished(failure)
        return words
      }
      word = (word ?? '') + text.slice(i + 1, end)
      i = end
    } else if (c === '\\') word = (word ?? '') + (text[++i] ?? '')
    else if (/\s/.test(c)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + c
  }
  if (word !== undefined) words.push(word)
  return words
}

function* runOne(run: Run, argv: readonly string[]): Task<number> {
  const { process, options } = run
  if (options.has('t')) yield* process.printError(argv.join(' ') + '\n')
  const files = new Map(process.files)
  const nothing = process.open('/dev/null', 'read')
  files.set(0, nothing)
  try {
    const child = process.spawn({ argv: [...argv], files })
    return (yield* process.wait(child)).code
  } catch (error) {
    if (!isSystemError(error)) throw error
    yield* run.warn(run.isBusybox ? `${argv[0]}: ${error.message}` : `${/\s/.test(argv[0]!) ? quoted(argv[0]!) : argv[0]}: ${error.message}`)
    return error.code === 'ENOENT' ? 127 : 126
  } finally {
    nothing.release()
  }
}
