import { socketInode, type Process, type SocketInfo, type Task } from '../../../engine/cluster.ts'
import { getopt } from '../getopt.ts'
import { nameOfAddress } from '../names.ts'
import { serviceName } from '../services.ts'
import { interfaceRow, interfaceText, sortedLinks } from './interfaces.ts'
import { routeTable } from './route.ts'
import { socketOwner } from '../socket-owner.ts'
import { statistics } from './statistics.ts'
import { NETSTAT, VERSIONS } from './usage.ts'

const LONG = {
  inet: '4', ip: '4', tcpip: '4', inet6: '6', unix: 'x', version: 'V', interfaces: 'i', help: 'h', route: 'r', masquerade: 'M', protocol: 'A', tcp: 't', sctp: 'S', udp: 'u', udplite: 'U', raw: 'w', l2cap: '2', rfcomm: 'f', listening: 'l', all: 'a', timers: 'o', continuous: 'c', extend: 'e', programs: 'p', verbose: 'v', statistics: 's', wide: 'W',
  numeric: 'n', 'numeric-hosts': '!', 'numeric-ports': '@', 'numeric-users': '#', symbolic: 'N', cache: 'C', fib: 'F', groups: 'g', context: 'Z',
}
/** -A's words; others are unknown. */
const FAMILIES: ReadonlyMap<string, string> = new Map([['inet', '4'], ['ip', '4'], ['tcpip', '4'], ['inet6', '6'], ['unix', 'x']])

const STATES: Readonly<Record<string, string>> = { ESTAB: 'ESTABLISHED', 'SYN-SENT': 'SYN_SENT', 'SYN-RECV': 'SYN_RECV', 'FIN-WAIT-1': 'FIN_WAIT1', 'FIN-WAIT-2': 'FIN_WAIT2', 'TIME-WAIT': 'TIME_WAIT', CLOSED: 'CLOSE', 'CLOSE-WAIT': 'CLOSE_WAIT', 'LAST-ACK': 'LAST_ACK', LISTEN: 'LISTEN', CLOSING: 'CLOSING', UNCONN: '' }

/** netstat(8), net-tools 2.10. */
export const netstat = (process: Process): Task<number> => run(process, false)
export const busyboxNetstat = (process: Process): Task<number> => run(process, true)

const BUSYBOX_USAGE = 'BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.\n\nUsage: netstat [-ral] [-tuwx] [-enWp]\n'

function* run(process: Process, busybox: boolean): Task<number> {
  const fail = function* (text: string, code: number): Task<number> {
    yield* process.printError(text)
    return code
  }
  const parsed = getopt(process.argv.slice(1), busybox ? 'ralntuwxepW' : 'A:CFMacdeghilnNoprsStuUvVWw2fx64Z!@#', busybox ? {} : LONG)
  if ('text' in parsed) return yield* fail(`netstat: ${parsed.text}\n${busybox ? BUSYBOX_USAGE : NETSTAT.text + NETSTAT.lists}`, busybox ? 1 : 3)
  const given = new Set<string>()
  let extended = 0
  for (const { name, value } of parsed.options) {
    if (name === 'A') {
      for (const word of value.split(',')) {
        const family = FAMILIES.get(word)
        if (family === undefined) return yield* fail(`Unknown address family \`${word}'.\n`, 1)
        given.add(family)
      }
    } else if (name === 'Z') return yield* fail('SELinux is not enabled on this machine.\n', 1)
    else if (name === 'V') {
      yield* process.print(VERSIONS.netstat)
      return 0
    } else if (name === 'h') {
      yield* process.print(NETSTAT.text)
      return yield* fail(NETSTAT.lists, 0)
    } else given.add(name)
    if (name === 'e') extended++
  }
  const has = (o: string): boolean => given.has(o)
  if (['i', 'r', 'M', 's'].filter(has).length > 1 && !busybox) return yield* fail(NETSTAT.text + NETSTAT.lists, 3)
  const kinds = ['t', 'S', 'u', 'U', 'w']
  if ((has('4') || has('6') || has('s')) && !kinds.some(has)) for (const kind of kinds) given.add(kind)
  else if (has('S') && !has('t')) {
    // asked for by itself it is missed; among all of them nobody says so
    yield* process.print(`Active Internet connections (${shownServers(has)})\nProto Recv-Q Send-Q Local Address           Foreign Address         State      \n`)
    return yield* fail("netstat: no support for `AF INET (sctp)' on this system.\n", 1)
  }
  if (has('M')) return yield* fail("netstat: no support for `ip_masquerade' on this system.\n", 1)
  if (has('2') || has('f')) return yield* fail("netstat: feature `AF BLUETOOTH' not supported.\nPlease recompile `net-tools' with newer kernel source or full configuration.\n", 1)
  if (has('c')) return yield* fail('podhop: not simulated: netstat -c (use watch netstat)\n', 69)
  if (has('g')) return yield* fail('podhop: not simulated: netstat -g (nothing here joins multicast groups)\n', 69)
  if (has('s')) {
    if (has('6')) return yield* fail('podhop: not simulated: netstat -s -6 (use netstat -s, or tcpdump)\n', 69)
    yield* process.print(statistics(process, new Set([...(has('w') ? ['raw' as const] : []), ...(has('t') ? ['tcp' as const] : []), ...(has('u') ? ['udp' as const] : [])])))
    return 0
  }
  if (has('r')) {
    if (has('6') || has('C')) return yield* fail(`podhop: not simulated: netstat -r${has('6') ? '6' : 'C'} (use ip ${has('6') ? '-6 ' : ''}route)\n`, 69)
    // its -e and -ee are route's the other way round
    yield* process.print(yield* routeTable(process, { numeric: has('n') || has('!'), extended: extended !== 1, all: extended > 1 && !busybox, busybox }))
    return 0
  }
  if (has('i')) {
    const links = sortedLinks(process.network).filter((l) => has('a') || l.up)
    yield* process.print(`Kernel Interface table\n${has('e') ? links.map(interfaceText).join('') : `Iface             MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n${links.map(interfaceRow).join('')}`}`)
    return 0
  }
  yield* sockets(process, has, busybox, extended)
  if (has('v') && !kinds.some(has) && !has('x')) return yield* fail(['AF INET (sctp)', 'AF IPX', 'AF AX25', 'AF X25', 'AF NETROM', 'AF ROSE'].map((f) => `netstat: no support for \`${f}' on this system.\n`).join(''), 0)
  return 0
}

