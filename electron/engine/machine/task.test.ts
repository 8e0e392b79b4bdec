import { describe, expect, it } from 'vitest'
import { Clock } from '../clock.ts'
import { sleep, type Task, Thread, Turn } from './task.ts'

describe('a turn', () => {
  const world = () => {
    const clock = new Clock({ seed: 1 })
    const turn = new Turn()
    const said: string[] = []
    function* work(name: string): Task {
      yield* turn.take()
      try {
        said.push(`${name} at ${clock.now}`)
        yield sleep(clock, 10)
      } finally {
        turn.free()
      }
    }
    return { clock, said, start: (name: string) => new Thread(clock, work(name)) }
  }

  it('comes to one task after the other, in the order in which they asked, and wakes nobody else', () => {
    const { clock, said, start } = world()
    for (const name of ['a', 'b', 'c', 'd']) start(name)
    clock.settle()
    expect(said).toEqual(['a at 0', 'b at 10', 'c at 20', 'd at 30'])
    // Four sleeps, each a timer and a wake, and one wake for each of the three that waited.
    expect(clock.executed).toBe(4 * 2 + 3)
  })

  it('passes over tasks that were killed while they waited', () => {
    const { clock, said, start } = world()
    const [, b, c] = ['a', 'b', 'c', 'd'].map(start)
    c!.kill()
    clock.runFor(5)
    b!.kill()
    clock.settle()
    expect(said).toEqual(['a at 0', 'd at 10'])
  })

  it('is given on by a task that is killed in the very moment in which it comes', () => {
    const { clock, said, start } = world()
    const [a, b] = ['a', 'b', 'c'].map(start)
    a!.kill()
    b!.kill()
    clock.settle()
    expect(said).toEqual(['a at 0', 'c at 0'])
    start('e')
    clock.settle()
    expect(said.at(-1)).toBe('e at 10')
  })
})
