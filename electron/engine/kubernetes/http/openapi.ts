import type { ApiResource } from '../client.ts'
import { sendBytes, sendJson, sendText, type Exchange } from './exchange.ts'
import { parseAccept } from './negotiate.ts'
import { swaggerProtobuf } from './openapi-protobuf.ts'

/** What kubectl and helm ask for, and its name without the character that media types cannot have: what is answered. */
const SWAGGER_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'
const PROTOBUF = new Set(['application/com.github.proto-openapi.spec.v2@v1.0+protobuf', SWAGGER_PROTOBUF])

/** /openapi/v3, its documents, and /openapi/v2. False: another path. */
export function serveOpenApi(exchange: Exchange): boolean {
  const { info: { path }, client, request } = exchange
  const root = path.replace(/\/$/, '')
  if (root === '/openapi/v3') {
    const paths = Object.fromEntries(client.openApiPaths().map((p) => [p, { serverRelativeURL: `/openapi/v3/${p}?hash=${fingerprint(p, client.resources())}` }]))
    sendJson(exchange, 200, { paths })
    return true
  }
  if (root.startsWith('/openapi/v3/')) {
    const document = client.openApi(root.slice('/openapi/v3/'.length))
    if (document) sendJson(exchange, 200, document)
    else sendText(exchange, 404, '404 page not found\n')
    return true
  }
  if (root !== '/openapi/v2') return false
  for (const { type } of parseAccept(request.accept ?? '*/*')) {
    if (type === 'application/json' || type === 'application/*' || type === '*/*') {
      sendJson(exchange, 200, swagger(exchange).document)
      return true
    }
    if (!PROTOBUF.has(type)) continue
    const found = swagger(exchange)
    sendBytes(exchange, (found.protobuf ??= swaggerProtobuf(found.document)), SWAGGER_PROTOBUF)
    return true
  }
  sendText(exchange, 406, '406 not acceptable\n')
  return true
}

/** Changes when the resources of a group and version change, as clients that keep documents need it. */
function fingerprint(path: string, resources: readonly ApiResource[]): string {
  let hash = 0x811c9dc5
  for (const r of resources) {
    if (`${r.group ? 'apis/' : 'api/'}${r.group ? `${r.group}/` : ''}${r.version}` !== path) continue
    for (const char of `${r.name} ${r.kind} ${r.subresources.join()};`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0
  }
  return hash.toString(16).padStart(8, '0').toUpperCase()
}

interface Swagger { resources: string; document: object; protobuf?: Uint8Array }

/** The last that was made: it takes longer than anything else that is asked. */
let made: Swagger | undefined

/** Everything at once, in the words of Swagger 2.0: references point elsewhere, and a reference has no wrapper. */
function swagger({ client }: Exchange): Swagger {
  const resources = client.openApiPaths().map((path) => `${path} ${fingerprint(path, client.resources())}`).join()
  // the schemas of custom resources may change without their names
  const lasts = client.resources().every((r) => !r.custom)
  if (lasts && made?.resources === resources) return made
  const definitions: Record<string, unknown> = {}
  const paths: Record<string, unknown> = {}
  for (const path of client.openApiPaths()) {
    const document = client.openApi(path)
    if (!document) continue
    for (const [name, schema] of Object.entries(document.components.schemas)) definitions[name] ??= older(schema)
    for (const [name, item] of Object.entries(document.paths)) paths[name] = older(item)
  }
  const document = { swagger: '2.0', info: { title: 'Kubernetes', version: client.serverVersion().gitVersion }, paths, definitions }
  const found: Swagger = { resources, document }
  if (lasts) made = found
  return found
}

/** What v3 says in the words of v2. */
function older(value: unknown, name?: string): unknown {
  if (typeof value === 'string' && name === '$ref') return value.replace('#/components/schemas/', '#/definitions/')
  if (Array.isArray(value)) return value.map((one) => older(one))
  if (typeof value !== 'object' || value === null) return value
  // bodies and answers have their schema without a media type; a parameter is its own schema
  const { allOf, oneOf, content, schema, ...rest } = value as { allOf?: unknown[]; oneOf?: unknown[]; content?: Record<string, { schema?: unknown }>; schema?: object }
  // fields may be called "content" or "oneOf"
  const fields = (map: object): object => Object.fromEntries(Object.entries(map).map(([k, v]) => [k, older(v)]))
  const own = Object.fromEntries(Object.entries(rest).map(([k, v]) => [k, k === 'properties' ? fields(v as object) : older(v, k)]))
  const [only] = Array.isArray(allOf) && allOf.length === 1 ? (older(allOf) as object[]) : []
  const inner = content && Object.values(content)[0]?.schema
  return {
    ...own,
    ...(only ? { ...only } : allOf && !only ? { allOf: older(allOf) } : {}),
    // an integer or a string is a string of a format
    ...(Array.isArray(oneOf) && own['type'] === undefined && !only ? { type: 'string' } : {}),
    ...(inner ? { schema: older(inner) } : {}),
    ...(schema ? (older(schema) as object) : {}),
  }
}
