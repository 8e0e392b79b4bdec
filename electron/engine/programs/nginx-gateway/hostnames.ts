/** How names of listeners and routes meet (state/graph/route_common.go). "": every name. */

function covers(wildcard: string, host: string): boolean {
  return wildcard.startsWith('*.') && host.endsWith(wildcard.slice(1))
}

function meets(listener: string, route: string): boolean {
  return listener === '' || listener === route || covers(listener, route) || covers(route, listener)
}

export function moreSpecific(a: string, b: string): string {
  if (a === b || b === '') return a
  if (a === '') return b
  const [wildA, wildB] = [a.startsWith('*.'), b.startsWith('*.')]
  if (wildA && wildB) return a.split('.').length > b.split('.').length ? a : b
  if (wildA) return b
  return wildB ? a : ''
}

/** Under which names of a listener a route is served; none: they have nothing in common. */
export function acceptedHostnames(listener: string, route: readonly string[]): string[] {
  if (route.length === 0) return [listener]
  return route.filter((host) => meets(listener, host)).map((host) => moreSpecific(listener, host))
}

/** Whether two listeners of one port would both be asked for some name. */
export function overlap(a: string | undefined, b: string | undefined): boolean {
  if (!a || !b || a === b) return true
  const wild = (x: string, y: string): boolean => x.startsWith('*.') && y.endsWith(x.slice(2))
  return wild(a, b) || wild(b, a)
}
