import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ApiResource, KubernetesClient, ListOptions, PatchType, WriteOptions } from '../../../electron/engine/kubernetes/client.ts'
import { StatusError } from '../../../electron/engine/kubernetes/client.ts'
import { jsonError } from '../../../electron/engine/kubernetes/json-syntax.ts'
import type { KubeObject, Table } from '../../../electron/engine/kubernetes/types.ts'

/**
 * Just enough of the Kubernetes API over HTTP for the real kubectl to be this room's referee: discovery, objects,
 * tables, patches, watches. For tests only.
 */
export interface Served { url: string; close(): Promise<void> }

export async function serve(client: KubernetesClient, settle: () => void): Promise<Served> {
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      try {
        handle(client, request, response, Buffer.concat(chunks).toString(), settle)
      } catch (error) {
        if (!(error instanceof StatusError)) {
          send(response, 500, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: String(error), reason: 'InternalError', code: 500 })
          return
        }
        send(response, error.status.code, error.status)
      }
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((done) => {
      server.closeAllConnections()
      server.close(() => done())
    }),
  }
}

function send(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

const failure = (code: number, reason: string, message: string): StatusError =>
  new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code })

function groups(client: KubernetesClient): Map<string, ApiResource[]> {
  const found = new Map<string, ApiResource[]>()
  for (const r of client.resources()) {
    const key = r.group ? `${r.group}/${r.version}` : r.version
    found.set(key, [...(found.get(key) ?? []), r])
  }
  return found
}

function handle(client: KubernetesClient, request: IncomingMessage, response: ServerResponse, body: string, settle: () => void): void {
  const url = new URL(request.url ?? '/', 'http://x')
  const { pathname: path, searchParams: query } = url
  if (path === '/version') return send(response, 200, { ...client.serverVersion(), gitTreeState: 'clean', compiler: 'gc' })
  if (path === '/api') return send(response, 200, { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] })
  if (path === '/apis') {
    const list = [...groups(client).keys()].filter((g) => g.includes('/')).map((groupVersion) => {
      const [name, version] = groupVersion.split('/')
      return { name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion, version } }
    })
    return send(response, 200, { kind: 'APIGroupList', apiVersion: 'v1', groups: list })
  }
  if (path === '/openapi/v3') {
    return send(response, 200, { paths: Object.fromEntries(client.openApiPaths().map((p) => [p, { serverRelativeURL: `/openapi/v3/${p}` }])) })
  }
  if (path.startsWith('/openapi/v3/')) return send(response, 200, client.openApi(path.slice('/openapi/v3/'.length)))
  const parts = path.split('/').filter((p) => p !== '')
  const group = parts[0] === 'api' ? '' : parts[0] === 'apis' ? (parts[1] ?? '') : undefined
  if (group === undefined) throw failure(404, 'NotFound', 'the server could not find the requested resource')
  const rest = parts.slice(group === '' ? 2 : 3)
  const version = parts[group === '' ? 1 : 2] ?? ''
  const resources = groups(client).get(group ? `${group}/${version}` : version)
  if (!resources) throw failure(404, 'NotFound', 'the server could not find the requested resource')
  if (rest.length === 0) return send(response, 200, discovery(group ? `${group}/${version}` : version, resources))
  let namespace: string | undefined
  if (rest[0] === 'namespaces' && rest.length > 2 && !['status', 'finalize'].includes(rest[2]!)) {
    namespace = rest[1]!
    rest.splice(0, 2)
  }
  const [resource, name, subresource] = rest as [string, string?, string?]
  if (!resources.some((r) => r.name === resource)) throw failure(404, 'NotFound', 'the server could not find the requested resource')
  serveResource(client, request, response, { resource, namespace, name, subresource, query, body: body === '' ? undefined : parse(body), kind: resources.find((r) => r.name === resource)!, settle })
}

function parse(body: string): unknown {
  if (!body.startsWith('{') && !body.startsWith('[')) throw failure(415, 'UnsupportedMediaType', 'only JSON is read here')
  const wrong = jsonError(body)
  if (wrong !== undefined) throw failure(400, 'BadRequest', wrong)
  return JSON.parse(body)
}

interface Call {
  kind: ApiResource
  resource: string
  namespace: string | undefined
  name: string | undefined
  subresource: string | undefined
  query: URLSearchParams
  body: unknown
  settle: () => void
}

