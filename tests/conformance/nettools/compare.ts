import { afterAll, beforeAll, it } from 'vitest'
import { createProgramTable } from '../../../electron/engine/machine/programs.ts'
import { registerCoreutils } from '../../../electron/shell/coreutils/index.ts'
import { onlyTranscripts, type Comparison, type Transcript } from '../referee/transcript.ts'
import { has, realWorld, simulatedWorld, type Result, type Space, type World } from './worlds.ts'

/** Takes out of an output what cannot be the same in both worlds. */
export type Mask = (text: string) => string

export const macs: Mask = (text) => text.replace(/\b([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}\b/g, (m) => (m.startsWith('00:') ? m : 'MAC')).replace(/(8000\.)(?!0{12})[0-9a-f]{12}/g, '$1MAC')

export const shown = (space: Space, line: string, r: Result, mask: Mask): string => `${space}$ ${line}\n${mask(r.stdout)}--- stderr\n${mask(r.stderr)}--- exit ${r.code}`

/** Both, once the tests begin. */
export interface Worlds {
  /** Undefined where there are no network namespaces: transcripts are the referee then. */
  readonly there: World | undefined
  readonly here: World
  /** The same is done in each, and nothing compared. What fails in the real one is told, and leaves it to the transcripts. */
  each(work: (world: World) => Promise<unknown>): Promise<void>
  /** Each tells the same story; the simulated one once only, whatever the real one says. `tools`: what the story needs there. */
  hold(comparison: Comparison, story: (world: World) => Promise<string>, tools?: readonly string[]): Promise<void>
}

/**
 * The two worlds for all tests of a describe: made before them, taken down after them. `also`: programs that the
 * simulated one needs beside the network tools; `prepare`: what is done in each; `settle`: ms of real time for the kernel's link watch,
 * which takes a second to see a bridge's carrier.
 */
export function twoWorlds(options: { ipv6?: boolean; also?: readonly string[]; prepare?: (world: World) => Promise<void>; settle?: number } = {}): Worlds {
  const { ipv6 = false, also = [], prepare, settle = 1500 } = options
  let there: World | undefined
  let here: World | undefined
  const worlds: Worlds = {
    get there() { return there },
    get here() { return here! },
    async each(work) {
      await work(here!)
      if (there) await work(there).catch((error: unknown) => console.warn(`REFEREE: the real world was not made ready, and will differ: ${String(error)}`))
    },
    async hold(comparison, story, tools = []) {
      const ours = await story(here!)
      await comparison.hold(ours, there && has(...tools) ? () => story(there!) : undefined)
    },
  }
  beforeAll(async () => {
    const programs = createProgramTable()
    if (also.length > 0) registerCoreutils(programs)
    here = simulatedWorld(Object.fromEntries(also.map((name) => [name, programs.find(name)!])), { ipv6 })
    if (has('ip') && !onlyTranscripts) {
      try {
        there = realWorld({ ipv6 })
      } catch (error) {
        console.warn(`REFEREE: there is no real world today, its transcripts decide: ${String(error)}`)
      }
    } else console.warn('REFEREE: the real tools are not asked (that needs Linux, root and iproute2), their transcripts decide')
    if (prepare) await worlds.each(prepare)
    if (there) await new Promise((resolve) => setTimeout(resolve, settle))
  }, 120_000)
  afterAll(() => there?.destroy(), 120_000)
  return worlds
}

/** One test a line: the same command there and here. Where a tool is missing, what it said once is the referee. */
export function sameAs(worlds: Worlds, transcript: Transcript, plain: Mask = macs) {
  return (space: Space, lines: readonly string[], mask: Mask = plain): void => {
    for (const line of lines) {
      const tool = line.split(' ')[0]!
      const comparison = transcript.entry(`${space}: ${line}`)
      it.skipIf(!comparison.heldBy(has(tool)))(`${space}: ${line}`, () => worlds.hold(comparison, async (world) => shown(space, line, await world.run(space, line), mask), [tool]))
    }
  }
}
