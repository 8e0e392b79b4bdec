import type { EndpointSlice, Ingress, IngressClass, Secret, Service } from '../../kubernetes/types.ts'
import { byAge, readyEndpoints } from '../ingress-nginx/configuration.ts'
import { authoritiesOf } from '../tls/client-auth.ts'
import { tlsSecret } from '../tls/secrets.ts'
import type { Certificate } from '../tls/x509.ts'
import { backendSettings, type Backend } from './backend.ts'
import { frontRules, type FrontRules } from './front-rules.ts'
import { globalSettings, type GlobalSettings } from './global.ts'
import { Routes, type Route } from './routes.ts'
import { parseAcl } from './samples.ts'
import { annotated, PREFIXES, secretPath, type Get, type Values } from './values.ts'

/** What the controller makes of the objects: maps of hosts and paths, rules, and backends with their servers. */
export interface Configuration {
  routes: Routes
  /** Rules of the ConfigMap, which count for all requests. */
  general: FrontRules
  /** By "namespace/name" of its Ingress. */
  rules: Map<string, FrontRules>
  defaultBackend: string | undefined
  backends: Map<string, Backend>
  certificates: { chain: readonly Certificate[]; file: string }[]
  /** ssl-certificate of the ConfigMap: for names that no other has. */
  ownCertificate: { chain: readonly Certificate[]; file: string } | undefined
  /** client-ca. */
  clients: { trusted: readonly Certificate[]; optional: boolean; file: string } | undefined
  global: GlobalSettings
  notes: Note[]
}

export interface Note { level: 'WARNING' | 'ERROR'; text: string; source: string }

export interface Picture {
  ingresses: readonly Ingress[]
  classes: readonly IngressClass[]
  /** Of the controller's own ConfigMap: settings of all. */
  global: Values
  /** --ingress.class and --empty-ingress-class. */
  ingressClass: string
  emptyClass: boolean
  controllers: number
  service(namespace: string, name: string): Service | undefined
  slices(namespace: string, service: string): readonly EndpointSlice[]
  secret(namespace: string, name: string): Secret | undefined
}

export const CONTROLLER = 'haproxy.org/ingress-controller'
const FRONT = [
  'path-rewrite', 'ssl-redirect', 'ssl-redirect-code', 'ssl-redirect-port', 'ssl-passthrough', 'whitelist', 'allow-list', 'blacklist', 'deny-list', 'request-set-header', 'response-set-header', 'request-capture', 'request-capture-len',
  'auth-type', 'auth-secret', 'auth-realm', 'rate-limit-requests', 'rate-limit-period', 'rate-limit-status-code', 'src-ip-header', 'set-host', 'request-redirect', 'request-redirect-code',
  'cors-enable', 'cors-allow-origin', 'cors-allow-methods', 'cors-allow-headers', 'cors-max-age', 'cors-allow-credentials',
]
const BACK = ['load-balance', 'forwarded-for', 'server-ssl', 'server-ca', 'server-crt', 'server-proto', 'timeout-server', 'timeout-check', 'check', 'check-http', 'check-interval', 'cookie-persistence', 'cookie-persistence-no-dynamic', 'pod-maxconn', 'send-proxy-protocol', 'scale-server-slots']
const GLOBAL = ['ssl-certificate', 'client-ca', 'client-crt-optional', 'syslog-server', 'log-format', 'timeout-connect', 'timeout-queue', 'proxy-protocol', 'tls-alpn']
/** They change nothing that is to be seen here. */
const HARMLESS = ['timeout-client', 'timeout-client-fin', 'timeout-server-fin', 'timeout-tunnel', 'maxconn', 'nbthread', 'logasap', 'dontlognull', 'abortonclose', 'rate-limit-size', 'hard-stop-after', 'http-connection-mode', 'http-keep-alive', 'http-server-close', 'timeout-http-request', 'timeout-http-keep-alive', 'clean-certs', 'quic-alt-svc-max-age']
const KNOWN: ReadonlySet<string> = new Set([...FRONT, ...BACK, ...HARMLESS])

/** What stands where it is read: an Ingress's annotation, a Service's, a key of the ConfigMap. */
function tellOthers(names: Iterable<string>, owner: string, what: string, more: readonly string[], tell: (level: Note['level'], text: string) => void, prefixed = true): void {
  for (const full of names) {
    const prefix = prefixed ? PREFIXES.find((p) => full.startsWith(p)) : ''
    const short = prefix === undefined ? undefined : full.slice(prefix.length)
    if (short === undefined || KNOWN.has(short) || more.includes(short)) continue
    tell('WARNING', `podhop: not simulated: ${what} ${full} of ${owner} (${/^(auth|client|rate)-/.test(short) ? 'requests are let through without it; guard the backend itself' : 'it is as if it were not there'})`)
  }
}

