import { decodeUtf8 } from '../../text.ts'
import type { Process } from '../../machine/types.ts'
import { headerOf, type Headers } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import { httpDate } from '../http/status.ts'
import { described, jsonify, pythonJson, type BinAnswer } from './request.ts'

/** httpbin/core.py: answers made to measure, of the kinds "Dynamic data", "Response inspection" and "Auth" that take arguments. */
const HTML = 'text/html; charset=utf-8'
const SEEN = ['args', 'headers', 'origin', 'url']

export function fromBase64(text: string): string | undefined {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const plain = text.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '')
  if (!/^[A-Za-z0-9+/]*$/.test(plain) || plain.length % 4 === 1) return undefined
  const bits = [...plain].map((c) => alphabet.indexOf(c).toString(2).padStart(6, '0')).join('')
  return decodeUtf8(Uint8Array.from(bits.match(/.{8}/g) ?? [], (b) => Number.parseInt(b, 2)))
}

/** /base64/VALUE */
export function decoded(value: string): BinAnswer {
  const text = value.length % 4 === 0 ? fromBase64(decodeURIComponent(value)) : undefined
  return { type: HTML, body: text ?? 'Incorrect Base64 data try: SFRUUEJJTiBpcyBhd2Vzb21l' }
}

/** /bearer */
export function bearer(request: HttpRequest): BinAnswer {
  const given = headerOf(request.headers, 'authorization') ?? ''
  if (!given.startsWith('Bearer ')) return { status: 401, type: HTML, body: '', headers: [['WWW-Authenticate', 'Bearer']] }
  return jsonify({ authenticated: true, token: given.slice(7) })
}

/** /response-headers: the body tells the headers, its own length among them. */
export function asHeaders(request: HttpRequest): BinAnswer {
  const { args } = described(request, ['args']) as { args: Record<string, string | string[]> }
  const headers: Headers = Object.entries(args).flatMap(([name, values]) => [values].flat().map((value): Headers[number] => [name, value]))
  let length = ''
  for (;;) {
    const answer = jsonify(Object.fromEntries([...Object.entries(args), ['Content-Length', length], ['Content-Type', 'application/json']]))
    const now = String((answer.body as string).length)
    if (now === length) return { ...answer, headers }
    length = now
  }
}

/** /cache and /cache/SECONDS */
export function cached(process: Process, request: HttpRequest, seconds: number | undefined, tag: () => string): BinAnswer {
  if (seconds !== undefined) return { ...jsonify(described(request, SEEN)), headers: [['Cache-Control', `public, max-age=${seconds}`]] }
  if (headerOf(request.headers, 'if-modified-since') !== undefined || headerOf(request.headers, 'if-none-match') !== undefined) return { status: 304, body: '' }
  return { ...jsonify(described(request, SEEN)), headers: [['Last-Modified', httpDate(process.clock.wall())], ['ETag', tag().replaceAll('-', '')]] }
}

/** /etag/TAG */
export function tagged(request: HttpRequest, tag: string): BinAnswer {
  const lists = (name: string): boolean | undefined => {
    const text = headerOf(request.headers, name)
    return text === undefined ? undefined : text.split(',').map((t) => t.trim().replace(/^W\//, '').replace(/^"(.*)"$/, '$1')).some((t) => t === tag || t === '*')
  }
  if (lists('if-none-match')) return { status: 304, body: '', headers: [['ETag', tag]] }
  if (lists('if-match') === false) return { status: 412, type: HTML, body: '' }
  return { ...jsonify(described(request, SEEN)), headers: [['ETag', tag]] }
}

/** /links/N/OFFSET */
export function links(n: number, offset: number): BinAnswer {
  const rows = Array.from({ length: Math.min(Math.max(1, n), 200) }, (_, i) => (i === offset ? `${i} ` : `<a href='/links/${n}/${i}'>${i}</a> `))
  return { type: HTML, body: `<html><head><title>Links</title></head><body>${rows.join('')}</body></html>` }
}

/** /stream/N: as many lines, each a chunk. */
export function streamed(request: HttpRequest, n: number): BinAnswer {
  const seen = described(request, ['url', 'args', 'headers', 'origin'])
  return { type: 'application/json', body: '', chunks: Array.from({ length: Math.min(n, 100) }, (_, id) => `${pythonJson({ ...seen, id })}\n`) }
}

export const DENIED: BinAnswer = {
  type: 'text/plain',
  body: ['', "          .-''''''-.", "        .' _      _ '.", '       /   O      O   \\', '      :                :', '      |                |', '      :       __       :', '       \\  .-"`  `"-.  /', "        '.          .'", "          '-......-'", "     YOU SHOULDN'T BE HERE", ''].join('\n'),
}
