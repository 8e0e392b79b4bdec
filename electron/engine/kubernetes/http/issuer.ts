import type { KubernetesClient } from '../client.ts'
import { keySet } from '../service-account-key.ts'
import { ISSUER } from '../service-account-token.ts'
import type { KubeObject } from '../types.ts'
import type { Exchange } from './exchange.ts'

const CONFIGURATION = '/.well-known/openid-configuration'
const KEYS = '/openid/v1/jwks'
/** How long others may keep them, in seconds (StaticPublicKeysGetter). */
const MAX_AGE = 3600

type Endpoints = KubeObject & { subsets?: { addresses?: { ip: string }[] }[] }

/** Where others reach the API server, "172.18.0.2:6443": it says so itself in the Endpoints of its Service. */
export function advertised(server: KubernetesClient): string {
  const [found] = server.list<Endpoints>('endpoints', { namespace: 'default', fieldSelector: 'metadata.name=kubernetes' }).items
  const ip = found?.subsets?.[0]?.addresses?.[0]?.ip ?? '127.0.0.1'
  return `${ip.includes(':') ? `[${ip}]` : ip}:6443`
}

/**
 * The issuer of ServiceAccounts' tokens as a provider of OpenID Connect: pkg/serviceaccount/openidmetadata.go and
 * pkg/routes/openidmetadata.go of v1.33. False: another path.
 */
export function serveIssuer({ request, sink, info: { path } }: Exchange, server: KubernetesClient): boolean {
  if (path !== CONFIGURATION && path !== KEYS) return false
  if (request.method !== 'GET') {
    sink.head(405, [['Content-Type', 'text/plain; charset=utf-8'], ['Allow', 'GET']])
    sink.data('405: Method Not Allowed')
    sink.end()
    return true
  }
  const document = path === KEYS ? keySet() : {
    issuer: ISSUER,
    jwks_uri: `https://${advertised(server)}${KEYS}`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  }
  sink.head(200, [['Cache-Control', `public, max-age=${MAX_AGE}`], ['Content-Type', path === KEYS ? 'application/jwk-set+json' : 'application/json']])
  sink.data(JSON.stringify(document))
  sink.end()
  return true
}