function serveResource(client: KubernetesClient, request: IncomingMessage, response: ServerResponse, call: Call): void {
  const { resource, namespace, name, subresource, query, body } = call
  if (call.kind.deprecation) response.setHeader('Warning', `299 - "${call.kind.deprecation}"`)
  const options: WriteOptions = {
    dryRun: query.has('dryRun'),
    fieldManager: query.get('fieldManager') ?? undefined,
    fieldValidation: (query.get('fieldValidation') as WriteOptions['fieldValidation'] | null) ?? 'Warn',
    onWarning: (text) => void response.appendHeader('Warning', `299 - "${text.replace(/["\\]/g, '\\$&')}"`),
  }
  const done = (value: unknown, code = 200): void => {
    call.settle()
    send(response, code, value)
  }
  const table = /as=Table/.test(request.headers.accept ?? '')
  switch (request.method) {
    case 'GET': {
      if (query.get('watch') === 'true' || query.get('watch') === '1') return watch(client, request, response, call, table)
      if (name !== undefined) {
        const object = client.get<KubeObject>(resource, namespace, name)
        if (subresource === 'scale') return send(response, 200, scaleOf(object))
        return send(response, 200, table ? full(client.tableOf(resource, [object]), query) : object)
      }
      const list = listOptions(call)
      if (table) return send(response, 200, full(client.table(resource, list), query))
      const found = client.list(resource, list)
      const apiVersion = call.kind.group ? `${call.kind.group}/${call.kind.version}` : call.kind.version
      return send(response, 200, { kind: `${call.kind.kind}List`, apiVersion, metadata: { resourceVersion: found.resourceVersion, continue: found.continue, remainingItemCount: found.remainingItemCount }, items: found.items })
    }
    case 'POST':
      return done(client.create(resource, namespace, body, options), 201)
    case 'PUT':
      if (subresource === 'scale') return done(scaleOf(client.patch(resource, namespace, name!, 'application/merge-patch+json', { spec: { replicas: (body as { spec: { replicas: number } }).spec.replicas } }, options)))
      return done(client.update(resource, namespace, name!, body, { ...options, subresource }))
    case 'PATCH': {
      const patched = client.patch<KubeObject>(resource, namespace, name!, request.headers['content-type'] as PatchType, body, { ...options, subresource: subresource === 'scale' ? undefined : subresource })
      return done(subresource === 'scale' ? scaleOf(patched) : patched)
    }
    case 'DELETE':
      if (name === undefined) {
        client.deleteCollection(resource, listOptions(call), (body ?? {}) as object)
        return done({ kind: 'Status', apiVersion: 'v1', status: 'Success' })
      }
      return done(client.delete(resource, namespace, name, { ...((body ?? {}) as object), dryRun: options.dryRun || Array.isArray((body as { dryRun?: unknown } | undefined)?.dryRun) }))
    default:
      throw failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource')
  }
}

function scaleOf(object: KubeObject): object {
  const spec = (object as unknown as { spec: { replicas?: number } }).spec
  return { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata: { name: object.metadata.name, namespace: object.metadata.namespace, resourceVersion: object.metadata.resourceVersion }, spec: { replicas: spec.replicas ?? 0 }, status: { replicas: 0 } }
}

function listOptions({ namespace, query }: Call): ListOptions {
  const options: ListOptions = {}
  if (namespace !== undefined) options.namespace = namespace
  if (query.get('labelSelector')) options.labelSelector = query.get('labelSelector')!
  if (query.get('fieldSelector')) options.fieldSelector = query.get('fieldSelector')!
  if (query.get('limit')) options.limit = Number(query.get('limit'))
  if (query.get('continue')) options.continue = query.get('continue')!
  return options
}

/** Tables carry the objects' metadata only, unless all is asked for. */
function full(table: Table, query: URLSearchParams): object {
  const whole = query.get('includeObject') === 'Object'
  return {
    ...table,
    rows: table.rows.map((row) => ({ cells: row.cells, object: whole ? row.object : { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: row.object.metadata } })),
  }
}

function watch(client: KubernetesClient, request: IncomingMessage, response: ServerResponse, call: Call, table: boolean): void {
  response.writeHead(200, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' })
  const resourceVersion = call.query.get('resourceVersion') ?? undefined
  const options = { ...listOptions(call), ...(call.name ? { fieldSelector: `metadata.name=${call.name}` } : {}), ...(resourceVersion && resourceVersion !== '0' ? { resourceVersion } : {}) }
  response.flushHeaders()
  const stop = client.watch(call.resource, options, (event) => {
    if (event.type === 'BOOKMARK' || event.type === 'ERROR') return
    const object = table ? full(client.tableOf(call.resource, [event.object]), call.query) : event.object
    response.write(`${JSON.stringify({ type: event.type, object })}\n`)
  })
  call.settle()
  request.on('close', stop)
  response.on('close', stop)
}

function discovery(groupVersion: string, resources: readonly ApiResource[]): object {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: resources.flatMap((r) => [
      { name: r.name, singularName: r.singular, namespaced: r.namespaced, kind: r.kind, verbs: r.verbs, shortNames: r.shortNames, categories: r.categories },
      ...(r.subresources.includes('scale') ? [{ name: `${r.name}/scale`, singularName: '', namespaced: r.namespaced, group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] }] : []),
    ]),
  }
}
