import { portName, ranges } from './ports.ts'
import type { Host, Options, Port, PortState } from './types.ts'

/** Ports of one state that are listed one by one. */
const LISTED = 25
const BORING: readonly PortState[] = ['closed', 'filtered', 'open|filtered', 'unfiltered']

/** Two digits that matter. */
const digits = (ms: number): string => (ms <= 0 ? '0.00' : Number((ms / 1000).toPrecision(2)).toFixed(Math.max(0, 1 - Math.floor(Math.log10(ms / 1000)))))

interface Hidden { state: PortState; ports: Port[] }

/** The states whose ports are only counted, the most first. */
function hidden(ports: readonly Port[], options: Options): Hidden[] {
  const out: Hidden[] = []
  for (const protocol of ['udp', 'tcp'] as const) {
    for (const state of BORING) {
      const of = ports.filter((p) => p.protocol === protocol && p.state === state)
      if (of.length > (options.onlyOpen && state !== 'open|filtered' ? 0 : options.verbose > 0 && !options.onlyOpen ? LISTED * 2 : LISTED)) out.push({ state, ports: of })
    }
  }
  return out.sort((a, b) => b.ports.length - a.ports.length)
}

export const isShown = (host: Host, options: Options): boolean => !options.onlyOpen || !host.ports || host.ports.some((p) => p.state.startsWith('open'))

const named = (host: Host): string | undefined => host.name ?? host.reverse
const why = (host: { reason: string; ttl?: number | undefined }): string => `${host.reason}${host.ttl === undefined ? '' : ` ttl ${host.ttl}`}`

/** The lines of the screen and of -oN. */
export function normalReport(host: Host, options: Options, date: (ms: number) => string): string {
  const name = named(host)
  const title = name === undefined ? host.address : `${name} (${host.address})`
  if (!host.up) return options.verbose > 0 ? `Nmap scan report for ${title} [host down${options.reason ? `, received ${why(host)}` : ''}]\n` : ''
  let text = `Nmap scan report for ${title}\nHost is up${options.reason ? `, received ${why(host)}` : ''}${host.latency === undefined ? '' : ` (${digits(host.latency)}s latency)`}.\n`
  if (host.name !== undefined && host.reverse !== undefined && host.reverse !== host.name) text += `rDNS record for ${host.address}: ${host.reverse}\n`
  if (options.verbose > 1 && host.ports) text += `Scanned at ${date(host.startedAt)} UTC for ${Math.round((host.endedAt - host.startedAt) / 1000)}s\n`
  if (host.ports) text += table(host, options)
  if (host.mac !== undefined) text += `MAC Address: ${host.mac.toUpperCase()} (Unknown)\n`
  const os = options.versions ? host.ports?.find((p) => p.service?.os)?.service?.os : undefined
  if (os) text += `Service Info: OS: ${os.name}; CPE: ${os.cpe}\n`
  return host.ports ? `${text}\n` : text
}

function table(host: Host, options: Options): string {
  const ports = host.ports!
  if (ports.length === 0) return ''
  const ignored = hidden(ports, options)
  const not = ignored.map(({ state, ports: of }) => {
    const reasons = [...new Set(of.map((p) => p.reason))]
    return `${of.length} ${state} ${of[0]!.protocol} port${of.length === 1 && ignored.length === 1 ? '' : 's'} (${reasons.length === 1 ? reasons[0]! : reasons.map((r) => `${of.filter((p) => p.reason === r).length} ${r}`).join(', ')})`
  }).join(', ')
  const shown = ports.filter((p) => !ignored.some((i) => i.ports.includes(p)))
  const line = not === '' ? '' : `Not shown: ${not}\n`
  if (shown.length === 0) return `All ${ports.length} scanned ports on ${host.name ?? host.reverse ? `${(host.name ?? host.reverse)!} (${host.address})` : host.address} are in ignored states.\n${line}`
  const rows = [['PORT', 'STATE', 'SERVICE', ...(options.reason ? ['REASON'] : []), ...(options.versions ? ['VERSION'] : [])], ...shown.map((p) => [`${p.number}/${p.protocol}`, p.state, serviceText(p), ...(options.reason ? [why(p)] : []), ...(options.versions ? [versionText(p)] : [])])]
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((r) => r[i]!.length)))
  const some = options.onlyOpen && ignored.length > 0 && ignored.some((i) => i.state === 'closed') && options.techniques.includes('syn') && ports.some((p) => p.state === 'filtered') ? 'Some closed ports may be reported as filtered due to --defeat-rst-ratelimit\n' : ''
  return `${line}${some}${line === '' ? '\n' : ''}${rows.map((r) => `${r.map((cell, i) => cell.padEnd(widths[i]!)).join(' ').trimEnd()}\n`).join('')}`
}

const serviceText = (port: Port): string => {
  const name = port.service ? `${port.service.tunnel ? `${port.service.tunnel}/` : ''}${port.service.name}${port.service.unsure ? '?' : ''}` : undefined
  return name ?? portName(port.number, port.protocol) ?? 'unknown'
}

