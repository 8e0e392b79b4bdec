import { byName } from '../../../own.ts'
import { labelLines } from '../identity.ts'
import { joinHostPort } from '../../../network/address.ts'
import { anyAddress } from '../lb-map.ts'
import { gatewayText } from '../egress-gateway.ts'
import { protocolText, type CtEntry, type Tuple } from '../maps.ts'
import type { Datapath } from '../datapath.ts'
import type { PolicyRow } from '../policy-map.ts'
import { endpointsOf } from './endpoint.ts'
import { LB_TABLES, loadBalancing } from './load-balancing.ts'
import { CommandError, notSimulated } from '../../command-error.ts'
import { columns, words, type Command, type CommandContext } from './context.ts'

/** `cilium-dbg bpf …`: the maps as they are (cilium-dbg/cmd/bpf_*.go of v1.17). */
export const bpf: Command = (context, args) => {
  const { words: [map, asked, ...rest], flags, values } = words(args, ['--all', '-n', '--numeric', '-o=', '--output=', ...LB_TABLES], 'bpf')
  const verb = asked === 'ls' ? 'list' : asked
  const key = `${map ?? ''} ${verb ?? 'list'}`
  const command = MAPS[key]
  if (!command) throw notSimulated(`cilium-dbg bpf ${[map, verb].filter(Boolean).join(' ')}`, `use bpf ${Object.keys(MAPS).join(', bpf ')}`)
  const output = values.get('-o') ?? values.get('--output')
  const unheeded = [...flags].find((flag) => (LB_TABLES as readonly string[]).includes(flag) && key !== 'lb list')
  if (unheeded !== undefined) throw new CommandError(`Error: unknown flag: ${unheeded}`)
  if (output !== undefined && (output !== 'json' || !['lb list', 'metrics list'].includes(key))) throw notSimulated(`cilium-dbg bpf ${key} -o ${output}`, 'use the table, or -o json with bpf lb list and bpf metrics list')
  return command(context, [...rest, ...flags, ...(output === undefined ? [] : [output])])
}

const MAPS: Readonly<Record<string, Command>> = byName({
  'lb list': loadBalancing,
  'metrics list': metrics,
  'ipcache list': ({ datapath }) => ipcache(datapath),
  'ipcache get': ({ datapath }, [ip]) => {
    if (ip === undefined) throw new CommandError('Error: accepts 1 arg(s), received 0')
    const found = datapath.ipcache.lookup(ip)
    return found ? `${ip} maps to identity identity=${found.entry.identity} encryptkey=0 tunnelendpoint=${found.entry.tunnel ?? '0.0.0.0'} flags=${found.entry.tunnel === undefined ? '<none>' : 'hastunnel'}\n` : `${ip} does not map to any identity\n`
  },
  'policy get': policyGet,
  'ct list': ({ datapath }, [which]) => {
    if (which !== 'global') throw which === undefined ? new CommandError('Error: Missing argument (either "global" or endpoint ID)') : notSimulated(`cilium-dbg bpf ct list ${which}`, 'use "global": all endpoints share one map')
    return datapath.conntrack.list().map((entry) => `${connection(datapath, entry)}\n`).join('')
  },
  'ct flush': ({ datapath }, [which]) => {
    if (which !== 'global') throw which === undefined ? new CommandError('Error: Missing argument (either "global" or endpoint ID)') : notSimulated(`cilium-dbg bpf ct flush ${which}`, 'use "global": all endpoints share one map')
    const maps = datapath.families.flatMap(({ version }) => [true, false].map((tcp) => ({ version, tcp, entries: datapath.conntrack.list().filter(({ tuple }) => (tuple.protocol === 'tcp') === tcp && tuple.source.includes(':') === (version === 6)).length })))
    datapath.conntrack.removeIf(() => true)
    return maps.map(({ version, tcp, entries }) => `Flushed ${entries} entries from /sys/fs/bpf/tc/globals/cilium_ct${tcp ? '' : '_any'}${version}_global\n`).join('')
  },
  'nat list': ({ datapath }) => nat(datapath),
  'nat flush': ({ datapath }) => {
    const maps = datapath.families.map(({ version }) => ({ version, entries: datapath.nat.list().filter(({ original }) => original.source.includes(':') === (version === 6)).length }))
    datapath.nat.collect(() => false)
    // each translation is there once a direction
    return maps.map(({ version, entries }) => `Flushed ${2 * entries} entries from /sys/fs/bpf/tc/globals/cilium_snat_v${version}_external\n`).join('')
  },
  'endpoint list': ({ datapath }) => endpointMap(datapath),
  'egress list': ({ datapath: { egress } }) => {
    const rows = (egress?.list() ?? []).map(({ source, destination, egressIp, gateway }) => [source, destination, egressIp, gatewayText(gateway)])
    if (rows.length === 0) throw new CommandError(egress ? 'No entries found.' : 'Cannot find egress gateway bpf maps', 0)
    return columns([['Source IP', 'Destination CIDR', 'Egress IP', 'Gateway IP'], ...rows])
  },
  'tunnel list': ({ datapath }) => tunnels(datapath),
})

