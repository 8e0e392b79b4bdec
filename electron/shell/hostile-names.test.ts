import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { house } from './house.samples.ts'

/**
 * What every object of the host language has under a name (`constructor`, `__proto__`) is nothing to a person who types it:
 * whatever is called so behaves like the same thing with another name. Each line runs in two clusters, NAME once this, once that.
 */
const PAIRS = [['constructor', 'constructos'], ['__proto__', '__prota__']] as const

const LINES = readFileSync(join(import.meta.dirname, 'hostile-names.samples.txt'), 'utf8').trim().split('\n')

it.each(PAIRS)('a thing that is called %s is like one that is called %s', (hostile, plain) => {
  const told = [hostile, plain].map((name) => {
    const { run } = house()
    return LINES.map((line) => `${line}\n${run(`{ ${line.replaceAll('NAME', name)}; } 2>&1`).output}`)
  })
  expect(told[0]).toEqual(told[1]!.map((text) => text.replaceAll(plain, hostile).replaceAll(plain.toUpperCase(), hostile.toUpperCase())))
  expect(told[0]!.join('\n')).not.toMatch(/internal error|native code|\[object/)
})
