import { socketInode, type Process, type SocketInfo } from '../../engine/cluster.ts'
import { socketOwner } from './socket-owner.ts'

export interface DetailOptions { extended: boolean; timers: boolean; info: boolean; memory: boolean; processes: boolean; tos: boolean; oneLine: boolean; cgroup: boolean; numeric?: boolean }

/** The last column of ss: processes, timers, details; with -i and -m a second line (misc/ss.c inet_show_sock, tcp_stats_print). */
export function socketDetails(process: Process | undefined, socket: SocketInfo, options: DetailOptions): string {
  const owner = options.processes ? socketOwner(process, socket) : socket.owner
  const details = options.info || options.memory || options.timers ? socket.details?.() : undefined
  const out: string[] = []
  if (options.processes && owner) out.push(`users:(("${owner.program}",pid=${owner.pid},fd=3))`)
  if (options.timers && details?.timer) out.push(`timer:(${details.timer.kind},${interval(details.timer.left)},${details.timer.retries})`)
  if (options.extended) {
    const alive = socket.state !== 'TIME-WAIT'
    out.push(`ino:${alive && owner && process ? socketInode(process.network, socket) : 0}`, `sk:${(socket.number ?? socket.localPort).toString(16)}`)
    const mark = details?.info?.mark
    if (mark) out.push(`fwmark:0x${mark.toString(16)}`)
  }
  if ((options.extended || options.cgroup) && socket.state !== 'TIME-WAIT') out.push(`cgroup:${cgroup(process, socket)}`)
  if (options.extended && (socket.mapped || socket.localAddress.includes(':'))) out.push(`v6only:${socket.v6only ? 1 : 0}`)
  if (options.extended && socket.state !== 'TIME-WAIT') {
    const [received, sent] = [socket.state === 'CLOSE-WAIT' || socket.state === 'LAST-ACK' || socket.state === 'CLOSING', socket.state.startsWith('FIN-WAIT') || socket.state === 'LAST-ACK' || socket.state === 'CLOSING']
    out.push(`${received ? '-' : '<'}-${sent ? '-' : '>'}`)
  }
  if (options.tos) out.push('tos:0', ...(socket.mapped || socket.localAddress.includes(':') ? ['tclass:0'] : []), 'class_id:0')
  const more = [
    ...(options.memory && socket.state !== 'TIME-WAIT' ? [memory(socket)] : []),
    ...(options.info && socket.protocol === 'tcp' && socket.state !== 'TIME-WAIT' ? information(socket, options) : []),
  ]
  const separate = (parts: readonly string[]): string => parts.map((part) => ` ${part}`).join('')
  const second = options.memory || (options.info && socket.protocol === 'tcp')
  return separate(out) + (second && !options.oneLine ? '\n\t' : '') + separate(more)
}

/** "408ms", "1.500ms", "58sec", "2min5sec". */
export function interval(ms: number): string {
  const whole = Math.round(ms)
  const minutes = Math.floor(whole / 60_000)
  const seconds = minutes > 9 ? 0 : Math.floor(whole / 1000) % 60
  const rest = minutes > 0 || seconds > 9 ? 0 : whole % 1000
  return (minutes > 0 ? `${minutes}min` : '') + (seconds > 0 ? `${seconds}${rest > 0 ? '.' : 'sec'}` : '') + (rest > 0 ? `${String(rest).padStart(3, '0')}ms` : '')
}

/** A container's kernel does not tell it the names of control groups outside its own mount. */
function cgroup(process: Process | undefined, { owner }: SocketInfo): string {
  if (process?.machine.kind === 'container') return 'unreachable:1'
  return owner ? `/system.slice/${owner.program}.service` : '/'
}

