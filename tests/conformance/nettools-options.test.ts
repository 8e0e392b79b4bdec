import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { twoWorlds } from './nettools/compare.ts'
import { MASKS } from './nettools/options-masks.ts'
import { has, type Space, type World } from './nettools/worlds.ts'

/**
 * The network tools of Debian 12, option by option: what is valid, odd and wrong. A file for each tool in nettools/options:
 *   #mask NAME              how what cannot be the same is taken out of the lines that follow (options-masks.ts)
 *   #serve p3 80 "hello"    a server in both worlds; null for one that never answers
 *   #start p1: COMMAND      goes on until the end
 *   #also p1: COMMAND       in both worlds, not compared
 *   p1: COMMAND <<< "text"  compared: output, errors and exit code
 */
const available = has('ip', 'ping')
if (!available) console.warn('SKIPPED: the network tools are not compared option by option with the real ones (needs Linux, root and iproute2)')

const FOLDER = join(import.meta.dirname, 'nettools/options')

for (const file of readdirSync(FOLDER).sort()) {
  const tool = file.replace(/(-v6)?\.txt$/, '')
  const present = available && has(tool)
  if (available && !present) console.warn(`SKIPPED: ${tool} is not compared with the real one (it is not here)`)
  describe.skipIf(!present)(`the real ${file.replace('.txt', '')} agrees`, () => {
    const ipv6 = file.endsWith('-v6.txt')
    const worlds = twoWorlds({ ipv6 })
    const both = async (work: (world: World) => Promise<unknown>): Promise<void> => {
      for (const world of worlds.both) await work(world)
    }
    let mask = MASKS['plain']!
    for (const line of readFileSync(join(FOLDER, file), 'utf8').split('\n').filter((l) => l !== '')) {
      const [, word, rest = ''] = /^#(\w+) (.*)$/.exec(line) ?? []
      const [, space, command = ''] = /^(\w+): (.*)$/.exec(word === undefined ? line : rest) ?? []
      const at = space as Space
      if (word === 'mask') mask = MASKS[rest]!
      else if (word === 'serve') {
        const [, where, port, answer] = /^(\w+) (\d+) (.*)$/.exec(rest)!
        it(line, () => both((w) => w.serve(where as Space, Number(port), JSON.parse(answer!) as string | null)))
      } else if (word === 'start') it(line, () => both((w) => w.start(at, command)))
      else if (word === 'also') it(line, () => both((w) => w.run(at, command, { stdin: '' })))
      else if (!line.startsWith('#')) {
        const masked = mask
        it(line, async () => {
          const [words, stdin = '""'] = command.split(' <<< ') as [string, string?]
          const shown: string[] = []
          for (const world of worlds.both) {
            const { stdout, stderr, code } = await world.run(at, words, { stdin: JSON.parse(stdin) as string })
            shown.push(`${masked(stdout)}--- stderr\n${masked(stderr)}--- exit ${code}`)
          }
          expect(shown[1]).toBe(shown[0])
        })
      }
    }
  })
}
