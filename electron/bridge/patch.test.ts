import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyPatches, diff } from './patch.ts'

const tree = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, 1, 'a'),
    fc.array(fc.integer(), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tie('node'), { maxKeys: 4 }),
  ),
})).node

describe('patches of the view model', () => {
  it('make the new tree of the old one, whatever they are', () => {
    const root = fc.dictionary(fc.constantFrom('x', 'y', 'z'), tree)
    fc.assert(
      fc.property(root, root, (before, after) => {
        // what crosses the bridge is JSON
        const patches = JSON.parse(JSON.stringify(diff(before, after)))
        expect(applyPatches(before, patches)).toEqual(after)
      }),
    )
  })

  it('say nothing when nothing changed', () => {
    fc.assert(fc.property(tree, (t) => { expect(diff(t, structuredClone(t))).toEqual([]) }))
  })

  it('leave the old tree as it was', () => {
    const before = { pods: { a: { ip: '1' } }, nodes: {} }
    const after = applyPatches(before, [{ path: ['pods', 'a', 'ip'], value: '2' }, { path: ['pods', 'b'], value: {} }])
    expect(before).toEqual({ pods: { a: { ip: '1' } }, nodes: {} })
    expect(after).toEqual({ pods: { a: { ip: '2' }, b: {} }, nodes: {} })
    expect(after.nodes).toBe(before.nodes)
  })

  it('copy a record once, however many of its things change together', () => {
    let copied = 0
    const pods = new Proxy(Object.fromEntries(Array.from({ length: 1200 }, (_, i) => [`p${i}`, { ip: '1' }])), { ownKeys: (t) => (copied++, Reflect.ownKeys(t)) })
    const before = { pods }
    const after = applyPatches(before, Array.from({ length: 1199 }, (_, i) => ({ path: ['pods', `p${i + 1}`] })))
    expect([copied, after]).toEqual([1, { pods: { p0: { ip: '1' } } }])
  })

  it('remove what is gone', () => {
    expect(diff({ pods: { a: 1, b: 2 } }, { pods: { b: 2 } })).toEqual([{ path: ['pods', 'a'] }])
  })
})
