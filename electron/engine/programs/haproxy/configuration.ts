import type { EndpointSlice, Ingress, IngressClass, Secret, Service } from '../../kubernetes/types.ts'
import { byAge, readyEndpoints, type Endpoint } from '../ingress-nginx/configuration.ts'
import { tlsSecret } from '../tls/secrets.ts'
import type { Certificate } from '../tls/x509.ts'
import { corsOf, guardsOf, milliseconds, redirectOf, type Cors, type Guards } from './guards.ts'

/** What the controller makes of the objects: maps of hosts and paths, and backends with their servers. */
export interface Rule {
  host: string
  path: string
  match: 'exact' | 'prefix' | 'begin'
  /** "default_svc_web_http" */
  backend: string
  settings: Settings
}

export interface Settings {
  /** Expression and replacement of replace-path; groups are \1 to \9. */
  rewrites: readonly { pattern: RegExp; replacement: string }[]
  sslRedirect: { status: number; port: string } | undefined
  allow: readonly string[]
  deny: readonly string[]
  balance: Balance
  requestHeaders: readonly (readonly [string, string])[]
  responseHeaders: readonly (readonly [string, string])[]
  forwardedFor: boolean
  serverTls: boolean
  guards: Guards
  /** cookie-persistence. */
  cookie: string | undefined
  setHost: string | undefined
  redirect: { url: string; status: number } | undefined
  cors: Cors | undefined
  /** In ms. */
  connectTimeout: number
  serverTimeout: number
}

type Balance = (typeof BALANCES)[number]
const BALANCES = ['roundrobin', 'static-rr', 'leastconn', 'first', 'source', 'random'] as const

export interface Configuration {
  rules: Rule[]
  defaultBackend: { backend: string; settings: Settings } | undefined
  backends: Map<string, readonly Endpoint[]>
  certificates: (readonly Certificate[])[]
  /** ssl-certificate of the ConfigMap: for names that no other has. */
  ownCertificate: readonly Certificate[] | undefined
  /** ssl-passthrough: where TLS goes as it came, by its name; "*.example.com" for all of a domain. */
  passthrough: { host: string; backend: string }[]
  notes: { level: 'WARNING' | 'ERROR'; text: string }[]
}

export interface Picture {
  ingresses: readonly Ingress[]
  classes: readonly IngressClass[]
  /** Of the controller's own ConfigMap: settings of all. */
  global: Readonly<Record<string, string>>
  service(namespace: string, name: string): Service | undefined
  slices(namespace: string, service: string): readonly EndpointSlice[]
  secret(namespace: string, name: string): Secret | undefined
}

/** HAProxy's times as the controller configures them, in ms. */
const CONNECT_TIMEOUT = 5_000
const SERVER_TIMEOUT = 50_000
export const CONTROLLER = 'haproxy.org/ingress-controller/haproxy'
const SIMULATED = [
  'path-rewrite', 'ssl-redirect', 'ssl-redirect-code', 'ssl-redirect-port', 'ssl-passthrough', 'ssl-certificate', 'whitelist', 'allow-list', 'blacklist', 'deny-list', 'load-balance', 'request-set-header', 'response-set-header', 'forwarded-for', 'server-ssl', 'timeout-server', 'timeout-connect',
  'auth-type', 'auth-secret', 'auth-realm', 'rate-limit-requests', 'rate-limit-period', 'rate-limit-status-code', 'src-ip-header', 'set-host', 'request-redirect', 'request-redirect-code', 'cookie-persistence', 'syslog-server',
  'cors-enable', 'cors-allow-origin', 'cors-allow-methods', 'cors-allow-headers', 'cors-max-age', 'cors-allow-credentials', 'cors-respond-to-options',
]
/** They change nothing that is to be seen here. */
const HARMLESS = ['check', 'check-interval', 'timeout-check', 'timeout-client', 'timeout-client-fin', 'timeout-server-fin', 'timeout-tunnel', 'timeout-queue', 'scale-server-slots', 'maxconn', 'nbthread', 'logasap', 'dontlognull', 'abortonclose', 'rate-limit-size', 'hard-stop-after', 'http-connection-mode', 'http-keep-alive', 'http-server-close', 'timeout-http-request', 'clean-certs', 'quic-alt-svc-max-age', 'standalone-backend']
const PREFIXES = ['haproxy.org/', 'ingress.kubernetes.io/', 'haproxy.com/']

/** What stands where it is read: an Ingress's annotation, a Service's, a key of the ConfigMap. */
function tellOthers(names: Iterable<string>, owner: string, what: string, notes: Configuration['notes'], prefixed = true): void {
  for (const full of names) {
    const prefix = prefixed ? PREFIXES.find((p) => full.startsWith(p)) : ''
    const short = prefix === undefined ? undefined : full.slice(prefix.length)
    if (short === undefined || SIMULATED.includes(short) || HARMLESS.includes(short)) continue
    notes.push({ level: 'WARNING', text: `podhop: not simulated: ${what} ${full} of ${owner} (${/^(auth|client)-/.test(short) ? 'requests are let through without it; guard the backend itself' : 'it is as if it were not there'})` })
  }
}

