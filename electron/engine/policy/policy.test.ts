import { describe, expect, it } from 'vitest'
import type { Namespace, NetworkPolicy, Pod } from '../kubernetes/types.ts'
import { decide, endpointOf } from './decide.ts'
import { explainDecision } from './explain.ts'
import { PolicyIndex } from './policy-index.ts'
import type { PolicyChange, PolicyProtocol } from './types.ts'

const meta = (name: string, namespace: string | undefined, labels: Record<string, string> = {}) => ({ name, namespace, uid: `uid-${namespace}-${name}`, resourceVersion: '1', creationTimestamp: '', labels })

function pod(key: string, ip: string, labels: Record<string, string>, more: { ports?: object[]; hostNetwork?: boolean; node?: string; phase?: string } = {}): Pod {
  const [namespace, name] = key.split('/') as [string, string]
  return {
    apiVersion: 'v1', kind: 'Pod', metadata: meta(name, namespace, labels),
    spec: { nodeName: more.node ?? 'worker-1', hostNetwork: more.hostNetwork, containers: [{ name: 'c', ports: more.ports }] },
    status: { phase: more.phase ?? 'Running', podIPs: ip ? [{ ip }] : [] },
  } as unknown as Pod
}
function namespace(name: string, labels: Record<string, string> = {}): Namespace {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: meta(name, undefined, { 'kubernetes.io/metadata.name': name, ...labels }), spec: {}, status: {} } as unknown as Namespace
}
function policy(key: string, spec: object): NetworkPolicy {
  const [ns, name] = key.split('/') as [string, string]
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: meta(name, ns), spec } as unknown as NetworkPolicy
}

const web = { app: 'web' }
const pods = [
  pod('default/web', '10.244.1.2', web, { ports: [{ name: 'http', containerPort: 8080 }] }),
  pod('default/client', '10.244.1.3', { app: 'client' }),
  pod('team-a/client', '10.244.2.2', { app: 'client' }, { node: 'worker-2' }),
  pod('kube-system/agent', '172.18.0.3', {}, { hostNetwork: true }),
  pod('kube-system/far-agent', '172.18.0.4', {}, { hostNetwork: true, node: 'worker-2' }),
]
const namespaces = [namespace('default'), namespace('team-a', { team: 'a' }), namespace('kube-system')]

function ask(policies: NetworkPolicy[], from: string, to: string, port = 80, protocol: PolicyProtocol = 'TCP'): string {
  const view = PolicyIndex.of({ pods, namespaces, policies })
  const [a, b] = [endpointOf(view.pods.get(from)!), endpointOf(view.pods.get(to)!)]
  const decision = decide(view, a, b, port, protocol)
  const denials = explainDecision(view, decision, a, b, port, protocol)
  expect(decision.allowed).toBe(denials.length === 0)
  return decision.allowed ? 'allowed' : denials.map((d) => d.text).join(' | ')
}

