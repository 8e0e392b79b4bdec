import { dialError, reasonOf, tlsReason } from '../kubelet/dial.ts'
import { type Headers, headerOf } from '../../programs/http/message.ts'
import { own } from '../../own.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { unavailable, type ProxyAnswer } from '../proxy-location.ts'
import { notSimulated } from '../status.ts'
import { NO_CACHE, sendStatus, type ApiRequest, type Header } from './exchange.ts'
import type { Call } from './objects.ts'

/** Of one connection only (httputil.ReverseProxy), or the API server's own business. */
const NOT_PASSED_ON: ReadonlySet<string> = new Set([
  'connection', 'proxy-connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade',
  'authorization', 'content-length', 'host', 'user-agent', 'impersonate-user', 'impersonate-group', 'impersonate-uid',
])
/** Where a page has addresses: apimachinery/pkg/util/proxy/transport.go. */
const LINKS: { readonly [tag: string]: readonly string[] } = {
  a: ['href'], area: ['href'], audio: ['src'], base: ['href'], blockquote: ['cite'], body: ['background'], button: ['formaction'], del: ['cite'], embed: ['src'], form: ['action'],
  frame: ['longdesc', 'src'], head: ['profile'], html: ['manifest'], iframe: ['longdesc', 'src'], img: ['longdesc', 'src', 'usemap'], input: ['src', 'usemap', 'formaction'], ins: ['cite'],
  link: ['href'], object: ['classid', 'codebase', 'data', 'usemap'], q: ['cite'], script: ['src'], source: ['src'], video: ['poster', 'src'],
}

/** …/pods/web/proxy/index.html: apimachinery/pkg/util/proxy, UpgradeAwareHandler. */
export function serveProxy(call: Call): () => void {
  const { client, request, sink, info: { resource, namespace, name, path } } = call
  const at = path.indexOf('/proxy', path.indexOf(`/${resource.name}/`) + resource.name.length + 2)
  const root = path.slice(0, at + '/proxy'.length)
  const rest = path.slice(root.length)
  const mark = request.target.indexOf('?')
  const asked = mark < 0 ? '' : request.target.slice(mark)
  const headers = headersOf(request)
  if (headerOf(headers, 'upgrade') !== undefined) throw notSimulated("a protocol switched through the API server's proxy (kubectl port-forward)")
  if (rest === '' && (request.method === 'GET' || request.method === 'HEAD')) {
    sink.head(301, [NO_CACHE, ['Location', `${root}/${asked}`]])
    sink.end()
    return () => undefined
  }
  return client.proxy(resource.name, namespace, name!, { method: request.method, target: `${rest === '' ? '/' : rest}${asked}`, headers: passedOn(request, headers, path), body: request.body, ...(request.remoteAddress === undefined ? {} : { from: request.remoteAddress }) }, (answer) => {
    if ('error' in answer) return sendStatus(call, unavailable(`error trying to reach service: ${words(answer)}`))
    const { head } = answer
    const back: Header[] = [NO_CACHE]
    for (const [header, value] of head.headers) {
      const lower = header.toLowerCase()
      // the length of an answer that is not sent
      if (lower === 'content-length' && request.method === 'HEAD') back.push(['Content-Length', value])
      if (NOT_PASSED_ON.has(lower) || lower === 'date' || lower.startsWith('access-control-')) continue
      back.push([header, lower === 'location' ? moved(value, root) : value])
    }
    sink.head(head.status, back)
    const body = 'body' in answer ? answer.body : new Uint8Array(0)
    const type = (headerOf(head.headers, 'content-type') ?? '').split(';')[0]!.trim()
    const isPage = type === 'text/html' && headerOf(head.headers, 'content-encoding') === undefined && headerOf(head.headers, 'location') === undefined
    if (body.length > 0) sink.data(isPage ? encodeUtf8(relinked(decodeUtf8(body), root)) : body)
    sink.end()
  })
}

function headersOf({ headers, accept, contentType, userAgent }: ApiRequest): Headers {
  if (headers) return headers.map(([name, value]) => [name, value])
  const all: [string, string | undefined][] = [['User-Agent', userAgent], ['Accept', accept], ['Content-Type', contentType]]
  return all.filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '')
}

/** As Go writes a request: Host, User-Agent, the length, the others by name, and what the transport adds. */
function passedOn({ method, body }: ApiRequest, headers: Headers, path: string): Headers {
  const agent = headerOf(headers, 'user-agent')
  const others = headers.filter(([name]) => !NOT_PASSED_ON.has(name.toLowerCase())).map(([name, value]): [string, string] => [canonical(name), value])
  others.push(['X-Forwarded-Uri', path])
  others.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const packs = headerOf(headers, 'accept-encoding') === undefined && headerOf(headers, 'range') === undefined && method !== 'HEAD'
  return [
    ['Host', headerOf(headers, 'host') ?? 'kubernetes'],
    ...(agent === undefined ? [] : ([['User-Agent', agent]] as Headers)),
    ...(body.length > 0 || method === 'POST' || method === 'PUT' ? ([['Content-Length', String(body.length)]] as Headers) : []),
    ...others,
    ...(packs ? ([['Accept-Encoding', 'gzip']] as Headers) : []),
  ]
}

/** textproto.CanonicalMIMEHeaderKey */
function canonical(name: string): string {
  return name.split('-').map((part) => part.charAt(0).toUpperCase() + part.slice(1).toLowerCase()).join('-')
}

/** An address at the other end, as it is called from here. */
function moved(address: string, root: string): string {
  return address.startsWith('/') && !address.startsWith('//') && !address.startsWith(`${root}/`) ? `${root}${address}` : address
}

function relinked(page: string, root: string): string {
  return page.replace(/<([a-z]+)((?:\s+[^\s"'=<>/]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]+))?)+)/gi, (whole, tag: string, attributes: string) => {
    const links = own(LINKS, tag.toLowerCase())
    if (!links) return whole
    return `<${tag}${attributes.replace(/(\s)([a-z]+)(\s*=\s*)(["']?)([^"'\s>]*)/gi, (one, gap: string, key: string, equals: string, quote: string, value: string) => (links.includes(key.toLowerCase()) ? `${gap}${key}${equals}${quote}${moved(value, root)}` : one))}`
  })
}

/** What Go's transport says. */
function words({ error, phase, tls, at: { host, port } }: Extract<ProxyAnswer, { error: string }>): string {
  if (phase === 'connect') return dialError(host, port, error === 'ETIMEDOUT' ? 'timeout' : reasonOf(error))
  if (tls) return tlsReason(tls)
  if (error === 'SYNTAX') return 'net/http: HTTP/1.x transport connection broken: malformed HTTP response'
  return error === 'EOF' ? 'EOF' : `read tcp ${host}:${port}: read: ${reasonOf(error)}`
}
