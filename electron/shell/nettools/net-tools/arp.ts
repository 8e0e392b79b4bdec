import { capable, isSystemError, SystemError, type NeighbourState, type Process, type Task } from '../../../engine/cluster.ts'
import { getopt } from '../getopt.ts'
import { addressOf, nameOfAddress } from '../names.ts'
import { ARP, VERSIONS } from './usage.ts'

const LONG = { verbose: 'v', version: 'V', all: 'a', delete: 'd', file: 'f', numeric: 'n', set: 's', protocol: 'A', 'hw-type': 'H', device: 'i', help: 'h', 'use-device': 'D', symbolic: 'N' }
/** Those that the real one was built with. */
const HARDWARE = ['ash', 'ether', 'ax25', 'netrom', 'rose', 'arcnet', 'dlci', 'fddi', 'hippi', 'irda', 'x25', 'eui64']
const FAMILIES = ['unspec', 'unix', 'inet', 'inet6', 'ax25', 'netrom', 'rose', 'ipx', 'ddp', 'ec', 'ash', 'x25']

const known = (state: NeighbourState): boolean => state !== 'INCOMPLETE' && state !== 'FAILED'

/** arp(8), net-tools 2.10. */
export const arp = (process: Process): Task<number> => run(process, false)
/** The applet of busybox: `arp` alone is its `arp -a`. */
export const busyboxArp = (process: Process): Task<number> => run(process, true)

