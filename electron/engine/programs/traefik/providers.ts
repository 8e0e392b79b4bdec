import { compressProblem, unmade } from './compress.ts'
import { decodeBase64 } from '../../kubernetes/base64.ts'
import { hex, sha256 } from '../../sha256.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import type { Ingress, Secret } from '../../kubernetes/types.ts'
import { byAge } from '../ingress-nginx/configuration.ts'
import { tlsSecret } from '../tls/secrets.ts'
import { parseExpression } from './circuit-breaker.ts'
import { FORWARD_AUTH_FIELDS } from './forward-auth.ts'
import { HEADER_FIELDS } from './guards.ts'
import type { Picture } from './picture.ts'
import { serversOf } from './servers.ts'
import { annotatedSticky } from './sticky.ts'
import { field, normalized, type CustomObject, type Dynamic, type Observability, type Problem, type Router, type TcpRoute, type WeightedService } from './model.ts'
import { parseRule } from './rules.ts'
import { parseTcpRule } from './tcp.ts'
import { addTlsOptions, DEFAULT_OPTION } from './tls-options.ts'
import { addTlsStores } from './tls-stores.ts'
import { transportOf, weigh, type RouteService } from './weigh.ts'

export const CONTROLLER = 'traefik.io/ingress-controller'
const ANNOTATION = 'traefik.ingress.kubernetes.io/'
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class'
const SIMULATED = ['router.entrypoints', 'router.middlewares', 'router.priority', 'router.tls', 'router.tls.options', 'router.pathmatcher', 'router.observability.accesslogs', 'router.observability.metrics', 'router.observability.tracing']
/** They stand with the Service. */
const OF_SERVICES = ['service.passhostheader', 'service.serversscheme', 'service.serverstransport', 'service.nativelb', 'service.nodeportlb']
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
      const problem = (error: string): void => void dynamic.problems.push({ level: 'ERR', text: `Error while reading error page middleware ${field('error', error)} ${field('middleware', metadata.name)} namespace=${metadata.namespace} providerName=kubernetescrd` })
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
      ...(['accesslogs', 'metrics'].some((told) => of(`router.observability.${told}`) === 'false') ? { observability: { accessLogs: of('router.observability.accesslogs') !== 'false', metrics: of('router.observability.metrics') !== 'false' } } : {}),
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
    const own = picture.service(namespace, backend.service.name)?.metadata.annotations ?? {}
    const service = serversOf(picture, { namespace, name: backend.service.name, port, nativeLB: own[`${ANNOTATION}service.nativelb`] === 'true', nodePortLB: own[`${ANNOTATION}service.nodeportlb`] === 'true', by: 'INGRESS' })
    if ('error' in service) {
      problem('Cannot create service', service.error, ` ${field('serviceName', backend.service.name)} servicePort=${JSON.stringify({ [backend.service.port?.name ? 'name' : 'number']: backend.service.port?.name || backend.service.port?.number })}`)
      return undefined
    }
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

interface Route { observability?: Observability; match?: string; priority?: number; syntax?: string; middlewares?: { name: string; namespace?: string }[]; services?: RouteService[] }

function addRoute(picture: Picture, { metadata: { namespace, name }, spec }: CustomObject, dynamic: Dynamic): void {
  const { entryPoints = [], routes = [], tls } = spec as { entryPoints?: string[]; routes?: Route[]; tls?: { secretName?: string; certResolver?: string; options?: { name: string; namespace?: string } } }
  const about = `ingress=${name} namespace=${namespace} providerName=kubernetescrd`
  const problem = (text: string): void => void dynamic.problems.push({ level: 'ERR', text: `${text} ${about}` })
  if (tls?.secretName) addCertificate(picture, namespace, tls.secretName, dynamic, (error) => problem(`Error configuring TLS ${field('error', error)}`))
  if (tls?.certResolver) dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: certResolver of IngressRoute ${namespace}/${name} (use secretName)` })
  const options = !tls?.options || tls.options.name === DEFAULT_OPTION ? undefined : `${tls.options.namespace || namespace}-${tls.options.name}@kubernetescrd`
  for (const { match = '', priority, middlewares = [], services = [], syntax, observability } of routes) {
    if (syntax === 'v2') dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: rule syntax v2 of IngressRoute ${namespace}/${name} (v3 is)` })
    const key = `${normalized(`${namespace}-${name}`)}-${hex(sha256(encodeUtf8(match)).subarray(0, 10))}@kubernetescrd`
    const parsed = parseRule(match)
    if ('error' in parsed) {
      dynamic.problems.push({ level: 'ERR', text: `${field('error', `error while parsing rule ${match}: ${parsed.error}`)} entryPointName=${entryPoints[0] ?? 'web'} ${field('routerName', key)}` })
      continue
    }
    const far = picture.crossNamespace ? undefined : middlewares.find((m) => m.name.endsWith('@kubernetescrd') || (m.namespace && m.namespace !== namespace))
    if (far) {
      problem(`Failed to create middleware keys ${field('error', far.name.includes('@') ? `invalid reference to middleware ${far.name}: with crossnamespace disallowed, the namespace field needs to be explicitly specified` : `middleware ${far.namespace}/${far.name} is not in the IngressRoute namespace ${namespace}`)}`)
      continue
    }
    if (!picture.crossNamespace && options !== undefined && tls!.options!.namespace && tls!.options!.namespace !== namespace) {
      problem(`TLSOption ${tls!.options!.namespace}/${tls!.options!.name} is not in the IngressRoute namespace ${namespace}`)
      continue
    }
    // api@internal and its like are Traefik's own
    const [only, ...others] = services
    const internal = only?.kind === 'TraefikService' && others.length === 0 && only.name.endsWith('@internal') ? only.name : undefined
    const found = internal === undefined ? weigh(picture, services, { namespace, key, problem: (error) => problem(field('error', error)) }, dynamic) : []
    if (!found) continue
    if (internal === undefined) dynamic.services.set(key, found)
    dynamic.routers.push({ name: key, rule: match, matches: parsed.matches, priority: priority || match.length, entryPoints, tls: tls !== undefined, hosts: parsed.hosts, middlewares: middlewares.map((m) => (m.name.includes('@') ? m.name : `${m.namespace ?? namespace}-${m.name}@kubernetescrd`)), service: internal ?? key, ...(options === undefined ? {} : { tlsOptions: options }), ...(observability ? { observability } : {}) })
  }
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
    const far = picture.crossNamespace ? undefined : middlewares.find((m) => m.namespace && m.namespace !== namespace)
    if (far) {
      problem(`Failed to create middleware keys ${field('error', `middleware ${far.namespace}/${far.name} is not in the IngressRouteTCP namespace ${namespace}`)}`)
      continue
    }
    if (services.some((s) => s.serversTransport)) missing('serversTransport', 'the servers get the bytes as they came')
    if (services.some((s) => s.tls || s.proxyProtocol)) missing('tls and proxyProtocol', 'the servers get the bytes as they came')
    const found = weigh(picture, services, { namespace, key: '', problem: (error) => problem(`Cannot create service ${field('error', error)}`) }, dynamic)
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
    const found = weigh(picture, services, { namespace, key: '', problem: (error) => problem(`Cannot create service ${field('error', error)}`) }, dynamic, 'UDP')
    if (found) dynamic.udp.push({ name: `${normalized(`${namespace}-${name}`)}-${i}@kubernetescrd`, priority: 0, entryPoints, services: found })
  }
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
