import type { Process } from '../../engine/cluster.ts'
import type { CurlUrl } from './curl/url.ts'

/**
 * The variable that would send a request through a proxy, of those that the program reads; nobody of a host in `spared`
 * (`given`: the first of them is an option, not a variable. "no_proxy": names and the ends of names, "*" for all). There are no proxies here, so it has to be said.
 */
export function proxyVariable(process: Process, { host }: CurlUrl, names: readonly string[], spared: string | undefined, given = false): string | undefined {
  const name = given ? names[0] : names.find((n) => (process.env.get(n) ?? '') !== '')
  if (name === undefined) return undefined
  const asked = host.toLowerCase()
  const words = (spared ?? '').toLowerCase().split(/[\s,]+/).filter((w) => w !== '')
  return words.some((w) => w === '*' || asked === w || asked.endsWith(`.${w.replace(/^\./, '')}`)) ? undefined : name
}
