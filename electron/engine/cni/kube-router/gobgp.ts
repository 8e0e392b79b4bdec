import type { Clock } from '../../clock.ts'
import type { Program } from '../../machine/types.ts'
import { compareIp } from '../../network/address.ts'
import type { SystemServices } from '../../programs/types.ts'
import type { BgpPeer, BgpSpeaker } from '../bgp/speaker.ts'
import { speakerOf } from './routing.ts'

/** gobgp, which reads kube-router's own GoBGP over gRPC at port 50051 (osrg/gobgp v3.37, cmd/gobgp). What changes it is not simulated. */
class GobgpError extends Error {
  readonly code: number
  constructor(message: string, code = 1) {
    super(message)
    this.code = code
  }
}

const COMMANDS = `gobgp is a commandline tool for gobgpd

Usage:
  gobgp [flags]
  gobgp [command]

Available Commands:
  bmp         
  completion  Generate the autocompletion script for the specified shell
  global      
  help        Help about any command
  log-level   
  monitor     
  mrt         
  neighbor    
  policy      
  rpki        
  vrf         
`

export function gobgp(services: SystemServices): Program {
  return function* (process) {
    try {
      const network = services.nodeOf(process)?.network
      yield* process.print(answer(network && speakerOf(network), process.clock, process.argv.slice(1)))
      return 0
    } catch (error) {
      if (!(error instanceof GobgpError)) throw error
      // gobgp tells its errors on stdout, cobra its own on stderr
      if (error.code === 69 || error.message.startsWith('Error: ')) yield* process.printError(`${error.message}\n`)
      else yield* process.print(`${error.message}\n`)
      return error.code
    }
  }
}

/** Its whole output. Throws GobgpError. */
export function answer(speaker: BgpSpeaker | undefined, clock: Clock, args: readonly string[]): string {
  const { words, family, quiet } = parse(args)
  const [command, ...rest] = words
  if (command === undefined || command === 'help') return COMMANDS
  if (!['global', 'neighbor', 'vrf', 'policy', 'monitor', 'mrt', 'rpki', 'bmp', 'log-level', 'completion'].includes(command)) throw new GobgpError(`Error: unknown command "${command}" for "gobgp"\nRun 'gobgp --help' for usage.`)
  if (!speaker) throw new GobgpError('rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:50051: connect: connection refused"')
  if (command === 'neighbor') return neighbor(speaker, clock, rest, family, quiet)
  if (command === 'global') return global(speaker, clock, rest, family)
  throw new GobgpError(`podhop: not simulated: gobgp ${command} (use gobgp neighbor or gobgp global rib)`, 69)
}

function parse(args: readonly string[]): { words: string[]; family: 4 | 6 | undefined; quiet: boolean } {
  const words: string[] = []
  let family: 4 | 6 | undefined
  let quiet = false
  for (let i = 0; i < args.length; i++) {
    const [flag, inline] = args[i]!.split(/=(.*)/s) as [string, string?]
    const value = (): string => inline ?? args[++i] ?? ''
    if (!flag.startsWith('-')) words.push(args[i]!)
    else if (['-u', '--host', '-p', '--port'].includes(flag)) value()
    else if (flag === '-q' || flag === '--quiet') quiet = true
    else if (flag === '-h' || flag === '--help') words.splice(0, words.length, 'help')
    else if (flag === '-a' || flag === '--address-family') {
      const name = value()
      if (!['ipv4', 'v4', '4', 'ipv6', 'v6', '6'].includes(name)) throw new GobgpError(`podhop: not simulated: gobgp -a ${name} (use ipv4 or ipv6)`, 69)
      family = name.includes('6') ? 6 : 4
    } else if (['-j', '--json', '-d', '--debug', '--tls', '-t', '--transport', '--target', '--reason', '-c', '--gen-cmpl'].includes(flag)) throw new GobgpError(`podhop: not simulated: gobgp ${flag} (use gobgp without it)`, 69)
    else throw new GobgpError(flag.startsWith('--') ? `Error: unknown flag: ${flag}` : `Error: unknown shorthand flag: '${flag.slice(1, 2)}' in ${flag}`)
  }
  return { words, family, quiet }
}

