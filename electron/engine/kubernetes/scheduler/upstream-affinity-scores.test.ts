import { describe, expect, test } from 'vitest'
import { Selector, selectorFromSet } from '../selectors.ts'
import type { Namespace } from '../types.ts'
import { ClusterState } from './cluster-state.ts'
import { podAffinityScores } from './scores.ts'
import { nodeOf, podOf } from './upstream.samples.ts'

/**
 * Tables of pkg/scheduler/framework/plugins/interpodaffinity/scoring_test.go (v1.33), told again: TestPreferredAffinity,
 * TestPreferredAffinityWithHardPodAffinitySymmetricWeight. Nodes are "name label=value …", placed Pods "node label …" and what they want.
 */
const security = (...values: string[]): object => ({ key: 'security', operator: 'In', values })
const term = (topologyKey: string, expressions: object[], more: object = {}): object => ({ topologyKey, labelSelector: { matchExpressions: expressions }, ...more })
const preferred = (weight: number, podAffinityTerm: object): object => ({ weight, podAffinityTerm })
const to = (...terms: object[]): object => ({ podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: terms } })
const from = (...terms: object[]): object => ({ podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: terms } })
const known = [{ key: 'security', operator: 'Exists' }, { key: 'wrongkey', operator: 'DoesNotExist' }]

const WANTS: Record<string, object> = {
  withS1: to(preferred(5, term('region', [security('S1')]))),
  withS2: to(preferred(6, term('region', [security('S2')]))),
  many: to(preferred(8, term('region', [{ key: 'security', operator: 'NotIn', values: ['S1'] }, security('S2')])), preferred(2, term('region', known))),
  hard: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('region', [security('S1', 'value2')]), term('region', known)] } },
  hardOne: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('region', [{ key: 'service', operator: 'In', values: ['S1'] }])] } },
  notS1: from(preferred(5, term('az', [security('S1')]))),
  notS2: from(preferred(5, term('az', [security('S2')]))),
  withS1NotS2: { ...to(preferred(8, term('region', [security('S1')]))), ...from(preferred(5, term('az', [security('S2')]))) },
  team1: to(preferred(5, term('region', [security('S1')], { namespaces: ['subteam2.team2'], namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'In', values: ['team1'] }] } }))),
  notTeam1: from(preferred(5, term('region', [security('S1')], { namespaces: ['subteam2.team2'], namespaceSelector: { matchExpressions: [{ key: 'team', operator: 'In', values: ['team1'] }] } }))),
}
const want = (name: string | undefined): object => (name === undefined ? {} : { affinity: WANTS[name] })

const NAMESPACES = ['default', 'subteam1.team1', 'subteam2.team1', 'subteam1.team2', 'subteam2.team2'].map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: name === 'default' ? {} : { team: name.split('.')[1]! } } }) as unknown as Namespace)

function scores(nodes: readonly string[], placed: readonly (string | [string, string])[], labels: string, wants: string | undefined): number[] | undefined {
  const state = new ClusterState({
    namespaces: () => NAMESPACES, namespace: (name) => NAMESPACES.find((n) => n.metadata.name === name), claim: () => undefined, storageClass: () => undefined, budgets: () => [], hasClaims: false,
    defaultSelector: () => new Selector(selectorFromSet({ none: '' }).requirements),
  })
  for (const text of nodes) state.setNode(nodeOf(text))
  placed.forEach((each, i) => {
    const [text, own] = typeof each === 'string' ? [each, undefined] : each
    const [node, ...words] = text.split(' ')
    state.place(podOf(`placed-${i}`, words, want(own)), node!)
  })
  return podAffinityScores(state, podOf('p', labels.split(' '), want(wants)), nodes.map((text) => state.node(text.split(' ')[0]!)!))
}

const [S1, S2] = ['security=S1', 'security=S2']
const three = ['n1 region=China', 'n2 region=India', 'n3 az=az1']
const T1 = 'ns:subteam1.team1'

