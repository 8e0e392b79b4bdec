import type { EndpointSlice, Ingress, Service } from '../../kubernetes/types.ts'

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
  rewrite: string | undefined
  /** In a server with regular expressions: the path as one. */
  pattern: RegExp | undefined
}

export interface Server {
  /** "shop.example.com", "*.example.com", or "_" for every other. */
  host: string
  /** Some Ingress of this host rewrites or uses regular expressions: then every path is one. */
  regex: boolean
  locations: Location[]
}

export interface Endpoint { address: string; port: number }

export interface Configuration {
  servers: Map<string, Server>
  backends: Map<string, Endpoint[]>
  /** klog's source, severity and text. */
  notes: { source: string; severity: 'I' | 'W' | 'E'; text: string }[]
}

export interface Picture {
  ingresses: readonly Ingress[]
  service(namespace: string, name: string): Service | undefined
  slices(namespace: string, service: string): readonly EndpointSlice[]
}

/** Answers 404 from inside the controller. */
export const DEFAULT_BACKEND = 'upstream-default-backend'
const ANNOTATION = 'nginx.ingress.kubernetes.io/'
const SIMULATED = new Set(['rewrite-target', 'use-regex', 'ssl-redirect'])

type IngressBackend = NonNullable<Ingress['spec']['defaultBackend']>
interface DraftLocation extends Location { isDefault: boolean; regex: boolean }
interface DraftServer { host: string; locations: DraftLocation[] }

export function configure(picture: Picture): Configuration {
  const configuration: Configuration = { servers: new Map(), backends: new Map(), notes: [] }
  const drafts = new Map<string, DraftServer>()
  const { notes, backends } = configuration
  const rootOf = (host: string, backend: string | undefined): DraftServer => {
    let server = drafts.get(host)
    if (!server) {
      server = { host, locations: [{ path: '/', exact: false, backend: backend ?? DEFAULT_BACKEND, rewrite: undefined, pattern: undefined, isDefault: true, regex: false }] }
      drafts.set(host, server)
    }
    return server
  }
  const backendOf = (ingress: Ingress, { service, resource }: IngressBackend): string => {
    if (!service) {
      notes.push({ source: 'controller.go:1088', severity: 'I', text: `podhop: not simulated: resource backend ${resource?.kind ?? ''}/${resource?.name ?? ''} of Ingress ${keyOf(ingress)} (use a Service)` })
      return DEFAULT_BACKEND
    }
    const port = service.port?.name || String(service.port?.number ?? '')
    const name = `${ingress.metadata.namespace}-${service.name}-${port}`
    if (!backends.has(name)) backends.set(name, endpointsOf(picture, ingress.metadata.namespace, service.name, port, notes))
    return name
  }

  rootOf('_', undefined)
  const ingresses = [...picture.ingresses].sort(byAge)
  for (const ingress of ingresses) {
    tellUnsimulated(ingress, notes)
    const { rules = [], defaultBackend } = ingress.spec
    const fallback = defaultBackend && backendOf(ingress, defaultBackend)
    if (rules.length === 0 && fallback !== undefined) {
      const root = rootOf('_', undefined).locations[0]!
      if (root.isDefault) Object.assign(root, { backend: fallback, isDefault: false })
    }
    for (const { host } of rules) if (host) rootOf(host, fallback)
  }
  for (const ingress of ingresses) {
    const annotations = ingress.metadata.annotations ?? {}
    const rewrite = annotations[`${ANNOTATION}rewrite-target`] || undefined
    const useRegex = annotations[`${ANNOTATION}use-regex`] === 'true'
    for (const { host, http } of ingress.spec.rules ?? []) {
      const { locations } = rootOf(host || '_', undefined)
      for (const { path: written, pathType, backend } of http?.paths ?? []) {
        const path = written || '/'
        const exact = pathType === 'Exact'
        const location: DraftLocation = {
          path, exact, backend: backendOf(ingress, backend), rewrite: rewrite === path ? undefined : rewrite, pattern: undefined, isDefault: false, regex: useRegex,
        }
        const at = locations.findIndex((l) => l.path === path && l.exact === exact)
        if (at < 0) locations.push(location)
        else if (locations[at]!.isDefault) locations[at] = location
      }
    }
  }
  for (const draft of drafts.values()) configuration.servers.set(draft.host, finish(draft, notes))
  return configuration
}

