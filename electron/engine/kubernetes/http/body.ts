import { parseDocument } from 'yaml'
import { decodeUtf8 } from '../../text.ts'
import { jsonError } from '../json-syntax.ts'
import { badRequest, tooLargeEntity, unsupportedMediaType } from '../status.ts'
import { decodeProtobuf, isProtobuf } from './protobuf.ts'

/** The API server reads no more of a body than this, in bytes (--max-request-bytes is 3 MiB for JSON and YAML). */
export const MAX_BODY = 3 * 1024 * 1024

const OBJECT_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']

/** The media type without its parameters; none is JSON. */
export function mediaType(contentType: string): string {
  return contentType.split(';')[0]!.trim().toLowerCase() || 'application/json'
}

/** An object or options in a body: JSON, YAML or protobuf. Undefined when there is none. Throws StatusError 400, 413, 415. */
export function parseBody(body: Uint8Array, contentType: string): unknown {
  if (body.length === 0) return undefined
  if (body.length > MAX_BODY) throw tooLargeEntity(MAX_BODY)
  const type = mediaType(contentType)
  if (type === 'application/vnd.kubernetes.protobuf' || isProtobuf(body)) return decodeProtobuf(body)
  if (type === 'application/json' || type === 'application/cbor') return parseJson(decodeUtf8(body))
  if (type === 'application/yaml') return parseYaml(decodeUtf8(body))
  throw unsupportedMediaType(OBJECT_TYPES)
}

/** A patch: JSON, but for apply also YAML. */
export function parsePatch(body: Uint8Array, type: string): unknown {
  if (body.length > MAX_BODY) throw tooLargeEntity(MAX_BODY)
  const text = decodeUtf8(body)
  if (type === 'application/apply-patch+yaml') return parseYaml(text)
  return parseJson(text)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw badRequest(jsonError(text) ?? 'invalid JSON')
  }
}

function parseYaml(text: string): unknown {
  const document = parseDocument(text, { version: '1.1', schema: 'core', uniqueKeys: true, merge: true })
  const [error] = document.errors
  if (error) throw badRequest(`error decoding YAML: error converting YAML to JSON: yaml: ${error.linePos ? `line ${error.linePos[0].line}: ` : ''}${error.message.split('\n')[0]}`)
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown
  } catch (failure) {
    throw badRequest(`error decoding YAML: ${(failure as Error).message}`)
  }
}
