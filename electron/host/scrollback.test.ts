import { expect, test } from 'vitest'
import { Scrollback } from './scrollback.ts'

const wide = { columns: 113, rows: 20 }
const narrow = { columns: 80, rows: 20 }

test('what was printed at one size is one part', () => {
  const scrollback = new Scrollback()
  scrollback.add('$ kubectl ', wide)
  scrollback.add('get pods\r\n', wide)
  scrollback.add('$ ', narrow)
  scrollback.add('ls', { ...narrow, rows: 21 })
  expect(scrollback.parts).toEqual([
    { ...wide, text: '$ kubectl get pods\r\n' },
    { ...narrow, text: '$ ' },
    { columns: 80, rows: 21, text: 'ls' },
  ])
})

test('of a long story the newest lines are kept, whole', () => {
  const scrollback = new Scrollback()
  const told: string[] = []
  for (let i = 0; i < 60_000; i++) {
    const line = `\x1b[32mline ${i}\x1b[0m\r\n`
    told.push(line)
    scrollback.add(line, i < 30_000 ? wide : narrow)
  }
  const kept = scrollback.parts.map((part) => part.text).join('')
  expect(kept.length).toBeLessThanOrEqual(400_000)
  expect(kept.length).toBeGreaterThan(190_000)
  expect(told.join('').endsWith(kept)).toBe(true)
  expect(kept.startsWith('\x1b[32mline ')).toBe(true)
  expect(scrollback.parts.map((part) => part.columns)).toEqual([80])
})

test('one endless line is cut, too', () => {
  const scrollback = new Scrollback()
  for (let i = 0; i < 50; i++) scrollback.add('x'.repeat(10_000), wide)
  expect(scrollback.parts[0]!.text.length).toBeLessThanOrEqual(400_000)
  scrollback.add('y'.repeat(500_000), narrow)
  expect(scrollback.parts).toEqual([{ ...narrow, text: 'y'.repeat(200_000) }])
})
