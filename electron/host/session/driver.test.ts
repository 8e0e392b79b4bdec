import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Clock, type Cluster } from '../../engine/cluster.ts'
import { WorldTime } from '../../lab/time.ts'
import { Driver } from './driver.ts'

/** A world that is only a clock. */
function world() {
  const clock = new Clock({ seed: 1 })
  const time: WorldTime = new WorldTime(clock, () => driver.wake())
  const all = { cluster: { clock } as Cluster, time, runUntil: (end: number, stop?: () => boolean) => clock.runUntil(end, stop) }
  let slices = 0
  const driver: Driver = new Driver(all, () => slices++)
  return { clock, time, driver, slices: () => slices }
}

/** An event each `ms`. */
function beat(clock: Clock, ms: number, work?: () => void): void {
  const next = (): void => {
    work?.()
    clock.schedule(ms, next, { background: true })
  }
  clock.schedule(ms, next, { background: true })
}

describe('the driver', () => {
  let late = 0
  beforeEach(() => {
    late = 0
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
    const real = performance.now.bind(performance)
    vi.spyOn(performance, 'now').mockImplementation(() => real() + late)
  })
  afterEach(() => {
    vi.restoreAllMocks()
    vi.useRealTimers()
  })
  /** The process was away for so long: a laptop that slept. */
  const away = (ms: number): void => void (late += ms)

  it('lets time run with the wall clock', () => {
    const { clock, driver } = world()
    beat(clock, 300)
    vi.advanceTimersByTime(10_000)
    driver.sync()
    expect(clock.now).toBeCloseTo(10_000)
    expect(clock.executed).toBe(33)
  })

  it('rests until there is something to do, and is up to date when somebody comes', () => {
    const { clock, driver, slices } = world()
    clock.schedule(5000, () => undefined)
    vi.advanceTimersByTime(20)
    const timers = vi.spyOn(globalThis, 'setTimeout')
    vi.advanceTimersByTime(4000)
    expect(timers.mock.calls.length).toBeLessThan(10)
    vi.advanceTimersByTime(500)
    driver.sync()
    expect(clock.now).toBeCloseTo(4520)
    driver.wake()
    vi.advanceTimersByTime(480)
    expect(slices()).toBe(1)
  })

  it('is not confused by many looks and inputs in a rest', () => {
    const { clock, driver } = world()
    beat(clock, 700)
    for (let i = 0; i < 200; i++) {
      vi.advanceTimersByTime(37)
      if (i % 3 === 0) driver.wake()
      if (i % 4 === 0) driver.sync()
    }
    driver.sync()
    expect(clock.now).toBeCloseTo(200 * 37)
  })

  it('runs faster and slower', () => {
    const { clock, driver, time } = world()
    beat(clock, 100)
    time.set({ speed: 4 })
    vi.advanceTimersByTime(2000)
    driver.sync()
    expect(clock.now).toBeCloseTo(8000)
    time.set({ speed: 0.5 })
    vi.advanceTimersByTime(2000)
    driver.sync()
    expect(clock.now).toBeCloseTo(9000)
  })

  it('holds time, but not what happens at this very moment', () => {
    const { clock, driver, time } = world()
    vi.advanceTimersByTime(1000)
    driver.sync()
    time.pause()
    let echoed = false
    let late = false
    clock.schedule(0, () => (echoed = true))
    clock.schedule(1, () => (late = true))
    driver.wake()
    vi.advanceTimersByTime(5000)
    expect([clock.now, echoed, late]).toEqual([1000, true, false])
    time.resume()
    vi.advanceTimersByTime(500)
    driver.sync()
    expect(clock.now).toBeCloseTo(1500)
  })

  it('moves on at once by what it is told, paused or not', () => {
    const { clock, time } = world()
    beat(clock, 10)
    time.pause()
    time.advance(60_000)
    time.advance(5000)
    vi.advanceTimersByTime(50)
    expect(clock.now).toBe(65_000)
  })

  it('does not make time leap after the laptop slept', () => {
    const { clock, driver } = world()
    beat(clock, 100)
    vi.advanceTimersByTime(1000)
    away(3_600_000)
    vi.advanceTimersByTime(200)
    driver.sync()
    expect(clock.now).toBeGreaterThan(1000)
    expect(clock.now).toBeLessThan(2500)
  })

  it('gives the host its turn after a few ms, and falls behind when the machine is too slow', () => {
    const { clock } = world()
    let longest = 0
    let begun = 0
    // each event takes 2 ms, and there is one for every ms
    beat(clock, 1, () => {
      if (begun === 0) begun = performance.now()
      away(2)
      longest = Math.max(longest, performance.now() - begun)
    })
    for (let i = 0; i < 100; i++) {
      vi.advanceTimersByTime(1)
      begun = 0
    }
    expect(clock.executed).toBeGreaterThan(300)
    expect(longest).toBeLessThanOrEqual(12)
  })

  it('falls asleep after an hour in which nobody came, and wakes with the next who does', () => {
    const { clock, driver } = world()
    beat(clock, 60_000)
    vi.advanceTimersByTime(3_000_000)
    driver.wake()
    vi.advanceTimersByTime(3_500_000)
    expect(driver.asleep).toBe(false)
    vi.advanceTimersByTime(8 * 3_600_000)
    expect(driver.asleep).toBe(true)
    const slept = clock.now
    expect(slept).toBeLessThan(6_800_000)
    driver.sync()
    expect(clock.now).toBe(slept)
    driver.wake()
    vi.advanceTimersByTime(1000)
    driver.sync()
    expect(clock.now).toBeCloseTo(slept + 1000, -1)
  })

  it('stops', () => {
    const { clock, driver } = world()
    beat(clock, 10)
    driver.stop()
    driver.wake()
    vi.advanceTimersByTime(1000)
    driver.sync()
    expect(clock.executed).toBe(0)
  })
})
