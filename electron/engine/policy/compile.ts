import type { NetworkPolicyPeer, NetworkPolicyPort } from 'kubernetes-types/networking/v1'
import { compileLabelSelector } from '../kubernetes/selectors.ts'
import type { LabelSelector, NetworkPolicy } from '../kubernetes/types.ts'
import { networkOf, tryParseCidr } from '../network/address.ts'
import type { PodSet, Policy, PolicyPeer, PolicyPort, PolicyProtocol, PolicyRule } from './types.ts'

/**
 * A NetworkPolicy, read once: https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1/.
 * Absent and empty differ: no `from` is everybody, an empty podSelector every Pod, an absent `ingress` nobody.
 */
const known = new WeakMap<NetworkPolicy, Policy>()

export function compilePolicy(object: NetworkPolicy): Policy {
  let found = known.get(object)
  if (!found) known.set(object, (found = compile(object)))
  return found
}

function compile(object: NetworkPolicy): Policy {
  const { namespace, name } = object.metadata
  const { spec } = object
  // The API server defaults policyTypes; objects that were made before it did have none.
  const types = spec.policyTypes?.length ? spec.policyTypes : spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress']
  const isolates = { ingress: types.includes('Ingress'), egress: types.includes('Egress') }
  const selector = compileLabelSelector(spec.podSelector ?? {})
  return {
    key: `${namespace}/${name}`,
    namespace,
    name,
    object,
    isolates,
    rules: {
      ingress: isolates.ingress ? (spec.ingress ?? []).map((rule) => compileRule(namespace, rule.from, rule.ports)) : [],
      egress: isolates.egress ? (spec.egress ?? []).map((rule) => compileRule(namespace, rule.to, rule.ports)) : [],
    },
    selectsPod: (labels) => selector.matches(labels),
  }
}

function compileRule(namespace: string, peers: readonly NetworkPolicyPeer[] | undefined, ports: readonly NetworkPolicyPort[] | undefined): PolicyRule {
  return {
    peers: peers?.length ? peers.map((peer) => compilePeer(namespace, peer)) : undefined,
    ports: ports?.length ? ports.map(compilePort) : undefined,
  }
}

function compilePeer(namespace: string, peer: NetworkPolicyPeer): PolicyPeer {
  if (peer.ipBlock) {
    const whole = (cidr: string): string => (tryParseCidr(cidr) ? networkOf(cidr) : cidr)
    const cidr = whole(peer.ipBlock.cidr)
    const except = (peer.ipBlock.except ?? []).map(whole)
    return { kind: 'cidr', cidr, except, text: except.length > 0 ? `${cidr} except ${except.join(', ')}` : cidr }
  }
  return { kind: 'pods', set: podSet(namespace, peer.namespaceSelector, peer.podSelector) }
}

/** A namespaceSelector that is there chooses namespaces by label; an absent one means the policy's own. */
function podSet(namespace: string, namespaceSelector: LabelSelector | undefined, podSelector: LabelSelector | undefined): PodSet {
  const pods = compileLabelSelector(podSelector ?? {})
  const namespaces = namespaceSelector && compileLabelSelector(namespaceSelector)
  const [podText, namespaceText] = [pods.toString(), namespaces?.toString()]
  const which = podText === '' ? 'pods' : `pods ${podText}`
  const text = namespaceText === undefined
    ? podText === '' ? `pods of namespace ${namespace}` : which
    : namespaceText === '' ? (podText === '' ? 'all pods' : `${which} in all namespaces`) : `${which} in namespaces ${namespaceText}`
  return {
    id: `${namespaces ? `{${namespaceText}}` : namespace}|${podText}`,
    text,
    namespace: namespaces ? undefined : namespace,
    selectsNamespace: (name, labels) => (namespaces ? namespaces.matches(labels) : name === namespace),
    selectsPod: (labels) => pods.matches(labels),
  }
}

function compilePort({ port, endPort, protocol = 'TCP' }: NetworkPolicyPort): PolicyPort {
  const proto = protocol as PolicyProtocol
  if (port === undefined) return { protocol: proto, text: `any port/${proto}` }
  // An IntOrString: a text is a name.
  if (typeof port === 'string') return { protocol: proto, name: port, text: `${port}/${proto}` }
  if (endPort === undefined || endPort === port) return { protocol: proto, port, text: `${port}/${proto}` }
  return { protocol: proto, port, endPort, text: `${port}-${endPort}/${proto}` }
}
