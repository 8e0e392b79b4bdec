import type { KubeObject, LabelSelector } from '../../../kubernetes/types.ts'
import { fqdnLabel, type FqdnSelector } from '../fqdn.ts'
import { GROUP_NAME } from '../cidr-groups.ts'
import type { Identity } from '../identity.ts'
import type { CidrSet } from '../policy-rules.ts'
import { compileEndpointSelector, entity } from '../selectors.ts'

/** One row of the SelectorCache: a peer of some rule, as Go prints it, and who that is (pkg/policy/selectorcache.go). */
export interface CachedSelector { text: string; labels: string; matches(identity: Identity): boolean }

interface Peers {
  fromEndpoints?: LabelSelector[]; toEndpoints?: LabelSelector[]; fromEntities?: string[]; toEntities?: string[]; fromCIDR?: string[]; toCIDR?: string[]; fromCIDRSet?: CidrSet[]; toCIDRSet?: CidrSet[]
  toFQDNs?: FqdnSelector[]
  from?: KubernetesPeer[]; to?: KubernetesPeer[]
}
interface KubernetesPeer { podSelector?: LabelSelector; namespaceSelector?: LabelSelector; ipBlock?: { cidr: string } }
type Rules = Partial<Record<'ingress' | 'egress' | 'ingressDeny' | 'egressDeny', Peers[]>>

const NAMESPACE = 'k8s:io.kubernetes.pod.namespace'
const NAMESPACE_LABELS = 'k8s:io.cilium.k8s.namespace.labels.'

export function cachedSelectors(objects: readonly KubeObject[]): CachedSelector[] {
  return objects.flatMap((object) => {
    const { namespace, name } = object.metadata
    const labels = namespace === undefined ? name : `${namespace}/${name}`
    const { spec, specs } = object as unknown as { spec?: Rules; specs?: Rules[] }
    const rules = [...(spec ? [spec] : []), ...(specs ?? [])].flatMap((s) => [...(s.ingress ?? []), ...(s.egress ?? []), ...(s.ingressDeny ?? []), ...(s.egressDeny ?? [])])
    return rules.flatMap((rule) => selectorsOf(rule, namespace)).map((selector) => ({ ...selector, labels }))
  })
}

function selectorsOf(rule: Peers, namespace: string | undefined): Omit<CachedSelector, 'labels'>[] {
  const endpoints = [...(rule.fromEndpoints ?? []), ...(rule.toEndpoints ?? []), ...[...(rule.from ?? []), ...(rule.to ?? [])].filter((p) => !p.ipBlock).map((p) => fromKubernetes(p, namespace))]
  const cidrs = [...(rule.fromCIDR ?? []), ...(rule.toCIDR ?? []), ...[...(rule.fromCIDRSet ?? []), ...(rule.toCIDRSet ?? [])].flatMap((c) => c.cidr ?? []), ...[...(rule.from ?? []), ...(rule.to ?? [])].flatMap((p) => p.ipBlock?.cidr ?? [])]
  const groups = [...(rule.fromCIDRSet ?? []), ...(rule.toCIDRSet ?? [])].flatMap(groupSelector)
  const entities = [...(rule.fromEntities ?? []), ...(rule.toEntities ?? [])]
  const all = [
    ...endpoints.map((selector) => {
      const own = namespace !== undefined && !hasNamespace(selector) ? { ...selector, matchLabels: { ...selector.matchLabels, [NAMESPACE]: namespace } } : selector
      const compiled = compileEndpointSelector(selector, namespace, true)
      return { text: goSelector(own), matches: (identity: Identity) => compiled.matches(identity.labels) }
    }),
    ...entities.map((name) => ({ text: goSelector(name === 'all' ? {} : { matchLabels: { [`reserved:${name}`]: '' } }), matches: entity(name) })),
    ...cidrs.map((cidr) => ({ text: goSelector({ matchLabels: { [`cidr:${cidr}`]: '' } }), matches: (identity: Identity) => identity.cidr === cidr })),
    ...groups.map((selector) => {
      const compiled = compileEndpointSelector(selector, undefined, true)
      return { text: goSelector(selector), matches: (identity: Identity) => compiled.matches(identity.labels) }
    }),
    ...(rule.toFQDNs ?? []).map((name) => ({ text: `MatchName: ${name.matchName ?? ''}, MatchPattern: ${name.matchPattern ?? ''}`, matches: (identity: Identity) => identity.labels[`fqdn:${fqdnLabel(name)}`] !== undefined })),
  ]
  // a rule about ports alone is about everybody
  return all.length > 0 ? all : [{ text: goSelector({}), matches: () => true }]
}

/** A group is what its label says; labels of groups have a source of their own. */
function groupSelector({ cidrGroupRef, cidrGroupSelector: { matchLabels = {}, matchExpressions = [] } = {}, ...set }: CidrSet): LabelSelector[] {
  if (set.cidr !== undefined) return []
  if (cidrGroupRef !== undefined) return [{ matchExpressions: [{ key: `cidrgroup:${GROUP_NAME}/${cidrGroupRef}`, operator: 'Exists' }] }]
  return [{ matchLabels: Object.fromEntries(Object.entries(matchLabels).map(([k, v]) => [`cidrgroup:${k}`, v])), matchExpressions: matchExpressions.map((e) => ({ ...e, key: `cidrgroup:${e.key}` })) }]
}

function fromKubernetes({ podSelector, namespaceSelector }: KubernetesPeer, namespace: string | undefined): LabelSelector {
  const prefixed = (selector: LabelSelector | undefined, prefix: string): Required<Pick<LabelSelector, 'matchLabels' | 'matchExpressions'>> => ({
    matchLabels: Object.fromEntries(Object.entries(selector?.matchLabels ?? {}).map(([k, v]) => [prefix + k, v])),
    matchExpressions: (selector?.matchExpressions ?? []).map((e) => ({ ...e, key: prefix + e.key })),
  })
  const [pods, spaces] = [prefixed(podSelector, 'k8s:'), prefixed(namespaceSelector, NAMESPACE_LABELS)]
  const anywhere = namespaceSelector && Object.keys(spaces.matchLabels).length + spaces.matchExpressions.length === 0 ? [{ key: NAMESPACE, operator: 'Exists' }] : []
  return { matchLabels: { ...pods.matchLabels, ...spaces.matchLabels, ...(namespaceSelector || namespace === undefined ? {} : { [NAMESPACE]: namespace }) }, matchExpressions: [...pods.matchExpressions, ...spaces.matchExpressions, ...anywhere] }
}

function hasNamespace({ matchLabels, matchExpressions }: LabelSelector): boolean {
  return [...Object.keys(matchLabels ?? {}), ...(matchExpressions ?? []).map((e) => e.key)].some((key) => key.endsWith('io.kubernetes.pod.namespace') || key.includes('io.cilium.k8s.namespace.labels.') || key.startsWith('reserved:'))
}

/** fmt's %v of a *LabelSelector, whose keys have their source before a dot. */
function goSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const key = (text: string): string => (/^(k8s|any|reserved|cidr|cidrgroup|container|unspec):/.test(text) ? text.replace(':', '.') : `any.${text}`)
  const labels = Object.entries(matchLabels).map(([k, v]) => `${key(k)}: ${v},`).sort().join('')
  const expressions = matchExpressions.map((e) => `LabelSelectorRequirement{Key:${key(e.key)},Operator:${e.operator},Values:[${(e.values ?? []).join(' ')}],},`).join('')
  return `&LabelSelector{MatchLabels:map[string]string{${labels}},MatchExpressions:[]LabelSelectorRequirement{${expressions}},}`
}
