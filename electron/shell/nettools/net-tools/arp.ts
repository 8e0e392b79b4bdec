import { capable, isSystemError, SystemError, type NeighbourState, type Process, type Task } from '../../../engine/cluster.ts'
import { getopt } from '../getopt.ts'
import { addressOf, nameOfAddress } from '../names.ts'

const USAGE = `Usage:
  arp [-vn]  [<HW>] [-i <if>] [-a] [<hostname>]             <-Display ARP cache
  arp [-v]          [-i <if>] -d  <host> [pub]               <-Delete ARP entry
  arp [-vnD] [<HW>] [-i <if>] -s  <host> <hwaddr>            <-Add entry
`

const known = (state: NeighbourState): boolean => state !== 'INCOMPLETE' && state !== 'FAILED'

/** arp(8), net-tools 2.10. */
export const arp = (process: Process): Task<number> => run(process, false)
/** The applet of busybox: `arp` alone is its `arp -a`. */
export const busyboxArp = (process: Process): Task<number> => run(process, true)

function* run(process: Process, busybox: boolean): Task<number> {
  const { network } = process
  const parsed = getopt(process.argv.slice(1), 'anevi:dst:H:ADf')
  const fail = function* (text: string, code: number): Task<number> {
    yield* process.printError(text)
    return code
  }
  if ('invalid' in parsed || 'missing' in parsed) return yield* fail(`arp: ${'invalid' in parsed ? `invalid option -- '${parsed.invalid}'` : `option requires an argument -- '${parsed.missing}'`}\n${USAGE}`, busybox ? 1 : 3)
  const has = (o: string): boolean => parsed.options.some((p) => p.name === o)
  if (has('f') || has('D')) return yield* fail(`podhop: not simulated: arp -${has('f') ? 'f' : 'D'} (use arp -s)\n`, 69)
  const device = parsed.options.findLast((o) => o.name === 'i')?.value
  const [host, hardware] = parsed.operands as [string?, string?]
  let address: string | undefined
  if (host !== undefined) {
    const found = yield* addressOf(process, host, 4)
    if ('error' in found) return yield* fail(`${host}: ${found.error === 'EAI_AGAIN' ? 'Host name lookup failure' : 'Unknown host'}\n`, 255)
    address = found.address
  }
  if (has('d') || has('s')) {
    if (address === undefined || (has('s') && hardware === undefined)) return yield* fail(`arp: need ${address === undefined ? 'host name' : 'hardware address'}\n`, busybox ? 1 : 255)
    try {
      change(process, address, has('s') ? hardware : undefined, device)
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
    if (has('v')) yield* process.print(`Entries: 0\tSkipped: 0\tFound: 0\n`)
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
  if (has('v') && !listing) yield* process.print(`Entries: ${rows.length}\tSkipped: 0\tFound: ${rows.length}\n`)
  return 0
}

function change(process: Process, address: string, mac: string | undefined, device: string | undefined): void {
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
  if (!/^([0-9a-f]{1,2}:){5}[0-9a-f]{1,2}$/i.test(mac)) throw new SystemError('EINVAL')
  network.neighbours.set({ ip: address, device: on, mac: mac.toLowerCase().split(':').map((p) => p.padStart(2, '0')).join(':'), state: 'PERMANENT' })
}
