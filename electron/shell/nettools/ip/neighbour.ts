import { SystemError, cidrContains, isValidIp, type NeighbourState, type NetworkNamespace } from '../../../engine/cluster.ts'
import { ipValue, nextWord, notSimulated, permit, prefixValue, Refusal, requireLink, verbOf, type Options } from './common.ts'
import { ipJson, writeJson } from './json.ts'
import { printNeighbours, selectNeighbours } from './print.ts'

/** ip-neighbour(8) */
export function neighbour(network: NetworkNamespace, args: string[], options: Options): string {
  const verb = verbOf(args, ['show', 'add', 'replace', 'change', 'delete', 'flush', 'get'], 'neigh')
  const given = new Map<string, string>()
  let address: string | undefined
  while (args.length > 0) {
    const word = args.shift()!
    if (word === 'nud') given.set(word, stateOf(nextWord(args), verb))
    else if (['dev', 'lladdr', 'to'].includes(word)) given.set(word, nextWord(args))
    else if (word === 'all' && verb === 'flush') given.set('all', '')
    else if (word === 'proxy') {
      given.set(word, '')
      if (verb !== 'show' || (args.length > 0 && isValidIp(args[0]!.split('/')[0]!))) address = nextWord(args)
    } else if (word === 'vrf' || word === 'nomaster' || word === 'unused') throw notSimulated(`ip neigh ${verb} ${word}`, 'use dev, lladdr, nud and to')
    else address = word
  }
  if (verb === 'show' && address !== undefined && !isValidIp(address.split('/')[0]!)) throw new Refusal(`Error: any valid prefix is expected rather than "${address}".\n`, 1)
  const device = given.has('dev') ? requireLink(network, given.get('dev'), `Cannot find device "${given.get('dev')}"\n`) : undefined
  const target = address ?? given.get('to')
  if (given.has('proxy')) return proxies(network, verb, target, device, options)
  if (verb === 'show') {
    const state = given.get('nud')?.toUpperCase()
    const filter = { ...(device === undefined ? {} : { device }), ...(target === undefined ? {} : target.includes('/') ? { within: target } : { address: target }), ...(state === undefined ? {} : { state }), ...(options.family === undefined ? {} : { family: options.family }) }
    if (options.json) return ipJson.neighbours(network, filter, options)
    if (options.brief) return selectNeighbours(network, filter).map((n) => `${n.ip.padEnd(39)} ${device === undefined ? `${n.device.padEnd(16)} ` : ''}${n.mac ?? ''}\n`).join('')
    return printNeighbours(network, filter, options.statistics)
  }
  if (verb === 'flush') {
    const state = given.get('nud')?.toUpperCase()
    if (device === undefined && target === undefined && state === undefined && !given.has('all')) throw new Refusal('Flush requires arguments.\n', 1)
    permit(options)
    // what is permanent stays, whatever is asked for (NUD_PERMANENT | NUD_NOARP in ipneigh.c)
    const gone = network.neighbours.list().filter((n) =>
      (options.family === undefined || n.ip.includes(':') === (options.family === 6)) && n.state !== 'PERMANENT' && (device === undefined || n.device === device) && (state === undefined || state === 'ALL' || n.state === state) &&
      (target === undefined || cidrContains(prefixValue(target), n.ip)))
    for (const n of gone) network.neighbours.remove(n.ip, n.device)
    if (!options.statistics) return ''
    return gone.length === 0 ? 'Nothing to flush.\n' : `\n*** Round 1, deleting ${gone.length} entries ***\n*** Flush is complete after 1 round ***\n`
  }
  if (target === undefined || device === undefined) throw verb === 'get' ? new Refusal('Device and address are required arguments.\n', 1) : new Refusal('Device and destination are required arguments.\n', 255)
  permit(options)
  if (verb === 'delete') {
    if (!network.neighbours.list().some((n) => n.ip === target && n.device === device)) throw new SystemError('ENOENT')
    network.neighbours.remove(target, device)
    return ''
  }
  const known = network.neighbours.list().some((n) => n.ip === target && n.device === device)
  if (verb === 'get') {
    if (!known) throw new Refusal('Error: Neighbour entry not found.\n', 2)
    return printNeighbours(network, { address: target, device }).replace(target, `${target} dev ${device}`)
  }
  const mac = given.get('lladdr')
  if (mac !== undefined && !/^([0-9a-f]{1,2}:){5}[0-9a-f]{1,2}$/i.test(mac)) throw /^[0-9a-f]{1,2}(:[0-9a-f]{1,2})*$/i.test(mac) ? new Refusal('Error: Invalid link address.\n', 2) : new Refusal(`"${mac}" is invalid lladdr.\n`, 1)
  if (verb === 'add' && known) throw new SystemError('EEXIST')
  if (verb === 'change' && !known) throw new SystemError('ENOENT')
  if (mac === undefined && !known) throw new Refusal('Error: No link layer address given.\n', 2)
  const state = (given.get('nud') ?? 'permanent').toUpperCase() as NeighbourState
  network.neighbours.set({ ip: ipValue(target), device, mac: given.get('lladdr') ?? '', state })
  return ''
}

