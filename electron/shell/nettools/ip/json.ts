import type { NetworkNamespace } from '../../../engine/cluster.ts'
import { formatDestination } from '../../../engine/cluster.ts'
import type { Options } from './common.ts'
import { detailsRow } from './details.ts'
import { addressFlags, asksForAddresses, flagNames, groupOf, lifetimesLeft, linkType, masterOf, nameOf6, neighbourAges, netnsId, otherOf, queueLength, queueOf, selectAddresses, selectLinks, selectNeighbours, selectRoutes, stateOf, withDefaults, withoutHardware as isBare, type LinkFilter, type NeighbourFilter, type NeighbourRow, type RouteFilter } from './print.ts'
import { numericRoute, scopeNumber } from './tables.ts'

/** iproute2's own style: objects of a list on the bracket's line, lists of words on one line. */
function prettyJson(value: unknown, indent: string): string {
  const deeper = `${indent}    `
  if (Array.isArray(value)) {
    if (value.length === 0) return '[ ]'
    return `[ ${value.map((v) => (typeof v === 'object' ? prettyJson(v, deeper) : JSON.stringify(v))).join(',')} ]`
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{\n${Object.entries(value).map(([k, v]) => `${deeper}${JSON.stringify(k)}: ${prettyJson(v, deeper)}`).join(',\n')}\n${indent}}`
}

/** `ip -j`: the same rows as objects, on one line as the real one prints them. */
export function writeJson(rows: unknown[], pretty: boolean): string {
  return pretty ? `${prettyJson(rows, '')}\n` : `${JSON.stringify(rows)}\n`
}

function linkRow(link: ReturnType<typeof selectLinks>[number], mode: boolean, { netnsName, numeric }: LinkFilter): Record<string, unknown> {
  const end = otherOf(link)
  const outside = end !== undefined && end.namespace !== link.namespace
  const other = outside ? netnsName?.(end.namespace) : undefined
  return {
    ifindex: link.index,
    ...(end ? (outside ? { link_index: end.index } : { link: end.name }) : {}),
    ifname: link.name,
    flags: flagNames(link),
    mtu: link.mtu,
    qdisc: queueOf(link),
    ...(masterOf(link) ? { master: masterOf(link)!.name } : {}),
    operstate: stateOf(link),
    ...(mode ? { linkmode: 'DEFAULT' } : {}),
    group: groupOf(link, numeric),
    ...(queueLength(link) ? { txqlen: queueLength(link) } : {}),
    link_type: link.kind === 'wireguard' ? 'none' : link.kind === 'ipip' ? link.kind : linkType(link, numeric),
    address: link.mac,
    broadcast: link.kind === 'loopback' ? '00:00:00:00:00:00' : 'ff:ff:ff:ff:ff:ff',
    ...(outside ? (other === undefined ? { link_netnsid: netnsId(link) } : { link_netns: other }) : {}),
  }
}

/** With -4 or -6 the link layer is left out; what -6 tells of all links is less still (print.ts, linkHead6). */
function withoutHardware(row: Record<string, unknown>, link: ReturnType<typeof selectLinks>[number], filter: LinkFilter): Record<string, unknown> {
  const { link_type: _type, address: _address, broadcast: _broadcast, ...rest } = row
  if (filter.family !== 6 || filter.device !== undefined) return rest
  const { link_index: _index, link: _link, qdisc: _qdisc, group: _group, link_netnsid: _netns, link_netns: _name, ifindex, ...few } = rest
  const [, other] = nameOf6(link).split('@')
  return { ifindex, ...(other === undefined ? {} : { link: other }), ...few }
}

type LinkRow = ReturnType<typeof selectLinks>[number]

/** `-br`: what is in the columns, and of the other end what there is to tell. */
function briefRow(row: Record<string, unknown>): Record<string, unknown> {
  const { link_index, link: other, ifname, operstate } = row
  return { ...(link_index === undefined ? {} : { link_index }), ...(other === undefined ? {} : { link: other }), ifname, operstate }
}

/** `-s`, and twice. */
function statisticsRow(link: LinkRow, errors: boolean | undefined): Record<string, unknown> {
  const s = link.statistics
  const rx = { bytes: s.rxBytes, packets: s.rxPackets, errors: 0, dropped: s.rxDropped, over_errors: 0, multicast: 0 }
  const tx = { bytes: s.txBytes, packets: s.txPackets, errors: 0, dropped: s.txDropped, carrier_errors: 0, collisions: 0 }
  if (!errors) return { stats64: { rx, tx } }
  return {
    stats64: {
      rx: { ...rx, length_errors: 0, crc_errors: 0, frame_errors: 0, fifo_errors: 0, missed_errors: 0 },
      tx: { ...tx, aborted_errors: 0, fifo_errors: 0, window_errors: 0, heartbeat_errors: 0, carrier_changes: link.kind !== 'loopback' && link.carrier ? 2 : 0 },
    },
  }
}

/** The alias is one of the details of `ip addr`, whose statistics come last. */
function more(link: LinkRow, options: Partial<Options>, addresses: boolean): Record<string, unknown> {
  const alias = link.notes?.alias !== undefined && (!addresses || options.details) ? { ifalias: link.notes.alias } : {}
  return { ...(options.details && detailsRow(link, addresses)), ...(options.statistics && !addresses && statisticsRow(link, options.errors)), ...alias }
}

export const ipJson = {
  links: (network: NetworkNamespace, filter: LinkFilter, options: Options): string =>
    writeJson(selectLinks(network, filter).map((l) => {
      const row = linkRow(l, true, filter)
      return options.brief ? { ...briefRow(row), address: row['address'], flags: row['flags'] } : { ...row, ...more(l, options, false) }
    }), options.pretty).replace(/(_timer": ?)([\d.]+)/g, (_, name: string, seconds: string) => name + Number(seconds).toFixed(2)),
  addresses: (network: NetworkNamespace, filter: LinkFilter & Options): string =>
    writeJson(
      selectLinks(network, filter).filter((l) => !asksForAddresses(filter) || selectAddresses(l, filter).length > 0).map((l) => {
        const row = linkRow(l, false, filter)
        const own = selectAddresses(l, filter)
        if (filter.brief) return { ...briefRow(row), addr_info: own.map((a) => ({ local: a.address, prefixlen: a.prefixLength })) }
        return {
          ...(isBare(filter) ? withoutHardware(row, l, filter) : row),
          ...more(l, filter, true),
          // what is not chosen leaves an empty object
          addr_info: selectAddresses(l, filter.family ? { family: filter.family } : {}).map((a) => !own.includes(a) ? {} : ({
            family: a.address.includes(':') ? 'inet6' : 'inet',
            local: a.address,
            ...(a.peer === undefined ? {} : { address: a.peer }),
            prefixlen: a.prefixLength,
            ...(a.metric ? { metric: a.metric } : {}),
            ...(a.broadcast ? { broadcast: a.broadcast } : {}),
            scope: filter.numeric ? scopeNumber(a.scope) : a.scope,
            ...Object.fromEntries(addressFlags(a, l).map((flag) => [flag, true])),
            ...(a.address.includes(':') ? {} : { label: a.label ?? l.name }),
            valid_life_time: lifetimesLeft(a, l).valid ?? 4294967295,
            preferred_life_time: lifetimesLeft(a, l).preferred ?? 4294967295,
          })),
          ...(filter.statistics && statisticsRow(l, filter.errors)),
        }
      }),
      filter.pretty,
    ),
  routes: (network: NetworkNamespace, filter: RouteFilter, { pretty, details, numeric = false }: { pretty: boolean; details: boolean; numeric?: boolean }): string =>
    writeJson(
      selectRoutes(network, filter).map(({ route, table }) => ({ r: numeric ? numericRoute(withDefaults(route, details ? { type: 'unicast', protocol: 'boot', scope: 'global' } : {}), details) : route, table })).map(({ r, table }) => ({
        ...((r.type && r.type !== 'unicast') || details ? { type: r.type ?? 'unicast' } : {}),
        dst: formatDestination(r),
        ...(r.via ? { gateway: r.via } : {}),
        ...(r.device ? { dev: r.device } : {}),
        ...(filter.table === 'all' && table !== 'main' ? { table } : {}),
        ...((r.protocol && r.protocol !== 'boot') || details ? { protocol: r.protocol ?? 'boot' } : {}),
        ...((r.scope && r.scope !== 'global') || details ? { scope: r.scope ?? 'global' } : {}),
        ...(r.source ? { prefsrc: r.source } : {}),
        ...(r.metric ? { metric: r.metric } : {}),
        flags: r.onlink ? ['onlink'] : [],
        ...(r.mtu === undefined ? {} : { metrics: [{ mtu: r.mtu }] }),
        ...(r.destination.includes(':') ? { pref: 'medium' } : {}),
        ...(r.nexthops ? { nexthops: r.nexthops.map((hop) => ({ ...(hop.via ? { gateway: hop.via } : {}), dev: hop.device, weight: hop.weight ?? 1, flags: hop.onlink ? ['onlink'] : [] })) } : {}),
      })),
      pretty,
    ),
  /** `ip -j route get` */
  route: (row: Record<string, unknown>, pretty: boolean): string => writeJson([row], pretty),
  neighbours: (network: NetworkNamespace, filter: NeighbourFilter, options: Options): string =>
    writeJson(selectNeighbours(network, filter).map((n) => ({ dst: n.ip, ...(filter.device === undefined ? { dev: n.device } : {}), ...(n.mac ? { lladdr: n.mac } : {}), ...(n.router ? { router: null } : {}), ...(options.statistics ? ages(network, n) : {}), state: [n.state] })), options.pretty),
}

function ages(network: NetworkNamespace, n: NeighbourRow): object {
  const { used, confirmed, updated } = neighbourAges(network, n)
  return { refcnt: 1, used, confirmed, updated, probes: n.probes }
}
