import fc from 'fast-check'
import type { KubeObject } from '../kubernetes/types.ts'
import { NINE } from './truth-tables.samples.ts'

/** What a plugin does otherwise than the API says, so that it is left out of what is compared. */
export interface Limits {
  /** Policies of both types at once. */
  bothTypes: boolean
  /** Several ipBlocks in one rule. kube-router puts them in one set, where an exception of one also excepts from the others. */
  severalBlocks: boolean
  /** Named ports in egress rules without Pods. kube-router takes the number for every destination, or none. */
  namedAnywhere: boolean
}

const podSelector = fc.oneof(
  fc.constant({}),
  fc.constantFrom('a', 'b', 'c').map((pod) => ({ matchLabels: { pod } })),
  fc.constantFrom('In', 'NotIn').chain((operator) => fc.subarray(['a', 'b', 'c'], { minLength: 1, maxLength: 2 }).map((values) => ({ matchExpressions: [{ key: 'pod', operator, values }] }))),
  fc.constantFrom('Exists', 'DoesNotExist').map((operator) => ({ matchExpressions: [{ key: 'pod2', operator }] })),
)
const namespaceSelector = fc.oneof(
  fc.constant({}),
  fc.constantFrom('x', 'y', 'z').map((name) => ({ matchLabels: { 'kubernetes.io/metadata.name': name } })),
  fc.constant({ matchLabels: { ns2: 'updated' } }),
  fc.constantFrom('x', 'y').map((name) => ({ matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: [name] }] })),
)
const podPeer = fc.oneof(
  podSelector.map((p) => ({ podSelector: p })),
  namespaceSelector.map((n) => ({ namespaceSelector: n })),
  fc.tuple(podSelector, namespaceSelector).map(([p, n]) => ({ podSelector: p, namespaceSelector: n })),
)
const blockPeer = fc.constantFrom<{ cidr: string; except?: string[] }>(
  { cidr: '0.0.0.0/0' }, { cidr: '0.0.0.0/0', except: ['10.244.1.0/24'] }, { cidr: '10.244.0.0/16', except: ['10.244.2.0/24', '10.244.1.4/32'] }, { cidr: '10.244.2.0/24' }, { cidr: '10.244.1.0/29' }, { cidr: '192.0.2.0/24' },
).map((ipBlock) => ({ ipBlock }))
const numericPort = fc.oneof(
  fc.record({ port: fc.constantFrom(80, 81), protocol: fc.constantFrom('TCP', 'UDP', 'SCTP') }),
  fc.record({ protocol: fc.constantFrom('TCP', 'UDP') }),
  fc.constantFrom({ port: 79, endPort: 80 }, { port: 80, endPort: 81 }, { port: 81, endPort: 90, protocol: 'UDP' }),
)
const namedPort = fc.constantFrom({ port: 'serve-80-tcp' }, { port: 'serve-81-tcp', protocol: 'TCP' }, { port: 'serve-81-udp', protocol: 'UDP' })

function rule(direction: 'ingress' | 'egress', limits: Limits): fc.Arbitrary<object> {
  const peers = fc.tuple(fc.array(podPeer, { maxLength: 2 }), fc.array(blockPeer, { maxLength: limits.severalBlocks ? 2 : 1 }))
  return fc.tuple(peers, fc.array(numericPort, { maxLength: 2 }), fc.option(namedPort, { nil: undefined, freq: 3 })).map(([[pods, blocks], numeric, named]) => {
    const named1 = named && (direction === 'ingress' || limits.namedAnywhere || (pods.length > 0 && blocks.length === 0)) ? [named] : []
    const [from, ports] = [[...pods, ...blocks], [...numeric, ...named1]]
    return { ...(from.length > 0 ? { [direction === 'ingress' ? 'from' : 'to']: from } : {}), ...(ports.length > 0 ? { ports } : {}) }
  })
}

function policy(limits: Limits): fc.Arbitrary<(name: string) => KubeObject> {
  const types = limits.bothTypes ? [['Ingress'], ['Egress'], ['Ingress', 'Egress']] : [['Ingress'], ['Egress']]
  const rules = (direction: 'ingress' | 'egress') => fc.array(rule(direction, limits), { maxLength: 2 })
  return fc.tuple(fc.constantFrom('x', 'y', 'z'), podSelector, fc.constantFrom(...types), rules('ingress'), rules('egress')).map(([namespace, selector, policyTypes, ingress, egress]) => (name) => ({
    apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name, namespace },
    spec: { podSelector: selector, policyTypes, ...(policyTypes.includes('Ingress') ? { ingress } : {}), ...(policyTypes.includes('Egress') ? { egress } : {}) },
  } as unknown as KubeObject))
}

/** Policies for the nine Pods, and labels for some of them. */
export function randomPolicies(limits: Limits): fc.Arbitrary<KubeObject[]> {
  const relabelled = fc.tuple(fc.subarray(NINE, { maxLength: 3 }), fc.subarray(['x', 'y', 'z'], { maxLength: 2 })).map(([pods, namespaces]) => [
    ...pods.map((key) => ({ kind: 'Pod', metadata: { namespace: key.slice(0, 1), name: key.slice(2), labels: { pod2: 'updated' } } })),
    ...namespaces.map((name) => ({ kind: 'Namespace', metadata: { name, labels: { ns2: 'updated' } } })),
  ] as unknown as KubeObject[])
  return fc.tuple(fc.array(policy(limits), { minLength: 1, maxLength: 4 }), relabelled).map(([policies, labels]) => [...policies.map((make, i) => make(`p${i}`)), ...labels])
}
