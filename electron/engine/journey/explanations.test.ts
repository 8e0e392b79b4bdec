import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const PAGES = new URL('../../../assets/explanations/', import.meta.url)
const ENGINE = new URL('../', import.meta.url)

/** Ids in the source: `explanation: 'x'`, both sides of a condition, and the reasons of drops and refusals. */
function usedIds(): Map<string, string> {
  const used = new Map<string, string>()
  for (const file of readdirSync(ENGINE, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts') || file.endsWith('.samples.ts')) continue
    const source = readFileSync(new URL(file, ENGINE), 'utf8')
    for (const [, rest] of source.matchAll(/explanation: ([^\n]*)/g)) for (const [, id] of rest!.matchAll(/'([a-z0-9-]+)'/g)) used.set(id!, file)
    if (file.startsWith('network')) for (const [, id] of source.matchAll(/'((?:drop|refused|timeout|unreachable|bridge)-[a-z-]+)'/g)) used.set(id!, file)
  }
  return used
}

describe('explanations', () => {
  it('exist for every hop and every reason', () => {
    const pages = new Set(readdirSync(PAGES).map((name) => name.replace(/\.md$/, '')))
    const missing = [...usedIds()].filter(([id]) => !pages.has(id)).map(([id, file]) => `${id} (${file})`)
    expect(missing).toEqual([])
  })

  it('begin with a title and are short', () => {
    for (const name of readdirSync(PAGES)) {
      const page = readFileSync(new URL(name, PAGES), 'utf8')
      expect(page, name).toMatch(/^# [^\n]+\n\n\S/)
      expect(page.length, name).toBeLessThan(1_500)
    }
  })
})
