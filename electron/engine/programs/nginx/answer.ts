import type { Process } from '../../machine/types.ts'
import { encodeUtf8 } from '../../text.ts'
import { headerOf, type Headers } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'
import { framing } from '../http/framing.ts'
import { httpDate } from '../http/status.ts'
import { accessRule } from './access.ts'
import { unauthorized } from './auth-basic.ts'
import { listing } from './autoindex.ts'
import { partOf, validators } from './files.ts'
import { enter } from './limit-conn.ts'
import { passLimits } from './limit-req.ts'
import { findLocation, findServer } from './matching.ts'
import { certificatePage, reason, specialPage } from './pages.ts'
import { normalize } from './paths.ts'
import { passOn } from './proxy.ts'
import { unfitClient } from './client-verify.ts'
import { clientOf } from './real-ip.ts'
import { addHeaders, REDIRECTS } from './response-headers.ts'
import { run } from './rewrite.ts'
import type { Configuration, Location, Settings, VirtualServer } from './settings.ts'
import { IDLE, statusPage, type Load } from './status.ts'
import { compressed } from './sending.ts'
import { substituted } from './sub-filter.ts'
import { Variables } from './variables.ts'

/** How nginx answers one request, phase after phase: rewriting, access, try_files, and then the upstream's or a file's content. */
export interface Answer {
  response: HttpResponse
  /** Body bytes sent, for the access log. */
  sent: number
  settings: Settings
  variables: Variables
}

/** Internal redirects and rewrites in all (NGX_HTTP_MAX_URI_CHANGES). */
const MOST_CHANGES = 10

type Log = (message: string, request: HttpRequest, server: string, upstream?: string) => void
interface Turn { variables: Variables; server: VirtualServer; settings: Settings; changes: number; /** A question of auth_request's own. */ inner?: true; /** error_page's status. */ as?: number; inError: boolean; /** limit_req has counted it. */ limited?: boolean; /** limit_conn's count of it. */ leave?: () => void; mirrored?: boolean; done: (answer: Answer) => void }

export class Answerer {
  readonly #process: Process
  readonly #configuration: Configuration
  readonly #version: string
  readonly #error: Log
  readonly #load: Load

  constructor(process: Process, configuration: Configuration, version: string, error: Log, load: Load = IDLE) {
    this.#load = load
    this.#process = process
    this.#configuration = configuration
    this.#version = version
    this.#error = error
  }

