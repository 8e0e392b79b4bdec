import { describe, expect, test } from 'vitest'
import type { Node, Pod } from '../types.ts'
import { Attempt } from './attempt.ts'
import { nodeOf, podOf, stateOf, times } from './upstream.samples.ts'

/**
 * Tables of the filter plugins' own tests (pkg/scheduler/framework/plugins/{noderesources/fit,interpodaffinity/filtering,
 * podtopologyspread/filtering,nodeports/node_ports,nodeaffinity/node_affinity,tainttoleration/taint_toleration,
 * nodeunschedulable/node_unschedulable}_test.go), told again: what a Pod finds on each of the nodes. A "!" at the end says
 * that no other Pod's leaving would change it (UnschedulableAndUnresolvable).
 */
function verdicts(nodes: readonly Node[], placed: Parameters<typeof stateOf>[1], pod: Pod): string[] {
  const state = stateOf(nodes, placed)
  const attempt = new Attempt(state, pod)
  return nodes.map(({ metadata: { name } }) => {
    const refused = attempt.filter(state.node(name)!)
    return refused ? refused.reasons.join(', ') + (refused.resolvable ? '' : '!') : ''
  })
}
const ROOM = { cpu: '100', memory: '100Gi', pods: '110' }
const node = (text: string, more: Parameters<typeof nodeOf>[1] = {}): Node => nodeOf(text, { allocatable: ROOM, ...more })

