import type { KubernetesClient } from '../../kubernetes/client.ts'
import { canonicalIp } from '../../network/address.ts'
import { absoluteName } from '../names.ts'
import { parseResolvConf } from '../resolv-conf.ts'
import { Chain, OTHER_PLUGINS, PLUGIN_ORDER, type DnsPlugin, type PluginContext } from './chain.ts'
import { CorefileError, type CorefileDirective, type ServerBlock } from './corefile.ts'
import { ForwardPlugin } from './forward.ts'
import { KubernetesPlugin } from './kubernetes.ts'
import { CachePlugin, ErrorsPlugin, HostsPlugin, LoadBalancePlugin, LogPlugin } from './plugins.ts'

/** Corefile directives as plugins: each plugin's setup.go. */
export class NotSimulated extends Error {}

/** What a server block asks for besides answering. */
export interface ServerSetup {
  chain: Chain
  healthPort: number | undefined
  readyPort: number | undefined
  reload: boolean
  loop: boolean
}

export function setUpServer(block: ServerBlock, context: PluginContext, client: KubernetesClient, file: string): ServerSetup {
  const setup: ServerSetup = { chain: new Chain([]), healthPort: undefined, readyPort: undefined, reload: false, loop: false }
  const zone = block.keys[0]?.zone ?? '.'
  const plugins: DnsPlugin[] = []
  const made = new Set<string>()
  try {
    for (const directive of [...block.plugins].sort((a, b) => PLUGIN_ORDER.indexOf(a.name) - PLUGIN_ORDER.indexOf(b.name))) {
      if (!PLUGIN_ORDER.includes(directive.name)) {
        if (OTHER_PLUGINS.has(directive.name)) throw new NotSimulated(`CoreDNS plugin ${directive.name}`)
        throw new CorefileError(`${file}:${directive.line} - Error during parsing: Unknown directive '${directive.name}'`)
      }
      if (made.has(directive.name) && directive.name !== 'forward') throw new CorefileError(`plugin/${directive.name}: this plugin can only be used once per Server Block`)
      made.add(directive.name)
      const plugin = makePlugin(directive, zone, setup, context, client, file)
      if (plugin) plugins.push(plugin)
    }
  } catch (error) {
    for (const plugin of plugins) plugin.stop?.()
    throw error
  }
  setup.chain = new Chain(plugins)
  return setup
}

function wrong(directive: CorefileDirective, file: string, what: string): CorefileError {
  return new CorefileError(`plugin/${directive.name}: ${file}:${directive.line} - Error during parsing: ${what}`)
}

function portOf(text: string | undefined, otherwise: number): number {
  const match = /:([0-9]+)$/.exec(text ?? '')
  return match ? Number(match[1]) : otherwise
}

function seconds(directive: CorefileDirective, file: string, text: string | undefined): number {
  if (text === undefined || !/^\d+$/.test(text)) throw wrong(directive, file, `Wrong argument count or unexpected line ending after '${text ?? directive.name}'`)
  return Number(text)
}

function makePlugin(directive: CorefileDirective, zone: string, setup: ServerSetup, context: PluginContext, client: KubernetesClient, file: string): DnsPlugin | undefined {
  switch (directive.name) {
    case 'errors':
      return new ErrorsPlugin(context)
    case 'log':
      return new LogPlugin(context)
    case 'loadbalance':
      return new LoadBalancePlugin(context)
    case 'health':
      setup.healthPort = portOf(directive.args[0], 8080)
      return undefined
    case 'ready':
      setup.readyPort = portOf(directive.args[0], 8181)
      return undefined
    case 'reload':
      setup.reload = true
      return undefined
    case 'loop':
      setup.loop = true
      return undefined
    case 'prometheus':
      return undefined
    case 'cache':
      return makeCache(directive, context, file)
    case 'hosts':
      return makeHosts(directive, context, file)
    case 'kubernetes':
      return makeKubernetes(directive, zone, context, client, file)
    default:
      return makeForward(directive, context, file)
  }
}

function makeCache(directive: CorefileDirective, context: PluginContext, file: string): CachePlugin {
  const [first] = directive.args
  const limit = first !== undefined && /^\d+$/.test(first) ? Number(first) : undefined
  const options = { successTtl: limit ?? 3600, denialTtl: limit === undefined ? 1800 : Math.min(limit, 1800), disableSuccess: undefined as string[] | undefined, disableDenial: undefined as string[] | undefined }
  for (const [word = '', ...rest] of directive.block) {
    if (word === 'success') options.successTtl = rest[1] === undefined ? options.successTtl : seconds(directive, file, rest[1])
    else if (word === 'denial') options.denialTtl = rest[1] === undefined ? options.denialTtl : seconds(directive, file, rest[1])
    else if (word === 'disable') {
      const zones = rest.slice(1).map((z) => absoluteName(z).toLowerCase())
      if (rest[0] === 'success') options.disableSuccess = zones
      else if (rest[0] === 'denial') options.disableDenial = zones
      else throw wrong(directive, file, `Wrong argument count or unexpected line ending after '${rest[0] ?? word}'`)
    } else if (['prefetch', 'serve_stale', 'servfail', 'keepttl'].includes(word)) throw new NotSimulated(`CoreDNS cache ${word}`)
    else throw wrong(directive, file, `Wrong argument count or unexpected line ending after '${word}'`)
  }
  return new CachePlugin(context, options)
}

