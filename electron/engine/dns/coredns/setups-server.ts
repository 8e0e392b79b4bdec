import { systemRoots } from '../../cloud/authority.ts'
import { goDuration } from '../../kubernetes/kubelet/go-duration.ts'
import { parseGoDuration } from '../../programs/http/go.ts'
import { goRefusal, namesOf } from '../../programs/tls/client-auth.ts'
import { DerError } from '../../programs/tls/der.ts'
import { loadPair } from '../../programs/tls/pair.ts'
import type { ClientAuth } from '../../programs/tls/socket.ts'
import { ALERTS } from '../../programs/tls/wire.ts'
import { readCertificates, type Certificate } from '../../programs/tls/x509.ts'
import type { PluginContext } from './chain.ts'
import { CorefileError, type CorefileDirective } from './corefile.ts'
import { ErraticPlugin, type ErraticOptions } from './erratic.ts'
import { compileExpression, ExpressionError, ExpressionUnknown } from './expression.ts'
import { NsidPlugin } from './nsid.ts'
import { argumentError, duration, lines, NotSimulated, plain, wrong } from './setups.ts'
import { ViewPlugin } from './view.ts'

/** Setups of what is for a server as a whole (tls, timeouts, root, cancel, view, nsid), and of erratic. */

/** What a server of TLS shows, and what it wants of its clients. */
export interface ServerTls { chain: readonly Certificate[]; clients?: ClientAuth }

/** These two say their own name twice. */
function twice(error: CorefileError): CorefileError {
  return new CorefileError(error.message.replace(/^(plugin\/[a-z]+: )/, '$1$1'))
}

/** `tls CERT KEY [CA] { client_auth … }` */
export function makeTls(directive: CorefileDirective, context: PluginContext): ServerTls {
  const { args } = directive
  const { process } = context
  if (args.length < 2 || args.length > 3) throw twice(argumentError(directive, args.at(-1)))
  let mode = 'nocert'
  for (const [word = '', ...rest] of lines(directive)) {
    if (word !== 'client_auth') throw wrong(directive, `unknown option '${word}'`)
    if (rest.length !== 1) throw argumentError(directive, rest.at(-1) ?? word)
    mode = rest[0]!
    if (!['nocert', 'request', 'require', 'verify_if_given', 'require_and_verify'].includes(mode)) throw wrong(directive, `unknown authentication type '${mode}'`)
  }
  const [cert, key, ca] = args.map((file) => context.file(file)) as [string, string, string?]
  const pair = loadPair(process, cert, key)
  if ('error' in pair) throw plain(directive, `could not load TLS cert: ${pair.error}`)
  const trusted = ca === undefined ? systemRoots() : readRoots(directive, ca, context)
  if (mode === 'nocert') return { chain: pair.chain }
  const verify = (chain: readonly Certificate[]): number | undefined => {
    if (mode === 'request') return undefined
    if (chain.length === 0) return mode === 'verify_if_given' ? undefined : ALERTS.certificateRequired
    return mode === 'require' ? undefined : goRefusal(chain, trusted, process.clock.wall())
  }
  return { chain: pair.chain, clients: { authorities: ca === undefined ? [] : namesOf(trusted), verify } }
}

/** plugin/pkg/tls' loadRoots. */
export function readRoots(directive: CorefileDirective, file: string, { process }: PluginContext): readonly Certificate[] {
  const path = process.resolve(file)
  if (!process.fs.exists(path)) throw plain(directive, `error reading ${file}: open ${file}: no such file or directory`)
  try {
    const roots = readCertificates(process.fs.readText(path))
    if (roots.length > 0) return roots
  } catch (error) {
    if (!(error instanceof DerError)) throw error
  }
  throw plain(directive, 'could not read root certs: %!s(<nil>)')
}

/** ms. */
export interface ServerTimeouts { read: number; idle: number }

