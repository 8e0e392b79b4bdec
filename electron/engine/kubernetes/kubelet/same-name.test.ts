import { describe, expect, it } from 'vitest'
import type { Pod } from '../types.ts'
import { Story } from './stories.samples.ts'

const { does } = Story

/** Of a Pod that hears no SIGTERM: its containers outlive its object. */
const deaf = { nodeName: 'worker-1', terminationGracePeriodSeconds: 20, containers: [does('deaf')] }

describe('a Pod under the name of one that was deleted by force, on the node where that one still stops', () => {
  it.each([
    ['at once', (story: Story) => story.delete('web', { gracePeriodSeconds: 0 })],
    ['while it was being deleted', (story: Story) => {
      story.delete()
      story.pass(5)
      story.delete('web', { gracePeriodSeconds: 0 })
    }],
  ])('has a status of its own, deleted %s', (_, force) => {
    const story = new Story()
    story.run('web', deaf)
    const old = story.pod()
    force(story)
    expect(story.gone()).toBe(true)
    const addresses = new Set<string>()
    const phases: (string | undefined)[] = []
    story.cluster.client.watch<Pod>('pods', { namespace: 'default' }, (event) => {
      if (!('object' in event)) return
      const { metadata, status } = event.object
      if (metadata.uid === old.metadata.uid) return
      if (status.podIP !== undefined) addresses.add(status.podIP)
      if (phases.at(-1) !== status.phase) phases.push(status.phase)
    })
    story.create('pods', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: { nodeName: 'worker-1', containers: [{ name: 'main', image: 'busybox', ...does('stay') }] } })
    story.pass(60)
    expect(story.pod().metadata.uid).not.toBe(old.metadata.uid)
    expect(story.state()).toBe('running, ready')
    expect(phases).toEqual(['Pending', 'Running'])
    expect([...addresses]).toEqual([story.pod().status.podIP])
    expect(story.pod().status.podIP).not.toBe(old.status.podIP)
  })
})
