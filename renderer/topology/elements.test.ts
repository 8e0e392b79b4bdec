import fc from 'fast-check'
import { expect, test } from 'vitest'
import { segments } from './elements.ts'

test('a cable’s corners survive the way into Cytoscape’s terms and back', () => {
  const point = fc.record({ x: fc.integer({ min: -500, max: 500 }), y: fc.integer({ min: -500, max: 500 }) })
  fc.assert(
    fc.property(fc.array(point, { minLength: 2, maxLength: 5 }), (points) => {
      const [a, b] = [points[0]!, points.at(-1)!]
      const length = Math.hypot(b.x - a.x, b.y - a.y)
      fc.pre(length > 1)
      const { weights, distances } = segments(points)
      points.slice(1, -1).forEach((p, i) => {
        expect(Math.abs(a.x + (b.x - a.x) * weights[i]! - ((b.y - a.y) / length) * distances[i]! - p.x)).toBeLessThan(1)
        expect(Math.abs(a.y + (b.y - a.y) * weights[i]! + ((b.x - a.x) / length) * distances[i]! - p.y)).toBeLessThan(1)
      })
    }),
  )
})
