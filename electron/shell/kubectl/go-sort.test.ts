import fc from 'fast-check'
import { expect, it } from 'vitest'
import { goSort } from './go-sort.ts'

it('sorts, whatever there is, and keeps up to twelve that are equal in place', () => {
  fc.assert(fc.property(fc.array(fc.nat(20), { maxLength: 300 }), (numbers) => {
    const items = numbers.map((key, at) => ({ key, at }))
    const sorted = goSort(items, (a, b) => a.key < b.key)
    expect(sorted.map((x) => x.key)).toEqual([...numbers].sort((a, b) => a - b))
    if (items.length <= 12) expect(sorted).toEqual([...items].sort((a, b) => a.key - b.key))
  }))
})
