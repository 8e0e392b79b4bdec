import { byName, own } from '../../../own.ts'
import type { AntreaAgent } from '../agent.ts'
import type { ControlPlanePolicy } from '../control-plane.ts'
import type { FlowSpec } from '../ovs/bridge.ts'
import { CommandError } from '../../command-error.ts'
import { refused } from './command.ts'
import { flowRow, groupRow } from './ofctl.ts'

/** `antctl get ovsflows` (pkg/agent/apiserver/handlers/ovsflows/handler.go of Antrea v2.4). */
export const POLICY_TYPES: Readonly<Record<string, ControlPlanePolicy['type']>> = byName({ K8SNP: 'K8sNetworkPolicy', ACNP: 'AntreaClusterNetworkPolicy', ANNP: 'AntreaNetworkPolicy', ANP: 'AdminNetworkPolicy', BANP: 'BaselineAdminNetworkPolicy' })
const NAMESPACED = ['ANNP', 'K8SNP']

/** Rows of the dump. Throws a CommandError with what antctl says. */
export function ovsFlows(agent: AntreaAgent, flags: ReadonlyMap<string, string>, now: number): string[] {
  const { bridge, pods } = agent.datapath!
  const bad = (text: string): CommandError => refused('Bad Request', text)
  const flag = (name: string): string | undefined => flags.get(name) || undefined
  const [pod, service, policy, namespace, table, groups] = ['pod', 'service', 'networkpolicy', 'namespace', 'table', 'groups'].map(flag)
  const type = flag('type')?.toUpperCase()
  if (type !== undefined && !own(POLICY_TYPES, type)) throw new CommandError(`Error: unsupported value ${flag('type')!} for flag type`)
  if (flags.has('table-names-only')) return [...bridge.tables.keys()].sort()
  if ((pod !== undefined || service !== undefined) && namespace === undefined) throw bad('namespace must be provided')
  if (policy !== undefined && type !== undefined) {
    if (NAMESPACED.includes(type) && namespace === undefined) throw bad(`policy Namespace must be provided for policy type ${type}`)
    if (!NAMESPACED.includes(type) && namespace !== undefined) throw bad(`policy Namespace should not be provided for cluster-scoped policy type ${type}`)
  }
  const dump = (wanted: (table: string, match: string, priority: number) => boolean): string[] =>
    [...bridge.dump()].filter(({ flow }) => wanted(flow.table, flow.match, flow.priority)).map(({ table: t, flow }) => flowRow(bridge, t, flow, { names: true, statistics: true, now }).trim())
  const these = (flows: readonly FlowSpec[]): string[] => {
    const keys = new Set(flows.map((f) => `${f.table} ${f.priority} ${f.match}`))
    return dump((t, match, priority) => keys.has(`${t} ${priority} ${match}`))
  }
  const ofGroups = (ids: readonly number[]): string[] => ids.flatMap((id) => bridge.groups.get(id) ?? []).map((group) => groupRow(bridge, group, true))
  if (pod !== undefined) {
    const found = [...pods.values()].find((p) => p.podName === pod && p.podNamespace === namespace)
    if (!found) throw refused('Not Found')
    return these(agent.datapath!.flowsOfPod(found))
  }
  if (service !== undefined) {
    const key = `${namespace!}/${service}`
    const flows = agent.proxies.flatMap((proxy) => proxy.flowsOf(key))
    if (flows.length === 0) throw refused('Not Found')
    return [...these(flows), ...ofGroups(agent.proxies.flatMap((proxy) => proxy.groupsOf(key)))]
  }
  if (policy !== undefined) {
    const found = (agent.policies?.controlPlane() ?? []).filter((p) => p.name === policy && (namespace === undefined || p.namespace === namespace) && (type === undefined || p.type === own(POLICY_TYPES, type)))
    if (found.length > 1) throw bad('query is ambiguous and matches more than one policy')
    const [{ type: of, namespace: within, name } = { type: undefined, namespace: undefined, name: '' }] = found
    if (of === undefined) throw refused('Not Found')
    const full = within === undefined ? name : `${within}/${name}`
    return these(agent.policies!.flowsOf(of === 'K8sNetworkPolicy' ? full : `${of}:${full}`))
  }
  if (table !== undefined) {
    const wanted = table.split(',').map((text) => [...bridge.tables.values()].find(({ name, id }) => name === text.trim() || String(id) === text.trim())?.name)
    if (wanted.includes(undefined)) throw bad('invalid table name or number')
    return wanted.flatMap((name) => dump((t) => t === name))
  }
  if (groups !== undefined) {
    if (groups.toLowerCase() === 'all') return [...bridge.groups.values()].sort((a, b) => a.id - b.id).map((group) => groupRow(bridge, group, true))
    const ids = groups.split(',').map((text) => (/^\d+$/.test(text.trim()) ? Number(text) : NaN))
    if (ids.some((id) => !(id < 2 ** 32))) throw bad('invalid group ID')
    return ofGroups(ids)
  }
  if (namespace !== undefined) throw bad('unsupported parameter combination')
  return dump(() => true)
}