  /** Whether its head says already that its body is longer than it may be. */
  tooLong({ target, headers, localAddress, localPort }: HttpRequest): boolean {
    const server = findServer(this.#configuration.servers, localAddress, localPort, headerOf(headers, 'host') ?? '')
    const { maxBody } = (findLocation(server, normalize(target.split('?')[0]!) ?? '/') ?? server).settings
    return maxBody > 0 && Number(headerOf(headers, 'content-length') ?? 0) > maxBody
  }

  answer(sent: HttpRequest, done: (answer: Answer) => void): void {
    const underscores = this.#configuration.underscores
    const request = !underscores && sent.headers.some(([n]) => /[_.]/.test(n)) ? { ...sent, headers: sent.headers.filter(([n]) => !/[_.]/.test(n)) } : sent
    const absolute = /^https?:\/\/([^/]*)(\/.*)?$/.exec(request.target)
    const host = absolute?.[1] ?? headerOf(request.headers, 'host')
    const uri = absolute ? (absolute[2] ?? '/') : request.target
    const server = findServer(this.#configuration.servers, request.localAddress, request.localPort, host ?? '')
    const path = normalize(uri.split('?')[0]!)
    const { realIp } = server.settings
    const client = realIp.from.length > 0 ? clientOf(request, realIp) : request.remoteAddress
    const variables = new Variables(this.#process, this.#configuration, this.#version, client === request.remoteAddress ? request : { ...request, remoteAddress: client }, server, uri, path ?? '/')
    variables.sender = sent.remoteAddress
    variables.load = this.#load
    const turn: Turn = { variables, server, settings: server.settings, changes: 0, inError: false, done }
    if (path === undefined || (host === undefined && request.version === '1.1')) return this.#special(turn, 400)
    const { tls } = request
    const unfit = tls && unfitClient(server.clients, findServer(this.#configuration.servers.filter((s) => s.listens.some((l) => l.ssl)), request.localAddress, request.localPort, tls.serverName ?? '').clients, variables.host, request, this.#process.clock.wall())
    if (unfit !== undefined) return this.#fail(turn, unfit)
    const result = run(server.settings.operations, variables)
    if (result?.kind === 'return') return this.#returned(turn, result.status, result.text)
    this.#locate(turn)
  }

  refuse(status: number): HttpResponse {
    const body = encodeUtf8(specialPage(status, this.#tokens))
    return { status, headers: [...this.#own('text/html', String(body.length)), ['Connection', 'close']], body, close: true }
  }

  get #tokens(): string | undefined {
    return this.#configuration.tokens ? this.#version : undefined
  }

  #locate(turn: Turn, named?: Location): void {
    if (turn.changes++ > MOST_CHANGES) return this.#special(turn, 500)
    const { variables, server } = turn
    const { request } = variables
    const location = named ?? findLocation(server, variables.path, (pattern) => variables.match(pattern, variables.path))
    turn.settings = location?.settings ?? server.settings
    const { settings } = turn
    variables.root = settings.root
    if (settings.internal && turn.changes === 1) return this.#fail(turn, 404)
    const length = Math.max(request.body.length, turn.inner ? 0 : Number(headerOf(request.headers, 'content-length') ?? 0))
    if (settings.maxBody > 0 && length > settings.maxBody && !turn.inError) {
      this.#log(turn, `client intended to send too large body: ${length} bytes`)
      return this.#fail(turn, 413)
    }
    // "location /api/" with a proxy_pass, and a request for "/api"
    if (!named && location?.modifier !== '=' && server.locations.some((l) => l.modifier === '' && l.settings.pass && l.path === `${variables.path}/` && l.path.length > (location?.modifier === '' ? location.path.length : 0))) return this.#redirect(turn, 301, `${variables.path}/${variables.args === '' ? '' : `?${variables.args}`}`)
    const result = run(settings.operations, variables)
    if (result?.kind === 'return') return this.#returned(turn, result.status, result.text)
    if (result?.kind === 'again') return this.#locate(turn)
    if (settings.limits.length > 0 && !turn.limited && !turn.inError) {
      turn.limited = true
      const limited = passLimits(settings.limits, this.#configuration.limitZones, (key) => variables.expand(key.replaceAll('$binary_remote_addr', '$remote_addr')), this.#process.clock.now)
      if ('zone' in limited) {
        this.#log(turn, `limiting requests, excess: ${(limited.excess / 1_000).toFixed(3)} by zone "${limited.zone}"`)
        return this.#fail(turn, settings.limitStatus)
      }
      if (limited.wait > 0) {
        this.#process.clock.schedule(limited.wait, () => this.#allowed(turn))
        return
      }
    }
    this.#allowed(turn)
  }

  #allowed(turn: Turn): void {
    const { variables, settings } = turn
    if (settings.connectionLimits.length > 0 && !turn.leave && !turn.inner && !turn.inError) {
      const entered = enter(settings.connectionLimits, this.#configuration.connectionZones, (key) => variables.expand(key))
      if ('zone' in entered) {
        this.#log(turn, `limiting connections by zone "${entered.zone}"`)
        return this.#fail(turn, settings.connectionLimitStatus)
      }
      turn.leave = entered
    }
    const { request } = variables
    const access = settings.except && !settings.except.methods.includes(request.method) ? settings.except.access : settings.access
    const rule = accessRule(access, request.remoteAddress)
    if (settings.satisfyAny && rule?.allow) return this.#granted(turn)
    const asksUser = settings.auth !== undefined && settings.auth.realm !== ''
    const asksServer = settings.permission !== undefined && settings.permission.uri !== '' && !turn.inner && !turn.inError
    if (rule && !rule.allow && !(settings.satisfyAny && (asksUser || asksServer))) {
      this.#log(turn, 'access forbidden by rule')
      return this.#fail(turn, 403)
    }
    if (!this.#authorized(turn)) return
    if (asksServer && !(settings.satisfyAny && asksUser)) return this.#askPermission(turn)
    this.#granted(turn)
  }

  /** ngx_http_auth_request_module: a question of its own, without the body. */
  #askPermission(turn: Turn): void {
    const { sets, uri } = turn.settings.permission!
    this.#subrequest(turn, turn.variables.expand(uri), { method: 'GET', body: new Uint8Array(0) }, ({ response: { status, headers }, variables: inner }) => {
      for (const { name, value } of sets) turn.variables.set(name, inner.expand(value))
      if (status >= 200 && status < 300) return this.#granted(turn)
      if (status === 401) return this.#fail(turn, 401, headers.filter(([n]) => n.toLowerCase() === 'www-authenticate'))
      if (status === 403) return this.#fail(turn, 403)
      this.#log(turn, `auth request unexpected status: ${status}`)
      this.#fail(turn, 500)
    })
  }

  /** A request inside the server for the sake of another, which is in no log. */
  #subrequest({ variables, server }: Turn, target: string, { method, body }: Pick<HttpRequest, 'method' | 'body'>, done: (answer: Answer) => void): void {
    const without = body.length > 0 ? ['expect'] : ['content-length', 'transfer-encoding', 'expect']
    const headers = variables.request.headers.filter(([n]) => !without.includes(n.toLowerCase()))
    const [path = '', args = ''] = target.split('?', 2)
    const inner = new Variables(this.#process, this.#configuration, this.#version, { ...variables.request, method, body, headers }, server, variables.uri, path)
    inner.sender = variables.sender
    inner.rewritten(path, args)
    this.#locate({ variables: inner, server, settings: server.settings, changes: 1, inError: false, inner: true, mirrored: true, done })
  }

  /** Nothing forbids it. */
  #granted(turn: Turn): void {
    const { variables, settings } = turn
    if (settings.mirrors.length > 0 && !turn.mirrored && !turn.inError) {
      turn.mirrored = true
      const { method, body } = variables.request
      const { args } = variables
      for (const mirror of settings.mirrors) this.#subrequest(turn, `${mirror}${args === '' ? '' : `?${args}`}`, { method, body: settings.mirrorsBody ? body : new Uint8Array(0) }, () => undefined)
    }
    if (settings.tryFiles && turn.changes <= MOST_CHANGES) {
      for (const candidate of settings.tryFiles.slice(0, -1)) {
        const found = variables.expand(candidate)
        if (!this.#isType(this.#fileOf(turn, found), found.endsWith('/') ? 'directory' : 'file')) continue
        variables.rewritten(found, variables.args)
        return this.#content(turn)
      }
      const last = variables.expand(settings.tryFiles.at(-1)!)
      if (last.startsWith('=')) return this.#fail(turn, Number(last.slice(1)))
      return this.#goTo(turn, last)
    }
    this.#content(turn)
  }

  /** False when the answer is given already. */
  #authorized(turn: Turn): boolean {
    const { variables, settings: { auth } } = turn
    if (!auth || turn.inError) return true
    const refusal = unauthorized(this.#process.fs, auth, variables)
    if (!refusal) return true
    if (refusal.log !== undefined) this.#log(turn, refusal.log)
    this.#fail(turn, refusal.status, refusal.headers)
    return false
  }

  /** An internal redirect: to a named location, or to a path with its own arguments. */
  #goTo(turn: Turn, target: string): void {
    if (target.startsWith('@')) {
      const named = turn.server.locations.find((l) => l.modifier === '@' && l.path === target)
      if (!named) this.#log(turn, `could not find named location "${target}"`)
      return named ? this.#locate(turn, named) : this.#special(turn, 500)
    }
    const at = target.indexOf('?')
    turn.variables.rewritten(at < 0 ? target : target.slice(0, at), at < 0 ? turn.variables.args : target.slice(at + 1))
    this.#locate(turn)
  }

  #content(turn: Turn): void {
    const { variables, settings } = turn
    const { request } = variables
    if (settings.status) {
      if (request.method !== 'GET' && request.method !== 'HEAD') return this.#fail(turn, 405)
      return this.#text(turn, 'text/plain', statusPage(this.#load))
    }
    if (settings.pass) {
      const own = (type: string | undefined, length: string | undefined): Headers => this.#own(type, length)
      return passOn(this.#process, settings.pass, this.#configuration, settings, variables, own, (line, upstream) => this.#log(turn, line, upstream), (passed) => {
        if ('status' in passed) return this.#fail(turn, passed.status)
        if (passed.intercepted) return this.#fail(turn, passed.response.status)
        addHeaders(passed.response.headers, turn, passed.response.status, this.#process.clock.wall())
        this.#done(turn, passed.response, passed.sent)
      })
    }
    if (request.method !== 'GET' && request.method !== 'HEAD' && !turn.inError) return this.#fail(turn, 405)
    this.#file(turn, variables.path)
  }

  #file(turn: Turn, path: string): void {
    const { fs } = this.#process
    const { variables, settings } = turn
    const { request } = variables
    const file = this.#fileOf(turn, path)
    if (path.endsWith('/')) {
      for (const index of settings.index) {
        if (!fs.exists(`${file}${index}`)) continue
        variables.rewritten(`${path}${index}`, variables.args)
        // another location may have the index file
        const location = findLocation(turn.server, variables.path)
        return location && location.settings !== settings ? this.#locate(turn) : this.#file(turn, variables.path)
      }
      if (!this.#isType(file, 'directory')) {
        this.#log(turn, `"${file}${settings.index[0] ?? ''}" is not found (2: No such file or directory)`)
        return this.#fail(turn, 404)
      }
      if (settings.autoindex.on) {
        const { type, body } = listing(this.#process, file.length > 1 ? file.replace(/\/$/, '') : file, path, settings.autoindex)
        // its length is not known when it begins
        const framed = framing(request, { kind: 'response', version: '1.1', status: 200, reason: '', headers: [] }, body)
        const headers: Headers = [...this.#own(type, undefined), ...(framed.chunked ? [['Transfer-Encoding', 'chunked'] as Headers[number]] : []), ['Connection', framed.close ? 'close' : 'keep-alive']]
        addHeaders(headers, turn, 200, this.#process.clock.wall())
        return this.#done(turn, { status: 200, reason: reason(200), headers, body: framed.body, close: framed.close }, body.length)
      }
      this.#log(turn, `directory index of "${file}" is forbidden`)
      return this.#fail(turn, 403)
    }
    if (!fs.exists(file)) {
      this.#log(turn, `open() "${file}" failed (2: No such file or directory)`)
      return this.#fail(turn, 404)
    }
    const stat = fs.stat(file)
    if (stat.type === 'directory') return this.#redirect(turn, 301, `${path}/${variables.args === '' ? '' : `?${variables.args}`}`)
    const whole = fs.readFile(file)
    const type = this.#configuration.types.get(/\.([^./]+)$/.exec(file)?.[1]?.toLowerCase() ?? '') ?? settings.defaultType
    const modified = Math.floor(stat.mtime / 1000)
    const { lastModified, etag } = validators(modified, whole.length)
    const part = turn.inError ? { status: 200 as const, type, body: whole } : partOf(request, whole, type, modified, etag)
    const range: Headers = part.contentRange === undefined ? [] : [['Content-Range', part.contentRange]]
    if (part.status === 416) return this.#special(turn, 416, range)
    const status = turn.as ?? part.status
    const headers = part.status === 304 ? this.#own(undefined, undefined) : this.#own(part.type, String(part.body.length))
    if (!turn.inError) headers.push(lastModified)
    headers.push(['Connection', request.keepAlive ? 'keep-alive' : 'close'], ['ETag', etag])
    addHeaders(headers, turn, status, this.#process.clock.wall())
    if (part.status === 206) headers.push(...range)
    else if (part.status === 200 && !turn.inError) headers.push(['Accept-Ranges', 'bytes'])
    this.#done(turn, { status, reason: reason(status), headers, body: part.body }, part.body.length)
  }

  #returned(turn: Turn, code: number, text: string | undefined): void {
    const status = turn.as ?? code
    if (text !== undefined && REDIRECTS.includes(code)) return this.#redirect(turn, code, text)
    if (text === undefined) return code < 300 ? this.#special(turn, code) : this.#fail(turn, code)
    this.#text(turn, turn.settings.defaultType, text, status)
  }

  #text(turn: Turn, type: string, text: string, status = 200): void {
    const body = encodeUtf8(text)
    const headers: Headers = [...this.#own(type, String(body.length)), ['Connection', turn.variables.request.keepAlive ? 'keep-alive' : 'close']]
    addHeaders(headers, turn, status, this.#process.clock.wall())
    this.#done(turn, { status, headers, body, reason: reason(status) }, body.length)
  }

  #redirect(turn: Turn, status: number, location: string): void {
    const { variables, settings: { redirects } } = turn
    const scheme = variables.value('scheme')
    const port = variables.request.localPort
    const host = (redirects.serverName ? variables.server.names[0] : variables.host) || variables.request.localAddress
    const absolute = location.startsWith('/') && redirects.absolute ? `${scheme}://${host}${port === (scheme === 'https' ? 443 : 80) || !redirects.port ? '' : `:${port}`}${location}` : location
    this.#special(turn, status, [['Location', absolute]])
  }

  /** By error_page, else with nginx' own page. */
  #fail(turn: Turn, status: number, extra: Headers = []): void {
    const found = turn.inError ? undefined : turn.settings.errorPages.get(status)
    if (!found) return this.#special(turn, status, extra)
    const page = turn.variables.expand(found.page)
    if (/^https?:\/\//.test(page)) return this.#redirect(turn, typeof found.status === 'number' && REDIRECTS.includes(found.status) ? found.status : 302, page)
    turn.inError = true
    if (found.status !== 'theirs') turn.as = found.status ?? status
    this.#goTo(turn, page)
  }

  #special(turn: Turn, code: number, extra: Headers = []): void {
    // 495 and 496 have pages of their own
    const asked = turn.inError ? (turn.as ?? code) : code
    const status = asked === 495 || asked === 496 ? 400 : asked
    const { request } = turn.variables
    // 444: the connection ends without an answer
    const close = !request.keepAlive || [400, 413, 414, 444, 500, 501].includes(status)
    const empty = status === 204 || status === 200
    const body = encodeUtf8(empty ? '' : asked === 495 || asked === 496 ? certificatePage(asked, this.#tokens) : specialPage(status, this.#tokens))
    const headers: Headers = [...(status === 204 ? this.#own(undefined, undefined) : this.#own(empty ? turn.settings.defaultType : 'text/html', String(body.length))), ...extra.filter(([n]) => n === 'Location'), ['Connection', close ? 'close' : 'keep-alive'], ...extra.filter(([n]) => n !== 'Location')]
    addHeaders(headers, turn, status, this.#process.clock.wall())
    this.#done(turn, { status, headers, body, close, reason: reason(status) }, body.length)
  }

  #done({ variables, settings, done, leave }: Turn, answer: HttpResponse, length: number): void {
    const { pairs } = settings.substitutions
    const { gzip, rate, after } = settings.sending
    const whole = pairs.length > 0 ? substituted(variables.request, answer, settings.substitutions, (text) => variables.expand(text)) : answer
    const smaller = gzip.on ? compressed(variables.request, whole, gzip) : whole
    const response = rate > 0 ? { ...smaller, pace: { rate, after, since: variables.begun } } : smaller
    const sent = variables.request.method === 'HEAD' ? 0 : response === answer ? length : (response.body?.length ?? 0)
    variables.response = { status: response.status, sent, headers: response.headers }
    leave?.()
    done({ response, sent, settings, variables })
  }

  #own(type: string | undefined, length: string | undefined): Headers {
    const headers: Headers = [['Server', this.#tokens === undefined ? 'nginx' : `nginx/${this.#version}`], ['Date', httpDate(this.#process.clock.wall())]]
    if (type !== undefined) headers.push(['Content-Type', type])
    if (length !== undefined) headers.push(['Content-Length', length])
    return headers
  }

  #log({ variables, server }: Turn, message: string, upstream?: string): void {
    this.#error(message, variables.request, server.names[0] ?? '', upstream)
  }

  #fileOf({ settings, server, variables }: Turn, path: string): string {
    if (settings.alias === undefined) return `${settings.root}${path}`
    const location = server.locations.find((l) => l.settings === settings)
    if (location?.modifier.startsWith('~')) return variables.expand(settings.alias)
    return `${settings.alias}${path.slice(location?.path.length ?? 0)}`
  }

  #isType(file: string, type: 'file' | 'directory'): boolean {
    const { fs } = this.#process
    const path = file.length > 1 ? file.replace(/\/$/, '') : file
    return fs.exists(path) && fs.stat(path).type === type
  }
}
