import { inspect as node } from 'node:util'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Bson } from '../../electron/engine/programs/mongo/bson.ts'
import { inspect } from '../../electron/engine/programs/mongo/script/inspect.ts'

/** mongosh prints with Node's util.inspect, which is the referee of ours. */
function toBson(value: unknown): Bson {
  if (Array.isArray(value)) return value.map(toBson)
  return value !== null && typeof value === 'object' ? new Map(Object.entries(value).map(([k, v]) => [k, toBson(v)])) : (value as Bson)
}

it('lays values out as Node does', () => {
  const leaf = fc.oneof(fc.string({ maxLength: 20 }), fc.integer(), fc.double({ noNaN: true }), fc.boolean(), fc.constant(null))
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('tree'), { maxLength: 12 }), fc.array(fc.integer({ min: 0, max: 999 }), { maxLength: 40 }), fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), tie('tree'), { maxKeys: 6 })),
  }))
  fc.assert(fc.property(tree, (value) => {
    const plain: unknown = JSON.parse(JSON.stringify(value))
    expect(inspect(toBson(plain))).toBe(node(plain, { depth: 6 }))
  }), { numRuns: 300 })
})