function ipcache(dp: Datapath): string {
  const rows = dp.ipcache.list().map(([prefix, { identity, tunnel }]) => [prefix, `identity=${identity} encryptkey=0 tunnelendpoint=${tunnel ?? '0.0.0.0'} flags=${tunnel === undefined ? '<none>' : 'hastunnel'}`, ''])
  for (const { version } of dp.families) rows.push([`${anyAddress(version)}/0`, `identity=${dp.worldOf(anyAddress(version))} encryptkey=0 tunnelendpoint=0.0.0.0 flags=<none>`, ''])
  return columns([['IP PREFIX/ADDRESS', 'IDENTITY', ''], ...rows.sort((a, b) => (a[0]! < b[0]! ? -1 : 1))])
}

/** bpf_metrics_list.go */
function metrics({ datapath }: CommandContext, args: readonly string[]): string {
  const rows = datapath.metrics.list()
  if (rows.length === 0) throw new CommandError('No entries found.', 0)
  if (args.includes('json')) return `${JSON.stringify(rows.map(({ reason, direction, packets, bytes, file }) => ({ reason, direction: direction.toLowerCase(), packets, bytes, line: 0, file })), null, 2)}\n`
  const cells = rows.map(({ reason, direction, packets, bytes, file }) => [reason, direction, String(packets), String(bytes), '0', file])
  return columns([['REASON', 'DIRECTION', 'PACKETS', 'BYTES', 'LINE', 'FILE'], ...cells.sort((a, b) => (a.join('\0') < b.join('\0') ? -1 : 1))])
}

function policyGet({ datapath }: CommandContext, args: readonly string[]): string {
  const header = ['POLICY', 'DIRECTION', 'LABELS (source:key[=value])', 'PORT/PROTO', 'PROXY PORT', 'AUTH TYPE', 'BYTES', 'PACKETS', 'PREFIX', '']
  const table = (rows: readonly PolicyRow[]): string => columns([header, ...rows.flatMap((row) => policyLines(datapath, row))])
  const all = endpointsOf(datapath)
  const identities = [...datapath.identities.values()].sort((a, b) => a.id - b.id)
  if (args.includes('--all')) return all.map((e) => `Endpoint ID: ${e.id}\nPath: /sys/fs/bpf/tc/globals/cilium_policy_v2_${String(e.id).padStart(5, '0')}\n\n${table(e.policy.rows(identities))}\n`).join('\n')
  const [id] = args
  if (id === undefined) throw new CommandError('Error: Missing endpoint ID or \'--all\'')
  const endpoint = all.find((e) => String(e.id) === id)
  if (!endpoint) throw new CommandError(`Error: Failed to parse endpointID ${JSON.stringify(id)}: open /sys/fs/bpf/tc/globals/cilium_policy_v2_${id.padStart(5, '0')}: no such file or directory`)
  return table(endpoint.policy.rows(identities))
}

