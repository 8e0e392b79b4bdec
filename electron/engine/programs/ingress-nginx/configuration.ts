import type { ConfigMap, EndpointSlice, Ingress, Secret, Service } from '../../kubernetes/types.ts'
import { decodeBase64 } from '../../kubernetes/base64.ts'
import { decodeUtf8 } from '../../text.ts'
import type { Headers } from '../http/message.ts'
import type { Certificate } from '../tls/x509.ts'
import { readGlobal, type Global } from './settings.ts'
import { clientCheck, type ClientCheck } from './auth-tls.ts'
import { readAnnotations, type Annotations, type Canary, type Note } from './annotations.ts'
import { upstreamTls, type UpstreamTls } from './proxy-ssl.ts'
import { certificateFor } from './certificates.ts'

/**
 * What the controller makes of the objects (internal/ingress/controller/controller.go and location.go): servers with
 * locations, as they would stand in nginx.conf, and the endpoints that its balancer keeps apart from it.
 */
export interface Location {
  path: string
  /** ImplementationSpecific counts as Prefix. */
  exact: boolean
  /** Name of a backend, or {@link DEFAULT_BACKEND}. */
  backend: string
  /** In a server with regular expressions: the path as one. */
  pattern: RegExp | undefined
  /** Undefined for the location that only says 404. */
  settings: Annotations | undefined
  /** Basic authentication; without a file everybody is refused with 503. */
  users: string | undefined
  /** Who answers for `default-backend`. */
  fallback: string | undefined
  /** Whose place it is: what the backend of errors is told, and a log may say. */
  about: About
  /** custom-headers: of every answer. */
  headers: Headers
  /** auth-proxy-set-headers: of the request to the server of auth-url. */
  authHeaders: Headers
  /** Why nobody gets through: every request is answered 503. */
  denied: string | undefined
  /** How its servers' certificates are looked at. */
  upstreamTls: UpstreamTls | undefined
  /** The canary of this place. */
  alternative: { backend: string; canary: Canary } | undefined
}

/** Empty where no Ingress says it. */
export interface About { namespace: string; ingress: string; service: string; port: string }

export const NOBODY: About = { namespace: '', ingress: '', service: '', port: '' }

export interface Server {
  /** "shop.example.com", "*.example.com", or "_" for every other. */
  host: string
  /** Some Ingress of this host rewrites or uses regular expressions: then every path is one. */
  regex: boolean
  locations: Location[]
  /** Its `tls` names it; without a chain the controller's own certificate is shown. */
  tls: { chain: readonly Certificate[] | undefined } | undefined
  clients: ClientCheck | undefined
}

export interface Endpoint { address: string; port: number }

export interface Configuration {
  global: Global
  servers: Map<string, Server>
  backends: Map<string, Endpoint[]>
  /** server-alias with regular expressions. */
  patterns: [RegExp, Server][]
  /** from-to-www-redirect: hosts, and those that take their place. */
  redirects: Map<string, string>
  /** ssl-passthrough: hosts, and the Service that their TLS goes to as it came. */
  passthrough: Map<string, Endpoint>
  notes: Note[]
}

export interface Picture {
  /** The controller's ConfigMap. */
  defaults?: Readonly<Record<string, string>>
  ingresses: readonly Ingress[]
  service(namespace: string, name: string): Service | undefined
  slices(namespace: string, service: string): readonly EndpointSlice[]
  secret(namespace: string, name: string): Secret | undefined
  configMap?(namespace: string, name: string): ConfigMap | undefined
  /** --default-backend-service: "namespace/name". */
  defaultService?: string | undefined
}

/** Answers 404 from inside the controller. */
export const DEFAULT_BACKEND = 'upstream-default-backend'

type IngressBackend = NonNullable<Ingress['spec']['defaultBackend']>
interface DraftLocation extends Location { isDefault: boolean }
interface DraftServer extends Pick<Server, 'host' | 'tls' | 'clients'> { locations: DraftLocation[] }

