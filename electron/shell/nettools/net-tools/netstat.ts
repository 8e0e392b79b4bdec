import type { Process, SocketInfo, Task } from '../../../engine/cluster.ts'
import { getopt } from '../getopt.ts'
import { nameOfAddress } from '../names.ts'
import { serviceName } from '../services.ts'
import { interfaceRow, interfaceText, sortedLinks } from './interfaces.ts'
import { routeTable } from './route.ts'
import { socketOwner } from '../socket-owner.ts'

const LONG = { tcp: 't', udp: 'u', raw: 'w', listening: 'l', all: 'a', numeric: 'n', 'numeric-hosts': 'n', 'numeric-ports': 'n', programs: 'p', route: 'r', interfaces: 'i', statistics: 's', extend: 'e', wide: 'W', continuous: 'c', groups: 'g', masquerade: 'M', unix: 'x', verbose: 'v', timers: 'o', sctp: 'S', inet: '4', inet6: '6', help: 'h', version: 'V' }

const USAGE = `usage: netstat [-vWeenNcCF] [<Af>] -r         netstat {-V|--version|-h|--help}
       netstat [-vWnNcaeol] [<Socket> ...]
       netstat { [-vWeenNac] -i | [-cnNe] -M | -s [-6tuw] }
`

const STATES: Readonly<Record<string, string>> = { ESTAB: 'ESTABLISHED', 'SYN-SENT': 'SYN_SENT', 'SYN-RECV': 'SYN_RECV', 'FIN-WAIT-1': 'FIN_WAIT1', 'FIN-WAIT-2': 'FIN_WAIT2', 'TIME-WAIT': 'TIME_WAIT', CLOSED: 'CLOSE', 'CLOSE-WAIT': 'CLOSE_WAIT', 'LAST-ACK': 'LAST_ACK', LISTEN: 'LISTEN', CLOSING: 'CLOSING', UNCONN: '' }

/** netstat(8), net-tools 2.10. */
export const netstat = (process: Process): Task<number> => run(process, false)
export const busyboxNetstat = (process: Process): Task<number> => run(process, true)

function* run(process: Process, busybox: boolean): Task<number> {
  const parsed = getopt(process.argv.slice(1), busybox ? 'ralntuwxepW' : 'tuwlanpriseWcgMxvoS46hVNZ', busybox ? {} : LONG)
  if ('invalid' in parsed || 'missing' in parsed) {
    const what = 'invalid' in parsed ? parsed.invalid : parsed.missing
    const usage = busybox ? 'BusyBox v1.36.1 () multi-call binary.\n\nUsage: netstat [-ral] [-tuwx] [-enWp]\n' : USAGE
    yield* process.printError(`netstat: ${what.startsWith('--') ? `unrecognized option '${what}'` : `invalid option -- '${what}'`}\n${usage}`)
    return busybox ? 1 : 3
  }
  const has = (o: string): boolean => parsed.options.some((p) => p.name === o)
  if (has('Z')) {
    yield* process.printError('SELinux is not enabled on this machine.\n')
    return 1
  }
  if (has('h')) {
    yield* process.printError(USAGE)
    return 4
  }
  if (has('V')) {
    yield* process.print('net-tools 2.10\n')
    return 0
  }
  const other = [...'scgMoS'].find(has)
  if (other !== undefined) {
    yield* process.printError(`podhop: not simulated: netstat -${other} (use ${other === 's' ? 'ip -s link, conntrack -L or tcpdump' : 'netstat -tuanp, ss or ip'})\n`)
    return 69
  }
  if (has('r')) {
    yield* process.print(yield* routeTable(process, { numeric: has('n'), extended: true, busybox }))
    return 0
  }
  if (has('i')) {
    const links = sortedLinks(process.network).filter((l) => has('a') || l.up)
    yield* process.print(`Kernel Interface table\n${has('e') ? links.map(interfaceText).join('') : `Iface             MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n${links.map(interfaceRow).join('')}`}`)
    return 0
  }
  yield* sockets(process, has, busybox)
  return 0
}

function* sockets(process: Process, has: (option: string) => boolean, busybox: boolean): Task {
  const any = has('t') || has('u') || has('w') || has('x')
  const servers = has('a') ? 'servers and established' : has('l') ? 'only servers' : 'w/o servers'
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
  if (!any || has('t') || has('u') || has('w')) {
    const width = has('W') ? 40 : 23
    yield* process.print(`Active Internet connections (${servers})\nProto Recv-Q Send-Q ${'Local Address'.padEnd(width)} ${'Foreign Address'.padEnd(width)} State${busybox ? '       ' : '      '}${programs ? (busybox ? 'PID/Program name' : ' PID/Program name    ') : ''}\n`)
    const names = new Map<string, string | undefined>()
    for (const [protocol, v6] of [['tcp', false], ['tcp', true], ['udp', false], ['udp', true]] as const) {
      for (const s of list.filter((l) => l.protocol === protocol && six(l) === v6)) {
        const end = function* (address: string, port: number): Task<string> {
          const wildcard = address === '0.0.0.0' || address === '::'
          const host = has('n') || wildcard ? address : ((yield* nameOfAddress(process, address, names)) ?? address)
          const service = port === 0 ? '*' : has('n') ? String(port) : (serviceName(port, protocol) ?? String(port))
          return `${has('W') ? host : host.slice(0, width - service.length - 1)}:${service}`
        }
        const whose = process.user.uid === 0 ? socketOwner(process, s) : undefined
        const owner = whose ? `${whose.pid}/${whose.program}` : '-'
        const [local, remote] = [yield* end(s.localAddress, s.localPort), yield* end(s.remoteAddress, s.remotePort)]
        yield* process.print(`${`${protocol}${v6 ? '6' : ''}`.padEnd(busybox ? 4 : 5)} ${String(s.receiveQueue).padStart(busybox ? 7 : 6)} ${String(s.state === 'LISTEN' ? 0 : s.sendQueue).padStart(6)} ${local.padEnd(width)} ${remote.padEnd(width)} ${(STATES[s.state] ?? '').padEnd(busybox ? 12 : 11)}${programs ? (busybox ? owner : ` ${owner.slice(0, 19).padEnd(20)}`) : ''}\n`)
      }
    }
  }
  if (!any || has('x')) yield* process.print(`Active UNIX domain sockets (${servers})\nProto RefCnt Flags       Type       State         I-Node ${busybox ? '' : '  '}${programs ? 'PID/Program name    ' : ''}Path\n`)
}
