import { systemRoots } from '../../cloud/authority.ts'
import { canonicalIp, joinHostPort } from '../../network/address.ts'
import { DNS_RCODES } from '../../network/wire/dns.ts'
import { loadPair } from '../../programs/tls/pair.ts'
import type { Certificate } from '../../programs/tls/x509.ts'
import { absoluteName } from '../names.ts'
import { parseResolvConf } from '../resolv-conf.ts'
import type { PluginContext } from './chain.ts'
import { CorefileError, type CorefileDirective } from './corefile.ts'
import { ForwardPlugin, type ForwardOptions } from './forward.ts'
import { readRoots } from './setups-server.ts'
import { argumentError, duration, lines, plain, wrong, zoneOf } from './setups.ts'

/** `tls`, `tls CA`, `tls CERT KEY [CA]`: who has to vouch for upstreams, and what they are shown (plugin/pkg/tls). */
function trustOf(directive: CorefileDirective, args: readonly string[], context: PluginContext): Pick<ForwardOptions, 'roots' | 'certificates'> {
  if (args.length > 3) throw argumentError(directive, args.at(-1))
  const files = args.map((file) => context.file(file))
  const [cert, key] = files
  let certificates: readonly Certificate[] = []
  if (cert !== undefined && key !== undefined) {
    const pair = loadPair(context.process, cert, key)
    if ('error' in pair) throw plain(directive, `could not load TLS cert: ${pair.error}`)
    certificates = pair.chain
  }
  const ca = files[args.length === 1 ? 0 : 2]
  if (ca === undefined) return { roots: systemRoots, certificates }
  const roots = readRoots(directive, ca, context)
  return { roots: () => roots, certificates }
}

export function makeForward(directive: CorefileDirective, context: PluginContext): ForwardPlugin {
  const [from, ...targets] = directive.args
  if (from === undefined || targets.length === 0) throw wrong(directive, `Wrong argument count or unexpected line ending after '${from ?? 'forward'}'`)
  const { fs } = context.process
  const to = targets.flatMap((target) => {
    const [, transport] = /^([a-z]+):\/\//.exec(target) ?? []
    const tls = transport === 'tls'
    const bare = target.replace(/^(dns|tls|https|grpc|quic):\/\//, '')
    if (fs.exists(bare)) return parseResolvConf(fs.readText(bare)).nameservers.map((address) => ({ address, port: 53, tls: false }))
    const match = /^(?:\[(.*)\]|([0-9.]+))(?::(\d+))?$/.exec(bare)
    const address = canonicalIp(match?.[1] ?? match?.[2] ?? bare)
    if (address === undefined) throw new CorefileError(`plugin/forward: not an IP address or file: "${target}"`)
    if (transport !== undefined && !tls && transport !== 'dns') throw plain(directive, `'${transport}' is not supported as a destination protocol in forward: ${transport}://${joinHostPort(address, Number(match?.[3] ?? (transport === 'quic' ? 853 : 443)))}`)
    return [{ address, port: Number(match?.[3] ?? (tls ? 853 : 53)), tls }]
  })
  if (to.length > 15) throw plain(directive, `more than 15 TOs configured: ${to.length}`)
  const options = {
    from: zoneOf(from), to, except: [] as string[], policy: 'random' as 'random' | 'round_robin' | 'sequential',
    transport: undefined as 'tcp' | 'udp' | undefined, maxConcurrent: 0, maxFails: 2, healthCheck: 500, healthDomain: '.', healthRecursion: true, next: [] as string[],
    serverName: undefined as string | undefined, roots: systemRoots, certificates: [] as readonly Certificate[],
  }
  for (const [word = '', ...rest] of lines(directive)) {
    const [value] = rest
    if (word === 'force_tcp') options.transport = 'tcp'
    else if (word === 'prefer_udp') options.transport ??= 'udp'
    else if (word === 'tls') Object.assign(options, trustOf(directive, rest, context))
    else if (!['except', 'policy', 'max_concurrent', 'max_fails', 'health_check', 'expire', 'next', 'tls_servername'].includes(word)) throw wrong(directive, `unknown property '${word}'`)
    else if (value === undefined) throw argumentError(directive, word)
    else if (word === 'tls_servername') options.serverName = value
    else if (word === 'except') options.except = rest.map(zoneOf)
    else if (word === 'next') {
      const unknown = rest.find((code) => !(DNS_RCODES as readonly string[]).includes(code.toUpperCase()))
      if (unknown !== undefined) throw plain(directive, `${unknown} is not a valid rcode`)
      options.next.push(...rest.map((code) => code.toUpperCase()))
    } else if (word === 'expire') duration(directive, value)
    else if (word === 'max_concurrent' || word === 'max_fails') {
      if (!/^\d+$/.test(value)) throw plain(directive, `strconv.ParseUint: parsing ${JSON.stringify(value)}: invalid syntax`)
      options[word === 'max_fails' ? 'maxFails' : 'maxConcurrent'] = Number(value)
    } else if (word === 'health_check') {
      options.healthCheck = duration(directive, value)
      if (options.healthCheck < 0) throw plain(directive, `health_check can't be negative: ${options.healthCheck * 1e6}`)
      for (let i = 1; i < rest.length; i++) {
        if (rest[i] === 'no_rec') options.healthRecursion = false
        else if (rest[i] !== 'domain') throw plain(directive, `health_check: unknown option ${rest[i]}`)
        else if (rest[++i] === undefined) throw argumentError(directive, 'domain')
        else options.healthDomain = absoluteName(rest[i]!)
      }
    } else if (value === 'random' || value === 'round_robin' || value === 'sequential') options.policy = value
    else throw wrong(directive, `unknown policy '${value}'`)
  }
  return new ForwardPlugin(context, options)
}
