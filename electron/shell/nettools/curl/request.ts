import { base64Of, encodeUtf8, type DigestParameters, type Headers } from '../../../engine/cluster.ts'
import { digestAuthorization } from './digest.ts'
import { date, httpDate } from './numbers.ts'
import type { CurlOptions } from './options.ts'
import type { CurlUrl } from './url.ts'

/** What one request sends. */
export interface Sent {
  body: Uint8Array | undefined
  /** How much of it is read at once, which -v tells of; undefined: it goes with the head. */
  first: number | undefined
  /** The body's length is not known before it ends (stdin). */
  chunked: boolean
  type: string | undefined
  put: boolean
}

/** Above this a body waits for the server's consent (EXPECT_100_THRESHOLD). */
const MUCH = 1024 * 1024

export interface Request { method: string; target: string; headers: Headers; body: Uint8Array | undefined; first: number | undefined; expects: boolean }

/** `challenge`: of a server, where --digest has been asked; `random` is for its answer. `cookies`: those of the cookie engine. `mayExpect`: false once a server has refused with 417. */
export function requestOf(options: CurlOptions, url: CurlUrl, sent: Sent | undefined, cookies: string | undefined, mayExpect: boolean, challenge?: DigestParameters, random?: { hex(digits: number): string }): Request {
  const method = options.method ?? (options.head ? 'HEAD' : sent?.put ? 'PUT' : sent ? 'POST' : 'GET')
  const asked = options.data !== undefined && options.dataInUrl ? withQuery(url.target, options.data) : url.target
  const target = options.requestTarget ?? (options.query === undefined ? asked : withQuery(asked, options.query))
  const host = url.host.includes(':') ? `[${url.host}]` : url.host
  const user = options.user ?? url.user
  const cookie = [...(cookies === undefined ? [] : [cookies]), ...(options.cookies.length === 0 ? [] : [options.cookies.join(';')])].join('; ')
  const defaults: Headers = [
    ['Host', url.port === (url.scheme === 'https' ? 443 : 80) ? host : `${host}:${url.port}`],
    ...(user === undefined ? [] : !options.digest ? [['Authorization', `Basic ${base64Of(encodeUtf8(user))}`] as [string, string]] : challenge && random ? [['Authorization', digestAuthorization(challenge, user, method, target, random)] as [string, string]] : []),
    ...(options.range === undefined || (sent && !sent.put) ? [] : [['Range', `bytes=${options.range}`] as [string, string]]),
    ...(options.bearer === undefined ? [] : [['Authorization', `Bearer ${options.bearer}`] as [string, string]]),
    ...(options.userAgent === '' ? [] : [['User-Agent', options.userAgent] as [string, string]]),
    ['Accept', '*/*'],
    ...(options.compressed ? [['Accept-Encoding', 'deflate, gzip, br, zstd'] as [string, string]] : []),
    ...(!options.referer?.replace(/;auto$/, '') ? [] : [['Referer', options.referer.replace(/;auto$/, '')] as [string, string]]),
    ...(sent?.chunked ? [['Transfer-Encoding', 'chunked'] as [string, string]] : []),
    ...(options.http2 && url.scheme === 'http' ? ([['Connection', 'Upgrade, HTTP2-Settings'], ['Upgrade', 'h2c'], ['HTTP2-Settings', 'AAMAAABkAAQCAAAAAAIAAAAA']] as [string, string][]) : []),
    ...(cookie === '' ? [] : [['Cookie', cookie] as [string, string]]),
    ...condition(options.timeCondition),
  ]
  const own = [...options.headers, ...(options.json ? ['Content-Type: application/json', 'Accept: application/json'].filter((h) => !options.headers.some((o) => o.toLowerCase().startsWith(h.slice(0, h.indexOf(':') + 1).toLowerCase()))) : [])].map((h) => {
    const at = h.search(/[:;]/)
    return [at < 0 ? h : h.slice(0, at), at < 0 ? '' : h.slice(at + 1).trim(), h[at]] as const
  })
  const overridden = (name: string): boolean => own.some(([n]) => n.toLowerCase() === name.toLowerCase())
  // the student's Host stands where curl's own would
  const ownHost = own.find(([n]) => n.toLowerCase() === 'host')
  const headers: Headers = defaults
    .map(([n, v]) => (n === 'Host' && ownHost ? ([n, ownHost[1]] as [string, string]) : ([n, v] as [string, string])))
    .filter(([n]) => n === 'Host' || !overridden(n))
  for (const [name, value, mark] of own) if (name.toLowerCase() !== 'host' && (value !== '' || mark === ';')) headers.push([name, value])
  if (!sent?.body) return { method, target, headers, body: undefined, first: undefined, expects: false }
  const { body, type, chunked } = sent
  if (!chunked && !overridden('content-length')) headers.push(['Content-Length', String(body.length)])
  if (type !== undefined && !overridden('content-type')) headers.push(['Content-Type', type])
  let expects = overridden('expect') ? own.some(([n, v]) => n.toLowerCase() === 'expect' && v.toLowerCase() === '100-continue') : false
  if (!overridden('expect') && mayExpect && !options.http10 && (chunked || (sent.put ? body.length > 0 : body.length > MUCH))) {
    headers.push(['Expect', '100-continue'])
    expects = true
  }
  return { method, target, headers, body: chunked ? inChunks(body) : body, first: sent.first ?? (expects ? body.length : undefined), expects }
}

/** -z: "DATE", "-DATE". */
function condition(text: string | undefined): Headers {
  const at = text === undefined ? undefined : date(text.replace(/^[-+=]/, ''))
  return at === undefined ? [] : [[text!.startsWith('-') ? 'If-Unmodified-Since' : text!.startsWith('=') ? 'Last-Modified' : 'If-Modified-Since', httpDate(at)]]
}

function inChunks(body: Uint8Array): Uint8Array {
  const head = encodeUtf8(body.length === 0 ? '' : `${body.length.toString(16)}\r\n`)
  const tail = encodeUtf8(body.length === 0 ? '0\r\n\r\n' : '\r\n0\r\n\r\n')
  const out = new Uint8Array(head.length + body.length + tail.length)
  out.set(head)
  out.set(body, head.length)
  out.set(tail, head.length + body.length)
  return out
}

/** What curl_url_set(3) appends to a query: its escapes become small letters. */
function withQuery(target: string, more: string): string {
  return `${target}${target.includes('?') ? '&' : '?'}${more.replace(/%[0-9a-f]{2}/gi, (escape) => escape.toLowerCase())}`
}
