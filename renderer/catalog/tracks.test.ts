import { expect, test } from 'vitest'
import { catalog } from '../dev/lab.ts'
import { byTrack, invitation, standing } from './tracks.ts'

test('labs stand by track, easy ones first', () => {
  expect(byTrack(catalog).map(([track, labs]) => [track, labs.map((l) => l.id)])).toEqual([
    ['Foundations', ['containers-in-one-pod', 'pod-to-pod']],
    ['Services', ['a-stable-address']],
    ['Troubleshooting', ['my-own', 'lost-route']],
  ])
})

test('of equally hard labs the short ones come first', () => {
  const [long, short] = Object.values(catalog)
  const all = { a: { ...long!, id: 'a', level: 'beginner', minutes: 45 }, b: { ...short!, id: 'b', track: long!.track, level: 'beginner', minutes: 10 } } as const
  expect(byTrack(all)[0]![1].map((l) => l.id)).toEqual(['b', 'a'])
})

test('labs that cannot be opened come after all others', () => {
  const [broken, ...others] = Object.values(catalog).sort((a, b) => Number(Boolean(b.error)) - Number(Boolean(a.error)))
  const all = Object.fromEntries([{ ...broken!, track: 'Labs with mistakes' }, ...others].map((card) => [card.id, card]))
  expect(byTrack(all).at(-1)![0]).toBe('Labs with mistakes')
})

test('a card says where one stands and what one can do', () => {
  expect(Object.values(catalog).map((c) => `${standing(c)}: ${invitation(c)}`)).toEqual(['finished: Open again', '2 of 6 steps passed: Continue', '7 steps: Start', '4 steps: Start', '0 steps: Cannot be opened'])
})
