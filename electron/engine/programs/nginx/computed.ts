import { canonicalIp, prefixContains, tryParseCidr } from '../../network/address.ts'
import { encodeUtf8 } from '../../text.ts'
import { ConfigError, NotSimulated, type Directive } from './config.ts'
import type { Variables } from './variables.ts'

/** Variables that follow from others: `geo` (ngx_http_geo_module) and `split_clients` (ngx_http_split_clients_module). */
export type Computed = (variables: Variables) => string

const nameOf = (text: string, d: Directive): string => {
  if (!text.startsWith('$')) throw new ConfigError(`invalid variable name "${text}" in ${d.file}:${d.line}`)
  return text.slice(1).toLowerCase()
}

/** geo [$address] $variable { default …; CIDR value; }: the longest prefix decides. */
export function readGeo(d: Directive): { name: string; source: string; computed: Computed } {
  const source = d.args.length > 1 ? d.args[0]! : '$remote_addr'
  const name = nameOf(d.args.at(-1) ?? '', d)
  let otherwise = ''
  const nets: { prefix: NonNullable<ReturnType<typeof tryParseCidr>>; value: string }[] = []
  for (const { name: net, args, file, line } of d.block ?? []) {
    const value = args[0] ?? ''
    if (['ranges', 'proxy', 'proxy_recursive', 'delete'].includes(net)) throw new NotSimulated(`nginx "${net}" inside "geo"`)
    if (net === 'default') {
      otherwise = value
      continue
    }
    const prefix = tryParseCidr(net.includes('/') ? net : `${net}/${net.includes(':') ? 128 : 32}`)
    if (!prefix) throw new ConfigError(`invalid network "${net}" in ${file}:${line}`)
    nets.push({ prefix, value })
  }
  nets.sort((a, b) => b.prefix.length - a.prefix.length)
  return {
    name, source, computed: (variables) => {
      const ip = canonicalIp(variables.expand(source))
      return (ip === undefined ? undefined : nets.find(({ prefix }) => (prefix.version === 6) === ip.includes(':') && prefixContains(prefix, ip))?.value) ?? otherwise
    },
  }
}

/** split_clients "text" $variable { 10% a; * b; }: by MurmurHash2 of the text. */
export function readSplit(d: Directive): { name: string; source: string; computed: Computed } {
  const source = d.args[0] ?? ''
  const name = nameOf(d.args[1] ?? '', d)
  let hundredths = 0
  let last = 0
  const parts = (d.block ?? []).map(({ name: share, args, file, line }) => {
    const value = args[0] ?? ''
    if (share === '*') return { last: 0, value }
    const match = /^([0-9]+)(?:\.([0-9]{1,2}))?%$/.exec(share)
    const percent = match ? Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0')) : 0
    if (percent === 0) throw new ConfigError(`invalid percent value "${share}" in ${file}:${line}`)
    hundredths += percent
    if (hundredths > 10_000) throw new ConfigError(`percent total is greater than 100% in ${d.file}:${d.line}`)
    last += Math.floor((percent * 0xffff_ffff) / 10_000)
    return { last, value }
  })
  return { name, source, computed: (variables) => {
    const hash = murmur2(encodeUtf8(variables.expand(source)))
    const part = parts.find((p) => p.last === 0 || hash < p.last)
    return part ? variables.expand(part.value) : ''
  } }
}

/** ngx_murmur_hash2 */
function murmur2(data: Uint8Array): number {
  const M = 0x5bd1_e995
  let h = data.length
  let i = 0
  for (; data.length - i >= 4; i += 4) {
    let k = data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24)
    k = Math.imul(k, M)
    k ^= k >>> 24
    h = Math.imul(h, M) ^ Math.imul(k, M)
  }
  const left = data.length - i
  if (left >= 3) h ^= data[i + 2]! << 16
  if (left >= 2) h ^= data[i + 1]! << 8
  if (left >= 1) h = Math.imul(h ^ data[i]!, M)
  h ^= h >>> 13
  h = Math.imul(h, M)
  return (h ^ (h >>> 15)) >>> 0
}
