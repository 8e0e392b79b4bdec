import type { Ingress, Secret } from '../../kubernetes/types.ts'
import { sha1 } from '../../sha1.ts'
import { hex } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import { authoritiesOf } from '../tls/client-auth.ts'
import { tlsSecret } from '../tls/secrets.ts'
import type { TlsClientOptions } from '../tls/socket.ts'
import { ALERTS } from '../tls/wire.ts'
import { matchingName, verifyChain, type Certificate } from '../tls/x509.ts'

/** HTTPS to servers whose certificates are looked at: annotations proxy-ssl-… (internal/ingress/annotations/proxyssl, and nginx' proxy_ssl_verify). */
export interface ProxySsl {
  /** "namespace/name". */
  secret: string
  verify: boolean
  depth: number
  /** Whose certificate it has to be: without it nginx asks for the upstream's name in nginx.conf. */
  name: string | undefined
  sendsName: boolean
  ciphers: string
  protocols: string
}

export interface UpstreamTls extends ProxySsl { trusted: readonly Certificate[]; own: readonly Certificate[] | undefined; sha: string }

export function proxySslOf(of: (short: string) => string | undefined): ProxySsl | undefined {
  const secret = of('proxy-ssl-secret')
  if (secret === undefined) return undefined
  const protocols = (of('proxy-ssl-protocols') ?? '').split(' ').filter((p) => p !== '').sort()
  return { secret, verify: of('proxy-ssl-verify') === 'on', depth: Number(of('proxy-ssl-verify-depth')) || 1, name: of('proxy-ssl-name'), sendsName: of('proxy-ssl-server-name') === 'on', ciphers: of('proxy-ssl-ciphers') ?? 'DEFAULT', protocols: protocols.join(' ') || 'TLSv1.2' }
}

/** With what its Secret has, or why the places of the Ingress answer 503. */
export function upstreamTls(ingress: Ingress, settings: ProxySsl, secret: (namespace: string, name: string) => Secret | undefined): UpstreamTls | { denied: string } {
  const [namespace = '', name] = settings.secret.split('/')
  if (!name || settings.secret.split('/').length !== 2) return { denied: `invalid format (namespace/name) found in '${settings.secret}'` }
  if (namespace !== ingress.metadata.namespace) return { denied: 'cross namespace secrets are not supported' }
  const found = secret(namespace, name)
  const pair = found && tlsSecret(found)
  const trusted = found && authoritiesOf(found)
  const own = pair && 'chain' in pair ? pair.chain : undefined
  if (!found || (!trusted && !own)) return { denied: `error obtaining certificate: local SSL certificate ${settings.secret} was not found` }
  return { ...settings, trusted: trusted ?? [], own, sha: hex(sha1(encodeUtf8(found.data?.['ca.crt'] ?? ''))) }
}

/** `doubts` hears what nginx logs of a certificate that it does not take. */
export function tlsToServer(settings: UpstreamTls | undefined, grpc: boolean, wall: () => number, doubts: string[]): Pick<TlsClientOptions, 'serverName' | 'verify' | 'alpn' | 'certificates'> {
  const alpn = grpc ? { alpn: ['h2'] } : {}
  if (!settings) return alpn
  const { trusted, own, verify, name = 'upstream_balancer', sendsName } = settings
  return {
    ...alpn, ...(sendsName ? { serverName: name } : {}), ...(own ? { certificates: own } : {}),
    ...(verify && trusted.length > 0 ? {
      verify: (chain) => {
        const problem = verifyChain(chain, trusted, wall())
        if (problem) doubts.push(`upstream SSL certificate verify error: (${problem.code}:${problem.text}) while SSL handshaking to upstream`)
        else if (!chain[0] || matchingName(chain[0], name) === undefined) doubts.push(`upstream SSL certificate does not match "${name}" while SSL handshaking to upstream`)
        return doubts.length > 0 ? ALERTS.badCertificate : undefined
      },
    } : {}),
  }
}

/** Lines of a location in nginx.conf. */
export function proxySslLines(settings: UpstreamTls | undefined): string[] {
  if (!settings) return []
  const { secret, trusted, own, sha, ciphers, protocols, verify, depth, name, sendsName } = settings
  const file = (prefix: string): string => `/etc/ingress-controller/ssl/${prefix}${secret.replace('/', '-')}.pem`
  return [
    ...(trusted.length === 0 ? [] : [`# PEM sha: ${sha}`, `proxy_ssl_trusted_certificate           ${file(own ? '' : 'ca-')};`, `proxy_ssl_ciphers                       ${ciphers};`, `proxy_ssl_protocols                     ${protocols};`, `proxy_ssl_verify                        ${verify ? 'on' : 'off'};`, `proxy_ssl_verify_depth                  ${depth};`]),
    ...(name === undefined ? [] : [`proxy_ssl_name                          ${name};`]), `proxy_ssl_server_name                   ${sendsName ? 'on' : 'off'};`,
    ...(own ? [`proxy_ssl_certificate                   ${file('')};`, `proxy_ssl_certificate_key               ${file('')};`] : []),
  ]
}
