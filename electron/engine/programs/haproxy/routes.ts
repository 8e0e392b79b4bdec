import type { Asked } from './samples.ts'

/** Which backend a request goes to: HAProxy's maps as the controller fills them (pkg/route/route.go), and conditions of route-acl before them. */
export interface Route {
  backend: string
  /** "namespace/name": whose rules count for it. */
  ingress: string
  passthrough: boolean
}

export interface CustomRoute { route: Route; host: string; path: string; exact: boolean; /** As it was written. */ acl: string; fits: (asked: Asked) => boolean }

export class Routes {
  /** "shop.example.com", or ".example.com" of a wildcard. */
  readonly hosts = new Set<string>()
  readonly exact = new Map<string, Route>()
  readonly prefixes = new Map<string, Route>()
  /** By SNI. */
  readonly names = new Map<string, Route>()
  readonly custom: CustomRoute[] = []

  add(route: Route, host: string, path: string, type: string): void {
    const own = host.startsWith('*') ? host.slice(1) : host
    const put = (map: Map<string, Route>, key: string): void => void (map.has(key) || map.set(key, route))
    if (route.passthrough) put(this.names, own)
    if (own !== '') this.hosts.add(own)
    const trimmed = path.replace(/\/$/, '')
    if (type === 'Exact') put(this.exact, own + path)
    else if (trimmed === '') put(this.prefixes, `${own}/`)
    else {
      put(this.exact, own + trimmed)
      put(this.prefixes, own + trimmed + (type === 'Prefix' ? '/' : ''))
    }
  }

  addCustom(route: Route, host: string, path: string, exact: boolean, acl: string, fits: (asked: Asked) => boolean): void {
    // each is put before those that were there
    this.custom.unshift({ route, host, path, exact, acl, fits })
  }

  /** Of TLS that is passed on as it came. */
  named(serverName: string): Route | undefined {
    return this.names.get(serverName) ?? this.names.get(serverName.replace(/^[^.]*/, ''))
  }

  /** `backend`: where the request goes; `matched`: whose rules count for it, which the conditions of route-acl do not change. */
  find(host: string, path: string, asked: Asked): { backend: Route | undefined; matched: Route | undefined } {
    const own = this.hosts.has(host) ? host : this.hosts.has(host.replace(/^[^.]*/, '')) ? host.replace(/^[^.]*/, '') : ''
    const matched = this.exact.get(own + path) ?? this.#longest(own + path)
    const custom = this.custom.find((c) => (c.host === '' || c.host === host) && (c.path === '' || (c.exact ? path === c.path : path.startsWith(c.path))) && c.fits(asked))
    return { backend: custom?.route ?? matched, matched }
  }

  #longest(key: string): Route | undefined {
    let best: { key: string; route: Route } | undefined
    for (const [prefix, route] of this.prefixes) if (key.startsWith(prefix) && prefix.length > (best?.key.length ?? -1)) best = { key: prefix, route }
    return best?.route
  }
}
