import type { WriteOptions } from './client.ts'
import { isObject } from './json.ts'
import { decode } from './schema/decode.ts'
import { schemaOf } from './schema/index.ts'
import { badRequest } from './status.ts'

/** The body of a request to a subresource that has a kind of its own (Binding, Eviction, Scale, TokenRequest). */
export function decodeSubresource<T>(body: unknown, kind: string, apiVersion: string, options: WriteOptions): T {
  const given = isObject(body) ? body : {}
  const version = apiVersion.split('/').pop()!
  if (given['kind'] !== undefined && given['kind'] !== '' && given['kind'] !== kind) {
    const sent = String(given['kind'])
    throw badRequest(`${sent} in version "${String(given['apiVersion'] ?? apiVersion).split('/').pop()}" cannot be handled as a ${kind}: converting (${sent}) to (${kind}): unknown conversion`)
  }
  const { value, error, unknown } = decode<T>(body, schemaOf(kind))
  const prefix = `${kind} in version "${version}" cannot be handled as a ${kind}: `
  if (error) throw badRequest(prefix + error)
  const validation = options.fieldValidation ?? 'Strict'
  if (unknown.length > 0 && validation === 'Strict') throw badRequest(`${prefix}strict decoding error: ${unknown.join(', ')}`)
  if (validation === 'Warn') for (const text of unknown) options.onWarning?.(text)
  return value
}
