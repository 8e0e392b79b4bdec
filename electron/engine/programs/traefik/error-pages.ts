import { headerOf } from '../http/message.ts'
import type { Passing } from './middlewares.ts'

/** The middleware `errors`: `status` ["500-599", "404"], `query` "/{status}.html", and the service that has the pages. */
export function caughtBy({ status }: Record<string, unknown>, code: number): boolean {
  return ((status ?? []) as (string | number)[]).some((range) => {
    const [from, to = from] = String(range).split('-').map(Number)
    return code >= from! && code <= to!
  })
}

/** Path and query of the page; "{status}" is still in it. */
export function pageTarget({ query }: Record<string, unknown>, { request, target }: Passing): string {
  const text = typeof query === 'string' ? query : ''
  if (text === '') return '/'
  const url = /^https?:\/\//.test(request.target) ? `http://${headerOf(request.headers, 'host') ?? ''}${target}` : target
  const escaped = encodeURIComponent(url).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`).replaceAll('%20', '+')
  return `/${text.replace(/^\//, '').replaceAll('{url}', escaped)}`
}
