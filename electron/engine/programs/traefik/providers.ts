import { compressProblem, unmade } from './compress.ts'
import { decodeBase64 } from '../../kubernetes/base64.ts'
import { hex, sha256 } from '../../sha256.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import type { EndpointSlice, Ingress, IngressClass, Secret, Service } from '../../kubernetes/types.ts'
import { byAge, readyEndpoints } from '../ingress-nginx/configuration.ts'
import { tlsSecret } from '../tls/secrets.ts'
import { readCertificates, type Certificate } from '../tls/x509.ts'
import { parseExpression } from './circuit-breaker.ts'
import { FORWARD_AUTH_FIELDS } from './forward-auth.ts'
import { HEADER_FIELDS } from './guards.ts'
import { annotatedSticky, stickyOf } from './sticky.ts'
import { field, normalized, type CustomObject, type Dynamic, type Mirror, type Problem, type Router, type TcpRoute, type Transport, type WeightedService } from './model.ts'
import { parseRule } from './rules.ts'
import { parseTcpRule } from './tcp.ts'
import { addTlsOptions, DEFAULT_OPTION } from './tls-options.ts'
import { addTlsStores } from './tls-stores.ts'

/** pkg/provider/kubernetes/ingress and …/crd: objects become routers, services, middlewares and certificates. */
export interface Picture {
  ingresses: readonly Ingress[]
  classes: readonly IngressClass[]
  routes: readonly CustomObject[]
  middlewares: readonly CustomObject[]
  tcpRoutes: readonly CustomObject[]
  tcpMiddlewares: readonly CustomObject[]
  tlsStores?: readonly CustomObject[]
  tlsOptions?: readonly CustomObject[]
  /** Whether a certificate has expired is asked when it is shown. */
  wall?(): number
  transport(namespace: string, name: string): CustomObject | undefined
  udpRoutes: readonly CustomObject[]
  traefikService(namespace: string, name: string): CustomObject | undefined
  service(namespace: string, name: string): Service | undefined
  slices(namespace: string, service: string): readonly EndpointSlice[]
  secret(namespace: string, name: string): Secret | undefined
}

export const CONTROLLER = 'traefik.io/ingress-controller'
const ANNOTATION = 'traefik.ingress.kubernetes.io/'
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class'
const SIMULATED = ['router.entrypoints', 'router.middlewares', 'router.priority', 'router.tls', 'router.tls.options', 'router.pathmatcher']
/** They stand with the Service. */
const OF_SERVICES = ['service.passhostheader', 'service.serversscheme', 'service.serverstransport']
const OF_COOKIES = /^service\.sticky\.cookie(\.(name|secure|httponly|samesite|maxage|path))?$/i
const LOWEST = -2_147_483_648

