import { ipLength } from '../../network/packets.ts'
import type { IpPacket } from '../../network/types.ts'

/** What bpf/lib/metrics.h counts by: pkg/monitor/api names the reasons, and files stand for the lines of their programs, which are not known here (0). */
export interface MetricsRow { readonly reason: string; readonly direction: 'INGRESS' | 'EGRESS'; readonly file: string; packets: number; bytes: number }

const row = (reason: string, direction: MetricsRow['direction'], file: string): MetricsRow => ({ reason, direction, file, packets: 0, bytes: 0 })

/** The frame's header, which counts (ctx_full_len). */
const ETHERNET = 14

/** cilium_metrics of a node: what was let through, where, and what was dropped, why (bpf/lib/trace.h, _update_trace_metrics). */
export class MetricsMap {
  readonly #points = {
    'to-endpoint': row('Success', 'INGRESS', 'bpf_lxc.c'),
    'to-stack': row('Success', 'EGRESS', 'bpf_lxc.c'),
    'to-overlay': row('Success', 'EGRESS', 'encap.h'),
    'to-network': row('Success', 'EGRESS', 'bpf_host.c'),
    'from-overlay': row('Interface', 'INGRESS', 'bpf_overlay.c'),
    'from-network': row('Interface', 'INGRESS', 'bpf_host.c'),
  }
  readonly #drops = new Map<string, MetricsRow>()

  passed(point: keyof MetricsMap['points'], packet: IpPacket): void {
    count(this.#points[point], packet)
  }

  dropped(reason: string, direction: MetricsRow['direction'], file: string, packet: IpPacket): void {
    const key = `${reason}|${direction}|${file}`
    let known = this.#drops.get(key)
    if (!known) this.#drops.set(key, (known = row(reason, direction, file)))
    count(known, packet)
  }

  /** Those that have counted something. */
  list(): MetricsRow[] {
    return [...Object.values(this.#points), ...this.#drops.values()].filter(({ packets }) => packets > 0)
  }

  get points(): Readonly<Record<'to-endpoint' | 'to-stack' | 'to-overlay' | 'to-network' | 'from-overlay' | 'from-network', MetricsRow>> {
    return this.#points
  }
}

function count(into: MetricsRow, packet: IpPacket): void {
  into.packets++
  into.bytes += ETHERNET + ipLength(packet)
}
