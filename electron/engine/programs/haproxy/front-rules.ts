import { canonicalIp, tryParseCidr } from '../../network/address.ts'
import { corsOf, guardsOf, type Cors, type Guards } from './guards.ts'
import { parseFormat, parseSample, type Asked, type Expression } from './samples.ts'
import { headerLines, integer, truth, type Get, type RuleSurroundings, type Wrong } from './values.ts'

/** What frontends do with the requests of an Ingress, or, from the ConfigMap alone, with all (pkg/annotations/ingress, pkg/haproxy/rules). */
export interface FrontRules {
  /** Expression and replacement of replace-path; groups are \1 to \9. */
  rewrites: readonly { pattern: RegExp; replacement: string; text: string }[]
  sslRedirect: { status: number; port: string } | undefined
  allow: readonly string[]
  deny: readonly string[]
  requestHeaders: readonly (readonly [name: string, value: (asked: Asked) => string, text: string])[]
  responseHeaders: readonly (readonly [name: string, value: (asked: Asked) => string, text: string])[]
  guards: Guards
  setHost: string | undefined
  redirect: { url: string; status: number } | undefined
  cors: Cors | undefined
  captures: readonly { value: Expression; text: string; length: number }[]
}

export function frontRules(around: RuleSurroundings): FrontRules {
  const { of, wrong, warn } = around
  const https = of('ssl-redirect') === undefined ? around.tls : truth(of, 'ssl-redirect', wrong, warn) === true
  return {
    rewrites: rewritesOf(around),
    // the controller's own port is the default, whatever port its Service has (ssl-redirect-port)
    sslRedirect: https ? { status: integer(of, 'ssl-redirect-code', wrong) ?? 302, port: String(integer(of, 'ssl-redirect-port', wrong, 'Atoi') ?? 8443) } : undefined,
    allow: addressesOf(around, 'allow-list', 'whitelist'),
    deny: addressesOf(around, 'deny-list', 'blacklist'),
    requestHeaders: formatted(around, 'request-set-header'),
    responseHeaders: formatted(around, 'response-set-header'),
    guards: guardsOf(around),
    setHost: of('set-host'),
    redirect: redirectOf(of, wrong),
    cors: corsOf(of, wrong, warn),
    captures: capturesOf(around),
  }
}

function rewritesOf({ of, wrong }: RuleSurroundings): FrontRules['rewrites'] {
  const input = (of('path-rewrite') ?? '').trim()
  const out: { pattern: RegExp; replacement: string; text: string }[] = []
  if (input === '') return out
  for (const line of input.split('\n')) {
    const words = line.split(/\s+/).filter((word) => word !== '')
    if (words.length !== 1 && words.length !== 2) {
      wrong('path-rewrite', `incorrect value '${input}', path-rewrite takes 1 or 2 params `)
      break
    }
    const [match, format] = words.length === 1 ? ['(.*)', words[0]!] : (words as [string, string])
    try {
      out.push({ pattern: new RegExp(match), replacement: format, text: `replace-path ${match} ${format}` })
    } catch {
      // haproxy would refuse its configuration, and keep the one before
      wrong('path-rewrite', `incorrect value '${line}'`)
    }
  }
  return out
}

function addressesOf({ of, wrong, warn, lacks }: RuleSurroundings, short: string, deprecated: string): string[] {
  let input = of(short)
  if (input === undefined && (input = of(deprecated)) !== undefined) warn(`annotation "${deprecated}" is deprecated and will be removed in a future version. Please use "${short}" instead.`)
  if (input === undefined) return []
  if (input.startsWith('patterns/')) {
    lacks(`${short} ${input} (write the addresses into the annotation)`)
    return []
  }
  const out: string[] = []
  for (const address of input.split(',').map((a) => a.trim())) {
    if (canonicalIp(address) === undefined && tryParseCidr(address) === undefined) {
      wrong(short, `incorrect address '${address}' in ${short} annotation`)
      return []
    }
    out.push(address)
  }
  return out
}

function formatted({ of, wrong, lacks }: RuleSurroundings, short: string): FrontRules['requestHeaders'] {
  return headerLines(of, short, wrong).flatMap(([name, text]) => {
    const value = parseFormat(text, variableOf)
    if (typeof value === 'function') return [[name, value, text] as const]
    lacks(`${value.lacking} of ${short} (the header is not set)`)
    return []
  })
}

/** Of log-format's short names those that a header may use. */
function variableOf(name: string): ((asked: Asked) => string) | undefined {
  if (name === 'ci') return ({ source }) => source
  if (name === 'cp') return ({ request }) => String(request.remotePort)
  if (name === 'fi') return ({ request }) => request.localAddress
  if (name === 'fp') return ({ request }) => String(request.localPort)
  if (name === 'HM') return ({ request }) => request.method
  return undefined
}

/** request-redirect: "example.com", or with a scheme before it. */
function redirectOf(of: Get, wrong: Wrong): FrontRules['redirect'] {
  const to = of('request-redirect')
  return to === undefined ? undefined : { url: /^https?:\/\//.test(to) ? to : `http://${to}`, status: integer(of, 'request-redirect-code', wrong) ?? 302 }
}

function capturesOf({ of, wrong, lacks }: RuleSurroundings): FrontRules['captures'] {
  const length = integer(of, 'request-capture-len', wrong) ?? 128
  return (of('request-capture') ?? '').split('\n').flatMap((line) => {
    const text = line.trim()
    const value = text === '' ? undefined : parseSample(text)
    if (!value) return []
    if (typeof value === 'function') return [{ value, text, length }]
    lacks(`${value.lacking} of request-capture (it is not captured)`)
    return []
  })
}
