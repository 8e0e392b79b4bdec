import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadLab } from './load.ts'
import { formatProblem } from './model.ts'

/** Samples as folders: lab.yaml in, its mistakes out. Every sample has the same harmless other files. */
const samples = join(import.meta.dirname, 'samples')
const others = new Map([
  ['steps/1.md', 'Do it.\n'],
  ['solution.txtar', '-- 1 --\n$ true\n'],
  ['wrong.txtar', ''],
])

describe('a lab folder', () => {
  for (const name of readdirSync(samples)) {
    it(`${name}: says what is wrong, where, and what was expected`, () => {
      const own = readdirSync(join(samples, name)).map((file) => [file, readFileSync(join(samples, name, file), 'utf8')] as const)
      const files = new Map([...own, ...others])
      const expected = files.get('expected.txt')
      const result = loadLab('sample', files)
      expect('lab' in result ? 'ok\n' : result.problems.map((p) => `${formatProblem(p)}\n`).join('')).toBe(expected)
    })
  }

  it('without lab.yaml is no lab', () => {
    expect(loadLab('sample', new Map())).toEqual({ problems: [{ file: 'lab.yaml', line: 1, column: 1, message: "not found; expected the lab's description" }] })
  })
})