export function provide(picture: Picture): Dynamic {
  const dynamic: Dynamic = { tcp: [], tcpMiddlewares: new Map(), udp: [], routers: [], services: new Map(), middlewares: new Map(), certificates: [], tlsOptions: new Map(), problems: [] }
  for (const { metadata, spec } of picture.middlewares) {
    const [kind = ''] = Object.keys(spec)
    let settings = (spec[kind] ?? {}) as Record<string, unknown>
    const about = `${metadata.namespace}/${metadata.name}`
    const unknown = kind === 'headers' ? Object.keys(settings).filter((k) => !HEADER_FIELDS.has(k)) : kind === 'buffering' ? Object.keys(settings).filter((k) => k !== 'maxRequestBodyBytes') : kind === 'forwardAuth' ? Object.keys(settings).filter((k) => !FORWARD_AUTH_FIELDS.has(k)) : kind === 'retry' ? Object.keys(settings).filter((k) => k !== 'attempts' && k !== 'initialInterval') : []
    if (kind === 'compress') {
      const wrong = compressProblem(settings)
      // a router whose middleware could not be made is out of use
      if (wrong !== undefined) {
        dynamic.problems.push({ level: 'ERR', text: `${field('error', wrong)} entryPointName=web routerName=${about} ${field('middlewareName', `${metadata.namespace}-${metadata.name}@kubernetescrd`)}` })
        continue
      }
      if (unmade(settings).length > 0) dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: ${unmade(settings).join(' and ')} in compress of Middleware ${about} (answers go by gzip, or as they are)` })
    }
    if (kind === 'circuitBreaker' && !parseExpression(String(settings['expression'] ?? ''))) {
      dynamic.problems.push({ level: 'ERR', text: `${field('error', `failed to parse expression ${JSON.stringify(settings['expression'] ?? '')}`)} ${field('middleware', metadata.name)} namespace=${metadata.namespace} providerName=kubernetescrd` })
      continue
    }
    for (const name of unknown) dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: ${kind}.${name} of Middleware ${about} (it is as if it were not there)` })
    if (kind === 'basicAuth' || kind === 'digestAuth') {
      const users = usersOf(picture.secret(metadata.namespace, String(settings['secret'] ?? '')))
      if (users === undefined) {
        // a router whose middleware could not be made is out of use
        dynamic.problems.push({ level: 'ERR', text: `Error while reading ${kind === 'basicAuth' ? 'basic' : 'digest'} auth middleware ${field('error', `failed to load auth credentials: secret '${metadata.namespace}/${String(settings['secret'] ?? '')}' not found`)} ${field('middleware', metadata.name)} namespace=${metadata.namespace} providerName=kubernetescrd` })
        continue
      }
      settings = { ...settings, users }
    }
    if (kind === 'errors') {
      const key = `${metadata.namespace}-${metadata.name}-errorpage-service@kubernetescrd`
      const problem = (text: string): void => void dynamic.problems.push({ level: 'ERR', text: `Error while reading error page middleware ${text} ${field('middleware', metadata.name)} namespace=${metadata.namespace} providerName=kubernetescrd` })
      const found = weigh(picture, [(settings['service'] ?? { name: '' }) as RouteService], { namespace: metadata.namespace, key, problem }, dynamic)
      if (!found) continue
      dynamic.services.set(key, found)
      settings = { ...settings, page: key }
    }
    dynamic.middlewares.set(`${metadata.namespace}-${metadata.name}@kubernetescrd`, { kind, settings, namespace: metadata.namespace })
  }
  addTlsStores(picture.tlsStores ?? [], (namespace, name) => picture.secret(namespace, name), dynamic)
  addTlsOptions(picture.tlsOptions ?? [], (namespace, name) => picture.secret(namespace, name), () => picture.wall?.() ?? 0, dynamic)
  for (const ingress of mine(picture)) addIngress(picture, ingress, dynamic)
  for (const route of picture.routes) addRoute(picture, route, dynamic)
  addTcpMiddlewares(picture.tcpMiddlewares, dynamic)
  for (const route of picture.tcpRoutes) addTcpRoute(picture, route, dynamic)
  for (const route of picture.udpRoutes) addUdpRoute(picture, route, dynamic)
  sortRoutes(dynamic)
  return dynamic
}

/** Names decide between equals, as the configuration is sorted by them. */
export function sortRoutes({ tcp, routers }: Dynamic): void {
  const before = (a: { priority: number; name: string }, b: { priority: number; name: string }): number => b.priority - a.priority || (a.name < b.name ? -1 : 1)
  tcp.sort(before)
  routers.sort(before)
}

/** What a TraefikService, "namespace/name", stands for where another provider's route leads to it. */
export function traefikServiceOf(picture: Picture, key: string, dynamic: Dynamic): WeightedService[] | undefined {
  const [namespace = ''] = key.split('/')
  return groupOf(picture, key, { namespace, key: '-', problem: (text) => void dynamic.problems.push({ level: 'ERR', text: `${text} namespace=${namespace} providerName=kubernetescrd` }) }, true, dynamic, 'TCP', [])
}

/** A Secret's users as htpasswd writes them: of kubernetes.io/basic-auth its one user, else its one key. */
function usersOf(secret: Secret | undefined): string | undefined {
  const text = (key: string): string => {
    const bytes = decodeBase64(secret?.data?.[key] ?? '')
    return typeof bytes === 'number' ? '' : decodeUtf8(bytes)
  }
  if (!secret) return undefined
  if (secret.type === 'kubernetes.io/basic-auth') return `${text('username')}:{PLAIN}${text('password')}`
  const [only, ...more] = Object.keys(secret.data ?? {})
  return only === undefined || more.length > 0 ? undefined : text(only)
}

