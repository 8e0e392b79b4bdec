import { describe, expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import { Thread } from '../../machine/task.ts'
import type { Pod } from '../types.ts'
import { ImageManager, PullError } from './image-manager.ts'

describe('the back-off of a pull that failed', () => {
  it('is 10 s, and twice as long each time: who looks meanwhile is told', () => {
    const clock = new Clock({ seed: 1 })
    const images = new ImageManager(clock, clock.random)
    const pod = { metadata: { uid: 'one' } } as Pod
    const reasons: string[] = []
    const look = (): void => {
      new Thread(clock, images.ensure(pod, { name: 'c', image: 'no-such-image:9' }, () => undefined), (outcome) => {
        if (outcome.kind !== 'threw' || !(outcome.error instanceof PullError)) throw new Error('it was pulled')
        expect(outcome.error.isFirst).toBe(reasons.length === 0)
        reasons.push(outcome.error.reason)
        if (reasons.length < 14) clock.schedule(12_000, look)
      })
    }
    look()
    clock.settle(600_000)
    expect(reasons.map((r) => (r === 'ErrImagePull' ? 'pull' : '-')).join(' ')).toBe('pull pull - pull - - - pull - - - - - -')
  })
})