/** Addresses that are answered for in others' place (pneigh of net/core/neighbour.c). */
function proxies(network: NetworkNamespace, verb: string, target: string | undefined, device: string | undefined, options: Options): string {
  const { neighbours } = network
  const text = (row: { ip: string; device?: string }, named: boolean): string => `${row.ip} ${row.device !== undefined && named ? `dev ${row.device} ` : ''}proxy \n`
  const within = target === undefined ? undefined : prefixValue(target)
  if (verb === 'show') {
    const rows = neighbours.proxies().toSorted((a, b) => Number(a.ip.includes(':')) - Number(b.ip.includes(':')) || bucket(a.ip) - bucket(b.ip)).filter((p) => (device === undefined || p.device === device) && (within === undefined || cidrContains(within, p.ip)) && (options.family === undefined || p.ip.includes(':') === (options.family === 6)))
    if (options.json) return writeJson(rows.map((p) => ({ dst: p.ip, ...(p.device !== undefined && device === undefined ? { dev: p.device } : {}), proxy: null })), options.pretty)
    return rows.map((p) => text(p, device === undefined)).join('')
  }
  if (verb === 'flush') throw notSimulated('ip neigh flush proxy', 'use ip neigh delete proxy')
  const row = { ip: ipValue(target!), ...(device === undefined ? {} : { device }) }
  const known = neighbours.proxies().some((p) => p.ip === row.ip && p.device === row.device)
  if (verb === 'get') {
    if (!known) throw new Refusal('Error: Proxy neighbour entry not found.\n', 2)
    return text(row, true)
  }
  permit(options)
  if (verb === 'delete' && !known) throw new SystemError('ENOENT')
  neighbours.setProxy(row, verb !== 'delete')
  return ''
}

/** pneigh_hash, of the last four bytes; the kernel tells its rows bucket by bucket. */
function bucket(ip: string): number {
  const parts = ip.includes(':') ? ip.replace(/^.*::/, '').split(':').slice(-2).flatMap((part) => [parseInt(part || '0', 16) >> 8, parseInt(part || '0', 16) & 255]) : ip.split('.').map(Number)
  const [a, b, c, d] = [0, 0, 0, 0, ...parts].slice(-4) as [number, number, number, number]
  const byte = a ^ b ^ c ^ d
  return (byte ^ (byte >> 4)) & 15
}

/** nud_state_a2n; of those that can be set, all but what only the kernel makes of an entry. */
function stateOf(word: string, verb: string): string {
  if (['permanent', 'reachable', 'stale', 'delay', 'probe', 'failed', 'incomplete'].includes(word) || (word === 'all' && (verb === 'show' || verb === 'flush'))) return word
  if (word === 'noarp' || word === 'none') {
    if (verb === 'show' || verb === 'flush') return word
    throw notSimulated(`ip neigh ${verb} nud ${word}`, 'use permanent, reachable or stale')
  }
  throw new Refusal(`Error: argument "${word}" is wrong: nud state is bad\n`, 255)
}
