import { readPath } from '../../../kubernetes/custom-resources/json-path.ts'
import { byName, own } from '../../../own.ts'
import type { Datapath } from '../datapath.ts'
import { labelLines } from '../identity.ts'
import type { Endpoint } from '../maps.ts'
import { addressing } from '../objects.ts'
import { helpOf } from './help.ts'
import { CommandError, notSimulated } from '../../command-error.ts'
import { columns, words, type Command } from './context.ts'

/** `cilium-dbg endpoint …` (cilium-dbg/cmd/endpoint_*.go of cilium/cilium v1.17): the node's Pods and the node itself. */
export const endpoints: Command = ({ datapath }, args) => {
  const { words: [asked, ...rest], flags, values } = words(args, ['-o=', '--output=', '--no-headers', '-l=', '--labels='], 'endpoint')
  const name = asked === 'ls' ? 'list' : asked
  if (name === undefined || !['list', 'get', 'config'].includes(name)) throw notSimulated(`cilium-dbg endpoint${name === undefined ? '' : ` ${name}`}`, 'use cilium-dbg endpoint list, cilium-dbg endpoint get, cilium-dbg endpoint config')
  const rows = endpointsOf(datapath)
  const print = printer(values.get('-o') ?? values.get('--output'))
  if (name === 'config') return configure(datapath, rows, rest)
  if (name === 'get') {
    const labels = values.get('-l') ?? values.get('--labels')
    if (labels !== undefined) {
      if (rest.length > 0) throw new CommandError(`Error: Cannot provide both endpoint ID and labels arguments concurrently\n\n${helpOf('endpoint get')!}`)
      const wanted = labels.split(',')
      const chosen = rows.filter((e) => wanted.every((label) => labelsOf(datapath, e).some((line) => line === label || line === `k8s:${label}` || line.startsWith(`${label}=`) || line.startsWith(`k8s:${label}=`))))
      if (chosen.length === 0) throw new CommandError(`Error: Cannot get endpoints for given list of labels [${wanted.join(' ')}]: [GET /endpoint][404] getEndpointNotFound`)
      return (print ?? JSON_TEXT)(chosen.map((e) => model(datapath, e)))
    }
    const [, namespace, podName] = /^pod-name:([^:]+):(.+)$/.exec(rest[0] ?? '') ?? []
    const found = rows.find((e) => (podName === undefined ? String(e.id) === rest[0] : e.podNamespace === namespace && e.podName === podName))
    if (!found) throw new CommandError(`Error: Cannot get endpoint ${rest[0] ?? ''}: [GET /endpoint/{id}][404] getEndpointIdNotFound`)
    return (print ?? JSON_TEXT)([model(datapath, found)])
  }
  return print ? print(rows.map((e) => model(datapath, e))) : table(datapath, rows, !flags.has('--no-headers'))
}

export function endpointsOf({ endpoints: pods, self }: Datapath): Endpoint[] {
  return [...pods.values(), ...(self ? [self.endpoint] : [])].sort((a, b) => a.id - b.id)
}

function labelsOf(dp: Datapath, endpoint: Endpoint): string[] {
  return labelLines((endpoint === dp.self?.endpoint ? dp.self.identity : dp.identity(endpoint.identity)).labels)
}

type Printer = (value: unknown) => string
const JSON_TEXT: Printer = (value) => `${JSON.stringify(value, null, 2)}\n`

/** -o; undefined: the table. */
function printer(output: string | undefined): Printer | undefined {
  if (output === undefined) return undefined
  if (output === 'json') return JSON_TEXT
  const [, path] = /^jsonpath=\{(.*)\}$/.exec(output) ?? []
  if (path === undefined || path.includes('{')) throw notSimulated(`cilium-dbg endpoint -o ${output}`, "use -o json, -o jsonpath='{…}' or the table")
  const read = readPath(path)
  return (value) => read(value).map((found) => (typeof found === 'object' ? JSON.stringify(found) : String(found))).join(' ')
}

