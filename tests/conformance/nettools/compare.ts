import { afterAll, beforeAll, expect, it } from 'vitest'
import { createProgramTable } from '../../../electron/engine/machine/programs.ts'
import { registerCoreutils } from '../../../electron/shell/coreutils/index.ts'
import { has, realWorld, simulatedWorld, type Result, type Space, type World } from './worlds.ts'

/** Takes out of an output what cannot be the same in both worlds. */
export type Mask = (text: string) => string

export const macs: Mask = (text) => text.replace(/\b([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}\b/g, (m) => (m.startsWith('00:') ? m : 'MAC')).replace(/(8000\.)(?!0{12})[0-9a-f]{12}/g, '$1MAC')

export const shown = (space: Space, line: string, r: Result, mask: Mask): string => `${space}$ ${line}\n${mask(r.stdout)}--- stderr\n${mask(r.stderr)}--- exit ${r.code}`

/** Both, once the tests begin. */
export interface Worlds { readonly there: World; readonly here: World; readonly both: readonly World[] }

/**
 * The two worlds for all tests of a describe: made before them, taken down after them. `also`: programs that the
 * simulated one needs beside the network tools; `prepare`: what is done in each; `settle`: ms of real time for the kernel's link watch,
 * which takes a second to see a bridge's carrier.
 */
export function twoWorlds(options: { ipv6?: boolean; also?: readonly string[]; prepare?: (world: World) => Promise<void>; settle?: number } = {}): Worlds {
  const { ipv6 = false, also = [], prepare, settle = 1500 } = options
  const worlds = { there: undefined as unknown as World, here: undefined as unknown as World, both: [] as readonly World[] }
  beforeAll(async () => {
    worlds.there = realWorld({ ipv6 })
    const programs = createProgramTable()
    if (also.length > 0) registerCoreutils(programs)
    worlds.here = simulatedWorld(Object.fromEntries(also.map((name) => [name, programs.find(name)!])), { ipv6 })
    worlds.both = [worlds.there, worlds.here]
    if (prepare) for (const world of worlds.both) await prepare(world)
    await new Promise((resolve) => setTimeout(resolve, settle))
  })
  afterAll(() => worlds.there?.destroy())
  return worlds
}

/** One test a line: the same command there and here. Each skips by itself, and says so, where the tool is missing. */
export function sameAs(worlds: Worlds) {
  return (space: Space, lines: readonly string[], mask: Mask = macs): void => {
    for (const line of lines) {
      const tool = line.split(' ')[0]!
      const present = has(tool)
      if (!present) console.warn(`SKIPPED: ${line} is not compared with the real one (no ${tool} here)`)
      it.skipIf(!present)(`${space}: ${line}`, async () => {
        const { there, here } = worlds
        const [expected, actual] = [await there.run(space, line), await here.run(space, line)]
        expect(shown(space, line, actual, mask)).toBe(shown(space, line, expected, mask))
      })
    }
  }
}