export function configure(picture: Picture): Configuration {
  const notes: Note[] = []
  const tell = (level: Note['level'], text: string, source = 'ingress/ingress.go:260'): void => void notes.push({ level, text, source })
  const { global } = picture
  tellOthers(Object.keys(global), 'the ConfigMap', 'the key', GLOBAL, tell, false)
  const ofGlobal: Get = (short) => global[short] || undefined
  const around = (of: Get, owner: string, namespace: string): Omit<Parameters<typeof frontRules>[0], 'tls' | 'group'> => ({
    of,
    wrong: (short, text) => tell('ERROR', `${owner}: annotation ${short}: ${text}`, 'ingress/ingress.go:231'),
    warn: (text) => tell('WARNING', text, 'utils/utils.go:113'),
    lacks: (text) => tell('WARNING', `podhop: not simulated: ${text} of ${owner}`),
    secret: (path) => picture.secret(...secretPath(path, namespace)),
  })
  const general = frontRules({ ...around(ofGlobal, 'ConfigMap', ''), tls: false, group: 'Global' })
  const configuration: Configuration = { routes: new Routes(), general, rules: new Map(), defaultBackend: undefined, backends: new Map(), certificates: [], ownCertificate: undefined, clients: undefined, global: globalSettings(ofGlobal, tell), notes }
  trust(configuration, picture, ofGlobal, tell)
  const ingresses = mine(picture)
  for (const ingress of ingresses) {
    const { namespace, name } = ingress.metadata
    const owner = `Ingress '${namespace}/${name}'`
    tellOthers(Object.keys(ingress.metadata.annotations ?? {}), `Ingress ${namespace}/${name}`, 'annotation', ['standalone-backend', 'ingress.class'], tell)
    certificatesOf(ingress, configuration, picture, owner, tell)
    const of: Get = (short) => annotated(ingress.metadata.annotations, short) ?? ofGlobal(short)
    const { defaultBackend, rules = [] } = ingress.spec
    if (defaultBackend) {
      const backend = backendOf(ingress, defaultBackend, configuration, picture, tell, `${owner}: default backend`)
      if (backend) configuration.defaultBackend ??= backend.name
    }
    if (rules.length === 0) continue
    const key = `${namespace}/${name}`
    configuration.rules.set(key, frontRules({ ...around(of, owner, namespace!), tls: (ingress.spec.tls?.length ?? 0) > 0, group: `${namespace}-${name}` }))
    const passthrough = /^(1|t|T|TRUE|true|True)$/.test(of('ssl-passthrough') ?? '')
    for (const { host, http } of rules) {
      for (const { path, pathType, backend } of http?.paths ?? []) {
        const found = backendOf(ingress, backend, configuration, picture, tell, owner)
        if (!found) continue
        const route: Route = { backend: found.name, ingress: key, passthrough }
        const acl = annotated(picture.service(namespace!, backend.service!.name)?.metadata.annotations, 'route-acl')
        const parsed = acl === undefined ? undefined : parseAcl(acl)
        if (parsed && 'lacking' in parsed) tell('WARNING', `podhop: not simulated: ${parsed.lacking} of route-acl of Service ${namespace}/${backend.service!.name} (nothing is sent there)`)
        else if (parsed) configuration.routes.addCustom(route, (host ?? '').toLowerCase(), path ?? '', pathType === 'Exact', acl!, parsed)
        else if (passthrough && !host) tell('ERROR', `${owner}: empty SNI for backend ${found.name},`)
        else configuration.routes.add(route, (host ?? '').toLowerCase(), path ?? '', pathType)
      }
    }
  }
  return configuration
}

/** ssl-certificate and client-ca of the ConfigMap. */
function trust(configuration: Configuration, picture: Picture, of: Get, tell: (level: Note['level'], text: string, source?: string) => void): void {
  const secretOf = (short: string, words: string): Secret | undefined => {
    const path = of(short)
    const [namespace, name] = secretPath(path ?? '', '')
    const found = path === undefined ? undefined : picture.secret(namespace, name)
    if (path !== undefined && !found) tell('ERROR', `${words}: annotation '${short}': secret '${namespace}/${name}' does not exist`, 'controller/global.go:271')
    return found
  }
  const own = secretOf('ssl-certificate', 'default certificate')
  const shown = own && tlsSecret(own)
  if (own && shown && 'chain' in shown) configuration.ownCertificate = { chain: shown.chain, file: `0_${own.metadata.namespace}_${own.metadata.name}.pem` }
  else if (shown && 'error' in shown) tell('ERROR', shown.error, 'controller/global.go:278')
  const ca = secretOf('client-ca', 'client TLS Auth')
  const trusted = ca && authoritiesOf(ca, ['tls.crt', 'ca.crt'])
  if (ca && trusted) configuration.clients = { trusted, optional: of('client-crt-optional') === 'true', file: `/usr/local/etc/haproxy/certs/ca/${ca.metadata.namespace}_${ca.metadata.name}.pem` }
}