describe('resources', () => {
  const A = 'example.com/aaa'
  const B = 'example.com/bbb'
  const HUGE = 'hugepages-2Mi'
  type Amounts = Record<string, number>
  const box = (amounts: Amounts): object => ({ name: 'c', image: 'x', resources: { requests: Object.fromEntries(Object.entries(amounts).map(([name, n]) => [name, name === 'cpu' ? `${n}m` : String(n)])) } })
  const of = (containers: Amounts[], init: Amounts[] = [], more: object = {}): object => ({ containers: containers.map(box), ...(init.length > 0 ? { initContainers: init.map(box) } : {}), ...more })
  const limits = { cpu: '10m', memory: '20', pods: '32', [A]: '5', 'ephemeral-storage': '20', [HUGE]: '5' }
  const rows: [string, object, Amounts, string][] = [
    ['nothing is asked for', {}, { cpu: 10, memory: 20 }, ''],
    ['too much', of([{ cpu: 1, memory: 1 }]), { cpu: 10, memory: 20 }, 'Insufficient cpu, Insufficient memory'],
    ['of an init container, CPU', of([{ cpu: 1, memory: 1 }], [{ cpu: 3, memory: 1 }]), { cpu: 8, memory: 19 }, 'Insufficient cpu'],
    ['of the highest init container', of([{ cpu: 1, memory: 1 }], [{ cpu: 3, memory: 1 }, { cpu: 2, memory: 1 }]), { cpu: 8, memory: 19 }, 'Insufficient cpu'],
    ['of an init container, memory', of([{ cpu: 1, memory: 1 }], [{ cpu: 1, memory: 3 }]), { cpu: 9, memory: 19 }, 'Insufficient memory'],
    ['the largest, not the sum', of([{ cpu: 1, memory: 1 }], [{ cpu: 1, memory: 1 }, { cpu: 1, memory: 1 }]), { cpu: 9, memory: 19 }, ''],
    ['both fit', of([{ cpu: 1, memory: 1 }]), { cpu: 5, memory: 5 }, ''],
    ['memory fits', of([{ cpu: 2, memory: 1 }]), { cpu: 9, memory: 5 }, 'Insufficient cpu'],
    ['CPU fits', of([{ cpu: 1, memory: 2 }]), { cpu: 5, memory: 19 }, 'Insufficient memory'],
    ['just enough', of([{ cpu: 5, memory: 1 }]), { cpu: 5, memory: 19 }, ''],
    ['just enough for an init container', of([{ cpu: 4, memory: 1 }], [{ cpu: 5, memory: 1 }]), { cpu: 5, memory: 19 }, ''],
    ['an extended resource', of([{ [A]: 1 }]), {}, ''],
    ['more than the node has of it', of([{ cpu: 1, memory: 1, [A]: 10 }]), {}, `Insufficient ${A}!`],
    ['the same for an init container', of([{}], [{ cpu: 1, memory: 1, [A]: 10 }]), {}, `Insufficient ${A}!`],
    ['more than is left of it', of([{ cpu: 1, memory: 1, [A]: 1 }]), { [A]: 5 }, `Insufficient ${A}`],
    ['of two containers', of([{ [A]: 3 }, { [A]: 3 }]), { [A]: 2 }, `Insufficient ${A}!`],
    ['of two init containers', of([{}], [{ [A]: 3 }, { [A]: 3 }]), { [A]: 2 }, ''],
    ['of the larger of two', of([{}], [{ [A]: 6 }, { [A]: 3 }]), { [A]: 2 }, `Insufficient ${A}!`],
    ['one that the node does not have', of([{ cpu: 1, memory: 1, [B]: 1 }]), {}, `Insufficient ${B}!`],
    ['huge pages', of([{ cpu: 1, memory: 1, [HUGE]: 10 }]), {}, `Insufficient ${HUGE}!`],
    ['huge pages that are left', of([{ cpu: 1, memory: 1, [HUGE]: 1 }]), { [HUGE]: 5 }, `Insufficient ${HUGE}`],
    ['overhead counts', of([{ cpu: 1, memory: 1 }], [], { overhead: { cpu: '3m', memory: '13' } }), { cpu: 5, memory: 5 }, ''],
    ['and may be too much', of([{ cpu: 1, memory: 1 }], [], { overhead: { cpu: '1m', memory: '15' } }), { cpu: 5, memory: 5 }, 'Insufficient memory'],
    ['storage', of([{ 'ephemeral-storage': 25 }]), { 'ephemeral-storage': 10 }, 'Insufficient ephemeral-storage!'],
    ['storage that is left', of([{ 'ephemeral-storage': 10 }]), { 'ephemeral-storage': 10 }, ''],
    ['a sidecar counts beside the containers', { ...of([{ cpu: 4, memory: 1 }]), initContainers: [{ ...box({ cpu: 3, memory: 1 }), restartPolicy: 'Always' }] }, { cpu: 4, memory: 1 }, 'Insufficient cpu'],
  ]
  test.each(rows)('%s', (_, spec, used, expected) => {
    expect(verdicts([nodeOf('n', { allocatable: limits })], [['n', of([used])]], podOf('p', [], spec))).toEqual([expected])
  })

  test('too many Pods', () => {
    const one = { allocatable: { cpu: '10m', memory: '20', pods: '1' } }
    expect(verdicts([nodeOf('n', one)], [['n', of([{ cpu: 10, memory: 20 }])]], podOf('p', [], of([{ cpu: 1, memory: 1 }])))).toEqual(['Too many pods, Insufficient cpu, Insufficient memory'])
    expect(verdicts([nodeOf('n', one)], ['n'], podOf('p', []))).toEqual(['Too many pods'])
  })
})

describe('ports of the node', () => {
  /** "UDP/127.0.0.1/8080" */
  const spec = (...ports: string[]): object => ({ containers: [{ name: 'c', image: 'x', ports: ports.map((p) => p.split('/')).map(([protocol, hostIP, port]) => ({ containerPort: 80, protocol, hostIP, hostPort: Number(port) })) }] })
  const rows: [string[], string[], boolean][] = [
    [[], [], true],
    [['UDP/127.0.0.1/8080'], ['UDP/127.0.0.1/9090'], true],
    [['UDP/127.0.0.1/8080'], ['UDP/127.0.0.1/8080'], false],
    [['TCP/127.0.0.1/8080'], ['TCP/127.0.0.1/8080'], false],
    [['TCP/127.0.0.1/8080'], ['TCP/127.0.0.2/8080'], true],
    [['UDP/127.0.0.1/8080'], ['TCP/127.0.0.1/8080'], true],
    [['UDP/127.0.0.1/8000', 'UDP/127.0.0.1/8080'], ['UDP/127.0.0.1/8080'], false],
    [['TCP/127.0.0.1/8001', 'UDP/127.0.0.1/8080'], ['TCP/127.0.0.1/8001', 'UDP/127.0.0.1/8081'], false],
    [['TCP/0.0.0.0/8001'], ['TCP/127.0.0.1/8001'], false],
    [['TCP/10.0.10.10/8001', 'TCP/0.0.0.0/8001'], ['TCP/127.0.0.1/8001'], false],
    [['TCP/127.0.0.1/8001'], ['TCP/0.0.0.0/8001'], false],
    [['UDP/127.0.0.1/8001'], ['TCP/0.0.0.0/8001'], true],
    [['UDP/127.0.0.1/8001'], ['TCP/0.0.0.0/8001', 'UDP/0.0.0.0/8001'], false],
  ]
  test.each(rows)('%j beside %j', (wanted, taken, fits) => {
    expect(verdicts([node('m1')], [['m1', spec(...taken)]], podOf('p', [], spec(...wanted)))).toEqual([fits ? '' : "node(s) didn't have free ports for the requested pod ports"])
  })
})

