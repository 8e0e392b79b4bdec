import type { Process } from '../../machine/types.ts'
import { resolveHost } from '../../dns/resolver.ts'
import { canonicalIp } from '../../network/address.ts'
import { decodeUtf8 } from '../../text.ts'
import { askUpstream } from '../http/client.ts'
import { canonicalHeader } from '../http/go.ts'
import { headerOf, writeRequest, type Headers } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import { readUrl } from '../ingress-nginx/variables.ts'
import type { OwnAnswer, Passing } from './middlewares.ts'
import { pattern } from './rules.ts'

/** What of a forwardAuth makes a difference here; others are told in the log. */
export const FORWARD_AUTH_FIELDS: ReadonlySet<string> = new Set(['address', 'trustForwardHeader', 'authResponseHeaders', 'authResponseHeadersRegex', 'authRequestHeaders', 'addAuthCookiesToResponse', 'preserveLocationHeader', 'preserveRequestMethod'])

interface Settings {
  address?: string
  trustForwardHeader?: boolean
  authResponseHeaders?: string[]
  authResponseHeadersRegex?: string
  authRequestHeaders?: string[]
  addAuthCookiesToResponse?: string[]
  preserveLocationHeader?: boolean
  preserveRequestMethod?: boolean
}

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailers', 'transfer-encoding', 'upgrade'])
const FORWARDED = new Set(['x-forwarded-for', 'x-forwarded-method', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-uri', 'x-forwarded-port', 'x-forwarded-server', 'x-real-ip'])
/** Of the client that asks, in ms. */
const TIMEOUT = 30_000
const FAILED: OwnAnswer = { status: 500, headers: [], body: '' }

/** Asks the server about a request: undefined lets it go on, with what the server says of it in its headers (pkg/middlewares/auth/forward.go). */
export function askForward(process: Process, settings: Record<string, unknown>, passing: Passing, done: (answer: OwnAnswer | undefined) => void): void {
  const { address = '', trustForwardHeader, authRequestHeaders = [], preserveRequestMethod, preserveLocationHeader } = settings as Settings
  const { request, target } = passing
  const url = readUrl(address)
  if (!url) return done(FAILED)
  const method = preserveRequestMethod ? request.method : 'GET'
  const headers = [['Host', url.host] as [string, string], ...questionHeaders(request, target, trustForwardHeader === true, authRequestHeaders)]
  process.spawnThread((function* () {
    const literal = canonicalIp(url.name)
    const found = literal === undefined ? yield* resolveHost(process, url.name) : { addresses: [literal] }
    if ('error' in found) return done(FAILED)
    askUpstream(process, {
      address: found.addresses[0]!, port: url.port, program: 'traefik', method, bytes: writeRequest(method, url.path, headers), connectTimeout: TIMEOUT, readTimeout: TIMEOUT, ...(url.scheme === 'https' ? { tls: { serverName: url.name } } : {}),
    }, (outcome) => {
      if (!('body' in outcome)) return done(FAILED)
      const { status, headers: said } = outcome.head
      if (status >= 200 && status < 300) return done(grant(settings as Settings, said, passing))
      const location = headerOf(said, 'location')
      const answer = said.filter(([n]) => !HOP_BY_HOP.has(n.toLowerCase()) && !['location', 'content-length', 'date'].includes(n.toLowerCase())).map(([n, v]): [string, string] => [canonicalHeader(n), v])
      if (location !== undefined && location !== '') answer.push(['Location', preserveLocationHeader || /^[a-z]+:/i.test(location) ? location : `${url.scheme}://${url.host}${location.startsWith('/') ? location : `/${location}`}`])
      done({ status, headers: answer, body: decodeUtf8(outcome.body) })
    })
  })())
}

/** writeHeader of forward.go. */
function questionHeaders(request: HttpRequest, target: string, trusted: boolean, only: readonly string[]): Headers {
  const wanted = new Set(only.map((name) => name.toLowerCase()))
  const given = (name: string): string | undefined => (trusted ? headerOf(request.headers, name) : undefined)
  const before = given('x-forwarded-for')
  const headers: Headers = request.headers
    .filter(([n]) => n.toLowerCase() !== 'host' && n.toLowerCase() !== 'content-length' && !HOP_BY_HOP.has(n.toLowerCase()) && !FORWARDED.has(n.toLowerCase()) && (wanted.size === 0 || wanted.has(n.toLowerCase())))
    .map(([n, v]) => [canonicalHeader(n), v])
  // Go's client asks for it where nobody said what he wants
  if (headerOf(headers, 'accept-encoding') === undefined) headers.push(['Accept-Encoding', 'gzip'])
  headers.push(
    ['X-Forwarded-For', before === undefined ? request.remoteAddress : `${before}, ${request.remoteAddress}`], ['X-Forwarded-Host', given('x-forwarded-host') ?? headerOf(request.headers, 'host') ?? ''],
    ['X-Forwarded-Method', given('x-forwarded-method') ?? request.method], ['X-Forwarded-Proto', given('x-forwarded-proto') ?? (request.tls ? 'https' : 'http')], ['X-Forwarded-Uri', given('x-forwarded-uri') ?? target],
  )
  const first = ([name]: [string, string]): string => (name === 'User-Agent' ? '' : name)
  return headers.sort((a, b) => (first(a) < first(b) ? -1 : first(a) > first(b) ? 1 : 0))
}

function grant({ authResponseHeaders = [], authResponseHeadersRegex = '', addAuthCookiesToResponse = [] }: Settings, said: Headers, passing: Passing): undefined {
  for (const name of authResponseHeaders) passing.requestHeaders.push([name, headerOf(said, name) ?? ''])
  if (authResponseHeadersRegex !== '') {
    const expression = pattern(authResponseHeadersRegex)
    for (const [name] of passing.request.headers) if (expression.test(canonicalHeader(name))) passing.requestHeaders.push([name, ''])
    for (const [name, value] of said) if (expression.test(canonicalHeader(name))) passing.requestHeaders.push([name, value])
  }
  for (const [name, value] of said) if (name.toLowerCase() === 'set-cookie' && addAuthCookiesToResponse.includes(value.split('=')[0]!)) passing.responseHeaders.push(['Set-Cookie', value])
}
