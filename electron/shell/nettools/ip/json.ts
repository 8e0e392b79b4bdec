import type { NetworkNamespace } from '../../../engine/cluster.ts'
import { formatRoute } from '../../../engine/cluster.ts'
import { selectLinks, type LinkFilter } from './print.ts'

/** `ip -j`: the same rows as objects, on one line as the real one prints them. */
function write(rows: unknown[], pretty: boolean): string {
  return `${pretty ? JSON.stringify(rows, null, 4) : JSON.stringify(rows)}\n`
}

function linkRow(link: ReturnType<typeof selectLinks>[number]): Record<string, unknown> {
  return {
    ifindex: link.index,
    ...(link.peer ? (link.peer.namespace === link.namespace ? { link: link.peer.name } : { link_index: link.peer.index }) : {}),
    ifname: link.name,
    flags: [...(link.kind === 'loopback' ? ['LOOPBACK'] : ['BROADCAST', 'MULTICAST']), ...(link.up ? ['UP'] : []), ...(link.up && link.carrier ? ['LOWER_UP'] : [])],
    mtu: link.mtu,
    ...(link.master ? { master: link.master.name } : {}),
    operstate: !link.up || !link.carrier ? 'DOWN' : link.kind === 'loopback' || link.kind === 'vxlan' ? 'UNKNOWN' : 'UP',
    group: 'default',
    link_type: link.kind === 'loopback' ? 'loopback' : 'ether',
    address: link.mac,
    broadcast: link.kind === 'loopback' ? '00:00:00:00:00:00' : 'ff:ff:ff:ff:ff:ff',
  }
}

export const ipJson = {
  links: (network: NetworkNamespace, filter: LinkFilter, pretty: boolean): string => write(selectLinks(network, filter).map(linkRow), pretty),
  addresses: (network: NetworkNamespace, filter: LinkFilter, pretty: boolean): string =>
    write(
      selectLinks(network, filter).map((l) => ({
        ...linkRow(l),
        addr_info: l.addresses.map((a) => ({
          family: a.address.includes(':') ? 'inet6' : 'inet',
          local: a.address,
          prefixlen: a.prefixLength,
          ...(a.broadcast ? { broadcast: a.broadcast } : {}),
          scope: a.scope,
          label: l.name,
          valid_life_time: 4294967295,
          preferred_life_time: 4294967295,
        })),
      })),
      pretty,
    ),
  routes: (network: NetworkNamespace, table: 'main' | 'local' | 'all', pretty: boolean): string =>
    write(
      network.routes.list(table).map((r) => ({
        ...(r.type && r.type !== 'unicast' ? { type: r.type } : {}),
        dst: formatRoute({ destination: r.destination }),
        ...(r.via ? { gateway: r.via } : {}),
        ...(r.device ? { dev: r.device } : {}),
        ...(r.protocol && r.protocol !== 'boot' ? { protocol: r.protocol } : {}),
        ...(r.scope && r.scope !== 'global' ? { scope: r.scope } : {}),
        ...(r.source ? { prefsrc: r.source } : {}),
        ...(r.metric ? { metric: r.metric } : {}),
        flags: r.onlink ? ['onlink'] : [],
      })),
      pretty,
    ),
  neighbours: (network: NetworkNamespace, pretty: boolean): string =>
    write(network.neighbours.list().map((n) => ({ dst: n.ip, dev: n.device, ...(n.mac ? { lladdr: n.mac } : {}), state: [n.state] })), pretty),
}
