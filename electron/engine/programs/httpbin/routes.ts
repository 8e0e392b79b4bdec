import type { Process } from '../../machine/types.ts'
import { byName } from '../../own.ts'
import { splitTarget } from '../http/go.ts'
import { headerOf, type Headers } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import { asHeaders, bearer, cached, decoded, DENIED, fromBase64, links, streamed, tagged } from './more-routes.ts'
import { described, headersOf, jsonify, type BinAnswer } from './request.ts'

/** httpbin/core.py of the image: the common paths. */
const HTML = 'text/html; charset=utf-8'
const WHOLE = ['args', 'data', 'files', 'form', 'headers', 'json', 'origin', 'url']
const METHODS: Readonly<Record<string, readonly string[]>> = byName({
  '/get': ['GET'], '/post': ['POST'], '/put': ['PUT'], '/patch': ['PATCH'], '/delete': ['DELETE'], '/ip': ['GET'], '/uuid': ['GET'], '/headers': ['GET'], '/user-agent': ['GET'], '/html': ['GET'], '/json': ['GET'], '/cookies': ['GET'], '/robots.txt': ['GET'], '/deny': ['GET'], '/bearer': ['GET'], '/cache': ['GET'], '/response-headers': ['GET', 'POST'],
})
const SLIDESHOW = {
  slideshow: {
    author: 'Yours Truly', date: 'date of publication', title: 'Sample Slide Show',
    slides: [
      { title: 'Wake up to WonderWidgets!', type: 'all' },
      { items: ['Why <em>WonderWidgets</em> are great', 'Who <em>buys</em> WonderWidgets'], title: 'Overview', type: 'all' },
    ],
  },
}
/** Paths that the real one has, and that are not simulated. */
const OTHERS = /^\/(gzip|deflate|brotli|digest-auth|stream-bytes|drip|range|image|xml|forms|encoding|html|apidocs|spec\.json|flasgger_static|static)(\/|$)/

