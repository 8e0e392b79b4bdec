import type { Shell } from '../shell.ts'
import { textBuiltin, usage } from './table.ts'

/** A resource: its letter, what `ulimit -a` calls it, the unit, and what a login on Debian has (soft, hard); the files are the kernel's 1024 and a million. */
const RESOURCES: readonly (readonly [letter: string, name: string, unit: string, soft: string, hard: string])[] = [
  ['R', 'real-time non-blocking time', 'microseconds', 'unlimited', 'unlimited'],
  ['c', 'core file size', 'blocks', '0', 'unlimited'],
  ['d', 'data seg size', 'kbytes', 'unlimited', 'unlimited'],
  ['e', 'scheduling priority', '', '0', '0'],
  ['f', 'file size', 'blocks', 'unlimited', 'unlimited'],
  ['i', 'pending signals', '', '31339', '31339'],
  ['l', 'max locked memory', 'kbytes', '8192', '8192'],
  ['m', 'max memory size', 'kbytes', 'unlimited', 'unlimited'],
  ['n', 'open files', '', '1024', '1048576'],
  ['p', 'pipe size', '512 bytes', '8', '8'],
  ['q', 'POSIX message queues', 'bytes', '819200', '819200'],
  ['r', 'real-time priority', '', '0', '0'],
  ['s', 'stack size', 'kbytes', '8192', 'unlimited'],
  ['t', 'cpu time', 'seconds', 'unlimited', 'unlimited'],
  ['u', 'max user processes', '', '31339', '31339'],
  ['v', 'virtual memory', 'kbytes', 'unlimited', 'unlimited'],
  ['x', 'file locks', '', 'unlimited', 'unlimited'],
]
const USAGE = 'ulimit [-SHabcdefiklmnpqrstuvxPRT] [limit]'

/** Limits are kept and shown; nothing here comes near one. */
textBuiltin('ulimit', function* (shell, args) {
  let kind = ''
  let all = false
  const asked: { letter: string; value?: string }[] = []
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!
    if (!/^-./.test(word)) {
      const last = asked.at(-1)
      if (last) last.value = word
      else asked.push({ letter: 'f', value: word })
      continue
    }
    for (const letter of word.slice(1)) {
      if (letter === 'S' || letter === 'H') kind += letter
      else if (letter === 'a') all = true
      else if (RESOURCES.some(([known]) => known === letter)) asked.push({ letter })
      else return yield* usage(shell, 'ulimit', `-${letter}`, USAGE)
    }
  }
  if (all) {
    for (const [letter] of RESOURCES) yield* shell.process.print(`${label(letter)}${limit(shell, letter, kind === 'H')}\n`)
    return 0
  }
  if (asked.length === 0) asked.push({ letter: 'f' })
  for (const { letter, value } of asked) {
    if (value === undefined) yield* shell.process.print(`${asked.length > 1 ? label(letter) : ''}${limit(shell, letter, kind === 'H')}\n`)
    else {
      const error = change(shell, letter, value, kind)
      if (error === undefined) continue
      yield* shell.error(`ulimit: ${error}`)
      return 1
    }
  }
  return 0
})

function label(letter: string): string {
  const [, name, unit] = RESOURCES.find(([known]) => known === letter)!
  return `${name.padEnd(20)} ${`(${unit === '' ? '' : `${unit}, `}-${letter}) `.padStart(20)}`
}

function limit(shell: Shell, letter: string, hard: boolean): string {
  const [, , , soft, most] = RESOURCES.find(([known]) => known === letter)!
  return shell.limits.get(`${hard ? 'H' : 'S'}${letter}`) ?? (hard ? most : soft)
}

const amount = (text: string): number => (text === 'unlimited' ? Infinity : Number(text))

/** The message when it may not be. */
function change(shell: Shell, letter: string, given: string, kind: string): string | undefined {
  const value = given === 'hard' ? limit(shell, letter, true) : given === 'soft' ? limit(shell, letter, false) : given
  if (!/^(\d+|unlimited)$/.test(value)) return `${given}: invalid number`
  const name = RESOURCES.find(([known]) => known === letter)![1]
  const hard = limit(shell, letter, true)
  if (letter === 'p') return `${name}: cannot modify limit: Invalid argument`
  if (amount(value) > amount(hard) && (shell.process.user.uid !== 0 || kind === 'S')) return `${name}: cannot modify limit: ${kind === 'S' ? 'Invalid argument' : 'Operation not permitted'}`
  if (kind === 'H' && amount(value) < amount(limit(shell, letter, false))) return `${name}: cannot modify limit: Invalid argument`
  for (const each of kind === '' ? 'SH' : kind) shell.limits.set(`${each}${letter}`, value)
  return undefined
}