/** Those of its classes, and those that name none at all. */
export function mine({ ingresses, classes }: Pick<Picture, 'ingresses' | 'classes'>): Ingress[] {
  const own = new Set(classes.filter((c) => c.spec.controller === CONTROLLER).map((c) => c.metadata.name))
  return ingresses.filter(({ metadata, spec }) => {
    if (spec.ingressClassName !== undefined) return own.has(spec.ingressClassName)
    return ['', 'traefik'].includes(metadata.annotations?.[CLASS_ANNOTATION] ?? '')
  }).sort(byAge)
}

function addIngress(picture: Picture, ingress: Ingress, dynamic: Dynamic): void {
  const { namespace, name, annotations = {} } = ingress.metadata
  const of = (short: string): string | undefined => annotations[ANNOTATION + short] || undefined
  const words = (text: string | undefined): string[] => (text ?? '').split(',').map((w) => w.trim()).filter((w) => w !== '')
  for (const full of Object.keys(annotations)) {
    if (full.startsWith(ANNOTATION) && !SIMULATED.includes(full.slice(ANNOTATION.length))) dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: annotation ${full} of Ingress ${namespace}/${name} (it is as if it were not there)` })
  }
  const problem = (text: string, error: string, more = ''): void => void dynamic.problems.push({ level: 'ERR', text: `${text} ${field('error', error)} ${field('ingress', name)} ${field('namespace', namespace)} providerName=kubernetes${more}` })
  for (const { secretName } of ingress.spec.tls ?? []) {
    if (!secretName) dynamic.problems.push({ level: 'ERR', text: `Skipping TLS sub-section: No secret name provided` })
    else addCertificate(picture, namespace, secretName, dynamic, (error) => problem('Error configuring TLS', error))
  }
  const router = (rule: string, key: string, service: string, priority: number | undefined): void => {
    const parsed = parseRule(rule)
    if ('error' in parsed) return void dynamic.problems.push({ level: 'ERR', text: `${field('error', parsed.error)} entryPointName=web ${field('routerName', key)}` })
    dynamic.routers.push({
      name: key, rule, matches: parsed.matches, priority: priority ?? (Number(of('router.priority') ?? 0) || rule.length), entryPoints: words(of('router.entrypoints')), tls: of('router.tls') === 'true', hosts: parsed.hosts, middlewares: words(of('router.middlewares')), service,
      ...(of('router.tls.options') === undefined ? {} : { tlsOptions: of('router.tls.options')! }),
    })
  }
  const add = (backend: NonNullable<Ingress['spec']['defaultBackend']>): string | undefined => {
    if (!backend.service) {
      problem('Cannot create service', `podhop: not simulated: resource backends`)
      return undefined
    }
    const port = backend.service.port?.name || String(backend.service.port?.number ?? '')
    const key = `${namespace}-${backend.service.name}-${port}`
    const service = serviceOf(picture, namespace, backend.service.name, port)
    if ('error' in service) {
      problem('Cannot create service', service.error, ` ${field('serviceName', backend.service.name)} servicePort=${JSON.stringify({ [backend.service.port?.name ? 'name' : 'number']: backend.service.port?.name || backend.service.port?.number })}`)
      return undefined
    }
    const own = picture.service(namespace, backend.service.name)?.metadata.annotations ?? {}
    for (const full of Object.keys(own)) {
      if (full.startsWith(`${ANNOTATION}service.`) && !OF_SERVICES.includes(full.slice(ANNOTATION.length)) && !OF_COOKIES.test(full.slice(ANNOTATION.length))) dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: annotation ${full} of Service ${namespace}/${backend.service.name} (it is as if it were not there)` })
    }
    const scheme = own[`${ANNOTATION}service.serversscheme`]
    if (scheme && !isScheme(scheme)) dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: serversscheme ${scheme} of Service ${namespace}/${backend.service.name} (use http, https or h2c)` })
    // "namespace-name@kubernetescrd"
    const named = /^(.*)@kubernetescrd$/.exec(own[`${ANNOTATION}service.serverstransport`] ?? '')?.[1]
    const transport = named?.startsWith(`${namespace}-`) ? transportOf(picture, namespace, named.slice(namespace.length + 1), dynamic) : undefined
    const sticky = annotatedSticky(own, ANNOTATION, `${key}@kubernetes`)
    dynamic.services.set(`${key}@kubernetes`, [{ ...service, ...(sticky ? { sticky } : {}), ...(transport && !('error' in transport) ? { transport } : {}), passHost: own[`${ANNOTATION}service.passhostheader`] !== 'false', ...(isScheme(scheme) ? { scheme } : {}) }])
    return `${key}@kubernetes`
  }
  const { defaultBackend, rules = [] } = ingress.spec
  if (rules.length === 0 && defaultBackend) {
    if (dynamic.routers.some((r) => r.name === 'default-router@kubernetes')) problem('The default backend already exists.', 'default backend already exists')
    const service = add(defaultBackend)
    if (service !== undefined) router('PathPrefix(`/`)', 'default-router@kubernetes', service, LOWEST)
  }
  for (const { host, http } of rules) {
    for (const { path, pathType, backend } of http?.paths ?? []) {
      const service = add(backend)
      if (service === undefined) continue
      const matcher = pathType === 'Exact' ? 'Path' : pathType === 'Prefix' ? 'PathPrefix' : (of('router.pathmatcher') ?? 'PathPrefix')
      const parts = [...(host ? [hostRule(host)] : []), ...(path ? [`${matcher}(\`${path}\`)`] : [])]
      router(parts.join(' && ') || 'PathPrefix(`/`)', `${normalized(`${namespace}-${name}-${host ?? ''}${path ?? ''}`)}@kubernetes`, service, undefined)
    }
  }
}

