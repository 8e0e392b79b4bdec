import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

test('the page of what is not simulated says what the sources say (`npm run docs` writes it)', () => {
  const page = execFileSync('node', [join(root, 'tests/not-simulated.mjs'), '--print'], { encoding: 'utf8' })
  expect(page).toContain('## kubectl')
  expect(page).toContain('the kind HorizontalPodAutoscaler')
  expect(page).toContain('the builtin enable')
  expect(readFileSync(join(root, 'assets/not-simulated.md'), 'utf8') === page, 'assets/not-simulated.md is stale: run `npm run docs`').toBe(true)
})
