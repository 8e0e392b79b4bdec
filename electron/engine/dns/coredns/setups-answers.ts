import { canonicalIp, isIpv4, tryParseCidr } from '../../network/address.ts'
import { CACHE_DEFAULTS, CachePlugin, type CacheOptions } from './cache.ts'
import type { PluginContext } from './chain.ts'
import type { CorefileDirective } from './corefile.ts'
import { ExternalPlugin, type ExternalOptions } from './external.ts'
import { Dns64Plugin, HeaderPlugin, type HeaderRule } from './header.ts'
import { HostsPlugin, type HostsOptions } from './hosts.ts'
import type { KubernetesPlugin } from './kubernetes.ts'
import { LoadBalancePlugin } from './plugins.ts'
import { WeightedPlugin, WeightError } from './weighted.ts'
import { parseGoDuration } from '../../programs/http/go.ts'
import { argumentError, duration, lines as linesOf, plain, seconds, wrong, zoneOf } from './setups.ts'

/** Setups of plugins that change or keep answers: cache, hosts, header, dns64; of k8s_external, and of bind. */
export function makeCache(directive: CorefileDirective, context: PluginContext, zones: readonly string[], server: string): CachePlugin {
  const [first, ...rest] = directive.args
  const limit = first !== undefined && /^-?\d+$/.test(first) ? Number(first) : undefined
  if (limit !== undefined && limit <= 0) throw plain(directive, `cache TTL can not be zero or negative: ${limit}`)
  const own = limit === undefined ? directive.args : rest
  const options: CacheOptions = { ...CACHE_DEFAULTS, ...(limit === undefined ? {} : { successTtl: limit, denialTtl: limit }), zones: own.length > 0 ? own.map(zoneOf) : zones, server }
  for (const [word = '', ...values] of linesOf(directive)) {
    if (word === 'success' || word === 'denial') {
      seconds(directive, values[0])
      const [most, least] = [values[1], values[2]].map((v) => (v === undefined ? undefined : seconds(directive, v)))
      if (most !== undefined && most <= 0) throw plain(directive, `cache TTL can not be zero or negative: ${most}`)
      if (least !== undefined && least < 0) throw plain(directive, `cache min TTL can not be negative: ${least}`)
      if (most !== undefined) options[`${word}Ttl`] = most
      if (least !== undefined) options[`${word}Least`] = least
    } else if (word === 'disable') {
      const disabled = values.length > 1 ? values.slice(1).map(zoneOf) : ['.']
      if (values[0] === 'success') options.disableSuccess = disabled
      else if (values[0] === 'denial') options.disableDenial = disabled
      else if (values[0] === undefined) throw argumentError(directive, word)
      else throw plain(directive, 'cache type for disable must be "success" or "denial"')
    } else if (word === 'servfail') {
      if (values.length !== 1) throw argumentError(directive, values.at(-1) ?? word)
      const ms = duration(directive, values[0])
      if (ms < 0) throw plain(directive, 'invalid negative ttl for servfail')
      if (ms > 300_000) throw plain(directive, 'caching SERVFAIL responses over 5 minutes is not permitted')
      options.servfailTtl = Math.floor(ms / 1000)
    } else if (word === 'keepttl' && values.length === 0) options.keepTtl = true
    else if (word === 'prefetch') options.prefetch = prefetchOf(directive, values)
    else if (word === 'serve_stale') {
      if (values.length > 2) throw argumentError(directive, values.at(-1))
      const ms = values[0] === undefined ? 3_600_000 : duration(directive, values[0])
      if (ms < 0) throw plain(directive, 'invalid negative duration for serve_stale')
      const mode = values[1]?.toLowerCase() ?? 'immediate'
      if (mode !== 'immediate' && mode !== 'verify') throw plain(directive, `invalid value for serve_stale refresh mode: ${mode}`)
      Object.assign(options, { staleUpTo: ms / 1000, verifyStale: mode === 'verify' })
    } else throw argumentError(directive, values.at(-1) ?? word)
  }
  return new CachePlugin(context, options)
}

/** `prefetch AMOUNT [DURATION [PERCENTAGE%]]` */
function prefetchOf(directive: CorefileDirective, values: readonly string[]): CacheOptions['prefetch'] {
  if (values.length === 0 || values.length > 3) throw argumentError(directive, values.at(-1) ?? 'prefetch')
  const hits = seconds(directive, values[0])
  if (hits < 0) throw plain(directive, `prefetch amount should be positive: ${hits}`)
  const pause = values[1] === undefined ? CACHE_DEFAULTS.prefetch.pause : duration(directive, values[1]) / 1000
  const share = values[2]
  if (share === undefined) return { ...CACHE_DEFAULTS.prefetch, hits, pause }
  if (!share.endsWith('%')) throw plain(directive, `last character of percentage should be \`%\`, but is: ${`'${share.at(-1)}'`}`)
  const percentage = seconds(directive, share.slice(0, -1))
  if (percentage < 10 || percentage > 90) throw plain(directive, `percentage should fall in range [10, 90]: ${percentage}`)
  return { hits, pause, percentage }
}

