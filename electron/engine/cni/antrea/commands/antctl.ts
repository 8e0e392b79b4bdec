import { stringify } from 'yaml'
import type { Node } from '../../../kubernetes/types.ts'
import type { Task } from '../../../machine/task.ts'
import { own } from '../../../own.ts'
import { PolicyModel } from '../../../policy/policy-model.ts'
import type { PolicyPod } from '../../../policy/types.ts'
import { controlPlane, distinct, type ControlPlanePolicy, type PodGroup } from '../control-plane.ts'
import type { PodPort } from '../datapath.ts'
import { isReady } from '../egress.ts'
import { VERSION } from '../manifests.ts'
import { adminGate } from '../admin.ts'
import { NativePolicies } from '../native.ts'
import { GET, GLOBAL, groupHelp, ROOT, topicHelp, topicOf, type Flag, type Mode } from './antctl-help.ts'
import { featureGates } from './feature-gates.ts'
import { fqdnMatches } from '../fqdn.ts'
import { CommandError, notSimulated } from '../../command-error.ts'
import { refused, type Command, type CommandContext } from './command.ts'
import { ovsFlows, POLICY_TYPES } from './ovsflows.ts'
import { traceflow } from './traceflow.ts'
import { uuid } from './database.ts'

/** antctl(1) in the agent's container (pkg/antctl of Antrea v2.4). */

/** pkg/antctl/output: columns one blank apart, the last one padded too. */
function table(rows: readonly (readonly string[])[], sort = true): string {
  const [head, ...given] = rows as [readonly string[], ...(readonly string[])[]]
  if (given.length === 0) return '\n'
  const body = given.map((row) => row.map((cell) => cell || '<NONE>'))
  if (sort) body.sort((a, b) => (a.join('\0') < b.join('\0') ? -1 : 1))
  const all = [head, ...body]
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]!.length)))
  return all.map((row) => `${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' ')}\n`).join('')
}

/** pkg/antctl/output: JSON in two columns, YAML as go-yaml's encoder of version 2 writes it. */
function encoded(format: 'json' | 'yaml', rows: object): string {
  return format === 'json' ? `${JSON.stringify(rows, null, 2)}\n` : stringify(rows, { lineWidth: 0, sortMapEntries: true, indentSeq: false, version: '1.1' })
}

/** printers.GenerateTableElementWithSummary: what does not fit into 50 letters is counted. */
function summary(given: readonly string[]): string {
  const list = [...given].sort()
  const whole = list.join()
  if (whole.length <= 50) return whole
  let [element, i] = ['', 0]
  while (i < list.length && element.length + list[i]!.length + (i && 1) <= 50) element += (i ? ',' : '') + list[i++]!
  const more = ` + ${list.length - i} more...`
  if (element.length + more.length <= 50) return element + more
  let shorter = list[0]!
  for (const each of list.slice(1)) {
    if (shorter.length + 1 + each.length + more.length > 50) break
    shorter += `,${each}`
  }
  return shorter + more
}

const ABOUT = 'antctl is the command line tool for Antrea that supports showing status of '

/** effectiveTierPriorityK8sNP: NetworkPolicies stand between the tiers application and baseline. */
const KUBERNETES_TIER = 251

/** What stands in the command line, by the names of the flags; flags are read as pflag reads them. */
interface Line { words: string[]; flags: ReadonlyMap<string, string> }

function parse(args: readonly string[], flags: readonly Flag[]): Line {
  const known = [...flags, ...GLOBAL, HELP]
  const out = { words: [] as string[], flags: new Map<string, string>() }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--') return { words: [...out.words, ...args.slice(i + 1)], flags: out.flags }
    if (arg.startsWith('--')) {
      const at = arg.indexOf('=')
      const flag = known.find(({ name }) => name === arg.slice(2, at < 0 ? undefined : at))
      if (!flag) throw new CommandError(`Error: unknown flag: ${at < 0 ? arg : arg.slice(0, at)}`)
      if (at < 0 && flag.type && args[i + 1] === undefined) throw new CommandError(`Error: flag needs an argument: ${arg}`)
      out.flags.set(flag.name, at >= 0 ? arg.slice(at + 1) : flag.type ? args[++i]! : 'true')
    } else if (arg.startsWith('-') && arg.length > 1) {
      for (let rest = arg.slice(1); rest; ) {
        const flag = known.find(({ short }) => short === rest[0])
        if (!flag) throw new CommandError(`Error: unknown shorthand flag: '${rest[0]!}' in ${arg}`)
        const value = rest.slice(1)
        if (flag.type && value === '' && args[i + 1] === undefined) throw new CommandError(`Error: flag needs an argument: '${rest[0]!}' in ${arg}`)
        out.flags.set(flag.name, !flag.type ? 'true' : value === '' ? args[++i]! : value.replace(/^=/, ''))
        rest = flag.type ? '' : value
      }
    } else {
      out.words.push(arg)
    }
  }
  return out
}

