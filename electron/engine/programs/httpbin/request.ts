import { own, put } from '../../own.ts'
import { decodeUtf8 } from '../../text.ts'
import { canonicalHeader, splitTarget } from '../http/go.ts'
import { headerOf, type Headers } from '../http/message.ts'
import { multipart, type FormPart } from '../http/multipart.ts'
import type { HttpRequest } from '../http/server.ts'

export interface BinAnswer {
  status?: number
  /** Content-Type; undefined: none. */
  type?: string
  body: string | Uint8Array
  /** After the length, and before it (Location comes first in Flask's redirects). */
  headers?: Headers
  first?: Headers
  /** Sent one after the other in place of the body, whose length nobody knows then. */
  chunks?: string[]
  /** ms */
  delay?: number
}

/** Flask's jsonify of that time: sorted keys, two blanks, and one before the line's end after a comma. */
export function jsonify(value: unknown): BinAnswer {
  return { type: 'application/json', body: `${pretty(value, '')}\n` }
}

/** json.dumps: one line, with a blank after each comma and colon. */
export function pythonJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  return `{${Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${pythonJson(v)}`).join(', ')}}`
}

function pretty(value: unknown, indent: string): string {
  const inner = `${indent}  `
  const ascii = (text: string): string => JSON.stringify(text).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  if (typeof value === 'string') return ascii(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[\n${value.map((v) => inner + pretty(v, inner)).join(', \n')}\n${indent}]`
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return entries.length === 0 ? '{}' : `{\n${entries.map(([k, v]) => `${inner}${ascii(k)}: ${pretty(v, inner)}`).join(', \n')}\n${indent}}`
}

type Values = Record<string, string | string[]>

function valuesOf(text: string): Values {
  const out: Values = {}
  const decode = (part: string): string => {
    try {
      return decodeURIComponent(part.replaceAll('+', ' '))
    } catch {
      return part
    }
  }
  for (const pair of text.split('&').filter((p) => p !== '')) {
    const [key = '', value = ''] = pair.split(/=(.*)/s).map(decode)
    const former = own(out, key)
    put(out, key, former === undefined ? value : [...(Array.isArray(former) ? former : [former]), value])
  }
  return out
}

/** helpers.get_url: proxies tell how they were asked. */
function schemeOf({ headers }: HttpRequest): string {
  return headerOf(headers, 'x-forwarded-proto') ?? headerOf(headers, 'x-forwarded-protocol') ?? (headerOf(headers, 'x-forwarded-ssl') === 'on' ? 'https' : 'http')
}

/** By name; several of one name as a list. */
function gathered(parts: readonly FormPart[]): Values {
  const out: Values = {}
  for (const { name, data } of parts) {
    const former = own(out, name)
    const value = decodeUtf8(data)
    put(out, name, former === undefined ? value : [...(Array.isArray(former) ? former : [former]), value])
  }
  return out
}

function isForm(request: HttpRequest): boolean {
  return (headerOf(request.headers, 'content-type') ?? '').startsWith('application/x-www-form-urlencoded')
}

/** helpers.get_dict: what the request was, as far as `keys` ask. */
export function described(request: HttpRequest, keys: readonly string[]): Record<string, unknown> {
  const text = decodeUtf8(request.body)
  const host = headerOf(request.headers, 'host') ?? ''
  const form = isForm(request)
  const parts = multipart(request)
  const json = (): unknown => {
    try {
      return JSON.parse(text)
    } catch {
      return null
    }
  }
  const all: Record<string, () => unknown> = {
    args: () => valuesOf(request.target.split(/\?(.*)/s)[1] ?? ''),
    data: () => (form || parts ? '' : text),
    files: () => gathered((parts ?? []).filter((part) => part.file !== undefined)),
    form: () => (form ? valuesOf(text) : gathered((parts ?? []).filter((part) => part.file === undefined))),
    headers: () => headersOf(request),
    json: () => (form || parts ? null : json()),
    method: () => request.method,
    origin: () => headerOf(request.headers, 'x-forwarded-for') ?? request.remoteAddress,
    url: () => `${schemeOf(request)}://${host}${request.target}`,
  }
  return Object.fromEntries(keys.map((key) => [key, all[key]!()]))
}

/** helpers.ENV_HEADERS: what proxies add. */
const HIDDEN = ['X-Varnish', 'X-Request-Start', 'X-Heroku-Queue-Depth', 'X-Real-Ip', 'X-Forwarded-Proto', 'X-Forwarded-Protocol', 'X-Forwarded-Ssl', 'X-Heroku-Queue-Wait-Time', 'X-Forwarded-For', 'X-Heroku-Dynos-In-Use', 'X-Forwarded-Port', 'X-Request-Id', 'Via', 'Total-Route-Time', 'Connect-Time']

export function headersOf(request: HttpRequest): Record<string, string> {
  const show = splitTarget(request.target).query.has('show_env')
  return Object.fromEntries(request.headers.map(([n, v]) => [canonicalHeader(n), v] as const).filter(([n]) => show || !HIDDEN.includes(n)))
}
