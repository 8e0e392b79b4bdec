import type { KubernetesClient } from '../../kubernetes/client.ts'
import { tryParseCidr } from '../../network/address.ts'
import { parseSelector, SelectorError } from '../../kubernetes/selectors.ts'
import { DNS_RCODES, DNS_TYPES } from '../../network/wire/dns.ts'
import { parseGoDuration } from '../../programs/http/go.ts'
import { goDuration } from '../../kubernetes/kubelet/go-duration.ts'
import { absoluteName } from '../names.ts'
import { parseResolvConf } from '../resolv-conf.ts'
import { AclPlugin, AutopathPlugin, type AclRule } from './answering.ts'
import type { DnsPlugin, PluginContext } from './chain.ts'
import { CorefileError, reverseZone, type CorefileDirective } from './corefile.ts'
import { FilePlugin, type FileOptions } from './file.ts'
import { goRegExp } from './go-regexp.ts'
import { KubernetesPlugin } from './kubernetes.ts'
import { LOG_FORMATS, LogPlugin, type LogRule, type Metadata } from './log.ts'
import { BufsizePlugin, ErrorsPlugin, type Consolidation } from './plugins.ts'
import { parseRewrite, RewriteError, RewritePlugin } from './rewrite.ts'
import { TransferPlugin } from './transfer.ts'
import { ZoneError, ZoneUnknown } from './zone-file.ts'
import { parseTemplate, TemplatePlugin, type DnsTemplate, type TemplateText } from './template.ts'

/** Each plugin's setup.go: what its directive says, and what it says of a mistake. */
export class NotSimulated extends Error {}

/** The lines of its block; what is wrong while one is looked at is wrong there. */
export function* lines(directive: CorefileDirective): Generator<string[]> {
  for (const [i, words] of directive.block.entries()) {
    directive.line = directive.rows[i] ?? directive.line
    yield words
  }
}

export function wrong(directive: CorefileDirective, what: string): CorefileError {
  return plain(directive, `${directive.file}:${directive.line} - Error during parsing: ${what}`)
}

export function plain({ name }: CorefileDirective, what: string): CorefileError {
  return new CorefileError(`plugin/${name}: ${what}`)
}

export function argumentError(directive: CorefileDirective, word: string | undefined): CorefileError {
  return wrong(directive, `Wrong argument count or unexpected line ending after '${word ?? directive.name}'`)
}

export function seconds(directive: CorefileDirective, text: string | undefined): number {
  if (text === undefined) throw argumentError(directive, text)
  if (!/^-?\d+$/.test(text)) throw plain(directive, `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`)
  return Number(text)
}

/** ms. */
export function duration(directive: CorefileDirective, text: string | undefined): number {
  if (text === undefined) throw argumentError(directive, text)
  const ms = parseGoDuration(text.replace(/^[+-]/, ''))
  if (ms === undefined) throw plain(directive, /^[0-9.]+$/.test(text) ? `time: missing unit in duration ${JSON.stringify(text)}` : `time: invalid duration ${JSON.stringify(text)}`)
  return text.startsWith('-') ? -ms : ms
}

export const zoneOf = (text: string): string => reverseZone(text) ?? absoluteName(text).toLowerCase()

export function makeErrors(directive: CorefileDirective, context: PluginContext): ErrorsPlugin {
  const [file, ...more] = directive.args
  if (file !== undefined && file !== 'stdout') throw wrong(directive, `invalid log file: ${file}`)
  if (more.length > 0) throw argumentError(directive, more.at(-1))
  const patterns: Consolidation[] = []
  for (const [word = '', ...rest] of lines(directive)) {
    if (word === 'stacktrace') continue
    if (word !== 'consolidate') throw wrong(directive, `Unknown field ${word}`)
    const [period, pattern, level = 'error'] = rest
    if (period === undefined || pattern === undefined || rest.length > 3) throw argumentError(directive, rest.at(-1) ?? word)
    if (!['warning', 'error', 'info', 'debug'].includes(level)) throw wrong(directive, `unknown log level argument in consolidate: ${level}`)
    const ms = duration(directive, period)
    patterns.push({ period: ms, periodText: goDuration(ms), pattern: regex(directive, pattern), level: level.toUpperCase() as Consolidation['level'] })
  }
  return new ErrorsPlugin(context, patterns)
}

