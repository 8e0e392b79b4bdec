import { SystemError, isMulticastIp, isValidIp, type NetworkNamespace, type Route, type RouteFlow } from '../../../engine/cluster.ts'
import { Answer, device, ipValue, nextWord, numberWord, Refusal, wrong, type Options } from './common.ts'
import { ipJson } from './json.ts'
import { printRoutes } from './print.ts'
import { getRoute6 } from './route6.ts'
import type { TableNames } from './tables.ts'

/** `ip route get`: what the kernel would do with a packet, its rules included. */
export function getRoute(network: NetworkNamespace, args: string[], options: Options, names: TableNames): string {
  let destination: string | undefined
  const flow: RouteFlow = {}
  let [uid, match] = [0, false]
  let warning = ''
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'from') flow.source = ipValue(nextWord(args))
    else if (word === 'iif') flow.in = device(network, nextWord(args))
    else if (word === 'oif' || word === 'dev') flow.out = device(network, nextWord(args))
    else if (word === 'mark') {
      const mark = nextWord(args)
      if (!/^(0x[0-9a-f]+|\d+)$/i.test(mark)) throw new Refusal(`Error: argument "${mark}" is wrong: invalid mark value\n`, 255)
      flow.mark = Number(mark)
    }
    else if (word === 'uid') uid = numberWord(nextWord(args), 'invalid UID')
    else if (word === 'fibmatch') match = true
    else if (word === 'vrf') throw wrong(nextWord(args), 'Invalid VRF')
    else if (word === 'ipproto') flow.protocol = nextWord(args) as NonNullable<RouteFlow['protocol']>
    else if (word === 'sport') flow.sourcePort = numberWord(nextWord(args), 'invalid sport', 65535)
    else if (word === 'dport') flow.destinationPort = numberWord(nextWord(args), 'invalid dport', 65535)
    else if (['tos', 'dsfield', 'notify', 'connected', 'as'].includes(word)) throw new Refusal(`podhop: not simulated: ip route get ${word} (use from, iif, oif and mark)\n`, 69)
    else {
      const text = word === 'to' ? nextWord(args) : word
      if (!isValidIp(text.split('/')[0]!)) throw new Refusal(`Error: ${options.family === 6 ? 'inet6' : options.family === 4 ? 'inet' : 'any valid'} prefix is expected rather than "${text}".\n`, 1)
      const [ip, length] = text.split('/') as [string, string?]
      const whole = ip.includes(':') ? '128' : '32'
      if (length !== undefined && length !== whole) warning = `Warning: /${length} as prefix is invalid, only /${whole} (or none) is supported.\n`
      destination = ip
    }
  }
  if (destination === undefined) throw new Refusal('need at least a destination address\n', 1)
  if (destination.includes(':')) return getRoute6(network, destination, flow, options)
  if (flow.source !== undefined && flow.in === undefined && !network.isLocal(flow.source)) throw new SystemError('ENETUNREACH')
  const found = network.routes.resolve(destination, flow)
  if (!found) throw new SystemError(flow.in === undefined ? 'ENETUNREACH' : 'EHOSTUNREACH')
  const { route: r, table } = found
  if (r.type === 'unreachable') throw new SystemError('EHOSTUNREACH')
  if (r.type === 'blackhole') throw new SystemError('EINVAL')
  if (r.type === 'prohibit') throw new SystemError('EACCES')
  if (match) return matched(network, { ...found, table }, options)
  const local = r.type === 'local'
  const groups = kindOf(destination, r.type)
  if (flow.in !== undefined && !local && network.sysctl(`net.ipv4.conf.${flow.in.replaceAll('.', '/')}.forwarding`) === '0') throw new SystemError('EHOSTUNREACH')
  const source = flow.source === undefined && flow.in === undefined ? (local ? (found.source ?? destination) : found.source) : undefined
  const out = local ? 'lo' : r.device
  // only where there are rules of one's own does the kernel keep the tables local and main apart (fib_unmerge)
  const apart = network.routes.rules.list().some((r) => r.protocol !== 'kernel')
  const shown = (table === 'main' && !options.details) || (table === 'local' && !apart && !options.details) ? undefined : names.name(table === 'local' && !apart ? 'main' : table)
  const redirect = flow.in !== undefined && flow.in === out && flow.source !== undefined && network.routes.lookup(flow.source)?.via === undefined
  const cache = [...(local ? ['local'] : groups ? ['local', groups === 'broadcast' ? 'brd' : 'mc'] : out === 'lo' ? ['local'] : []), ...(redirect ? ['redirect'] : [])]
  const type = local ? 'local' : groups
  const via = groups ? undefined : r.via
  const mtu = r.mtu === undefined ? [] : [`mtu ${r.mtuLocked ? 'lock ' : ''}${r.mtu}`]
  if (options.json) {
    return ipJson.route({
      ...(type ? { type } : options.details ? { type: 'unicast' } : {}), dst: destination, ...(flow.source ? { from: flow.source } : {}), ...(via ? { gateway: via } : {}), dev: out, ...(shown ? { table: shown } : {}),
      ...(source ? { prefsrc: source } : {}), flags: [], ...(flow.mark ? { mark: flow.mark } : {}), ...(flow.in ? {} : { uid }), cache, ...(r.mtu === undefined ? {} : { metrics: [{ mtu: r.mtu }] }), ...(flow.in ? { iif: flow.in } : {}),
    }, options.pretty)
  }
  const text = [
    ...(type ? [type] : options.details ? ['unicast'] : []), destination, ...(flow.source ? [`from ${flow.source}`] : []), ...(via ? [`via ${via}`] : []), `dev ${out}`, ...(shown ? [`table ${shown}`] : []),
    ...(source ? [`src ${source}`] : []), ...(flow.mark ? [`mark ${flow.mark}`] : []), ...(flow.in ? [] : [`uid ${uid}`]),
  ]
  const output = `${text.join(' ')} ${options.oneLine ? '\\' : '\n'}    cache ${cache.length > 0 ? `<${cache.join(',')}> ` : ''}${mtu.map((m) => `${m} `).join('')}${flow.in ? `iif ${flow.in} ` : ''}\n`
  if (warning) throw new Answer(output, warning)
  return output
}

/** What is for all of a link, whatever table says how to get there (ip_route_output_key_hash_rcu). */
function kindOf(destination: string, type: string | undefined): 'broadcast' | 'multicast' | undefined {
  if (type === 'broadcast' || destination === '255.255.255.255') return 'broadcast'
  return isMulticastIp(destination) ? 'multicast' : undefined
}

/** `fibmatch`: the row itself. */
function matched(network: NetworkNamespace, found: { route: Route; table: string }, options: Options): string {
  const filter = { table: found.table, family: 4, only: found.route } as const
  return options.json ? ipJson.routes(network, filter, options) : printRoutes(network, filter)
}
