import { describe, expect, test } from 'vitest'
import type { Node } from '../types.ts'
import { demandOf } from './resources.ts'
import { balanceScores, imageScores, leastAllocated, nodeAffinityScores, taintScores } from './scores.ts'
import { spreadScores } from './topology-spread.ts'
import { HOST, nodeOf, podOf, stateOf, times } from './upstream.samples.ts'

/**
 * Tables of the score plugins' own tests (pkg/scheduler/framework/plugins/{podtopologyspread/scoring_test.go,
 * imagelocality/image_locality_test.go, tainttoleration/taint_toleration_test.go, nodeaffinity/node_affinity_test.go,
 * noderesources/{least,balanced}_allocat*_test.go} of v1.33), told again: inputs and expected scores. Nodes are
 * "name label=value …", placed Pods "node label label …".
 */
interface Want { topologyKey: string; by?: string | null; maxSkew?: number; more?: object }
const on = (topologyKey: string, by: string | null = 'foo', maxSkew = 1, more: object = {}): Want => ({ topologyKey, by, maxSkew, more })
const constraint = ({ topologyKey, by, maxSkew, more }: Want): object => ({
  topologyKey, maxSkew, whenUnsatisfiable: 'ScheduleAnyway', ...(by === null ? {} : { labelSelector: by === '' ? {} : { matchExpressions: [{ key: by, operator: 'Exists' }] } }), ...more,
})

describe('scores of topology spread', () => {
  const four = ['a', 'b', 'c', 'd']
  const zoned = ['a zone=zone1', 'b zone=zone1', 'x zone=zone2', 'y zone=zone2']
  const named = ['a node=a foo', 'b node=b foo', 'c node=c']
  const few = times({ a: 2, b: 1, c: 1 })
  const rows: [string, Want[], { nodes: string[]; others?: string[]; placed: string[]; labels?: string; spec?: object; service?: string; taint?: string }, number[]][] = [
    ['as many on each node', [on(HOST)], { nodes: ['a', 'b'], placed: times({ a: 1, b: 1 }) }, [100, 100]],
    ['2/1/0/3', [on(HOST)], { nodes: four, placed: times({ a: 2, b: 1, d: 3 }) }, [20, 60, 100, 0]],
    ['2/1/0/3, no selector', [on(HOST, null)], { nodes: four, placed: times({ a: 2, b: 1, d: 3 }) }, [100, 100, 100, 100]],
    ['2/1/0/3, maxSkew 2', [on(HOST, 'foo', 2)], { nodes: four, placed: times({ a: 2, b: 1, d: 3 }) }, [33, 66, 100, 16]],
    ['4/3/2/1, maxSkew 3', [on(HOST, 'foo', 3)], { nodes: four, placed: times({ a: 4, b: 3, c: 2, d: 1 }) }, [44, 66, 77, 100]],
    ['4/3/2/1 of a Service, by default, without zones', [], { nodes: four, placed: times({ a: 4, b: 3, c: 2, d: 1 }), service: 'foo' }, [44, 66, 77, 100]],
    ['4/2/1, another node is no candidate', [on(HOST)], { nodes: ['a', 'b', 'x'], others: ['y'], placed: times({ a: 4, b: 2, x: 1, y: 3 }) }, [33, 83, 100]],
    ['a candidate has no such label', [on(HOST)], { nodes: ['a', 'b !host n=b', 'x'], others: ['y'], placed: times({ a: 4, b: 2, x: 1, y: 3 }) }, [16, 0, 100]],
    ['zones, a node is no candidate', [on('zone')], { nodes: zoned.slice(0, 3), others: zoned.slice(3), placed: times({ a: 4, b: 2, x: 1, y: 3 }) }, [75, 75, 100]],
    ['zones and nodes', [on('zone'), on(HOST)], { nodes: [zoned[0]!, zoned[2]!], others: [zoned[1]!, zoned[3]!], placed: times({ a: 2, b: 1, x: 2, y: 4 }) }, [100, 63]],
    ['zones twice', [on('zone'), on('zone', 'bar')], { nodes: [zoned[0]!, zoned[2]!], others: [zoned[1]!, zoned[3]!], placed: ['a foo bar', 'a foo', 'b foo bar', 'y foo', 'y foo bar', 'y foo'], labels: 'foo bar' }, [85, 100]],
    ['other labels for zones than for nodes', [on('zone'), on(HOST, 'bar')], { nodes: zoned, placed: ['a foo', 'b foo bar', 'y foo', 'y bar'], labels: 'foo bar' }, [60, 20, 100, 60]],
    ['the same, some have none', [on('zone'), on(HOST, 'bar')], { nodes: zoned, placed: ['b bar', 'x foo', 'y foo bar'], labels: 'foo bar' }, [100, 60, 40, 0]],
    ['the same, three of four are candidates', [on('zone'), on(HOST, 'bar')], { nodes: zoned.slice(0, 3), others: zoned.slice(3), placed: ['a foo', 'b foo bar', 'y foo', 'y bar'], labels: 'foo bar' }, [50, 25, 100]],
    ['Pods of other namespaces do not count', [on(HOST)], { nodes: ['a', 'b'], placed: ['a foo ns:ns1', 'a foo', 'b foo', 'b foo'] }, [100, 33]],
    ['Pods that are being deleted do not count', [on(HOST)], { nodes: ['a', 'b'], placed: ['a foo dying', 'b foo'] }, [100, 0]],
    ['nodeAffinityPolicy Honor, a nodeSelector', [on('node')], { nodes: named, placed: few, spec: { nodeSelector: { foo: '' } } }, [0, 33, 100]],
    ['nodeAffinityPolicy Ignore, a nodeSelector', [on('node', 'foo', 1, { nodeAffinityPolicy: 'Ignore' })], { nodes: named, placed: few, spec: { nodeSelector: { foo: '' } } }, [66, 100, 100]],
    ['nodeTaintsPolicy Honor', [on('node', 'foo', 1, { nodeTaintsPolicy: 'Honor' })], { nodes: named, placed: few, taint: 'c' }, [0, 33, 100]],
    ['nodeTaintsPolicy Ignore', [on('node')], { nodes: named, placed: few, taint: 'c' }, [66, 100, 100]],
    ['matchLabelKeys beside an empty selector', [on('zone', '', 1, { matchLabelKeys: ['foo'] }), on(HOST, '', 1, { matchLabelKeys: ['bar'] })], { nodes: ['a zone=zone1', 'b zone=zone1', 'c zone=zone2', 'd zone=zone2'], placed: ['a foo', 'b foo bar', 'c foo', 'c bar'], labels: 'foo bar' }, [60, 20, 60, 100]],
  ]
  test.each(rows)('%s', (_, wants, { nodes, others = [], placed, labels = 'foo', spec = {}, service, taint }, expected) => {
    const made = (text: string): Node => nodeOf(text, text.split(' ')[0] === taint ? { taints: [{ key: 'foo', value: 'bar', effect: 'NoSchedule' }] } : {})
    const state = stateOf([...nodes, ...others].map(made), placed, service === undefined ? undefined : { [service]: '' })
    const pod = podOf('p', labels.split(' '), { ...spec, ...(wants.length > 0 ? { topologySpreadConstraints: wants.map(constraint) } : {}) })
    expect(spreadScores(state, pod, nodes.map((text) => state.node(text.split(' ')[0]!)!))).toEqual(expected)
  })
})

