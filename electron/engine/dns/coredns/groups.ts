import { joinHostPort } from '../../network/address.ts'
import { isBelow } from '../names.ts'
import type { Chain, DnsRequest } from './chain.ts'
import type { ServerSetup } from './configure.ts'
import { CorefileError, type ServerBlock, type Transport } from './corefile.ts'

/** One listener: the zones that are served there. */
export interface Group { transport: Transport; address: string; port: number; members: { zone: string; chain: Chain; setup: ServerSetup }[] }

/** Blocks by the listeners that they share. */
export function groupsOf(setups: readonly { block: ServerBlock; setup: ServerSetup }[], dnsPort: number): Group[] {
  const groups = new Map<string, Group>()
  for (const { block, setup } of setups) {
    for (const key of block.keys) {
      for (const address of setup.bind.length > 0 ? setup.bind : ['']) {
        const port = key.port === 53 ? dnsPort : key.port
        const { transport } = key
        const id = `${transport}://${joinHostPort(address, port)}`
        const group = groups.get(id) ?? { transport, address, port, members: [] }
        groups.set(id, group)
        const at = (where: string): string => `${transport}://${key.zone}:${port}${where === '' ? '' : ` on ${where}`}`
        const same = (m: Group['members'][number]): boolean => m.zone === key.zone && !m.chain.isFiltered
        if (group.members.some(same)) throw new CorefileError(`cannot serve ${at(address)} - it is already defined`)
        const other = [...groups.values()].find((g) => g.transport === transport && g.port === port && (g.address === '') !== (address === '') && g.members.some(same))
        if (other) throw new CorefileError(`cannot serve ${at(address)} - zone overlap listener capacity with ${at(other.address)}`)
        group.members.push({ zone: key.zone, chain: setup.chain, setup })
      }
    }
  }
  return [...groups.values()]
}

/** The member with the longest zone that a name is below, of those the first that takes the query. */
export function chainFor(members: Group['members'], request: DnsRequest): Chain | undefined {
  let best: Group['members'][number] | undefined
  for (const member of members) if (isBelow(member.zone, request.name) && (!best || member.zone.length > best.zone.length) && member.chain.takes(request)) best = member
  return best?.chain
}

/** The certificate of the last server block that has one; without any nothing is encrypted. */
export function tlsOf(members: Group['members']): ServerSetup['tls'] {
  return members.findLast(({ setup }) => setup.tls)?.setup.tls
}

export function isPreferredName(zone: string): boolean {
  return zone === '.' || zone.endsWith('.in-addr.arpa.') || zone.endsWith('.ip6.arpa.') || /^(([A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?)\.)+$/.test(zone)
}