export function configure(picture: Picture): Configuration {
  const configMap = (namespace: string, name: string): ConfigMap | undefined => picture.configMap?.(namespace, name)
  const first: Note[] = []
  const global = readGlobal(picture.defaults ?? {}, configMap, first)
  const configuration: Configuration = { global, servers: new Map(), patterns: [], backends: new Map(), redirects: new Map(), passthrough: new Map(), notes: first }
  const drafts = new Map<string, DraftServer>()
  const { notes, backends } = configuration
  const rootOf = (host: string, backend?: string, settings?: Annotations): DraftServer => {
    let server = drafts.get(host)
    if (!server) {
      server = { host, tls: undefined, clients: undefined, locations: [{ path: '/', exact: false, backend: backend ?? DEFAULT_BACKEND, pattern: undefined, settings, alternative: undefined, users: undefined, fallback: undefined, about: NOBODY, headers: [], authHeaders: [], denied: undefined, upstreamTls: undefined, isDefault: true }] }
      drafts.set(host, server)
    }
    return server
  }
  const backendOf = (ingress: Ingress, { service, resource }: IngressBackend, serviceUpstream = false): string => {
    if (!service) {
      notes.push({ source: 'controller.go:1088', severity: 'I', text: `podhop: not simulated: resource backend ${resource?.kind ?? ''}/${resource?.name ?? ''} of Ingress ${keyOf(ingress)} (use a Service)` })
      return DEFAULT_BACKEND
    }
    const port = service.port?.name || String(service.port?.number ?? '')
    const name = `${ingress.metadata.namespace}-${service.name}-${port}`
    const own = serviceUpstream ? clusterEndpoint(picture.service(ingress.metadata.namespace, service.name), port) : undefined
    if (own) backends.set(name, [own])
    else if (!backends.has(name)) backends.set(name, endpointsOf(picture, ingress.metadata.namespace, service.name, port, notes))
    return name
  }

  const fallbackOf = (ingress: Ingress, { defaultBackend }: Annotations): Location['fallback'] => {
    const { namespace = '' } = ingress.metadata
    const port = defaultBackend === undefined ? undefined : picture.service(namespace, defaultBackend)?.spec.ports?.[0]
    if (!port || defaultBackend === undefined) return undefined
    const name = `custom-default-backend-${namespace}-${defaultBackend}`
    if (!backends.has(name)) backends.set(name, endpointsOf(picture, namespace, defaultBackend, String(port.port), notes))
    return name
  }

  if (picture.defaultService !== undefined) {
    const [namespace = '', name = ''] = picture.defaultService.split('/')
    const port = picture.service(namespace, name)?.spec.ports?.[0]
    backends.set(DEFAULT_BACKEND, endpointsOf(picture, namespace, name, String(port?.port ?? ''), notes))
  }
  rootOf('_')
  const read: { ingress: Ingress; annotations: Annotations }[] = []
  for (const ingress of [...picture.ingresses].sort(byAge)) {
    const parsed = readAnnotations(ingress, picture.defaults)
    if ('refused' in parsed) continue
    notes.push(...parsed.notes)
    read.push({ ingress, annotations: parsed.annotations })
  }
  const plain = read.filter(({ annotations }) => !annotations.canary)
  for (const { ingress, annotations } of plain) {
    const { rules = [], defaultBackend } = ingress.spec
    const fallback = defaultBackend && backendOf(ingress, defaultBackend)
    if (rules.length === 0 && fallback !== undefined) {
      const root = rootOf('_').locations[0]!
      if (root.isDefault) Object.assign(root, { backend: fallback, isDefault: false, settings: annotations })
    }
    const check = annotations.authTls && clientCheck(ingress, annotations.authTls, (namespace, name) => picture.secret(namespace, name), notes)
    for (const { host } of rules) {
      if (check) rootOf(host || '_', fallback, fallback === undefined ? undefined : annotations).clients ??= check
      if (!host) continue
      const server = rootOf(host, fallback, fallback === undefined ? undefined : annotations)
      if (server.tls) continue
      const certificate = certificateFor(ingress, host, (namespace, name) => picture.secret(namespace, name))
      if (certificate?.note) notes.push(certificate.note)
      if (certificate) server.tls = { chain: certificate.chain }
    }
  }
  for (const { ingress, annotations } of plain) {
    for (const { host, http } of ingress.spec.rules ?? []) {
      const { locations } = rootOf(host || '_')
      for (const { path: written, pathType, backend } of http?.paths ?? []) {
        const path = written || '/'
        const exact = pathType === 'Exact'
        const location: DraftLocation = { path, exact, backend: backendOf(ingress, backend, annotations.serviceUpstream), pattern: undefined, settings: annotations, alternative: undefined, users: usersOf(ingress, annotations, picture, notes), fallback: fallbackOf(ingress, annotations), about: { namespace: ingress.metadata.namespace ?? '', ingress: ingress.metadata.name, service: backend.service?.name ?? '', port: String(backend.service?.port?.number ?? backend.service?.port?.name ?? '') }, ...guardedBy(ingress, annotations, { ...headersOf(ingress, annotations, global, configMap, notes), ...authHeadersOf(ingress, annotations, configMap, notes) }, picture, notes), isDefault: false }
        const at = locations.findIndex((l) => l.path === path && l.exact === exact)
        if (at < 0) locations.push(location)
        else if (locations[at]!.isDefault) locations[at] = location
      }
    }
  }
  for (const { ingress, annotations } of read) if (annotations.canary) addCanary(ingress, annotations.canary, drafts, (backend) => backendOf(ingress, backend), notes)
  for (const draft of drafts.values()) configuration.servers.set(draft.host, finish(draft, notes))
  for (const { ingress, annotations } of plain) {
    for (const alias of annotations.aliases) {
      const server = configuration.servers.get(ingress.spec.rules?.[0]?.host || '_')
      if (server && !configuration.servers.has(alias)) configuration.servers.set(alias, server)
    }
    for (const pattern of annotations.aliasPatterns) {
      const server = configuration.servers.get(ingress.spec.rules?.[0]?.host || '_')
      try {
        if (server) configuration.patterns.push([new RegExp(pattern.replace(/^~\*?/, ''), 'i'), server])
      } catch {
        notes.push({ source: 'nginx.go:226', severity: 'E', text: `podhop: not simulated: server-alias ${pattern}, which is no regular expression here (write another)` })
      }
    }
  }
  for (const { ingress, annotations } of plain) {
    if (!annotations.fromToWww) continue
    for (const { host } of ingress.spec.rules ?? []) {
      if (!host || host.startsWith('*')) continue
      const from = host.startsWith('www.') ? host.slice(4) : `www.${host}`
      if (!configuration.servers.has(from)) configuration.redirects.set(from, host)
    }
  }
  const seen = new Set<string>()
  for (const { ingress, annotations } of plain) {
    for (const { host, http } of ingress.spec.rules ?? []) {
      // a host's first Ingress decides, and its root leads the way
      if (!host || seen.has(host)) continue
      seen.add(host)
      if (!annotations.sslPassthrough) continue
      for (const { path, backend } of http?.paths ?? []) {
        const { service } = backend
        const own = service && (path || '/') === '/' ? clusterEndpoint(picture.service(ingress.metadata.namespace, service.name), service.port?.name || String(service.port?.number ?? '')) : undefined
        if (own) configuration.passthrough.set(host, own)
        else if ((path || '/') !== '/') notes.push({ source: 'controller.go:650', severity: 'W', text: `Ignoring SSL Passthrough for location "${path}" in server "${host}"` })
      }
    }
  }
  return configuration
}

