import { joinHostPort } from '../../../network/address.ts'
import { anyAddress } from '../lb-map.ts'
import { CommandError, notSimulated } from '../../command-error.ts'
import { columns, words, type Command, type CommandContext } from './context.ts'
import { endpointsOf } from './endpoint.ts'
import { loadBalancing } from './load-balancing.ts'

/** `cilium-dbg map list|get` (cilium-dbg/cmd/map_*.go of v1.17): the agent's own copies of what it has written; of other maps it has none. */
type Entry = readonly [key: string, value: string]
interface CachedMap { readonly name: string; readonly entries: readonly Entry[] | undefined }

export const map: Command = (context, args) => {
  const { words: [verb, name], values, flags } = words(args, ['-o=', '--output=', '--verbose'], 'map')
  const output = values.get('-o') ?? values.get('--output')
  if (output !== undefined && output !== 'json') throw notSimulated(`cilium-dbg map -o ${output}`, 'use -o json or the table')
  const maps = mapsOf(context)
  const model = ({ name: of, entries }: CachedMap): object => ({ ...(entries ? { cache: entries.map(([key, value]) => ({ 'desired-action': 'sync', key, value })) } : {}), path: `/sys/fs/bpf/tc/globals/${of}` })
  if (verb === 'list') {
    if (output) return `${JSON.stringify({ maps: maps.map(model) }, null, 2)}\n`
    if (flags.has('--verbose')) return maps.map((m) => `## Map: ${m.name}\n${entriesText(m)}\n`).join('')
    return columns([['Name', 'Num entries', 'Num errors', 'Cache enabled'], ...maps.map(({ name: of, entries }) => [of, String(entries?.length ?? 0), '0', String(entries !== undefined)])])
  }
  if (verb !== 'get') throw notSimulated(`cilium-dbg map ${verb ?? ''}`.trim(), 'use cilium-dbg map list or cilium-dbg map get NAME')
  if (name === undefined) throw new CommandError('Error: map name must be specified')
  const found = maps.find((m) => m.name === name)
  if (!found) throw new CommandError('Error: [GET /map/{name}][404] getMapNameNotFound ')
  return output ? `${JSON.stringify(model(found), null, 2)}\n` : entriesText(found)
}

function entriesText({ entries }: CachedMap): string {
  if (!entries) return 'Cache is disabled\n\n'
  if (entries.length === 0) return 'Cache is empty\n\n'
  return columns([['Key', 'Value', 'State', 'Error'], ...entries.map(([key, value]) => [key, value, 'sync', ''])])
}

function mapsOf(context: CommandContext): CachedMap[] {
  const { datapath: dp } = context
  /** The rows of a table of `bpf lb list`. */
  const table = (version: 4 | 6, flag: string): Entry[] => {
    const rows = JSON.parse(loadBalancing(context, [flag, 'json'])) as Record<string, string[]>
    const isOwn = ([key, value]: Entry): boolean => (flag === '--frontends' ? key : value).includes('[') === (version === 6)
    return Object.entries(rows).flatMap(([key, all]) => all.map((value) => [key, value] as const)).filter(isOwn)
  }
  const addresses = dp.families.flatMap(({ version }): CachedMap[] => [
    { name: `cilium_lb${version}_backends_v3`, entries: table(version, '--backends') },
    { name: `cilium_lb${version}_reverse_nat`, entries: table(version, '--revnat') },
    { name: `cilium_lb${version}_services_v2`, entries: table(version, '--frontends') },
    { name: `cilium_ct${version}_global`, entries: undefined },
    { name: `cilium_ct_any${version}_global`, entries: undefined },
    { name: `cilium_snat_v${version}_external`, entries: undefined },
  ])
  const world = dp.families.map(({ version }) => [`${anyAddress(version)}/0`, `identity=${dp.worldOf(anyAddress(version))} encryptkey=0 tunnelendpoint=0.0.0.0 flags=<none>`] as const)
  const ipcache = dp.ipcache.list().map(([prefix, { identity, tunnel }]) => [prefix, `identity=${identity} encryptkey=0 tunnelendpoint=${tunnel ?? '0.0.0.0'} flags=${tunnel === undefined ? '<none>' : 'hastunnel'}`] as const)
  const endpoints = endpointsOf(dp).flatMap((e): Entry[] => (e === dp.self?.endpoint ? dp.families.flatMap(({ nodeIp, routerIp }) => [nodeIp, routerIp].map((ip): Entry => [joinHostPort(ip, 0), '(localhost)']))
    : e.ips.map((ip): Entry => [joinHostPort(ip, 0), `id=${String(e.id).padEnd(5)} sec_id=${e.identity} flags=0x0000 ifindex=${String(e.link.index).padEnd(3)} mac=${e.mac.toUpperCase()} nodemac=${e.nodeMac.toUpperCase()} parent_ifindex=0`])))
  return [
    ...addresses,
    { name: 'cilium_ipcache', entries: [...ipcache, ...world].sort(byKey) },
    { name: 'cilium_lxc', entries: [...endpoints].sort(byKey) },
    { name: 'cilium_metrics', entries: undefined },
    ...endpointsOf(dp).map(({ id }): CachedMap => ({ name: `cilium_policy_v2_${String(id).padStart(5, '0')}`, entries: undefined })),
  ].sort((a, b) => (a.name < b.name ? -1 : 1))
}

const byKey = ([a]: Entry, [b]: Entry): number => (a < b ? -1 : a > b ? 1 : 0)