/** Of Linux's buffers: what waits to be read or sent, with the overhead of its skbs. */
function memory({ receiveQueue, sendQueue, state, protocol }: SocketInfo): string {
  if (protocol === 'udp') return `skmem:(r${receiveQueue},rb212992,t0,tb212992,f0,w0,o0,bl0,d0)`
  const sendBuffer = state === 'LISTEN' || state === 'SYN-SENT' ? 16_384 : state === 'SYN-RECV' ? 16_384 : 46_080
  const queued = state === 'SYN-SENT' ? 1280 : state === 'LISTEN' ? 0 : Math.ceil(sendQueue / 1448) * 2304
  return `skmem:(r${state === 'LISTEN' ? 0 : receiveQueue},rb131072,t0,tb${sendBuffer},f${(4096 - (queued % 4096)) % 4096},w${queued},o0,bl0,d0)`
}

const general = (n: number): string => String(Number(n.toPrecision(6)))
const positive = (name: string, n: number, text = String(Math.round(n))): string[] => (n > 0 ? [`${name}${text}`] : [])

function information(socket: SocketInfo, { timers: options, numeric }: DetailOptions): string[] {
  const info = socket.details?.().info
  if (!info) return ['cubic cwnd:10']
  const { roundTrip, segment, congestion, bytes, segments, ago } = info
  const rate = roundTrip && roundTrip.smoothed > 0 ? (congestion.window * segment.send * 8 * 1000) / roundTrip.smoothed : 0
  const started = congestion.threshold === undefined || congestion.window < congestion.threshold
  return [
    ...(options && info.timestamps ? ['ts'] : []), ...(options && info.sack ? ['sack'] : []), 'cubic',
    ...(info.scale ? [`wscale:${info.scale.send},${info.scale.receive}`] : []),
    `rto:${general(info.timeout)}`, ...positive('backoff:', info.backoff),
    ...(roundTrip ? [`rtt:${general(round3(roundTrip.smoothed))}/${general(round3(roundTrip.variation))}`] : []),
    ...positive('ato:', info.delay), `mss:${segment.send}`, `pmtu:${info.pathMtu}`, `rcvmss:${segment.receive}`, `advmss:${segment.advertised}`,
    `cwnd:${congestion.window}`, ...(congestion.threshold === undefined ? [] : [`ssthresh:${congestion.threshold}`]),
    ...positive('bytes_sent:', bytes.sent), ...positive('bytes_retrans:', bytes.retransmitted), ...positive('bytes_acked:', bytes.acknowledged), ...positive('bytes_received:', bytes.received),
    ...positive('segs_out:', segments.out), ...positive('segs_in:', segments.in), ...positive('data_segs_out:', segments.dataOut), ...positive('data_segs_in:', segments.dataIn),
    ...(rate > 0 ? [`send ${bandwidth(rate, numeric)}`] : []),
    ...positive('lastsnd:', ago.sent), ...positive('lastrcv:', ago.received), ...positive('lastack:', ago.acknowledged),
    ...(rate > 0 ? [`pacing_rate ${bandwidth(rate * (started ? 2 : 1.2), numeric)}`] : []),
    ...(rate > 0 && segments.dataOut > 0 && bytes.acknowledged > 1 && roundTrip!.least > 0 ? [`delivery_rate ${bandwidth((Math.min(bytes.sent, congestion.window * segment.send) * 8 * 1000) / roundTrip!.least, numeric)}`] : []),
    ...positive('delivered:', info.delivered), 'app_limited', ...positive('unacked:', info.unacknowledged),
    ...(info.retransmitted > 0 ? [`retrans:${info.backoff > 0 ? 1 : 0}/${info.retransmitted}`] : []),
    ...positive('rcv_space:', info.receiveSpace), `rcv_ssthresh:${info.receiveThreshold}`,
    ...(roundTrip ? [`minrtt:${general(round3(roundTrip.least))}`] : []), ...positive('snd_wnd:', info.sendWindow),
  ]
}

/** "4.46G"; with -n whole numbers. */
function bandwidth(bits: number, numeric = true): string {
  const unit = numeric ? undefined : ([[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']] as const).find(([size]) => bits >= size)
  return unit ? `${Number((bits / unit[0]).toPrecision(3))}${unit[1]}bps` : `${Math.floor(bits)}bps`
}

/** The kernel measures whole microseconds. */
const round3 = (ms: number): number => Math.round(ms * 1000) / 1000
