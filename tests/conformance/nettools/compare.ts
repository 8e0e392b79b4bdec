import { expect, it } from 'vitest'
import { has, type Result, type Space, type World } from './worlds.ts'

/** Takes out of an output what cannot be the same in both worlds. */
export type Mask = (text: string) => string

export const macs: Mask = (text) => text.replace(/\b([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}\b/g, (m) => (m.startsWith('00:') ? m : 'MAC')).replace(/(8000\.)(?!0{12})[0-9a-f]{12}/g, '$1MAC')

export const shown = (space: Space, line: string, r: Result, mask: Mask): string => `${space}$ ${line}\n${mask(r.stdout)}--- stderr\n${mask(r.stderr)}--- exit ${r.code}`

/** One test a line: the same command there and here. Each skips by itself, and says so, where the tool is missing. */
export function sameAs(worlds: () => { there: World; here: World }) {
  return (space: Space, lines: readonly string[], mask: Mask = macs): void => {
    for (const line of lines) {
      const tool = line.split(' ')[0]!
      const present = has(tool)
      if (!present) console.warn(`SKIPPED: ${line} is not compared with the real one (no ${tool} here)`)
      it.skipIf(!present)(`${space}: ${line}`, async () => {
        const { there, here } = worlds()
        const [expected, actual] = [await there.run(space, line), await here.run(space, line)]
        expect(shown(space, line, actual, mask)).toBe(shown(space, line, expected, mask))
      })
    }
  }
}
