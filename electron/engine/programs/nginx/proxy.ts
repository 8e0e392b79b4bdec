import type { Process } from '../../machine/types.ts'
import { isValidIp } from '../../network/address.ts'
import { libcOf } from '../../dns/resolver.ts'
import { askUpstream, joinConnections, type UpstreamOutcome } from '../http/client.ts'
import { framing } from '../http/framing.ts'
import { headerOf, type Headers } from '../http/message.ts'
import type { HttpResponse } from '../http/server.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'
import { escapeUri, REPEATABLE, upstreamFailure } from './failure.ts'
import type { Configuration, Settings } from './settings.ts'
import { choosePeer, peerDone, peerName, resolvePass, type Peer, type ProxyPass, type Upstream } from './upstream.ts'
import type { Attempt, Variables } from './variables.ts'

/** Of the answer: what nginx writes itself, or never passes on (proxy_hide_header's defaults). */
const HIDDEN = new Set(['date', 'server', 'connection', 'keep-alive', 'transfer-encoding', 'content-type', 'content-length', 'x-pad'])
/** ngx_http_proxy_headers: what is sent where no proxy_set_header says otherwise. An empty value sends none. */
const EMPTY = new Uint8Array(0)
/** ngx_http_grpc_headers */
const GRPC_DEFAULTS: readonly (readonly [name: string, value: string])[] = [['Host', '$proxy_host'], ['TE', 'trailers'], ['Connection', ''], ['Transfer-Encoding', ''], ['Keep-Alive', ''], ['Expect', ''], ['Upgrade', '']]
const DEFAULTS: readonly (readonly [name: string, value: string])[] = [['Host', '$proxy_host'], ['Connection', 'close'], ['TE', ''], ['Keep-Alive', ''], ['Expect', ''], ['Upgrade', '']]

/** What came of passing a request on: an answer of the upstream's, or a page of nginx' own. */
export type Passed = { response: HttpResponse; sent: number; intercepted?: boolean } | { status: 500 | 502 | 504 }
type Own = (type: string | undefined, length: string | undefined) => Headers

/** `error` writes a line of the error log that goes on with ", upstream: …". */
export function passOn(process: Process, pass: ProxyPass, { upstreams, resolver }: Configuration, settings: Settings, variables: Variables, own: Own, error: (line: string, upstream?: string) => void, done: (passed: Passed) => void): void {
  if (pass.text === undefined) return passTo(process, pass, upstreams.get(pass.upstream)!, settings, variables, own, error, done)
  const text = variables.expand(pass.text)
  process.spawnThread((function* () {
    const found = yield* resolvePass(process, pass, text, upstreams, resolver)
    if ('pass' in found) return passTo(process, found.pass, found.upstream, settings, variables, own, error, done)
    error(found.error)
    done({ status: found.status })
  })())
}

function passTo(process: Process, pass: ProxyPass, upstream: Upstream, settings: Settings, variables: Variables, own: Own, error: (line: string, upstream: string) => void, done: (passed: Passed) => void): void {
  const { request } = variables
  const { proxy } = settings
  const grpc = pass.scheme.startsWith('grpc')
  const repeatable = REPEATABLE.has(request.method) || proxy.next.when.has('non_idempotent')
  const { clock } = process
  variables.proxyHost = pass.host
  const uri = targetOf(pass, variables)
  const headers = requestHeaders(settings, variables, grpc)
  const asked = grpc ? { bytes: EMPTY, http2: { target: uri, headers, body: request.body } } : { bytes: requestBytes(settings, variables, uri, headers) }
  const begun = clock.now
  const attempts: (Attempt & { peer: Peer })[] = []
  const tried = new Set<Peer>()
  variables.attempts = attempts
  const next = (status: 502 | 504): void => {
    const worn = (proxy.next.tries > 0 && tried.size >= proxy.next.tries) || (proxy.next.timeout > 0 && clock.now - begun >= proxy.next.timeout)
    const peer = tried.size > 0 && worn ? undefined : choosePeer(upstream, tried, request.remoteAddress, process, upstream.key && variables.expand(upstream.key.text))
    if (!peer) {
      if (tried.size === 0) {
        error('no live upstreams while connecting to upstream', `${pass.scheme}://${upstream.name}${uri}`)
        variables.attempts = [{ address: upstream.name, status: '502', seconds: '0.000', length: 0 }]
      }
      return done({ status: tried.size === 0 ? 502 : status })
    }
    tried.add(peer)
    peer.busy++
    const startedAt = clock.now
    const attempt = { peer, address: peerName(peer), status: '', seconds: '', length: 0 }
    attempts.push(attempt)
    const name = pass.host.replace(/:[0-9]+$/, '')
    askUpstream(process, {
      address: peer.address, port: peer.port, program: 'nginx', method: request.method, ...asked, connectTimeout: proxy.connectTimeout, readTimeout: proxy.readTimeout,
      ...(pass.scheme.endsWith('s') ? { tls: { ...(proxy.serverName && !isValidIp(name) ? { serverName: name } : {}), ...(grpc ? { alpn: ['h2'] } : {}) } } : {}),
    }, (outcome) => {
      attempt.seconds = ((clock.now - startedAt) / 1000).toFixed(3)
      peerDone(peer, 'error' in outcome, clock.now)
      if ('head' in outcome) {
        attempt.status = String(outcome.head.status)
        attempt.length = 'body' in outcome ? outcome.body.length : 0
        variables.upstreamHeaders = outcome.head.headers
        // the last server's answer counts, whatever it is
        if (proxy.next.when.has(`http_${outcome.head.status}`) && !('tunnel' in outcome) && repeatable && upstream.peers.some((p) => !tried.has(p) && !p.down) && !(proxy.next.tries > 0 && tried.size >= proxy.next.tries)) return next(502)
        return done(answerOf(pass, settings, variables, outcome, own))
      }
      const failed = outcome.error === 'ETIMEDOUT' ? 504 : 502
      attempt.status = String(failed)
      error(upstreamFailure(outcome, libcOf(process)), `${pass.scheme}://${attempt.address}${uri}`)
      const kind = outcome.error === 'ETIMEDOUT' ? 'timeout' : outcome.error === 'SYNTAX' ? 'invalid_header' : 'error'
      if (proxy.next.when.has(kind) && (outcome.phase !== 'read' || repeatable)) next(failed)
      else done({ status: failed })
    })
  }
  next(502)
}