export function makeHosts(directive: CorefileDirective, context: PluginContext, blockZones: readonly string[]): HostsPlugin {
  const [file = '/etc/hosts', ...zones] = directive.args
  const lines: string[] = []
  const options: HostsOptions = { file: context.file(file), zones: zones.length > 0 ? zones.map(zoneOf) : blockZones, lines, fallthrough: undefined, reverse: true, ttl: 3600, reload: 5000 }
  if (directive.args.length > 0 && !context.process.fs.exists(options.file)) context.log(`[WARNING] plugin/hosts: File does not exist: ${file}`)
  for (const [word = '', ...rest] of linesOf(directive)) {
    if (word === 'fallthrough') options.fallthrough = rest.map(zoneOf)
    else if (word === 'no_reverse') options.reverse = false
    else if (word === 'ttl') {
      if (rest[0] === undefined) throw wrong(directive, 'ttl needs a time in second')
      if (!/^[+-]?\d+$/.test(rest[0])) throw wrong(directive, 'ttl needs a number of second')
      options.ttl = Number(rest[0])
      if (options.ttl <= 0 || options.ttl > 65_535) throw wrong(directive, 'ttl provided is invalid')
    } else if (word === 'reload') {
      if (rest.length !== 1) throw wrong(directive, 'reload needs a duration (zero seconds to disable)')
      options.reload = duration(directive, rest[0])
      if (options.reload < 0) throw wrong(directive, `invalid negative duration for reload '${rest[0]}'`)
    } else if (options.fallthrough) throw wrong(directive, `unknown property '${word}'`)
    // whatever stands before `fallthrough` is a line of hosts(5), and counts where it can be read
    else lines.push([word, ...rest].join(' '))
  }
  return new HostsPlugin(context, options)
}

const FLAGS = { aa: 'authoritative', ra: 'recursionAvailable', rd: 'recursionDesired' } as const

export function makeHeader(directive: CorefileDirective, context: PluginContext): HeaderPlugin {
  const query: HeaderRule[] = []
  const response: HeaderRule[] = []
  for (const [word = '', ...rest] of linesOf(directive)) {
    let selector = word.toLowerCase()
    const words = [...rest]
    if (selector === 'set' || selector === 'clear') {
      context.log(`[WARNING] plugin/header: The selector for header rule in line ${directive.line} isn't explicit defined. Assume rule applies for selector 'response'. This syntax is deprecated. In future versions of CoreDNS the selector must be explicit defined.`)
      words.unshift(selector)
      selector = 'response'
    } else if (selector !== 'query' && selector !== 'response') throw plain(directive, `setting up rule: invalid selector=${selector} should be query or response`)
    const action = words.shift()?.toLowerCase()
    if (action === undefined) throw plain(directive, 'setting up rule: no flag action provided')
    if (words.length === 0) throw plain(directive, 'setting up rule: invalid length for flags, at least one should be provided')
    if (action !== 'set' && action !== 'clear') throw plain(directive, `setting up rule: unknown flag action=${action}, should be set or clear`)
    for (const flag of words.map((f) => f.toLowerCase())) {
      if (flag !== 'aa' && flag !== 'ra' && flag !== 'rd') throw plain(directive, `setting up rule: unknown/unsupported flag=${flag}`)
      ;(selector === 'query' ? query : response).push({ flag: FLAGS[flag], state: action === 'set' })
    }
  }
  if (query.length + response.length === 0) throw argumentError(directive, directive.args.at(-1))
  return new HeaderPlugin(query, response)
}

