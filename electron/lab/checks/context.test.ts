import { expect, it } from 'vitest'
import { unmet } from './context.ts'

it('says what was found instead in words that a beginner reads', () => {
  const pod = { spec: { nodeName: 'worker-1' }, status: { conditions: [{ type: 'Ready', status: 'False' }] } }
  expect(unmet(pod, { path: '{.status.conditions[?(@.type=="Ready")].status}', equals: 'True' }, new Map())).toBe('condition Ready is False')
  expect(unmet(pod, { path: "{.status.conditions[?(@.type=='Initialized')].status}", equals: 'True' }, new Map())).toBe('condition Initialized is not set')
  expect(unmet(pod, { path: '{.spec.nodeName}', equals: 'worker-2' }, new Map())).toBe('spec.nodeName is worker-1')
})
