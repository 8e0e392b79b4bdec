/** Every two seconds the rate moves a quarter of the way to what it was in that time (net/netfilter/ipvs/ip_vs_est.c). */
const INTERVAL = 2000

export interface Counts {
  connections: number
  inPackets: number
  outPackets: number
  inBytes: number
  outBytes: number
}

const FIELDS = ['connections', 'inPackets', 'outPackets', 'inBytes', 'outBytes'] as const

function none(): Counts {
  return { connections: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0 }
}

/** Counters and their rates a second. The rates are found out when somebody counts or asks: no timer is needed. */
export class Estimator {
  readonly total: Counts = none()
  /** Counts since the last full interval. */
  #recent = none()
  #rates = none()
  #since: number

  constructor(now: number) {
    this.#since = now
  }

  count(now: number, field: 'connections'): void
  count(now: number, field: 'inPackets' | 'outPackets', bytes: number): void
  count(now: number, field: keyof Counts, bytes = 0): void {
    if (now - this.#since >= INTERVAL) this.#advance(now)
    this.total[field]++
    this.#recent[field]++
    if (bytes === 0) return
    const other = field === 'inPackets' ? 'inBytes' : 'outBytes'
    this.total[other] += bytes
    this.#recent[other] += bytes
  }

  /** A second's worth, as of the last full interval. */
  rates(now: number): Counts {
    const out = none()
    const intervals = Math.floor((now - this.#since) / INTERVAL)
    for (const f of FIELDS) out[f] = Math.floor(intervals === 0 ? this.#rates[f] : this.#rateAfter(f, intervals))
    return out
  }

  #rateAfter(field: keyof Counts, intervals: number): number {
    const first = this.#rates[field] + ((this.#recent[field] * 1000) / INTERVAL - this.#rates[field]) / 4
    return first * 0.75 ** (intervals - 1)
  }

  #advance(now: number): void {
    const intervals = Math.floor((now - this.#since) / INTERVAL)
    for (const f of FIELDS) this.#rates[f] = this.#rateAfter(f, intervals)
    this.#recent = none()
    this.#since += intervals * INTERVAL
  }

  zero(): void {
    Object.assign(this.total, none())
    Object.assign(this.#recent, none())
    Object.assign(this.#rates, none())
  }
}