export function configure(picture: Picture): Configuration {
  const configuration: Configuration = { rules: [], defaultBackend: undefined, backends: new Map(), certificates: [], ownCertificate: undefined, passthrough: [], notes: [] }
  const { notes } = configuration
  tellOthers(Object.keys(picture.global), 'the ConfigMap', 'the key', notes, false)
  const [from, named] = (picture.global['ssl-certificate'] ?? '').split('/')
  const own = from && named ? picture.secret(from, named) : undefined
  const shown = own && tlsSecret(own)
  if (from && named && !own) notes.push({ level: 'WARNING', text: `ssl-certificate: secret '${from}/${named}' does not exist` })
  else if (shown && 'chain' in shown) configuration.ownCertificate = shown.chain
  const backendOf = (ingress: Ingress, { service }: NonNullable<Ingress['spec']['defaultBackend']>): string | undefined => {
    const { namespace, name } = ingress.metadata
    if (!service) {
      notes.push({ level: 'ERROR', text: `podhop: not simulated: a resource backend of Ingress ${namespace}/${name} (use a Service)` })
      return undefined
    }
    const port = service.port?.name || String(service.port?.number ?? '')
    const found = picture.service(namespace, service.name)
    const wanted = found?.spec.ports?.find((p) => p.name === port || String(p.port) === port)
    if (!found || !wanted) {
      notes.push({ level: 'ERROR', text: `Ingress '${namespace}/${name}': ${found ? `service '${namespace}/${service.name}': no service port matching '${port}'` : `service '${namespace}/${service.name}' does not exist`}` })
      return undefined
    }
    const key = `${namespace}_svc_${service.name}_${wanted.name || port}`
    if (found.spec.type === 'ExternalName') notes.push({ level: 'WARNING', text: `podhop: not simulated: Service ${namespace}/${service.name} of type ExternalName behind an Ingress (use one with a selector)` })
    if (!configuration.backends.has(key)) configuration.backends.set(key, readyEndpoints(picture, found, port))
    return key
  }
  for (const ingress of mine(picture)) {
    const { namespace, name } = ingress.metadata
    tellOthers(Object.keys(ingress.metadata.annotations ?? {}), `Ingress ${namespace}/${name}`, 'annotation', notes)
    const known = new Map<string, Settings>()
    const settingsFor = ({ service }: NonNullable<Ingress['spec']['defaultBackend']>): Settings => {
      const found = service && picture.service(namespace, service.name)
      const at = service?.name ?? ''
      let settings = known.get(at)
      if (settings) return settings
      if (found) tellOthers(Object.keys(found.metadata.annotations ?? {}), `Service ${namespace}/${at}`, 'annotation', notes)
      settings = settingsOf(ingress, found?.metadata.annotations ?? {}, picture, notes)
      known.set(at, settings)
      return settings
    }
    for (const { secretName } of ingress.spec.tls ?? []) {
      const secret = secretName ? picture.secret(namespace, secretName) : undefined
      const loaded = secret && tlsSecret(secret)
      if (secretName && !secret) notes.push({ level: 'WARNING', text: `Ingress '${namespace}/${name}': secret '${namespace}/${secretName}' does not exist` })
      else if (loaded && 'error' in loaded) notes.push({ level: 'ERROR', text: `Ingress '${namespace}/${name}': secret '${namespace}/${secretName ?? ''}': ${loaded.error}` })
      else if (loaded && !configuration.certificates.includes(loaded.chain)) configuration.certificates.push(loaded.chain)
    }
    const { defaultBackend, rules = [] } = ingress.spec
    if (defaultBackend && !configuration.defaultBackend) {
      const backend = backendOf(ingress, defaultBackend)
      if (backend !== undefined) configuration.defaultBackend = { backend, settings: settingsFor(defaultBackend) }
    }
    for (const { host, http } of rules) {
      for (const { path, pathType, backend } of http?.paths ?? []) {
        const key = backendOf(ingress, backend)
        if (key === undefined) continue
        const annotated = PREFIXES.map((p) => ingress.metadata.annotations?.[`${p}ssl-passthrough`]).find((v) => v !== undefined) ?? picture.global['ssl-passthrough']
        if (annotated === 'true') {
          if (host) configuration.passthrough.push({ host: host.toLowerCase(), backend: key })
          else notes.push({ level: 'ERROR', text: `Ingress '${namespace}/${name}': empty SNI for backend ${key},` })
          continue
        }
        configuration.rules.push({ host: (host ?? '').toLowerCase(), path: path || '/', match: pathType === 'Exact' ? 'exact' : pathType === 'Prefix' ? 'prefix' : 'begin', backend: key, settings: settingsFor(backend) })
      }
    }
  }
  return configuration
}