function policyLines(dp: Datapath, row: PolicyRow): string[][] {
  const labels = row.identity === 0 ? ['ANY'] : labelLines(dp.identity(row.identity).labels)
  const port = row.protocol === 'any' && row.port === 0 ? 'ANY' : `${row.port}${row.to !== row.port ? `-${row.to}` : ''}/${row.protocol.toUpperCase()}`
  const prefix = row.port === 0 ? (row.protocol === 'any' ? 0 : 8) : 24
  const direction = row.direction === 'ingress' ? 'Ingress' : 'Egress'
  return labels.map((label, i) => (i > 0 ? ['', '', label, '', '', '', '', '', '', ''] : [row.deny ? 'Deny' : 'Allow', direction, label, port, row.proxyPort > 0 ? String(row.proxyPort) : 'NONE', 'disabled', String(row.bytes), String(row.packets), String(prefix), '']))
}

function way({ source, sourcePort, destination, destinationPort }: Tuple): string {
  return `${joinHostPort(source, sourcePort)} -> ${joinHostPort(destination, destinationPort)}`
}

function connection(dp: Datapath, e: CtEntry): string {
  const direction = e.direction === 'in' ? 'IN' : e.direction === 'out' ? 'OUT' : 'SVC'
  const flags = [e.rxClosing && 'RxClosing', e.txClosing && 'TxClosing', e.seenNonSyn && 'SeenNonSyn', e.nodePort && 'NodePort', e.proxyPort !== 0 && 'ProxyRedirect'].filter(Boolean)
  const bits = (e.rxClosing ? 1 : 0) | (e.txClosing ? 2 : 0) | (e.seenNonSyn ? 16 : 0) | (e.nodePort ? 32 : 0) | (e.proxyPort !== 0 ? 64 : 0)
  const expires = Math.round((dp.context.clock.epoch + e.expiresAt) / 1000)
  return `${protocolText(e.tuple.protocol)} ${direction} ${way(e.tuple)} expires=${expires} Packets=${e.rxPackets + e.txPackets} Bytes=${e.rxBytes + e.txBytes} Flags=0x${bits.toString(16).padStart(4, '0')} [ ${flags.map((f) => `${f as string} `).join('')}] RevNAT=${e.revNat} SourceSecurityID=${e.sourceIdentity} BackendID=${e.backend}`
}

function nat(dp: Datapath): string {
  return dp.nat.list().map(({ original: t, address, port, createdAt }) => {
    const created = `Created=${Math.round((dp.now - createdAt) / 1000)}sec ago NeedsCT=1`
    const protocol = protocolText(t.protocol)
    return `${protocol} OUT ${way(t)} XLATE_SRC ${joinHostPort(address, port)} ${created}\n${protocol} IN ${joinHostPort(t.destination, t.destinationPort)} -> ${joinHostPort(address, port)} XLATE_DST ${joinHostPort(t.source, t.sourcePort)} ${created}\n`
  }).join('')
}

function endpointMap(dp: Datapath): string {
  const rows = [...dp.endpoints.values()].flatMap((e) => e.ips.map((ip) => [joinHostPort(ip, 0), `id=${String(e.id).padEnd(5)} sec_id=${e.identity} flags=0x0000 ifindex=${String(e.link.index).padEnd(3)} mac=${e.mac.toUpperCase()} nodemac=${e.nodeMac.toUpperCase()} parent_ifindex=0`, '']))
  for (const { nodeIp, routerIp } of dp.families) rows.push([joinHostPort(nodeIp, 0), '(localhost)', ''], [joinHostPort(routerIp, 0), '(localhost)', ''])
  return columns([['IP ADDRESS', 'LOCAL ENDPOINT INFO', ''], ...rows.sort((a, b) => (a[0]! < b[0]! ? -1 : 1))])
}

function tunnels(dp: Datapath): string {
  const rows = dp.ipcache.list().filter(([prefix, { tunnel }]) => tunnel !== undefined && !/\/(32|128)$/.test(prefix)).map(([prefix, { tunnel }]) => [prefix, `${tunnel!} 0`, ''])
  return columns([['TUNNEL', 'VALUE', ''], ...rows])
}

