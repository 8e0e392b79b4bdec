import { describe, expect, test } from 'vitest'
import type { Pod, PodDisruptionBudget } from '../types.ts'
import { Attempt } from './attempt.ts'
import { findPreemption } from './preemption.ts'
import type { Refusal } from './refusal.ts'
import { nodeOf, podOf, stateOf } from './upstream.samples.ts'

/**
 * What pkg/scheduler/framework/plugins/defaultpreemption/default_preemption_test.go checks, told again with its neighbours:
 * TestDryRunPreemption, TestSelectBestCandidate, TestPodEligibleToPreemptOthers. A node takes 500 milli CPU; a Pod is "node/priority/milli/label/minutes it ran".
 */
interface Budget { label: string; allowed: number; disrupted?: string[] }
interface Placed { text: string; dying?: 'by us' | 'by somebody' }
const budget = ({ label, allowed, disrupted = [] }: Budget, i: number): PodDisruptionBudget => ({
  apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: `b${i}`, namespace: 'default' },
  spec: { selector: label === '' ? {} : { matchLabels: { app: label } } }, status: { disruptionsAllowed: allowed, disruptedPods: Object.fromEntries(disrupted.map((name) => [name, '2026-01-01T00:00:00Z'])) },
}) as unknown as PodDisruptionBudget

function preempt(nodes: readonly string[], placed: readonly (string | Placed)[], { priority = 1000, milli = 500, budgets = [], pod: more = {}, status = {} }: { priority?: number; milli?: number; budgets?: Budget[]; pod?: object; status?: object } = {}): string {
  const requests = (cpu: string | number): object => ({ containers: [{ name: 'c', image: 'x', resources: { requests: { cpu: `${cpu}m` } } }] })
  const state = stateOf(nodes.map((text) => nodeOf(text, { allocatable: { cpu: '500m', memory: '1Gi', pods: '110' } })), [], undefined, budgets.map(budget))
  placed.forEach((each, i) => {
    const { text, dying } = typeof each === 'string' ? { text: each, dying: undefined } : each
    const [node, importance, cpu, label, minutes = '0'] = text.split('/')
    const made = podOf(`p${i}`, [...(label ? [`app=${label}`] : []), ...(dying ? ['dying'] : [])], { priority: Number(importance), ...requests(cpu!) })
    const conditions = dying === undefined ? [] : [{ type: 'DisruptionTarget', status: 'True', reason: dying === 'by us' ? 'PreemptionByScheduler' : 'EvictionByEvictionAPI' }]
    state.place({ ...made, status: { startTime: new Date(Date.parse('2026-01-01T10:00:00Z') - Number(minutes) * 60_000).toISOString(), conditions } } as Pod, node!)
  })
  const pod = { ...podOf('x', [], { priority, ...requests(milli), ...more }), status } as unknown as Pod
  const attempt = new Attempt(state, pod)
  const refusals = new Map<string, Refusal>()
  for (const info of state.nodes()) {
    const refused = attempt.filter(info)
    if (refused) refusals.set(info.name, refused)
  }
  const found = findPreemption(state, pod, refusals)
  if ('message' in found) return found.message
  return `${found.candidate.info.name}: ${found.candidate.victims.map((v) => v.pod.metadata.name).join(' ')}${found.candidate.violations > 0 ? `, ${found.candidate.violations} against budgets` : ''}`
}

describe('whom a Pod takes the place of', () => {
  test.each<[string, string[], (string | Placed)[], Parameters<typeof preempt>[2], string]>([
    ['nobody who is as important', ['n1', 'n2'], ['n1/1000/500', 'n2/1000/500'], {}, 'preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.'],
    ['one of two: nodes alike, the first', ['n1', 'n2'], ['n1/100/500', 'n2/100/500'], {}, 'n1: p0'],
    ['only where it is less important', ['n1', 'n2'], ['n1/2000/500', 'n2/100/500'], {}, 'n2: p1'],
    ['as few as will do, the most important stay', ['n1'], ['n1/0/100', 'n1/0/200', 'n1/100/200'], { milli: 300 }, 'n1: p0 p1'],
    ['of equals those that began last', ['n1'], ['n1/0/200/a/10', 'n1/0/200/a/5', 'n1/0/50/a/1'], { milli: 250 }, 'n1: p1'],
    ['on the node whose most important victim is the least so', ['n1', 'n2', 'n3'], ['n1/100/500', 'n2/0/500', 'n3/100/500'], {}, 'n2: p1'],
    ['then of the lowest sum', ['n1', 'n2'], ['n1/100/250', 'n1/50/250', 'n2/100/250', 'n2/0/250'], {}, 'n2: p2 p3'],
    ['few highly negative ones are not better for their number', ['n1', 'n2'], ['n1/-100/250', 'n1/-100/250', 'n2/-100/500'], {}, 'n2: p2'],
    ['then of the fewest', ['n1', 'n2'], ['n1/0/250', 'n1/0/250', 'n2/0/500'], {}, 'n2: p2'],
    ['then of the latest start', ['n1', 'n2', 'n3'], ['n1/0/500/a/30', 'n2/0/500/a/10', 'n3/0/500/a/20'], {}, 'n2: p1'],
    ['among the most important of them the earliest counts', ['n1', 'n2'], ['n1/100/250/a/30', 'n1/100/250/a/1', 'n2/100/250/a/20', 'n2/100/250/a/20'], {}, 'n2: p2 p3'],
  ])('%s', (_, nodes, placed, more, expected) => {
    expect(preempt(nodes, placed, more)).toBe(expected)
  })
})

