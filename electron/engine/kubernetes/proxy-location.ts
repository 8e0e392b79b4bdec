import type { Clock } from '../clock.ts'
import { ipVersion } from '../network/address.ts'
import type { UpstreamOutcome } from '../programs/http/client.ts'
import { type Headers, writeRequest } from '../programs/http/message.ts'
import type { Random } from '../random.ts'
import type { KubernetesClient, StatusError } from './client.ts'
import { apiServersToken, KUBELET_PORT, notServed } from './kubelet/server.ts'
import type { NodeAgents } from './node-agents.ts'
import type { User } from './rbac/authorizer.ts'
import { badRequest, failure, notSimulated } from './status.ts'
import type { KubeObject, Node, Pod, Service } from './types.ts'

/** The subresource proxy of Pods, Services and nodes: a request that the API server passes on, from its own machine. */
export interface ProxyRequest {
  method: string
  /** Path and query at the other end. */
  target: string
  headers: Headers
  body: Uint8Array
  /** The address of who asks; the laptop's if absent. */
  from?: string
  /** Who asks; the administrator if absent. */
  user?: User
}

export interface ProxyLocation {
  scheme: 'http' | 'https'
  host: string
  port: number
  /** The kubelet's own API. */
  kubelet?: true
}

/** What the other end answered, or why it did not; `at` is who was asked. */
export type ProxyAnswer = UpstreamOutcome & { at: ProxyLocation }

export type Endpoints = KubeObject & { subsets?: { addresses?: { ip: string }[]; ports?: { name?: string; port: number }[] }[] }

/** "https:web:443" taken apart (apimachinery/pkg/util/net SplitSchemeNamePort); undefined: that is none. */
function split(id: string): { scheme: string; name: string; port: string } | undefined {
  const parts = id.split(':')
  const [scheme, name, port] = parts.length === 1 ? ['', parts[0]!, ''] : parts.length === 2 ? ['', parts[0]!, parts[1]!] : parts
  if (parts.length > 3 || name === '' || (scheme !== '' && scheme !== 'http' && scheme !== 'https')) return undefined
  return { scheme: scheme!, name: name!, port: port! }
}

function located(scheme: string, host: string, port: string): ProxyLocation {
  const secure = scheme === 'https'
  return { scheme: secure ? 'https' : 'http', host, port: port === '' ? (secure ? 443 : 80) : Number(port) }
}

/** apimachinery/pkg/util/proxy IsProxyableIP: neither the machine itself nor what is on its own link. */
function mayBeAsked(ip: string): boolean {
  return ipVersion(ip) !== undefined && !/^(127\.|169\.254\.|224\.0\.0\.|::1$|fe[89ab]|ff02:)/.test(ip)
}

const NOT_ALLOWED = 'address not allowed'

/** pkg/registry/core/pod ResourceLocation: the first container's first port, unless one is given. */
function podLocation(get: (name: string) => Pod, id: string): ProxyLocation {
  const parts = split(id)
  if (!parts) throw badRequest(`invalid pod request ${JSON.stringify(id)}`)
  const pod = get(parts.name)
  const port = parts.port || String(pod.spec.containers.find((c) => (c.ports ?? []).length > 0)?.ports?.[0]?.containerPort ?? '')
  const ip = pod.status.podIPs?.[0]?.ip ?? pod.status.podIP ?? ''
  if (!mayBeAsked(ip)) throw badRequest(NOT_ALLOWED)
  return located(parts.scheme, ip, checkedPort(port))
}

/** pkg/registry/core/service/storage ResourceLocation: a ready endpoint of the port, any of them, and not the cluster IP. */
function serviceLocation(get: { service: (name: string) => Service; endpoints: (name: string) => Endpoints }, random: Random, id: string): ProxyLocation {
  const parts = split(id)
  if (!parts) throw badRequest(`invalid service request ${JSON.stringify(id)}`)
  const { name } = parts
  let { port } = parts
  if (/^\d+$/.test(port)) {
    const named = get.service(name).spec.ports?.find((p) => p.port === Number(port))
    if (!named) throw unavailable(`no service port ${Number(port)} found for service ${JSON.stringify(name)}`)
    port = named.name ?? ''
  }
  const subsets = get.endpoints(name).subsets ?? []
  const first = subsets.length > 0 ? random.below(subsets.length) : 0
  for (let i = 0; i < subsets.length; i++) {
    const { addresses = [], ports = [] } = subsets[(first + i) % subsets.length]!
    const found = ports.find((p) => (p.name ?? '') === port)
    if (!found || addresses.length === 0) continue
    const { ip } = addresses[random.below(addresses.length)]!
    if (!mayBeAsked(ip)) throw badRequest(NOT_ALLOWED)
    return located(parts.scheme, ip, String(found.port))
  }
  // where there are some, and none of this port or none that is ready, all of what was asked is named
  throw unavailable(`no endpoints available for service ${JSON.stringify(subsets.length === 0 ? name : id)}`)
}

