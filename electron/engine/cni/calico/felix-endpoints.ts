import { ACCEPT, clearMark, DROP, ENDPOINT_MARK, FOREIGN_MARK, goTo, jump, MARK, markClear, markIs, markSet, RETURN, setMark, setMaskedMark, type Chain, type Rule } from './felix-chains.ts'
import { limitedName, VXLAN_PORT } from './names.ts'

/** The chains of a node's Pods (felix/rules/endpoints.go, dispatch.go): one for what goes to it, one for what comes from it. */
export interface EndpointPolicies {
  interface: string
  namespace: string
  serviceAccount: string
  tiers: readonly TierPolicies[]
}

/** Of one tier: the policies' names as Felix has them, in order. */
export interface TierPolicies { name: string; pass: boolean; ingress: readonly string[]; egress: readonly string[] }

export type Side = 'ingress' | 'egress'

/** "default/knp.default.allow-web" within its tier → cali-pi-… */
export function policyChain(side: Side, tier: string, policy: string): string {
  return limitedName(side === 'ingress' ? 'cali-pi-' : 'cali-po-', `${tier}/${policy}`)
}

function profileChain(side: Side, profile: string): string {
  return limitedName(side === 'ingress' ? 'cali-pri-' : 'cali-pro-', profile)
}

export function endpointChain(side: Side, device: string): string {
  return limitedName(side === 'ingress' ? 'cali-tw-' : 'cali-fw-', device)
}

export function profilesOf({ namespace, serviceAccount }: Pick<EndpointPolicies, 'namespace' | 'serviceAccount'>): [string, string] {
  return [`kns.${namespace}`, `ksa.${namespace}.${serviceAccount}`]
}

/** A profile that Calico brings with it, for endpoints of hosts. */
export const DEFAULT_ALLOW = 'projectcalico-default-allow'

/** A namespace's profile allows everything: what no policy isolates is open. A ServiceAccount's says nothing; one that nobody knows denies. */
export function profileChains(profile: string): Chain[] {
  const first: readonly Rule[] = profile.startsWith('kns.') || profile === DEFAULT_ALLOW ? [{ action: setMark(MARK.accept) }] : profile.startsWith('ksa.') ? [{}] : [{ action: setMark(MARK.drop) }, { match: markSet(MARK.drop), action: DROP }]
  return (['ingress', 'egress'] as const).map((side) => ({ name: profileChain(side, profile), rules: first.map((rule, i) => (i === 0 ? { ...rule, comments: [`Profile ${profile} ${side}`] } : rule)) }))
}

export function endpointChains(endpoint: EndpointPolicies): Chain[] {
  return [endpointRules(endpoint, 'ingress'), endpointRules(endpoint, 'egress')]
}

function endpointRules(endpoint: EndpointPolicies, side: Side): Chain {
  return policedChain({ name: endpointChain(side, endpoint.interface), side, tiers: endpoint.tiers, profiles: profilesOf(endpoint), workload: true })
}

/** What an endpoint's chain is made of, a Pod's or a host's. */
export interface PolicedChain {
  name: string
  side: Side
  tiers: readonly TierPolicies[]
  profiles: readonly string[]
  /** A Pod's: it may not wrap packets itself. */
  workload?: boolean
  /** A host's: before connections are tracked, before their address is changed, or only what passes through. */
  type?: 'untracked' | 'preDNAT' | 'forward'
  failsafe?: string
  /** In mangle's POSTROUTING, where others may have rules behind. */
  returns?: boolean
}

export function policedChain({ name, side, tiers, profiles, workload = false, type, failsafe, returns = false }: PolicedChain): Chain {
  const accepted = markSet(MARK.accept)
  const rules: Rule[] = []
  if (type !== 'untracked') {
    const established = '-m conntrack --ctstate RELATED,ESTABLISHED'
    if (returns) rules.push({ match: established, action: setMark(MARK.accept) })
    rules.push({ match: established, action: returns ? RETURN : ACCEPT }, { match: '-m conntrack --ctstate INVALID', action: DROP })
  }
  if (failsafe !== undefined) rules.push({ action: jump(failsafe) })
  rules.push({ action: clearMark(MARK.accept | MARK.pass) })
  if (workload && side === 'egress') {
    rules.push({ match: `-p 17 -m multiport --destination-ports ${VXLAN_PORT}`, action: DROP, comments: ['Drop VXLAN encapped packets originating in workloads'] })
    rules.push({ match: '-p 4', action: DROP, comments: ['Drop IPinIP encapped packets originating in workloads'] })
  }
  for (const tier of tiers) {
    if (tier[side].length === 0) continue
    rules.push({ action: clearMark(MARK.pass), comments: [`Start of tier ${tier.name}`] })
    for (const policy of tier[side]) {
      rules.push({ match: markClear(MARK.pass), action: jump(policyChain(side, tier.name, policy)) })
      if (type === 'untracked') rules.push({ match: accepted, action: '--jump NOTRACK' })
      rules.push({ match: accepted, action: RETURN, comments: ['Return if policy accepted'] })
    }
    if (!tier.pass && type !== 'untracked' && type !== 'preDNAT') rules.push({ match: markClear(MARK.pass), action: DROP, comments: [`End of tier ${tier.name}. Drop if no policies passed packet`] })
  }
  if (type === 'forward' && tiers.length === 0) rules.push({ action: setMark(MARK.accept), comments: ['Allow forwarded traffic by default'] }, { action: RETURN, comments: ['Return for accepted forward traffic'] })
  if (type !== undefined) return { name, rules }
  for (const profile of profiles) {
    rules.push({ action: jump(profileChain(side, profile)) })
    rules.push({ match: accepted, action: RETURN, comments: ['Return if profile accepted'] })
  }
  rules.push({ action: DROP, comments: ['Drop if no profiles matched'] })
  return { name, rules }
}

