import { compileLabelSelector } from '../../kubernetes/selectors.ts'
import type { Direction } from '../../policy/types.ts'
import { nameLabel, type Peer } from './groups.ts'
import type { NativePolicy, Rule } from './native-policy.ts'

/** A rule, or what becomes of one whose peers depend on the Namespace of the Pods that it is for. */
export interface RulePart {
  readonly direction: Direction
  readonly rule: Rule
  /** Its place among the policy's rules of the direction. */
  readonly order: number
  /** Empty for the rule itself; else which Namespaces it is about. */
  readonly part: string
  readonly appliedTo: readonly Peer[]
  readonly peers: readonly Peer[]
}

type Labels = Readonly<Record<string, string>> | undefined

/** Whether a rule has peers with `namespaces`: what it says changes with the cluster's Namespaces. */
export function isNamespaced({ spec }: NativePolicy): boolean {
  return [...(spec.ingress ?? []), ...(spec.egress ?? [])].some((rule) => (rule.from ?? rule.to)?.some((peer) => peer.namespaces) === true)
}

/**
 * processClusterNetworkPolicy of pkg/controller/networkpolicy/clusternetworkpolicy.go (v2.4): `match: Self` is a rule for each
 * Namespace that the policy is for, `sameLabels` one for each combination of the labels' values. `resolve` puts selectors for groups.
 */
export function ruleParts({ spec }: NativePolicy, namespaces: ReadonlyMap<string, Labels>, resolve: (peers: readonly Peer[]) => Peer[]): RulePart[] {
  return (['ingress', 'egress'] as const).flatMap((direction) => (spec[direction] ?? []).flatMap((rule, order): RulePart[] => {
    const appliedTo = rule.appliedTo ?? spec.appliedTo ?? []
    const all = rule.from ?? rule.to ?? []
    const part = (name: string, of: readonly Peer[], peers: readonly Peer[]): RulePart => ({ direction, rule, order, part: name, appliedTo: of, peers })
    const ofCluster = all.filter((peer) => !peer.namespaces)
    if (ofCluster.length === all.length) return [part('', appliedTo, all)]
    const out = ofCluster.length > 0 ? [part('', appliedTo, ofCluster)] : []
    const affected = affectedBy(resolve(appliedTo), namespaces)
    const ofSelf = all.filter((peer) => peer.namespaces?.match === 'Self')
    if (ofSelf.length > 0) for (const [name, targets] of affected) out.push(part(`Self ${name}`, targets, ofSelf.map(({ podSelector }) => ({ podSelector: podSelector ?? {}, namespaceSelector: nameLabel(name) }))))
    for (const { podSelector, namespaces: { sameLabels = [] } = {} } of all) {
      if (sameLabels.length === 0) continue
      const byValues = new Map<string, { values: Record<string, string>; targets: Peer[] }>()
      for (const [name, targets] of affected) {
        const labels = namespaces.get(name) ?? {}
        // a Namespace without one of the labels is like no other
        if (sameLabels.some((key) => labels[key] === undefined)) continue
        const values = Object.fromEntries(sameLabels.map((key) => [key, labels[key]!]))
        const id = JSON.stringify(values)
        const known = byValues.get(id)
        if (known) known.targets.push(...targets)
        else byValues.set(id, { values, targets: [...targets] })
      }
      for (const [id, { values, targets }] of byValues) out.push(part(`sameLabels ${id}`, targets, [{ podSelector: podSelector ?? {}, namespaceSelector: { matchLabels: values } }]))
    }
    return out
  }))
}

/** The Namespaces that have Pods which are meant, and the Pods' selectors in each. */
function affectedBy(appliedTo: readonly Peer[], namespaces: ReadonlyMap<string, Labels>): Map<string, Peer[]> {
  const out = new Map<string, Peer[]>()
  for (const { podSelector, namespaceSelector, ipBlock } of appliedTo) {
    if (ipBlock) continue
    const selector = compileLabelSelector(namespaceSelector ?? {})
    for (const [name, labels] of [...namespaces].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (!selector.matches(labels)) continue
      const peers = out.get(name) ?? []
      peers.push({ podSelector: podSelector ?? {}, namespaceSelector: nameLabel(name) })
      out.set(name, peers)
    }
  }
  return out
}