/** pkg/registry/core/node ResourceLocation. */
function nodeLocation(get: (name: string) => Node, id: string): ProxyLocation {
  const parts = split(id)
  if (!parts) throw badRequest(`invalid node request ${JSON.stringify(id)}`)
  const node = get(parts.name)
  const ip = node.status.addresses?.find((a) => a.type === 'InternalIP')?.address ?? ''
  if (parts.port === '' || Number(parts.port) === KUBELET_PORT) return { scheme: 'https', host: ip, port: KUBELET_PORT, kubelet: true }
  if (!mayBeAsked(ip)) throw badRequest(NOT_ALLOWED)
  return located(parts.scheme, ip, checkedPort(parts.port))
}

function checkedPort(port: string): string {
  if (port !== '' && !/^\d{1,5}$/.test(port)) throw unavailable(`error trying to reach service: dial tcp: lookup tcp/${port}: unknown port`)
  return port
}

export function unavailable(message: string): StatusError {
  return failure(503, 'ServiceUnavailable', message)
}

/** Who is to be asked; throws what the API server refuses it with. */
export function locate(server: Pick<KubernetesClient, 'get'> & { readonly clock: Clock }, resource: string, namespace: string | undefined, id: string): ProxyLocation {
  if (resource === 'nodes') return nodeLocation((name) => server.get<Node>('nodes', undefined, name), id)
  if (resource === 'pods') return podLocation((name) => server.get<Pod>('pods', namespace, name), id)
  const { clock } = server
  return serviceLocation({
    service: (name) => server.get<Service>('services', namespace, name),
    endpoints: (name) => server.get<Endpoints>('endpoints', namespace, name),
  }, clock.random.fork(`proxy ${clock.now}`), id)
}

/** net.Dialer's Timeout of the transport (pkg/kubeapiserver); an answer may take as long as it likes. */
const DIAL = 30_000
const FOREVER = 1e12

/** httputil.ReverseProxy: who asks comes behind those whom others named. */
export function forwardedFor(headers: Headers, address: string): Headers {
  const isOne = ([name]: readonly [string, string]): boolean => name.toLowerCase() === 'x-forwarded-for'
  const all = [...headers.filter(isOne).map(([, value]) => value), address].join(', ')
  const others = headers.filter((header) => !isOne(header))
  // Go writes them by name
  const at = others.findIndex(([name]) => name === 'X-Forwarded-Uri')
  return at < 0 ? [...others, ['X-Forwarded-For', all]] : [...others.slice(0, at), ['X-Forwarded-For', all], ...others.slice(at)]
}

/** Sends the request there. */
export function passOn(clock: Clock, at: ProxyLocation, { method, target, headers: asked, body, from }: ProxyRequest, { ask, laptop }: Pick<NodeAgents, 'ask' | 'laptop'>, done: (answer: ProxyAnswer) => void): () => void {
  const { scheme, host, port, kubelet } = at
  const missing = kubelet && notServed(target.split('?')[0]!)
  if (missing) throw notSimulated(`${missing.what} (${missing.instead})`)
  const given = forwardedFor(asked, from ?? laptop)
  const headers: Headers = kubelet ? [...given, ['Authorization', `Bearer ${apiServersToken(clock)}`]] : given
  return ask({
    address: host, port, method, bytes: writeRequest(method, target, headers, body), connectTimeout: DIAL, readTimeout: FOREVER,
    ...(scheme === 'https' ? { tls: { serverName: undefined } } : {}),
  }, (outcome) => done({ ...outcome, at }))
}
