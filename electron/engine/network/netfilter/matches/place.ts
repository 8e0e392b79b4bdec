import { broadcastOf, isMulticastIp } from '../../address.ts'
import type { Ip, Link, NetworkNamespace } from '../../types.ts'
import { UsageError } from '../errors.ts'
import { flag, one, together } from '../extension.ts'
import type { MatchExtension } from '../extension.ts'
import { quoted } from '../names.ts'

/** Matches about where a packet is and what the rule is for: comment, addrtype, physdev, rpfilter, nfacct. */

export const comment: MatchExtension = () => {
  let text: string | undefined
  return {
    options: { comment: one((value) => (text = value)) },
    finish: () => {
      if (text === undefined) throw new UsageError('comment: option "--comment" must be specified\n')
      const shown = text
      return { name: 'comment', save: ` --comment ${quoted(shown)}`, incidental: true, always: true, list: () => `/* ${shown} */`, test: () => true }
    },
  }
}

const ADDRESS_TYPES = [
  'UNSPEC', 'UNICAST', 'LOCAL', 'BROADCAST', 'ANYCAST', 'MULTICAST', 'BLACKHOLE', 'UNREACHABLE', 'PROHIBIT', 'THROW', 'NAT', 'XRESOLVE',
]

function isBroadcast(namespace: NetworkNamespace, ip: Ip): boolean {
  if (ip === '255.255.255.255') return true
  if (ip.includes(':')) return false
  for (const link of namespace.links.values()) {
    for (const a of link.addresses) {
      if (a.prefixLength < 31 && (a.broadcast ?? broadcastOf(`${a.address}/${a.prefixLength}`)) === ip) return true
    }
  }
  return false
}

function isLocal(namespace: NetworkNamespace, ip: Ip, on: Link | undefined): boolean {
  return on ? on.addresses.some((a) => a.address === ip) : namespace.isLocal(ip)
}

/** What the routing table says of an address (inet_dev_addr_type). */
function addressType(namespace: NetworkNamespace, ip: Ip, on?: Link): string {
  if (ip === '0.0.0.0' || ip === '::') return 'UNSPEC'
  if (isLocal(namespace, ip, on)) return 'LOCAL'
  if (isMulticastIp(ip)) return 'MULTICAST'
  if (isBroadcast(namespace, ip)) return 'BROADCAST'
  const type = namespace.routes.lookup(ip)?.type
  return type === 'blackhole' || type === 'unreachable' || type === 'prohibit' ? type.toUpperCase() : 'UNICAST'
}

const SIDES = ['limit-iface-in', 'limit-iface-out']

interface TypeMatch {
  types: readonly string[]
  invert: boolean
}

function hasType(match: TypeMatch | undefined, namespace: NetworkNamespace, ip: Ip, on: Link | undefined): boolean {
  if (!match) return true
  const { types, invert } = match
  // What nearly all rules ask, and quickly told.
  const fits = types.length === 1 && types[0] === 'LOCAL' ? isLocal(namespace, ip, on) && ip !== '0.0.0.0' && ip !== '::' : types.includes(addressType(namespace, ip, on))
  return fits !== invert
}

export const addrtype: MatchExtension = () => {
  let source: TypeMatch | undefined
  let destination: TypeMatch | undefined
  let limit: 'in' | 'out' | undefined
  const parse = (text: string): readonly string[] => {
    const names = text.toUpperCase().split(',')
    const wrong = names.findIndex((n) => !ADDRESS_TYPES.includes(n))
    if (wrong >= 0) throw new UsageError(`addrtype: bad type "${text.split(',')[wrong]}"`)
    return ADDRESS_TYPES.filter((n) => names.includes(n))
  }
  return {
    options: {
      'src-type': one((text, invert) => (source = { types: parse(text), invert }), true),
      'dst-type': one((text, invert) => (destination = { types: parse(text), invert }), true),
      'limit-iface-in': flag(() => (limit = limit ? together('addrtype', SIDES, 'limit-iface-in', 'limit-iface-out') : 'in')),
      'limit-iface-out': flag(() => (limit = limit ? together('addrtype', SIDES, 'limit-iface-in', 'limit-iface-out') : 'out')),
    },
    finish: () => {
      if (!source && !destination) throw new UsageError('addrtype: you must specify --src-type or --dst-type')
      const save = (m: TypeMatch | undefined, side: string): string => (m ? `${m.invert ? ' !' : ''} --${side}-type ${m.types.join(',')}` : '')
      const list = (m: TypeMatch | undefined, side: string): string => (m ? ` ${side}-type ${m.invert ? '!' : ''}${m.types.join(',')}` : '')
      const tail = limit ? ` --limit-iface-${limit}` : ''
      return {
        name: 'addrtype', save: save(source, 'src') + save(destination, 'dst') + tail,
        list: () => `ADDRTYPE match${list(source, 'src')}${list(destination, 'dst')}${limit ? ` limit-${limit}` : ''}`,
        test: ({ host, packet, inLink, outLink }) => {
          const on = limit === 'in' ? inLink : limit === 'out' ? outLink : undefined
          return hasType(destination, host.namespace, packet.destination, on) && hasType(source, host.namespace, packet.source, on)
        },
      }
    },
  }
}

