import { StatusError, type KubernetesClient } from '../../../kubernetes/client.ts'
import type { KubeObject } from '../../../kubernetes/types.ts'
import type { Task } from '../../../machine/task.ts'
import type { Process } from '../../../machine/types.ts'
import { canonicalIp } from '../../../network/address.ts'
import { TRACEFLOWS } from '../crds.ts'
import type { Observation, Traceflow } from '../traceflow.ts'
import { CommandError, notSimulated } from '../../command-error.ts'
import { takeFlags } from './command.ts'

/** antctl traceflow (pkg/antctl/raw/traceflow of Antrea v2.4): makes a Traceflow, waits for its end, prints it and deletes it. */
const PROTOCOLS: ReadonlyMap<string, number> = new Map([['icmp', 1], ['tcp', 6], ['udp', 17]])
const FLAGS = { '-S': 'value', '--source': 'value', '-D': 'value', '--destination': 'value', '-f': 'value', '--flow': 'value', '-o': 'value', '--output': 'value', '-t': 'value', '--timeout': 'value', '--nowait': 'flag' } as const
const LETTERS = 'bcdfghjklmnpqrstvwxz2456789'
/** What is printed of an observation, in this order. */
const FIELDS = ['component', 'componentInfo', 'action', 'pod', 'networkPolicy', 'translatedSrcIP', 'translatedDstIP', 'tunnelDstIP', 'srcPodIP'] as const satisfies readonly (keyof Observation)[]

export function* traceflow(process: Process, client: KubernetesClient, args: readonly string[]): Task<string> {
  const { flags } = takeFlags(args, FLAGS, 'antctl traceflow')
  const flag = (short: string, long: string): string | undefined => flags.get(short) ?? flags.get(long)
  const [source = '', destination = ''] = [flag('-S', '--source'), flag('-D', '--destination')]
  if (source === '') return 'Please provide source'
  if (destination === '') return 'Please provide destination'
  const timeout = /^([0-9]+)(s|m|h)?$/.exec(flag('-t', '--timeout') ?? '20s')
  if (!timeout) throw notSimulated('antctl traceflow -t with more than one unit', 'use 30s or 2m')
  const seconds = Number(timeout[1]) * { s: 1, m: 60, h: 3600 }[timeout[2] ?? 's']!
  const failed = (what: string): CommandError => new CommandError(`Error: error when filling up Traceflow config: ${what}`)
  if (canonicalIp(source) !== undefined) throw failed('source must be a Pod if not a live-traffic Traceflow')
  const split = (text: string): { namespace: string; name: string; shown: string } | undefined => {
    const parts = text.split('/')
    if (parts.length > 2 || parts.includes('')) return undefined
    return parts.length === 1 ? { namespace: 'default', name: text, shown: text } : { namespace: parts[0]!, name: parts[1]!, shown: parts.join('-') }
  }
  const from = split(source)
  if (!from) throw failed('source should be in the format of Namespace/Pod or Pod, or an IP address')
  const ip = canonicalIp(destination)
  const to = ip === undefined ? split(destination) : undefined
  if (ip === undefined && !to) throw failed('destination should be in the format of Namespace/Pod, Pod, Namespace/Service or Service')
  const nowait = flags.has('--nowait')
  const prefix = `${from.shown}-to-${to?.shown ?? ip!}`
  const name = nowait ? prefix : `${prefix}-${Array.from({ length: 8 }, () => LETTERS[process.clock.random.below(LETTERS.length)]).join('')}`
  const spec: Traceflow['spec'] = {
    source: { namespace: from.namespace, pod: from.name },
    destination: to ? { namespace: to.namespace, [exists(client, to) ? 'pod' : 'service']: to.name } : { ip: ip! },
    packet: packetOf(flag('-f', '--flow') ?? ''), timeout: seconds,
  }
  try {
    client.create(TRACEFLOWS, undefined, { apiVersion: 'crd.antrea.io/v1beta1', kind: 'Traceflow', metadata: { name }, spec } as unknown as KubeObject)
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    throw new CommandError(`Error: error when creating Traceflow, is Traceflow feature gate enabled? ${error.status.message}`)
  }
  if (nowait) return ''
  const end = process.clock.now + seconds * 1000
  let seen: Traceflow
  do {
    yield* process.sleep(1000, { background: false })
    seen = client.get<Traceflow>(TRACEFLOWS, undefined, name)
  } while (!['Succeeded', 'Failed'].includes(seen.status?.phase ?? '') && process.clock.now < end)
  client.delete(TRACEFLOWS, undefined, name)
  const { status } = seen
  const text = { name, phase: status?.phase, reason: status?.reason, source: `${from.namespace}/${from.name}`, destination: ip ?? `${to!.namespace}/${to!.name}`, results: status?.results }
  const output = flag('-o', '--output') ?? 'yaml'
  if (output !== 'yaml' && output !== 'json') throw new CommandError('Error: output types should be yaml or json')
  return output === 'json' ? `${JSON.stringify(text, null, 2)}\n` : yamlOf(text)
}

function exists(client: KubernetesClient, { namespace, name }: { namespace: string; name: string }): boolean {
  try {
    client.get('pods', namespace, name)
    return true
  } catch (error) {
    if (error instanceof StatusError && error.status.reason === 'NotFound') return false
    throw error
  }
}

/** "tcp,tcp_dst=80", "udp,udp_dst=53", "icmp", "ipv6". */
function packetOf(flow: string): NonNullable<Traceflow['spec']['packet']> {
  const fields = new Map(flow.replaceAll(' ', '').split(',').filter((f) => f !== '').map((f) => {
    const [key = '', value = '0', more] = f.split('=')
    if (more !== undefined || key === '' || value === '') throw new CommandError(`Error: error when filling up Traceflow config: failed to parse flow: error when parsing the flow: ${f} is not valid in flow`)
    if (!/^-?[0-9]+$/.test(value)) throw new CommandError(`Error: error when filling up Traceflow config: failed to parse flow: error when parsing the flow: strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`)
    return [key, Number(value)] as const
  }))
  const protocol = [...PROTOCOLS].find(([name]) => fields.has(name))?.[1]
  const given = (of: string, names: Readonly<Record<string, string>>): object => {
    const header = Object.fromEntries(Object.entries(names).flatMap(([field, key]) => (fields.has(`${of}_${field}`) ? [[key, fields.get(`${of}_${field}`)!]] : [])))
    return Object.keys(header).length === 0 ? {} : { [of]: header }
  }
  return {
    ...(fields.has('ipv6') ? { ipv6Header: protocol === undefined ? {} : { nextHeader: protocol } } : { ipHeader: protocol === undefined ? {} : { protocol } }),
    transportHeader: { ...given('tcp', { src: 'srcPort', dst: 'dstPort', flags: 'flags' }), ...given('udp', { src: 'srcPort', dst: 'dstPort' }) },
  }
}

function yamlOf({ results, ...head }: { name: string; results: NonNullable<Traceflow['status']>['results'] }): string {
  const lines = Object.entries(head).flatMap(([key, value]) => (value === undefined ? [] : [`${key}: ${String(value)}`]))
  if (results?.length) {
    lines.push('results:')
    for (const { node, timestamp, observations } of results) {
      lines.push(`- node: ${node}`, `  timestamp: ${timestamp}`, '  observations:')
      for (const o of observations) FIELDS.filter((f) => o[f] !== undefined).forEach((f, i) => lines.push(`  ${i === 0 ? '-' : ' '} ${f}: ${o[f]!}`))
    }
  }
  return `${lines.join('\n')}\n`
}
