import { matchesPeers, type DecideOptions, type Decision, type PolicyEndpoint, type Side } from './decide.ts'
import type { Direction, Policy, PolicyRule, PolicyView } from './types.ts'

/**
 * Why a connection is denied, a sentence for each policy that had a say:
 *
 *     egress of default/web: default/deny-all selects it and has no rules
 *     ingress to default/db: default/allow-frontend allows only pods app=frontend
 *     ingress to default/db: default/allow-http allows only 80/TCP, not 3306/TCP
 */
export interface Denial {
  readonly direction: Direction
  /** The isolated Pod, "default/db". */
  readonly pod: string
  readonly policies: readonly { readonly policy: string; readonly why: string }[]
  /** "default/deny-all selects it and has no rules; default/p allows only 80/TCP, not 81/TCP" */
  readonly why: string
  /** The same with where: "ingress to default/db: …". */
  readonly text: string
}

/** The denials of a decision, egress first; empty when it is allowed. */
export function explainDecision(view: PolicyView, decision: Decision, from: PolicyEndpoint, to: PolicyEndpoint, port: number, protocol: string, options: DecideOptions = {}): Denial[] {
  const denials: Denial[] = []
  if (!decision.egress.allowed) denials.push(explainSide(view, decision.egress, from, to, port, protocol, options))
  if (!decision.ingress.allowed) denials.push(explainSide(view, decision.ingress, to, from, port, protocol, options))
  return denials
}

export function explainSide(view: PolicyView, side: Side, self: PolicyEndpoint, peer: PolicyEndpoint, port: number, protocol: string, options: DecideOptions = {}): Denial {
  const pod = self.pod!.key
  const policies = side.policies.map((policy) => ({ policy: policy.key, why: whyNot(view, policy, side.direction, peer, protocol === 'ICMP' ? 'ICMP' : `${port}/${protocol}`, options) }))
  const at = side.direction === 'egress' ? `egress of ${pod}` : `ingress to ${pod}`
  const why = policies.map((p) => `${p.policy} ${p.why}`).join('; ')
  return { direction: side.direction, pod, policies, why, text: `${at}: ${why}` }
}

/** Why none of a policy's rules matched. */
function whyNot(view: PolicyView, policy: Policy, direction: Direction, peer: PolicyEndpoint, port: string, options: DecideOptions): string {
  const rules = policy.rules[direction]
  if (rules.length === 0) return 'selects it and has no rules'
  const offers: string[] = []
  let onlyPorts = true
  for (const rule of rules) {
    const peerMatches = matchesPeers(view, rule, peer, options)
    if (!peerMatches) onlyPorts = false
    offers.push(offer(rule, peerMatches))
  }
  return `allows only ${[...new Set(offers)].join(', or ')}${onlyPorts ? `, not ${port}` : ''}`
}

/** What a rule lets through: its ports alone where its peers match anyway. */
function offer(rule: PolicyRule, peerMatches: boolean): string {
  const ports = rule.ports?.map((p) => p.text).join(', ')
  if (peerMatches) return ports!
  const peers = rule.peers!.map((p) => (p.kind === 'pods' ? p.set.text : p.text)).join(' or ')
  return ports === undefined ? peers : `${peers} on ${ports}`
}