describe('scores of images', () => {
  const image = (name: string, megabytes: number, ...tags: string[]): object => ({ names: ['latest', ...tags].map((tag) => `gcr.io/${name}:${tag}`), sizeBytes: megabytes * 1024 * 1024 })
  const one = nodeOf('one', { images: [image('40', 40, 'v1'), image('300', 300, 'v1'), image('2000', 2000)] })
  const two = nodeOf('two', { images: [image('250', 250), image('10', 10, 'v1')] })
  const none = nodeOf('none')
  const rows: [string, string[], Node[], number[]][] = [
    ['the node with the larger image', ['40', '250'], [one, two], [0, 5]],
    ['the node with both images', ['40', '300'], [one, two], [7, 0]],
    ['the largest image, of two containers', ['2000', '10'], [one, two], [49, 0]],
    ['an image that few nodes have', ['2000', '10'], [one, two, none], [32, 0, 0]],
  ]
  test.each(rows)('%s', (_, names, nodes, expected) => {
    const state = stateOf(nodes)
    const pod = podOf('p', [], { containers: names.map((name) => ({ name: `c${name}`, image: `gcr.io/${name}` })) })
    expect(imageScores(state, pod, nodes.map((n) => state.node(n.metadata.name)!))).toEqual(expected)
  })
})

