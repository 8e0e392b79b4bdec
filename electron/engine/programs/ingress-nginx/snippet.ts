import type { Headers } from '../http/message.ts'
import type { HttpResponse } from '../http/server.ts'
import { ConfigError, parseConfig } from '../nginx/config.ts'

/** What of a configuration-snippet is simulated: headers, and an answer of one's own. Values may have nginx' variables. */
export interface Snippet {
  /** more_set_headers (every answer), and add_header (of good ones alone, unless `always`). */
  set: Headers
  add: { name: string; value: string; always: boolean }[]
  /** more_clear_headers. */
  clear: string[]
  /** proxy_set_header. */
  ask: Headers
  returns: { status: number; text: string } | undefined
}

/** Statuses that add_header without `always` is for (ngx_http_headers_module). */
export const GOOD: ReadonlySet<number> = new Set([200, 201, 204, 206, 301, 302, 303, 304, 307, 308])

/** `strange`: directives that are not simulated, or why nginx would not start with it. */
export function readSnippet(text: string): { snippet: Snippet; strange: string[] } {
  const snippet: Snippet = { set: [], add: [], clear: [], ask: [], returns: undefined }
  const strange: string[] = []
  try {
    for (const { name, args, block } of parseConfig('configuration-snippet', text, () => [])) {
      if (name === 'more_set_headers' && args.every((arg) => !arg.startsWith('-'))) {
        for (const arg of args) {
          const [, header = '', value = ''] = /^([^:]+):?\s*([^]*)$/.exec(arg) ?? []
          if (value === '') snippet.clear.push(header.trim().toLowerCase())
          else snippet.set.push([header.trim(), value])
        }
      } else if (name === 'more_clear_headers' && args.every((arg) => !arg.startsWith('-') && !arg.includes('*'))) snippet.clear.push(...args.map((arg) => arg.toLowerCase()))
      else if (name === 'add_header' && args.length >= 2) snippet.add.push({ name: args[0]!, value: args[1]!, always: args[2] === 'always' })
      else if (name === 'proxy_set_header' && args.length === 2) snippet.ask.push([args[0]!, args[1]!])
      else if (name === 'return' && /^[0-9]{3}$/.test(args[0] ?? '')) snippet.returns ??= { status: Number(args[0]), text: args[1] ?? '' }
      else if (name === 'return' && /^(https?:\/\/|\$scheme)/.test(args[0] ?? '')) snippet.returns ??= { status: 302, text: args[0]! }
      else strange.push(block ? `${name} {…}` : [name, ...args].join(' '))
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    strange.push(error.message)
  }
  return { snippet, strange }
}

/** Takes the place of headers of this name; an empty value leaves none. */
export function setHeader(headers: Headers, name: string, value: string): void {
  const lower = name.toLowerCase()
  for (let i = headers.length - 1; i >= 0; i--) if (headers[i]![0].toLowerCase() === lower) headers.splice(i, 1)
  if (value !== '') headers.push([name, value])
}

/** What a snippet takes from an answer and adds to it. */
export function touched(response: HttpResponse, { clear, add }: Snippet, expanded: (value: string) => string): void {
  response.headers = [...response.headers.filter(([name]) => !clear.includes(name.toLowerCase())), ...add.filter(({ always }) => always || GOOD.has(response.status)).map(({ name, value }): [string, string] => [name, expanded(value)])]
}