function regex(directive: CorefileDirective, text: string): RegExp {
  try {
    return goRegExp(text)
  } catch {
    throw wrong(directive, `could not parse regex: ${text}, error parsing regexp`)
  }
}

export function makeLog(directives: readonly CorefileDirective[], context: PluginContext, metadata: Metadata): LogPlugin {
  const rules: LogRule[] = []
  for (const directive of directives) {
    const args = [...directive.args]
    const last = args.at(-1) ?? ''
    const format = args.length > 1 && last.includes('{') ? args.pop()!.replaceAll('{common}', LOG_FORMATS.common).replaceAll('{combined}', LOG_FORMATS.combined) : LOG_FORMATS.common
    const classes = new Set<string>()
    for (const [word = '', ...rest] of lines(directive)) {
      if (word !== 'class' || rest.length === 0) throw argumentError(directive, word)
      for (const name of rest) {
        if (!['all', 'denial', 'error', 'success'].includes(name)) throw plain(directive, `invalid Class: ${name}`)
        classes.add(name)
      }
    }
    for (const zone of args.length === 0 ? ['.'] : args) rules.push({ zone: absoluteName(zone).toLowerCase(), format, classes: (classes.size > 0 ? classes : new Set(['all'])) as LogRule['classes'] })
  }
  return new LogPlugin(context, rules, metadata)
}

export function makeBufsize(directive: CorefileDirective): BufsizePlugin {
  const size = Number(directive.args[0] ?? 1232)
  // it says its own name twice
  if (directive.args.length > 1 || !Number.isInteger(size) || size < 512 || size > 4096) throw plain(directive, argumentError(directive, directive.args.at(-1)).message)
  return new BufsizePlugin(size)
}

export function makeAcl(directives: readonly CorefileDirective[], zones: readonly string[]): AclPlugin {
  return new AclPlugin(directives.map((directive): AclRule => ({
    zones: directive.args.length > 0 ? directive.args.map(zoneOf) : [...zones],
    policies: directive.block.map(([action = '', ...rest]): AclRule['policies'][number] => {
      if (action !== 'allow' && action !== 'block' && action !== 'filter' && action !== 'drop') throw plain(directive, `unexpected token ${JSON.stringify(action)}; expect 'allow', 'block', 'filter' or 'drop'`)
      const types: string[] = []
      const nets: string[] = []
      let section = ''
      for (const word of rest) {
        const lower = word.toLowerCase()
        if (lower === 'type' || lower === 'net') section = lower
        else if (section === '') throw plain(directive, `unexpected token ${JSON.stringify(word)}; expect 'type | net'`)
        else if (section === 'type') {
          if (word === '*') continue
          if (!Object.hasOwn(DNS_TYPES, word.toUpperCase())) throw plain(directive, `unexpected token ${JSON.stringify(word)}; expect legal QTYPE`)
          types.push(word.toUpperCase())
        } else if (word !== '*') {
          const net = word.includes('/') ? word : `${word}/${word.includes(':') ? 128 : 32}`
          if (!tryParseCidr(net)) throw plain(directive, `illegal CIDR notation ${JSON.stringify(word)}`)
          nets.push(net)
        }
      }
      return { action, types, nets }
    }),
  })))
}

