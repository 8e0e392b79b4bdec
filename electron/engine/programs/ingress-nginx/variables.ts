import { parseResolvConf } from '../../dns/resolv-conf.ts'
import { resolveHost } from '../../dns/resolver.ts'
import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { canonicalIp } from '../../network/address.ts'
import { askResolver } from '../nginx/upstream.ts'
import { headerOf } from '../http/message.ts'
import type { HttpRequest } from '../http/server.ts'
import { cookieOf } from './balance.ts'
import type { Endpoint } from './configuration.ts'

/** nginx' variables that annotations may have: of the request alone. */
export function expand(text: string, request: HttpRequest, uri: string): string {
  const host = (headerOf(request.headers, 'host') ?? '').replace(/:[0-9]+$/, '').toLowerCase()
  const [path, args = ''] = uri.split('?', 2) as [string, string?]
  return text.replace(/\$\{?([A-Za-z0-9_]+)\}?/g, (whole, name: string) => {
    if (name.startsWith('http_')) return headerOf(request.headers, name.slice(5).replaceAll('_', '-')) ?? ''
    if (name.startsWith('arg_')) return args.split('&').find((a) => a.startsWith(`${name.slice(4)}=`))?.slice(name.length - 3) ?? ''
    if (name.startsWith('cookie_')) return cookieOf(request, name.slice(7)) ?? ''
    switch (name) {
      case 'request_uri': return uri
      case 'escaped_request_uri': return encodeURIComponent(uri)
      case 'uri': case 'document_uri': return path
      case 'args': case 'query_string': return args
      case 'host': return host
      case 'remote_addr': case 'binary_remote_addr': return request.remoteAddress
      case 'scheme': case 'pass_access_scheme': return request.tls ? 'https' : 'http'
      case 'request_method': return request.method
      case 'server_port': case 'pass_server_port': return String(request.localPort)
      default: return whole
    }
  })
}

export interface Url { scheme: 'http' | 'https'; host: string; name: string; port: number; path: string }

export function readUrl(text: string): Url | undefined {
  const match = /^(https?):\/\/((\[[^\]]*\]|[^:/?#]+)(?::([0-9]+))?)(\/[^#]*|\?[^#]*)?$/.exec(text)
  if (!match) return undefined
  const scheme = match[1] as Url['scheme']
  const rest = match[5] ?? '/'
  return { scheme, host: match[2]!, name: match[3]!.replace(/^\[(.*)\]$/, '$1'), port: Number(match[4] ?? (scheme === 'https' ? 443 : 80)), path: rest.startsWith('/') ? rest : `/${rest}` }
}

/** A host of an URL, as nginx' resolver finds it: with the servers of resolv.conf, and without its search list. */
export function* addressOf(process: Process, name: string): Task<{ address: string } | { error: string }> {
  const literal = canonicalIp(name)
  if (literal !== undefined) return { address: literal }
  const { nameservers } = parseResolvConf(process.fs.exists('/etc/resolv.conf') ? process.fs.readText('/etc/resolv.conf') : '')
  const found = yield* askResolver(process, name, nameservers)
  return typeof found === 'string' ? { error: `${name} could not be resolved (${found})` } : { address: found[0]! }
}

/** The address of an endpoint, which has a name where an ExternalName stands behind it: found as the Pod's resolv.conf says. */
export function resolved(process: Process, endpoint: Endpoint, done: (endpoint: Endpoint | undefined) => void): void {
  const { address, port } = endpoint
  if (canonicalIp(address) !== undefined) return done(endpoint)
  process.spawnThread((function* () {
    const found = yield* resolveHost(process, address)
    done('error' in found ? undefined : { address: found.addresses[0]!, port })
  })())
}