const shownServers = (has: (option: string) => boolean): string => (has('a') ? 'servers and established' : has('l') ? 'only servers' : 'w/o servers')

function* sockets(process: Process, has: (option: string) => boolean, busybox: boolean, extended: number): Task {
  const any = ['t', 'u', 'U', 'w', 'x'].some(has)
  const servers = shownServers(has)
  const users = extended > 0 && !busybox
  const numericHosts = has('n') || has('!')
  const numericPorts = has('n') || has('@')
  const numericUsers = has('n') || has('#')
  const programs = has('p')
  if (programs && process.user.uid !== 0) {
    yield* process.printError(busybox ? 'netstat: showing only processes with your user ID\n' : '(Not all processes could be identified, non-owned process info\n will not be shown, you would have to be root to see it all.)\n')
  }
  const idle = (s: SocketInfo): boolean => s.state === 'LISTEN' || s.state === 'UNCONN'
  const six = (s: SocketInfo): boolean => s.mapped === true || s.localAddress.includes(':')
  const family = has('4') === has('6') ? undefined : has('6')
  const list = process.network.sockets
    .list()
    .filter((s) => (s.protocol === 'tcp' ? !any || has('t') : s.protocol === 'udp' && (!any || has('u'))))
    .filter((s) => (has('a') ? true : has('l') ? idle(s) : !idle(s)) && (family === undefined || six(s) === family))
  if (!any || ['t', 'u', 'U', 'w'].some(has)) {
    const width = has('W') ? 40 : 23
    yield* process.print(`Active Internet connections (${servers})\nProto Recv-Q Send-Q ${'Local Address'.padEnd(width)} ${'Foreign Address'.padEnd(width)} State${busybox ? '       ' : '      '}${users ? ' User       Inode     ' : ''}${programs ? (busybox ? 'PID/Program name' : ' PID/Program name    ') : ''}${has('o') ? ' Timer' : ''}\n`)
    const names = new Map<string, string | undefined>()
    for (const [protocol, v6] of [['tcp', false], ['tcp', true], ['udp', false], ['udp', true]] as const) {
      for (const s of list.filter((l) => l.protocol === protocol && six(l) === v6)) {
        const end = function* (address: string, port: number): Task<string> {
          const wildcard = address === '0.0.0.0' || address === '::'
          const host = numericHosts || wildcard ? address : ((yield* nameOfAddress(process, address, names)) ?? address)
          const service = port === 0 ? '*' : numericPorts ? String(port) : (serviceName(port, protocol) ?? String(port))
          return `${has('W') ? host : host.slice(0, width - service.length - 1)}:${service}`
        }
        const whose = process.user.uid === 0 ? socketOwner(process, s) : undefined
        const owner = whose ? `${whose.pid}/${whose.program}` : '-'
        const [local, remote] = [yield* end(s.localAddress, s.localPort), yield* end(s.remoteAddress, s.remotePort)]
        yield* process.print(`${`${protocol}${v6 ? '6' : ''}`.padEnd(busybox ? 4 : 5)} ${String(s.receiveQueue).padStart(busybox ? 7 : 6)} ${String(s.state === 'LISTEN' ? 0 : s.sendQueue).padStart(6)} ${local.padEnd(width)} ${remote.padEnd(width)} ${(STATES[s.state] ?? '').padEnd(busybox ? 12 : 11)}${users ? ` ${(numericUsers ? '0' : 'root').padEnd(10)} ${String(whose ? socketInode(process.network, s) : 0).padEnd(9)}` : ''}${programs ? (busybox ? owner : ` ${owner.slice(0, 19).padEnd(20)}`) : ''}${has('o') ? ` ${timerText(s)}` : ''}\n`)
      }
    }
  }
  if (!any || has('x')) yield* process.print(`Active UNIX domain sockets (${servers})\nProto RefCnt Flags       Type       State         I-Node ${busybox ? '' : '  '}${programs ? 'PID/Program name    ' : ''}Path\n`)
}

/** tcp_do_one: which timer runs, seconds left, retransmissions, probes. */
function timerText(socket: SocketInfo): string {
  const timer = socket.protocol === 'tcp' ? socket.details?.().timer : undefined
  return timer ? `${timer.kind} (${(timer.left / 1000).toFixed(2)}/${timer.retries}/0)` : 'off (0.00/0/0)'
}
