import type { NetworkPolicy } from '../../kubernetes/types.ts'
import { hasNamedPorts } from '../../policy/decide.ts'
import type { Direction, Policy, PolicyPod, PolicyView } from '../../policy/types.ts'
import { selectorText, setName } from './names.ts'

/**
 * What weave-npc makes of NetworkPolicies: npc/{analyser,rule,selector,ipblock,namespace}.go of Weave Net 2.8.1. It knows
 * neither named ports (the policy is rejected as a whole) nor endPort (only the first port counts).
 */
export interface NpcSet { name: string; type: 'hash:ip' | 'hash:net' | 'list:set'; entries: readonly { element: string; comment: string }[] }

export interface NpcState {
  sets: Map<string, NpcSet>
  /** Chain → its rules, each under what makes it one. */
  rules: { chain: string; args: readonly string[] }[]
}

export const CHAINS = {
  default: 'WEAVE-NPC-DEFAULT', ingress: 'WEAVE-NPC-INGRESS', mark: 'WEAVE-NPC-EGRESS-ACCEPT', custom: 'WEAVE-NPC-EGRESS-CUSTOM', egressDefault: 'WEAVE-NPC-EGRESS-DEFAULT',
} as const

/** Everything as it should be: for the policies and namespaces in the order in which they came. */
export function desired(view: PolicyView, namespaces: readonly string[]): NpcState {
  const builder = new Builder(view)
  for (const namespace of namespaces) builder.namespace(namespace)
  for (const policy of view.policies.values()) if (!hasNamedPorts(policy)) builder.policy(policy)
  return { sets: builder.sets, rules: builder.rules }
}

class Builder {
  readonly sets = new Map<string, NpcSet>()
  readonly rules: { chain: string; args: readonly string[] }[] = []
  readonly #view: PolicyView
  readonly #byNamespace = new Map<string, PolicyPod[]>()

  constructor(view: PolicyView) {
    this.#view = view
    for (const pod of view.pods.values()) {
      if (pod.hostNetwork || pod.finished || pod.ips.length === 0) continue
      const list = this.#byNamespace.get(pod.namespace)
      if (list) list.push(pod)
      else this.#byNamespace.set(pod.namespace, [pod])
    }
  }

  /** The Pods that no policy isolates in a direction, and rules that let them pass. */
  namespace(name: string): void {
    const pods = this.#byNamespace.get(name) ?? []
    this.#pods(`${name}:`, pods)
    for (const direction of ['ingress', 'egress'] as const) {
      const open = pods.filter((pod) => !this.#view.selecting(pod, direction).some((p) => !hasNamedPorts(p)))
      const set = this.#pods(`${direction}-default-allow:${name}`, open)
      const comment = ['-m', 'comment', '--comment', `DefaultAllow ${direction} isolation for namespace: ${name}`]
      if (direction === 'ingress') this.#rule(CHAINS.default, ['-m', 'set', '--match-set', set, 'dst', '-j', 'ACCEPT', ...comment])
      else for (const target of [CHAINS.mark, 'RETURN']) this.#rule(CHAINS.egressDefault, ['-m', 'set', '--match-set', set, 'src', '-j', target, ...comment])
    }
  }

