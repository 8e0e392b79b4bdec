import { cidrContains } from '../network/address.ts'
import { decide, endpointOf, type DecideOptions } from './decide.ts'
import { explainDecision } from './explain.ts'
import { DIRECTIONS, type PolicyPod, type PolicyProtocol, type PolicyRule, type PolicyView } from './types.ts'

/** A cell's answer; Pods that no policy can tell apart share it. */
export interface MatrixCell {
  readonly allowed: boolean
  /** For a denial: "egress: default/deny-all selects it and has no rules", egress before ingress, joined by " | ". */
  readonly reason?: string
  /** The policies that deny, "namespace/name". */
  readonly policies: readonly string[]
}

export interface PolicyMatrix {
  readonly port: number | string
  readonly protocol: PolicyProtocol
  readonly pods: readonly PolicyPod[]
  /** By place in `pods`. */
  cell(from: number, to: number): MatrixCell
}

export interface MatrixOptions extends DecideOptions {
  /** A number, or the name of a container port, which is each target's own. */
  port: number | string
  protocol: PolicyProtocol
  /** False where the network plugin does not look at policies. */
  enforced: boolean
  /** Undefined: all. */
  namespaces?: readonly string[]
}

const ALLOWED: MatrixCell = { allowed: true, policies: [] }

/**
 * Every Pod to every Pod (design 5.4): Pods are put into classes that no policy tells apart, and each pair of classes is
 * decided once, so that 1,000 Pods under 100 policies are a matter of some hundred decisions and a million look-ups.
 */
export function policyMatrix(view: PolicyView, options: MatrixOptions): PolicyMatrix {
  const wanted = options.namespaces && new Set(options.namespaces)
  const pods = [...view.pods.values()]
    .filter((pod) => pod.ips.length > 0 && !pod.finished && (!wanted || wanted.has(pod.namespace)))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  const { port, protocol } = options
  if (!options.enforced) return { port, protocol, pods, cell: (_, to) => noSuchPort(pods[to]!, options) ?? ALLOWED }
  const { classOf, members } = classify(view, pods, options)
  const cells: (MatrixCell | undefined)[] = []
  const cell = (from: number, to: number): MatrixCell => {
    // What depends on which Pod it is and not on its class is never denied: itself, and a node to its own Pods.
    if (from === to || isOwnNode(pods[from]!, pods[to]!)) return noSuchPort(pods[to]!, options) ?? ALLOWED
    const at = classOf[from]! * members + classOf[to]!
    return (cells[at] ??= decideCell(view, pods[from]!, pods[to]!, options))
  }
  return { port, protocol, pods, cell }
}

function decideCell(view: PolicyView, from: PolicyPod, to: PolicyPod, options: MatrixOptions): MatrixCell {
  const missing = noSuchPort(to, options)
  if (missing) return missing
  const port = portOf(to, options)!
  const [a, b] = [endpointOf(from), endpointOf(to)]
  const decision = decide(view, a, b, port, options.protocol, options)
  if (decision.allowed) return ALLOWED
  const denials = explainDecision(view, decision, a, b, port, options.protocol, options)
  return { allowed: false, reason: denials.map((d) => `${d.direction}: ${d.why}`).join(' | '), policies: denials.flatMap((d) => d.policies.map((p) => p.policy)) }
}

function portOf(pod: PolicyPod, { port, protocol }: MatrixOptions): number | undefined {
  return typeof port === 'number' ? port : pod.namedPorts.get(`${protocol}/${port}`)
}

/** Not a policy's doing, but nothing can be reached there either. */
function noSuchPort(pod: PolicyPod, options: MatrixOptions): MatrixCell | undefined {
  if (portOf(pod, options) !== undefined) return undefined
  return { allowed: false, reason: `no container port of it is named ${options.port}/${options.protocol}`, policies: [] }
}

function isOwnNode(from: PolicyPod, to: PolicyPod): boolean {
  return from.hostNetwork && from.node !== undefined && from.node === to.node
}

/** Puts together the Pods that are the same to every policy, as sender and as receiver; `members`: how many classes there are. */
function classify(view: PolicyView, pods: readonly PolicyPod[], options: MatrixOptions): { classOf: Int32Array; members: number } {
  const cidrs = cidrsOf(view)
  const names = portNamesOf(view, options)
  const setsOf = new Map<PolicyPod, string[]>()
  let number = 0
  for (const id of view.sets.keys()) {
    const mark = String(number++)
    for (const pod of view.members(id)) {
      const list = setsOf.get(pod)
      if (list) list.push(mark)
      else setsOf.set(pod, [mark])
    }
  }
  const known = new Map<string, number>()
  const classOf = new Int32Array(pods.length)
  for (const [i, pod] of pods.entries()) {
    const { ip } = endpointOf(pod)
    const key = [
      view.selecting(pod, 'egress').map((p) => p.key).join(),
      view.selecting(pod, 'ingress').map((p) => p.key).join(),
      setsOf.get(pod)?.join() ?? '',
      cidrs.map((matches) => (matches(ip) ? '1' : '0')).join(''),
      names.map((name) => pod.namedPorts.get(name) ?? '').join(),
    ].join('|')
    let found = known.get(key)
    if (found === undefined) known.set(key, (found = known.size))
    classOf[i] = found
  }
  return { classOf, members: known.size }
}

/** A test for each block of addresses that a policy names. */
function cidrsOf(view: PolicyView): ((ip: string) => boolean)[] {
  const tests = new Map<string, (ip: string) => boolean>()
  for (const rule of rulesOf(view)) {
    for (const peer of rule.peers ?? []) {
      if (peer.kind === 'cidr') tests.set(peer.text, (ip) => cidrContains(peer.cidr, ip) && !peer.except.some((cidr) => cidrContains(cidr, ip)))
    }
  }
  return [...tests.values()]
}

/** The names of ports that matter: "TCP/http". */
function portNamesOf(view: PolicyView, { port, protocol }: MatrixOptions): string[] {
  const names = new Set<string>(typeof port === 'string' ? [`${protocol}/${port}`] : [])
  for (const rule of rulesOf(view)) for (const p of rule.ports ?? []) if (p.name !== undefined && p.protocol === protocol) names.add(`${protocol}/${p.name}`)
  return [...names]
}

function* rulesOf(view: PolicyView): Iterable<PolicyRule> {
  for (const policy of view.policies.values()) for (const direction of DIRECTIONS) yield* policy.rules[direction]
}