function isScheme(text: string | undefined): text is WeightedService['scheme'] {
  return text === 'http' || text === 'https' || text === 'h2c'
}

function hostRule(host: string): string {
  return host.startsWith('*.') ? `HostRegexp(\`^[a-zA-Z0-9-]+${host.slice(1).replaceAll('.', '\\.')}$\`)` : `Host(\`${host}\`)`
}

interface RouteService { serversTransport?: string; kind?: string; name: string; namespace?: string; port?: number | string; scheme?: string; weight?: number; passHostHeader?: boolean; sticky?: object; tls?: boolean; proxyProtocol?: object; percent?: number }
interface Route { match?: string; priority?: number; syntax?: string; middlewares?: { name: string; namespace?: string }[]; services?: RouteService[] }

function addRoute(picture: Picture, { metadata: { namespace, name }, spec }: CustomObject, dynamic: Dynamic): void {
  const { entryPoints = [], routes = [], tls } = spec as { entryPoints?: string[]; routes?: Route[]; tls?: { secretName?: string; certResolver?: string; options?: { name: string; namespace?: string } } }
  const about = `ingress=${name} namespace=${namespace} providerName=kubernetescrd`
  const problem = (text: string): void => void dynamic.problems.push({ level: 'ERR', text: `${text} ${about}` })
  if (tls?.secretName) addCertificate(picture, namespace, tls.secretName, dynamic, (error) => problem(`Error configuring TLS ${field('error', error)}`))
  if (tls?.certResolver) dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: certResolver of IngressRoute ${namespace}/${name} (use secretName)` })
  const options = !tls?.options || tls.options.name === DEFAULT_OPTION ? undefined : `${tls.options.namespace || namespace}-${tls.options.name}@kubernetescrd`
  for (const { match = '', priority, middlewares = [], services = [], syntax } of routes) {
    if (syntax === 'v2') dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: rule syntax v2 of IngressRoute ${namespace}/${name} (v3 is)` })
    const key = `${normalized(`${namespace}-${name}`)}-${hex(sha256(encodeUtf8(match)).subarray(0, 10))}@kubernetescrd`
    const parsed = parseRule(match)
    if ('error' in parsed) {
      dynamic.problems.push({ level: 'ERR', text: `${field('error', `error while parsing rule ${match}: ${parsed.error}`)} entryPointName=${entryPoints[0] ?? 'web'} ${field('routerName', key)}` })
      continue
    }
    // api@internal and its like are Traefik's own
    const [only, ...others] = services
    const internal = only?.kind === 'TraefikService' && others.length === 0 && only.name.endsWith('@internal') ? only.name : undefined
    const found = internal === undefined ? weigh(picture, services, { namespace, key, problem }, dynamic) : []
    if (!found) continue
    if (internal === undefined) dynamic.services.set(key, found)
    dynamic.routers.push({ name: key, rule: match, matches: parsed.matches, priority: priority || match.length, entryPoints, tls: tls !== undefined, hosts: parsed.hosts, middlewares: middlewares.map((m) => (m.name.includes('@') ? m.name : `${m.namespace ?? namespace}-${m.name}@kubernetescrd`)), service: internal ?? key, ...(options === undefined ? {} : { tlsOptions: options }) })
  }
}

