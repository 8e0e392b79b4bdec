import type { Secret } from '../../kubernetes/types.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import { authoritiesOf, goRefusal, namesOf } from '../tls/client-auth.ts'
import type { ClientAuth } from '../tls/socket.ts'
import { ALERTS } from '../tls/wire.ts'
import type { Certificate } from '../tls/x509.ts'
import { field, type CustomObject, type Dynamic, type Problem, type Router, type TcpRoute } from './model.ts'

/** TLSOption (buildTLSOptions of pkg/provider/kubernetes/crd, and pkg/tls/tlsmanager.go). */
export interface TlsOption {
  strict: boolean
  alpn: readonly string[] | undefined
  clients: ClientAuth | undefined
  /** It cannot be made: connections for its routers are closed. */
  error: string | undefined
}

export const DEFAULT_OPTION = 'default'
const TYPES: readonly string[] = ['NoClientCert', 'RequestClientCert', 'RequireAnyClientCert', 'VerifyClientCertIfGiven', 'RequireAndVerifyClientCert']
/** As Go names them: what is older than TLS 1.3 is not spoken here. */
const VERSIONS: readonly string[] = ['VersionTLS10', 'VersionTLS11', 'VersionTLS12', 'VersionTLS13']
const FIELDS: readonly string[] = ['minVersion', 'maxVersion', 'cipherSuites', 'curvePreferences', 'clientAuth', 'sniStrict', 'alpnProtocols', 'preferServerCipherSuites', 'disableSessionTickets']

