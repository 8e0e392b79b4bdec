import { canonicalIp, cidrContains, tryParseCidr } from '../../network/address.ts'
import type { Cidr } from '../../network/types.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import { ConfigError, NotSimulated, type Directive } from './config.ts'

/** ngx_http_realip_module: who a trusted proxy says that the client is. */
export interface RealIp { from: readonly Cidr[]; header: string; recursive: boolean }

export const NO_REAL_IP: RealIp = { from: [], header: 'x-real-ip', recursive: false }

/** Undefined: another module's directive. */
export function readRealIp(d: Directive, settings: RealIp): RealIp | undefined {
  const [value = ''] = d.args
  const where = ` in ${d.file}:${d.line}`
  switch (d.name) {
    case 'set_real_ip_from':
      if (value === 'unix:') throw new NotSimulated('nginx "set_real_ip_from unix:"')
      if (!tryParseCidr(value) && canonicalIp(value) === undefined) throw new ConfigError(`host not found in set_real_ip_from "${value}"${where}`)
      return { ...settings, from: [...settings.from, value.includes('/') ? value : `${value}/${value.includes(':') ? 128 : 32}`] }
    case 'real_ip_header':
      return { ...settings, header: value.toLowerCase() }
    case 'real_ip_recursive':
      return { ...settings, recursive: value === 'on' }
    default:
      return undefined
  }
}

/** The client's address, from the last of the header's that no trusted proxy has; the sender's own where nobody is trusted. */
export function clientOf({ remoteAddress, headers, announced }: HttpRequest, { from, header, recursive }: RealIp): string {
  const trusted = (ip: string): boolean => from.some((cidr) => cidr.includes(':') === ip.includes(':') && cidrContains(cidr, ip))
  let client = remoteAddress
  const named = (header === 'proxy_protocol' ? (announced?.address ?? '') : (headerOf(headers, header) ?? '')).split(',').map((part) => part.trim()).filter((part) => part !== '').reverse()
  for (const part of named) {
    if (!trusted(client)) break
    const ip = canonicalIp(/^\[(.*)\](?::[0-9]+)?$/.exec(part)?.[1] ?? (/^[0-9.]+:[0-9]+$/.test(part) ? part.split(':')[0]! : part))
    if (ip === undefined) break
    client = ip
    if (!recursive) break
  }
  return client
}
