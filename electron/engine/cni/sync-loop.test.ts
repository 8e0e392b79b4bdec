import { beforeEach, expect, test } from 'vitest'
import { Clock } from '../clock.ts'
import { SyncLoop } from './sync-loop.ts'

let clock: Clock
let synced: number[]
const sync = (): void => void synced.push(clock.now)

beforeEach(() => {
  clock = new Clock({ seed: 1 })
  synced = []
})

test('what changes shortly one after another is brought in line once, a little later', () => {
  const loop = new SyncLoop(clock, 10, sync)
  loop.request()
  clock.runFor(4)
  loop.request()
  clock.runFor(100)
  expect(synced).toEqual([10])
  loop.request()
  clock.runFor(100)
  expect(synced).toEqual([10, 114])
})

test('with a period it happens without being asked, too', () => {
  const loop = new SyncLoop(clock, 10, sync, { period: 1000 })
  loop.request()
  clock.runFor(2500)
  expect(synced).toEqual([10, 1000, 2000])
})

test('a change during the work is not forgotten', () => {
  const loop: SyncLoop = new SyncLoop(clock, 10, () => {
    sync()
    if (synced.length === 1) loop.request()
  })
  loop.request()
  clock.runFor(100)
  expect(synced).toEqual([10, 20])
})

test('once stopped it does nothing: neither what was asked for, nor what is asked for later, nor its period', () => {
  const loop = new SyncLoop(clock, 10, () => {
    sync()
    if (clock.now === 1000) loop.stop()
  }, { period: 1000 })
  clock.runFor(995)
  loop.request()
  clock.runFor(5000)
  loop.request()
  clock.runFor(5000)
  expect(synced).toEqual([1000])
})