export function makeTimeouts(directive: CorefileDirective): Partial<ServerTimeouts> {
  if (directive.args.length > 0) throw twice(argumentError(directive, directive.args.at(-1)))
  const out: Partial<ServerTimeouts> = {}
  for (const [word = '', ...rest] of lines(directive)) {
    if (rest.length !== 1) throw argumentError(directive, rest.at(-1) ?? word)
    const text = /^\d+$/.test(rest[0]!) ? `${rest[0]!}s` : rest[0]!
    const ms = parseGoDuration(text)
    if (ms === undefined) throw wrong(directive, `failed to parse duration '${text}'`)
    if (ms < 1000 || ms > 86_400_000) throw wrong(directive, `timeout provided '${goDuration(ms)}' needs to be between 1 second and 24 hours`)
    if (word !== 'read' && word !== 'write' && word !== 'idle') throw wrong(directive, `unknown option: '${word}'`)
    // nobody here is so slow that writing to him takes long
    if (word !== 'write') out[word] = ms
  }
  if (directive.block.length === 0) throw twice(wrong(directive, 'timeouts block with no timeouts specified'))
  return out
}

/** Where files without a slash in front are looked for. */
export function makeRoot(directive: CorefileDirective, { process, log }: PluginContext): string {
  const [path] = directive.args
  if (path === undefined) throw argumentError(directive, path)
  if (!process.fs.exists(process.resolve(path))) log(`[WARNING] plugin/root: Root path does not exist: ${path}`)
  return path
}

/** `cancel [TIMEOUT]`: of the plugins here none looks at it while it works. */
export function checkCancel(directive: CorefileDirective): void {
  const [text] = directive.args
  if (directive.args.length > 1) throw argumentError(directive, directive.args.at(-1))
  if (text === undefined) return
  const ms = parseGoDuration(text.replace(/^[+-]/, ''))
  if (ms === undefined) throw plain(directive, `invalid duration: ${JSON.stringify(text)}`)
  if (ms === 0 || text.startsWith('-')) throw plain(directive, `invalid negative duration: ${JSON.stringify(text)}`)
}

export function makeNsid({ args }: CorefileDirective, { process }: PluginContext): NsidPlugin {
  return new NsidPlugin(args.length > 0 ? args.join(' ') : process.machine.hostname)
}

export function makeView(directive: CorefileDirective): ViewPlugin {
  const [name] = directive.args
  if (name === undefined || directive.args.length > 1) throw argumentError(directive, directive.args.at(-1))
  const conditions = [...lines(directive)].map(([word = '', ...rest]) => {
    if (word !== 'expr') throw wrong(directive, `unknown property '${word}'`)
    try {
      return compileExpression(rest.join(' '))
    } catch (error) {
      if (error instanceof ExpressionUnknown) throw new NotSimulated(`CoreDNS view with ${error.message} (use functions, operators and lists)`)
      if (error instanceof ExpressionError) throw plain(directive, error.message)
      throw error
    }
  })
  return new ViewPlugin(name, conditions)
}

export function makeErratic(directive: CorefileDirective, context: PluginContext): ErraticPlugin {
  const options: ErraticOptions = { drop: 2, delay: 0, truncate: 0, duration: 100, large: false }
  let drop = false
  for (const [word = '', ...rest] of lines(directive)) {
    if (word === 'large') {
      options.large = true
      continue
    }
    if (word !== 'drop' && word !== 'delay' && word !== 'truncate') throw wrong(directive, `unknown property '${word}'`)
    if (rest.length > (word === 'delay' ? 2 : 1)) throw argumentError(directive, rest.at(-1))
    if (word === 'delay') Object.assign(options, { delay: 2, duration: 100 })
    if (rest[0] === undefined) continue
    if (!/^[+-]?\d+$/.test(rest[0])) throw plain(directive, `strconv.ParseInt: parsing ${JSON.stringify(rest[0])}: invalid syntax`)
    if (Number(rest[0]) < 0) throw plain(directive, `illegal amount value given ${JSON.stringify(rest[0])}`)
    options[word] = Number(rest[0])
    if (word === 'drop') drop = true
    if (rest[1] !== undefined) options.duration = duration(directive, rest[1])
  }
  if ((options.delay > 0 || options.truncate > 0) && !drop) options.drop = 0
  return new ErraticPlugin(context, options)
}