describe('budgets', () => {
  test.each<[string, string[], string[], Budget[], number, string]>([
    ['keep a Pod on its node while another one will do', ['n1', 'n2'], ['n1/0/500/a', 'n2/100/500/b'], [{ label: 'a', allowed: 0 }], 500, 'n2: p1'],
    ['keep those that they protect before those that are more important', ['n1'], ['n1/0/250/a', 'n1/100/250/b'], [{ label: 'a', allowed: 0 }], 250, 'n1: p1'],
    ['allow as many as they say, the most important of them first', ['n1'], ['n1/100/250/a', 'n1/50/250/a'], [{ label: 'a', allowed: 1 }], 250, 'n1: p0'],
    ['are broken when nothing else will do', ['n1'], ['n1/0/500/a'], [{ label: 'a', allowed: 0 }], 500, 'n1: p0, 1 against budgets'],
    ['are broken as seldom as possible', ['n1', 'n2'], ['n1/0/250/a', 'n1/0/250/a', 'n2/100/250/a', 'n2/100/250/b'], [{ label: 'a', allowed: 0 }], 500, 'n2: p2 p3, 1 against budgets'],
    ['do not count whom they know of', ['n1', 'n2'], ['n1/0/500/a', 'n2/100/500/b'], [{ label: 'a', allowed: 0, disrupted: ['p0'] }], 500, 'n1: p0'],
    ['that select everything select nothing here', ['n1', 'n2'], ['n1/0/500/a', 'n2/100/500/b'], [{ label: '', allowed: 0 }], 500, 'n1: p0'],
    ['of two any one is enough', ['n1', 'n2'], ['n1/0/500/a', 'n2/100/500/b'], [{ label: 'a', allowed: 5 }, { label: 'a', allowed: 0 }], 500, 'n2: p1'],
  ])('%s', (_, nodes, placed, budgets, milli, expected) => {
    expect(preempt(nodes, placed, { budgets, milli })).toBe(expected)
  })
})

describe('who may take a place', () => {
  const WAITS = 'preemption: not eligible due to a terminating pod on the nominated node.'
  const nominated = { status: { nominatedNodeName: 'n1' } }
  test.each<[string, (string | Placed)[], Parameters<typeof preempt>[2], string]>([
    ['not one that says never', ['n1/0/500'], { pod: { preemptionPolicy: 'Never' } }, 'preemption: not eligible due to preemptionPolicy=Never.'],
    ['one that waits for nobody', ['n1/0/500'], nominated, 'n1: p0'],
    ['not one whose victim is on its way out', [{ text: 'n1/0/500', dying: 'by us' }], nominated, WAITS],
    ['one where somebody is on his way out for another reason', [{ text: 'n1/0/250', dying: 'by somebody' }, 'n1/0/250'], nominated, 'n1: p0 p1'],
    ['one where somebody more important is', [{ text: 'n1/2000/250', dying: 'by us' }, 'n1/0/250'], { ...nominated, milli: 250 }, 'n1: p1'],
    ['one that can run there no more: it looks elsewhere', [{ text: 'n1/0/500', dying: 'by us' }, 'n2/0/500'], { ...nominated, pod: { nodeSelector: { 'kubernetes.io/hostname': 'n2' } } }, 'n2: p1'],
  ])('%s', (_, placed, more, expected) => {
    expect(preempt(['n1', 'n2 x'].slice(0, placed.some((p) => typeof p === 'string' && p.startsWith('n2')) ? 2 : 1), placed, more)).toBe(expected)
  })
})
