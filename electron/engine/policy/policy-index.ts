import type { Namespace, NetworkPolicy, Pod } from '../kubernetes/types.ts'
import { compareIp, ipVersion } from '../network/address.ts'
import type { Ip } from '../network/types.ts'
import { compilePolicy } from './compile.ts'
import { policyPod, sameLabels, samePod } from './pods.ts'
import { DIRECTIONS, type Direction, type PodSet, type Policy, type PolicyChange, type PolicyPod, type PolicyView } from './types.ts'

interface SetEntry {
  set: PodSet
  /** How many peers of policies mean it. */
  uses: number
  namespaces: Set<string>
  members: Map<string, PolicyPod>
  sorted: readonly PolicyPod[] | undefined
  addresses: Map<4 | 6, readonly Ip[]>
}

interface Changes { policies: Set<string>; selections: Set<string>; pods: Set<string>; sets: Set<string> }
type Selecting = Record<Direction, readonly Policy[]>

const NONE: readonly never[] = []
const byKey = (a: { key: string }, b: { key: string }): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)

/**
 * The model itself: told of objects one by one, it keeps everything that {@link PolicyView} answers, touching only what
 * the object concerns. An event costs the policies of one namespace and the sets that reach it.
 */
export class PolicyIndex implements PolicyView {
  readonly policies = new Map<string, Policy>()
  readonly pods = new Map<string, PolicyPod>()
  readonly #labels = new Map<string, Readonly<Record<string, string>> | undefined>()
  readonly #podsOf = new Map<string, Map<string, PolicyPod>>()
  readonly #policiesOf = new Map<string, Map<string, Policy>>()
  readonly #sets = new Map<string, SetEntry>()
  /** Only Pods that a policy selects have one. */
  readonly #selecting = new Map<string, Selecting>()
  readonly #selected = new Map<string, Map<string, PolicyPod>>()
  readonly #byIp = new Map<Ip, PolicyPod>()
  readonly #onChange: (change: PolicyChange) => void

  constructor(onChange: (change: PolicyChange) => void = () => undefined) {
    this.#onChange = onChange
  }

  /** The model of what there is at one moment. */
  static of(objects: { pods: Iterable<Pod>; namespaces: Iterable<Namespace>; policies: Iterable<NetworkPolicy> }): PolicyIndex {
    const index = new PolicyIndex()
    for (const namespace of objects.namespaces) index.setNamespace(namespace)
    for (const policy of objects.policies) index.setPolicy(policy)
    for (const pod of objects.pods) index.setPod(pod)
    return index
  }

  // ---- what is asked -----------------------------------------------------------------------------------------