describe('scores of taints', () => {
  const taint = (key: string, value: string, effect = 'PreferNoSchedule'): object => ({ key, value, effect })
  const tolerates = (key: string, value: string, effect = 'PreferNoSchedule'): object => ({ key, operator: 'Equal', value, effect })
  const rows: [string, object[], object[][], number[] | undefined][] = [
    ['what is tolerated is better than what is not', [tolerates('foo', 'bar')], [[taint('foo', 'bar')], [taint('foo', 'blah')]], [100, 0]],
    ['however many are tolerated', [tolerates('cpu-type', 'arm64'), tolerates('disk-type', 'ssd')], [[], [taint('cpu-type', 'arm64')], [taint('cpu-type', 'arm64'), taint('disk-type', 'ssd')]], undefined],
    ['the more are not, the worse', [tolerates('foo', 'bar')], [[], [taint('cpu-type', 'arm64')], [taint('cpu-type', 'arm64'), taint('disk-type', 'ssd')]], [100, 50, 0]],
    ['only PreferNoSchedule counts', [tolerates('cpu-type', 'arm64', 'NoSchedule'), tolerates('disk-type', 'ssd', 'NoSchedule')], [[], [taint('cpu-type', 'arm64', 'NoSchedule')], [taint('cpu-type', 'arm64'), taint('disk-type', 'ssd')]], [100, 100, 0]],
    ['no tolerations', [], [[], [taint('cpu-type', 'arm64')]], [100, 0]],
  ]
  test.each(rows)('%s', (_, tolerations, taints, expected) => {
    const nodes = taints.map((each, i) => nodeOf(`n${i}`, { taints: each }))
    const state = stateOf(nodes)
    // all the same is nothing at all
    expect(taintScores(podOf('p', [], { tolerations }), nodes.map((n) => state.node(n.metadata.name)!))).toEqual(expected)
  })
})

describe('scores of node affinity', () => {
  const term = (weight: number, ...pairs: [string, string][]): object => ({ weight, preference: { matchExpressions: pairs.map(([key, value]) => ({ key, operator: 'In', values: [value] })) } })
  const one = [term(2, ['foo', 'bar'])]
  const three = [term(2, ['foo', 'bar']), term(4, ['key', 'value']), term(5, ['foo', 'bar'], ['key', 'value'], ['az', 'az1'])]
  const rows: [string, object[], string[], number[]][] = [
    ['nobody has it', one, ['a abc=az11', 'b key=value', 'c az=az1'], [0, 0, 0]],
    ['one has it', one, ['a foo=bar', 'b key=value', 'c az=az1'], [100, 0, 0]],
    ['all have something', three, ['a foo=bar', 'e foo=bar key=value az=az1', 'b key=value'], [18, 100, 36]],
  ]
  test.each(rows)('%s', (_, terms, texts, expected) => {
    const nodes = texts.map((text) => nodeOf(text))
    const state = stateOf(nodes)
    const pod = podOf('p', [], { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: terms } } })
    expect(nodeAffinityScores(pod, nodes.map((n) => state.node(n.metadata.name)!))).toEqual(expected)
  })
})

describe('scores of resources', () => {
  /** "cpu/memory" for each container. */
  const specOf = (containers: string): object => ({
    containers: containers.split(' ').filter(Boolean).map((text, i) => ({ name: `c${i}`, image: 'x', resources: { requests: { cpu: text.split('/')[0], memory: text.split('/')[1] } } })),
  })
  const both = '1000/2000 2000/3000'
  const cpu = '1000/0 2000/0'
  const loaded = [['a', cpu], ['a', cpu], ['b', cpu], ['b', both]] as const
  const half = [['a', cpu], ['b', both]] as const
  /** The Pod's containers; what the nodes a and b have; what is on them; the least allocated; the best balanced, if that counts. */
  const rows: [string, string, [string, string], readonly (readonly [string, string])[], number[], number[] | undefined][] = [
    ['nothing is there, nothing is asked for', '', ['4000/10000', '4000/10000'], [], [100, 100], undefined],
    ['nodes of differing sizes', both, ['4000/10000', '6000/10000'], [], [37, 50], [87, 100]],
    ['Pods are there that ask for nothing, as it does', '', ['4000/10000', '4000/10000'], [['a', ''], ['a', ''], ['b', ''], ['b', '']], [100, 100], undefined],
    ['Pods are there, nothing is asked for', '', ['10000/20000', '10000/20000'], loaded, [70, 57], undefined],
    ['Pods are there', both, ['10000/20000', '10000/20000'], half, [57, 45], [82, 95]],
    ['Pods are there, nodes of differing sizes', both, ['10000/20000', '10000/50000'], half, [57, 60], [82, 80]],
    ['one fills the node', cpu, ['6000/10000', '6000/10000'], half, [50, 25], [50, 75]],
    ['more than there is', '3000/0', ['4000/10000', '4000/10000'], half, [50, 25], [50, 75]],
    ['nodes that have nothing', '', ['0/0', '0/0'], half, [0, 0], undefined],
  ]
  test.each(rows)('%s', (_, containers, sizes, placed, least, balance) => {
    const nodes = sizes.map((size, i) => nodeOf('ab'[i]!, { allocatable: { cpu: size.split('/')[0], memory: size.split('/')[1] } }))
    const state = stateOf(nodes, placed.map(([node, each]) => [node, specOf(each)]))
    const demand = demandOf(podOf('p', [], specOf(containers)))
    const infos = ['a', 'b'].map((name) => state.node(name)!)
    expect(infos.map((info) => leastAllocated(demand, info))).toEqual(least)
    expect(balanceScores(demand, infos)).toEqual(balance)
  })
})