interface About { namespace: string; key: string; problem(text: string): void }
interface Group { weighted?: { services?: RouteService[]; sticky?: object }; mirroring?: RouteService & { mirrors?: RouteService[]; mirrorBody?: boolean; maxBodySize?: number } }

/** The services of a route with their weights; undefined where one of them cannot be made. */
function weigh(picture: Picture, services: readonly RouteService[], about: About, dynamic: Dynamic, protocol = 'TCP', within: readonly string[] = []): WeightedService[] | undefined {
  const { namespace, problem } = about
  let found: WeightedService[] = []
  // weights are whole numbers: where a group's are parts of its own, all others are so many times as large
  let scale = 1
  for (const service of services) {
    const of = service.namespace ?? namespace
    const weight = (service.weight ?? 1) * scale
    if (service.kind === 'TraefikService') {
      const inner = groupOf(picture, `${of}/${service.name}`, { ...about, namespace: of }, services.length > 1 || within.length > 0, dynamic, protocol, within)
      if (!inner) return undefined
      const total = Math.max(1, inner.reduce((sum, s) => sum + s.weight, 0))
      found = [...found.map((s) => ({ ...s, weight: s.weight * total })), ...inner.map((s) => ({ ...s, weight: s.weight * weight }))]
      scale *= total
      continue
    }
    const made = serviceOf(picture, of, service.name, String(service.port ?? ''), protocol)
    if ('error' in made) {
      problem(`Cannot create service ${field('error', made.error)}`)
      return undefined
    }
    // a route's only service bears the route's name
    const own = services.length === 1 && within.length === 0 ? about.key : `${normalized(`${of}-${service.name}-${service.port ?? ''}`)}@kubernetescrd`
    const sticky = stickyOf(service.sticky, own)
    const transport = service.serversTransport && protocol === 'TCP' && about.key !== '' ? transportOf(picture, of, service.serversTransport, dynamic) : undefined
    if (transport && 'error' in transport) {
      problem(`Cannot create service ${field('error', transport.error)}`)
      return undefined
    }
    found.push({ ...made, ...(own === about.key ? {} : { name: own }), ...(transport ? { transport } : {}), weight, passHost: service.passHostHeader ?? true, ...(service.scheme === 'https' || service.scheme === 'h2c' ? { scheme: service.scheme } : {}), ...(sticky ? { sticky } : {}) })
  }
  return found
}