describe('what a Pod says of nodes', () => {
  const OTHER = "node(s) didn't match Pod's node affinity/selector!"
  const terms = (...all: object[]): object => ({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: all } } } })
  const by = (...words: string[]): object => ({ matchExpressions: words.map((word) => word.split(' ')).map(([key, operator, ...values]) => ({ key, operator, ...(values.length > 0 ? { values } : {}) })) })
  const name = (operator: string, ...values: string[]): object => ({ matchFields: [{ key: 'metadata.name', operator, values }] })
  const rows: [string, object, string, boolean][] = [
    ['no selector', {}, 'n', true],
    ['a selector, no labels', { nodeSelector: { foo: 'bar' } }, 'n', false],
    ['the labels of the selector', { nodeSelector: { foo: 'bar' } }, 'n foo=bar', true],
    ['more labels', { nodeSelector: { foo: 'bar' } }, 'n foo=bar baz=blah', true],
    ['fewer labels', { nodeSelector: { foo: 'bar', baz: 'blah' } }, 'n foo=bar', false],
    ['In', terms(by('foo In bar value2')), 'n foo=bar', true],
    ['Gt', terms(by('kernel-version Gt 0204')), 'n kernel-version=0206', true],
    ['NotIn', terms(by('mem-type NotIn DDR DDR2')), 'n mem-type=DDR3', true],
    ['Exists', terms(by('GPU Exists')), 'n GPU=NVIDIA-GRID-K1', true],
    ['other values', terms(by('foo In value1 value2')), 'n foo=bar', false],
    ['an empty term', terms({}), 'n foo=bar', false],
    ['expressions are one by one', terms(by('GPU Exists', 'GPU NotIn AMD INTER')), 'n GPU=NVIDIA-GRID-K1', true],
    ['all of them', terms(by('GPU Exists', 'GPU In AMD INTER')), 'n GPU=NVIDIA-GRID-K1', false],
    ['one term is enough', terms(by('foo In bar value2'), by('diffkey In wrong value2')), 'n foo=bar', true],
    ['affinity and selector', { nodeSelector: { foo: 'bar' }, ...terms(by('foo Exists')) }, 'n foo=bar', true],
    ['not the selector', { nodeSelector: { foo: 'bar' }, ...terms(by('foo Exists')) }, 'n foo=barrrrrr', false],
    ['NotIn of a label with a value that no node has', terms(by('foo NotIn invalid_value')), 'n foo=bar', true],
    ['a name', terms(name('In', 'node1')), 'node1', true],
    ['another name', terms(name('In', 'node1')), 'node2', false],
    ['two terms: a name, no such expression', terms(name('In', 'node1'), by('foo In bar')), 'node1', true],
    ['one term: the name and not the expression', terms({ ...name('In', 'node1'), ...by('foo In bar') }), 'node1', false],
    ['one term: both', terms({ ...name('In', 'node1'), ...by('foo In bar') }), 'node1 foo=bar', true],
    ['two terms, neither', terms(name('In', 'node1'), by('foo In not-match-to-bar')), 'node2 foo=bar', false],
  ]
  test.each(rows)('%s', (_, spec, text, fits) => expect(verdicts([node(text)], [], podOf('p', [], spec))).toEqual([fits ? '' : OTHER]))

  const taint = (key: string, value: string, effect = 'NoSchedule'): object => ({ key, value, effect })
  const tolerates = (key: string, operator: string, value: string | undefined, effect?: string): object => ({ key, operator, ...(value ? { value } : {}), ...(effect ? { effect } : {}) })
  const refused = (text: string): string => `node(s) had untolerated taint {${text}}!`
  const tainted: [string, object[], object[], string][] = [
    ['a taint', [], [taint('dedicated', 'user1')], refused('dedicated: user1')],
    ['tolerated', [tolerates('dedicated', 'Equal', 'user1', 'NoSchedule')], [taint('dedicated', 'user1')], ''],
    ['of another value', [tolerates('dedicated', 'Equal', 'user2', 'NoSchedule')], [taint('dedicated', 'user1')], refused('dedicated: user1')],
    ['Exists', [tolerates('foo', 'Exists', undefined, 'NoSchedule')], [taint('foo', 'bar')], ''],
    ['one of two', [tolerates('dedicated', 'Equal', 'user2', 'NoSchedule'), tolerates('foo', 'Exists', undefined, 'NoSchedule')], [taint('dedicated', 'user2'), taint('foo', 'bar')], ''],
    ['of another effect', [tolerates('foo', 'Equal', 'bar', 'PreferNoSchedule')], [taint('foo', 'bar')], refused('foo: bar')],
    ['of any effect', [tolerates('foo', 'Equal', 'bar')], [taint('foo', 'bar')], ''],
    ['PreferNoSchedule', [tolerates('dedicated', 'Equal', 'user1', 'NoSchedule')], [taint('dedicated', 'user1', 'PreferNoSchedule')], ''],
    ['PreferNoSchedule and nothing', [], [taint('dedicated', 'user1', 'PreferNoSchedule')], ''],
    ['NoExecute', [], [taint('dedicated', 'user1', 'NoExecute')], refused('dedicated: user1')],
  ]
  test.each(tainted)('taints: %s', (_, tolerations, taints, expected) => expect(verdicts([node('n', { taints })], [], podOf('p', [], { tolerations }))).toEqual([expected]))

  test.each([
    ['a cordoned node', {}, true, 'node(s) were unschedulable!'],
    ['a node that is not', {}, false, ''],
    ['a toleration of the taint', { tolerations: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule', operator: 'Exists' }] }, true, ''],
  ])('%s', (_, spec, unschedulable, expected) => expect(verdicts([node('n', { unschedulable })], [], podOf('p', [], spec))).toEqual([expected]))
})