describe('what Pods prefer of others', () => {
  test.each<[string, string[], (string | [string, string])[], string, string | undefined, number[] | undefined]>([
    ['nothing', three, [], S1, undefined, undefined],
    ['where such Pods are, with the topology key', three, [`n1 ${S1}`, `n2 ${S2}`, `n3 ${S1}`], S1, 'withS1', [100, 0, 0]],
    ['the same domain, the same score', ['n1 region=China', 'n2 region=China az=az1', 'n3 region=India'], [`n1 ${S1}`], '', 'withS1', [100, 100, 0]],
    ['where there are more', ['n1 region=China', 'n2 region=India', 'n3 region=China', 'n4 region=China', 'n5 region=India'], [`n1 ${S2}`, `n1 ${S2}`, `n2 ${S2}`, `n3 ${S2}`, `n4 ${S2}`, `n5 ${S2}`], S1, 'withS2', [100, 0, 100, 100, 0]],
    ['several operators', three, [`n1 ${S1}`, `n2 ${S2}`, `n3 ${S1}`], S1, 'many', [20, 100, 0]],
    ['what those prefer that are there', three, [[`n1 ${S1}`, 'withS1'], [`n2 ${S2}`, 'withS2']], S2, undefined, [0, 100, 0]],
    ['of namespaces', three, [[`n1 ${S1}`, 'team1'], [`n2 ${S2}`, 'withS2']], `${S1} ${T1}`, undefined, [100, 0, 0]],
    ['not of namespaces', three, [[`n1 ${S1}`, 'notTeam1'], [`n2 ${S2}`, 'withS2']], `${S1} ${T1}`, undefined, [0, 100, 100]],
    ['what those require that are there', three, [[`n1 ${S1}`, 'hard'], [`n2 ${S2}`, 'hard']], S1, undefined, [100, 100, 0]],
    ['away from such Pods', ['n1 az=az1', 'n2 region=China'], [`n1 ${S1}`, `n2 ${S2}`], S1, 'notS1', [0, 100]],
    ['a node without the topology key', ['n1 az=az1', 'n2 region=China'], [`n1 ${S1}`, `n2 ${S1}`], S1, 'notS1', [0, 100]],
    ['the more there are', ['n1 az=az1', 'n2 region=India'], [`n1 ${S1}`, `n1 ${S1}`, `n2 ${S2}`], S1, 'notS1', [0, 100]],
    ['those that are there stay away', ['n1 az=az1', 'n2 az=az2'], [[`n1 ${S1}`, 'notS2'], [`n2 ${S2}`, 'notS1']], S2, undefined, [0, 100]],
    ['with some and away from others', ['n1 region=China', 'n2 az=az1'], [`n1 ${S1}`, `n2 ${S1}`], S1, 'withS1NotS2', [100, 0]],
    ['brothers', ['n1 region=China az=az1', 'n2 region=India', 'n3 region=China', 'n4 region=China', 'n5 region=India'], [`n1 ${S1}`, `n1 ${S1}`, `n2 ${S1}`, `n3 ${S1}`, `n3 ${S1}`, `n4 ${S1}`, `n5 ${S1}`], S1, 'withS1NotS2', [100, 0, 100, 100, 0]],
    ['all of these', ['n1 region=China', 'n2 az=az1', 'n3 region=India', 'n4 az=az2'], [`n1 ${S1}`, `n2 ${S2}`, ['n3', 'withS1NotS2'], ['n4', 'notS1']], S1, 'withS1NotS2', [100, 0, 100, 0]],
    ['all nodes the same', ['n1 region=China', 'n2 region=China'], [`n1 ${S1}`, ['n2', 'withS1NotS2']], S1, undefined, [0, 0]],
    ['Pods of namespaces by labels', ['n1 region=China', 'n2 region=India'], [`n1 ${S1} ${T1}`, `n1 ${S1} ${T1}`, `n1 ${S1} ns:subteam1.team2`, `n2 ${S1} ns:subteam2.team1`], `${S1} ${T1}`, 'team1', [100, 0]],
    ['by labels and names', ['n1 region=China', 'n2 region=India'], [`n1 ${S1} ${T1}`, `n1 ${S1} ${T1}`, `n1 ${S1} ns:subteam2.team2`, `n2 ${S1} ns:subteam2.team1`], `${S1} ${T1}`, 'team1', [100, 0]],
    ['what is required counts one for each', ['n1 region=China', 'n2 region=India', 'n3 az=az1'], [['n1 service=S1', 'hardOne'], ['n2 service=S1', 'hardOne']], 'service=S1', undefined, [100, 100, 0]],
  ])('%s', (_, nodes, placed, labels, wants, expected) => {
    expect(scores(nodes, placed, labels, wants)).toEqual(expected)
  })

  test('the scores between lowest and highest are cut as floats of Go are', () => {
    const placed = (node: string, count: number): string[] => Array.from({ length: count }, () => `${node} ${S1}`)
    expect(scores(['n1 region=a', 'n2 region=b', 'n3 region=c'], [...placed('n1', 100), ...placed('n2', 29)], S1, 'withS1')).toEqual([100, 28, 0])
  })
})
