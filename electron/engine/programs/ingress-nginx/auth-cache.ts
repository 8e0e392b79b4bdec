import type { Clock } from '../../clock.ts'
import { headerOf, type Headers } from '../http/message.ts'

/** What a server of auth-url has said, kept for who has the same key: proxy_cache of the location that asks it (nginx.tmpl, ngx_http_proxy_module). */
export interface Remembered { status: number; headers: Headers }

/** proxy_cache_valid: statuses (none: 200, 301 and 302; "any"), and for how long, in ms. */
export interface Validity { statuses: readonly number[] | 'any'; time: number }

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, M: 2_592_000_000, y: 31_536_000_000 }
const DEFAULT = '200 202 401 5m'
/** proxy_cache_path's inactive, in ms. */
const INACTIVE = 1_800_000

/** "200 202 10m, 401 5m". The element that is none stands in `invalid` (authreq.ParseStringToCacheDurations). */
export function readDurations(text: string | undefined): { durations: Validity[]; said: string[] } | { invalid: string } {
  const elements = (text ?? '').split(',').map((part) => part.trim()).filter((part) => part !== '')
  const said = elements.length > 0 ? elements : [DEFAULT]
  const durations: Validity[] = []
  for (const element of said) {
    const words = element.split(' ').filter((word) => word !== '')
    const times = words.filter((word) => /^\d+(ms|s|m|h|d|w|M|y)$/.test(word))
    const firstTime = words.findIndex((word) => times.includes(word))
    if (times.length === 0 || words.slice(firstTime).some((word) => /^\d{3}$/.test(word))) return { invalid: element }
    const statuses = words.filter((word) => /^\d{3}$/.test(word)).map(Number)
    durations.push({ statuses: words.includes('any') ? 'any' : statuses.length > 0 ? statuses : [200, 301, 302], time: times.reduce((sum, time) => sum + Number.parseInt(time) * UNITS[time.replace(/^\d+/, '')]!, 0) })
  }
  return { durations, said }
}

export class AuthCache {
  readonly #clock: Clock
  readonly #known = new Map<string, Remembered & { until: number; used: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  find(key: string): Remembered | undefined {
    const found = this.#known.get(key)
    if (!found) return undefined
    const { now } = this.#clock
    if (now >= found.until || now - found.used >= INACTIVE) return void this.#known.delete(key)
    found.used = now
    return found
  }

  keep(key: string, answer: Remembered, durations: readonly Validity[]): void {
    const time = lifetime(answer, durations)
    const { now } = this.#clock
    if (time > 0) this.#known.set(key, { ...answer, until: now + time, used: now })
  }
}

/** What the answer says of itself goes before proxy_cache_valid (ngx_http_upstream_process_cache_control). */
function lifetime({ status, headers }: Remembered, durations: readonly Validity[]): number {
  if (headerOf(headers, 'set-cookie') !== undefined || headerOf(headers, 'vary') === '*') return 0
  const control = (headerOf(headers, 'cache-control') ?? '').toLowerCase()
  if (/\b(no-cache|no-store|private)\b/.test(control)) return 0
  const age = /\bs-maxage=(\d+)/.exec(control) ?? /\bmax-age=(\d+)/.exec(control)
  if (age) return Number(age[1]) * 1000
  return durations.find(({ statuses }) => statuses === 'any' || statuses.includes(status))?.time ?? 0
}