export const physdev: MatchExtension = () => {
  const wanted: { option: string; name?: string; invert: boolean }[] = []
  // libxt_physdev prints them in this order, whatever the order of writing.
  const order = ['is-in', 'in', 'is-out', 'out', 'is-bridged']
  const bare = (option: string) => flag((invert) => wanted.push({ option, invert }), true)
  const named = (option: string) => one((name, invert) => wanted.push({ option, name, invert }), true)
  return {
    options: {
      'physdev-in': named('in'), 'physdev-out': named('out'), 'physdev-is-in': bare('is-in'), 'physdev-is-out': bare('is-out'),
      'physdev-is-bridged': bare('is-bridged'),
    },
    finish: () => {
      if (wanted.length === 0) throw new UsageError('PHYSDEV: no physdev option specified')
      wanted.sort((a, b) => order.indexOf(a.option) - order.indexOf(b.option))
      const save = wanted.map((w) => `${w.invert ? ' !' : ''} --physdev-${w.option}${w.name ? ` ${w.name}` : ''}`).join('')
      const same = (pattern: string, name: string): boolean => (pattern.endsWith('+') ? name.startsWith(pattern.slice(0, -1)) : name === pattern)
      return {
        name: 'physdev', save, incidental: true, list: () => `PHYSDEV match${save}`,
        test: ({ packet: { meta } }) => wanted.every(({ option, name, invert }) => {
          const port = option.endsWith('in') ? meta.physIn : meta.physOut
          const holds = option === 'is-bridged' ? Boolean(meta.physIn && meta.physOut) : name === undefined ? Boolean(port) : same(name, port ?? '')
          return holds !== invert
        }),
      }
    },
  }
}

/** The reverse path test: would an answer leave through the interface that the packet came in by? */
export const rpfilter: MatchExtension = () => {
  const set = { loose: false, validmark: false, 'accept-local': false, invert: false }
  const option = (name: keyof typeof set) => flag(() => (set[name] = true))
  return {
    options: { loose: option('loose'), validmark: option('validmark'), 'accept-local': option('accept-local'), invert: option('invert') },
    finish: () => {
      const words = (Object.keys(set) as (keyof typeof set)[]).filter((k) => set[k])
      return {
        name: 'rpfilter', hooks: ['prerouting'], save: words.map((w) => ` --${w}`).join(''), list: () => ['rpfilter', ...words].join(' '),
        test: ({ host, packet, inLink }) => {
          const { namespace } = host
          if (inLink?.kind === 'loopback') return !set.invert
          const route = namespace.routes.lookup(packet.source)
          const local = namespace.isLocal(packet.source)
          const good = local ? set['accept-local'] : route !== undefined && (set.loose || route.device === inLink?.name)
          return good !== set.invert
        },
      }
    },
  }
}

/** Counts into an accounting object of nfacct(8); kube-proxy's metrics of dropped packets. */
export const nfacct: MatchExtension = () => {
  let name: string | undefined
  return {
    options: { 'nfacct-name': one((text) => (name = text)) },
    finish: () => {
      if (!name) throw new UsageError('nfacct: option "--nfacct-name" must be specified\n')
      const shown = name
      return { name: 'nfacct', save: ` --nfacct-name ${shown}`, incidental: true, list: () => `nfacct-name  ${shown}`, test: () => true }
    },
  }
}
