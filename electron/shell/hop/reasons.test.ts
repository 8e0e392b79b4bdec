import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Journey } from '../../engine/cluster.ts'
import { WORLDS } from './reasons.samples.ts'

const PAGES = new URL('../../../assets/explanations/', import.meta.url)

/** Each of them is played in reasons-deep.test.ts. */
describe('the reasons why a journey fails', () => {
  it('have a world each, for every page that explains one', () => {
    const pages = readdirSync(PAGES).map((name) => name.replace(/\.md$/, '')).filter((id) => /^(drop|refused|reject|timeout|unreachable)-/.test(id))
    expect(WORLDS.map((w) => w.reason).sort()).toEqual(pages.sort())
    expect(new Set(WORLDS.map((w) => w.verdict))).toEqual(new Set(['refused', 'rejected', 'dropped', 'unreachable', 'timeout'] satisfies Journey['verdict'][]))
  })
})