/** In the order in which nginx tries regular expressions; for plain paths the order says nothing. */
function finish({ host, locations }: DraftServer, notes: Configuration['notes']): Server {
  const regex = locations.some((l) => l.regex || l.rewrite !== undefined)
  const sorted = locations.sort((a, b) => b.path.length - a.path.length || (a.path < b.path ? 1 : -1))
  const done: Location[] = []
  for (const { path, exact, backend, rewrite } of sorted) {
    try {
      done.push({ path, exact, backend, rewrite, pattern: regex ? new RegExp(`^${path}`, 'i') : undefined })
    } catch {
      notes.push({ source: 'nginx.go:226', severity: 'E', text: `podhop: not simulated: path ${JSON.stringify(path)} of host ${JSON.stringify(host)}, which is no regular expression here (write another)` })
    }
  }
  return { host, regex, locations: done }
}

function endpointsOf(picture: Picture, namespace: string, name: string, port: string, notes: Configuration['notes']): Endpoint[] {
  const key = JSON.stringify(`${namespace}/${name}`)
  const service = picture.service(namespace, name)
  if (!service) {
    notes.push({ source: 'controller.go:1129', severity: 'W', text: `Error obtaining Service ${key}: no object matching key ${key} in local store` })
    return []
  }
  if (service.spec.type === 'ExternalName') {
    notes.push({ source: 'controller.go:1203', severity: 'W', text: `podhop: not simulated: Service ${key} of type ExternalName behind an Ingress (use one with a selector)` })
    return []
  }
  const wanted = service.spec.ports?.find((p) => p.name === port || String(p.port) === port)
  const endpoints: Endpoint[] = []
  if (wanted && (wanted.protocol ?? 'TCP') === 'TCP') {
    for (const slice of picture.slices(namespace, name)) {
      const target = slice.ports?.find((p) => (p.name ?? '') === (wanted.name ?? ''))?.port
      if (target === undefined || target === null) continue
      for (const { addresses, conditions } of slice.endpoints ?? []) {
        if (conditions?.ready !== false) for (const address of addresses) endpoints.push({ address, port: target })
      }
    }
  }
  if (endpoints.length === 0) notes.push({ source: 'controller.go:1219', severity: 'W', text: `Service ${key} does not have any active Endpoint.` })
  return endpoints
}

function tellUnsimulated(ingress: Ingress, notes: Configuration['notes']): void {
  const tell = (what: string): void => void notes.push({ source: 'store.go:917', severity: 'W', text: `podhop: not simulated: ${what}` })
  for (const [name, value] of Object.entries(ingress.metadata.annotations ?? {})) {
    if (!name.startsWith(ANNOTATION)) continue
    const short = name.slice(ANNOTATION.length)
    if (!SIMULATED.has(short)) tell(`annotation ${name} of Ingress ${keyOf(ingress)} (rewrite-target, use-regex and ssl-redirect are)`)
    else if (short === 'rewrite-target' && (/^https?:/.test(value) || /\$(?![0-9])/.test(value))) tell(`rewrite-target ${value} of Ingress ${keyOf(ingress)} (use a path with $1 to $9)`)
  }
  if (ingress.spec.tls?.length) tell(`TLS of Ingress ${keyOf(ingress)} (its hosts are served on port 80, without a redirect)`)
}

function keyOf({ metadata }: Ingress): string {
  return `${metadata.namespace}/${metadata.name}`
}

function byAge(a: Ingress, b: Ingress): number {
  const [x, y] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp]
  return x === y ? (keyOf(a) < keyOf(b) ? -1 : 1) : x < y ? -1 : 1
}

/** The server for a Host header: its exact name, the longest wildcard, or the one for everything. */
export function serverFor({ servers }: Configuration, host: string): Server {
  const name = host.replace(/:[0-9]+$/, '').toLowerCase()
  const exact = name === '_' ? undefined : servers.get(name)
  if (exact) return exact
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    const wildcard = servers.get(`*${name.slice(dot)}`)
    if (wildcard) return wildcard
  }
  return servers.get('_')!
}

/** The location for a decoded path; a path to redirect to where only its slash is missing (nginx' auto_redirect). */
export function locationFor({ locations, regex }: Server, path: string): Location | { redirect: string } | undefined {
  if (regex) return locations.find((l) => l.pattern!.test(path))
  const exact = locations.find((l) => l.exact && l.path === path)
  if (exact) return exact
  // sorted by length: the first is the longest
  const prefix = locations.find((l) => !l.exact && (path === l.path || path.startsWith(l.path.endsWith('/') ? l.path : `${l.path}/`)))
  if (path !== '/' && locations.some((l) => !l.exact && l.path === `${path}/`) && prefix?.path !== path) return { redirect: `${path}/` }
  return prefix
}
