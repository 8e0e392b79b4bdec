import type { Command } from './command.ts'
import { GLOBAL_FLAGS } from './flags.ts'

/** Walks down the words, over flags (and their values), as cobra finds a command. */
export function find(commands: readonly Command[], words: readonly string[]): { path: string; command: Command | undefined; rest: string[]; unknown?: string } {
  let path = 'kubectl'
  let level = commands
  let command: Command | undefined
  let rest = [...words]
  for (;;) {
    const flags = [...(command?.flags ?? []), ...GLOBAL_FLAGS]
    let index = -1
    for (let i = 0; i < rest.length; i++) {
      const word = rest[i]!
      if (word === '--') break
      if (word.startsWith('--')) {
        const flag = flags.find((f) => `--${f.name}` === word)
        // an unknown flag may have a value, too
        if (flag ? flag.bare === undefined : !word.includes('=') && word !== '--help') i++
      } else if (word.startsWith('-') && word.length > 1) {
        const flag = flags.find((f) => f.short === word[1])
        if (word.length === 2 && flag?.bare === undefined && word !== '-h') i++
      } else {
        index = i
        break
      }
    }
    if (index < 0) return { path, command, rest }
    const word = rest[index]!
    const next = level.find((c) => c.name === word || c.aliases?.includes(word))
    if (!next) return { path, command, rest, unknown: word }
    command = next
    path = `${path} ${next.name}`
    rest = [...rest.slice(0, index), ...rest.slice(index + 1)]
    if (!next.commands) return { path, command, rest }
    level = next.commands
  }
}