/** Which chain is for which interface: a tree by the first character in which the names differ. */
export function dispatchChains(interfaces: readonly string[]): Chain[] {
  const end: Rule = { action: DROP, comments: ['Unknown interface'] }
  return [
    ...dispatchTree('cali-from-wl-dispatch', '--in-interface', (name) => endpointChain('egress', name), interfaces, [end], [end]),
    ...dispatchTree('cali-to-wl-dispatch', '--out-interface', (name) => endpointChain('ingress', name), interfaces, [end], [end]),
  ]
}

/** With IPVS: which mark each interface's packets get, and which chain each mark is for. */
export function markChains(interfaces: readonly string[], hosts: readonly string[] = []): Chain[] {
  const marks = endpointMarks([...interfaces, ...hosts])
  const markChain = (name: string): string => limitedName('cali-sm-', name)
  const names = [...marks.keys()].sort()
  const tree = (of: readonly string[]): Chain[] => dispatchTree('cali-set-endpoint-mark', '--in-interface', markChain, of, [], [])
  const [workloads, own] = [tree(interfaces), tree(hosts)]
  const from = (of: readonly string[], chain: (name: string) => string): Rule[] => names.filter((n) => of.includes(n)).map((name) => ({ match: markIs(marks.get(name)!, ENDPOINT_MARK), action: goTo(chain(name)) }))
  return [
    ...names.map((name) => ({ name: markChain(name), rules: [{ action: setMaskedMark(marks.get(name)!, ENDPOINT_MARK) }] })),
    ...workloads.slice(0, -1), ...own.slice(0, -1),
    {
      name: 'cali-set-endpoint-mark',
      rules: [...workloads.at(-1)!.rules, ...own.at(-1)!.rules, { match: '--in-interface cali+', action: DROP, comments: ['Unknown endpoint'] }, { action: setMaskedMark(FOREIGN_MARK, ENDPOINT_MARK), comments: ['Non-Cali endpoint mark'] }],
    },
    {
      name: 'cali-from-endpoint-mark',
      rules: [...from(interfaces, (name) => endpointChain('egress', name)), ...from(hosts, (name) => limitedName('cali-fhfw-', name)), { action: DROP, comments: ['Unknown interface'] }],
    },
  ]
}

/** A number for each interface, from a hash of its name, so that it seldom changes (felix/rules/endpoint_mark_mapper.go). */
function endpointMarks(interfaces: readonly string[]): Map<string, number> {
  const most = ENDPOINT_MARK / FOREIGN_MARK
  const taken = new Set<number>([0, 1])
  const marks = new Map<string, number>()
  for (const name of [...new Set(interfaces)].sort()) {
    let hash = 0x811c9dc5
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash, 0x01000193) ^ name.charCodeAt(i)
    let number = (hash >>> 0) % most
    while (taken.has(number)) number = (number + 1) % (most + 1)
    taken.add(number)
    marks.set(name, number * FOREIGN_MARK)
  }
  return marks
}

export function dispatchTree(root: string, match: string, chainOf: (name: string) => string, interfaces: readonly string[], childEnd: readonly Rule[], rootEnd: readonly Rule[]): Chain[] {
  const names = [...new Set(interfaces)].sort()
  const common = commonPrefix(names)
  const byPrefix = new Map<string, string[]>()
  for (const name of names) {
    const prefix = name.slice(0, common.length + 1)
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), name])
  }
  const leaf = (name: string): Rule => ({ match: `${match} ${name}`, action: goTo(chainOf(name)) })
  const children: Chain[] = []
  const rules = [...byPrefix].map(([prefix, below]): Rule => {
    if (below.length === 1) return leaf(below[0]!)
    const child = `${root}-${prefix.slice(common.length)}`
    children.push({ name: child, rules: [...below.map(leaf), ...childEnd] })
    return { match: `${match} ${prefix}+`, action: goTo(child) }
  })
  return [...children, { name: root, rules: [...rules, ...rootEnd] }]
}

function commonPrefix(names: readonly string[]): string {
  const [first = '', last = ''] = [names[0], names.at(-1)]
  let length = 0
  while (length < first.length && first[length] === last[length]) length++
  return first.slice(0, length)
}
