import { tryParseCidr } from '../../network/address.ts'
import type { CiliumNetworkPolicy, CiliumRule, CiliumSpec, PortRule } from './policy-rules.ts'

/** What agent and operator refuse of a policy that the definition's schema lets in (pkg/policy/api/rule_validation.go of cilium/cilium v1.17). */
type Direction = 'ingress' | 'egress'

const PEERS = {
  ingress: ['fromCIDR', 'fromCIDRSet', 'fromEndpoints', 'fromEntities'],
  egress: ['toCIDR', 'toCIDRSet', 'toEndpoints', 'toEntities', 'toFQDNs', 'toServices'],
} as const

/** One message a spec that cannot be; the policy is as if it were not there. */
export function refusalsOf({ metadata, spec, specs }: CiliumNetworkPolicy): string[] {
  return [...(spec ? [spec] : []), ...(specs ?? [])].flatMap((each) => refusal(each, metadata.namespace !== undefined) ?? [])
}

function refusal(spec: CiliumSpec, namespaced: boolean): string | undefined {
  if (namespaced && spec.nodeSelector) return 'Invalid CiliumNetworkPolicy spec: rule cannot have NodeSelector'
  if (spec.endpointSelector && spec.nodeSelector) return 'rule cannot have both EndpointSelector and NodeSelector'
  for (const [direction, rules] of [['ingress', [...(spec.ingress ?? []), ...(spec.ingressDeny ?? [])]], ['egress', [...(spec.egress ?? []), ...(spec.egressDeny ?? [])]]] as const) {
    for (const rule of rules) {
      const found = ofRule(rule, direction)
      if (found !== undefined) return found
      if (spec.nodeSelector && rule.toPorts?.some(({ rules: seven }) => (seven?.http?.length ?? 0) + (seven?.dns?.length ?? 0) > 0)) return 'host policies do not support L7 rules yet'
    }
  }
  return undefined
}

function ofRule(rule: CiliumRule, direction: Direction): string | undefined {
  const kinds = PEERS[direction].filter((kind) => (rule[kind]?.length ?? 0) > 0).map((kind) => kind[0]!.toUpperCase() + kind.slice(1))
  if (kinds.length > 1) return `Combining ${kinds[0]!} and ${kinds[1]!} is not supported yet`
  if (direction === 'ingress' && rule.toPorts?.some((p) => (p.rules?.dns?.length ?? 0) > 0)) return 'L7 protocol DNS is not supported on ingress yet'
  if ((rule.icmps?.length ?? 0) > 0 && (rule.toPorts?.length ?? 0) > 0) return 'The ICMPs block may only be present without ToPorts. Define a separate rule to use ToPorts.'
  for (const ports of rule.toPorts ?? []) {
    const found = ofPorts(ports)
    if (found !== undefined) return found
  }
  for (const cidr of [...(rule.fromCIDR ?? []), ...(rule.toCIDR ?? [])]) if (!tryParseCidr(cidr)) return `unable to parse CIDR: ParseAddr(${JSON.stringify(cidr)}): unable to parse IP`
  return undefined
}

function ofPorts({ ports, rules }: PortRule): string | undefined {
  const dns = (rules?.dns?.length ?? 0) > 0
  const seven = dns || (rules?.http?.length ?? 0) > 0
  let zero = false
  for (const { port, endPort, protocol = 'ANY' } of ports ?? []) {
    const number = /^\d+$/.test(port) ? Number(port) : undefined
    zero ||= number === 0
    if (dns && number !== undefined && (endPort ?? 0) > number) return 'DNS rules do not support port ranges'
    if (seven && !dns && protocol.toUpperCase() !== 'TCP') return `L7 rules can only apply to TCP (not ${protocol.toUpperCase()}) except for DNS rules`
  }
  if (seven && zero) return 'L7 rules can not be used when a port is 0'
  if (dns && (ports?.length ?? 0) === 0) return 'Port 53 must be specified for DNS rules'
  if (dns && (rules?.http?.length ?? 0) > 0) return 'multiple L7 protocol rule types specified in single rule'
  return undefined
}
