import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Environment } from './environment.ts'

test('a copy is its own, whoever of the two is written to', () => {
  const parent = new Environment([['PATH', '/bin'], ['HOME', '/root']])
  const child = new Environment(parent)
  const grandchild = new Environment(child)
  parent.set('HOME', '/')
  child.delete('PATH')
  expect([...parent]).toEqual([['PATH', '/bin'], ['HOME', '/']])
  expect([...child]).toEqual([['HOME', '/root']])
  expect([...grandchild]).toEqual([['PATH', '/bin'], ['HOME', '/root']])
  grandchild.clear()
  expect([grandchild.size, child.size, parent.size]).toEqual([0, 1, 2])
})

test('environments that copy each other hold what maps would', () => {
  const step = fc.record({ who: fc.nat(3), from: fc.nat(3), what: fc.constantFrom('set', 'delete', 'clear', 'copy', 'copy'), name: fc.constantFrom('A', 'B', 'C'), value: fc.string({ maxLength: 2 }) })
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const own = Array.from({ length: 4 }, () => new Environment([]))
    const model = Array.from({ length: 4 }, () => new Map<string, string>())
    for (const { who, from, what, name, value } of steps) {
      if (what === 'copy') {
        own[who] = new Environment(own[from]!)
        model[who] = new Map(model[from])
      } else if (what === 'clear') for (const each of [own, model]) each[who]!.clear()
      else if (what === 'delete') expect(own[who]!.delete(name)).toBe(model[who]!.delete(name))
      else for (const each of [own, model]) each[who]!.set(name, value)
      expect(own.map((e) => [...e])).toEqual(model.map((e) => [...e]))
    }
  }))
})
