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

test('a gated Pod’s node affinity can only be narrowed, and what it wants of other Pods not at all', () => {
  const api = new ApiServer(new Clock({ seed: 1 }), { freeze: true })
  const zone = { key: 'zone', operator: 'In', values: ['a'] }
  const disk = { key: 'disk', operator: 'Exists' }
  const required = (...terms: object[]): object => ({ nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } })
  let number = 0
  const change = (before: object | null, after: object | null): string => {
    const name = `p${number++}`
    api.create('pods', 'default', { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { schedulingGates: [{ name: 'a.b/one' }], affinity: before ?? undefined, containers: [{ name: 'c', image: 'nginx' }] } })
    try {
      api.patch<Pod>('pods', 'default', name, 'application/json-patch+json', [after ? { op: 'add', path: '/spec/affinity', value: after } : { op: 'remove', path: '/spec/affinity' }])
      return 'ok'
    } catch (error) {
      return (error as Error).message.replace(/^Pod "p\d+" is invalid: /, '')
    }
  }
  const path = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms'
  const zoneText = 'core.NodeSelectorRequirement{Key:"zone", Operator:"In", Values:[]string{"a"}}'
  const diskText = 'core.NodeSelectorRequirement{Key:"disk", Operator:"Exists", Values:[]string(nil)}'
  const mutated = 'only additions are allowed (no mutations or deletions)'
  // TestValidatePodUpdate's rows about gated Pods
  expect(change(null, required({ matchExpressions: [zone] }))).toBe('ok')
  expect(change(required({ matchExpressions: [zone] }), required({ matchExpressions: [zone, disk] }))).toBe('ok')
  expect(change(required({ matchExpressions: [zone] }), required({ matchExpressions: [zone], matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n'] }] }))).toBe('ok')
  expect(change(required({ matchExpressions: [zone, disk] }), required({ matchExpressions: [disk] }))).toBe(`${path}[0]: Invalid value: core.NodeSelectorTerm{MatchExpressions:[]core.NodeSelectorRequirement{${diskText}}, MatchFields:[]core.NodeSelectorRequirement(nil)}: ${mutated}`)
  expect(change(required({ matchExpressions: [zone] }), required({ matchExpressions: [{ ...zone, values: ['a', 'b'] }] }))).toContain(mutated)
  expect(change(required({ matchExpressions: [zone] }), required({ matchExpressions: [zone] }, { matchExpressions: [disk] }))).toContain(`${path}: Invalid value: []core.NodeSelectorTerm{core.NodeSelectorTerm{MatchExpressions:[]core.NodeSelectorRequirement{${zoneText}}`)
  expect(change(required({ matchExpressions: [zone] }), null)).toBe(`${path}: Invalid value: []core.NodeSelectorTerm(nil): no additions/deletions to non-empty NodeSelectorTerms list are allowed`)
  const prefers = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: { matchExpressions: [zone] } }] } }
  expect(change(prefers, null)).toBe('ok')
  expect(change(null, prefers)).toBe('ok')
  const apart = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', labelSelector: {} }] } }
  expect(change(required({ matchExpressions: [zone] }), { ...required({ matchExpressions: [zone, disk] }), ...apart })).toContain('spec: Forbidden: pod updates may not change fields')
  expect(change(apart, null)).toContain('spec: Forbidden: pod updates may not change fields')
})