/** getServiceClusterEndpoint: what service-upstream has instead of endpoints. */
function clusterEndpoint(service: Service | undefined, port: string): Endpoint | undefined {
  const { clusterIP, ports = [] } = service?.spec ?? {}
  const number = ports.find((p) => p.name === port || String(p.port) === port)?.port
  return clusterIP === undefined || clusterIP === '' || clusterIP === 'None' || number === undefined ? undefined : { address: clusterIP, port: number }
}

/** annotations/customheaders: the ConfigMap of `custom-headers`, whose every name has to be allowed. */
function headersOf({ metadata }: Ingress, { customHeaders }: Annotations, { allowedHeaders }: Global, configMap: (namespace: string, name: string) => ConfigMap | undefined, notes: Note[]): Pick<Location, 'headers' | 'denied'> {
  if (customHeaders === undefined) return { headers: [], denied: undefined }
  const [namespace = '', name = ''] = customHeaders.split('/')
  const found = configMap(namespace, name)
  const headers = Object.entries(found?.data ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  const strange = headers.find(([header]) => !allowedHeaders.includes(header))?.[0]
  const denied = !found ? `unable to find configMap "${customHeaders}"` : strange === undefined ? undefined : `header ${strange} is not allowed, defined allowed headers inside global-allowed-response-headers [${allowedHeaders.join(' ')}]`
  if (denied !== undefined) notes.push({ source: 'annotations.go:198', severity: 'E', text: `"error reading CustomHeaders annotation in Ingress" err=${JSON.stringify(denied)} ingress="${metadata.namespace}/${metadata.name}"` })
  return { headers, denied }
}

/** The file of users that `auth-secret` names. */
function usersOf(ingress: Ingress, { auth }: Annotations, picture: Picture, notes: Note[]): string | undefined {
  if (!auth) return undefined
  const { namespace, name } = ingress.metadata
  const [of, secret] = auth.secret.includes('/') ? (auth.secret.split('/') as [string, string]) : [namespace, auth.secret]
  const found = of === namespace ? picture.secret(of, secret) : undefined
  if (found && auth.map) return Object.entries(found.data ?? {}).map(([user, hash]) => `${user}:${textOf(hash)}\n`).join('')
  const bytes = found?.data?.['auth'] === undefined ? -1 : decodeBase64(found.data['auth'])
  if (typeof bytes !== 'number') return decodeUtf8(bytes)
  const why = of !== namespace ? 'cross namespace usage of secrets is not allowed' : found ? `the secret ${of}/${secret} does not contain a key with value auth` : `unexpected error reading secret ${of}/${secret}: no object matching key "${of}/${secret}" in local store`
  notes.push({ source: 'annotations.go:208', severity: 'E', text: `error reading BasicDigestAuth annotation in Ingress ${namespace}/${name}: ${why}` })
  return undefined
}

function textOf(base64: string): string {
  const bytes = decodeBase64(base64)
  return typeof bytes === 'number' ? '' : decodeUtf8(bytes)
}

/** The ConfigMap of auth-proxy-set-headers (authreq.Parse). */
function authHeadersOf({ metadata }: Ingress, { externalAuth }: Annotations, configMap: (namespace: string, name: string) => ConfigMap | undefined, notes: Note[]): { authHeaders: Headers; denied?: string } {
  const from = externalAuth?.headersFrom
  if (from === undefined) return { authHeaders: [] }
  const [namespace = '', name = ''] = from.split('/')
  const found = namespace === metadata.namespace ? configMap(namespace, name) : undefined
  const headers = Object.entries(found?.data ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  const denied = namespace !== metadata.namespace ? 'cross namespace usage of secrets is not allowed' : !found ? `unable to find configMap ${JSON.stringify(from)}` : headers.some(([header]) => !/^[a-zA-Z\d\-_]+$/.test(header)) ? 'invalid proxy-set-headers in configmap' : undefined
  if (denied === undefined) return { authHeaders: headers }
  notes.push({ source: 'annotations.go:210', severity: 'E', text: `"error reading Ingress annotation" err=${JSON.stringify(denied)} name="ExternalAuth" ingress="${metadata.namespace}/${metadata.name}"` })
  return { authHeaders: [], denied }
}

/** A canary stands beside the same place of another Ingress, or is nothing. */
function addCanary(ingress: Ingress, canary: Canary, drafts: ReadonlyMap<string, DraftServer>, backendOf: (backend: IngressBackend) => string, notes: Note[]): void {
  for (const { host, http } of ingress.spec.rules ?? []) {
    for (const { path, pathType, backend } of http?.paths ?? []) {
      const location = drafts.get(host || '_')?.locations.find((l) => l.path === (path || '/') && l.exact === (pathType === 'Exact') && l.settings)
      const name = backendOf(backend)
      if (location) location.alternative ??= { backend: name, canary }
      else notes.push({ source: 'controller.go:1671', severity: 'W', text: `unable to find real backend for alternative backend ${name}. Deleting.` })
    }
  }
}

/** In the order in which nginx tries regular expressions; for plain paths the order says nothing. */
function finish({ host, locations, tls, clients }: DraftServer, notes: Note[]): Server {
  const rewrites = ({ settings, path }: Location): boolean => settings?.rewriteTarget !== undefined && settings.rewriteTarget !== path
  const regex = locations.some((l) => l.settings?.useRegex || rewrites(l))
  const sorted = locations.sort((a, b) => b.path.length - a.path.length || (a.path < b.path ? 1 : -1))
  const done: Location[] = []
  for (const location of sorted) {
    const { path, exact, backend, settings, alternative, users, fallback, about, headers, authHeaders, denied, upstreamTls: tls } = location
    try {
      const own = settings && settings.rewriteTarget !== undefined && !rewrites(location) ? { ...settings, rewriteTarget: undefined } : settings
      done.push({ path, exact, backend, settings: own, alternative, users, fallback, about, headers, authHeaders, denied, upstreamTls: tls, pattern: regex ? new RegExp(`^${path}`, 'i') : undefined })
    } catch {
      notes.push({ source: 'nginx.go:226', severity: 'E', text: `podhop: not simulated: path ${JSON.stringify(path)} of host ${JSON.stringify(host)}, which is no regular expression here (write another)` })
    }
  }
  return { host, regex, locations: done, tls, clients }
}

/** What can be reached behind a Service's port, given by its name or number. */
export function endpointsOf(picture: Pick<Picture, 'service' | 'slices'>, namespace: string, name: string, port: string, notes: Note[]): Endpoint[] {
  const key = JSON.stringify(`${namespace}/${name}`)
  const service = picture.service(namespace, name)
  if (!service) {
    notes.push({ source: 'controller.go:1129', severity: 'W', text: `Error obtaining Service ${key}: no object matching key ${key} in local store` })
    return []
  }
  if (service.spec.type === 'ExternalName') {
    const wanted = service.spec.ports?.find((p) => p.name === port || String(p.port) === port)
    const target = Number(wanted ? (wanted.targetPort ?? wanted.port) : port)
    if (target > 0) return [{ address: service.spec.externalName ?? '', port: target }]
    notes.push({ source: 'endpointslices.go:68', severity: 'E', text: `ExternalName with an invalid port: ${wanted?.targetPort ?? 0}` })
    return []
  }
  const endpoints = readyEndpoints(picture, service, port)
  if (endpoints.length === 0) notes.push({ source: 'controller.go:1219', severity: 'W', text: `Service ${key} does not have any active Endpoint.` })
  return endpoints
}

/** The ready endpoints of a Service's TCP port. */
export function readyEndpoints(picture: Pick<Picture, 'slices'>, service: Service, port: string, protocol = 'TCP'): Endpoint[] {
  const ports = service.spec.ports?.filter((p) => p.name === port || String(p.port) === port) ?? []
  const wanted = protocol === 'TCP' ? ports[0] : ports.find((p) => p.protocol === protocol)
  if (!wanted || (wanted.protocol ?? 'TCP') !== protocol) return []
  const endpoints: Endpoint[] = []
  for (const slice of picture.slices(service.metadata.namespace, service.metadata.name)) {
    const target = slice.ports?.find((p) => (p.name ?? '') === (wanted.name ?? ''))?.port
    if (target === undefined || target === null) continue
    for (const { addresses, conditions } of slice.endpoints ?? []) {
      if (conditions?.ready !== false) for (const address of addresses) endpoints.push({ address, port: target })
    }
  }
  return endpoints
}

/** What was wrong first is what is said. */
function guardedBy<T extends { denied: string | undefined }>(ingress: Ingress, { denied, proxySsl }: Annotations, headers: T, { secret }: Pick<Picture, 'secret'>, notes: Note[]): T & { upstreamTls: UpstreamTls | undefined } {
  const tls = proxySsl && upstreamTls(ingress, proxySsl, secret)
  const wrong = tls && 'denied' in tls ? tls.denied : undefined
  if (wrong !== undefined) notes.push({ source: 'annotations.go:210', severity: 'E', text: `"error reading Ingress annotation" err=${JSON.stringify(wrong)} name="ProxySSL" ingress="${keyOf(ingress)}"` })
  return { ...headers, denied: denied ?? wrong ?? headers.denied, upstreamTls: tls && !('denied' in tls) ? tls : undefined }
}

function keyOf({ metadata }: Ingress): string {
  return `${metadata.namespace}/${metadata.name}`
}

export function byAge(a: Ingress, b: Ingress): number {
  const [x, y] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp]
  return x === y ? (keyOf(a) < keyOf(b) ? -1 : 1) : x < y ? -1 : 1
}
