import type { Task } from '../../engine/machine/task.ts'
import { decodeUtf8 } from '../../engine/text.ts'
import { usage } from './builtins/table.ts'
import { quoteForShell } from './quote.ts'
import type { Shell } from './shell.ts'

const USAGE = 'mapfile [-d delim] [-n count] [-O origin] [-s count] [-t] [-u fd] [-C callback] [-c quantum] [array]'
const COMPLAINTS: Readonly<Record<string, string>> = { n: 'invalid line count', s: 'invalid line count', O: 'invalid array origin', c: 'invalid callback quantum', u: 'invalid file descriptor specification' }

/** The builtin mapfile: lines of a file into an array (bash(1), SHELL BUILTIN COMMANDS). */
export function* mapLines(shell: Shell, args: string[]): Task<number> {
  const numbers: Record<string, number | undefined> = {}
  let trim = false
  let delimiter = '\n'
  let callback: string | undefined
  let i = 0
  for (; i < args.length && /^-./.test(args[i]!); i++) {
    if (args[i] === '--') {
      i++
      break
    }
    for (let k = 1; k < args[i]!.length; k++) {
      const letter = args[i]![k]!
      if (letter === 't') {
        trim = true
        continue
      }
      if (!'dnOsuCc'.includes(letter)) return yield* usage(shell, 'mapfile', '-' + letter, USAGE)
      const attached = args[i]!.slice(k + 1)
      const value = attached !== '' ? attached : args[++i]
      if (value === undefined) {
        yield* shell.error(`mapfile: -${letter}: option requires an argument`)
        yield* shell.process.printError(`mapfile: usage: ${USAGE}\n`)
        return 2
      }
      if (letter === 'd') delimiter = value === '' ? '\0' : value[0]!
      else if (letter === 'C') callback = value
      else if (!/^\d+$/.test(value) || (letter === 'c' && Number(value) === 0)) {
        yield* shell.error(`mapfile: ${value}: ${COMPLAINTS[letter]}`)
        return 1
      } else numbers[letter] = Number(value)
      break
    }
  }
  const name = args[i] ?? 'MAPFILE'
  if (!/^[A-Za-z_]\w*$/.test(name)) {
    yield* shell.error(`mapfile: \`${name}': not a valid identifier`)
    return 1
  }
  const fd = numbers.u ?? 0
  if (!shell.process.files.has(fd)) {
    yield* shell.error(`mapfile: ${fd}: invalid file descriptor: Bad file descriptor`)
    return 1
  }
  const text = decodeUtf8(yield* shell.process.readAll(fd))
  const lines = text.split(delimiter).map((line, k, all) => (k < all.length - 1 && !trim ? line + delimiter : line))
  if (text === '' || text.endsWith(delimiter)) lines.pop()
  const skipped = numbers.s ?? 0
  const chosen = lines.slice(skipped, numbers.n ? skipped + numbers.n : undefined)
  const old = shell.variables.find(name)
  const array = numbers.O !== undefined && old?.array ? old.array : new Map<number, string>()
  const target = shell.variables.writable(name)
  target.array = array
  target.value = target.table = undefined
  const origin = numbers.O ?? 0
  const quantum = numbers.c ?? 5000
  for (const [k, line] of chosen.entries()) {
    const clean = line.replace(/\0/g, '')
    if (callback !== undefined && (k + 1) % quantum === 0) yield* shell.executor.source(`${callback} ${origin + k} ${quoteForShell(clean)}`, { firstLine: shell.line })
    array.set(origin + k, clean)
  }
  return 0
}
