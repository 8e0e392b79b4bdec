import type { KubernetesClient } from '../../kubernetes/client.ts'
import type { Ip } from '../../network/types.ts'
import { Chain, OTHER_PLUGINS, PLUGIN_ORDER, type DnsPlugin, type DnsRequest, type PluginContext } from './chain.ts'
import { isBelow } from '../names.ts'
import { CorefileError, type CorefileDirective, type ServerBlock, type Transport } from './corefile.ts'
import { AnyPlugin, ChaosPlugin, MinimalPlugin } from './answering.ts'
import { ExternalPlugin } from './external.ts'
import { KubernetesPlugin } from './kubernetes.ts'
import { PrometheusPlugin } from './metrics.ts'
import { LocalPlugin } from './local.ts'
import { WhoamiPlugin } from './plugins.ts'
import { ViewPlugin } from './view.ts'
import { bindAddresses, makeCache, makeDns64, makeExternal, makeHeader, makeHosts, makeLoadBalance, makeWeighted } from './setups-answers.ts'
import { makeForward } from './setups-forward.ts'
import { checkCancel, makeErratic, makeNsid, makeRoot, makeTimeouts, makeTls, makeView, type ServerTimeouts, type ServerTls } from './setups-server.ts'
import { argumentError, duration, lines, makeAcl, makeAutopath, makeBufsize, makeErrors, makeFile, makeKubernetes, makeLog, makeRewrite, makeTemplate, makeTransfer, NotSimulated, zoneOf } from './setups.ts'

/** Where something listens; without an address on all of them. */
export interface Listening { address?: Ip; port: number }

/** What a server block asks for besides answering. */
export interface ServerSetup {
  chain: Chain
  /** The addresses that it listens on; empty: all. */
  bind: readonly Ip[]
  health: Listening | undefined
  /** ms during which it goes on answering after it was told to end. */
  lameduck: number
  ready: Listening | undefined
  metrics: Listening | undefined
  /** ms: how often the Corefile is looked at, and how much chance has to do with it; undefined: never. */
  reload: { interval: number; jitter: number } | undefined
  loop: boolean
  /** Zones of which the log may say what the kubernetes plugin knows. */
  metadata: readonly string[] | undefined
  tls: ServerTls | undefined
  timeouts: Partial<ServerTimeouts>
  root: string
  view: string
}

/** A program that is CoreDNS with other plugins in it (node-cache). */
export interface Build { program: string; version: string; platform: string; plugins?: ReadonlySet<string> }

/** Directives of which one block may have several: each is a rule, or the next to be asked. */
const REPEATED = new Set(['acl', 'bind', 'file', 'forward', 'log', 'rewrite', 'template', 'transfer'])

export function setUpServer(block: ServerBlock, context: PluginContext, client: KubernetesClient, build: Build): ServerSetup {
  const setup: ServerSetup = { chain: new Chain([]), bind: [], health: undefined, lameduck: 0, ready: undefined, metrics: undefined, reload: undefined, loop: false, metadata: undefined, tls: undefined, timeouts: {}, root: '', view: '' }
  const foreign = block.keys.find(({ transport }) => transport === 'grpc' || transport === 'quic')
  if (foreign) throw new NotSimulated(`CoreDNS server ${foreign.text} (dns://, tls:// and https:// are)`)
  const names = block.plugins.map((p) => p.name)
  for (const directive of block.plugins) {
    const known = !build.plugins || build.plugins.has(directive.name)
    if (known && PLUGIN_ORDER.includes(directive.name)) continue
    if (known && OTHER_PLUGINS.has(directive.name)) throw new NotSimulated(`CoreDNS plugin ${directive.name}`)
    throw new CorefileError(`${directive.file}:${directive.line} - Error during parsing: Unknown directive '${directive.name}'`)
  }
  const plugins: DnsPlugin[] = []
  setup.view = block.plugins.find((p) => p.name === 'view')?.args[0] ?? ''
  const here: PluginContext = { ...context, file: (path) => context.file(path.startsWith('/') || setup.root === '' ? path : `${setup.root}/${path}`) }
  try {
    for (const name of PLUGIN_ORDER) {
      const directives = block.plugins.filter((p) => p.name === name)
      if (directives.length === 0) continue
      if (directives.length > 1 && !REPEATED.has(name)) throw new CorefileError(`plugin/${name}: this plugin can only be used once per Server Block`)
      plugins.push(...make(name, directives, block, names, setup, here, client, build))
    }
  } catch (error) {
    for (const plugin of plugins) plugin.stop?.()
    throw error
  }
  const view = plugins.find((p) => p instanceof ViewPlugin)
  setup.chain = new Chain(plugins, view && ((request) => view.takes(request, block.keys[0]?.port ?? 53, (label) => metadataIn(setup, request, label) ?? '')))
  try {
    for (const plugin of plugins) if (plugin instanceof ExternalPlugin) plugin.check()
  } catch (error) {
    for (const plugin of plugins) plugin.stop?.()
    throw error
  }
  return setup
}

/** What is known of a query, where the metadata plugin collects it. */
function metadataIn({ metadata, chain, view }: ServerSetup, request: DnsRequest, label: string): string | undefined {
  if (!metadata?.some((zone) => isBelow(zone, request.name))) return undefined
  if (label === 'view/name') return view
  return chain.plugins.find((p) => p instanceof KubernetesPlugin)?.metadata(request, label)
}

/** "dns://:53": the metrics' name of a server. */
export function serverName(port: number, address = '', transport: Transport = 'dns'): string {
  return `${transport}://${address.includes(':') ? `[${address}]` : address}:${port}`
}

