import { broadcastOf, capable, isIpv4, isSystemError, SystemError, tryParseCidr, type LinkNotes, type Process, type Task } from '../../../engine/cluster.ts'
import { addressOf } from '../names.ts'
import { busyboxInterface, interfaceRow, interfaceText, sortedLinks } from './interfaces.ts'
import { IFCONFIG, VERSIONS } from './usage.ts'

const WORDS = new Set(['up', 'down', 'mtu', 'netmask', 'broadcast', '-broadcast', 'add', 'del', 'inet', 'inet6', 'txqueuelen', 'promisc', '-promisc', 'allmulti', '-allmulti', 'multicast', '-multicast', 'arp', '-arp', 'hw'])

/** On stderr each list stands where it belongs. */
const USAGE = IFCONFIG.text.replace('hardware types:\n', (m) => m + IFCONFIG.lists.slice(0, IFCONFIG.lists.indexOf('    unix'))) + IFCONFIG.lists.slice(IFCONFIG.lists.indexOf('    unix'))

class Refusal extends Error {
  readonly code: number
  constructor(text: string, code = 255) {
    super(text)
    this.code = code
  }
}

/** ifconfig(8), net-tools 2.10. */
export const ifconfig = (process: Process): Task<number> => run(process, false)
/** The applet of busybox, which shows links as net-tools did of old. */
export const busyboxIfconfig = (process: Process): Task<number> => run(process, true)

function* run(process: Process, busybox: boolean): Task<number> {
  const args = process.argv.slice(1)
  const { network } = process
  let all = false
  let short = false
  while (args[0]?.startsWith('-')) {
    const flag = args.shift()!
    if (flag === '-a') all = true
    else if (flag === '-s' && !busybox) short = true
    else if (flag === '-v') continue
    else if (!busybox && (flag === '-V' || flag === '-version' || flag === '--version')) {
      yield* process.print(VERSIONS.ifconfig)
      return 0
    } else if (['-h', '-?', '-help', '--help'].includes(flag)) {
      yield* process.print(IFCONFIG.text)
      yield* process.printError(IFCONFIG.lists)
      return 0
    } else {
      yield* process.printError(busybox ? `ifconfig: unrecognized option '${flag}'\n` : `ifconfig: option \`${flag}' not recognised.\nifconfig: \`--help' gives usage information.\n`)
      return 1
    }
  }
  const [name, ...words] = args
  const show = busybox ? busyboxInterface : short ? interfaceRow : interfaceText
  if (name === undefined || words.length === 0) {
    const links = name === undefined ? sortedLinks(network).filter((l) => all || l.up) : [network.links.get(name)]
    if (links[0] === undefined && name !== undefined) {
      yield* process.printError(`${busybox ? 'ifconfig: ' : ''}${name}: error fetching interface information: Device not found\n`)
      return 1
    }
    const head = short ? 'Iface      MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n' : ''
    yield* process.print(head + links.map((l) => show(l!)).join(''))
    return 0
  }
  try {
    yield* change(process, name, words)
    return 0
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    yield* process.printError(busybox ? `ifconfig: ${error.message}` : error.message)
    return error.code === 69 ? 69 : busybox ? 1 : error.code
  }
}