describe('other Pods', () => {
  const NEAR = "node(s) didn't match pod affinity rules!"
  const FAR = "node(s) didn't match pod anti-affinity rules"
  const THEIRS = "node(s) didn't satisfy existing pods anti-affinity rules"
  /** "service In a b; wrong DoesNotExist @zone ns:other" */
  const term = (text: string): object => {
    const [, expressions, topologyKey, namespace] = /^(.*) @(\S+)(?: ns:(\S+))?$/.exec(text)!
    return {
      topologyKey, ...(namespace ? { namespaces: [namespace] } : {}),
      labelSelector: { matchExpressions: expressions!.split('; ').map((e) => e.split(' ')).map(([key, operator, ...values]) => ({ key, operator, ...(values.length > 0 ? { values } : {}) })) },
    }
  }
  const spec = (near: string[], far: string[] = []): object => ({
    affinity: {
      ...(near.length > 0 ? { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: near.map(term) } } : {}),
      ...(far.length > 0 ? { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: far.map(term) } } : {}),
    },
  })
  const scan = 'service In securityscan value2'
  const virus = 'service In antivirusscan value2 @node'
  const one = ['m1 region=r1 zone=z11 node=m1']
  const regions = ['nodeA region=China', 'nodeB region=China az=az1', 'nodeC region=India']
  const zones = ['nodeA region=r1 zone=z1', 'nodeB region=r1 zone=z2']
  const rows: [string, string[], string, object, (string | [string, object])[], string[]][] = [
    ['nothing is asked for', one, '', {}, [], ['']],
    ['In', one, 'security=S1', spec([`${scan} @region`]), ['m1 service=securityscan'], ['']],
    ['NotIn', one, 'security=S1', spec(['service NotIn securityscan3 value3 @region']), ['m1 service=securityscan'], ['']],
    ['another namespace', one, 'security=S1', spec([`${scan} @region ns:other`]), ['m1 service=securityscan ns:ns'], [NEAR]],
    ['other values', one, 'service=securityscan', spec(['service In antivirusscan value2 @region']), ['m1 service=securityscan'], [NEAR]],
    ['several expressions and terms', one, 'security=S1', spec(['service Exists; wrongkey DoesNotExist @region', 'service In securityscan; service NotIn WrongValue @region']), ['m1 service=securityscan'], ['']],
    ['one of them does not hold', one, 'security=S1', spec(['service Exists; wrongkey DoesNotExist @region', 'service In securityscan2; service NotIn WrongValue @region']), ['m1 service=securityscan'], [NEAR]],
    ['affinity and anti-affinity', one, 'security=S1', spec([`${scan} @region`], [virus]), ['m1 service=securityscan'], ['']],
    ['and the other\'s', one, 'security=S1', spec([`${scan} @region`], [virus]), [['m1 service=securityscan', spec([], [virus])]], ['']],
    ['affinity, not anti-affinity', one, 'security=S1', spec([`${scan} @region`], [`${scan} @zone`]), ['m1 service=securityscan'], [FAR]],
    ['both, but not the other\'s', one, 'service=securityscan', spec([`${scan} @region`], [virus]), [['m1 service=securityscan', spec([], [`${scan} @zone`])]], [THEIRS]],
    ['a Pod that does not match itself', one, 'service=securityscan', spec(['service NotIn securityscan value2 @region']), [], [NEAR]],
    ['the other\'s alone', one, 'service=securityscan', {}, [['m1 service=securityscan', spec([], [`${scan} @zone`])]], [THEIRS]],
    ['the other\'s, which does not match', one, 'service=securityscan', {}, [['m1 service=securityscan', spec([], ['service NotIn securityscan value2 @zone'])]], ['']],
    ['all nodes of the region', regions, '', spec(['foo In bar @region']), ['nodeA foo=bar'], ['', '', NEAR]],
    ['the first of its kind may be anywhere', zones, 'foo=bar service=securityscan', spec(['foo In bar @zone', 'service In securityscan @zone']), ['nodeA foo=bar'], ['', '']],
    ['no node of the region', zones, '', spec([], ['foo In abc @region']), ['nodeA foo=abc'], [FAR, FAR]],
    ['any of two terms', zones, '', spec([], ['foo In abc @region', 'service In securityscan @zone']), ['nodeA foo=abc service=securityscan'], [FAR, FAR]],
    ['another region', regions, '', spec([], ['foo In abc @region']), ['nodeA foo=abc'], [FAR, FAR, '']],
    ['other namespaces do not matter', regions, 'ns:NS1 foo=123', spec([], ['foo In bar @region']), ['nodeA foo=bar ns:NS1', ['nodeC ns:NS2', spec([], ['foo In 123 @region'])]], [FAR, FAR, '']],
    ['a topology that no node has, the other\'s', zones, 'foo', {}, [['nodeA', spec([], ['foo Exists @invalid-node-label'])]], ['', '']],
    ['a topology that no node has, the own', zones, '', spec([], ['foo Exists @invalid-node-label']), ['nodeA foo'], ['', '']],
    ['each of two others refuses', zones, 'foo bar', {}, [['nodeA', spec([], ['foo Exists @zone'])], ['nodeA', spec([], ['bar Exists @region'])]], [THEIRS, THEIRS]],
    ['one of two terms, on each node', zones, '', spec([], ['foo Exists @zone', 'bar Exists @region']), ['nodeA foo', 'nodeB bar'], [FAR, FAR]],
    ['a node without the topology has nobody near', ['nodeA', 'nodeB'], 'foo', spec(['foo Exists @zone']), [], [NEAR, NEAR]],
  ]
  test.each(rows)('%s', (_, nodes, labels, podSpec, placed, expected) => {
    expect(verdicts(nodes.map((text) => node(text)), placed, podOf('p', labels.split(' '), podSpec))).toEqual(expected)
  })
})

