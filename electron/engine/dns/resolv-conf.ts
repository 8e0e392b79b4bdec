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
}

export function parseResolvConf(text: string): ResolvConf {
  const conf: ResolvConf = { nameservers: [], search: [], ndots: 1, timeout: 5000, attempts: 2, rotate: false, useTcp: false }
  for (const line of text.split('\n')) {
    if (/^\s*[#;]/.test(line)) continue
    const [keyword, ...values] = line.trim().split(/\s+/)
    if (keyword === 'nameserver') {
      const address = values[0] === undefined ? undefined : canonicalIp(values[0].replace(/%.*$/, ''))
      // glibc knows three at most (MAXNS).
      if (address !== undefined && conf.nameservers.length < 3) conf.nameservers.push(address)
    } else if (keyword === 'search' || keyword === 'domain') {
      conf.search = values.map((v) => v.replace(/\.$/, ''))
    } else if (keyword === 'options') {
      for (const option of values) {
        const [name, value] = option.split(':')
        const n = Number(value)
        if (name === 'ndots' && n >= 0) conf.ndots = Math.min(15, n)
        else if (name === 'timeout' && n > 0) conf.timeout = Math.min(30, n) * 1000
        else if (name === 'attempts' && n > 0) conf.attempts = Math.min(5, n)
        else if (name === 'rotate') conf.rotate = true
        else if (name === 'use-vc') conf.useTcp = true
      }
    }
  }
  // Without one, the name server is the machine itself.
  if (conf.nameservers.length === 0) conf.nameservers.push('127.0.0.1')
  return conf
}
