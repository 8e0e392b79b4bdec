import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { twoWorlds } from './nettools/compare.ts'
import { MASKS } from './nettools/options-masks.ts'
import { has, type Space } from './nettools/worlds.ts'
import { transcriptOf } from './referee/transcript.ts'

/**
 * The network tools of Debian 12, option by option: what is valid, odd and wrong. A file for each tool in nettools/options:
 *   #mask NAME              how what cannot be the same is taken out of the lines that follow (options-masks.ts)
 *   #serve p3 80 "hello"    a server in both worlds; null for one that never answers
 *   #start p1: COMMAND      goes on until the end
 *   #also p1: COMMAND       in both worlds, not compared
 *   p1: COMMAND <<< "text"  compared: output, errors and exit code
 */
const FOLDER = join(import.meta.dirname, 'nettools/options')

for (const file of readdirSync(FOLDER).sort()) {
  const transcript = transcriptOf(`options-${file.replace('.txt', '')}`)
  describe(`the real ${file.replace('.txt', '')} agrees`, () => {
    const ipv6 = file.endsWith('-v6.txt')
    const worlds = twoWorlds({ ipv6 })
    let mask = MASKS['plain']!
    for (const line of readFileSync(join(FOLDER, file), 'utf8').split('\n').filter((l) => l !== '')) {
      const [, word, rest = ''] = /^#(\w+) (.*)$/.exec(line) ?? []
      const [, space, command = ''] = /^(\w+): (.*)$/.exec(word === undefined ? line : rest) ?? []
      const at = space as Space
      if (word === 'mask') mask = MASKS[rest]!
      else if (word === 'serve') {
        const [, where, port, answer] = /^(\w+) (\d+) (.*)$/.exec(rest)!
        it(line, () => worlds.each((w) => w.serve(where as Space, Number(port), JSON.parse(answer!) as string | null)))
      } else if (word === 'start') it(line, () => worlds.each((w) => w.start(at, command)))
      else if (word === 'also') it(line, () => worlds.each((w) => w.run(at, command, { stdin: '' })))
      else if (!line.startsWith('#')) {
        const masked = mask
        const [words, stdin = '""'] = command.split(' <<< ') as [string, string?]
        const comparison = transcript.entry(line)
        const tool = words.split(' ')[0]!
        it.skipIf(!comparison.heldBy(has(tool)))(line, () => worlds.hold(comparison, async (world) => {
          const { stdout, stderr, code } = await world.run(at, words, { stdin: JSON.parse(stdin) as string })
          return `${masked(stdout)}--- stderr\n${masked(stderr)}--- exit ${code}`
        }, [tool]))
      }
    }
  })
}
