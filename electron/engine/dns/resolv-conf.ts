import { canonicalIp } from '../network/address.ts'

/** resolv.conf(5). */
export interface ResolvConf {
  nameservers: string[]
  search: string[]
  ndots: number
  /** ms */
  timeout: number
  attempts: number
  rotate: boolean
  useTcp: boolean
  /** One question after the other, not A and AAAA at once (single-request, single-request-reopen). */
  singleRequest: boolean
  edns: boolean
  /** AAAA is never asked for (no-aaaa). */
  ipv4Only: boolean
}

/** `environment`: glibc's LOCALDOMAIN and RES_OPTIONS come after the file. */
export function parseResolvConf(text: string, environment?: ReadonlyMap<string, string>): ResolvConf {
  const conf: ResolvConf = { nameservers: [], search: [], ndots: 1, timeout: 5000, attempts: 2, rotate: false, useTcp: false, singleRequest: false, edns: false, ipv4Only: false }
  for (const line of text.split('\n')) {
    if (/^\s*[#;]/.test(line)) continue
    const [keyword, ...values] = line.trim().split(/\s+/)
    if (keyword === 'nameserver') {
      const address = values[0] === undefined ? undefined : canonicalIp(values[0].replace(/%.*$/, ''))
      // glibc knows three at most (MAXNS).
      if (address !== undefined && conf.nameservers.length < 3) conf.nameservers.push(address)
    } else if (keyword === 'search') {
      conf.search = values.map((v) => v.replace(/\.$/, ''))
    } else if (keyword === 'domain') {
      conf.search = values.slice(0, 1).map((v) => v.replace(/\.$/, ''))
    } else if (keyword === 'options') {
      setOptions(conf, values)
    }
  }
  const domains = environment?.get('LOCALDOMAIN')?.split(/\s+/).filter((d) => d !== '')
  if (domains && domains.length > 0) conf.search = domains
  setOptions(conf, environment?.get('RES_OPTIONS')?.split(/\s+/) ?? [])
  // Without one, the name server is the machine itself.
  if (conf.nameservers.length === 0) conf.nameservers.push('127.0.0.1')
  return conf
}

/** What is not known is left aside, as the libraries do. */
function setOptions(conf: ResolvConf, options: readonly string[]): void {
  for (const option of options) {
    const [name, value] = option.split(':')
    const n = Number(value)
    if (name === 'ndots' && n >= 0) conf.ndots = Math.min(15, n)
    else if (name === 'timeout' && n > 0) conf.timeout = Math.min(30, n) * 1000
    else if (name === 'attempts' && n > 0) conf.attempts = Math.min(5, n)
    else if (name === 'rotate') conf.rotate = true
    else if (name === 'use-vc') conf.useTcp = true
    else if (name === 'single-request' || name === 'single-request-reopen') conf.singleRequest = true
    else if (name === 'edns0') conf.edns = true
    else if (name === 'no-aaaa') conf.ipv4Only = true
  }
}