describe('topology spread', () => {
  const SKEWED = "node(s) didn't match pod topology spread constraints"
  const ABSENT = `${SKEWED} (missing required label)!`
  const ELSEWHERE = "node(s) didn't match Pod's node affinity/selector!"
  const four = ['node-a zone=zone1 node=a', 'node-b zone=zone1 node=b', 'node-x zone=zone2 node=x', 'node-y zone=zone2 node=y']
  const three = ['node-a node=a', 'node-b node=b', 'node-c node=c']
  const picked = ['node-a node=a foo', 'node-b node=b foo', 'node-x node=x foo', 'node-y node=y']
  const on = (topologyKey: string, label: string | null = 'foo', more: object = {}): object => ({ maxSkew: 1, topologyKey, whenUnsatisfiable: 'DoNotSchedule', ...(label === null ? {} : { labelSelector: label === '' ? {} : { matchExpressions: [{ key: label, operator: 'Exists' }] } }), ...more })
  const at = (a: number, b: number, x: number, y: number, labels = 'foo'): string[] => times({ 'node-a': a, 'node-b': b, 'node-x': x, 'node-y': y }, labels)
  const affinity = (operator: string, ...values: string[]): object => ({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'node', operator, values }] }] } } } })
  /** Labels of the Pod, constraints, nodes, Pods that are there, the nodes' letters: "+" fits, "-" is skewed, "?" lacks the label, "s" is not selected, "t" tainted. */
  const rows: [string, string, object[], string[], string[], string, object?, string?][] = [
    ['no Pods', 'foo', [on('zone')], four, [], '++++'],
    ['no Pods, and it does not match itself', 'foo', [on('zone', 'bar')], four, [], '++++'],
    ['Pods of other namespaces', 'foo', [on('zone')], four, [...times({ 'node-a': 1 }, 'foo ns:ns1'), ...times({ 'node-b': 1 }, 'foo ns:ns2'), ...at(0, 0, 1, 2)], '++--'],
    ['zones 3/3', 'foo', [on('zone')], four, at(2, 1, 0, 3), '++++'],
    ['a node without the label', 'foo', [on('zone')], ['node-a zone=zone1', 'node-b zon=zone1', 'node-x zone=zone2', 'node-y zone=zone2'], at(1, 1, 1, 1), '+?--'],
    ['no node has the label', 'foo', [on('rack')], [four[0]!, four[2]!], [], '??'],
    ['nodes 2/1/0/3', 'foo', [on('node')], four, at(2, 1, 0, 3), '--+-'],
    ['nodes 2/1/0/3, maxSkew 2', 'foo', [on('node', 'foo', { maxSkew: 2 })], four, at(2, 1, 0, 3), '-++-'],
    ['it does not match itself', 'bar', [on('node')], four, at(2, 1, 0, 3), '-++-'],
    ['only nodes of its affinity', 'foo', [on('node')], four, at(2, 1, 0, 3), '+ss-', affinity('In', 'a', 'y')],
    ['Pods that are being deleted', 'foo', [on('node')], three.slice(0, 2), ['node-a foo dying', 'node-b foo'], '+-'],
    ['not a node of a zone', 'foo', [on('zone')], four, at(0, 2, 0, 1), '+s--', affinity('NotIn', 'b')],
    ['2/2/1, fewer domains than minDomains', 'foo', [on('node', 'foo', { maxSkew: 2, minDomains: 4 })], three, times({ 'node-a': 2, 'node-b': 2, 'node-c': 1 }), '--+'],
    ['2/2/1, enough domains', 'foo', [on('node', 'foo', { maxSkew: 2, minDomains: 2 })], three, times({ 'node-a': 2, 'node-b': 2, 'node-c': 1 }), '+++'],
    ['zones 2/1, fewer than minDomains', 'foo', [on('zone', 'foo', { maxSkew: 2, minDomains: 3 })], four, at(1, 1, 0, 1), '--++'],
    ['zones 2/1, enough', 'foo', [on('zone', 'foo', { maxSkew: 2, minDomains: 1 })], four, at(1, 1, 0, 1), '++++'],
    ['nodeAffinityPolicy Honor', 'foo', [on('node')], picked, at(1, 1, 0, 1), '--+s', { nodeSelector: { foo: '' } }],
    ['nodeAffinityPolicy Ignore', 'foo', [on('node', 'foo', { nodeAffinityPolicy: 'Ignore' })], picked, at(1, 1, 0, 1), '--+s', { nodeSelector: { foo: '' } }],
    ['nodeTaintsPolicy Honor', 'foo', [on('node', 'foo', { nodeTaintsPolicy: 'Honor' })], four, at(1, 1, 1, 0), '+++t', {}, 'node-y'],
    ['nodeTaintsPolicy Ignore', 'foo', [on('node')], four, at(1, 1, 1, 0), '---t', {}, 'node-y'],
    ['zones 3/3 and nodes 2/1/0/3', 'foo', [on('zone'), on('node')], four, at(2, 1, 0, 3), '--+-'],
    ['zones 3/4 and nodes 2/1/0/4', 'foo', [on('zone'), on('node')], four, at(2, 1, 0, 4), '----'],
    ['other labels, 1/0 and 0/0/0/1', 'foo bar', [on('zone'), on('node', 'bar')], four, ['node-a foo', 'node-y bar'], '--+-'],
    ['other labels, 1/0 and 0/0/1/1', 'foo bar', [on('zone'), on('node', 'bar')], four, ['node-a foo', 'node-x bar', 'node-y bar'], '----'],
    ['other labels, 2/3 and 1/0/0/1', 'foo bar', [on('zone'), on('node', 'bar')], four, ['node-a foo', 'node-a foo bar', 'node-y foo', 'node-y foo bar', 'node-y foo'], '-+--'],
    ['not itself in the zone', 'bar', [on('zone'), on('node', 'bar')], four, ['node-a foo', 'node-x bar', 'node-y bar'], '++--'],
    ['a node without one of two labels', 'foo', [on('zone'), on('node')], [four[0]!, four[1]!, 'node-x zone=zone2', four[3]!], at(1, 0, 0, 1), '-+?-'],
    ['the same topology twice', 'foo bar', [on('zone'), on('zone', 'bar')], four, ['node-a foo bar', 'node-b foo', 'node-x bar', 'node-y foo bar', 'node-y bar'], '----'],
    ['matchLabelKeys beside a selector', 'foo bar=a', [on('zone', 'foo', { matchLabelKeys: ['bar'] })], four, ['node-a foo', 'node-a foo bar=a', 'node-b foo', 'node-y foo bar=a', 'node-y bar'], '++++'],
    ['matchLabelKeys beside an empty one', 'foo=a', [on('zone', '', { matchLabelKeys: ['foo'] })], four, at(2, 1, 0, 2, 'foo=a'), '--++'],
    ['matchLabelKeys that the Pod does not have', 'foo', [on('zone', 'foo', { matchLabelKeys: ['bar'] })], four, at(2, 1, 0, 2, 'foo=a'), '--++'],
    ['an empty selector counts nobody', 'foo', [on('node', '')], four, at(2, 1, 0, 3), '++++'],
    ['no selector', 'foo', [on('node', null)], four, at(2, 1, 0, 3), '++++'],
  ]
  const letters: Record<string, string> = { '+': '', '-': SKEWED, '?': ABSENT, 's': ELSEWHERE, 't': 'node(s) had untolerated taint {foo: bar}!' }
  test.each(rows)('%s', (_, labels, constraints, nodes, placed, expected, spec = {}, tainted = undefined) => {
    const made = nodes.map((text) => node(text, text.split(' ')[0] === tainted ? { taints: [{ key: 'foo', value: 'bar', effect: 'NoSchedule' }] } : {}))
    expect(verdicts(made, placed, podOf('p', labels.split(' '), { ...spec, topologySpreadConstraints: constraints }))).toEqual([...expected].map((letter) => letters[letter]))
  })
})