function model(dp: Datapath, e: Endpoint): object {
  const host = e === dp.self?.endpoint
  return {
    id: e.id,
    status: {
      'external-identifiers': host ? {} : { 'container-id': e.containerId, 'k8s-namespace': e.podNamespace, 'k8s-pod-name': e.podName, 'pod-name': e.pod },
      identity: { id: e.identity, labels: labelsOf(dp, e) },
      networking: { addressing: host ? [{}] : [addressing(e.ips)], 'host-mac': e.nodeMac, ...(host ? {} : { 'interface-index': e.link.index }), 'interface-name': e.link.name, mac: e.mac },
      policy: { realized: { 'policy-enabled': enabled(e, dp), 'policy-revision': e.policy.revision } },
      state: 'ready',
    },
  }
}

function audited(e: Endpoint, dp: Datapath): boolean {
  return e.audit ?? dp.audit
}

function enabled(e: Endpoint, dp: Datapath): string {
  const [ingress, egress] = [e.policy.enforces('ingress'), e.policy.enforces('egress')]
  return `${audited(e, dp) && (ingress || egress) ? 'audit-' : ''}${ingress ? (egress ? 'both' : 'ingress') : egress ? 'egress' : 'none'}`
}

function table(dp: Datapath, rows: readonly Endpoint[], headers: boolean): string {
  const lines: string[][] = headers ? [
    ['ENDPOINT', 'POLICY (ingress)', 'POLICY (egress)', 'IDENTITY', 'LABELS (source:key[=value])', 'IPv6', 'IPv4', 'STATUS', ''],
    ['', 'ENFORCEMENT', 'ENFORCEMENT', '', '', '', '', '', ''],
  ] : []
  for (const e of rows) {
    const ips = e === dp.self?.endpoint ? [] : e.ips
    const of = (direction: 'ingress' | 'egress'): string => (!e.policy.enforces(direction) ? 'Disabled' : audited(e, dp) ? 'Disabled (Audit)' : 'Enabled')
    const ip = (version: 4 | 6): string => ips.find((each) => each.includes(':') === (version === 6)) ?? ''
    labelsOf(dp, e).forEach((label, i) => lines.push(i > 0 ? ['', '', '', '', label, '', '', '', ''] : [String(e.id), of('ingress'), of('egress'), String(e.identity), label, ip(6), ip(4), 'ready', '']))
  }
  return columns(lines)
}

/** What an endpoint's programs are compiled with (pkg/option/endpoint.go); only the audit mode can be changed here. */
const OPTIONS: Readonly<Record<string, boolean>> = byName({ ConntrackAccounting: false, Debug: false, DebugLB: false, DebugPolicy: false, DropNotification: true, PolicyAuditMode: false, PolicyVerdictNotification: true, SourceIPVerification: true, TraceNotification: true })

function configure(dp: Datapath, rows: readonly Endpoint[], [id, ...settings]: readonly string[]): string {
  if (id === undefined) throw new CommandError(`Error: Missing endpoint id argument\n\n${helpOf('endpoint')!}`)
  const endpoint = rows.find((e) => String(e.id) === id)
  if (!endpoint) throw new CommandError(`Error: Cannot get configuration of endpoint ${id}: [GET /endpoint/{id}/config][404] getEndpointIdConfigNotFound\n`)
  if (settings.length === 0) {
    return Object.entries(OPTIONS).map(([option, on]) => `${option.padEnd(34)}: ${(option === 'PolicyAuditMode' ? audited(endpoint, dp) : on) ? 'Enabled' : 'Disabled'}\n`).join('')
  }
  for (const setting of settings) {
    const [option, value] = setting.split('=') as [string, string | undefined]
    const name = Object.keys(OPTIONS).find((known) => known.toLowerCase() === option.toLowerCase())
    if (value === undefined) throw new CommandError(`Error: Cannot parse option ${setting}: invalid boolean value `)
    if (name === undefined) throw new CommandError(`Error: Cannot parse option ${setting}: unknown option "${option}"`)
    const on = own(WORDS, value.toLowerCase())
    if (on === undefined) throw new CommandError(`Error: Cannot parse option ${setting}: invalid option value ${value}`)
    if (name !== 'PolicyAuditMode') throw notSimulated(`cilium-dbg endpoint config ${id} ${name}`, 'use PolicyAuditMode')
    endpoint.audit = on
  }
  return `Endpoint ${id} configuration updated successfully\n`
}

/** NormalizeBool of pkg/option. */
const WORDS: Readonly<Record<string, boolean>> = byName({ true: true, on: true, enable: true, enabled: true, 1: true, false: false, off: false, disable: false, disabled: false, 0: false })