export function route(process: Process, request: HttpRequest): BinAnswer {
  const { path, query } = splitTarget(request.target)
  const get = request.method === 'HEAD' ? 'GET' : request.method
  const allowed = METHODS[path]
  if (allowed && get === 'OPTIONS') return { type: HTML, body: '', headers: [['Allow', [...allowed, ...(allowed.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].sort().join(', ')]] }
  if (allowed && !allowed.includes(get)) return page(405, 'Method Not Allowed', 'The method is not allowed for the requested URL.', [['Allow', [...(allowed.includes('GET') ? ['GET', 'HEAD'] : allowed), 'OPTIONS'].join(', ')]])
  switch (path) {
    case '/get': return jsonify(described(request, ['args', 'headers', 'origin', 'url']))
    case '/post': case '/put': case '/patch': case '/delete': return jsonify(described(request, WHOLE))
    case '/anything': return jsonify(described(request, [...WHOLE, 'method']))
    case '/ip': return jsonify(described(request, ['origin']))
    case '/headers': return jsonify({ headers: headersOf(request) })
    case '/user-agent': return jsonify({ 'user-agent': headerOf(request.headers, 'user-agent') ?? null })
    case '/uuid': return jsonify({ uuid: uuid(process) })
    case '/json': return jsonify(SLIDESHOW)
    case '/cookies': return jsonify({ cookies: cookiesOf(request) })
    case '/robots.txt': return { type: 'text/plain', body: 'User-agent: *\nDisallow: /deny\n' }
    case '/deny': return DENIED
    case '/bearer': return bearer(request)
    case '/response-headers': return asHeaders(request)
    case '/cache': return cached(process, request, undefined, () => uuid(process))
    case '/redirect-to': return redirectTo(query)
    case '/cookies/set': return setCookies([...query])
    case '/cookies/delete': return deleteCookies([...query.keys()])
  }
  return withArguments(process, request, path, query) ?? notFound(path)
}

function withArguments(process: Process, request: HttpRequest, path: string, query: Map<string, string>): BinAnswer | undefined {
  const [, name = '', first = '', second = '', more] = path.split('/')
  if (name === 'cookies' && first === 'set' && second !== '' && more !== undefined) return setCookies([[second, more]])
  const number = /^\d+$/.test(first) ? Number(first) : undefined
  if (more !== undefined && name !== 'anything') return undefined
  switch (name) {
    case 'anything': return jsonify(described(request, [...WHOLE, 'method']))
    case 'status': return statusOf(process, first)
    case 'delay': {
      const seconds = Number(first)
      if (first === '' || Number.isNaN(seconds)) return page(500, 'Internal Server Error', 'The server encountered an internal error and was unable to complete your request.  Either the server is overloaded or there is an error in the application.')
      return { ...jsonify(described(request, ['args', 'data', 'files', 'form', 'headers', 'origin', 'url'])), delay: Math.min(Math.max(seconds, 0), 10) * 1000 }
    }
    case 'redirect': case 'relative-redirect': case 'absolute-redirect': return number === undefined || number < 1 ? undefined : redirectTimes(request, name, number, query)
    case 'basic-auth': return second === '' ? undefined : basicAuth(request, first, second)
    case 'hidden-basic-auth': return second === '' ? undefined : basicAuth(request, first, second, 404)
    case 'base64': return first === '' ? undefined : decoded(first)
    case 'cache': return number === undefined ? undefined : cached(process, request, number, () => '')
    case 'etag': return first === '' ? undefined : tagged(request, first)
    case 'stream': return number === undefined ? undefined : streamed(request, number)
    case 'links': return number === undefined ? undefined : second === '' ? redirectPage(`/links/${number}/0`) : /^\d+$/.test(second) ? links(number, Number(second)) : undefined
    case 'bytes': {
      if (number === undefined) return undefined
      const body = Uint8Array.from({ length: Math.min(number, 100 * 1024) }, () => process.clock.random.below(256))
      return { type: 'application/octet-stream', body }
    }
  }
  return undefined
}

function statusOf(process: Process, codes: string): BinAnswer {
  const choices = codes.split(',').map((c) => c.split(':')).map(([code = '', weight = '1']) => ({ code: Number(code), weight: Number(weight) }))
  if (codes === '' || choices.some((c) => !Number.isInteger(c.code) || c.code < 100 || c.code > 999)) return { status: 400, type: HTML, body: 'Invalid status code' }
  let at = choices.length === 1 ? 0 : process.clock.random.float() * choices.reduce((sum, c) => sum + c.weight, 0)
  const chosen = choices.find((c) => (at -= c.weight) < 0) ?? choices[0]!
  return answerOf(chosen.code)
}

/** helpers.status_code. */
function answerOf(code: number): BinAnswer {
  const redirect: BinAnswer = { status: code, type: HTML, body: '', headers: [['Location', '/redirect/1']] }
  switch (code) {
    case 301: case 302: case 303: case 305: case 307: return redirect
    case 401: return { status: code, type: HTML, body: '', headers: [['WWW-Authenticate', 'Basic realm="Fake Realm"']] }
    case 402: return { status: 501, type: 'text/plain', body: 'podhop: not simulated: httpbin /status/402 (use another status)\n' }
    case 406: return { status: code, type: 'application/json', body: JSON.stringify({ message: 'Client did not request a supported media type.', accept: ['image/webp', 'image/svg+xml', 'image/jpeg', 'image/png', 'image/*'] }).replaceAll('":', '": ').replaceAll(',"', ', "') }
    case 407: return { status: code, type: HTML, body: '', headers: [['Proxy-Authenticate', 'Basic realm="Fake Realm"']] }
    case 418: return { status: code, body: '\n    -=[ teapot ]=-\n\n       _...._\n     .\'  _ _ `.\n    | ."` ^ `". _,\n    \\_;`"---"`|//\n      |       ;/\n      \\_     _/\n        `"""`\n', headers: [['x-more-info', 'http://tools.ietf.org/html/rfc2324']] }
    default: return { status: code, type: HTML, body: '' }
  }
}

function redirectPage(location: string): BinAnswer {
  const shown = location.replaceAll('&', '&amp;')
  return {
    status: 302,
    type: HTML,
    body: `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">\n<title>Redirecting...</title>\n<h1>Redirecting...</h1>\n<p>You should be redirected automatically to target URL: <a href="${shown}">${shown}</a>.  If not click the link.`,
    headers: [['Location', location]],
  }
}

function redirectTimes(request: HttpRequest, name: string, n: number, query: Map<string, string>): BinAnswer {
  const absolute = name === 'absolute-redirect' || (query.get('absolute') ?? '').toLowerCase() === 'true'
  const base = absolute ? `http://${headerOf(request.headers, 'host') ?? ''}` : ''
  const location = n === 1 ? `${base}/get` : `${base}/${absolute ? 'absolute' : 'relative'}-redirect/${n - 1}`
  return name === 'relative-redirect' ? { status: 302, type: HTML, body: '', headers: [['Location', location]] } : redirectPage(location)
}

function redirectTo(query: Map<string, string>): BinAnswer {
  const location = query.get('url')
  if (location === undefined) return page(500, 'Internal Server Error', 'The server encountered an internal error and was unable to complete your request.  Either the server is overloaded or there is an error in the application.')
  const status = Number(query.get('status_code') ?? 302)
  return { status: status >= 300 && status < 400 ? status : 302, type: HTML, body: '', headers: [['Location', location]] }
}

function basicAuth(request: HttpRequest, user: string, password: string, refused = 401): BinAnswer {
  const given = /^Basic (\S+)$/i.exec(headerOf(request.headers, 'authorization') ?? '')
  return given && fromBase64(given[1]!) === `${user}:${password}` ? jsonify({ authenticated: true, user }) : answerOf(refused)
}

function cookiesOf(request: HttpRequest): Record<string, string> {
  const pairs = (headerOf(request.headers, 'cookie') ?? '').split(/;\s*/).filter((p) => p !== '')
  return Object.fromEntries(pairs.map((p) => p.split(/=(.*)/s)).map(([k = '', v = '']) => [k, v]))
}

function setCookies(cookies: readonly (readonly [string, string])[]): BinAnswer {
  const answer = redirectPage('/cookies')
  return { ...answer, headers: [...answer.headers!, ...cookies.map(([k, v]) => ['Set-Cookie', `${k}=${v}; Path=/`] as [string, string])] }
}

function deleteCookies(names: readonly string[]): BinAnswer {
  const answer = redirectPage('/cookies')
  return { ...answer, headers: [...answer.headers!, ...names.map((k) => ['Set-Cookie', `${k}=; Expires=Thu, 01-Jan-1970 00:00:00 GMT; Max-Age=0; Path=/`] as [string, string])] }
}

function uuid(process: Process): string {
  const digits = process.clock.random.hex(32)
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${'89ab'[Number.parseInt(digits[16]!, 16) % 4]}${digits.slice(17, 20)}-${digits.slice(20)}`
}

function page(status: number, title: string, text: string, headers: Headers = []): BinAnswer {
  return { status, type: HTML, body: `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">\n<title>${status} ${title}</title>\n<h1>${title}</h1>\n<p>${text}</p>\n`, headers }
}

function notFound(path: string): BinAnswer {
  if (path === '/' || OTHERS.test(path)) return { status: 501, type: 'text/plain', body: `podhop: not simulated: httpbin ${path} (/get, /post, /anything, /headers, /ip, /status/N, /delay/N, /redirect/N, /basic-auth/U/P, /bytes/N, /base64, /stream/N, /links/N, /cache, /etag, /bearer, /response-headers, /uuid, /json and /cookies are)\n` }
  return page(404, 'Not Found', 'The requested URL was not found on the server.  If you entered the URL manually please check your spelling and try again.')
}
