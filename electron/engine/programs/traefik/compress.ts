import { gzip } from '../../compression/deflate.ts'
import { framing, outOfChunks } from '../http/framing.ts'
import { headerOf, type Headers } from '../http/message.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'

/** The middleware compress (pkg/middlewares/compress of v3.3, and klauspost/compress/gzhttp): gzip alone of its three encodings. */
const ENCODINGS = ['gzip', 'br', 'zstd']
/** minResponseBodyBytes. */
const MIN_SIZE = 1024
const LEVEL = 5

const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])
const encodingsOf = (settings: Record<string, unknown>): string[] => (list(settings['encodings']).length > 0 ? list(settings['encodings']) : ENCODINGS)

/** Why the middleware cannot be made. */
export function compressProblem(settings: Record<string, unknown>): string | undefined {
  if (list(settings['excludedContentTypes']).length > 0 && list(settings['includedContentTypes']).length > 0) return 'excludedContentTypes and includedContentTypes options are mutually exclusive'
  const unknown = list(settings['encodings']).find((encoding) => !ENCODINGS.includes(encoding))
  if (unknown !== undefined) return `unsupported encoding: ${unknown}`
  const otherwise = settings['defaultEncoding']
  return typeof otherwise === 'string' && otherwise !== '' && !encodingsOf(settings).includes(otherwise) ? `unsupported default encoding: ${otherwise}` : undefined
}

/** Encodings of it that nobody makes here. */
export function unmade(settings: Record<string, unknown>): string[] {
  return encodingsOf(settings).filter((encoding) => encoding !== 'gzip')
}

const mediaType = (value: string | undefined): string => (value ?? '').split(';')[0]!.trim().toLowerCase()

/** `response` and its length on the way, as the client gets them. */
export function shrunk(settings: Record<string, unknown>, request: HttpRequest, response: HttpResponse, length: number): { response: HttpResponse; length: number } {
  const as = { response, length }
  const excluded = ['application/grpc', ...list(settings['excludedContentTypes']).map(mediaType)]
  const included = list(settings['includedContentTypes']).map(mediaType)
  if (request.method === 'HEAD' || response.stream || response.upgrade || excluded.includes(mediaType(headerOf(request.headers, 'content-type')))) return as
  const accepted = headerOf(request.headers, 'accept-encoding')
  const made = encodingsOf(settings).includes('gzip') && (accepted === undefined ? settings['defaultEncoding'] === 'gzip' : takes(accepted))
  if (!made) return as
  const { headers } = response
  const varied: Headers = headers.some(([n, v]) => n.toLowerCase() === 'vary' && v === 'Accept-Encoding') ? headers : withHeader(headers, ['Vary', 'Accept-Encoding'])
  const whole = response.body ?? new Uint8Array(0)
  const plain = headerOf(headers, 'transfer-encoding') === undefined ? whole : outOfChunks(whole)
  const type = mediaType(headerOf(headers, 'content-type'))
  const wanted = included.length > 0 ? included.includes(type) : !excluded.includes(type)
  if (plain.length < Number(settings['minResponseBodyBytes'] || MIN_SIZE) || !wanted || headerOf(headers, 'content-encoding') !== undefined || headerOf(headers, 'content-range') !== undefined) return { response: { ...response, headers: varied }, length }
  const body = gzip(plain, LEVEL)
  const rest = withHeader(varied.filter(([n]) => !['content-length', 'transfer-encoding', 'accept-ranges'].includes(n.toLowerCase())), ['Content-Encoding', 'gzip'])
  const framed = framing(request, { kind: 'response', version: '1.1', status: response.status, reason: '', headers: [] }, body)
  if (framed.chunked) rest.push(['Transfer-Encoding', 'chunked'])
  return { response: { ...response, headers: rest, body: framed.body, close: response.close === true || framed.close }, length: body.length }
}

/** Among the others by its name, as Go writes them; "Connection" and "Transfer-Encoding" stand behind all. */
function withHeader(headers: Headers, header: [string, string]): Headers {
  const last = headers.findIndex(([n]) => n === 'Connection' || n === 'Transfer-Encoding')
  const end = last < 0 ? headers.length : last
  const at = headers.slice(0, end).findIndex(([n]) => n > header[0])
  return headers.toSpliced(at < 0 ? end : at, 0, header)
}

/** "gzip" or "*", unless its weight is 0; and not less than what else is wanted as it is. */
function takes(accepted: string): boolean {
  const weights = new Map(accepted.split(',').map((part) => {
    const [name = '', ...parameters] = part.split(';').map((word) => word.trim().toLowerCase())
    const weight = parameters.find((word) => word.startsWith('q='))
    return [name, weight === undefined ? 1 : Number(weight.slice(2)) || 0] as const
  }))
  const gzipWeight = weights.get('gzip') ?? weights.get('*') ?? 0
  return gzipWeight > 0 && gzipWeight >= (weights.get('identity') ?? 0)
}
