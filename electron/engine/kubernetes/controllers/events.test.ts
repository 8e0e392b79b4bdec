import { expect, test } from 'vitest'
import { Clock } from '../../clock.ts'
import { ApiServer } from '../api-server.ts'
import type { Event, KubeObject } from '../types.ts'
import { EventRecorder } from './events.ts'

function world(name = 'web') {
  const clock = new Clock({ seed: 1 })
  const api = new ApiServer(clock, { freeze: true })
  const recorder = new EventRecorder(api, clock, 'kubelet', 'worker-1')
  const pod: KubeObject = { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', uid: `uid-of-${name}`, resourceVersion: '7', creationTimestamp: '' } }
  return {
    tell: (seconds: number, reason: string, message = reason): void => {
      clock.now = seconds * 1000
      recorder.event(pod, 'Warning', reason, message)
    },
    counts: (): string[] => api.list<Event>('events').items.map((e) => `${e.message} x${e.count}`),
  }
}

// expected values: client-go's tools/record (events_cache.go)
test('an object has 25 events told at once and one more each five minutes; what was not told is counted at the next that is', () => {
  const { tell, counts } = world()
  tell(0, 'Started')
  for (let i = 1; i <= 40; i++) tell(i * 5, 'BackOff')
  expect(counts()).toEqual(['Started x1', 'BackOff x24'])
  tell(299, 'BackOff')
  expect(counts()).toEqual(['Started x1', 'BackOff x24'])
  tell(301, 'BackOff')
  expect(counts()).toEqual(['Started x1', 'BackOff x42'])
  // a reason that it never had is not told either
  tell(302, 'Killing')
  expect(counts()).toHaveLength(2)
})

test('from the tenth message of one reason on they are one event, unless ten minutes were quiet', () => {
  const { tell, counts } = world()
  for (let i = 1; i <= 12; i++) tell(i, 'Unhealthy', `text ${i}`)
  expect(counts().slice(8)).toEqual(['text 9 x1', '(combined from similar events): text 12 x3'])
  tell(13, 'Unhealthy', 'text 2')
  expect(counts()[1]).toBe('text 2 x2')
  tell(620, 'Unhealthy', 'text 13')
  expect(counts().at(-1)).toBe('text 13 x1')
})
