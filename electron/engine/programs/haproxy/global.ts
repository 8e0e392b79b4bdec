import { canonicalIp, tryParseCidr } from '../../network/address.ts'
import { parseFormat, type Asked } from './samples.ts'
import { time, type Get } from './values.ts'

/** Of the ConfigMap: what is the same for all frontends and backends (pkg/annotations/global, pkg/haproxy/env/defaults.go). Times in ms. */
export interface GlobalSettings {
  connectTimeout: number
  queueTimeout: number
  serverTimeout: number
  /** syslog-server has "address:stdout". */
  logs: boolean
  logTarget: string
  logFormat: string
  /** Who has to announce clients by the PROXY protocol. */
  announcers: readonly string[]
  alpn: readonly string[]
  /** As they are in haproxy.cfg, by keyword. */
  timeouts: readonly (readonly [keyword: string, ms: number])[]
}

export const LOG_FORMAT = '%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs "%HM %[var(txn.base)] %HV"'
const TIMEOUTS: readonly [short: string, keyword: string, ms: number | undefined][] = [
  ['timeout-http-request', 'http-request', 5000], ['timeout-connect', 'connect', 5000], ['timeout-client', 'client', 50_000], ['timeout-client-fin', 'client-fin', undefined], ['timeout-queue', 'queue', 5000], ['timeout-server', 'server', 50_000],
  ['timeout-server-fin', 'server-fin', undefined], ['timeout-tunnel', 'tunnel', 3_600_000], ['timeout-http-keep-alive', 'http-keep-alive', 60_000],
]
/** Short names of log-format that requests are told by; and what they say in tests of a format. */
const LOG_NAMES: ReadonlySet<string> = new Set(['ci', 'cp', 'tr', 't', 'ft', 'f', 'b', 's', 'TR', 'Tw', 'Tc', 'Tr', 'Ta', 'Tt', 'ST', 'B', 'CC', 'CS', 'tsc', 'ac', 'fc', 'bc', 'sc', 'rc', 'sq', 'bq', 'hr', 'hs', 'HM', 'HP', 'HQ', 'HU', 'HV', 'r', 'fi', 'fp', 'si', 'sp'])

export function globalSettings(of: Get, tell: (level: 'WARNING' | 'ERROR', text: string, source?: string) => void): GlobalSettings {
  const said = new Map(TIMEOUTS.map(([short, keyword, ms]) => [keyword, time(of, short, (_, text) => tell('ERROR', text, 'controller/global.go:150')) ?? ms] as const))
  const format = of('log-format')?.trim()
  const parsed = format === undefined ? undefined : parseFormat(format, (name) => (LOG_NAMES.has(name) ? (): string => '' : undefined))
  if (parsed && 'lacking' in parsed) tell('WARNING', `podhop: not simulated: ${parsed.lacking} of log-format of the ConfigMap (requests are logged as without it)`)
  const announcers = (of('proxy-protocol') ?? '').split(',').map((a) => a.trim()).filter((a) => a !== '')
  const wrong = announcers.filter((a) => canonicalIp(a) === undefined && tryParseCidr(a) === undefined)
  for (const address of wrong) tell('ERROR', `incorrect address '${address}' in proxy-protocol annotation`, 'handler/proxy-protocol.go:49')
  const syslog = syslogOf(of, tell)
  return {
    connectTimeout: said.get('connect')!, queueTimeout: said.get('queue')!, serverTimeout: said.get('server')!,
    logs: syslog.startsWith('stdout'), logTarget: syslog,
    logFormat: format !== undefined && typeof parsed === 'function' ? format : LOG_FORMAT,
    announcers: announcers.filter((a) => !wrong.includes(a)),
    alpn: (of('tls-alpn') ?? 'h2,http/1.1').split(',').map((p) => p.trim()),
    timeouts: [...said].flatMap(([keyword, ms]) => (ms === undefined ? [] : [[keyword, ms] as const])),
  }
}

/** "address:stdout, format: raw, facility:daemon" as haproxy.cfg's "log" has it: of the first line. */
function syslogOf(of: Get, tell: (level: 'ERROR', text: string, source?: string) => void): string {
  const line = (of('syslog-server') ?? '').split('\n')[0]!.replace(/\s+/g, '')
  const other = '127.0.0.1 local0 notice'
  if (line === '') return other
  const found = new Map<string, string>()
  for (const parameter of line.split(',').filter((p) => p !== '')) {
    const [key = '', value, ...more] = parameter.split(':')
    if (value === undefined || more.length > 0) return tell('ERROR', `annotation syslog-server: incorrect syslog param: '${parameter}' in '${line}'`, 'controller/global.go:88'), other
    if (!['address', 'port', 'length', 'format', 'facility', 'level', 'minlevel'].includes(key.toLowerCase())) return tell('ERROR', `annotation syslog-server: unknown syslog param: '${key}' in '${line}' `, 'controller/global.go:88'), other
    found.set(key.toLowerCase(), value)
  }
  const address = found.get('address')
  if (address === undefined) return tell('ERROR', `annotation syslog-server: incorrect syslog Line: no address param in '${line}'`, 'controller/global.go:88'), other
  const port = address !== 'stdout' && found.has('port') ? `:${found.get('port')}` : ''
  const optional = (key: string): string => (found.has(key) ? ` ${key === 'length' ? 'len' : key} ${found.get(key)}` : '')
  return `${address}${port}${optional('length')}${optional('format')}${found.has('facility') ? ` ${found.get('facility')}` : ' local0'}${found.has('level') ? ` ${found.get('level')}` : ''}${found.has('minlevel') ? ` ${found.get('minlevel')}` : ''}`
}

/** What a request's line in the log is made of. */
export type LogLine = (asked: Asked, values: Readonly<Record<string, string>>) => string

export function logLine(format: string): LogLine {
  let values: Readonly<Record<string, string>> = {}
  // what is empty takes the space before it along
  const words = format.split(/ +/).map((word) => parseFormat(word, (name) => (LOG_NAMES.has(name) ? () => values[name] ?? '-' : undefined)))
  return (asked, told) => {
    values = told
    return words.map((word) => (typeof word === 'function' ? word(asked) : '')).filter((text) => text !== '').join(' ')
  }
}