/** formatTimedelta of common.go. */
function ago(clock: Clock, since: number): string {
  const seconds = Math.max(0, Math.floor((clock.now - since) / 1000))
  const two = (n: number): string => String(n).padStart(2, '0')
  const days = Math.floor(seconds / 86_400)
  return `${days > 0 ? `${days}d ` : ''}${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
}

const STATES: Readonly<Record<BgpPeer['state'], string>> = { Idle: 'Idle', Connect: 'Connect', Active: 'Active', OpenSent: 'Sent', OpenConfirm: 'Confirm', Established: 'Establ' }

// ---- neighbor --------------------------------------------------------------------------------------------------

function neighbor(speaker: BgpSpeaker, clock: Clock, words: readonly string[], family: 4 | 6 | undefined, quiet: boolean): string {
  const [address, what] = words
  if (address === undefined) return neighbors(speaker, clock, quiet, family)
  if (['add', 'del', 'update'].includes(address)) throw new GobgpError(`podhop: not simulated: gobgp neighbor ${address} (the nodes of the cluster are its neighbors)`, 69)
  const peer = speaker.peers.find((p) => p.address === address)
  if (!peer) throw new GobgpError(`not found neighbor ${address}`)
  if (what === undefined) return describe(speaker, clock, peer)
  if (!['local', 'adj-in', 'adj-out', 'accepted'].includes(what)) throw new GobgpError(`podhop: not simulated: gobgp neighbor ${address} ${what} (use adj-in, adj-out or local)`, 69)
  const inside = peer.asn === speaker.options.asn
  if (what === 'local') return rib(speaker, clock, family ?? (address.includes(':') ? 6 : 4), undefined)
  const rows = what === 'adj-out' ? speaker.announcedTo(address).map(([prefix, nextHop]) => ({ prefix, nextHop, asPath: inside ? '' : String(speaker.options.asn), age: undefined, attrs: inside ? '[{Origin: i} {LocalPref: 100}]' : '[{Origin: i}]' })) : received(speaker, address, clock)
  const own = rows.filter((row) => row.prefix.includes(':') === (family === 6))
  if (own.length === 0) {
    if (peer.state !== 'Established') throw new GobgpError(`neighbor ${address}'s BGP session is not established`)
    return 'Network not in table\n'
  }
  return table(own.map((row, i) => ({ ...row, symbol: '', id: what === 'adj-out' ? String(i + 1) : '0' })), what !== 'adj-out', true)
}

function received(speaker: BgpSpeaker, address: string, clock: Clock): { prefix: string; nextHop: string; asPath: string; age: string; attrs: string }[] {
  return (speaker.details(address)?.routes ?? []).map((r) => ({ prefix: r.prefix, nextHop: r.nextHop, asPath: r.asPath.join(' '), age: ago(clock, r.since), attrs: `[{Origin: i} {LocalPref: ${r.localPreference}}]` }))
}

function neighbors(speaker: BgpSpeaker, clock: Clock, quiet: boolean, family: 4 | 6 | undefined): string {
  const { peers } = speaker
  if (quiet) return peers.map((p) => `${p.address}\n`).join('')
  const rows = peers.map((p) => {
    const routes = (speaker.details(p.address)?.routes ?? []).filter((r) => family === undefined || r.prefix.includes(':') === (family === 6))
    const known = speaker.details(p.address)
    const up = p.state === 'Established' || (known?.flops ?? 0) > 0 ? ago(clock, p.since) : 'never'
    return [p.address, String(p.asn), up, STATES[p.state], String(routes.length)] as const
  })
  const [peer, as, time] = [Math.max(0, ...rows.map((r) => r[0].length)), Math.max(2, ...rows.map((r) => r[1].length)), Math.max(7, ...rows.map((r) => r[2].length))]
  const line = (a: string, b: string, c: string, d: string, e: string, f: string): string => `${a.padEnd(peer)} ${b.padStart(as)} ${c.padStart(time)} ${d.padEnd(11)} |${e.padStart(9)} ${f.padStart(9)}\n`
  return line('Peer', 'AS', 'Up/Down', 'State', '#Received', 'Accepted') + rows.map((r) => line(r[0], r[1], r[2], r[3], r[4], r[4])).join('')
}

function describe(speaker: BgpSpeaker, clock: Clock, peer: BgpPeer): string {
  const { options } = speaker
  const details = speaker.details(peer.address)!
  const established = peer.state === 'Established'
  const [ipv4, ipv6] = ([4, 6] as const).map((family) => options.families?.(peer.address).includes(family) ?? family === 4) as [boolean, boolean]
  const upper = peer.state === 'Idle' ? 'IDLE' : peer.state.toUpperCase()
  const both = (theirs: boolean): string => (established && theirs ? 'advertised and received' : 'advertised')
  const restart = (seconds: number, ipv6: boolean): string => `restart time ${seconds} sec\n${['ipv4-unicast', ...(ipv6 ? ['ipv6-unicast'] : [])].map((f) => `\t    ${f}, forward flag set\n`).join('')}`
  const count = (n: { open: number; update: number; notification: number; keepalive: number } | undefined): number[] => {
    const { open, update, notification, keepalive } = n ?? { open: 0, update: 0, notification: 0, keepalive: 0 }
    return [open, notification, update, keepalive, 0, 0, open + update + notification + keepalive]
  }
  const [sent, got] = [count(details.sent), count(details.received)]
  const messages = ['Opens:', 'Notifications:', 'Updates:', 'Keepalives:', 'Route Refresh:', 'Discarded:', 'Total:']
  const ten = (n: number): string => String(n).padStart(10)
  return [
    `BGP neighbor is ${peer.address}, remote AS ${peer.asn}\n`,
    `  BGP version 4, remote router ID ${details.id ?? 'unknown'}\n`,
    `  BGP state = ${upper}${established || details.flops > 0 ? `, up for ${ago(clock, peer.since)}` : ''}\n`,
    `  BGP OutQ = 0, Flops = ${details.flops}\n`,
    `  Local address is ${options.address}, local ASN: ${options.asn}\n`,
    '  Hold time is 90, keepalive interval is 30 seconds\n  Configured hold time is 90, keepalive interval is 30 seconds\n  \n',
    '  Neighbor capabilities:\n    multiprotocol:\n',
    ipv4 ? `        ipv4-unicast:\t${both(details.families.includes(4))}\n` : '',
    ipv6 ? `        ipv6-unicast:\t${both(details.families.includes(6))}\n` : '',
    options.gracefulRestart === undefined ? '' : `    graceful-restart:\t${both(details.gracefulRestart !== undefined)}\n        Local: ${restart(options.gracefulRestart, ipv6)}`,
    established && details.gracefulRestart !== undefined && options.gracefulRestart !== undefined ? `        Remote: ${restart(details.gracefulRestart, details.families.includes(6))}` : '',
    `    4-octet-as:\t${both(true)}\n`,
    '  Message statistics:\n                         Sent       Rcvd\n',
    messages.map((name, i) => `    ${name.padEnd(15)}${ten(sent[i]!)} ${ten(got[i]!)}\n`).join(''),
    '  Route statistics:\n',
    `    Advertised:    ${ten(established ? speaker.announcedTo(peer.address).length : 0)}\n    Received:      ${ten(details.routes.length)}\n    Accepted:      ${ten(details.routes.length)}\n`,
  ].join('')
}