function certificatesOf(ingress: Ingress, configuration: Configuration, picture: Picture, owner: string, tell: (level: Note['level'], text: string) => void): void {
  const { namespace } = ingress.metadata
  for (const { secretName } of ingress.spec.tls ?? []) {
    if (!secretName) continue
    const secret = picture.secret(namespace!, secretName)
    const loaded = secret && tlsSecret(secret)
    const file = `${namespace}_${secretName}.pem`
    if (!loaded) tell('WARNING', `${owner}: secret '${namespace}/${secretName}' does not exist`)
    else if ('error' in loaded) tell('ERROR', `${owner}: secret '${namespace}/${secretName}': ${loaded.error}`)
    else if (!configuration.certificates.some((c) => c.file === file)) configuration.certificates.push({ chain: loaded.chain, file })
  }
}

/** The backend of a path, made or, where another path has it already, made again: the last one to speak of it is right. */
function backendOf(ingress: Ingress, { service }: NonNullable<Ingress['spec']['defaultBackend']>, configuration: Configuration, picture: Picture, tell: (level: Note['level'], text: string, source?: string) => void, owner: string): Backend | undefined {
  const { namespace = '', name = '' } = ingress.metadata
  if (!service) return void tell('ERROR', `podhop: not simulated: a resource backend of Ingress ${namespace}/${name} (use a Service)`)
  const port = service.port?.name || String(service.port?.number ?? '')
  const found = picture.service(namespace, service.name)
  if (!found) return void tell('ERROR', `${owner}: service '${namespace}/${service.name}' does not exist`)
  const wanted = found.spec.ports?.find((p) => p.name === port || String(p.port) === port)
  if (!wanted) return void tell('ERROR', `${owner}: service ${service.name}: no service port matching '${port}'`)
  const values = found.metadata.annotations
  tellOthers(Object.keys(values ?? {}), `Service ${namespace}/${service.name}`, 'annotation', ['route-acl', 'standalone-backend'], tell)
  const of: Get = (short) => annotated(values, short) ?? annotated(ingress.metadata.annotations, short) ?? (picture.global[short] || undefined)
  const standalone = of('standalone-backend') === 'true'
  const key = `${standalone ? `ing_${namespace}_${name}` : `${namespace}_${service.name}`}_${wanted.name || wanted.port}`
  if (found.spec.type === 'ExternalName') tell('WARNING', `podhop: not simulated: Service ${namespace}/${service.name} of type ExternalName behind an Ingress (use one with a selector)`)
  const settings = backendSettings({
    of, namespace, controllers: picture.controllers,
    wrong: (short, text) => tell('ERROR', `service '${namespace}/${service.name}': annotation '${short}': ${text}`, 'service/service.go:207'),
    warn: (text) => tell('WARNING', text, 'utils/utils.go:113'),
    lacks: (text) => tell('WARNING', `podhop: not simulated: ${text} of Service ${namespace}/${service.name}`),
    secret: (from, secret) => picture.secret(from, secret),
  })
  const backend = { ...settings, name: key, endpoints: readyEndpoints(picture, found, port) }
  configuration.backends.set(key, backend)
  return backend
}

/** Supported of pkg/ingress/ingress.go: by the annotation, by the IngressClass, by the default class, or by --empty-ingress-class. */
export function mine({ ingresses, classes, ingressClass, emptyClass }: Pick<Picture, 'ingresses' | 'classes' | 'ingressClass' | 'emptyClass'>): Ingress[] {
  const controllerOf = (name: string | undefined): string | undefined => classes.find((c) => c.metadata.name === name)?.spec.controller
  const byDefault = classes.find((c) => c.metadata.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true')?.spec.controller
  const own = ingressClass === '' ? CONTROLLER : `${CONTROLLER}/${ingressClass}`
  return ingresses.filter(({ metadata, spec }) => {
    const annotation = metadata.annotations?.['kubernetes.io/ingress.class'] ?? annotated(metadata.annotations, 'ingress.class') ?? ''
    const controller = annotation === '' && spec.ingressClassName === undefined ? byDefault : controllerOf(spec.ingressClassName)
    if (annotation !== '') return annotation === ingressClass
    if (ingressClass === '') return (spec.ingressClassName === undefined && controller === undefined) || controller === CONTROLLER
    return (spec.ingressClassName === undefined && emptyClass) || controller === own
  }).sort(byAge)
}