function* run(process: Process, busybox: boolean): Task<number> {
  const { network } = process
  const parsed = getopt(process.argv.slice(1), busybox ? 'anevi:dst:H:A:D' : 'A:H:adfp:nsei:t:vhDNV', busybox ? {} : LONG)
  const fail = function* (text: string, code: number): Task<number> {
    yield* process.printError(text)
    return code
  }
  if ('text' in parsed) return yield* fail(`arp: ${parsed.text}\n${ARP.text}${ARP.lists}`, busybox ? 1 : 3)
  const has = (o: string): boolean => parsed.options.some((p) => p.name === o)
  if (has('V')) {
    yield* process.print(VERSIONS.arp)
    return 0
  }
  if (has('h')) {
    yield* process.print(ARP.text)
    return yield* fail(ARP.lists, 0)
  }
  for (const { name, value } of parsed.options) {
    if ((name === 'A' || name === 'p') && !FAMILIES.includes(value)) return yield* fail(`arp: ${value}: unknown address family.\n`, 255)
    if ((name === 'H' || name === 't') && !HARDWARE.includes(value)) return yield* fail(`arp: ${value}: unknown hardware type.\n`, 255)
  }
  const family = parsed.options.findLast((o) => o.name === 'A' || o.name === 'p')?.value ?? 'inet'
  if (family !== 'inet') return yield* fail(`arp: ${family}: kernel only supports 'inet'.\n`, 255)
  if (has('f')) {
    const file = parsed.operands[0] ?? '/etc/ethers'
    return yield* fail(process.fs.exists(process.resolve(file)) ? `podhop: not simulated: arp -f (use arp -s)\n` : `arp: cannot open etherfile ${file} !\n`, process.fs.exists(process.resolve(file)) ? 69 : 255)
  }
  let device = parsed.options.findLast((o) => o.name === 'i')?.value
  const [host, word] = parsed.operands as [string?, string?]
  let address: string | undefined
  if (host !== undefined) {
    const found = yield* addressOf(process, host, 4)
    if ('error' in found) return yield* fail(`${host}: ${found.error === 'EAI_AGAIN' ? 'Host name lookup failure' : 'Unknown host'}\n`, 255)
    address = found.address
  }
  if (has('d') || has('s')) {
    if (address === undefined || (has('s') && word === undefined)) return yield* fail(`arp: need ${address === undefined ? 'host name' : 'hardware address'}\n`, busybox ? 1 : 255)
    const hardware = has('s') ? (has('D') ? process.network.links.get(word!)?.mac : etherAddress(word!)) : undefined
    if (has('s') && hardware === undefined) return yield* fail(has('D') ? `arp: cant get HW-Address for \`${word}': No such device.\n` : 'arp: invalid hardware address\n', busybox ? 1 : 255)
    const modifiers = parsed.operands.slice(has('s') ? 2 : 1)
    while (modifiers.length > 0) {
      const modifier = modifiers.shift()!
      if (modifier === 'dev' && modifiers.length > 0) device = modifiers.shift()
      else if (modifier === 'netmask' && modifiers[0] === '255.255.255.255') modifiers.shift()
      else if (modifier === 'pub' || modifier === 'netmask') return yield* fail(`podhop: not simulated: arp ${modifier} (use ip neigh)\n`, 69)
      else if (!['temp', 'priv', 'trail', 'dontpub', 'auto'].includes(modifier)) return yield* fail(ARP.text + ARP.lists, 3)
    }
    if (has('v')) yield* process.printError(has('s') ? 'arp: SIOCSARP()\n' : 'arp: SIOCDARP(dontpub)\n')
    try {
      change(process, address, hardware, device, parsed.operands.includes('temp') ? 'STALE' : 'PERMANENT')
      return 0
    } catch (error) {
      if (!isSystemError(error)) throw error
      const prefix = busybox ? 'arp: ' : ''
      if (error.code === 'ENOENT') yield* process.print(`${prefix}No ARP entry for ${address}\n`)
      return yield* fail(error.code === 'ENOENT' ? '' : `${prefix}${has('s') ? 'SIOCSARP' : 'SIOCDARP(dontpub)'}: ${error.message}\n`, busybox ? 1 : 255)
    }
  }
  const rows = network.neighbours.list().filter((n) => !n.ip.includes(':') && (address === undefined || n.ip === address) && (device === undefined || n.device === device))
  if (rows.length === 0 && address !== undefined) {
    yield* process.print(busybox ? `arp: in ${network.neighbours.list().length} entries no match found\n` : `${host} (${address}) -- no entry\n`)
    return 0
  }
  if (rows.length === 0 && !busybox) {
    const all = network.neighbours.list().filter((n) => !n.ip.includes(':')).length
    if (device !== undefined && all > 0) yield* process.print(`arp: in ${all} entries no match found.\n`)
    if (has('v')) yield* process.print(`Entries: ${all}\tSkipped: ${all}\tFound: 0\n`)
    return 0
  }
  const names = new Map<string, string | undefined>()
  const listing = has('a') || busybox
  if (!listing) yield* process.print('Address                  HWtype  HWaddress           Flags Mask            Iface\n')
  for (const n of rows) {
    const name = has('n') ? undefined : yield* nameOfAddress(process, n.ip, names)
    const permanent = n.state === 'PERMANENT'
    if (listing) {
      const where = known(n.state) ? `${n.mac} [ether]${permanent ? ' PERM' : ''}${busybox ? ' ' : ''}` : `<incomplete>${busybox ? ' ' : ''}`
      yield* process.print(`${name ?? '?'} (${n.ip}) at ${where} on ${n.device}\n`)
    } else {
      const [type, mac, flags] = known(n.state) ? ['ether', n.mac ?? '', permanent ? 'CM' : 'C'] : ['', '(incomplete)', '']
      yield* process.print(`${(name ?? n.ip).slice(0, 23).padEnd(23)}  ${type.padEnd(8)}${mac.padEnd(20)}${flags.padEnd(6)}${' '.repeat(16)}${n.device}\n`)
    }
  }
  if (has('v') && !busybox) yield* process.print(`Entries: ${rows.length}\tSkipped: 0\tFound: ${rows.length}\n`)
  return 0
}

function change(process: Process, address: string, mac: string | undefined, device: string | undefined, state: 'PERMANENT' | 'STALE'): void {
  const { network } = process
  if (device !== undefined && !network.links.has(device)) throw new SystemError('ENODEV')
  const present = network.neighbours.list().find((n) => n.ip === address && (device === undefined || n.device === device))
  if (mac === undefined) {
    if (!present) throw new SystemError('ENOENT')
    if (!capable(process, 'NET_ADMIN')) throw new SystemError('EPERM')
    return network.neighbours.remove(address, present.device)
  }
  if (!capable(process, 'NET_ADMIN')) throw new SystemError('EPERM')
  const route = network.routes.lookup(address)
  const on = device ?? (route?.via === undefined ? route?.device : undefined)
  if (on === undefined) throw new SystemError('ENETUNREACH')
  if (network.links.get(on)?.kind === 'loopback') throw new SystemError('EINVAL')
  network.neighbours.set({ ip: address, device: on, mac, state })
}

/** in_ether of lib/ether.c: bytes that are missing are zero. */
function etherAddress(text: string): string | undefined {
  if (!/^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){0,5}$/i.test(text)) return undefined
  const parts = text.toLowerCase().split(':').map((p) => p.padStart(2, '0'))
  return [...parts, ...Array<string>(6 - parts.length).fill('00')].join(':')
}