  policy(policy: Policy): void {
    const { namespace, object } = policy
    const selector = selectorText(object.spec.podSelector ?? {})
    const target = { match: ['--match-set', this.#pods(`${namespace}:${selector}`, this.#view.selected(policy.key).filter((p) => p.ips.length > 0))], text: `pods: namespace: ${namespace}, selector: ${selector}` }
    for (const direction of ['ingress', 'egress'] as const) {
      for (const { peers, ports } of rawRules(object, direction)) {
        for (const peer of peers ?? [undefined]) {
          for (const port of ports ?? [undefined]) this.#allow(direction, namespace, target, peer, port)
        }
      }
    }
  }

  #allow(direction: Direction, namespace: string, target: { match: string[]; text: string }, peer: RawPeer | undefined, port: RawPort | undefined): void {
    const ingress = direction === 'ingress'
    const [own, other] = ingress ? ['dst', 'src'] as const : ['src', 'dst'] as const
    const self = { args: ['-m', 'set', ...target.match, own], text: target.text }
    const far = peer ? this.#peer(namespace, peer, other) : { args: [], text: 'anywhere' }
    const [source, destination] = ingress ? [far, self] : [self, far]
    const args = [...(port ? ['-p', port.protocol ?? 'TCP'] : []), ...source.args, ...destination.args, ...(port ? ['--dport', port.port === undefined ? '0:65535' : String(port.port)] : [])]
    args.push('-m', 'comment', '--comment', `${source.text} -> ${destination.text} (${direction})`)
    if (ingress) this.#rule(CHAINS.ingress, [...args, '-j', 'ACCEPT'])
    else for (const jump of [CHAINS.mark, 'RETURN']) this.#rule(CHAINS.custom, [...args, '-j', jump])
  }

  #peer(namespace: string, peer: RawPeer, direction: 'src' | 'dst'): { args: string[]; text: string } {
    const { ipBlock, podSelector, namespaceSelector } = peer
    if (ipBlock) {
      const except = [...(ipBlock.except ?? [])].sort()
      const args = [direction === 'src' ? '-s' : '-d', ipBlock.cidr]
      if (except.length === 0) return { args, text: `cidr: ${ipBlock.cidr}` }
      const name = setName(`${namespace}:ipblock-except:${except.join(' ')}`)
      this.sets.set(name, { name, type: 'hash:net', entries: except.map((element) => ({ element, comment: `excepted from ${ipBlock.cidr}` })) })
      return { args: [...args, '-m', 'set', '!', '--match-set', name, direction], text: `cidr: ${ipBlock.cidr} except [${except.join(' ')}]` }
    }
    const pods = podSelector && selectorText(podSelector)
    const id = namespaceSelector ? `{${selectorText(namespaceSelector)}}|${pods ?? ''}` : `${namespace}|${pods ?? ''}`
    if (!namespaceSelector) return { args: ['-m', 'set', '--match-set', this.#pods(`${namespace}:${pods!}`, this.#view.members(id)), direction], text: `pods: namespace: ${namespace}, selector: ${pods!}` }
    const key = selectorText(namespaceSelector) + (pods ?? '')
    // a podSelector that chooses all is none: both would be one set of two kinds
    const name = pods ? this.#pods(`:${key}`, this.#view.members(id)) : this.#namespaces(key, id)
    return { args: ['-m', 'set', '--match-set', name, direction], text: `namespaces: selector: ${key}` }
  }

  #pods(text: string, pods: readonly PolicyPod[]): string {
    const name = setName(text)
    if (!this.sets.has(name)) {
      const entries = pods.flatMap((pod) => pod.ips.filter((ip) => !ip.includes(':')).map((element) => ({ element, comment: `namespace: ${pod.namespace}, pod: ${pod.name}` })))
      this.sets.set(name, { name, type: 'hash:ip', entries })
    }
    return name
  }

  /** A list of the sets of all Pods of each namespace. */
  #namespaces(key: string, id: string): string {
    const name = setName(`:${key}`)
    const namespaces = [...new Set(this.#view.members(id).map((pod) => pod.namespace))]
    this.sets.set(name, { name, type: 'list:set', entries: namespaces.map((n) => ({ element: setName(`${n}:`), comment: `namespace: ${n}` })) })
    return name
  }

  #rule(chain: string, args: readonly string[]): void {
    this.rules.push({ chain, args })
  }
}

type Spec = NonNullable<NetworkPolicy['spec']>
type RawPeer = NonNullable<NonNullable<Spec['ingress']>[number]['from']>[number]
type RawPort = NonNullable<NonNullable<Spec['ingress']>[number]['ports']>[number]

/** A direction that policyTypes does not name has rules all the same; they are never reached. */
function rawRules({ spec }: NetworkPolicy, direction: Direction): { peers: readonly RawPeer[] | undefined; ports: readonly RawPort[] | undefined }[] {
  const some = <T>(list: readonly T[] | undefined): readonly T[] | undefined => (list?.length ? list : undefined)
  return direction === 'ingress'
    ? (spec.ingress ?? []).map(({ from, ports }) => ({ peers: some(from), ports: some(ports) }))
    : (spec.egress ?? []).map(({ to, ports }) => ({ peers: some(to), ports: some(ports) }))
}
