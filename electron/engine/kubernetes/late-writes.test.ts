import { describe, expect, it } from 'vitest'
import { Clock } from '../clock.ts'
import { ApiServer } from './api-server.ts'
import { EventRecorder } from './controllers/events.ts'
import { asManager } from './managed-fields/as-manager.ts'
import type { Event, KubeObject } from './types.ts'

/** The same happens in both; in one of them somebody watches all along. */
function happens(watched: boolean): { clock: Clock; api: ApiServer } {
  const clock = new Clock({ seed: 4 })
  const api = new ApiServer(clock, { freeze: true })
  if (watched) api.watch('events', {}, () => undefined)
  const kubelet = new EventRecorder(asManager(api, 'kubelet'), clock, 'kubelet', 'worker-1')
  const scheduler = new EventRecorder(asManager(api, 'kube-scheduler'), clock, 'default-scheduler')
  const about = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', uid: `uid-of-${name}`, resourceVersion: '7', creationTimestamp: '' } })
  for (let i = 0; i < 30; i++) {
    clock.now += 777.7
    kubelet.event(about('one'), 'Normal', 'Pulling', `Pulling image ${i % 4}`, { fieldPath: 'spec.containers{c}' })
    kubelet.event(about('many'), 'Warning', 'Spam', `text ${i}`)
    scheduler.note(about('one'), 'Warning', 'FailedScheduling', 'Scheduling', 'no room', about('many'))
    kubelet.event(about('x'.repeat(250)), 'Normal', 'Longest', 'a name that an event cannot have')
    if (i % 10 === 9) api.create('configmaps', 'default', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'other-' } })
  }
  return { clock, api }
}

describe('writes that wait until somebody looks', () => {
  it('make the same objects, versions, names and history as if somebody had watched', () => {
    const [seen, unseen] = [happens(true), happens(false)]
    const told = (world: typeof seen): unknown[] => {
      const events: unknown[] = []
      world.api.watch<Event>('events', { resourceVersion: '12' }, (event) => events.push(event))
      world.clock.runFor(10)
      return events
    }
    const late = told(unseen)
    expect(late.length).toBeGreaterThan(60)
    expect(late).toEqual(told(seen))
    for (const resource of ['events', 'configmaps', 'events.events.k8s.io']) expect(unseen.api.list(resource)).toEqual(seen.api.list(resource))
    expect(unseen.api.list<Event>('events').items.find((e) => e.message?.startsWith('(combined'))?.count).toBe(16)
  })

  it('are refused at once where the namespace is gone', () => {
    const { api, clock } = happens(false)
    const before = api.store.version
    const recorder = new EventRecorder(api, clock, 'kubelet')
    recorder.event({ apiVersion: 'v1', kind: 'Pod', namespace: 'gone', name: 'p', uid: 'u' }, 'Normal', 'Started', 'text')
    expect(api.store.version).toBe(before)
  })

  it('are found under their names, and deleted', () => {
    const { api } = happens(false)
    const { name } = api.list<Event>('events').items[0]!.metadata
    api.delete('events', 'default', name)
    expect(api.list('events').items.some((e) => e.metadata.name === name)).toBe(false)
  })
})
