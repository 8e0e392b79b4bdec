import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { MONTHS, two } from '../http/status.ts'

/** "05 Jan 2026 08:00:00.000" */
export function logTime(wall: number): string {
  const d = new Date(wall)
  return `${two(d.getUTCDate())} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}.${String(Math.floor(wall % 1000)).padStart(3, '0')}`
}

const PRESETS: readonly (readonly [string, string])[] = [
  ['port', '6379'], ['bind', '* -::*'], ['protected-mode', 'no'], ['requirepass', ''], ['maxclients', '10000'], ['maxmemory', '0'], ['maxmemory-policy', 'noeviction'], ['appendonly', 'no'], ['save', '3600 1 300 100 60 10000'], ['timeout', '0'], ['tcp-keepalive', '300'], ['loglevel', 'notice'], ['databases', '16'], ['replicaof', ''], ['masterauth', ''], ['dir', '/data'],
]

/** redis.conf's lines and the words of the command line; a number: the exit code after the message. */
export function* readConfig(process: Process, args: readonly string[]): Task<Map<string, string> | number> {
  const config = new Map(PRESETS)
  const lines: string[] = []
  let rest = [...args]
  if (rest[0] !== undefined && !rest[0].startsWith('-')) {
    const path = process.resolve(rest[0])
    if (!process.fs.exists(path)) {
      yield* process.printError(`${process.pid}:C ${logTime(process.clock.wall())} # Fatal error, can't open config file '${path}': No such file or directory\n`)
      return 1
    }
    lines.push(...process.fs.readText(path).split('\n').map((l) => l.trim()).filter((l) => l !== '' && !l.startsWith('#')))
    rest = rest.slice(1)
  }
  for (const word of rest) {
    if (word.startsWith('--')) lines.push(word.slice(2))
    else lines[lines.length - 1] = `${lines.at(-1) ?? ''} ${word}`
  }
  for (const line of lines) {
    const [said = '', ...values] = line.split(/\s+/)
    const name = said.toLowerCase() === 'slaveof' ? 'replicaof' : said
    if (!config.has(name.toLowerCase())) {
      yield* process.printError(`podhop: not simulated: redis-server ${name} (${[...config.keys()].join(', ')} are)\n`)
      return 69
    }
    config.set(name.toLowerCase(), values.join(' ').replace(/^["'](.*)["']$/, '$1'))
  }
  return config
}
