import { joinHostPort } from '../../network/address.ts'
import type { Clock } from '../../clock.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import type { Probe } from '../types.ts'
import { dial, dialError } from './dial.ts'

export type HttpGet = NonNullable<Probe['httpGet']>
/** An answer's head, or Go's error. */
export type HttpAnswer = { status: number; location: string | undefined; body: string } | { error: string }

interface Target { scheme: 'http' | 'https'; host: string; port: number; path: string; url: string }

const MOST_BODY = 10_240

export function targetOf(action: HttpGet, host: string, port: number): Target {
  const path = action.path?.startsWith('/') ? action.path : `/${action.path ?? ''}`
  const scheme = action.scheme === 'HTTPS' ? 'https' : 'http'
  return { scheme, host, port, path, url: `${scheme}://${joinHostPort(host, port)}${path}` }
}

/** Where a Location leads from here; undefined when it is no address of http or https. */
function follow(from: Target, location: string): Target | undefined {
  const absolute = /^(https?):\/\/(\[[^\]]+\]|[^/:?#]+)(?::(\d+))?([^#]*)/.exec(location)
  if (absolute) {
    const scheme = absolute[1] as Target['scheme']
    const rest = absolute[4] ?? ''
    const path = rest.startsWith('/') ? rest : `/${rest}`
    return { scheme, host: absolute[2]!.replace(/^\[|\]$/g, ''), port: Number(absolute[3] ?? (scheme === 'https' ? 443 : 80)), path, url: location }
  }
  if (/^[a-z][a-z0-9+.-]*:/i.test(location)) return undefined
  const path = location.startsWith('/') ? location : `${from.path.replace(/[^/]*$/, '')}${location}`
  return { ...from, path, url: `${from.scheme}://${joinHostPort(from.host, from.port)}${path}` }
}

function headersOf(action: HttpGet, target: Target): string {
  const own = action.httpHeaders ?? []
  const given = (name: string): string | undefined => own.findLast((h) => h.name.toLowerCase() === name)?.value
  const lines = [`Host: ${given('host') || joinHostPort(target.host, target.port)}`, `User-Agent: ${given('user-agent') ?? 'kube-probe/1.33'}`]
  const accept = given('accept') ?? '*/*'
  if (accept !== '') lines.push(`Accept: ${accept}`)
  for (const { name, value } of own) if (!['host', 'user-agent', 'accept'].includes(name.toLowerCase())) lines.push(`${name}: ${value}`)
  return `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`
}

/** One GET as Go's client makes it: redirects to the same host are followed, up to ten (pkg/probe/http). */
export function get(clock: Clock, network: NetworkNamespace, action: HttpGet, target: Target, timeoutMs: number, answer: (result: HttpAnswer) => void): () => void {
  const deadline = clock.now + timeoutMs
  let undo: () => void = () => undefined
  const go = (at: Target, redirects: number): void => {
    undo = once(clock, network, action, at, deadline - clock.now, (result) => {
      const next = 'status' in result && result.status >= 300 && result.status < 400 && result.location ? follow(at, result.location) : undefined
      if (!next || next.host !== target.host) return answer(result)
      if (redirects >= 10) return answer({ error: `Get "${next.url}": stopped after 10 redirects` })
      go(next, redirects + 1)
    })
  }
  go(target, 1)
  return () => undo()
}

function once(clock: Clock, network: NetworkNamespace, action: HttpGet, target: Target, timeoutMs: number, answer: (result: HttpAnswer) => void): () => void {
  const { scheme, host, port, path, url } = target
  const wrong = (text: string): void => answer({ error: `Get "${url}": ${text}` })
  let text = ''
  const take = (ended: boolean): boolean => {
    const head = /^HTTP\/1\.[01] (\d{3})[^\n]*\n/.exec(text)
    if (!head) return false
    const status = Number(head[1])
    const end = text.indexOf('\r\n\r\n')
    // only of a redirect more than the status matters
    if (status >= 300 && status < 400 && !ended && (end < 0 || text.length < end + 4 + lengthOf(text))) return false
    answer({ status, location: /^location:[ \t]*(.*?)\r?$/im.exec(end < 0 ? text : text.slice(0, end))?.[1], body: end < 0 ? '' : text.slice(end + 4, end + 4 + MOST_BODY) })
    return true
  }
  const undo = dial(clock, network, host, port, timeoutMs, {
    onOpen: (send) => send(encodeUtf8(`GET ${path} HTTP/1.1\r\n${headersOf(action, target)}`)),
    onData: (data) => {
      text += decodeUtf8(data)
      if (over || !take(false)) return
      over = true
      undo()
    },
    onFailure: (kind, reason) => {
      if (over) return
      over = true
      if (kind === 'tls') return wrong(reason)
      if (kind === 'dial') return wrong(`${dialError(host, port, reason)}${reason === 'timeout' ? ' (Client.Timeout exceeded while awaiting headers)' : ''}`)
      if (reason === 'EOF' && take(true)) return
      wrong(reason === 'timeout' ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)' : reason === 'EOF' ? 'EOF' : `read tcp: ${reason}`)
    },
  }, scheme === 'https')
  let over = false
  return undo
}

function lengthOf(head: string): number {
  return Number(/^content-length:[ \t]*(\d+)/im.exec(head)?.[1] ?? 0)
}
