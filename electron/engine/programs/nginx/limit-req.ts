import { ConfigError, type Directive } from './config.ts'
import type { Configuration } from './settings.ts'

/** ngx_http_limit_req_module: a leaky bucket a key, in thousandths of a request, by the cluster's clock. */
export interface LimitZone { readonly key: string; /** Thousandths of a request a second. */ readonly rate: number; readonly buckets: Map<string, { excess: number; at: number }> }
export interface Limit { readonly zone: string; /** Thousandths. */ readonly burst: number; readonly delay: number }

/** "limit_req_zone $binary_remote_addr zone=one:10m rate=1r/s" */
export function readLimitZone({ args, file, line }: Directive, { limitZones }: Configuration): void {
  const where = ` in ${file}:${line}`
  const [key = '', ...options] = args
  let [name, rate] = ['', 1_000]
  for (const option of options) {
    const zone = /^zone=([^:]+):\d+[kKmM]?$/.exec(option)
    const every = /^rate=(\d+)r\/([sm])$/.exec(option)
    if (zone) name = zone[1]!
    else if (every && Number(every[1]) > 0) rate = (Number(every[1]) * 1_000) / (every[2] === 'm' ? 60 : 1)
    else throw new ConfigError(option.startsWith('rate=') ? `invalid rate "${option}"${where}` : option.startsWith('zone=') ? `invalid zone size "${option.slice(5)}"${where}` : `invalid parameter "${option}"${where}`)
  }
  if (name === '') throw new ConfigError(`"limit_req_zone" must have "zone" parameter${where}`)
  if (limitZones.has(name)) throw new ConfigError(`limit_req_zone "${name}" is already bound to key "${key}"${where}`)
  limitZones.set(name, { key, rate: Math.floor(rate), buckets: new Map() })
}

/** "limit_req zone=one burst=5 nodelay" */
export function readLimit({ args, file, line }: Directive, { limitZones }: Configuration): Limit {
  const where = ` in ${file}:${line}`
  let [zone, burst, delay] = ['', 0, 0]
  for (const option of args) {
    const [name, value = ''] = option.split('=') as [string, string?]
    if (name === 'zone') zone = value
    else if (name === 'burst' && /^[1-9]\d*$/.test(value)) burst = Number(value) * 1_000
    else if (name === 'delay' && /^[1-9]\d*$/.test(value)) delay = Number(value) * 1_000
    else if (option === 'nodelay') delay = Infinity
    else throw new ConfigError(name === 'burst' || name === 'delay' ? `invalid ${name} value "${option}"${where}` : `invalid parameter "${option}"${where}`)
  }
  if (zone === '') throw new ConfigError(`"limit_req" must have "zone" parameter${where}`)
  if (!limitZones.has(zone)) throw new ConfigError(`zero size shared memory zone "${zone}"`)
  return { zone, burst, delay }
}

/** Of all limits: how long the request waits (ms), or which of them refuses it. What is refused counts nowhere. */
export function passLimits(limits: readonly Limit[], zones: ReadonlyMap<string, LimitZone>, keyOf: (text: string) => string, now: number): { wait: number } | { zone: string; excess: number } {
  const counted: (() => void)[] = []
  let wait = 0
  for (const { zone: name, burst, delay } of limits) {
    const { key, rate, buckets } = zones.get(name)!
    const value = keyOf(key)
    // an empty key is not limited
    if (value === '') continue
    const known = buckets.get(value)
    const excess = known ? Math.max(0, Math.floor(known.excess - (rate * (now - known.at)) / 1_000 + 1_000)) : 0
    if (excess > burst) return { zone: name, excess }
    counted.push(() => buckets.set(value, { excess, at: now }))
    if (excess > delay) wait = Math.max(wait, ((excess - delay) * 1_000) / rate)
  }
  for (const count of counted) count()
  return { wait: Math.floor(wait) }
}
