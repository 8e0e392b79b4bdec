import { canonicalIp, resolveHost, type Process, type Task } from '../../engine/cluster.ts'
import { nameOfAddress } from '../nettools/names.ts'
import { serviceName, servicePorts } from '../nettools/services.ts'
import { NotSimulated, tool } from './command.ts'

/** getent(1) of glibc 2.36, and of Alpine's musl-utils: what the resolver and the account files know. */

const KNOWN = new Set(['ahosts', 'ahostsv4', 'ahostsv6', 'group', 'hosts', 'passwd', 'protocols', 'services', 'networks'])
const OTHERS = new Set(['aliases', 'ethers', 'gshadow', 'initgroups', 'netgroup', 'rpc', 'shadow'])
const PROTOCOLS: readonly (readonly [string, number, string])[] = [['ip', 0, 'IP'], ['icmp', 1, 'ICMP'], ['igmp', 2, 'IGMP'], ['ipencap', 4, 'IP-ENCAP'], ['tcp', 6, 'TCP'], ['udp', 17, 'UDP'], ['ipv6', 41, 'IPv6'], ['gre', 47, 'GRE'], ['esp', 50, 'IPSEC-ESP'], ['ah', 51, 'IPSEC-AH'], ['ipv6-icmp', 58, 'IPv6-ICMP'], ['ospf', 89, 'OSPFIGP'], ['ipip', 94, 'IPIP'], ['vrrp', 112, 'VRRP'], ['sctp', 132, 'SCTP'], ['udplite', 136, 'UDPLite']]
const NETWORKS: readonly (readonly [string, string])[] = [['default', '0.0.0.0'], ['loopback', '127.0.0.0'], ['link-local', '169.254.0.0']]
const ALIASES: ReadonlyMap<string, string> = new Map([['http', 'www'], ['domain', ''], ['smtp', 'mail'], ['discard', 'sink null'], ['systat', 'users']])

const HINT = "Try `getent --help' or `getent --usage' for more information.\n"

const isMusl = (process: Process): boolean => process.fs.exists('/lib/ld-musl-x86_64.so.1')

/** Entries of an account file whose name or number is the key. */
function accounts(process: Process, file: string, keys: readonly string[]): { lines: string[]; missing: boolean } {
  const lines = process.fs.exists(file) ? process.fs.readText(file).split('\n').filter(Boolean) : []
  if (keys.length === 0) return { lines, missing: false }
  const found = keys.map((key) => lines.find((line) => (/^\d+$/.test(key) ? line.split(':')[2] === key : line.split(':')[0] === key)))
  return { lines: found.filter((line) => line !== undefined), missing: found.includes(undefined) }
}