const versionText = ({ service }: Port): string => (service?.product === undefined ? '' : `${service.product}${service.version === undefined ? '' : ` ${service.version}`}${service.extra === undefined ? '' : ` (${service.extra})`}`)

/** The lines of -oG. */
export function grepableReport(host: Host, options: Options): string {
  const start = `Host: ${host.address} (${named(host) ?? ''})\t`
  if (!host.up) return options.verbose > 0 ? `${start}Status: Down\n` : ''
  let text = `${start}Status: Up\n`
  if (!host.ports) return text
  const ignored = hidden(host.ports, options)
  const rows = host.ports.filter((p) => !ignored.some((i) => i.ports.includes(p)))
  const cells = rows.map((p) => `${p.number}/${p.state}/${p.protocol}//${serviceText(p).replace('/', '|')}//${versionText(p).replaceAll('/', '|')}/`)
  text += `${start}Ports: ${cells.join(', ')}${ignored.length > 0 ? `\tIgnored State: ${ignored[0]!.state} (${ignored[0]!.ports.length})` : ''}\n`
  return text
}

export const xmlText = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;').replaceAll('--', '-&#45;')

const address = (host: Host): string => `<address addr="${host.address}" addrtype="${host.address.includes(':') ? 'ipv6' : 'ipv4'}"/>\n${host.mac === undefined ? '' : `<address addr="${host.mac.toUpperCase()}" addrtype="mac"/>\n`}`

const hostnames = (host: Host): string => {
  const names = [...(host.name === undefined ? [] : [`<hostname name="${xmlText(host.name)}" type="user"/>\n`]), ...(host.reverse === undefined ? [] : [`<hostname name="${xmlText(host.reverse)}" type="PTR"/>\n`])]
  return `<hostnames>\n${names.join('')}</hostnames>\n`
}

/** What -oX says of a host as soon as it is known to be up. */
export const xmlHint = (host: Host): string => `<hosthint><status state="up" reason="${host.reason === 'arp-response' ? 'arp-response' : 'unknown-response'}" reason_ttl="0"/>\n${address(host)}${hostnames({ ...host, reverse: undefined })}</hosthint>\n`

/** The element of a host in -oX. */
export function xmlReport(host: Host, options: Options): string {
  const status = (state: string): string => `<status state="${state}" reason="${host.reason}" reason_ttl="${host.ttl ?? 0}"/>\n`
  if (!host.up) return options.verbose > 0 ? `<host>${status('down')}${address(host)}</host>\n` : ''
  const times = host.latency === undefined ? '' : timesOf(host.latency)
  if (!host.ports) return `<host>${status('up')}${address(host)}${hostnames(host)}${times}</host>\n`
  const seconds = (ms: number): string => Math.floor(ms / 1000).toFixed(0)
  const ignored = hidden(host.ports, options)
  let text = `<host starttime="${seconds(host.startedAt)}" endtime="${seconds(host.endedAt)}">${status('up')}${address(host)}${hostnames(host)}<ports>`
  for (const { state, ports } of ignored) {
    text += `<extraports state="${state}" count="${ports.length}">\n`
    for (const reason of new Set(ports.map((p) => p.reason))) {
      const of = ports.filter((p) => p.reason === reason)
      text += `<extrareasons reason="${reason}" count="${of.length}" proto="${of[0]!.protocol}" ports="${ranges(of.map((p) => p.number))}"/>\n`
    }
    text += '</extraports>\n'
  }
  for (const port of host.ports) if (!ignored.some((i) => i.ports.includes(port))) text += `<port protocol="${port.protocol}" portid="${port.number}"><state state="${port.state}" reason="${port.reason}" reason_ttl="${port.ttl ?? 0}"/>${xmlService(port)}</port>\n`
  return `${text}</ports>\n${times}</host>\n`
}

function xmlService(port: Port): string {
  const { service } = port
  const name = service?.name ?? portName(port.number, port.protocol)
  if (name === undefined) return ''
  if (!service || service.unsure) return `<service name="${name}" method="table" conf="3"/>`
  const attributes = [['product', service.product], ['version', service.version], ['extrainfo', service.extra], ['ostype', service.os?.name], ['tunnel', service.tunnel]] as const
  const head = `<service name="${name}"${attributes.map(([key, value]) => (value === undefined ? '' : ` ${key}="${xmlText(value)}"`)).join('')} method="probed" conf="10"`
  return service.cpe === undefined ? `${head}/>` : `${head}>${[service.cpe, ...(service.os ? [service.os.cpe] : [])].map((cpe) => `<cpe>${cpe}</cpe>`).join('')}</service>`
}

/** RFC 6298's figures after one measurement, in µs; a probe is waited for at least a tenth of a second. */
function timesOf(ms: number): string {
  const [srtt, variance] = [Math.round(ms * 1000), Math.max(5000, Math.round(ms * 1000))]
  return `<times srtt="${srtt}" rttvar="${variance}" to="${Math.max(100_000, srtt + 4 * variance)}"/>\n`
}
