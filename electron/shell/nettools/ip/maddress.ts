import { SystemError, type Link, type NetworkNamespace } from '../../../engine/cluster.ts'
import { nextWord, permit, Refusal, verbOf, type Options } from './common.ts'
import { writeJson } from './json.ts'
import { isRaw, selectLinks } from './print.ts'

/**
 * ip-maddress(8): the groups that a link listens to. The kernel joins them for the addresses that it has (net/ipv4/igmp.c,
 * net/ipv6/mcast.c), so that they are told from these; what a person adds is noted with the link.
 */
export function maddress(network: NetworkNamespace, args: string[], options: Options): string {
  const verb = verbOf(args, ['show', 'add', 'delete'], 'maddr')
  let device: string | undefined
  let address: string | undefined
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'dev') device = nextWord(args)
    else if (verb === 'show') device = word
    else if (address !== undefined) throw new Refusal(`Error: either "address" is duplicate, or "${word}" is a garbage.\n`, 255)
    else address = word === 'address' ? nextWord(args) : word
  }
  if (verb === 'show') return show(network, device, options)
  if (address !== undefined) address = hardware(address)
  if (device === undefined) throw new Refusal('Not enough information: "dev" is required.\n', 255)
  permit(options)
  const link = network.links.get(device)
  if (!link) throw new Refusal('ioctl: No such device\n', 1)
  if (address === undefined) throw new SystemError('EINVAL')
  const own = link.notes?.groups ?? []
  if (verb === 'delete' && !own.includes(address)) throw new Refusal('ioctl: No such file or directory\n', 1)
  const groups = verb === 'delete' ? own.filter((g) => g !== address) : [...own.filter((g) => g !== address), address]
  link.notes = { ...link.notes, groups }
  return ''
}

/** ll_addr_a2n, and how long an address is. */
function hardware(text: string): string {
  const parts = text.split(':')
  if (parts.some((part) => !/^[0-9a-f]{1,2}$/i.test(part)) || parts.length !== 6) throw new Refusal(`Error: Invalid address length ${text.includes('.') ? 4 : parts.length} - must be 6 bytes\n`, 1)
  return parts.map((part) => part.padStart(2, '0').toLowerCase()).join(':')
}

interface Group { address: string; users: number }

function show(network: NetworkNamespace, device: string | undefined, options: Options): string {
  const rows = selectLinks(network).filter((l) => device === undefined || l.name === device).map((link) => ({
    link,
    hardware: options.family === undefined ? hardwareGroups(link) : [],
    inet: options.family === 6 ? [] : groups4(link).toReversed(),
    inet6: options.family === 4 ? [] : groups6(link).toReversed(),
  }))
  if (options.json) {
    const group = (family: string) => ({ address, users }: Group): object => ({ family, address, ...(users > 1 ? { users } : {}) })
    return writeJson(rows.map(({ link, hardware, inet, inet6 }) => ({
      ifindex: link.index, ifname: link.name,
      maddr: [...hardware.map(({ address, own, users }) => ({ link: address, ...(own && users > 1 ? { users } : {}), ...(own ? { features: 'static' } : {}) })), ...inet.map(group('inet')), ...inet6.map(group('inet6'))],
    })), options.pretty)
  }
  return rows.map(({ link, hardware, inet, inet6 }) => {
    const users = ({ address, users: n }: Group): string => `${address}${n > 1 ? ` users ${n}` : ''}`
    const lines = [...hardware.map(({ address, own, users }) => `link  ${address}${users > 1 ? ` users ${users}` : ''}${own ? ' static' : ''}`), ...inet.map((g) => `inet  ${users(g)}`), ...inet6.map((g) => `inet6 ${users(g)}`)]
    const head = `${link.index}:\t${link.name}`
    return options.oneLine ? lines.map((line) => `${head}\\\t${line}\n`).join('') : [head, ...lines.map((line) => `\t${line}`), ''].join('\n')
  }).join('')
}

/** In the order in which they were joined. */
function groups4(link: Link): Group[] {
  if (!link.up) return []
  return [...(link.kind === 'bridge' ? ['224.0.0.106'] : []), '224.0.0.1'].map((address) => ({ address, users: 1 }))
}

function groups6(link: Link): Group[] {
  const forwards = forwards6(link)
  const solicited = link.addresses.filter((a) => a.address.includes(':') && a.address !== '::1').toReversed()
    .flatMap(({ address, prefixLength }) => [solicitedGroup(address), ...(forwards && prefixLength < 127 ? ['ff02::1:ff00:0'] : [])])
  const joined = ['ff01::1', 'ff02::1', ...(forwards && link.kind !== 'loopback' ? ['ff02::2'] : []), ...(link.kind === 'bridge' && link.up ? ['ff02::6a'] : []), ...solicited]
  return [...new Set(joined)].map((address) => ({ address, users: joined.filter((other) => other === address).length }))
}

const forwards6 = (link: Link): boolean => link.namespace.ipv6 && link.namespace.sysctl(`net.ipv6.conf.${link.name.replaceAll('.', '/')}.forwarding`) === '1'

/** RFC 4291 2.7.1 */
function solicitedGroup(address: string): string {
  const parts = address.replace(/^.*::/, '').split(':')
  const [high, low] = [parseInt(parts.at(-2) || '0', 16), parseInt(parts.at(-1) || '0', 16)]
  return `ff02::1:ff${(high & 0xff).toString(16).padStart(2, '0')}:${low.toString(16)}`
}

function hardwareGroups(link: Link): (Group & { own: boolean })[] {
  const joined = link.kind === 'loopback' || isRaw(link) ? [] : [
    '33:33:00:00:00:01', ...(forwards6(link) ? ['33:33:00:00:00:02'] : []), ...(link.kind === 'bridge' && link.up ? ['01:00:5e:00:00:6a', '33:33:00:00:00:6a'] : []),
    ...(link.up ? ['01:00:5e:00:00:01'] : []), ...groups6(link).filter((g) => g.address.startsWith('ff02::1:ff')).map((g) => ofSolicited(g.address)),
  ]
  const own = link.notes?.groups ?? []
  return [...joined.map((address) => ({ address, own: own.includes(address), users: own.includes(address) ? 2 : 1 })), ...own.filter((address) => !joined.includes(address)).map((address) => ({ address, own: true, users: 1 }))]
}

/** RFC 2464 7: the last four bytes. */
function ofSolicited(group: string): string {
  const [high, low] = group.split(':').slice(-2).map((part) => part.padStart(4, '0')) as [string, string]
  return `33:33:${high.slice(0, 2)}:${high.slice(2)}:${low.slice(0, 2)}:${low.slice(2)}`
}
