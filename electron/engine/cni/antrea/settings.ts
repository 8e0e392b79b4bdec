import { parse, YAMLParseError } from 'yaml'
import type { ClusterConfig } from '../../config.ts'
import type { Process } from '../../machine/types.ts'
import { agentConf, controllerConf } from './manifests.ts'

/** What Antrea's programs read of antrea-agent.conf and antrea-controller.conf (pkg/config of v2.4), the ConfigMap antrea-config in their Pods. */
export interface AntreaSettings {
  /** NodePortLocal's range of ports, both ends in it; undefined: it is off. */
  nodePortLocal: { first: number; last: number } | undefined
  /** The feature gate AdminNetworkPolicy. */
  adminNetworkPolicy: boolean
}

/** What keeps the program from starting, as its log tells it; `notSimulated`: what is only so here. */
export class SettingsError extends Error {
  override name = 'SettingsError'
  readonly notSimulated: boolean
  constructor(message: string, notSimulated = false) {
    super(message)
    this.notSimulated = notSimulated
  }
}

type Tree = Record<string, unknown>

const DEFAULT_RANGE = '61000-62000'
/** What may be said otherwise than the cluster file has it. */
const HEEDED = /^(nodePortLocal\.(enable|portRange)|featureGates\.(NodePortLocal|AdminNetworkPolicy|AntreaPolicy|AntreaProxy|Egress|Traceflow|EndpointSlice))$/
const ALWAYS_ON = new Set(['AntreaPolicy', 'AntreaProxy', 'Egress', 'Traceflow', 'EndpointSlice'])

export function readSettings(process: Process, part: 'agent' | 'controller', config: ClusterConfig): AntreaSettings {
  const path = `/etc/antrea/antrea-${part}.conf`
  const wanted = leaves(parse(part === 'agent' ? agentConf(config) : controllerConf(config)) as Tree)
  if (!process.fs.exists(path)) return settingsOf(wanted)
  let tree: Tree
  try {
    tree = (parse(process.fs.readText(path)) ?? {}) as Tree
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error
    throw new SettingsError(`failed to decode config file ${path}: yaml: ${error.message.split('\n')[0]!}`)
  }
  const given = leaves(tree)
  for (const [key, value] of given) {
    const gate = /^featureGates\.(.*)$/.exec(key)?.[1]
    const same = JSON.stringify(value) === JSON.stringify(wanted.get(key))
    if (same || (gate !== undefined && ALWAYS_ON.has(gate) && value === true)) continue
    if (gate !== undefined && !HEEDED.test(key) && value === false) continue
    if (!HEEDED.test(key) || (gate !== undefined && ALWAYS_ON.has(gate))) throw new SettingsError(`podhop: not simulated: ${key} of antrea-${part}.conf (nodePortLocal and the feature gates NodePortLocal and AdminNetworkPolicy are; encapsulation is said in the cluster file)`, true)
  }
  return settingsOf(given)
}

function settingsOf(given: ReadonlyMap<string, unknown>): AntreaSettings {
  const gate = (name: string, preset: boolean): boolean => (given.get(`featureGates.${name}`) ?? preset) === true
  const range = String(given.get('nodePortLocal.portRange') ?? DEFAULT_RANGE)
  const on = gate('NodePortLocal', true) && given.get('nodePortLocal.enable') === true
  return { nodePortLocal: on ? portRange(range) : undefined, adminNetworkPolicy: gate('AdminNetworkPolicy', false) }
}

/** parsePortRange of cmd/antrea-agent/options.go */
function portRange(text: string): { first: number; last: number } {
  const [first, last, ...more] = text.split('-').map((part) => (/^\d+$/.test(part) ? Number(part) : NaN))
  if (first === undefined || last === undefined || more.length > 0 || Number.isNaN(first) || Number.isNaN(last)) throw new SettingsError(`failed to validate nodePortLocal config: NodePortLocal portRange is not valid: wrong port range format, expected <start>-<end>: "${text}"`)
  if (last <= first) throw new SettingsError('failed to validate nodePortLocal config: NodePortLocal portRange is not valid: start port must be smaller than end port')
  return { first, last }
}

/** "nodePortLocal.enable" → true; what is not said is not there. */
function leaves(tree: Tree, prefix = ''): Map<string, unknown> {
  const out = new Map<string, unknown>()
  for (const [key, value] of Object.entries(tree)) {
    if (value === null || value === undefined) continue
    if (typeof value === 'object' && !Array.isArray(value)) for (const [k, v] of leaves(value as Tree, `${prefix}${key}.`)) out.set(k, v)
    else out.set(`${prefix}${key}`, value)
  }
  return out
}