const HELP: Flag = { name: 'help', short: 'h', usage: '' }

function help(words: readonly string[], mode: Mode): string {
  const [verb, what] = words
  if (verb === undefined) return groupHelp('antctl', `${ABOUT}${mode}`, ROOT, mode)
  const topic = topicOf(ROOT, verb, mode)
  if (!topic) return `Unknown help topic [${words.map((w) => `\`${w}\``).join(' ')}]\n${groupHelp('antctl', '', ROOT, mode).slice(2)}`
  const got = topic[0] === 'get' && what !== undefined ? topicOf(GET, what, mode) : undefined
  if (topic[0] === 'get' && !got) return groupHelp('antctl get', topic[1].short, GET, mode)
  const [name, found] = got ? [`antctl get ${got[0]}`, got[1]] : [`antctl ${topic[0]}`, topic[1]]
  const text = topicHelp(name, found, mode)
  if (text === undefined) throw notSimulated(`${name} --help`, INSTEAD)
  return text
}

const INSTEAD = 'use antctl version, antctl traceflow or antctl get podinterface, ovsflows, networkpolicy, addressgroup, appliedtogroup, agentinfo, featuregates, fqdncache, memberlist'

export const antctl: Command = (context, args) => {
  const { datapath, process } = context
  const mode: Mode = process.env.get('POD_NAME')?.startsWith('antrea-controller') ? 'controller' : 'agent'
  const at = args.findIndex((arg) => !arg.startsWith('-'))
  const word = at < 0 ? undefined : args[at]!
  if (word === undefined) return parse(args, []) && help([], mode)
  if (word === 'help') return help(args.slice(at + 1), mode)
  const verb = topicOf(ROOT, word, mode)
  if (!verb) throw new CommandError(`Error: unknown command "${word}" for "antctl"\nRun 'antctl --help' for usage.`)
  const rest = [...args.slice(0, at), ...args.slice(at + 1)]
  const asked = rest.includes('--help') || rest.includes('-h')
  switch (verb[0]) {
    case 'traceflow': return asked ? help(['traceflow'], mode) : traceflow(process, datapath.context.client, rest)
    case 'version': {
      if (asked) return help(['version'], mode)
      const { flags } = parse(rest, verb[1].flags!)
      const up = mode === 'controller' || context.agent !== undefined
      const versions = { ...(mode === 'agent' && up ? { agentVersion: VERSION } : {}), antctlVersion: VERSION, ...(mode === 'controller' ? { controllerVersion: VERSION } : {}) }
      const format = flags.get('output') ?? 'yaml'
      if (format !== 'json' && format !== 'yaml') throw notSimulated(`antctl version -o ${format}`, 'use json or yaml')
      return encoded(format, versions)
    }
    case 'get': return get(context, mode, rest)
    default: throw asked ? notSimulated(`antctl ${verb[0]} --help`, INSTEAD) : notSimulated(`antctl ${verb[0]}`, INSTEAD)
  }
}

function get(context: CommandContext, mode: Mode, args: readonly string[]): string | Task<string> {
  const { datapath, agent, process } = context
  const { config } = datapath.context
  const at = args.findIndex((arg) => !arg.startsWith('-'))
  const found = at < 0 ? undefined : topicOf(GET, args[at]!, mode)
  if (!found) return help(['get'], mode)
  const [what, topic] = found
  const rest = [...args.slice(0, at), ...args.slice(at + 1)]
  if (rest.includes('--help') || rest.includes('-h')) return help(['get', what], mode)
  if (!topic.flags) throw notSimulated(`antctl get ${what}`, INSTEAD)
  const line = parse(rest, topic.flags)
  const [name] = line.words
  if (!topic.argument && name !== undefined) throw new CommandError(`Error: unknown command "${name}" for "antctl get ${what}"`)
  if (line.words.length > 1) throw new CommandError(`Error: accepts at most 1 arg(s), received ${line.words.length}`)
  const format = line.flags.get('output') ?? 'table'
  if (format === 'raw') throw notSimulated('antctl -o raw', 'use table, json or yaml')
  if (!['table', 'json', 'yaml'].includes(format)) throw new CommandError(`Error: unsupported format type: ${format}`)
  const structured = format === 'table' ? undefined : (format as 'json' | 'yaml')
  const order = line.flags.get('sort-by')
  if (order && !(what === 'networkpolicy' && order === 'effectivePriority')) throw notSimulated(`antctl get ${what} --sort-by ${order}`, what === 'networkpolicy' ? 'use effectivePriority' : 'use it without')
  if (mode === 'agent' && !agent) throw new CommandError('Error: error when requesting https://127.0.0.1:10350: Get "https://127.0.0.1:10350": dial tcp 127.0.0.1:10350: connect: connection refused')
  const namespace = line.flags.get('namespace')
  switch (what) {
    case 'podinterface': {
      const pods = [...datapath.pods.values()].filter((p) => (namespace === undefined || p.podNamespace === namespace) && (name === undefined || p.podName === name))
      if (pods.length === 0 && name !== undefined) throw refused('Not Found')
      const port = (p: PodPort): string => uuid(`port ${datapath.context.name} ${p.name}`)
      if (structured) return encoded(structured, pods.map((p) => ({ name: p.podName, podNamespace: p.podNamespace, interfaceName: p.name, ips: p.ips, mac: p.mac, portUUID: port(p), ofPort: p.port, containerID: p.containerId })))
      return table([['NAMESPACE', 'NAME', 'INTERFACE-NAME', 'IP', 'MAC', 'PORT-UUID', 'OF-PORT', 'CONTAINER-ID'], ...pods.map((p) => [p.podNamespace, p.podName, p.name, p.ips.join(', '), p.mac, port(p), String(p.port), p.containerId.slice(0, 11)])])
    }
    case 'featuregates': return featureGates(datapath.context.client, mode)
    case 'fqdncache': {
      const domain = line.flags.get('domain') ?? ''
      const entries = (agent!.policies?.names.entries() ?? []).filter((entry) => domain === '' || fqdnMatches(domain, entry.name))
      const at = (expires: number): Date => new Date(process.clock.wall() + expires - process.clock.now)
      if (structured) return encoded(structured, entries.map(({ name: fqdnName, ip: ipAddress, expires }) => ({ fqdnName, ipAddress, expirationTime: at(expires).toISOString() })))
      return table([['FQDN', 'ADDRESS', 'EXPIRATION TIME'], ...entries.map(({ name: fqdn, ip, expires }) => [fqdn, ip, `${at(expires).toISOString().replace('T', ' ').replace(/Z$/, '').replace(/\.?0+$/, '')} +0000 UTC`])])
    }
    case 'memberlist': {
      const nodes = datapath.context.client.list<Node>('nodes').items.map((node) => ({ nodeName: node.metadata.name, ip: node.status.addresses?.[0]?.address ?? '', status: isReady(node) ? 'Alive' : 'Dead' }))
      return structured ? encoded(structured, nodes) : table([['NODE', 'IP', 'STATUS'], ...nodes.map((n) => [n.nodeName, n.ip, n.status])])
    }
    case 'ovsflows': {
      const rows = ovsFlows(agent!, line.flags, process.clock.now)
      return structured ? encoded(structured, rows.map((flow) => ({ flow }))) : `\n${rows.map((row) => `${row}\n`).join('')}`
    }
    case 'podmulticaststats': throw refused('Service Unavailable', 'Multicast is not enabled')
    case 'serviceexternalip': throw refused('Service Unavailable', 'ServiceExternalIP is not enabled')
    case 'bgppeers':
    case 'bgppolicy':
    case 'bgproutes': throw refused('Service Unavailable', 'bgp is not enabled')
    case 'agentinfo': {
      if (structured) return encoded(structured, agent!.info())
      return table([
        ['POD', 'NODE', 'STATUS', 'NODE-SUBNET', 'NETWORK-POLICIES', 'ADDRESS-GROUPS', 'APPLIED-TO-GROUPS', 'LOCAL-PODS'],
        [agent!.podKey, datapath.context.name, 'Healthy', summary(datapath.families.map((f) => f.podCidr)), ...agent!.policyNumbers().map(String), String(datapath.pods.size)],
      ])
    }
    default: return (function* (): Task<string> {
      let policies = agent?.policies?.controlPlane() ?? []
      if (mode === 'controller') {
        const model = new PolicyModel(datapath.context.client, () => undefined, { always: true })
        const native = new NativePolicies(datapath.context.client, adminGate(datapath.context.config), () => undefined)
        yield* process.sleep(1, { background: false })
        policies = controlPlane(model.view, native)
        model.stop()
        native.stop()
      }
      if (what !== 'controllerinfo') return listed(what as 'networkpolicy', policies, line, structured, mode)
      if (structured) throw notSimulated('antctl get controllerinfo -o', 'use kubectl get antreacontrollerinfo -o yaml')
      const numbers = [policies.length, distinct(policies.flatMap((p) => p.peers)).length, distinct(policies.flatMap((p) => p.appliedTo)).length, config.nodes.length]
      return table([
        ['POD', 'NODE', 'STATUS', 'NETWORK-POLICIES', 'ADDRESS-GROUPS', 'APPLIED-TO-GROUPS', 'CONNECTED-AGENTS'],
        [`${process.env.get('POD_NAMESPACE') ?? 'kube-system'}/${process.env.get('POD_NAME') ?? ''}`, datapath.context.name, 'Healthy', ...numbers.map(String)],
      ])
    })()
  }
}

/** The control plane's policies, and the groups of Pods in them. */
function listed(what: 'networkpolicy' | 'addressgroup' | 'appliedtogroup', policies: readonly ControlPlanePolicy[], { words: [name], flags }: Line, structured: 'json' | 'yaml' | undefined, mode: Mode): string {
  const id = (group: PodGroup): string => uuid(`group ${group.id}`)
  if (what === 'networkpolicy') {
    if (structured) throw notSimulated(`antctl get networkpolicy -o ${structured}`, 'use the table')
    const [source, namespace, pod, type] = ['source', 'namespace', 'pod', 'type'].map((flag) => flags.get(flag) || undefined)
    if (mode === 'controller') for (const flag of ['source', 'namespace', 'pod', 'type']) if (flags.has(flag)) throw new CommandError(`Error: unknown flag: --${flag}`)
    if (type !== undefined && !own(POLICY_TYPES, type.toUpperCase())) throw new CommandError(`Error: unsupported value ${type} for flag type`)
    const bad = (text: string): CommandError => refused('Bad Request', text)
    if (pod !== undefined && !pod.includes('/')) throw bad('invalid pod option format. Expected format is podNamespace/podName')
    if (pod !== undefined && namespace !== undefined) throw bad('namespace option should not be used with pod option')
    if (name !== undefined && [source, namespace, pod, type].some((x) => x !== undefined)) throw bad('with a policy name, none of the other options should be set')
    const found = policies.filter((p) => (name === undefined || p.uid === name) && (source === undefined || p.name === source) && (namespace === undefined || p.namespace === namespace)
      && (type === undefined || p.type === own(POLICY_TYPES, type.toUpperCase())) && (pod === undefined || p.appliedTo.some(({ pods }) => pods.some(({ key }) => key === pod))))
    if (flags.get('sort-by')) found.sort((a, b) => (a.tierPriority ?? KUBERNETES_TIER) - (b.tierPriority ?? KUBERNETES_TIER) || (a.priority ?? 0) - (b.priority ?? 0) || (a.uid < b.uid ? -1 : 1))
    return table([
      ['NAME', 'APPLIED-TO', 'RULES', 'SOURCE', 'TIER-PRIORITY', 'PRIORITY'],
      ...found.map((p) => [p.uid, summary(distinct(p.appliedTo).map(id)), String(p.rules), `${p.type}:${p.namespace === undefined ? '' : `${p.namespace}/`}${p.name}`, String(p.tierPriority ?? ''), String(p.priority ?? '')]),
    ], false)
  }
  const groups = distinct(policies.flatMap((p) => (what === 'addressgroup' ? p.peers : p.appliedTo))).filter((group) => name === undefined || id(group) === name)
  if (name !== undefined && groups.length === 0) throw new CommandError(`Error: request to server failed: Not Found: ${what === 'addressgroup' ? 'AddressGroup' : 'AppliedToGroup'} ${name} not found`)
  if (structured) {
    const member = ({ name: podName, namespace, ips, namedPorts }: PolicyPod): object => ({ pod: { name: podName, namespace }, ip: ips.join(', '), ...(namedPorts.size > 0 ? { ports: [...namedPorts].map(([key, port]) => ({ port, name: key.split('/')[1], protocol: key.split('/')[0] })) } : {}) })
    const all = groups.sort((a, b) => (id(a) < id(b) ? -1 : 1)).map((group) => ({ name: id(group), ...(group.pods.length > 0 ? { pods: group.pods.map(member) } : {}) }))
    return encoded(structured, name === undefined ? all : all[0]!)
  }
  if (what === 'addressgroup') return table([['NAME', 'POD-IPS', 'NODE-IPS'], ...groups.map((group) => [id(group), summary(group.pods.map((pod) => pod.ips.join(', '))), ''])])
  return table([['NAME', 'PODS'], ...groups.map((group) => [id(group), summary(group.pods.map((pod) => pod.key))])])
}