function* change(process: Process, name: string, words: string[]): Task {
  const { network } = process
  const resolve = function* (text: string, more = ''): Task<string> {
    const found = yield* addressOf(process, text, 4)
    if ('error' in found) throw new Refusal(`${text}: ${found.error === 'EAI_AGAIN' ? 'Host name lookup failure' : 'Unknown host'}\n${more}`, 1)
    return found.address
  }
  const note = (what: Partial<LinkNotes>): void => call('SIOCSIFFLAGS', () => void (network.links.get(name)!.notes = { ...network.links.get(name)!.notes, ...what }))
  /** The ioctl's name stands before what the kernel says. */
  const call = (ioctl: string, work: () => void): void => {
    try {
      if (!network.links.has(name)) throw new SystemError('ENODEV')
      if (!capable(process, 'NET_ADMIN')) throw new SystemError('EPERM')
      work()
    } catch (error) {
      if (!isSystemError(error)) throw error
      if (error.code === 'ENODEV' && ioctl === 'SIOCSIFFLAGS') throw new Refusal(`${name}: ERROR while getting interface flags: ${error.message}\n`)
      throw new Refusal(`${ioctl}: ${error.message}\n`, ioctl === 'SIOCSIFMTU' ? 1 : 255)
    }
  }
  const value = (word: string | undefined): string => {
    if (word === undefined) throw new Refusal(USAGE, 3)
    return word
  }
  let address: string | undefined
  let length: number | undefined
  let broadcast: string | undefined
  while (words.length > 0) {
    const word = words.shift()!
    switch (word) {
      case 'inet': case 'inet6': break
      case 'up': call('SIOCSIFFLAGS', () => network.setUp(name, true)); break
      case 'down': call('SIOCSIFFLAGS', () => network.setUp(name, false)); break
      case 'mtu': {
        const mtu = Number(value(words.shift()))
        call('SIOCSIFMTU', () => {
          if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65_535) throw new SystemError('EINVAL')
          network.links.get(name)!.mtu = mtu
        })
        break
      }
      case 'txqueuelen': {
        const queue = parseInt(value(words.shift()), 10) || 0
        note({ queue })
        break
      }
      case 'promisc': case '-promisc': note({ promiscuous: word === 'promisc' }); break
      case 'allmulti': case '-allmulti': note({ allMulticast: word === 'allmulti' }); break
      case 'multicast': case '-multicast': note({ multicast: word === 'multicast' }); break
      case 'arp': {
        call('SIOCSIFFLAGS', () => undefined)
        break
      }
      case 'netmask': length = maskLength(yield* resolve(value(words.shift()))); break
      case 'broadcast': case '-broadcast': {
        // the flag itself belongs to the kind of link
        const next = words[0]
        if (word === '-broadcast') yield* process.printError(`Warning: Interface ${name} still in BROADCAST mode.\n`)
        else if (next !== undefined && !WORDS.has(next)) broadcast = yield* resolve(words.shift()!)
        break
      }
      case 'add': case 'del': {
        const cidr = value(words.shift())
        if (!cidr.includes(':')) throw new Refusal(cidr.includes('/') || !isIpv4(cidr) ? `${cidr}: Unknown host\n` : `podhop: not simulated: ifconfig ${name} ${word} ${cidr} (use ip addr)\n`, cidr.includes('/') || !isIpv4(cidr) ? 1 : 69)
        const whole = cidr.includes('/') ? cidr : `${cidr}/128`
        if (!tryParseCidr(whole)) throw new Refusal(`${cidr}: Unknown host\n`, 1)
        call(word === 'add' ? 'SIOCSIFADDR' : 'SIOCDIFADDR', () => (word === 'add' ? network.addAddress(name, whole) : network.removeAddress(name, whole)))
        break
      }
      default: {
        const [ip, prefix] = word.split('/') as [string, string?]
        if (!isIpv4(ip)) {
          if (['hw', '-arp', 'pointopoint', '-pointopoint', 'keepalive', 'outfill', 'name', 'dynamic', '-dynamic', 'trailers', '-trailers', 'dstaddr', 'tunnel', 'media', 'io_addr', 'irq', 'mem_start'].includes(word)) throw new Refusal(`podhop: not simulated: ifconfig ${name} ${word} (use ip link set)\n`, 69)
          address = yield* resolve(word, "ifconfig: `--help' gives usage information.\n")
          break
        }
        if (name.includes(':')) throw new Refusal(`podhop: not simulated: ifconfig ${name} (use ip addr add … label ${name})\n`, 69)
        address = ip
        if (prefix !== undefined) length = Math.min(32, parseInt(prefix, 10) || 0)
      }
    }
  }
  if (address === undefined && length === undefined && broadcast === undefined) return
  call(address === undefined ? 'SIOCSIFNETMASK' : 'SIOCSIFADDR', () => {
    const link = network.links.get(name)!
    const old = link.addresses.find((a) => !a.address.includes(':'))
    const ip = address ?? old?.address
    if (ip === undefined) throw new SystemError('EADDRNOTAVAIL')
    if (old?.address === ip && (length ?? old.prefixLength) === old.prefixLength && broadcast === undefined) return
    const cidr = `${ip}/${length ?? (address === undefined ? old!.prefixLength : classLength(ip))}`
    if (old) network.removeAddress(name, `${old.address}/${old.prefixLength}`)
    // another mask alone moves the broadcast address only where it was that of the old mask (devinet_ioctl)
    const kept = address === undefined && old!.broadcast !== broadcastOf(`${old!.address}/${old!.prefixLength}`) ? old!.broadcast : broadcastOf(cidr)
    network.addAddress(name, cidr, broadcast === undefined && kept === undefined ? {} : { broadcast: broadcast ?? kept! })
    // an address brings its link up
    if (!link.up) network.setUp(name, true)
  })
}

/** Before there were prefixes: the class of a network (RFC 791). */
function classLength(ip: string): number {
  const first = Number(ip.split('.')[0])
  return first < 128 ? 8 : first < 192 ? 16 : first < 224 ? 24 : 32
}

export function maskLength(mask: string): number {
  const bits = isIpv4(mask) ? mask.split('.').map((part) => Number(part).toString(2).padStart(8, '0')).join('') : ''
  if (!/^1*0*$/.test(bits) || bits === '') throw new Refusal(`${mask}: Unknown host\n`, 1)
  return bits.replaceAll('0', '').length
}
