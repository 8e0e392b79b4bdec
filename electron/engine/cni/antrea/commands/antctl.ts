import { stringify } from 'yaml'
import { byName } from '../../../own.ts'
import type { AntreaAgent } from '../agent.ts'
import { VERSION } from '../manifests.ts'
import { CommandError, notSimulated, takeFlags, type Command } from './command.ts'
import { flowRow } from './ofctl.ts'
import { traceflow } from './traceflow.ts'
import { uuid } from './vsctl.ts'

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
function encoded(format: 'json' | 'yaml', rows: readonly object[]): string {
  return format === 'json' ? `${JSON.stringify(rows, null, 2)}\n` : stringify(rows, { lineWidth: 0, sortMapEntries: true, indentSeq: false, version: '1.1' })
}

const GET: Readonly<Record<string, string>> = byName({ pi: 'podinterface', podinterfaces: 'podinterface', netpol: 'networkpolicy', networkpolicies: 'networkpolicy', of: 'ovsflows', ai: 'agentinfo', agentinfos: 'agentinfo' })
const INSTEAD = 'use antctl version, antctl traceflow or antctl get podinterface, ovsflows, networkpolicy, agentinfo'
const FLAGS = { '-n': 'value', '--namespace': 'value', '-o': 'value', '--output': 'value', '-p': 'value', '--pod': 'value', '-S': 'value', '--service': 'value', '-N': 'value', '--networkpolicy': 'value', '-T': 'value', '--table': 'value', '-G': 'value', '--groups': 'value', '--table-names-only': 'flag' } as const

export const antctl: Command = ({ datapath, agent, process }, args) => {
  if (['traceflow', 'tf', 'traceflows'].includes(args[0] ?? '')) return traceflow(process, datapath.context.client, args.slice(1))
  const { words: [verb, what, name], flags } = takeFlags(args, FLAGS, 'antctl')
  if (verb === 'version') return `antctlVersion: ${VERSION}\nagentVersion: ${VERSION}\n`
  if (verb !== 'get' || what === undefined) throw notSimulated(`antctl ${verb ?? ''}`.trim(), INSTEAD)
  if (!agent) throw new CommandError('Error: error when requesting https://127.0.0.1:10350: Get "https://127.0.0.1:10350": dial tcp 127.0.0.1:10350: connect: connection refused')
  const output = flags.get('-o') ?? flags.get('--output') ?? 'table'
  const structured = output === 'json' || output === 'yaml'
  if (!structured && output !== 'table') throw output === 'raw' ? notSimulated('antctl -o raw', 'use table, json or yaml') : new CommandError(`Error: unsupported format type: ${output}`)
  if (structured && !['podinterface', 'ovsflows'].includes(GET[what] ?? what)) throw notSimulated(`antctl get ${what} -o ${output}`, 'use the table')
  const namespace = flags.get('-n') ?? flags.get('--namespace')
  const { bridge } = datapath
  switch (GET[what] ?? what) {
    case 'podinterface': {
      const found = [...datapath.pods.values()].filter((p) => (namespace === undefined || p.podNamespace === namespace) && (name === undefined || p.podName === name))
      if (found.length === 0 && name !== undefined) throw new CommandError('Error: NotFound: interface not found for Pod')
      if (structured) return encoded(output, found.map((p) => ({ name: p.podName, podNamespace: p.podNamespace, interfaceName: p.name, ips: p.ips, mac: p.mac, portUUID: uuid(`port ${datapath.context.name} ${p.name}`), ofPort: p.port, containerID: p.containerId })))
      return table([
        ['NAMESPACE', 'NAME', 'INTERFACE-NAME', 'IP', 'MAC', 'PORT-UUID', 'OF-PORT', 'CONTAINER-ID'],
        ...found.map((p) => [p.podNamespace, p.podName, p.name, p.ips.join(), p.mac, uuid(`port ${datapath.context.name} ${p.name}`), String(p.port), p.containerId.slice(0, 11)]),
      ])
    }
    case 'ovsflows': {
      if (flags.has('--table-names-only')) return `\n${[...bridge.tables.keys()].sort().map((t) => `${t}\n`).join('')}`
      if (flags.has('-G') || flags.has('--groups')) throw notSimulated('antctl get ovsflows -G', 'use ovs-ofctl dump-groups br-int')
      const wanted = flowsWanted(agent, flags, namespace)
      const rows = [...bridge.dump()].filter(({ flow }) => wanted(flow.table, flow.match)).map(({ table: t, flow }) => flowRow(bridge, t, flow, { names: true, statistics: true, now: process.clock.now }).trimStart())
      if (structured) return encoded(output, rows.map((row) => ({ flow: row.trimEnd() })))
      return `\n${rows.join('')}`
    }
    case 'networkpolicy': {
      const policies = [...(agent.policies?.view.policies.values() ?? [])].filter((p) => agent.policies!.isOnNode(p) && (namespace === undefined || p.namespace === namespace))
      return table([
        ['NAME', 'APPLIED-TO', 'RULES', 'SOURCE', 'TIER-PRIORITY', 'PRIORITY'],
        ...policies.map((p) => [p.object.metadata.uid ?? '', uuid(`applied to ${p.key}`), String(p.rules.ingress.length + p.rules.egress.length), `K8sNetworkPolicy:${p.key}`, '', '']),
      ], false)
    }
    case 'agentinfo':
      return table([
        ['POD', 'NODE', 'STATUS', 'NODE-SUBNET', 'NETWORK-POLICIES', 'ADDRESS-GROUPS', 'APPLIED-TO-GROUPS', 'LOCAL-PODS'],
        [agent.podKey, datapath.context.name, 'Healthy', datapath.families.map((f) => f.podCidr).join(), ...agent.policyNumbers().map(String), String(datapath.pods.size)],
      ])
    default: throw notSimulated(`antctl get ${what}`, 'use podinterface, ovsflows, networkpolicy or agentinfo')
  }
}

