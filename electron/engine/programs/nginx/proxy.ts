import type { Process } from '../../machine/types.ts'
import { isValidIp } from '../../network/address.ts'
import { libcOf } from '../../dns/resolver.ts'
import { askUpstream, joinConnections, type UpstreamOutcome } from '../http/client.ts'
import { framing } from '../http/framing.ts'
import { headerOf, type Headers } from '../http/message.ts'
import type { HttpResponse } from '../http/server.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'
import { escapeUri, REPEATABLE, upstreamFailure } from './failure.ts'
import type { Settings } from './settings.ts'
import { choosePeer, peerDone, peerName, type Peer, type ProxyPass, type Upstream } from './upstream.ts'
import type { Attempt, Variables } from './variables.ts'

/** Of the answer: what nginx writes itself, or never passes on (proxy_hide_header's defaults). */
const HIDDEN = new Set(['date', 'server', 'connection', 'keep-alive', 'transfer-encoding', 'content-type', 'content-length', 'x-pad'])
/** ngx_http_proxy_headers: what is sent where no proxy_set_header says otherwise. An empty value sends none. */
const DEFAULTS: readonly (readonly [name: string, value: string])[] = [['Host', '$proxy_host'], ['Connection', 'close'], ['TE', ''], ['Keep-Alive', ''], ['Expect', ''], ['Upgrade', '']]

/** What came of passing a request on: an answer of the upstream's, or a page of nginx' own. */
export type Passed = { response: HttpResponse; sent: number; intercepted?: boolean } | { status: 502 | 504 }

/** `error` writes a line of the error log that goes on with ", upstream: …". */
export function passOn(process: Process, pass: ProxyPass, upstream: Upstream, settings: Settings, variables: Variables, own: (type: string | undefined, length: string | undefined) => Headers, error: (line: string, upstream: string) => void, done: (passed: Passed) => void): void {
  const { request } = variables
  const { proxy } = settings
  const { clock } = process
  variables.proxyHost = pass.host
  const uri = targetOf(pass, variables)
  const bytes = requestBytes(settings, variables, uri)
  const attempts: (Attempt & { peer: Peer })[] = []
  const tried = new Set<Peer>()
  variables.attempts = attempts
  const next = (status: 502 | 504): void => {
    const peer = choosePeer(upstream, tried, request.remoteAddress, process)
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
      address: peer.address, port: peer.port, program: 'nginx', method: request.method, bytes, connectTimeout: proxy.connectTimeout, readTimeout: proxy.readTimeout,
      ...(pass.scheme === 'https' ? { tls: proxy.serverName && !isValidIp(name) ? { serverName: name } : {} } : {}),
    }, (outcome) => {
      attempt.seconds = ((clock.now - startedAt) / 1000).toFixed(3)
      peerDone(peer, 'error' in outcome, clock.now)
      if ('head' in outcome) {
        attempt.status = String(outcome.head.status)
        attempt.length = 'body' in outcome ? outcome.body.length : 0
        variables.upstreamHeaders = outcome.head.headers
        return done(answerOf(pass, settings, variables, outcome, own))
      }
      const failed = outcome.error === 'ETIMEDOUT' ? 504 : 502
      attempt.status = String(failed)
      error(upstreamFailure(outcome, libcOf(process)), `${pass.scheme}://${attempt.address}${uri}`)
      if (outcome.phase !== 'read' || REPEATABLE.has(request.method)) next(failed)
      else done({ status: failed })
    })
  }
  next(502)
}

/** The request's own, unless proxy_pass has a path, or rewriting has changed it. */
function targetOf(pass: ProxyPass, variables: Variables): string {
  const args = variables.args === '' ? '' : `?${variables.args}`
  if (pass.path === undefined) return variables.untouched ? variables.uri : `${escapeUri(variables.path)}${args}`
  return `${pass.path}${escapeUri(variables.path.slice(variables.untouched || variables.path.startsWith(pass.location) ? pass.location.length : 0))}${args}`
}

function requestBytes({ proxy }: Settings, variables: Variables, uri: string): Uint8Array {
  const { request } = variables
  const set: Headers = proxy.headers.map(({ name, value }) => [name, variables.expand(value)])
  for (const [name, value] of DEFAULTS) if (!set.some(([n]) => n.toLowerCase() === name.toLowerCase())) set.push([name, variables.expand(value)])
  const taken = new Set([...set.map(([n]) => n.toLowerCase()), 'content-length', 'transfer-encoding'])
  const length: Headers = request.body.length > 0 || headerOf(request.headers, 'content-length') !== undefined ? [['Content-Length', String(request.body.length)]] : []
  const headers: Headers = [...set.filter(([, value]) => value !== ''), ...length, ...request.headers.filter(([n]) => !taken.has(n.toLowerCase()))]
  return concatBytes([encodeUtf8(`${request.method} ${uri} HTTP/${proxy.httpVersion}\r\n${headers.map(([n, v]) => `${n}: ${v}\r\n`).join('')}\r\n`), request.body])
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
  if (framed.chunked) headers.push(['Transfer-Encoding', 'chunked'])
  headers.push(['Connection', framed.close ? 'close' : 'keep-alive'], ...others)
  const intercepted = settings.proxy.intercept && head.status >= 300 && settings.errorPages.has(head.status)
  return { response: { status: head.status, reason: head.reason, headers, body: framed.body, close: framed.close }, sent: request.method === 'HEAD' ? 0 : outcome.body.length, intercepted }
}

/** proxy_redirect default: a Location below the upstream's URL is one below the location. */
function redirected(pass: ProxyPass, settings: Settings, location: string, variables: Variables): string {
  if (!settings.proxy.redirects) return location
  const [from, to] = pass.path === undefined ? [`${pass.url}/`, '/'] : [pass.url, pass.location]
  if (!location.startsWith(from)) return location
  const port = variables.value('server_port')
  const scheme = variables.value('scheme')
  return `${scheme}://${variables.host}${port === (scheme === 'https' ? '443' : '80') ? '' : `:${port}`}${to}${location.slice(from.length)}`
}
