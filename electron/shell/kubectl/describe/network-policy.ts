import type { NetworkPolicyPeer, NetworkPolicyPort } from 'kubernetes-types/networking/v1'
import { formatLabelSelector } from '../../../engine/kubernetes/selectors.ts'
import type { LabelSelector, NetworkPolicy } from '../../../engine/kubernetes/types.ts'
import { parseTime } from '../objects.ts'
import type { Description } from './writer.ts'

const INDENT = '    '

export function describeNetworkPolicy(d: Description, { metadata, spec }: NetworkPolicy): void {
  d.head({ metadata })
  d.field('Created on', goTime(metadata.creationTimestamp))
  d.labels('Labels', metadata.labels)
  d.annotations('Annotations', metadata.annotations)
  d.line(0, 'Spec:')
  d.write(1, 'PodSelector: ')
  d.line(2, isEmpty(spec.podSelector) ? '<none> (Allowing the specific traffic to all pods in this namespace)' : formatLabelSelector(spec.podSelector))
  for (const direction of ['Ingress', 'Egress'] as const) {
    const word = direction.toLowerCase()
    if (!spec.policyTypes?.includes(direction)) {
      d.line(1, `Not affecting ${word} traffic`)
      continue
    }
    d.line(1, `Allowing ${word} traffic:`)
    if (direction === 'Ingress') rules(d, spec.ingress?.map(({ ports, from }) => ({ ports, peers: from })) ?? [], 'ingress')
    else rules(d, spec.egress?.map(({ ports, to }) => ({ ports, peers: to })) ?? [], 'egress')
  }
  d.line(1, `Policy Types: ${spec.policyTypes?.join(', ') || '<none>'}`)
}

function isEmpty(selector: LabelSelector | undefined): boolean {
  return Object.keys(selector?.matchLabels ?? {}).length === 0 && !selector?.matchExpressions?.length
}

interface Rule {
  ports: NetworkPolicyPort[] | undefined
  peers: NetworkPolicyPeer[] | undefined
}

function rules(d: Description, all: readonly Rule[], word: 'ingress' | 'egress'): void {
  if (all.length === 0) return d.line(0, `${INDENT}<none> (Selected pods are isolated for ${word} connectivity)`)
  const title = word === 'ingress' ? 'From' : 'To'
  all.forEach(({ ports, peers }, i) => {
    if (!ports?.length) d.line(0, `${INDENT}To Port: <any> (traffic allowed to all ports)`)
    for (const { port, endPort, protocol = 'TCP' } of ports ?? []) {
      const from = port === undefined ? '<nil>' : String(port)
      d.line(0, endPort === undefined ? `${INDENT}To Port: ${from}/${protocol}` : `${INDENT}To Port Range: ${from}-${endPort}/${protocol}`)
    }
    if (!peers?.length) d.line(0, `${INDENT}${title}: <any> (traffic not restricted by ${word === 'ingress' ? 'source' : 'destination'})`)
    for (const peer of peers ?? []) {
      d.line(0, `${INDENT}${title}:`)
      describePeer(d, peer)
    }
    if (i < all.length - 1) d.line(0, `${INDENT}----------`)
  })
}

function describePeer(d: Description, { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer): void {
  if (namespaceSelector) d.line(1, `${INDENT}NamespaceSelector: ${formatLabelSelector(namespaceSelector)}`)
  if (podSelector) d.line(1, `${INDENT}PodSelector: ${formatLabelSelector(podSelector)}`)
  if (!ipBlock || podSelector || namespaceSelector) return
  d.line(1, `${INDENT}IPBlock:`)
  d.line(2, `${INDENT}CIDR: ${ipBlock.cidr}`)
  d.line(2, `${INDENT}Except: ${(ipBlock.except ?? []).join(', ')}`)
}

/** Go's time.Time String: "2026-01-05 08:00:00 +0000 UTC". */
function goTime(timestamp: string): string {
  const ms = parseTime(timestamp)
  return ms === undefined ? '0001-01-01 00:00:00 +0000 UTC' : `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`
}