/** `kubernetes`: of the same block, for "@kubernetes". */
export function makeAutopath(directive: CorefileDirective, zones: readonly string[], context: PluginContext, kubernetes: () => KubernetesPlugin | undefined): AutopathPlugin {
  const args = [...directive.args]
  const from = args.pop()
  if (from === undefined) throw plain(directive, 'no resolv-conf specified')
  const { fs } = context.process
  const of = args.length > 0 ? args.map(zoneOf) : zones
  const listOf = (file: string): string[] => (fs.exists(file) ? parseResolvConf(fs.readText(file)).search.map((s) => absoluteName(s)) : [])
  if (from.startsWith('@')) {
    if (from !== '@kubernetes') throw new NotSimulated(`CoreDNS autopath ${from} (use @kubernetes or a file)`)
    return new AutopathPlugin(of, (request) => kubernetes()?.searchOf(request, listOf('/etc/resolv.conf')) ?? [])
  }
  if (!fs.exists(from)) throw plain(directive, `failed to parse ${JSON.stringify(from)}: open ${from}: no such file or directory`)
  const list = [...listOf(from), '']
  return new AutopathPlugin(of, () => list)
}

export function makeRewrite(directives: readonly CorefileDirective[], context: PluginContext, serverPort: number, metadata: Metadata): RewritePlugin {
  const surroundings = { serverPort, metadata, supports: context.supports }
  return new RewritePlugin(context, directives.map((directive) => {
    try {
      return parseRewrite(directive.args.length < 2 ? [...directive.args, ...directive.block.flat()] : directive.args, surroundings)
    } catch (error) {
      if (error instanceof RewriteError) throw plain(directive, error.message)
      throw error
    }
  }))
}

export function makeTemplate(directives: readonly CorefileDirective[], context: PluginContext, zones: readonly string[]): TemplatePlugin {
  return new TemplatePlugin(context, directives.map((directive): DnsTemplate => {
    const [kind, type, ...where] = directive.args
    if (kind === undefined || type === undefined) throw argumentError(directive, kind)
    if (!['IN', 'CH', 'HS', 'NONE', 'ANY'].includes(kind)) throw wrong(directive, `invalid query class ${kind}`)
    if (!Object.hasOwn(DNS_TYPES, type)) throw wrong(directive, `invalid RR class ${type}`)
    const template: DnsTemplate = { class: kind, type, zones: where.length > 0 ? where.map(zoneOf) : [...zones], match: [], answer: [], additional: [], authority: [], rcode: 'NOERROR', fallthrough: undefined }
    const texts = (rest: readonly string[]): TemplateText[] => rest.map((text) => {
      const parsed = parseTemplate(text)
      if (!parsed) throw new NotSimulated(`CoreDNS template ${JSON.stringify(text)}`)
      return parsed
    })
    for (const [word = '', ...rest] of lines(directive)) {
      if (word === 'fallthrough') template.fallthrough = rest.map(zoneOf)
      else if (word === 'upstream') continue
      else if (word === 'ederror') throw new NotSimulated('CoreDNS template ederror')
      else if (rest.length === 0) throw argumentError(directive, word)
      else if (word === 'match') template.match.push(...rest.map((text) => regex(directive, text)))
      else if (word === 'answer' || word === 'additional' || word === 'authority') template[word].push(...texts(rest))
      else if (word === 'rcode') {
        if (!(DNS_RCODES as readonly string[]).includes(rest[0]!)) throw wrong(directive, `unknown rcode ${rest[0]}`)
        template.rcode = rest[0]!
      } else throw argumentError(directive, word)
    }
    if (template.match.length === 0) template.match.push(/.*/)
    return template
  }))
}

export function makeTransfer(directives: readonly CorefileDirective[], context: PluginContext, zones: readonly string[], others: () => readonly DnsPlugin[]): TransferPlugin {
  const all = directives.flatMap((directive) => {
    let to = 0
    for (const [word = '', ...rest] of lines(directive)) {
      if (word !== 'to') throw wrong(directive, `unknown property ${JSON.stringify(word)}`)
      if (rest.length === 0) throw argumentError(directive, word)
      // those who are named are told of changes, too
      if (rest.some((host) => host !== '*')) throw new NotSimulated('CoreDNS transfer to an address (to * is, with acl for those who may ask)')
      to += rest.length
    }
    if (to === 0) throw wrong(directive, "'to' is required")
    return directive.args.length > 0 ? directive.args.map(zoneOf) : [...zones]
  })
  return new TransferPlugin(context, all, others)
}

