import { ConfigError, type Directive } from './config.ts'

/** ngx_http_limit_conn_module and ngx_stream_limit_conn_module: how much may be under way at once for a key. */
export interface ConnectionZone { readonly key: string; /** By key: what is under way. */ readonly busy: Map<string, number> }
export interface ConnectionLimit { readonly zone: string; readonly most: number }

/** "limit_conn_zone $binary_remote_addr zone=addr:10m" */
export function readConnectionZone({ args, file, line }: Directive, zones: Map<string, ConnectionZone>): void {
  const where = ` in ${file}:${line}`
  const [key = '', option = ''] = args
  if (args.length !== 2) throw new ConfigError(`invalid number of arguments in "limit_conn_zone" directive${where}`)
  const zone = /^zone=([^:]+):\d+[kKmM]?$/.exec(option)
  if (!zone) throw new ConfigError(option.startsWith('zone=') ? `invalid zone size "${option.slice(5)}"${where}` : `invalid parameter "${option}"${where}`)
  if (zones.has(zone[1]!)) throw new ConfigError(`limit_conn_zone "${zone[1]!}" is already bound to key "${key}"${where}`)
  zones.set(zone[1]!, { key, busy: new Map() })
}

/** "limit_conn addr 1" */
export function readConnectionLimit({ args, file, line }: Directive, zones: ReadonlyMap<string, ConnectionZone>, before: readonly ConnectionLimit[]): ConnectionLimit {
  const where = ` in ${file}:${line}`
  const [zone = '', count = ''] = args
  if (args.length !== 2) throw new ConfigError(`invalid number of arguments in "limit_conn" directive${where}`)
  if (before.some((limit) => limit.zone === zone)) throw new ConfigError(`"limit_conn" directive is duplicate${where}`)
  const most = /^[1-9]\d*$/.test(count) ? Number(count) : 0
  if (most === 0) throw new ConfigError(`invalid number of connections "${count}"${where}`)
  if (most > 65_535) throw new ConfigError(`connection limit must be less 65536${where}`)
  if (!zones.has(zone)) throw new ConfigError(`zero size shared memory zone "${zone}"`)
  return { zone, most }
}

/** Counts it in all zones: what gives it back at its end, or the zone that is full. A key without a value is not counted. */
export function enter(limits: readonly ConnectionLimit[], zones: ReadonlyMap<string, ConnectionZone>, keyOf: (text: string) => string): (() => void) | { zone: string } {
  const counted: (() => void)[] = []
  const leave = (): void => {
    for (const one of counted) one()
  }
  for (const { zone, most } of limits) {
    const { key, busy } = zones.get(zone)!
    const value = keyOf(key.replaceAll('$binary_remote_addr', '$remote_addr'))
    if (value === '') continue
    const now = busy.get(value) ?? 0
    if (now >= most) {
      leave()
      return { zone }
    }
    busy.set(value, now + 1)
    counted.push(() => {
      const left = busy.get(value)! - 1
      if (left > 0) busy.set(value, left)
      else busy.delete(value)
    })
  }
  return leave
}