export function mine({ ingresses, classes }: Pick<Picture, 'ingresses' | 'classes'>): Ingress[] {
  const own = new Set(classes.filter((c) => c.spec.controller === CONTROLLER).map((c) => c.metadata.name))
  return ingresses.filter(({ metadata, spec }) => (spec.ingressClassName === undefined ? metadata.annotations?.['kubernetes.io/ingress.class'] === 'haproxy' : own.has(spec.ingressClassName))).sort(byAge)
}

/** `service`: its annotations, which go before the Ingress's in what belongs to a backend. */
function settingsOf(ingress: Ingress, service: Readonly<Record<string, string>>, picture: Picture, notes: Configuration['notes']): Settings {
  const { namespace, name, annotations = {} } = ingress.metadata
  const { global } = picture
  const key = `${namespace}/${name}`
  const annotated = (all: Readonly<Record<string, string>>, short: string): string | undefined => PREFIXES.map((p) => all[p + short]).find((v) => v !== undefined && v !== '')
  const of = (short: string): string | undefined => annotated(annotations, short) ?? (global[short] || undefined)
  const ofBackend = (short: string): string | undefined => annotated(service, short) ?? of(short)
  const wrong = (short: string, text: string): void => void notes.push({ level: 'ERROR', text: `Ingress '${key}': annotation '${short}': ${text}` })
  const list = (text: string | undefined): string[] => (text ?? '').split(/[\s,]+/).filter((w) => w !== '')
  const headers = (text: string | undefined): [string, string][] => (text ?? '').split('\n').map((l) => /^\s*(\S+)\s+(.*?)\s*$/.exec(l)).filter((m) => m !== null).map((m) => [m[1]!, m[2]!.replace(/^"(.*)"$/, '$1')])
  const rewrites: { pattern: RegExp; replacement: string }[] = []
  for (const line of (of('path-rewrite') ?? '').split('\n')) {
    const words = list(line)
    if (words.length === 0) continue
    try {
      rewrites.push(words.length === 1 ? { pattern: /(.*)/, replacement: words[0]! } : { pattern: new RegExp(words[0]!), replacement: words[1]! })
    } catch {
      notes.push({ level: 'ERROR', text: `Ingress '${key}': annotation 'path-rewrite': incorrect value '${line}'` })
    }
  }
  const asked = of('ssl-redirect')
  const redirect = asked === undefined ? (ingress.spec.tls?.length ?? 0) > 0 : asked === 'true'
  const balance = ofBackend('load-balance') ?? 'roundrobin'
  const known = BALANCES.find((b) => b === balance)
  if (!known) notes.push({ level: 'WARNING', text: `podhop: not simulated: load-balance ${balance} of Ingress ${key} (served as roundrobin; ${BALANCES.slice(1).join(', ')} are)` })
  return {
    rewrites,
    // the controller's own port is the default, whatever port its Service has (ssl-redirect-port)
    sslRedirect: redirect ? { status: Number(of('ssl-redirect-code') ?? 302), port: of('ssl-redirect-port') ?? '8443' } : undefined,
    allow: list(of('allow-list') ?? of('whitelist')),
    deny: list(of('deny-list') ?? of('blacklist')),
    balance: known ?? 'roundrobin',
    requestHeaders: headers(of('request-set-header')),
    responseHeaders: headers(of('response-set-header')),
    forwardedFor: ofBackend('forwarded-for') !== 'false',
    serverTls: ofBackend('server-ssl') === 'true',
    guards: guardsOf(of, key, wrong, (of) => {
      const [first = '', second] = of.split('/')
      return second === undefined ? picture.secret(namespace, first) : picture.secret(first, second)
    }),
    cookie: ofBackend('cookie-persistence'),
    setHost: of('set-host'),
    redirect: redirectOf(of),
    cors: corsOf(of, wrong),
    connectTimeout: milliseconds(global['timeout-connect']) ?? CONNECT_TIMEOUT,
    serverTimeout: milliseconds(ofBackend('timeout-server')) ?? SERVER_TIMEOUT,
  }
}

/** Exact host, then its parent's wildcard, then no host; of the paths the exact one, then the longest. */
export function ruleFor({ rules }: Configuration, host: string, path: string): Rule | undefined {
  for (const candidate of [host, host.includes('.') ? `*${host.slice(host.indexOf('.'))}` : '', '']) {
    const here = rules.filter((r) => r.host === candidate && (candidate !== '' || r.host === ''))
    if (here.length === 0) continue
    const exact = here.find((r) => r.match === 'exact' && r.path === path)
    if (exact) return exact
    const fits = ({ path: p, match }: Rule): boolean => (match === 'begin' ? path.startsWith(p) : match === 'prefix' && (path === p.replace(/\/$/, '') || path.startsWith(p.endsWith('/') ? p : `${p}/`)))
    const best = here.filter(fits).sort((a, b) => b.path.length - a.path.length)[0]
    if (best) return best
  }
  return undefined
}
