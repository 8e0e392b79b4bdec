import { describe, expect, it } from 'vitest'
import { Clock } from '../../clock.ts'
import type { Container, Pod } from '../types.ts'
import { conditionsOf, phaseOf, type Phase } from './pod-status.ts'
import { ContainerRecord, type Terminated } from './record.ts'

/**
 * What pkg/kubelet/kubelet_pods_test.go (TestPodPhaseWithRestart…) and pkg/kubelet/status/generate_test.go check, told again with its neighbours.
 * Each container is a letter: w waits, R runs (r: not ready or not started yet), S succeeded, F failed, s and f wait after that, - is
 * not known yet; with ! before it is a sidecar.
 */
type Policy = 'Always' | 'OnFailure' | 'Never'
const end = (exitCode: number): Terminated => ({ exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', startedAt: null, finishedAt: '2026-01-01T00:00:00Z' })

function record(text: string, i: number, kind: 'init' | 'main'): ContainerRecord {
  const letter = text.replace('!', '')
  const made = new ContainerRecord({ name: `${kind}${i}` } as Container, text.startsWith('!') ? 'sidecar' : kind)
  if (/[Rr]/.test(letter)) made.state = { running: { startedAt: '2026-01-01T00:00:00Z' } }
  if (/[SF]/.test(letter)) made.state = { terminated: end(letter === 'S' ? 0 : 1) }
  if (/[sf]/.test(letter)) {
    made.state = { waiting: { reason: 'CrashLoopBackOff' } }
    made.last = end(letter === 's' ? 0 : 1)
  }
  made.ran = /[RrSFsf]/.test(letter)
  made.ready = made.started = letter === 'R'
  return made
}

interface Story { policy?: Policy; terminal?: boolean; gates?: string[]; conditions?: object[]; phase?: Phase }
function tell(containers: string, init: string, { policy = 'Always', terminal = false, gates, conditions = [], phase }: Story = {}): { phase: Phase; told: Record<string, string> } {
  const main = containers.split(' ').filter(Boolean).map((text, i) => record(text, i, 'main'))
  const inits = init.split(' ').filter(Boolean).map((text, i) => record(text, i, 'init'))
  const pod = { metadata: { name: 'p' }, spec: { restartPolicy: policy, ...(gates ? { readinessGates: gates.map((conditionType) => ({ conditionType })) } : {}) }, status: { conditions } } as unknown as Pod
  const is = phase ?? phaseOf(pod, inits, main, terminal)
  const all = conditionsOf(pod, { clock: new Clock({ seed: 1 }), phase: is, hasSandbox: true, init: inits, main })
  return { phase: is, told: Object.fromEntries(all.map((c) => [c.type, [c.status, c.reason, c.message].filter(Boolean).join(' ')])) }
}

describe('the phase', () => {
  const rows: [string, string, string, Policy[], string][] = [
    ['nothing is there', 'w w', '', ['Always', 'OnFailure', 'Never'], 'Pending Pending Pending'],
    ['all run', 'R R', '', ['Always', 'OnFailure', 'Never'], 'Running Running Running'],
    ['all succeeded', 'S S', '', ['Always', 'OnFailure', 'Never'], 'Running Succeeded Succeeded'],
    ['all failed', 'F F', '', ['Always', 'OnFailure', 'Never'], 'Running Running Failed'],
    ['one succeeded, one runs', 'R S', '', ['Always', 'OnFailure', 'Never'], 'Running Running Running'],
    ['one waits', 'R w', '', ['Always', 'OnFailure', 'Never'], 'Pending Pending Pending'],
    ['one backs off', 'R s', '', ['Always', 'OnFailure'], 'Running Running'],
    ['all back off', 'f f', '', ['Always', 'OnFailure', 'Never'], 'Running Running Failed'],
    ['one failed, one succeeded', 'F S', '', ['Always', 'OnFailure', 'Never'], 'Running Running Failed'],
    ['an init container waits', 'w w', 'w', ['Always', 'Never'], 'Pending Pending'],
    ['it runs', 'w w', 'R', ['Always', 'Never'], 'Pending Pending'],
    ['it failed', 'w w', 'F', ['Always', 'OnFailure', 'Never'], 'Pending Pending Failed'],
    ['it waits after a success', 'w w', 's', ['Always', 'Never'], 'Pending Pending'],
    ['it waits after a failure', 'w w', 'f', ['Always', 'OnFailure', 'Never'], 'Pending Pending Failed'],
    ['it succeeded', 'R R', 'S', ['Always', 'Never'], 'Running Running'],
    ['a sidecar runs, it is not started', 'w w', '!r', ['Always', 'OnFailure', 'Never'], 'Pending Pending Pending'],
    ['a sidecar is started', 'w w', '!R', ['Always', 'OnFailure', 'Never'], 'Pending Pending Pending'],
    ['a sidecar and all others run', 'R R', '!R', ['Always', 'OnFailure', 'Never'], 'Running Running Running'],
    ['a sidecar starts anew beside the others', 'R R', '!r', ['Always', 'OnFailure', 'Never'], 'Running Running Running'],
    ['a sidecar backs off', 'R R', '!f', ['Always', 'OnFailure', 'Never'], 'Running Running Running'],
    ['a sidecar ended', 'R R', '!F', ['Always', 'OnFailure', 'Never'], 'Running Running Running'],
    ['the others succeeded, a sidecar runs', 'S S', '!R', ['Always', 'OnFailure', 'Never'], 'Running Running Running'],
    ['the others succeeded, a sidecar failed', 'S S', '!F', ['OnFailure', 'Never'], 'Succeeded Succeeded'],
    ['the others failed, a sidecar succeeded', 'F S', '!S', ['OnFailure', 'Never'], 'Running Failed'],
    ['a sidecar waits, for the first time', 'w w', '!w', ['Always', 'OnFailure', 'Never'], 'Pending Pending Pending'],
  ]
  it.each(rows)('%s', (_, containers, init, policies, expected) => {
    expect(policies.map((policy) => tell(containers, init, { policy }).phase).join(' ')).toBe(expected)
  })

  it.each([['S S', 'Succeeded'], ['F S', 'Failed'], ['R S', 'Running'], ['f S', 'Failed']])('of one whose containers %s are not started again is %s, whatever the policy', (containers, expected) => {
    expect((['Always', 'OnFailure', 'Never'] as const).map((policy) => tell(containers, '', { policy, terminal: true }).phase)).toEqual([expected, expected, expected])
  })
})

describe('the conditions', () => {
  const unready = (...names: string[]): string => `False ContainersNotReady containers with unready status: [${names.join(' ')}]`
  it.each<[string, string, string, string]>([
    ['none', '', '', 'True'],
    ['all ready', 'R R', '', 'True'],
    ['one is not', 'R r', '', unready('main1')],
    ['none is', 'r r', '', unready('main0', 'main1')],
    ['one waits', 'R w', '', unready('main1')],
    ['a sidecar is not', 'R', '!r', unready('init0')],
    ['a sidecar is', 'R', '!R', 'True'],
    ['init containers do not count', 'R', 'S', 'True'],
    ['the sidecars first', 'r', 'S !r', unready('init1', 'main0')],
  ])('ContainersReady: %s', (_, containers, init, expected) => {
    const { told } = tell(containers, init)
    expect([told['ContainersReady'], told['Ready']]).toEqual([expected, expected])
  })

  it.each<[Phase, string, string]>([['Succeeded', 'S', 'False PodCompleted'], ['Failed', 'F', 'False PodFailed'], ['Failed', 'R', 'False PodFailed']])('%s: %s is %s', (phase, containers, expected) => {
    const { told } = tell(containers, '', { phase })
    expect([told['ContainersReady'], told['Ready']]).toEqual([expected, expected])
  })

  const type = (name: string, status: string): object => ({ type: name, status })
  const gone = (name: string): string => `corresponding condition of pod readiness gate "${name}" does not exist.`
  const not = (name: string, status: string): string => `the status of pod readiness gate "${name}" is not "True", but ${status}`
  it.each<[string, string[], object[], string]>([
    ['nobody said so', ['gate1'], [], `False ReadinessGatesNotReady ${gone('gate1')}`],
    ['it is not', ['gate1'], [type('gate1', 'False')], `False ReadinessGatesNotReady ${not('gate1', 'False')}`],
    ['it is unknown', ['gate1'], [type('gate1', 'Unknown')], `False ReadinessGatesNotReady ${not('gate1', 'Unknown')}`],
    ['it is', ['gate1'], [type('gate1', 'True')], 'True'],
    ['one is', ['gate1', 'gate2'], [type('gate1', 'True')], `False ReadinessGatesNotReady ${gone('gate2')}`],
    ['one is, one is not', ['gate1', 'gate2'], [type('gate1', 'True'), type('gate2', 'False')], `False ReadinessGatesNotReady ${not('gate2', 'False')}`],
    ['one is not, of the other nobody said so', ['gate1', 'gate2'], [type('gate1', 'False')], `False ReadinessGatesNotReady ${not('gate1', 'False')}, ${gone('gate2')}`],
    ['both are', ['gate1', 'gate2'], [type('gate1', 'True'), type('gate2', 'True')], 'True'],
  ])('readiness gates: %s', (_, gates, conditions, expected) => {
    expect(tell('R', '', { gates, conditions }).told).toMatchObject({ Ready: expected, ContainersReady: 'True' })
  })

  it('readiness gates are not asked while containers are not ready', () => {
    expect(tell('r', '', { gates: ['gate1'] }).told['Ready']).toBe(unready('main0'))
  })

  const incomplete = (...names: string[]): string => `False ContainersNotInitialized containers with incomplete status: [${names.join(' ')}]`
  it.each<[string, string, string, string]>([
    ['none', 'w', '', 'True'],
    ['one runs', 'w', 'R', incomplete('init0')],
    ['one succeeded, one waits', 'w', 'S w', incomplete('init1')],
    ['both wait', 'w', 'w w', incomplete('init0', 'init1')],
    ['one failed', 'w', 'F', incomplete('init0')],
    ['both succeeded', 'w', 'S S', 'True'],
    ['a sidecar is not started', 'w', '!r', incomplete('init0')],
    ['a sidecar is started', 'w', '!R', 'True'],
    ['a sidecar is started, one after it is not done', 'w', '!R w', incomplete('init1')],
    ['a sidecar starts anew while the others run', 'R', '!r', 'True'],
    ['a sidecar starts anew after the others ended', 'F', '!w', 'True'],
  ])('Initialized: %s', (_, containers, init, expected) => {
    expect(tell(containers, init).told['Initialized']).toBe(expected)
  })

  it('Initialized: of a Pod that succeeded it says so', () => {
    expect(tell('S', 'S', { policy: 'Never' }).told['Initialized']).toBe('True PodCompleted')
  })
})
