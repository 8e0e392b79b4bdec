import { cidrContains } from '../network/address.ts'
import { decideSide, endpointOf, type DecideOptions } from './decide.ts'
import { explainSide } from './explain.ts'
import type { Ip } from '../network/types.ts'
import { DIRECTIONS, type Direction, type PolicyPod, type PolicyProtocol, type PolicyRule, type PolicyView } from './types.ts'

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
  /** Why the network plugin lets nothing of this protocol to or from a Pod, whatever policies say. */
  unfollowed?: string | undefined
  /** Undefined: all. */
  namespaces?: readonly string[]
  /** The address that a Pod with hostNetwork has for a Pod of another node: a tunnel's or a gateway's, if not its node's. */
  sourceOf?(from: PolicyPod, to: PolicyPod): Ip | undefined
}

const ALLOWED: MatrixCell = { allowed: true, policies: [] }

/** What one end's policies say of a class of Pods on the other end; undefined parts: allowed. */
interface SideCell {
  why: string | undefined
  policies: readonly string[]
  /** Cells made of this one as egress, and that one as ingress. */
  joined: Map<SideCell, MatrixCell>
}

/**
 * Every Pod to every Pod (design 5.4). A Pod is of three classes: by the policies that isolate it in each direction, and by
 * what the rules of policies can tell of it as a peer. Each pair of classes is decided once, so that 1,000 Pods under 100
 * policies are some thousand decisions and a million look-ups.
 */
export function policyMatrix(view: PolicyView, options: MatrixOptions): PolicyMatrix {
  const wanted = options.namespaces && new Set(options.namespaces)
  const pods = [...view.pods.values()]
    .filter((pod) => pod.ips.length > 0 && !pod.finished && (!wanted || wanted.has(pod.namespace)))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  const { port, protocol } = options
  if (!options.enforced) return { port, protocol, pods, cell: (_, to) => noSuchPort(pods[to]!, options) ?? ALLOWED }
  const { egress, ingress, peer, peers } = classify(view, pods, options)
  const egressCells: SideCell[] = []
  const ingressCells: SideCell[] = []
  const cell = (from: number, to: number): MatrixCell => {
    const missing = typeof port === 'string' ? noSuchPort(pods[to]!, options) : undefined
    if (missing) return missing
    if (options.unfollowed !== undefined && from !== to && !(pods[from]!.hostNetwork && pods[to]!.hostNetwork)) return { allowed: false, reason: options.unfollowed, policies: [] }
    // What depends on which Pod it is and not on its class is never denied: itself, and a node to its own Pods.
    if (from === to || isOwnNode(pods[from]!, pods[to]!)) return ALLOWED
    const out = (egressCells[egress[from]! * peers + peer[to]!] ??= decideCell(view, 'egress', pods[from]!, pods[to]!, options))
    const into = pods[from]!.hostNetwork && options.sourceOf ? fromNode(from, to) : (ingressCells[ingress[to]! * peers + peer[from]!] ??= decideCell(view, 'ingress', pods[to]!, pods[from]!, options))
    if (out.why === undefined && into.why === undefined) return ALLOWED
    let joined = out.joined.get(into)
    if (!joined) out.joined.set(into, (joined = join(out, into)))
    return joined
  }
  // which address a node has depends on where it goes
  const nodeCells = new Map<string, SideCell>()
  const fromNode = (from: number, to: number): SideCell => {
    const ip = options.sourceOf?.(pods[from]!, pods[to]!) ?? endpointOf(pods[from]!).ip
    const key = `${ingress[to]!} ${peer[from]!} ${ip}`
    let found = nodeCells.get(key)
    if (!found) nodeCells.set(key, (found = decideCell(view, 'ingress', pods[to]!, pods[from]!, options, ip)))
    return found
  }
  return { port, protocol, pods, cell }
}

function join(out: SideCell, into: SideCell): MatrixCell {
  return { allowed: false, reason: [out.why, into.why].filter((why) => why !== undefined).join(' | '), policies: [...new Set([...out.policies, ...into.policies])] }
}

function decideCell(view: PolicyView, direction: Direction, selfPod: PolicyPod, peerPod: PolicyPod, options: MatrixOptions, ip?: Ip): SideCell {
  const port = portOf(direction === 'ingress' ? selfPod : peerPod, options)!
  const [self, peer] = [endpointOf(selfPod), ip === undefined ? endpointOf(peerPod) : { ...endpointOf(peerPod), ip }]
  const side = decideSide(view, direction, self, peer, port, options.protocol, options)
  if (side.allowed) return { why: undefined, policies: [], joined: new Map() }
  const denial = explainSide(view, side, self, peer, port, options.protocol, options)
  return { why: `${direction}: ${denial.why}`, policies: denial.policies.map((p) => p.policy), joined: new Map() }
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

/** Gives out numbers for keys. */
class Classes {
  readonly #known = new Map<string, number>()

  of(key: string): number {
    let found = this.#known.get(key)
    if (found === undefined) this.#known.set(key, (found = this.#known.size))
    return found
  }

  get size(): number {
    return this.#known.size
  }
}

/** The classes of each Pod, by its place. `peers`: how many of those there are. */
function classify(view: PolicyView, pods: readonly PolicyPod[], options: MatrixOptions): { egress: number[]; ingress: number[]; peer: number[]; peers: number } {
  const cidrs = cidrsOf(view)
  const names = portNamesOf(view, options)
  // Where a policy's directions are mixed up, both ends' policies count on both sides.
  const mixed = options.sharedChain === true && [...view.policies.values()].some((p) => p.isolates.ingress && p.isolates.egress)
  const setsOf = new Map<PolicyPod, string[]>()
  for (const [number, id] of [...view.sets.keys()].entries()) {
    for (const pod of view.members(id)) {
      const list = setsOf.get(pod)
      if (list) list.push(String(number))
      else setsOf.set(pod, [String(number)])
    }
  }
  const [egressClasses, ingressClasses, peerClasses] = [new Classes(), new Classes(), new Classes()]
  const [egress, ingress, peer]: [number[], number[], number[]] = [[], [], []]
  for (const pod of pods) {
    const { ip } = endpointOf(pod)
    const ports = names.map((name) => pod.namedPorts.get(name) ?? '').join()
    const [out, into] = [view.selecting(pod, 'egress'), view.selecting(pod, 'ingress')].map((list) => list.map((p) => p.key).join()) as [string, string]
    const selected = mixed ? `${out}|${into}` : ''
    const asPeer = `${setsOf.get(pod)?.join() ?? ''}|${cidrs.map((matches) => (matches(ip) ? '1' : '0')).join('')}|${ports}|${pod.hostNetwork}|${selected}`
    const asSelf = mixed ? asPeer : ports
    egress.push(egressClasses.of(`${out}|${asSelf}`))
    ingress.push(ingressClasses.of(`${into}|${asSelf}`))
    peer.push(peerClasses.of(asPeer))
  }
  return { egress, ingress, peer, peers: peerClasses.size }
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