/** ":8080", "169.254.20.10:8080", "localhost:9153". */
function listeningOf(directive: CorefileDirective, otherwise: string): Listening {
  const text = directive.args[0] ?? otherwise
  const match = /^(?:\[(.*)\]|([^:]*)):(\d+)$/.exec(text)
  if (!match) throw new CorefileError(`plugin/${directive.name}: address ${text}: ${text.includes(':') ? 'too many colons in address' : 'missing port in address'}`)
  const host = match[1] ?? match[2]!
  return { port: Number(match[3]), ...(host === '' ? {} : { address: host === 'localhost' ? '127.0.0.1' : host }) }
}

function make(name: string, directives: readonly CorefileDirective[], block: ServerBlock, names: readonly string[], setup: ServerSetup, context: PluginContext, client: KubernetesClient, build: Build): DnsPlugin[] {
  const directive = directives[0]!
  const zones = block.keys.map((k) => k.zone)
  const server = serverName(block.keys[0]?.port ?? 53, setup.bind[0], block.keys[0]?.transport)
  switch (name) {
    case 'root':
      setup.root = makeRoot(directive, context)
      return []
    case 'cancel':
      checkCancel(directive)
      return []
    case 'tls':
      setup.tls = makeTls(directive, context)
      return []
    case 'timeouts':
      setup.timeouts = makeTimeouts(directive)
      return []
    case 'nsid':
      return [makeNsid(directive, context)]
    case 'erratic':
      return [makeErratic(directive, context)]
    case 'view':
      return [makeView(directive)]
    case 'errors':
      return [makeErrors(directive, context)]
    case 'log':
      return [makeLog(directives, context, (request, label) => metadataIn(setup, request, label))]
    case 'loadbalance':
      return [directive.args[0] === 'weighted' ? makeWeighted(directive, context) : makeLoadBalance(directive, context)]
    case 'local':
      return [new LocalPlugin()]
    case 'metadata':
      if (directive.block.length > 0) throw argumentError(directive, directive.args.at(-1))
      setup.metadata = directive.args.length > 0 ? directive.args.map(zoneOf) : zones
      return []
    case 'bind':
      setup.bind = bindAddresses(directives, context)
      return []
    case 'health':
      setup.health = listeningOf(directive, ':8080')
      for (const [word = '', ...rest] of lines(directive)) {
        if (word !== 'lameduck' || rest.length !== 1) throw argumentError(directive, word)
        setup.lameduck = lameduckOf(directive, rest[0]!)
      }
      return []
    case 'ready':
      setup.ready = listeningOf(directive, ':8181')
      return []
    case 'reload':
      setup.reload = reloadTimes(directive)
      return []
    case 'loop':
      setup.loop = true
      return []
    case 'debug':
      return []
    case 'prometheus':
      setup.metrics = listeningOf(directive, 'localhost:9153')
      return [new PrometheusPlugin(context, server, zones[0] ?? '.', names, setup.view)]
    case 'bufsize':
      return [makeBufsize(directive)]
    case 'cache':
      return [makeCache(directive, context, zones, server)]
    case 'header':
      return [makeHeader(directive, context)]
    case 'dns64':
      return [makeDns64(directive, context, server)]
    case 'rewrite':
      return [makeRewrite(directives, context, block.keys[0]?.port ?? 53, (request, label) => metadataIn(setup, request, label))]
    case 'template':
      return [makeTemplate(directives, context, zones)]
    case 'acl':
      return [makeAcl(directives, zones)]
    case 'any':
      return [new AnyPlugin()]
    case 'minimal':
      return [new MinimalPlugin()]
    case 'chaos':
      return [new ChaosPlugin(directive.args[0] ?? `CoreDNS-${build.version}`, directive.args.slice(1), context.process.machine.hostname)]
    case 'autopath':
      return [makeAutopath(directive, zones, context, () => setup.chain.plugins.find((p) => p instanceof KubernetesPlugin))]
    case 'hosts':
      return [makeHosts(directive, context, zones)]
    case 'transfer':
      return [makeTransfer(directives, context, zones, () => setup.chain.plugins)]
    case 'k8s_external':
      return [makeExternal(directive, context, zones, () => setup.chain.plugins.find((p) => p instanceof KubernetesPlugin))]
    case 'kubernetes':
      return [makeKubernetes(directive, zones, context, client)]
    case 'file':
      return [makeFile(directives, zones, context)]
    case 'whoami':
      return [new WhoamiPlugin()]
    default:
      return directives.map((each, i) => Object.assign(makeForward(each, context), { followed: i < directives.length - 1 }))
  }
}

function lameduckOf(directive: CorefileDirective, text: string): number {
  try {
    return duration(directive, text)
  } catch (error) {
    throw new CorefileError(`plugin/health: unable to parse lameduck duration value: '${text}' : ${(error as Error).message.replace(/^plugin\/health: /, '')}`)
  }
}

function reloadTimes(directive: CorefileDirective): { interval: number; jitter: number } {
  const [interval, jitter, ...more] = directive.args
  if (more.length > 0) throw argumentError(directive, more[0])
  const often = interval === undefined ? 30_000 : duration(directive, interval)
  if (often < 2_000) throw new CorefileError('plugin/reload: interval value must be greater or equal to 2s')
  const chance = jitter === undefined ? 15_000 : duration(directive, jitter)
  if (chance < 1_000) throw new CorefileError('plugin/reload: jitter value must be greater or equal to 1s')
  return { interval: often, jitter: Math.min(chance, often / 2) }
}