describe('what policies say of a connection', () => {
  it('allows everything to and from a Pod that no policy selects', () => {
    expect(ask([], 'default/client', 'default/web')).toBe('allowed')
    expect(ask([policy('team-a/deny', { podSelector: {}, policyTypes: ['Ingress'] })], 'default/client', 'default/web')).toBe('allowed')
  })

  it('names a policy without rules', () => {
    const deny = [policy('default/deny-all', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] })]
    expect(ask(deny, 'default/client', 'default/web')).toBe(
      'egress of default/client: default/deny-all selects it and has no rules | ingress to default/web: default/deny-all selects it and has no rules',
    )
    expect(ask(deny, 'team-a/client', 'default/web')).toBe('ingress to default/web: default/deny-all selects it and has no rules')
  })

  it('never denies a Pod to itself, nor a node to its own Pods', () => {
    const deny = [policy('default/deny-all', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] })]
    expect(ask(deny, 'default/web', 'default/web')).toBe('allowed')
    expect(ask(deny, 'kube-system/agent', 'default/web')).toBe('allowed')
    expect(ask(deny, 'kube-system/far-agent', 'default/web')).toContain('selects it and has no rules')
  })

  it('combines selectors of one peer, and takes several peers as alternatives', () => {
    const combined = [policy('default/p', { podSelector: { matchLabels: web }, ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'a' } }, podSelector: { matchLabels: { app: 'client' } } }] }] })]
    expect(ask(combined, 'team-a/client', 'default/web')).toBe('allowed')
    expect(ask(combined, 'default/client', 'default/web')).toBe('ingress to default/web: default/p allows only pods app=client in namespaces team=a')
    const either = [policy('default/p', { podSelector: {}, ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'a' } } }, { podSelector: { matchLabels: { app: 'client' } } }] }] })]
    expect(ask(either, 'default/client', 'default/web')).toBe('allowed')
    expect(ask(either, 'team-a/client', 'default/web')).toBe('allowed')
  })

  it('tells a wrong port from a wrong peer', () => {
    const rule = (ports: object[]) => [policy('default/p', { podSelector: { matchLabels: web }, ingress: [{ from: [{ podSelector: { matchLabels: { app: 'client' } } }], ports }] })]
    expect(ask(rule([{ port: 80 }]), 'default/client', 'default/web', 81)).toBe('ingress to default/web: default/p allows only 80/TCP, not 81/TCP')
    expect(ask(rule([{ port: 80 }]), 'default/client', 'default/web', 80, 'UDP')).toBe('ingress to default/web: default/p allows only 80/TCP, not 80/UDP')
    expect(ask(rule([{ port: 80 }]), 'team-a/client', 'default/web')).toBe('ingress to default/web: default/p allows only pods app=client on 80/TCP')
    expect(ask(rule([{ port: 79, endPort: 81 }]), 'default/client', 'default/web', 81)).toBe('allowed')
    expect(ask(rule([{ protocol: 'SCTP' }]), 'default/client', 'default/web', 81, 'SCTP')).toBe('allowed')
  })

  it('reads named ports from the Pod that is reached', () => {
    const ingress = [policy('default/p', { podSelector: { matchLabels: web }, ingress: [{ ports: [{ port: 'http' }] }] })]
    expect(ask(ingress, 'default/client', 'default/web', 8080)).toBe('allowed')
    expect(ask(ingress, 'default/client', 'default/web', 80)).toContain('allows only http/TCP, not 80/TCP')
    const egress = [policy('team-a/p', { podSelector: {}, policyTypes: ['Egress'], egress: [{ ports: [{ port: 'http' }] }] })]
    expect(ask(egress, 'team-a/client', 'default/web', 8080)).toBe('allowed')
    expect(ask(egress, 'team-a/client', 'default/client', 8080)).toContain('egress of team-a/client')
  })

  it('takes an ipBlock by address, without its exceptions', () => {
    const block = [policy('default/p', { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.2.0/24'] } }] }] })]
    expect(ask(block, 'default/client', 'default/web')).toBe('allowed')
    expect(ask(block, 'team-a/client', 'default/web')).toBe('ingress to default/web: default/p allows only 10.244.0.0/16 except 10.244.2.0/24')
  })

  it('does not see Pods of the host network as Pods', () => {
    const all = [policy('default/p', { podSelector: {}, ingress: [{ from: [{ namespaceSelector: {} }] }] })]
    expect(ask(all, 'kube-system/far-agent', 'default/web')).toBe('ingress to default/web: default/p allows only all pods')
    expect(ask([policy('kube-system/deny', { podSelector: {} })], 'default/client', 'kube-system/agent')).toBe('allowed')
  })
})

describe('the model tells what changed', () => {
  function watched() {
    const seen: PolicyChange[] = []
    const index = new PolicyIndex((change) => seen.push(change))
    const last = () => {
      const merged = { policies: new Set<string>(), selections: new Set<string>(), pods: new Set<string>(), sets: new Set<string>() }
      for (const change of seen.splice(0)) for (const key of ['policies', 'selections', 'pods', 'sets'] as const) for (const id of change[key]) merged[key].add(id)
      return Object.fromEntries(Object.entries(merged).map(([key, set]) => [key, [...set].sort()]))
    }
    for (const n of namespaces) index.setNamespace(n)
    for (const p of pods) index.setPod(p)
    index.setPolicy(policy('default/p', { podSelector: { matchLabels: web }, ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'a' } } }] }] }))
    return { index, last }
  }

  it('says nothing of a heartbeat, and names the set that a new Pod joins', () => {
    const { index, last } = watched()
    last()
    index.setPod(pod('default/web', '10.244.1.2', { ...web }, { ports: [{ name: 'http', containerPort: 8080 }] }))
    expect(last()).toEqual({ policies: [], selections: [], pods: [], sets: [] })
    index.setPod(pod('team-a/second', '', {}))
    expect(last()).toEqual({ policies: [], selections: [], pods: ['team-a/second'], sets: [] })
    index.setPod(pod('team-a/second', '10.244.2.9', {}))
    expect(last()).toEqual({ policies: [], selections: [], pods: ['team-a/second'], sets: ['{team=a}|'] })
    expect(index.addresses('{team=a}|', 4)).toEqual(['10.244.2.2', '10.244.2.9'])
    index.setPod(pod('team-a/second', '10.244.2.9', {}, { phase: 'Succeeded' }))
    expect(index.addresses('{team=a}|', 4)).toEqual(['10.244.2.2'])
  })

  it('follows the labels of Pods and of namespaces', () => {
    const { index, last } = watched()
    last()
    index.setPod(pod('default/client', '10.244.1.3', web))
    expect(last()).toEqual({ policies: [], selections: ['default/p'], pods: ['default/client'], sets: [] })
    expect(index.selected('default/p').map((p) => p.key)).toEqual(['default/client', 'default/web'])
    index.setNamespace(namespace('team-a'))
    expect(last()).toEqual({ policies: [], selections: [], pods: [], sets: ['{team=a}|'] })
    expect(index.members('{team=a}|')).toEqual([])
  })

  it('forgets a policy and its sets', () => {
    const { index, last } = watched()
    last()
    index.deletePolicy('default/p')
    expect(last()).toEqual({ policies: ['default/p'], selections: ['default/p'], pods: ['default/web'], sets: ['{team=a}|'] })
    expect(index.sets.size).toBe(0)
    expect(index.selecting(index.pods.get('default/web')!, 'ingress')).toEqual([])
  })
})
