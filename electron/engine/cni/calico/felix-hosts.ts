import type { KubeObject } from '../../kubernetes/types.ts'
import { ACCEPT, goTo, RETURN, type Chain, type Rule } from './felix-chains.ts'
import { dispatchTree, policedChain, type Side, type TierPolicies } from './felix-endpoints.ts'
import type { TableName } from './felix-static.ts'
import { limitedName, WORKLOAD_PREFIX, type Version } from './names.ts'

/** HostEndpoints: what a node itself, and not its Pods, may send and receive (felix/rules/endpoints.go, dispatch.go, dataplane/linux/endpoint_mgr.go). */
export interface HostEndpoint extends KubeObject {
  spec: { node?: string; interfaceName?: string; expectedIPs?: readonly string[]; profiles?: readonly string[]; ports?: readonly { name: string; port: number; protocol: string | number }[] }
}

/** A policy's turn: when a connection's packets have been tracked and readdressed; what is passed on; before both; before the second. */
export type Turn = 'normal' | 'forward' | 'untracked' | 'preDNAT'
export const TURNS: readonly Turn[] = ['normal', 'forward', 'untracked', 'preDNAT']

/** An interface's, with the tiers that have policies for it. */
export interface HostPolicies { endpoint: HostEndpoint; profiles: readonly string[]; tiers: Record<Turn, readonly TierPolicies[]> }

export interface Failsafe { protocol: string; port: number; net?: string }

/** As Felix calls what stands for interfaceName "*". */
export const ANY_INTERFACE = 'any-interface-at-all'
const IGNORED = 'kube-ipvs0'

interface Device { name: string; addresses: readonly { address: string }[] }

/** Interface → the one endpoint that governs it: the first by name of those that say its name or expect one of its addresses. */
export function governing(endpoints: Iterable<HostEndpoint>, devices: Iterable<Device>): Map<string, HostEndpoint> {
  const sorted = [...endpoints].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const out = new Map<string, HostEndpoint>()
  if (sorted.length === 0) return out
  for (const { name, addresses } of devices) {
    if (name.startsWith(WORKLOAD_PREFIX) || name === IGNORED) continue
    const found = sorted.find(({ spec: { interfaceName, expectedIPs = [] } }) => (interfaceName ? interfaceName === name : addresses.some((a) => expectedIPs.includes(a.address))))
    if (found) out.set(name, found)
  }
  const any = sorted.find((e) => e.spec.interfaceName === '*')
  if (any) out.set(ANY_INTERFACE, any)
  return out
}

const FROM = { prefix: 'cali-fh-', root: 'cali-from-host-endpoint', match: '--in-interface', side: 'ingress', failsafe: 'cali-failsafe-in' } as const
const TO = { prefix: 'cali-th-', root: 'cali-to-host-endpoint', match: '--out-interface', side: 'egress', failsafe: 'cali-failsafe-out' } as const
const FROM_FORWARD = { ...FROM, prefix: 'cali-fhfw-', root: 'cali-from-hep-forward' } as const
const TO_FORWARD = { ...TO, prefix: 'cali-thfw-', root: 'cali-to-hep-forward' } as const
interface Way { prefix: string; root: string; match: string; side: Side; failsafe: string }

export function hostChains(hosts: ReadonlyMap<string, HostPolicies>, failsafes: Record<Side, readonly Failsafe[]>, version: Version): Record<Exclude<TableName, 'nat'>, Chain[]> {
  if (hosts.size === 0) return { filter: [], mangle: [], raw: [] }
  const chain = (way: Way, name: string, turn: Turn, returns = false): Chain => {
    const { tiers, profiles } = hosts.get(name)!
    return policedChain({ name: limitedName(way.prefix, name), side: way.side, tiers: tiers[turn], profiles, ...(turn === 'normal' ? {} : { type: turn }), ...(turn === 'forward' ? {} : { failsafe: way.failsafe }), returns })
  }
  const dispatch = (way: Way, names: readonly string[], first: readonly Rule[] = []): Chain[] => {
    const end = names.includes(ANY_INTERFACE) ? [...first, { action: goTo(limitedName(way.prefix, ANY_INTERFACE)) }] : []
    return dispatchTree(way.root, way.match, (name) => limitedName(way.prefix, name), names.filter((n) => n !== ANY_INTERFACE), end, end)
  }
  const all = [...hosts.keys()].sort()
  const withTurn = (turn: Turn): string[] => all.filter((name) => hosts.get(name)!.tiers[turn].length > 0)
  // what comes from a wildcard's endpoint cannot go without conntrack
  const untracked = withTurn('untracked').filter((name) => name !== ANY_INTERFACE)
  const preDNAT = withTurn('preDNAT')
  const toWorkloads: Rule = { match: `--out-interface ${WORKLOAD_PREFIX}+`, action: RETURN, comments: ['Skip egress WHEP policy for traffic to local workload'] }
  return {
    filter: [
      ...all.flatMap((name) => [chain(TO, name, 'normal'), chain(FROM, name, 'normal'), chain(TO_FORWARD, name, 'forward'), chain(FROM_FORWARD, name, 'forward')]),
      ...dispatch(FROM, all), ...dispatch(TO, all), ...dispatch(FROM_FORWARD, all), ...dispatch(TO_FORWARD, all),
      failsafeChain('ingress', failsafes, false, version), failsafeChain('egress', failsafes, false, version),
    ],
    mangle: [
      ...all.map((name) => chain(TO, name, 'normal', true)), ...preDNAT.map((name) => chain(FROM, name, 'preDNAT')),
      ...dispatch(FROM, preDNAT), ...dispatch(TO, all, [toWorkloads]),
      ...(preDNAT.length > 0 ? [failsafeChain('ingress', failsafes, false, version)] : []), failsafeChain('egress', failsafes, false, version),
    ],
    raw: untracked.length === 0 ? [] : [
      ...untracked.flatMap((name) => [chain(TO, name, 'untracked'), chain(FROM, name, 'untracked')]),
      ...dispatch(FROM, untracked), ...dispatch(TO, untracked),
      failsafeChain('ingress', failsafes, true, version), failsafeChain('egress', failsafes, true, version),
    ],
  }
}

/** What no policy can take away. In raw, where nothing is known of connections, the answers of the other direction, too. */
function failsafeChain(side: Side, failsafes: Record<Side, readonly Failsafe[]>, answers: boolean, version: Version): Chain {
  const rules = (of: readonly Failsafe[], port: string, net: string): Rule[] => of
    .filter((f) => f.net === undefined || f.net.includes(':') === (version === 6))
    .map((f) => ({ match: `-p ${f.protocol} -m multiport ${port} ${f.port}${f.net === undefined ? '' : ` ${net} ${f.net}`}`, action: ACCEPT }))
  const other = side === 'ingress' ? 'egress' : 'ingress'
  const net = side === 'ingress' ? '--source' : '--destination'
  return { name: side === 'ingress' ? FROM.failsafe : TO.failsafe, rules: [...rules(failsafes[side], '--destination-ports', net), ...(answers ? rules(failsafes[other], '--source-ports', net) : [])] }
}
