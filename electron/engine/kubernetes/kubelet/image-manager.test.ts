import { describe, expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { Thread } from '../../machine/task.ts'
import type { Pod } from '../types.ts'
import { ImageManager, PullError } from './image-manager.ts'

describe('the back-off of a pull that failed', () => {
  it('is over when who waited for it looks again, at whatever fraction of a millisecond it failed', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const clock = new Clock({ seed })
      // a time with all its bits (a root has them), from which the back-off crosses 2^16 ms: later times have one bit less
      clock.now = 55_000 + 10_000 * Math.sqrt(clock.random.float())
      const images = new ImageManager(clock, clock.random)
      const pod = { metadata: { uid: 'one' } } as Pod
      const reasons: string[] = []
      const look = (): void => {
        new Thread(clock, images.ensure(pod, { name: 'c', image: 'no-such-image:9' }, () => undefined), (outcome) => {
          if (outcome.kind !== 'threw' || !(outcome.error instanceof PullError)) throw new Error('it was pulled')
          const { reason, retryAfter } = outcome.error
          expect(retryAfter).toBeGreaterThan(0)
          reasons.push(reason)
          if (reasons.length < 12) clock.schedule(retryAfter, look)
        })
      }
      look()
      clock.settle(600_000)
      expect(reasons.join(' ')).toBe(Array.from({ length: 6 }, () => 'ErrImagePull ImagePullBackOff').join(' '))
    }
  })
})