// ---- global ----------------------------------------------------------------------------------------------------

function global(speaker: BgpSpeaker, clock: Clock, words: readonly string[], family: 4 | 6 | undefined): string {
  const [what, filter, ...more] = words
  const { asn, routerId, address, otherAddress } = speaker.options
  if (what === undefined) return `AS:        ${asn}\nRouter-ID: ${routerId}\nListening Port: 179, Addresses: ${[address, otherAddress].filter((own) => own !== undefined).sort(compareIp).join(', ')}\n`
  if (what !== 'rib' || more.length > 0 || ['add', 'del'].includes(filter ?? '')) throw new GobgpError(`podhop: not simulated: gobgp global ${words.join(' ')} (use gobgp global rib)`, 69)
  if (filter === 'summary') {
    const rows = rowsOf(speaker, clock, family ?? 4)
    return `Table afi:AFI_IP${family === 6 ? '6' : ''}  safi:SAFI_UNICAST\nDestination: ${new Set(rows.map((r) => r.prefix)).size}, Path: ${rows.length}\n`
  }
  return rib(speaker, clock, family ?? 4, filter)
}

interface Row { symbol: string; id: string; prefix: string; nextHop: string; asPath: string; age: string | undefined; attrs: string }

function rowsOf(speaker: BgpSpeaker, clock: Clock, family: 4 | 6): Row[] {
  const own = [...speaker.announced].map(([prefix, nextHop]) => ({ prefix, nextHop, asPath: '', age: ago(clock, speaker.announcedSince(prefix)), attrs: '[{Origin: i}]', own: true }))
  const learnt = speaker.peers.flatMap((p) => received(speaker, p.address, clock).map((r) => ({ ...r, own: false })))
  const rows = [...own, ...learnt].filter((r) => r.prefix.includes(':') === (family === 6)).sort((a, b) => compareIp(a.prefix.split('/')[0]!, b.prefix.split('/')[0]!) || Number(b.own) - Number(a.own))
  return rows.map((r, i) => ({ ...r, id: '', symbol: rows[i - 1]?.prefix === r.prefix ? '* ' : '*>' }))
}

function rib(speaker: BgpSpeaker, clock: Clock, family: 4 | 6, filter: string | undefined): string {
  if (filter !== undefined && !/^[0-9a-f.:]+(\/\d+)?$/i.test(filter)) throw new GobgpError('invalid CIDR/IP')
  const rows = rowsOf(speaker, clock, family).filter((r) => filter === undefined || r.prefix === filter)
  return rows.length === 0 ? 'Network not in table\n' : table(rows, true, false)
}

/** showRoute of neighbor.go: columns of at least twenty. */
function table(rows: readonly Row[], age: boolean, ids: boolean): string {
  const width = (key: 'prefix' | 'nextHop' | 'asPath'): number => Math.max(20, ...rows.map((r) => r[key].length))
  const [prefix, nextHop, asPath] = [width('prefix'), width('nextHop'), width('asPath')]
  const line = (r: Row): string => `${r.symbol.padEnd(3)}${ids ? `${r.id.padEnd(3)} ` : ''}${r.prefix.padEnd(prefix)} ${r.nextHop.padEnd(nextHop)} ${r.asPath.padEnd(asPath)} ${age ? `${(r.age ?? '').padEnd(10)} ` : ''}${r.attrs}\n`
  return line({ symbol: '', id: 'ID', prefix: 'Network', nextHop: 'Next Hop', asPath: 'AS_PATH', age: 'Age', attrs: 'Attrs' }) + rows.map(line).join('')
}
