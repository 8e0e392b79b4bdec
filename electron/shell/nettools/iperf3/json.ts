import type { Process } from '../../../engine/cluster.ts'
import { total, type Interval, type Report, type StreamResult } from './report.ts'
import { systemInfo, type Parameters } from './test.ts'

/** iperf3 -J. */

/** cJSON_Print's layout, with a newline. */
export const printJson = (value: object): string => `${text(value, 0)}\n`

function text(value: unknown, depth: number): string {
  if (Array.isArray(value)) return `[${value.map((v) => text(v, depth + 1)).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = '\t'.repeat(depth + 1)
  const fields = Object.entries(value).map(([key, v]) => `${inner}${JSON.stringify(key)}:\t${text(v, depth + 1)}`)
  return `{\n${fields.join(',\n')}${fields.length > 0 ? '\n' : ''}${'\t'.repeat(depth)}}`
}

const connected = (report: Report): object[] => report.streams.map((s) => ({ socket: s.socket, local_host: s.local.address, local_port: s.local.port, remote_host: s.remote.address, remote_port: s.remote.port }))

/** What is said where there was no test. */
export function errorJson(process: Process, report: Report, error: string): string {
  return printJson({ start: { connected: connected(report), version: 'iperf 3.12', system_info: systemInfo(process) }, intervals: [], end: {}, error })
}

export function startJson(process: Process, report: Report, { host, port, cookie, mss, wall, parameters: p }: { host: string; port: number; cookie: string; mss: number; wall: number; parameters: Parameters }): object {
  return { start: {
    connected: connected(report), version: 'iperf 3.12', system_info: systemInfo(process), timestamp: { time: new Date(wall).toUTCString(), timesecs: Math.floor(wall / 1000) },
    connecting_to: { host, port }, cookie, ...(p.udp ? {} : { tcp_mss_default: mss }), target_bitrate: p.bandwidth, sock_bufsize: 0, sndbuf_actual: p.udp ? 212_992 : 16_384, rcvbuf_actual: p.udp ? 212_992 : 131_072,
    test_start: { protocol: p.udp ? 'UDP' : 'TCP', num_streams: p.parallel, blksize: p.len, omit: 0, duration: p.time, bytes: p.num, blocks: p.blockcount, reverse: p.reverse ? 1 : 0, tos: 0, target_bitrate: p.bandwidth },
  } }
}

const seconds = (ms: number): number => Math.round(ms * 1000) / 1e6
const times = ({ from, to, bytes }: Interval): object => ({ start: seconds(from), end: seconds(to), seconds: seconds(to - from), bytes, bits_per_second: to > from ? (bytes * 8000) / (to - from) : 0 })
const share = ({ lost, packets }: Interval): number => (packets > 0 ? (100 * lost) / packets : 0)
const losses = (i: Interval): object => ({ jitter_ms: i.jitter, lost_packets: i.lost, packets: i.packets, lost_percent: share(i) })

/** "intervals" and "end". `other`: what the server says of each stream. */
export function endJson(report: Report, now: number, other: readonly StreamResult[], udp: boolean): object {
  const { streams } = report
  const sender = streams[0]!.sender
  const row = (i: Interval, sum: boolean): object => ({
    ...times(i),
    ...(udp ? (sender ? { packets: i.packets } : losses(i)) : sender ? { retransmits: i.retransmits, ...(sum ? {} : { snd_cwnd: i.window, snd_wnd: i.path.sendWindow, rtt: i.path.roundTrip, rttvar: i.path.variation, pmtu: i.path.mtu }) } : {}),
    omitted: false, sender,
  })
  const intervals = streams[0]!.intervals.map((_, n) => ({ streams: streams.map((s) => ({ socket: s.socket, ...row(s.intervals[n]!, false) })), sum: row(total(streams.map((s) => s.intervals[n]!)), true) }))
  const elapsed = report.elapsed(now)
  const own = streams.map(({ flow }): Interval => ({ from: 0, to: elapsed, bytes: flow.bytes(), retransmits: flow.retransmits(), window: flow.window(), packets: flow.packets(), lost: flow.lost(), jitter: flow.jitter(), path: flow.path() }))
  const theirs = other.map((r): Interval => ({ from: 0, to: r.end_time * 1000, bytes: r.bytes, retransmits: Math.max(0, r.retransmits), window: 0, packets: r.packets, lost: r.errors, jitter: r.jitter * 1000, path: own[0]!.path }))
  const [sent, got] = sender ? [own, theirs] : [theirs, own]
  const ends = streams.map(({ socket, intervals: rows }, n) => {
    if (udp) return { udp: { socket, ...times(sent[n]!), ...losses({ ...got[n]!, packets: sent[n]!.packets }), out_of_order: streams[n]!.flow.outOfOrder(), sender } }
    const trips = rows.map((r) => r.path.roundTrip)
    const extremes = sender ? { max_snd_cwnd: Math.max(...rows.map((r) => r.window)), max_snd_wnd: Math.max(...rows.map((r) => r.path.sendWindow)), max_rtt: Math.max(...trips), min_rtt: Math.min(...trips), mean_rtt: Math.floor(trips.reduce((a, b) => a + b, 0) / trips.length) } : {}
    return { sender: { socket, ...times(sent[n]!), retransmits: sent[n]!.retransmits, ...extremes, sender }, receiver: { socket, ...times(got[n]!), sender } }
  })
  const [allSent, allGot] = [total(sent), total(got)]
  const cpu = { host_total: 0, host_user: 0, host_system: 0, remote_total: 0, remote_user: 0, remote_system: 0 }
  return { intervals, end: {
    streams: ends,
    ...(udp
      ? { sum: { ...times({ ...allSent, to: allGot.to }), ...losses({ ...allGot, packets: allSent.packets }), sender }, sum_sent: { ...times(allSent), ...losses({ ...allSent, lost: 0, jitter: 0 }), sender: true }, sum_received: { ...times(allGot), ...losses(allGot), sender: false } }
      : { sum_sent: { ...times(allSent), retransmits: allSent.retransmits, sender }, sum_received: { ...times(allGot), sender } }),
    cpu_utilization_percent: cpu,
    ...(udp ? {} : { sender_tcp_congestion: 'cubic', receiver_tcp_congestion: 'cubic' }),
  } }
}
