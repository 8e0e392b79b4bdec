import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runScenario } from './testing.scenario.ts'

/**
 * scenarios/<name>/: input.yaml (applied at the beginning), script.txt (timed actions, see testing.scenario.ts) and
 * expected.txt (what it showed). UPDATE_SCENARIOS=1 writes the last anew; read it against upstream before keeping it.
 */
const HERE = join(import.meta.dirname, 'scenarios')

describe('a scenario of controllers:', () => {
  for (const name of readdirSync(HERE).sort()) {
    it(name.replaceAll('-', ' '), () => {
      const read = (file: string): string => readFileSync(join(HERE, name, file), 'utf8')
      const actual = runScenario(read('input.yaml'), read('script.txt'))
      if (process.env['UPDATE_SCENARIOS']) writeFileSync(join(HERE, name, 'expected.txt'), actual)
      expect(actual).toBe(read('expected.txt'))
    })
  }
})
