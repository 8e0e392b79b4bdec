import { VERSION_NAMES } from './version.ts'
import type { GoAnswer } from '../http/go.ts'
import { goJson } from '../http/go.ts'
import { hasGateways } from './flags.ts'
import type { Dynamic, PlainRoute, Router, TcpRoute, WeightedService } from './model.ts'
import { serverValue } from './sticky.ts'

/** api@internal: pkg/api of Traefik v3.3, of what the providers have made. */
export interface ApiState {
  dynamic: Dynamic
  /** Those of {@link dynamic} that are in use. */
  routers: readonly Router[]
  tcp: readonly TcpRoute[]
  flags: ReadonlyMap<string, string>
  entryPoints: readonly { name: string; address: string }[]
  /** ms since 1970. */
  startedAt: number
}

type Row = Record<string, unknown> & { name: string; status: 'enabled' | 'disabled' | 'warning' }
type Kind = 'routers' | 'services' | 'middlewares'

const JSON_TYPE = 'application/json'
const MAX_PRIORITY = '9223372036854775807'
/** What Kubernetes' objects of a TraefikService's or a route's kind were made by. */
const providerOf = (name: string): string => name.slice(name.lastIndexOf('@') + 1)

export function apiAnswer(path: string, query: ReadonlyMap<string, string>, state: ApiState): GoAnswer {
  const parts = path.replace(/^\/api\//, '').split('/').map((part) => decodeURIComponent(part))
  const [first = '', second, third] = parts
  if (path === '/api/version') return json({ Version: VERSION_NAMES.version, Codename: VERSION_NAMES.codename, startDate: `${new Date(state.startedAt).toISOString().replace('Z', '')}000000Z` })
  if (path === '/api/overview') return json(overview(state))
  if (path === '/api/rawdata') return json(raw(state))
  if (first === 'entrypoints' && parts.length <= 2) return second === undefined ? page(state.entryPoints.map(entryPoint), query) : one(state.entryPoints.map(entryPoint), second, 'entry point')
  if ((first === 'http' || first === 'tcp' || first === 'udp') && isKind(second) && parts.length <= 3 && !(first === 'udp' && second === 'middlewares')) {
    const rows = rowsOf(first, second, state)
    return third === undefined ? page(rows, query) : one(rows, third, second.slice(0, -1))
  }
  return { status: 404, headers: [['X-Content-Type-Options', 'nosniff']], body: '404 page not found\n' }
}

function isKind(text: string | undefined): text is Kind {
  return text === 'routers' || text === 'services' || text === 'middlewares'
}

function json(value: unknown, headers: [string, string][] = []): GoAnswer {
  return { headers: [['Content-Type', JSON_TYPE], ...headers], body: `${plainNumbers(goJson(value))}\n` }
}

/** writeError. */
function wrong(status: number, message: string): GoAnswer {
  return { status, headers: [['X-Content-Type-Options', 'nosniff']], body: `${goJson({ message })}\n` }
}

/** math.MaxInt has more digits than a number here. */
function plainNumbers(text: string): string {
  return text.replace(/"@max(-[12])?"/g, (_, less?: string) => String(BigInt(MAX_PRIORITY) + BigInt(less ?? 0)))
}

function one(rows: readonly { name: string }[], name: string, what: string): GoAnswer {
  const row = rows.find((r) => r.name === name)
  return row ? json(row) : wrong(404, `${what} not found: ${name}`)
}

/** pagination (pkg/api/sort.go, criterion.go): "X-Next-Page" is 1 on the last. */
function page(rows: readonly { name: string }[], query: ReadonlyMap<string, string>): GoAnswer {
  const search = (query.get('search') ?? '').toLowerCase()
  const status = query.get('status') ?? ''
  const found = rows.filter((row) => (search === '' || row.name.toLowerCase().includes(search)) && (status === '' || (row as Partial<Row>).status === status))
  const [at, per] = [Number(query.get('page') ?? 1), Number(query.get('per_page') ?? 100)]
  const from = (at - 1) * per
  if (!(at > 0) || !(per > 0) || (from > 0 && from >= found.length)) return wrong(400, `invalid request: page: ${at}, per_page: ${per}`)
  return json(found.slice(from, from + per), [['X-Next-Page', from + per >= found.length ? '1' : String(at + 1)]])
}

function entryPoint({ name, address }: ApiState['entryPoints'][number]): { name: string } {
  const row = {
    address, transport: { lifeCycle: { graceTimeOut: '10s' }, respondingTimeouts: { readTimeout: '1m0s', idleTimeout: '3m0s' } }, forwardedHeaders: {}, http: { maxHeaderBytes: 1_048_576 }, http2: { maxConcurrentStreams: 250 }, udp: { timeout: '3s' }, observability: { accessLogs: true, tracing: true, metrics: true }, name,
  }
  return row
}

function rowsOf(protocol: 'http' | 'tcp' | 'udp', kind: Kind, state: ApiState): Row[] {
  const rows = kind === 'routers' ? routers(protocol, state) : kind === 'services' ? services(protocol, state) : middlewares(protocol, state)
  return rows.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Where a router without entry points is: at those that are not Traefik's own. */
function defaultPoints({ entryPoints }: ApiState): string[] {
  return entryPoints.filter(({ name, address }) => name !== 'traefik' && name !== 'metrics' && !address.endsWith('/udp')).map(({ name }) => name)
}

/** A service of the same provider goes without it. */
function short(service: string, router: string): string {
  return providerOf(service) === providerOf(router) ? service.slice(0, service.lastIndexOf('@')) : service
}

function routers(protocol: 'http' | 'tcp' | 'udp', state: ApiState): Row[] {
  const { dynamic, flags } = state
  if (protocol !== 'http') {
    const routes: readonly (PlainRoute & Partial<TcpRoute>)[] = protocol === 'tcp' ? dynamic.tcp.concat([]) : dynamic.udp
    return routes.map(({ name, entryPoints, rule, priority, middlewares = [], tls, tlsOptions }) => {
      const points = entryPoints.length > 0 ? [...entryPoints] : defaultPoints(state)
      return { entryPoints: points, ...(middlewares.length > 0 ? { middlewares } : {}), service: name.slice(0, name.lastIndexOf('@')), ...(rule === undefined ? {} : { rule, priority }), ...(tls === undefined || tls === 'none' ? {} : { tls: { passthrough: tls === 'passes', ...(tlsOptions === undefined ? {} : { options: tlsOptions }) } }), status: 'enabled', using: points, name, provider: providerOf(name) }
    })
  }
  const own = dynamic.routers.map((router): Row => {
    const points = router.entryPoints.length > 0 ? [...router.entryPoints] : defaultPoints(state)
    const missing = router.middlewares.filter((m) => !dynamic.middlewares.has(m)).map((m) => `middleware "${m}" does not exist`)
    return {
      entryPoints: points, ...(router.middlewares.length > 0 ? { middlewares: router.middlewares } : {}), service: short(router.service, router.name), rule: router.rule, priority: router.priority, ...(router.tls ? { tls: {} } : {}), observability: { accessLogs: true, tracing: true, metrics: true, ...router.observability },
      ...(missing.length > 0 ? { error: missing } : {}), status: missing.length > 0 ? 'disabled' : 'enabled', using: missing.length > 0 ? [] : points, name: router.name, provider: providerOf(router.name),
    }
  })
  const internal = (name: string, rule: string, service: string, priority: string, more: object = {}): Row => ({ entryPoints: ['traefik'], ...more, service, rule, priority, observability: { accessLogs: true, tracing: true, metrics: true }, status: 'enabled', using: ['traefik'], name: `${name}@internal`, provider: 'internal' })
  if (flags.get('api.insecure') === 'true') {
    own.push(internal('api', 'PathPrefix(`/api`)', 'api@internal', '@max-1'))
    if (flags.get('api.dashboard') !== 'false') own.push(internal('dashboard', 'PathPrefix(`/`)', 'dashboard@internal', '@max-2', { middlewares: ['dashboard_redirect@internal', 'dashboard_stripprefix@internal'] }))
  }
  if (flags.has('ping')) own.push(internal('ping', 'PathPrefix(`/ping`)', 'ping@internal', '@max'))
  if (flags.has('metrics.prometheus')) own.push({ ...internal('prometheus', 'PathPrefix(`/metrics`)', 'prometheus@internal', '@max'), entryPoints: [flags.get('metrics.prometheus.entrypoint') ?? 'traefik'], using: [flags.get('metrics.prometheus.entrypoint') ?? 'traefik'] })
  return own
}

function services(protocol: 'http' | 'tcp' | 'udp', state: ApiState): Row[] {
  const { dynamic, flags, routers: used } = state
  const row = (name: string, found: readonly WeightedService[], usedBy: string[]): Row => {
    const urls = found.flatMap((service) => service.endpoints.map((endpoint) => serverValue(service, endpoint)))
    const about = { status: 'enabled' as const, usedBy: usedBy.sort(), name, provider: providerOf(name) }
    if (protocol !== 'http') return { loadBalancer: { servers: urls.map((url) => ({ address: url.slice(url.indexOf('://') + 3) })) }, ...about, type: 'loadbalancer' }
    if (found.length === 1) return { loadBalancer: { ...(urls.length > 0 ? { servers: urls.map((url) => ({ url })) } : {}), passHostHeader: found[0]!.passHost, responseForwarding: { flushInterval: '100ms' } }, ...about, ...(urls.length > 0 ? { serverStatus: Object.fromEntries(urls.map((url) => [url, 'UP'])) } : {}), type: 'loadbalancer' }
    return { weighted: { services: found.map(({ weight, endpoints }, at) => ({ name: `${name.slice(0, name.lastIndexOf('@'))}-${at}`, weight, servers: endpoints.length })) }, ...about, type: 'weighted' }
  }
  if (protocol !== 'http') return (protocol === 'tcp' ? dynamic.tcp : dynamic.udp).map((route) => row(route.name, route.services, [route.name]))
  const rows = [...dynamic.services].map(([name, found]) => row(name, found, used.filter((router) => router.service === name).map((router) => router.name)))
  const internal = ['noop', ...(hasApi(flags) ? ['api', ...(flags.get('api.dashboard') === 'false' ? [] : ['dashboard'])] : []), ...(flags.has('ping') ? ['ping'] : []), ...(flags.has('metrics.prometheus') ? ['prometheus'] : [])]
  for (const name of internal) {
    const own = routers('http', state).filter((router) => router['service'] === `${name}@internal` && router.status === 'enabled').map((router) => router.name)
    rows.push({ status: 'enabled', ...(own.length > 0 ? { usedBy: own } : {}), name: `${name}@internal`, provider: 'internal' })
  }
  return rows
}

function middlewares(protocol: 'http' | 'tcp' | 'udp', { dynamic, routers: used, tcp, flags }: ApiState): Row[] {
  if (protocol === 'tcp') return [...dynamic.tcpMiddlewares].map(([name, { kind, settings }]) => ({ [kind]: settings, status: 'enabled', usedBy: tcp.filter((r) => r.middlewares.includes(name)).map((r) => r.name), name, provider: providerOf(name), type: kind.toLowerCase() }))
  const rows = [...dynamic.middlewares].map(([name, { kind, settings }]): Row => {
    // what a Secret or a service has added is the provider's own
    const shown = kind === 'basicAuth' || kind === 'digestAuth' ? { ...settings, users: String(settings['users'] ?? '').split('\n').filter((line) => line !== '') } : settings
    const by = used.filter((router) => router.middlewares.includes(name)).map((router) => router.name)
    return { [kind]: shown, status: 'enabled', ...(by.length > 0 ? { usedBy: by } : {}), name, provider: providerOf(name), type: kind.toLowerCase() }
  })
  if (flags.get('api.insecure') === 'true' && flags.get('api.dashboard') !== 'false') {
    const row = (name: string, kind: string, settings: object): Row => ({ [kind]: settings, status: 'enabled', usedBy: ['dashboard@internal'], name: `${name}@internal`, provider: 'internal', type: kind.toLowerCase() })
    rows.push(row('dashboard_redirect', 'redirectRegex', { regex: '^(http:\\/\\/(\\[[\\w:.]+\\]|[\\w\\._-]+)(:\\d+)?)\\/$', replacement: '${1}/dashboard/', permanent: true }), row('dashboard_stripprefix', 'stripPrefix', { prefixes: ['/dashboard/', '/dashboard'] }))
  }
  return rows
}

export function hasApi(flags: ReadonlyMap<string, string>): boolean {
  return flags.get('api') === 'true' || flags.get('api.insecure') === 'true' || flags.get('api.dashboard') === 'true'
}

function overview(state: ApiState): object {
  const { flags } = state
  const count = (rows: readonly Row[]): object => ({ total: rows.length, warnings: rows.filter((r) => r.status === 'warning').length, errors: rows.filter((r) => r.status === 'disabled').length })
  const section = (protocol: 'http' | 'tcp' | 'udp'): object => ({ routers: count(routers(protocol, state)), services: count(services(protocol, state)), ...(protocol === 'udp' ? {} : { middlewares: count(middlewares(protocol, state)) }) })
  return {
    http: section('http'), tcp: section('tcp'), udp: section('udp'),
    features: { tracing: '', metrics: flags.has('metrics.prometheus') ? 'Prometheus' : '', accessLog: flags.get('accesslog') === 'true' },
    providers: [...(flags.has('providers.kubernetesingress') ? ['KubernetesIngress'] : []), ...(flags.has('providers.kubernetescrd') ? ['KubernetesCRD'] : []), ...(hasGateways(flags) ? ['KubernetesGateway'] : [])],
  }
}

function raw(state: ApiState): object {
  const table = (rows: readonly Row[]): object | undefined => (rows.length === 0 ? undefined : Object.fromEntries(rows.map(({ name, provider: _provider, type: _type, ...row }) => [name, row])))
  return {
    routers: table(rowsOf('http', 'routers', state)), middlewares: table(rowsOf('http', 'middlewares', state)), services: table(rowsOf('http', 'services', state)),
    tcpRouters: table(rowsOf('tcp', 'routers', state)), tcpServices: table(rowsOf('tcp', 'services', state)), udpRouters: table(rowsOf('udp', 'routers', state)), udpServices: table(rowsOf('udp', 'services', state)),
  }
}