/** What a TraefikService stands for: its services, each with the cookie that names it and with those that get copies. */
function groupOf(picture: Picture, key: string, about: About, nested: boolean, dynamic: Dynamic, protocol: string, within: readonly string[]): WeightedService[] | undefined {
  const { weighted, mirroring } = ((within.includes(key) ? undefined : picture.traefikService(...(key.split('/') as [string, string])))?.spec ?? {}) as Group
  const id = `${normalized(key)}@kubernetescrd`
  const inside = [...within, key]
  if (weighted) {
    const members = weighted.services ?? []
    const sticky = stickyOf(weighted.sticky, id)
    if (sticky && (nested || members.some((m) => m.kind === 'TraefikService'))) dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: sticky of TraefikService ${key} among other groups (requests go round robin)` })
    const inner = weigh(picture, members, about, dynamic, protocol, inside)
    if (!inner || !sticky || nested || inner.length !== members.length) return inner
    return inner.map((s, i) => ({ ...s, group: { ...sticky, member: normalized(`${members[i]!.namespace ?? about.namespace}-${members[i]!.name}-${members[i]!.port ?? ''}`) } }))
  }
  if (mirroring) {
    const main = weigh(picture, [mirroring], about, dynamic, protocol, inside)
    const mirrors: Mirror[] = []
    for (const mirror of mirroring.mirrors ?? []) {
      const services = weigh(picture, [mirror], about, dynamic, protocol, inside)
      if (!services) return undefined
      mirrors.push({ group: id, name: `${id} ${mirrors.length}`, percent: mirror.percent ?? 0, services, body: mirroring.mirrorBody ?? true, most: mirroring.maxBodySize ?? -1 })
    }
    return main?.map((s) => ({ ...s, mirrors: [...(s.mirrors ?? []), ...mirrors] }))
  }
  about.problem(`Cannot create service ${field('error', `traefik service ${key} not found`)}`)
  return undefined
}

function addTcpMiddlewares(objects: readonly CustomObject[], dynamic: Dynamic): void {
  for (const { metadata, spec } of objects) {
    const [kind = ''] = Object.keys(spec)
    dynamic.tcpMiddlewares.set(`${metadata.namespace}-${metadata.name}@kubernetescrd`, { kind: kind === 'ipWhiteList' ? 'ipAllowList' : kind, settings: (spec[kind] ?? {}) as Record<string, unknown> })
  }
}

interface RouteTls { passthrough?: boolean; secretName?: string; certResolver?: string; options?: { name: string; namespace?: string } }

/** kubernetes_tcp.go, and what pkg/server/router/tcp refuses. */
function addTcpRoute(picture: Picture, { metadata: { namespace, name }, spec }: CustomObject, dynamic: Dynamic): void {
  const { entryPoints = [], routes = [], tls } = spec as { entryPoints?: string[]; routes?: Route[]; tls?: RouteTls }
  const missing = (what: string, instead: string): void => void dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: ${what} of IngressRouteTCP ${namespace}/${name} (${instead})` })
  const problem = (text: string): void => void dynamic.problems.push({ level: 'ERR', text: `${text} ingress=${name} namespace=${namespace} providerName=kubernetescrd` })
  if (tls?.secretName && !tls.passthrough) addCertificate(picture, namespace, tls.secretName, dynamic, (error) => problem(`Error configuring TLS ${field('error', error)}`))
  if (tls?.certResolver) missing('certResolver', 'use secretName')
  const options = !tls?.options || tls.options.name === DEFAULT_OPTION ? undefined : `${tls.options.namespace || namespace}-${tls.options.name}@kubernetescrd`
  for (const { match = '', priority, middlewares = [], services = [] } of routes) {
    if (match === '') {
      problem('Empty match rule')
      continue
    }
    if (services.some((s) => s.tls || s.proxyProtocol)) missing('tls and proxyProtocol', 'the servers get the bytes as they came')
    const found = weigh(picture, services, { namespace, key: '', problem }, dynamic)
    if (!found) continue
    const key = `${normalized(`${namespace}-${name}`)}-${hex(sha256(encodeUtf8(match)).subarray(0, 10))}@kubernetescrd`
    const refuse = (error: string): void => void dynamic.problems.push({ level: 'ERR', text: `${field('error', error)} entryPointName=${entryPoints[0] ?? 'web'} ${field('routerName', key)}` })
    const parsed = parseTcpRule(match)
    if ('error' in parsed) {
      refuse(`error while parsing rule ${match}: ${parsed.error}`)
      continue
    }
    // without TLS nobody says a name
    if (!tls && parsed.hosts.some((h) => h !== '*')) {
      refuse(`invalid rule: "${match}" , has HostSNI matcher, but no TLS on router`)
      continue
    }
    const catchAll = /^\s*HostSNI\(\s*[`"]\*[`"]\s*\)\s*$/.test(match)
    dynamic.tcp.push({
      name: key, rule: match, matches: parsed.matches, catchAll, tls: !tls ? 'none' : tls.passthrough ? 'passes' : 'ends', priority: priority || (catchAll ? -1 : match.length), entryPoints, services: found, ...(options === undefined ? {} : { tlsOptions: options }),
      middlewares: middlewares.map((m) => (m.name.includes('@') ? m.name : `${m.namespace ?? namespace}-${m.name}@kubernetescrd`)),
    })
  }
}

function addUdpRoute(picture: Picture, { metadata: { namespace, name }, spec }: CustomObject, dynamic: Dynamic): void {
  const { entryPoints = [], routes = [] } = spec as { entryPoints?: string[]; routes?: Route[] }
  for (const [i, { services = [] }] of routes.entries()) {
    const problem = (text: string): void => void dynamic.problems.push({ level: 'ERR', text: `${text} ingress=${name} namespace=${namespace} providerName=kubernetescrd` })
    const found = weigh(picture, services, { namespace, key: '', problem }, dynamic, 'UDP')
    if (found) dynamic.udp.push({ name: `${normalized(`${namespace}-${name}`)}-${i}@kubernetescrd`, priority: 0, entryPoints, services: found })
  }
}

/** ServersTransport of a service: whom it trusts, and by which name. */
function transportOf(picture: Picture, namespace: string, reference: string, dynamic: Dynamic): Transport | { error: string } {
  const found = picture.transport(namespace, reference)
  if (!found) return { error: `serversTransport ${namespace}/${reference} not found` }
  const { serverName, insecureSkipVerify = false, rootCAsSecrets = [], rootCAs = [], ...others } = found.spec as { serverName?: string; insecureSkipVerify?: boolean; rootCAsSecrets?: string[]; rootCAs?: { secret?: string; configMap?: string }[] } & Record<string, unknown>
  for (const other of Object.keys(others)) if (!/^(maxIdleConnsPerHost|disableHTTP2|forwardingTimeouts)$/.test(other)) dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: ${other} of ServersTransport ${namespace}/${reference} (it is as if it were not there)` })
  if (rootCAs.some((r) => r.configMap)) dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: rootCAs in a ConfigMap of ServersTransport ${namespace}/${reference} (use a Secret)` })
  const trusted: Certificate[] = []
  for (const name of [...rootCAsSecrets, ...rootCAs.flatMap((r) => r.secret ?? [])]) {
    const { data = {} } = picture.secret(namespace, name) ?? {}
    const bytes = decodeBase64(data['ca.crt'] ?? data['tls.ca'] ?? '')
    try {
      if (typeof bytes !== 'number') trusted.push(...readCertificates(decodeUtf8(bytes)))
    } catch {
      dynamic.problems.push({ level: 'ERR', text: `Error while loading rootCAs ${field('error', `secret ${namespace}/${name} holds no certificate`)} ${field('secret', name)} providerName=kubernetescrd` })
    }
  }
  return { insecure: insecureSkipVerify, serverName, trusted }
}

