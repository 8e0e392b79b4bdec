import { expect, test } from 'vitest'
import type { Timer } from './clock.ts'
import { Random } from './random.ts'
import { TimerQueue } from './timer-queue.ts'

test('gives timers by time and, of one time, in the order in which they came, whatever is added, cancelled and asked meanwhile', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Random(seed)
    const queue = new TimerQueue(64)
    let waiting: Timer[] = []
    let now = 0
    let sequence = 0
    for (let i = 0; i < 600; i++) {
      const what = random.below(10)
      if (what < 5) {
        const delay = [0, random.below(3), random.float() * 200, 64 * random.below(4), 60_000, Infinity][random.below(i % 50 ? 5 : 6)]!
        const timer: Timer = { at: now + delay, sequence: sequence++, background: false, run: () => undefined }
        queue.add(timer)
        waiting.push(timer)
      } else if (what < 7 && waiting.length > 0) {
        const [gone] = waiting.splice(random.below(waiting.length), 1)
        gone!.run = null
      } else {
        const limit = random.below(3) === 0 ? Infinity : now + random.float() * 300
        waiting = waiting.sort((a, b) => (a.at === b.at ? a.sequence - b.sequence : a.at - b.at))
        const [next] = waiting
        const found = queue.first(limit)
        if (!next || next.at > limit) {
          expect(found === undefined || found === next).toBe(true)
          continue
        }
        expect(found).toBe(next)
        if (next.at === Infinity) continue
        queue.removeFirst()
        waiting.shift()
        now = next.at
      }
    }
  }
})
