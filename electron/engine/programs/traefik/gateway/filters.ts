import { byName } from '../../../own.ts'
import { canonicalHeader } from '../../http/go.ts'
import type { Headers } from '../../http/message.ts'
import { reasonOf } from '../../http/status.ts'
import type { HeaderModifier, PathModifier, RedirectFilter, RewriteFilter, RouteFilter, RouteMatch } from '../../nginx-gateway/types.ts'
import type { OwnAnswer, Passing } from '../middlewares.ts'
import type { Middleware } from '../model.ts'
import type { GatewayPicture } from './picture.ts'

/** Filters of HTTPRoutes and GRPCRoutes as Traefik's middlewares (httproute.go, pkg/middlewares/gatewayapi of v3.3.6). */

interface PathChange { path?: string; pathPrefix?: string }

/** The middlewares of a rule by name, in order; of those that other providers make there is only the name. */
export function middlewaresOf(filters: readonly RouteFilter[], about: { router: string; namespace: string; kind: 'HTTPRoute' | 'GRPCRoute'; path: RouteMatch['path'] }, picture: Pick<GatewayPicture, 'custom'>): { name: string; made?: Middleware }[] | { error: string } {
  const { router, namespace, kind, path } = about
  const out: { name: string; made?: Middleware }[] = []
  for (const [i, filter] of filters.entries()) {
    const name = `${router}-${filter.type.toLowerCase()}-${i}@kubernetesgateway`
    const make = (own: string, settings: object): void => void out.push({ name, made: { kind: own, settings: settings as Record<string, unknown>, namespace } })
    if (filter.type === 'RequestHeaderModifier') make('requestHeaderModifier', filter.requestHeaderModifier ?? {})
    else if (filter.type === 'ExtensionRef') {
      const { group = '', kind: of = '', name: wanted = '' } = filter.extensionRef ?? {}
      if (!picture.custom || group !== 'traefik.io' || of !== 'Middleware') return { error: `loading ExtensionRef filter ExtensionRef: unsupported filter extension ref ${group}/${of}/${wanted}` }
      out.push({ name: `${namespace}-${wanted}@kubernetescrd` })
    } else if (kind === 'HTTPRoute' && filter.type === 'ResponseHeaderModifier') make('responseHeaderModifier', filter.responseHeaderModifier ?? {})
    else if (kind === 'HTTPRoute' && filter.type === 'RequestRedirect') make('requestRedirect', redirectOf(filter.requestRedirect ?? {}, path))
    else if (kind === 'HTTPRoute' && filter.type === 'URLRewrite') {
      const rewrite: RewriteFilter = filter.urlRewrite ?? {}
      if (rewrite.path === undefined && rewrite.hostname === undefined) return { error: 'invalid filter URLRewrite: empty configuration' }
      make('URLRewrite', { ...(rewrite.hostname === undefined ? {} : { hostname: rewrite.hostname }), ...changeOf(rewrite.path, path) })
    } else return { error: `unsupported filter ${filter.type}` }
  }
  return out
}

function redirectOf({ scheme, hostname, port, path, statusCode = 302 }: RedirectFilter, match: RouteMatch['path']): object {
  // a scheme without a port means that scheme's own
  const said = port === undefined ? (scheme === 'http' || scheme === 'https' ? '' : undefined) : String(port)
  return { ...(scheme === undefined ? {} : { scheme }), ...(hostname === undefined ? {} : { hostname }), ...(said === undefined ? {} : { port: said }), ...changeOf(path, match), statusCode }
}

function changeOf(path: PathModifier | undefined, match: RouteMatch['path']): PathChange {
  if (!path) return {}
  return path.type === 'ReplaceFullPath' ? { path: path.replaceFullPath ?? '' } : { path: path.replacePrefixMatch ?? '', pathPrefix: match?.value ?? '/' }
}

/** What they do with a request. Those of answers are proxy.ts' to use: see {@link modifiedHeaders}. */
export const GATEWAY_KINDS: Readonly<Record<string, (settings: Record<string, unknown>, passing: Passing) => OwnAnswer | undefined>> = byName({
  requestHeaderModifier: (settings, passing) => {
    passing.request = { ...passing.request, headers: modifiedHeaders(passing.request.headers, settings as HeaderModifier) }
    return undefined
  },
  responseHeaderModifier: () => undefined,
  requestRedirect: (settings, { request, target }) => {
    const { scheme, hostname, port, statusCode } = settings as { scheme?: string; hostname?: string; port?: string; statusCode: number }
    const [, host = '', own = ''] = /^(.*?)(?::([0-9]+))?$/.exec(request.headers.find(([n]) => n.toLowerCase() === 'host')?.[1] ?? '') ?? []
    const [path, query] = split(target)
    const name = hostname ?? host
    const wanted = port ?? own
    // without a scheme the client keeps its own
    return { status: statusCode, headers: [['Location', `${scheme === undefined ? '' : `${scheme}:`}//${name}${wanted === '' ? '' : `:${wanted}`}${rooted(changed(path, settings))}${query}`]], body: reasonOf(statusCode) }
  },
  URLRewrite: (settings, passing) => {
    const [path, query] = split(passing.target)
    passing.target = `${rooted(changed(path, settings))}${query}`
    if (settings['hostname'] !== undefined) passing.requestHeaders.push(['Host', String(settings['hostname'])])
    return undefined
  },
})

/** Set, then added to, then taken away. */
export function modifiedHeaders(headers: Headers, { set = [], add = [], remove = [] }: HeaderModifier): Headers {
  const but = (list: Headers, name: string): Headers => list.filter(([n]) => n.toLowerCase() !== name.toLowerCase())
  let out = headers
  for (const { name, value } of set) out = [...but(out, name), [canonicalHeader(name), value]]
  for (const { name, value } of add) out = [...out, [canonicalHeader(name), value]]
  for (const name of remove) out = but(out, name)
  return out
}

function changed(path: string, { path: next, pathPrefix }: PathChange): string {
  if (next === undefined) return path
  if (pathPrefix === undefined) return next
  const rest = path.startsWith(pathPrefix) ? path.slice(pathPrefix.length) : path
  const whole = cleaned([next, rest].filter((part) => part !== '').join('/'))
  return path.endsWith('/') && !whole.endsWith('/') ? `${whole}/` : whole
}

/** path.Clean. */
function cleaned(path: string): string {
  if (path === '') return ''
  const out: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') out.pop()
    else if (part !== '' && part !== '.') out.push(part)
  }
  return `${path.startsWith('/') ? '/' : ''}${out.join('/')}`
}

const rooted = (path: string): string => (path.startsWith('/') ? path : `/${path}`)

function split(target: string): [path: string, query: string] {
  const at = target.indexOf('?')
  return at < 0 ? [target, ''] : [target.slice(0, at), target.slice(at)]
}