function serviceOf(picture: Picture, namespace: string, name: string, port: string, protocol = 'TCP'): WeightedService | { error: string } {
  const service = picture.service(namespace, name)
  if (!service) return { error: 'service not found' }
  if (service.spec.type === 'ExternalName') return { error: `externalName services not allowed: ${namespace}/${name}` }
  const wanted = service.spec.ports?.find((p) => p.name === port || String(p.port) === port)
  if (!wanted) return { error: 'service port not found' }
  const scheme = wanted.port === 443 || wanted.name?.startsWith('https') ? 'https' : 'http'
  return { weight: 1, scheme, passHost: true, endpoints: readyEndpoints(picture, service, port, protocol) }
}

function addCertificate(picture: Picture, namespace: string, name: string, dynamic: Dynamic, problem: (error: string) => void): void {
  const secret = picture.secret(namespace, name)
  if (!secret) return problem(`secret ${namespace}/${name} does not exist`)
  const loaded = tlsSecret(secret)
  if ('error' in loaded) return problem(`secret ${namespace}/${name}: ${loaded.error}`)
  if (!dynamic.certificates.includes(loaded.chain)) dynamic.certificates.push(loaded.chain)
}

/** Routers whose middlewares are not there are out of use. */
export function checkMiddlewares({ routers, middlewares, tcp, tcpMiddlewares }: Dynamic): { routers: Router[]; tcp: TcpRoute[]; problems: Problem[] } {
  const problems: Problem[] = []
  const whole = (known: ReadonlyMap<string, unknown>) => (router: Router | TcpRoute): boolean => {
    const missing = router.middlewares.find((m) => !known.has(m))
    if (missing === undefined) return true
    for (const entryPoint of router.entryPoints.length > 0 ? router.entryPoints : ['web', 'websecure']) problems.push({ level: 'ERR', text: `${field('error', `middleware "${missing}" does not exist`)} ${field('entryPointName', entryPoint)} ${field('routerName', router.name)}` })
    return false
  }
  return { routers: routers.filter(whole(middlewares)), tcp: tcp.filter(whole(tcpMiddlewares)), problems }
}