function makeHosts(directive: CorefileDirective, context: PluginContext, file: string): HostsPlugin {
  const options = { file: directive.args[0] ?? (directive.block.length === 0 ? '/etc/hosts' : undefined), lines: [] as string[], fallthrough: false, ttl: 3600 }
  for (const words of directive.block) {
    const [word = ''] = words
    if (word === 'fallthrough') options.fallthrough = true
    else if (word === 'ttl') options.ttl = seconds(directive, file, words[1])
    else if (word === 'no_reverse' || word === 'reload') continue
    else if (canonicalIp(word) !== undefined && words.length > 1) options.lines.push(words.join(' '))
    else throw wrong(directive, file, `unknown property '${word}'`)
  }
  return new HostsPlugin(context, options)
}

function makeKubernetes(directive: CorefileDirective, zone: string, context: PluginContext, client: KubernetesClient, file: string): KubernetesPlugin {
  const zones = directive.args.length > 0 ? directive.args.map((z) => absoluteName(z).toLowerCase()) : [zone]
  const options = { zones, ttl: 5, pods: 'disabled' as 'disabled' | 'insecure' | 'verified', fallthrough: undefined as string[] | undefined, endpointPodNames: false, namespaces: [] as string[], ignoreEmptyService: false }
  for (const [word = '', ...rest] of directive.block) {
    if (word === 'pods') {
      const [mode] = rest
      if (mode !== 'disabled' && mode !== 'insecure' && mode !== 'verified') throw wrong(directive, file, `wrong value for pods: ${mode ?? ''},  must be one of: disabled, verified, insecure`)
      options.pods = mode
    } else if (word === 'ttl') {
      options.ttl = seconds(directive, file, rest[0])
      if (options.ttl > 3600) throw wrong(directive, file, `ttl must be in range [0, 3600]: ${options.ttl}`)
    } else if (word === 'fallthrough') options.fallthrough = rest.map((z) => absoluteName(z).toLowerCase())
    else if (word === 'endpoint_pod_names') options.endpointPodNames = true
    else if (word === 'namespaces') options.namespaces = rest
    else if (word === 'ignore' && rest[0] === 'empty_service') options.ignoreEmptyService = true
    else if (word === 'noendpoints' || word === 'labels' || word === 'namespace_labels' || word === 'endpoint' || word === 'kubeconfig' || word === 'transfer' || word === 'tls') throw new NotSimulated(`CoreDNS kubernetes ${word}`)
    else throw wrong(directive, file, `unknown property '${word}'`)
  }
  return new KubernetesPlugin(client, context, options)
}

function makeForward(directive: CorefileDirective, context: PluginContext, file: string): ForwardPlugin {
  const [from, ...targets] = directive.args
  if (from === undefined || targets.length === 0) throw wrong(directive, file, `Wrong argument count or unexpected line ending after '${from ?? 'forward'}'`)
  const { fs } = context.process
  const to = targets.flatMap((target) => {
    if (target.includes('://') && !target.startsWith('dns://')) throw new NotSimulated(`CoreDNS forward to ${target.replace(/:.*/, '')}`)
    const plain = target.replace(/^dns:\/\//, '')
    if (fs.exists(plain)) return parseResolvConf(fs.readText(plain)).nameservers.map((address) => ({ address, port: 53 }))
    const match = /^([0-9.]+)(?::(\d+))?$/.exec(plain)
    const address = canonicalIp(match?.[1] ?? plain)
    if (address === undefined) throw new CorefileError(`plugin/forward: not an IP address or file: "${target}"`)
    return [{ address, port: Number(match?.[2] ?? 53) }]
  })
  const options = { from: absoluteName(from).toLowerCase(), to, except: [] as string[], policy: 'random' as 'random' | 'round_robin' | 'sequential' }
  for (const [word = '', ...rest] of directive.block) {
    if (word === 'except') options.except = rest.map((z) => absoluteName(z).toLowerCase())
    else if (word === 'policy' && (rest[0] === 'random' || rest[0] === 'round_robin' || rest[0] === 'sequential')) options.policy = rest[0]
    else if (['max_concurrent', 'expire', 'max_fails', 'health_check', 'prefer_udp', 'next'].includes(word)) continue
    else if (['force_tcp', 'tls', 'tls_servername'].includes(word)) throw new NotSimulated(`CoreDNS forward ${word}`)
    else throw wrong(directive, file, `unknown property '${word}'`)
  }
  return new ForwardPlugin(context, options)
}