/** The request's own, unless proxy_pass has a path, or rewriting has changed it. */
function targetOf(pass: ProxyPass, variables: Variables): string {
  const args = variables.args === '' ? '' : `?${variables.args}`
  if (pass.path === undefined) return variables.untouched ? variables.uri : `${escapeUri(variables.path)}${args}`
  if (pass.whole) return pass.path
  return `${pass.path}${escapeUri(variables.path.slice(variables.untouched || variables.path.startsWith(pass.location) ? pass.location.length : 0))}${args}`
}

function requestHeaders({ proxy }: Settings, variables: Variables, grpc: boolean): Headers {
  const { request } = variables
  const set: Headers = proxy.headers.map(({ name, value }) => [name, variables.expand(value)])
  for (const [name, value] of grpc ? GRPC_DEFAULTS : DEFAULTS) if (!set.some(([n]) => n.toLowerCase() === name.toLowerCase())) set.push([name, variables.expand(value)])
  const taken = new Set([...set.map(([n]) => n.toLowerCase()), 'content-length', 'transfer-encoding'])
  const length: Headers = grpc || !proxy.passBody || taken.has('content-length') ? [] : request.body.length > 0 || headerOf(request.headers, 'content-length') !== undefined ? [['Content-Length', String(request.body.length)]] : []
  return [...set.filter(([, value]) => value !== ''), ...length, ...(proxy.passHeaders ? request.headers.filter(([n]) => !taken.has(n.toLowerCase())) : [])]
}

function requestBytes({ proxy }: Settings, { request }: Variables, uri: string, headers: Headers): Uint8Array {
  return concatBytes([encodeUtf8(`${request.method} ${uri} HTTP/${proxy.httpVersion}\r\n${headers.map(([n, v]) => `${n}: ${v}\r\n`).join('')}\r\n`), proxy.passBody ? request.body : EMPTY])
}

function answerOf(pass: ProxyPass, settings: Settings, variables: Variables, outcome: Extract<UpstreamOutcome, { head: unknown }>, own: (type: string | undefined, length: string | undefined) => Headers): Passed {
  const { head } = outcome
  const { request } = variables
  const others: Headers = head.headers.filter(([n]) => {
    const lower = n.toLowerCase()
    return !HIDDEN.has(lower) && !lower.startsWith('x-accel-') && !settings.proxy.hidden.includes(lower)
  }).map(([n, v]) => [n, n.toLowerCase() === 'location' ? redirected(pass, settings, v, variables) : v])
  if ('tunnel' in outcome) {
    return { response: { status: 101, reason: head.reason, headers: [...own(undefined, undefined), ['Connection', 'upgrade'], ...others], upgrade: (connection) => joinConnections(connection, outcome.tunnel) }, sent: 0 }
  }
  const framed = framing(request, head, outcome.body)
  const headers = own(headerOf(head.headers, 'content-type'), headerOf(head.headers, 'content-length'))
  const trailers = outcome.trailers
  if (framed.chunked) headers.push(['Transfer-Encoding', 'chunked'])
  headers.push(['Connection', framed.close ? 'close' : 'keep-alive'], ...others)
  const intercepted = settings.proxy.intercept && head.status >= 300 && settings.errorPages.has(head.status)
  return { response: { status: head.status, reason: head.reason, headers, body: trailers ? outcome.body : framed.body, close: framed.close, ...(trailers ? { trailers } : {}) }, sent: request.method === 'HEAD' ? 0 : outcome.body.length, intercepted }
}

/** proxy_redirect default: a Location below the upstream's URL is one below the location. */
function redirected(pass: ProxyPass, settings: Settings, location: string, variables: Variables): string {
  const { redirects } = settings.proxy
  if (!redirects) return location
  if (typeof redirects === 'object') {
    const pair = redirects.find(({ from }) => location.startsWith(from))
    return pair ? `${pair.to}${location.slice(pair.from.length)}` : location
  }
  const [from, to] = pass.path === undefined ? [`${pass.url}/`, '/'] : [pass.url, pass.location]
  if (!location.startsWith(from)) return location
  const port = variables.value('server_port')
  const scheme = variables.value('scheme')
  return `${scheme}://${variables.host}${port === (scheme === 'https' ? '443' : '80') ? '' : `:${port}`}${to}${location.slice(from.length)}`
}