export function makeDns64(directive: CorefileDirective, context: PluginContext, server: string): Dns64Plugin {
  if (directive.args.length > 1) throw argumentError(directive, directive.args.at(-1))
  const options = { prefix: '64:ff9b::/96', translateAll: false, allowIpv4: false, server }
  const prefix = (text: string): string => {
    const net = tryParseCidr(text)
    if (!net) throw plain(directive, `invalid CIDR address: ${text}`)
    if (!text.includes(':')) throw wrong(directive, `invalid netmask 32 IPv6 address: ${JSON.stringify(text)}`)
    const length = Number(text.split('/')[1])
    if (length % 8 !== 0 || length < 32 || length > 96) throw wrong(directive, `invalid prefix length ${JSON.stringify(text)}`)
    return text
  }
  if (directive.args[0] !== undefined) options.prefix = prefix(directive.args[0])
  for (const [word = '', value] of directive.args.length > 0 ? [] : linesOf(directive)) {
    if (word === 'prefix') {
      if (value === undefined) throw argumentError(directive, word)
      options.prefix = prefix(value)
    } else if (word === 'translate_all') options.translateAll = true
    else if (word === 'allow_ipv4') options.allowIpv4 = true
    else throw wrong(directive, `unknown property '${word}'`)
  }
  return new Dns64Plugin(context, options)
}

/** The addresses that a block listens on, of all its bind directives; interfaces stand for theirs. */
export function bindAddresses(directives: readonly CorefileDirective[], { process }: PluginContext): string[] {
  const listed = (directive: CorefileDirective, words: readonly string[]): string[] => words.flatMap((word) => {
    const link = process.network.links.get(word)
    if (link) return link.addresses.map(({ address }) => address)
    const address = canonicalIp(word)
    if (address === undefined) throw plain(directive, `not a valid IP address or interface name: ${JSON.stringify(word)}`)
    return [address]
  })
  return [...new Set(directives.flatMap((directive) => {
    if (directive.args.length === 0) throw plain(directive, 'at least one address or interface name is expected')
    const all = listed(directive, directive.args)
    for (const [word = '', ...rest] of linesOf(directive)) {
      if (word !== 'except') throw plain(directive, `invalid option ${JSON.stringify(word)}`)
      if (rest.length === 0) throw plain(directive, 'at least one address or interface must be given to except subdirective')
    }
    const except = new Set(directive.block.flatMap(([, ...rest]) => listed(directive, rest)))
    return all.filter((address) => !except.has(address))
  }))].sort((a, b) => Number(isIpv4(b)) - Number(isIpv4(a)))
}

export function makeLoadBalance(directive: CorefileDirective, context: PluginContext): LoadBalancePlugin {
  const [policy, more] = directive.args
  if (policy !== undefined && policy !== 'round_robin') throw plain(directive, `unknown policy: ${policy}`)
  if (more !== undefined) throw wrong(directive, `unknown property for ${policy}`)
  const [row] = linesOf(directive)
  if (row) throw wrong(directive, `unknown property '${row[0]}'`)
  return new LoadBalancePlugin(context)
}

/** `loadbalance weighted FILE { reload DURATION }` */
export function makeWeighted(directive: CorefileDirective, context: PluginContext): WeightedPlugin {
  const [, file, more] = directive.args
  if (file === undefined) throw wrong(directive, 'missing weight file argument')
  if (more !== undefined) throw wrong(directive, 'unexpected argument(s)')
  let reload = 30_000
  for (const [word = '', value, another] of linesOf(directive)) {
    if (word !== 'reload') throw wrong(directive, `unknown property '${word}'`)
    if (value === undefined) throw wrong(directive, 'reload duration value is missing')
    if (another !== undefined) throw wrong(directive, 'unexpected argument')
    const ms = parseGoDuration(value)
    if (ms === undefined) throw wrong(directive, `invalid reload duration '${value}'`)
    reload = ms
  }
  try {
    return new WeightedPlugin(context, context.file(file), reload)
  } catch (error) {
    if (!(error instanceof WeightError)) throw error
    throw plain(directive, error.message)
  }
}

/** `kubernetes`: the plugin of the same block. */
export function makeExternal(directive: CorefileDirective, context: PluginContext, zones: readonly string[], kubernetes: () => KubernetesPlugin | undefined): ExternalPlugin {
  const options: ExternalOptions = { zones: directive.args.length > 0 ? directive.args.map(zoneOf) : zones, ttl: 5, apex: 'dns', headless: false, fallthrough: undefined }
  for (const [word = '', ...rest] of linesOf(directive)) {
    if (word === 'ttl') {
      options.ttl = seconds(directive, rest[0])
      if (options.ttl < 0 || options.ttl > 3600) throw wrong(directive, `ttl must be in range [0, 3600]: ${options.ttl}`)
    } else if (word === 'apex') {
      if (rest[0] === undefined) throw argumentError(directive, word)
      options.apex = rest[0]
    } else if (word === 'headless') options.headless = true
    else if (word === 'fallthrough') options.fallthrough = rest.map(zoneOf)
    else throw wrong(directive, `unknown property '${word}'`)
  }
  return new ExternalPlugin(context, options, kubernetes)
}