export function makeFile(directives: readonly CorefileDirective[], zones: readonly string[], context: PluginContext): FilePlugin {
  const all = directives.map((directive): FileOptions => {
    const [file, ...own] = directive.args
    if (file === undefined) throw argumentError(directive, undefined)
    const options: FileOptions = { file: context.file(file), zones: own.length > 0 ? own.map(zoneOf) : zones, reload: 60_000, fallthrough: undefined }
    for (const [word = '', ...rest] of lines(directive)) {
      if (word === 'fallthrough') options.fallthrough = rest.map(zoneOf)
      else if (word === 'upstream') continue
      else if (word !== 'reload') throw wrong(directive, `unknown property '${word}'`)
      else if (rest[0] === undefined) throw new CorefileError('reload duration value is expected')
      else options.reload = duration(directive, rest[0])
    }
    return options
  })
  try {
    return new FilePlugin(context, all)
  } catch (error) {
    if (error instanceof ZoneUnknown) throw new NotSimulated(`CoreDNS: ${error.message}`)
    if (error instanceof ZoneError) throw plain(directives[0]!, error.message)
    throw error
  }
}

export function makeKubernetes(directive: CorefileDirective, blockZones: readonly string[], context: PluginContext, client: KubernetesClient): KubernetesPlugin {
  const zones = directive.args.length > 0 ? directive.args.map(zoneOf) : [...blockZones]
  if (zones.every((z) => z.endsWith('.arpa.'))) throw plain(directive, 'non-reverse zone name must be used')
  const options = { zones, ttl: 5, pods: 'disabled' as 'disabled' | 'insecure' | 'verified', fallthrough: undefined as string[] | undefined, endpointPodNames: false, namespaces: [] as string[], ignoreEmptyService: false, endpoints: true, labels: undefined as string | undefined, namespaceLabels: undefined as string | undefined }
  for (const [word = '', ...rest] of lines(directive)) {
    if (word === 'pods') {
      const [mode] = rest
      if (mode !== 'disabled' && mode !== 'insecure' && mode !== 'verified') throw rest.length === 1 ? plain(directive, `wrong value for pods: ${mode},  must be one of: disabled, verified, insecure`) : argumentError(directive, word)
      options.pods = mode
    } else if (word === 'ttl') {
      options.ttl = seconds(directive, rest[0])
      if (options.ttl > 3600) throw wrong(directive, `ttl must be in range [0, 3600]: ${options.ttl}`)
    } else if (word === 'fallthrough') options.fallthrough = rest.map((z) => absoluteName(z).toLowerCase())
    else if (word === 'endpoint_pod_names') options.endpointPodNames = true
    else if (word === 'namespaces') {
      if (rest.length === 0) throw argumentError(directive, word)
      options.namespaces = rest
    } else if (word === 'noendpoints') options.endpoints = false
    else if (word === 'labels' || word === 'namespace_labels') {
      const text = rest.join(' ')
      try {
        parseSelector(text)
      } catch (error) {
        if (!(error instanceof SelectorError)) throw error
        throw plain(directive, `unable to parse ${word === 'labels' ? 'label' : 'namespace_label'} selector value: '${text}': ${error.message}`)
      }
      options[word === 'labels' ? 'labels' : 'namespaceLabels'] = text
    }
    else if (word === 'ignore' && rest[0] === 'empty_service') options.ignoreEmptyService = true
    else if (word === 'endpoint' || word === 'kubeconfig' || word === 'transfer' || word === 'tls') throw new NotSimulated(`CoreDNS kubernetes ${word}`)
    else throw wrong(directive, `unknown property '${word}'`)
  }
  if (options.namespaces.length > 0 && options.namespaceLabels !== undefined) throw wrong(directive, 'namespaces and namespace_labels cannot both be set')
  return new KubernetesPlugin(client, context, options)
}
