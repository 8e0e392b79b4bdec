import { expect, test } from 'vitest'
import { Clock } from '../../clock.ts'
import { ApiServer } from '../api-server.ts'
import type { Pod } from '../types.ts'

test('of a Pod scheduling gates can only be taken away, and meanwhile its node selector only be narrowed', () => {
  const clock = new Clock({ seed: 1 })
  const api = new ApiServer(clock, { freeze: true })
  api.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'gated' }, spec: { schedulingGates: [{ name: 'a.b/one' }, { name: 'a.b/two' }], nodeSelector: { disk: 'ssd' }, containers: [{ name: 'c', image: 'nginx' }] } })
  const patch = (spec: object): string => {
    try {
      const { schedulingGates, nodeSelector } = api.patch<Pod>('pods', 'default', 'gated', 'application/merge-patch+json', { spec }).spec
      return JSON.stringify({ schedulingGates, nodeSelector })
    } catch (error) {
      return (error as Error).message
    }
  }
  expect(patch({ schedulingGates: [{ name: 'a.b/two' }, { name: 'new' }] })).toBe(`Pod "gated" is invalid: spec.schedulingGates[1].name: Forbidden: only deletion is allowed, but found new scheduling gate 'new'`)
  expect(patch({ nodeSelector: { disk: 'hdd' } })).toContain('spec.nodeSelector: Invalid value: map[string]string{"disk":"hdd"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)')
  expect(patch({ nodeSelector: { zone: 'a' }, schedulingGates: [{ name: 'a.b/two' }] })).toBe('{"schedulingGates":[{"name":"a.b/two"}],"nodeSelector":{"disk":"ssd","zone":"a"}}')
  expect(patch({ schedulingGates: null })).toBe('{"nodeSelector":{"disk":"ssd","zone":"a"}}')
  expect(patch({ schedulingGates: [{ name: 'a.b/two' }] })).toContain('only deletion is allowed')
  expect(patch({ nodeSelector: { more: 'b' } })).toContain('spec: Forbidden: pod updates may not change fields other than')
})