  get sets(): ReadonlyMap<string, PodSet> {
    return new Map([...this.#sets].map(([id, entry]) => [id, entry.set]))
  }

  podAt(ip: Ip): PolicyPod | undefined {
    return this.#byIp.get(ip)
  }

  selecting(pod: PolicyPod, direction: Direction): readonly Policy[] {
    return this.#selecting.get(pod.key)?.[direction] ?? NONE
  }

  selected(policy: string): readonly PolicyPod[] {
    return [...(this.#selected.get(policy)?.values() ?? NONE)].sort(byKey)
  }

  members(set: string): readonly PolicyPod[] {
    const entry = this.#sets.get(set)
    if (!entry) return NONE
    return (entry.sorted ??= [...entry.members.values()].sort(byKey))
  }

  isMember(set: string, pod: PolicyPod): boolean {
    return this.#sets.get(set)?.members.has(pod.key) === true
  }

  addresses(set: string, family: 4 | 6): readonly Ip[] {
    const entry = this.#sets.get(set)
    if (!entry) return NONE
    let found = entry.addresses.get(family)
    if (!found) {
      const all = new Set<Ip>()
      for (const pod of entry.members.values()) for (const ip of pod.ips) if (ipVersion(ip) === family) all.add(ip)
      entry.addresses.set(family, (found = [...all].sort(compareIp)))
    }
    return found
  }

  // ---- what it is told ---------------------------------------------------------------------------------------

  setPod(object: Pod): void {
    const pod = policyPod(object)
    const old = this.pods.get(pod.key)
    if (old && samePod(old, pod)) return
    this.#change((changes) => this.#putPod(pod.key, old, pod, changes))
  }

  deletePod(key: string): void {
    const old = this.pods.get(key)
    if (old) this.#change((changes) => this.#putPod(key, old, undefined, changes))
  }

  setNamespace({ metadata: { name, labels } }: Namespace): void {
    if (this.#labels.has(name) && sameLabels(this.#labels.get(name), labels)) return
    this.#labels.set(name, labels ?? {})
    this.#change((changes) => this.#reviewNamespace(name, changes))
  }

  deleteNamespace(name: string): void {
    if (this.#labels.delete(name)) this.#change((changes) => this.#reviewNamespace(name, changes))
  }

  setPolicy(object: NetworkPolicy): void {
    const policy = compilePolicy(object)
    const old = this.policies.get(policy.key)
    if (old === policy || (old && sameSpec(old.object, object))) return
    this.#change((changes) => this.#putPolicy(policy.key, old, policy, changes))
  }

  deletePolicy(key: string): void {
    const old = this.policies.get(key)
    if (old) this.#change((changes) => this.#putPolicy(key, old, undefined, changes))
  }

  #change(work: (changes: Changes) => void): void {
    const changes: Changes = { policies: new Set(), selections: new Set(), pods: new Set(), sets: new Set() }
    work(changes)
    if (changes.policies.size + changes.selections.size + changes.pods.size + changes.sets.size > 0) this.#onChange(changes)
  }

  // ---- Pods --------------------------------------------------------------------------------------------------

  #putPod(key: string, old: PolicyPod | undefined, pod: PolicyPod | undefined, changes: Changes): void {
    const { namespace } = (pod ?? old)!
    changes.pods.add(key)
    if (pod) {
      this.pods.set(key, pod)
      inner(this.#podsOf, namespace).set(key, pod)
    } else {
      this.pods.delete(key)
      this.#podsOf.get(namespace)?.delete(key)
    }
    for (const ip of old?.ips ?? NONE) if (this.#byIp.get(ip)?.key === key) this.#byIp.delete(ip)
    if (pod && isMemberKind(pod)) for (const ip of pod.ips) this.#byIp.set(ip, pod)
    for (const entry of this.#sets.values()) {
      if (entry.namespaces.has(namespace)) place(entry, key, pod && isMemberKind(pod) && entry.set.selectsPod(pod.labels) ? pod : undefined, changes)
    }
    this.#select(key, namespace, pod, changes)
  }

  /** Finds out anew which policies select a Pod. */
  #select(key: string, namespace: string, pod: PolicyPod | undefined, changes: Changes): void {
    const before = this.#selecting.get(key)
    const policies = this.#policiesOf.get(namespace)
    const found: Policy[] = []
    for (const policy of policies?.values() ?? NONE) {
      const selected = this.#selected.get(policy.key)!
      const is = pod !== undefined && isSelectable(pod) && policy.selectsPod(pod.labels)
      if (is) found.push(policy)
      if (is ? selected.get(key) === pod : !selected.has(key)) continue
      if (is) selected.set(key, pod)
      else selected.delete(key)
      changes.selections.add(policy.key)
    }
    if (found.length === 0) {
      if (before) this.#selecting.delete(key)
      else return
    } else {
      found.sort(byKey)
      const now: Selecting = { ingress: found.filter((p) => p.isolates.ingress), egress: found.filter((p) => p.isolates.egress) }
      this.#selecting.set(key, now)
      if (before && DIRECTIONS.every((d) => before[d].length === now[d].length && before[d].every((p, i) => p.key === now[d][i]!.key))) return
    }
    changes.pods.add(key)
  }

  // ---- namespaces and sets -----------------------------------------------------------------------------------

  #reviewNamespace(name: string, changes: Changes): void {
    for (const entry of this.#sets.values()) {
      if (entry.set.namespace !== undefined) continue
      const is = this.#labels.has(name) && entry.set.selectsNamespace(name, this.#labels.get(name))
      if (is === entry.namespaces.has(name)) continue
      if (is) this.#include(entry, name, changes)
      else {
        entry.namespaces.delete(name)
        for (const key of this.#podsOf.get(name)?.keys() ?? NONE) place(entry, key, undefined, changes)
      }
    }
  }

  #include(entry: SetEntry, namespace: string, changes: Changes): void {
    entry.namespaces.add(namespace)
    for (const pod of this.#podsOf.get(namespace)?.values() ?? NONE) {
      if (isMemberKind(pod) && entry.set.selectsPod(pod.labels)) place(entry, pod.key, pod, changes)
    }
  }

  #use(set: PodSet, changes: Changes): void {
    const known = this.#sets.get(set.id)
    if (known) {
      known.uses++
      return
    }
    const entry: SetEntry = { set, uses: 1, namespaces: new Set(), members: new Map(), sorted: undefined, addresses: new Map() }
    this.#sets.set(set.id, entry)
    changes.sets.add(set.id)
    if (set.namespace !== undefined) this.#include(entry, set.namespace, changes)
    else for (const [name, labels] of this.#labels) if (set.selectsNamespace(name, labels)) this.#include(entry, name, changes)
  }

  #release(set: PodSet, changes: Changes): void {
    const entry = this.#sets.get(set.id)!
    if (--entry.uses > 0) return
    this.#sets.delete(set.id)
    changes.sets.add(set.id)
  }

  // ---- policies ----------------------------------------------------------------------------------------------

  #putPolicy(key: string, old: Policy | undefined, policy: Policy | undefined, changes: Changes): void {
    const { namespace } = (policy ?? old)!
    changes.policies.add(key)
    const siblings = inner(this.#policiesOf, namespace)
    // First the new sets, so that those which stay are not filled again.
    if (policy) for (const set of setsOf(policy)) this.#use(set, changes)
    if (old) for (const set of setsOf(old)) this.#release(set, changes)
    if (policy) {
      this.policies.set(key, policy)
      siblings.set(key, policy)
      if (!old) this.#selected.set(key, new Map())
    } else {
      this.policies.delete(key)
      siblings.delete(key)
      for (const pod of this.#selected.get(key)!.keys()) changes.pods.add(pod)
      this.#selected.delete(key)
      changes.selections.add(key)
    }
    for (const pod of this.#podsOf.get(namespace)?.values() ?? NONE) this.#select(pod.key, namespace, pod, changes)
  }
}

/** Every mention counts: a policy may mean one set twice. */
function setsOf(policy: Policy): PodSet[] {
  const sets: PodSet[] = []
  for (const direction of DIRECTIONS) {
    for (const { peers } of policy.rules[direction]) for (const peer of peers ?? NONE) if (peer.kind === 'pods') sets.push(peer.set)
  }
  return sets
}

/** The generation grows with every change of the spec. */
function sameSpec(a: NetworkPolicy, b: NetworkPolicy): boolean {
  return a.spec === b.spec || (a.metadata.uid === b.metadata.uid && a.metadata.generation !== undefined && a.metadata.generation === b.metadata.generation)
}

function isSelectable(pod: PolicyPod): boolean {
  return !pod.hostNetwork && !pod.finished
}

function isMemberKind(pod: PolicyPod): boolean {
  return isSelectable(pod) && pod.ips.length > 0
}

function place(entry: SetEntry, key: string, pod: PolicyPod | undefined, changes: Changes): void {
  if (entry.members.get(key) === pod) return
  if (pod) entry.members.set(key, pod)
  else entry.members.delete(key)
  entry.sorted = undefined
  entry.addresses.clear()
  changes.sets.add(entry.set.id)
}

function inner<V>(map: Map<string, Map<string, V>>, key: string): Map<string, V> {
  let found = map.get(key)
  if (!found) map.set(key, (found = new Map()))
  return found
}