function flowsWanted(agent: AntreaAgent, flags: ReadonlyMap<string, string>, namespace: string | undefined): (table: string, match: string) => boolean {
  const flag = (short: string, long: string): string | undefined => flags.get(short) ?? flags.get(long)
  const datapath = agent.datapath!
  const needNamespace = (): string => {
    if (namespace === undefined) throw new CommandError('Error: namespace must be provided')
    return namespace
  }
  const tableName = flag('-T', '--table')
  if (tableName !== undefined) {
    const found = tableName.split(',').map((t) => [...datapath.bridge.tables.values()].find((x) => x.name === t || String(x.id) === t)?.name)
    if (found.includes(undefined)) throw new CommandError('Error: BadRequest: invalid table number')
    return (table) => found.includes(table)
  }
  const podName = flag('-p', '--pod')
  if (podName !== undefined) {
    const ns = needNamespace()
    const pod = [...datapath.pods.values()].find((p) => p.podName === podName && p.podNamespace === ns)
    if (!pod) throw new CommandError('Error: NotFound: Pod not found')
    const own = new Set(datapath.flowsOfPod(pod).map((f) => `${f.table} ${f.match}`))
    return (table, match) => own.has(`${table} ${match}`)
  }
  const service = flag('-S', '--service')
  if (service !== undefined) {
    const own = new Set(agent.proxies.flatMap((proxy) => proxy.flowsOf(`${needNamespace()}/${service}`)).map((f) => `${f.table} ${f.match}`))
    return (table, match) => own.has(`${table} ${match}`)
  }
  const policy = flag('-N', '--networkpolicy')
  if (policy !== undefined) {
    const own = new Set((agent.policies?.flowsOf(`${needNamespace()}/${policy}`) ?? []).map((f) => `${f.table} ${f.match}`))
    return (table, match) => own.has(`${table} ${match}`)
  }
  return () => true
}