/** The lines of /etc/hosts: address and names. */
function hostsFile(process: Process): [string, string[]][] {
  if (!process.fs.exists('/etc/hosts')) return []
  return process.fs.readText('/etc/hosts').split('\n').map((line) => line.replace(/#.*/, '').trim().split(/\s+/)).filter((words) => words.length > 1).map(([address, ...names]) => [address!, names])
}

/** gethostbyname2(3): IPv6 addresses, and if there are none, the others. */
function* byHostname(process: Process, name: string): Task<{ addresses: readonly string[]; name: string; aliases: string[] } | undefined> {
  for (const family of [6, 4] as const) {
    const inFile = hostsFile(process).filter(([address, names]) => names.includes(name) && address.includes(':') === (family === 6))
    if (inFile.length > 0) return { addresses: inFile.map(([address]) => address), name: inFile[0]![1][0]!, aliases: inFile[0]![1].slice(1) }
    const found = yield* resolveHost(process, name, { family })
    if (!('error' in found) && found.addresses.some((a) => a.includes(':') === (family === 6))) return { addresses: found.addresses.filter((a) => a.includes(':') === (family === 6)), name: found.canonicalName ?? name, aliases: [] }
  }
  return undefined
}

function* hosts(process: Process, keys: readonly string[]): Task<{ lines: string[]; missing: boolean }> {
  const musl = isMusl(process)
  const line = (address: string, names: readonly string[]): string => (musl ? `${address.padEnd(16)}  ${names.join('  ')}` : `${address.padEnd(15)} ${names.join(' ')}`)
  if (keys.length === 0) return { lines: hostsFile(process).map(([address, names]) => line(address, names)), missing: false }
  const lines: string[] = []
  let missing = false
  for (const key of keys) {
    const address = canonicalIp(key)
    if (address !== undefined) {
      const inFile = hostsFile(process).find(([a]) => canonicalIp(a) === address)
      const name = inFile ? inFile[1] : [yield* nameOfAddress(process, address)].filter((n) => n !== undefined)
      if (name.length === 0) missing = true
      else lines.push(line(address, name))
      continue
    }
    const found = yield* byHostname(process, key)
    if (!found) missing = true
    else for (const each of found.addresses) lines.push(line(each, [found.name, ...found.aliases]))
  }
  return { lines, missing }
}

function* ahosts(process: Process, keys: readonly string[], family: 4 | 6 | undefined): Task<{ lines: string[]; missing: boolean }> {
  if (keys.length === 0) return yield* hosts(process, [])
  const lines: string[] = []
  for (const key of keys) {
    const found = yield* resolveHost(process, key, family === 4 ? { family } : {})
    if ('error' in found) return { lines, missing: true }
    const own = found.addresses.filter((a) => a.includes(':'))
    // AI_V4MAPPED: where there are none of IPv6
    const addresses = family !== 6 ? found.addresses : own.length > 0 ? own : found.addresses.map((a) => `::ffff:${a}`)
    const inFile = hostsFile(process).find(([, names]) => names.includes(key))
    const name = found.canonicalName ?? inFile?.[1][0] ?? key
    for (const [i, address] of addresses.entries()) for (const [k, type] of ['STREAM', 'DGRAM', 'RAW'].entries()) lines.push(`${address.padEnd(15)} ${type.padEnd(6)} ${i === 0 && k === 0 ? name : ''}`)
  }
  return { lines, missing: false }
}

function services(keys: readonly string[]): { lines: string[]; missing: boolean } {
  const lines: string[] = []
  for (const key of keys) {
    const [word, wanted] = key.split('/') as [string, string?]
    const protocols = (wanted === undefined ? ['tcp', 'udp'] : [wanted]).filter((p) => p === 'tcp' || p === 'udp')
    const found = protocols.map((protocol) => {
      const port = /^\d+$/.test(word) ? Number(word) : servicePorts(ALIASES_BACK.get(word) ?? word)[protocol]
      const name = port === undefined ? undefined : serviceName(port, protocol)
      return name === undefined ? undefined : `${name.padEnd(21)} ${port!}/${protocol}${ALIASES.get(name) ? ` ${ALIASES.get(name)!}` : ''}`
    }).find((l) => l !== undefined)
    if (found === undefined) return { lines, missing: true }
    lines.push(found)
  }
  return { lines, missing: false }
}
const ALIASES_BACK: ReadonlyMap<string, string> = new Map([...ALIASES].flatMap(([name, aliases]) => aliases.split(' ').filter(Boolean).map((alias) => [alias, name] as const)))

tool('getent', 'raw', function* (run) {
  const { process } = run
  const words = [...run.options.operands]
  const musl = isMusl(process)
  if (!musl) {
    while (words[0]?.startsWith('-')) {
      const word = words.shift()!
      if (word === '-s' || word === '-i' || word === '--no-idn' || word.startsWith('--service') || word === '-A') throw new NotSimulated(`getent ${word} (getent without it)`)
      if (word === '--version' || word === '-V') return void (yield* run.print('getent (Debian GLIBC 2.36-9+deb12u10) 2.36\nCopyright (C) 2022 Free Software Foundation, Inc.\nThis is free software; see the source for copying conditions.  There is NO\nwarranty; not even for MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.\nWritten by Ulrich Drepper.\n'))
      if (word === '--') break
      if (word === '--help' || word === '-?' || word === '--usage') throw new NotSimulated(`getent ${word} (getent hosts NAME, ahosts, services, passwd, group, protocols, networks)`)
      yield* process.printError(`getent: ${word.startsWith('--') ? `unrecognized option '${word}'` : `invalid option -- '${word[1] ?? ''}'`}\nTry \`getent --help' or \`getent --usage' for more information.\n`)
      return 64
    }
  }
  const [database, ...keys] = words
  if (database === undefined) {
    yield* process.printError(musl ? 'usage: getent database [key ...]\n' : 'getent: wrong number of arguments\n')
    if (!musl) yield* run.print(HINT)
    return 1
  }
  if (OTHERS.has(database)) throw new NotSimulated(`getent ${database} (getent hosts, ahosts, services, passwd, group, protocols, networks)`)
  if (!KNOWN.has(database)) {
    yield* process.printError(`Unknown database: ${database}\n${musl ? 'usage: getent database [key ...]\n' : ''}`)
    if (!musl) yield* run.print(HINT)
    return 1
  }
  const found = yield* look(process, database, keys)
  for (const line of found.lines) yield* run.print(`${line}\n`)
  return found.missing ? 2 : 0
})

function* look(process: Process, database: string, keys: readonly string[]): Task<{ lines: string[]; missing: boolean }> {
  switch (database) {
    case 'hosts': return yield* hosts(process, keys)
    case 'ahosts': return yield* ahosts(process, keys, undefined)
    case 'ahostsv4': return yield* ahosts(process, keys, 4)
    case 'ahostsv6': return yield* ahosts(process, keys, 6)
    case 'services': {
      if (keys.length === 0) throw new NotSimulated('getent services without a name (getent services http)')
      return services(keys)
    }
    case 'protocols': return table(PROTOCOLS.map(([name, number, alias]) => [[name, String(number)], `${name.padEnd(21)} ${number} ${alias}`]), keys)
    case 'networks': return table(NETWORKS.map(([name, address]) => [[name], `${name.padEnd(21)} ${address}`]), keys)
    default: return accounts(process, `/etc/${database}`, keys)
  }
}

function table(rows: readonly (readonly [readonly string[], string])[], keys: readonly string[]): { lines: string[]; missing: boolean } {
  if (keys.length === 0) return { lines: rows.map(([, line]) => line), missing: false }
  const found = keys.map((key) => rows.find(([names]) => names.includes(key))?.[1])
  return { lines: found.filter((l) => l !== undefined), missing: found.includes(undefined) }
}