export function addTlsOptions(objects: readonly CustomObject[], secret: (namespace: string, name: string) => Secret | undefined, wall: () => number, dynamic: Dynamic): void {
  const defaults: string[] = []
  for (const { metadata: { namespace, name }, spec } of objects) {
    const { clientAuth = {}, sniStrict = false, alpnProtocols, maxVersion, minVersion } = spec as { clientAuth?: { secretNames?: string[]; clientAuthType?: string }; sniStrict?: boolean; alpnProtocols?: string[]; maxVersion?: string; minVersion?: string }
    const tell = (level: Problem['level'], text: string): void => void dynamic.problems.push({ level, text: `${text} namespace=${namespace} providerName=kubernetescrd ${field('tlsOption', name)}` })
    for (const other of Object.keys(spec)) if (!FIELDS.includes(other)) dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: ${other} of TLSOption ${namespace}/${name} (it is as if it were not there)` })
    if (maxVersion && maxVersion !== 'VersionTLS13') dynamic.problems.push({ level: 'WRN', text: `podhop: not simulated: maxVersion ${maxVersion} of TLSOption ${namespace}/${name} (TLS 1.3 is spoken)` })
    const trusted: Certificate[] = []
    for (const secretName of clientAuth.secretNames ?? []) {
      const found = secret(namespace, secretName)
      const authorities = found && authoritiesOf(found, ['tls.ca', 'ca.crt'])
      if (!found) tell('WRN', `Secret ${namespace}/${secretName} does not exist`)
      else if (!authorities) tell('ERR', `Failed to extract CA from secret ${namespace}/${secretName} ${field('error', `the tls.ca|ca.crt entry is missing from secret ${namespace}/${secretName}`)}`)
      trusted.push(...(authorities ?? []))
    }
    const isDefault = name === DEFAULT_OPTION
    if (isDefault) defaults.push(namespace)
    const id = isDefault ? DEFAULT_OPTION : `${namespace}-${name}@kubernetescrd`
    const type = clientAuth.clientAuthType ?? ''
    const error = (type === 'VerifyClientCertIfGiven' || type === 'RequireAndVerifyClientCert') && trusted.length === 0 ? `invalid clientAuthType: ${type}, CAFiles is required`
      : type !== '' && !TYPES.includes(type) ? `unknown client auth type ${JSON.stringify(type)}`
      : minVersion && !VERSIONS.includes(minVersion) ? `invalid TLS version: ${minVersion}`
      : undefined
    dynamic.tlsOptions.set(id, { strict: sniStrict, alpn: alpnProtocols, clients: clientsOf(type === '' && trusted.length > 0 ? 'RequireAndVerifyClientCert' : type, trusted, wall), error: error === undefined ? undefined : `building TLS config: ${error}` })
  }
  if (defaults.length <= 1) return
  dynamic.tlsOptions.delete(DEFAULT_OPTION)
  dynamic.problems.push({ level: 'ERR', text: `Default TLS Options defined in multiple namespaces: [${defaults.join(' ')}] providerName=kubernetescrd` })
}

/** crypto/tls' ClientAuthType. */
function clientsOf(type: string, trusted: readonly Certificate[], wall: () => number): ClientAuth | undefined {
  if (type === '' || type === 'NoClientCert') return undefined
  const requires = type.startsWith('Require')
  const verifies = type === 'VerifyClientCertIfGiven' || type === 'RequireAndVerifyClientCert'
  return {
    authorities: namesOf(trusted),
    verify: (chain) => (chain.length === 0 ? (requires ? ALERTS.certificateRequired : undefined) : verifies ? goRefusal(chain, trusted, wall()) : undefined),
  }
}

/** Which options a name in a handshake leads to: those of the routers with that host, where they agree (pkg/server/router/tcp/manager.go). */
export function optionFor(name: string | undefined, routers: readonly Router[]): string {
  const host = name?.toLowerCase().replace(/\.$/, '')
  const wanted = new Set(routers.filter((r) => r.tls && host !== undefined && r.hosts.includes(host)).map((r) => r.tlsOptions ?? DEFAULT_OPTION))
  return wanted.size === 1 ? [...wanted][0]! : DEFAULT_OPTION
}

/** What is wrong with a name of options, unless there is nothing. */
export function optionProblem(name: string, { tlsOptions }: Pick<Dynamic, 'tlsOptions'>): string | undefined {
  const found = tlsOptions.get(name)
  return name !== DEFAULT_OPTION && !found ? `unknown TLS options: ${name}` : found?.error
}

/** Routers whose options are not to be had are out of use; hosts that several options are for have the default's. */
export function checkTlsOptions(routers: readonly Router[], dynamic: Pick<Dynamic, 'tlsOptions'>): { routers: Router[]; problems: Problem[] } {
  const problems: Problem[] = []
  const byHost = new Map<string, Map<string, string>>()
  const whole = routers.filter(({ tls, hosts, name, tlsOptions: wanted = DEFAULT_OPTION, entryPoints }) => {
    if (!tls) return true
    for (const host of hosts) byHost.set(host, (byHost.get(host) ?? new Map<string, string>()).set(wanted, name))
    const error = optionProblem(wanted, dynamic)
    if (error !== undefined) for (const entryPoint of entryPoints.length > 0 ? entryPoints : ['websecure']) problems.push({ level: 'ERR', text: `${field('error', error)} entryPointName=${entryPoint} ${field('routerName', name)}` })
    return error === undefined
  })
  for (const [host, options] of byHost) if (options.size > 1) problems.push({ level: 'WRN', text: `Found different TLS options for routers on the same host ${host}, so using the default TLS options instead for these routers: []string{${[...options.values()].map((n) => JSON.stringify(n)).join(', ')}} entryPointName=websecure` })
  return { routers: whole, problems }
}

/** What is said of routes of TCP whose options are not to be had: whoever comes finds the connection closed (brokenTLSRouter). */
export function checkTcpOptions(routes: readonly TcpRoute[], dynamic: Pick<Dynamic, 'tlsOptions'>): Problem[] {
  return routes.flatMap(({ name, tls, entryPoints, tlsOptions: wanted = DEFAULT_OPTION }) => {
    const error = tls === 'ends' ? optionProblem(wanted, dynamic) : undefined
    return error === undefined ? [] : (entryPoints.length > 0 ? entryPoints : ['websecure']).map((entryPoint): Problem => ({ level: 'ERR', text: `${field('error', error)} entryPointName=${entryPoint} ${field('routerName', name)}` }))
  })
}

/** Who asks for one name in the handshake and for another in the request, where other options would have been for it (pkg/middlewares/snicheck). */
export function isFronting({ headers, tls }: HttpRequest, routers: readonly Router[]): boolean {
  const host = (headerOf(headers, 'host') ?? '').replace(/:[0-9]+$/, '').toLowerCase()
  const named = (tls?.serverName ?? '').toLowerCase()
  return tls !== undefined && host !== named && optionFor(host, routers) !== optionFor(named, routers)
}
