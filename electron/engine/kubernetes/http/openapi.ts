import type { ApiResource } from '../client.ts'
import type { OpenApiSchema } from '../openapi/types.ts'
import { sendJson, sendText, type Exchange } from './handler.ts'
import { parseAccept } from './negotiate.ts'

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
  const accepted = parseAccept(request.accept ?? '*/*')
  if (accepted.some((m) => m.type === 'application/json' || m.type === '*/*')) sendJson(exchange, 200, swagger(exchange))
  // the other form is gnostic's protobuf; clients that read only that go on without a schema
  else sendText(exchange, 406, '406 not acceptable\n')
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

/** Everything at once, in the words of Swagger 2.0: references point elsewhere, and a reference has no wrapper. */
function swagger({ client }: Exchange): object {
  const definitions: Record<string, OpenApiSchema> = {}
  const paths: Record<string, unknown> = {}
  for (const path of client.openApiPaths()) {
    const document = client.openApi(path)
    if (!document) continue
    Object.assign(definitions, document.components.schemas)
    for (const [name, item] of Object.entries(document.paths)) paths[name] = withoutContent(item)
  }
  const text = JSON.stringify(definitions).replaceAll('#/components/schemas/', '#/definitions/')
  return { swagger: '2.0', info: { title: 'Kubernetes', version: client.serverVersion().gitVersion }, paths, definitions: unwrap(JSON.parse(text)) }
}

function withoutContent(item: object): object {
  return JSON.parse(JSON.stringify(item, (key, value: unknown) => (key === 'content' ? undefined : value))) as object
}

/** `allOf: [{$ref}]` with a default or a description is `$ref` with them in v2. */
function unwrap(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unwrap)
  if (typeof value !== 'object' || value === null) return value
  const { allOf, ...rest } = value as { allOf?: unknown[] }
  const own = Object.fromEntries(Object.entries(rest).map(([k, v]) => [k, unwrap(v)]))
  const [only] = Array.isArray(allOf) && allOf.length === 1 ? (allOf as object[]) : []
  return only ? { ...own, ...only } : own
}
