import type { Secret } from '../../kubernetes/types.ts'
import type { Endpoint } from '../ingress-nginx/configuration.ts'
import { authoritiesOf } from '../tls/client-auth.ts'
import { tlsSecret } from '../tls/secrets.ts'
import type { Certificate } from '../tls/x509.ts'
import { integer, secretPath, time, truth, type Get, type Wrong } from './values.ts'

/** A backend of HAProxy's configuration: how its servers are chosen, asked and looked after (pkg/annotations/service). */
export interface Backend extends BackendSettings {
  /** "default_web_http" */
  name: string
  endpoints: readonly Endpoint[]
}

export interface BackendSettings {
  balance: Balance
  check: boolean
  /** `option httpchk`. */
  checkHttp: { method: string; uri: string; version: string } | undefined
  /** In ms. */
  checkInterval: number | undefined
  checkTimeout: number | undefined
  cookie: { name: string; dynamic: boolean } | undefined
  /** Requests at a time of one server; others wait. */
  maxconn: number | undefined
  sendProxy: 'v1' | 'v2' | undefined
  tls: { verify: readonly Certificate[] | undefined; own: readonly Certificate[] | undefined; file: { ca?: string; own?: string } } | undefined
  h2: boolean
  forwardedFor: boolean
  /** In ms. */
  serverTimeout: number | undefined
  abortOnClose: boolean
  /** Servers are added by so many. */
  slots: number
}

export interface Balance {
  algorithm: 'roundrobin' | 'static-rr' | 'leastconn' | 'first' | 'source' | 'random' | 'uri' | 'url_param' | 'hdr'
  /** Of url_param and hdr. */
  name: string
  wholeUri: boolean
  /** Of uri: so many directories or characters of it. */
  depth: number
  length: number
  draws: number
  /** As haproxy.cfg has it. */
  text: string
}

const ALGORITHMS: readonly string[] = ['roundrobin', 'static-rr', 'leastconn', 'first', 'source', 'random', 'uri', 'url_param', 'hdr']
/** Of client-native's model: they are no mistake, but are not served here. */
const OTHERS: readonly string[] = ['hash', 'rdp-cookie']
const ROUND_ROBIN: Balance = { algorithm: 'roundrobin', name: '', wholeUri: false, depth: 0, length: 0, draws: 2, text: 'roundrobin' }

export interface BackendSurroundings {
  of: Get
  wrong: Wrong
  warn(text: string): void
  /** Says what is not simulated. */
  lacks(text: string): void
  secret(namespace: string, name: string): Secret | undefined
  /** Of the Service. */
  namespace: string
  /** Controllers that share pod-maxconn. */
  controllers: number
}

export function backendSettings(around: BackendSurroundings): BackendSettings {
  const { of, wrong, warn } = around
  const bool = (short: string): boolean | undefined => truth(of, short, wrong, warn)
  const most = integer(of, 'pod-maxconn', wrong)
  const slots = integer(of, 'scale-server-slots', (_, text) => wrong('scale-server-slots', text), 'Atoi')
  return {
    balance: balanceOf(around),
    check: bool('check') ?? of('check') === undefined,
    checkHttp: checkHttpOf(of('check-http')),
    checkInterval: time(of, 'check-interval', wrong),
    checkTimeout: time(of, 'timeout-check', wrong),
    cookie: cookieOf(of, wrong),
    maxconn: most === undefined ? undefined : Math.trunc(most / Math.max(1, around.controllers)),
    sendProxy: sendProxyOf(around),
    ...tlsOf(around, bool('server-ssl') ?? false),
    forwardedFor: bool('forwarded-for') ?? of('forwarded-for') === undefined,
    serverTimeout: time(of, 'timeout-server', wrong),
    abortOnClose: bool('abortonclose') ?? false,
    slots: slots || 42,
  }
}

function balanceOf({ of, wrong, lacks }: BackendSurroundings): Balance {
  const text = of('load-balance')
  if (text === undefined) return ROUND_ROBIN
  const [first = '', ...rest] = text.split(' ')
  const [, algorithm = first, argument] = /^([a-z_-]+)\(([^()]*)\)$/.exec(first) ?? []
  const balance: Balance = { ...ROUND_ROBIN, algorithm: algorithm as Balance['algorithm'], name: argument ?? '', text }
  const fail = (why: string): Balance => {
    wrong('load-balance', `load-balance: ${why}`)
    return ROUND_ROBIN
  }
  if (algorithm === 'random' && argument !== undefined) {
    if (!/^[0-9]+$/.test(argument)) return fail(`strconv.Atoi: parsing ${JSON.stringify(argument)}: invalid syntax`)
    balance.draws = Number(argument) || 2
  }
  if (algorithm === 'url_param') balance.name = rest.shift() ?? ''
  while (rest.length > 0) {
    const token = rest.shift()!
    if (token === 'whole') balance.wholeUri = true
    else if (token === 'len' || token === 'depth' || token === 'max_wait') {
      const value = rest.shift()
      if (value === undefined) return fail(`missing parameter for option '${token}' in balance configuration`)
      if (!/^[0-9]+$/.test(value)) return fail(`strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`)
      if (token === 'len') balance.length = Number(value)
      if (token === 'depth') balance.depth = Number(value)
    } else if (!['path-only', 'check_post', 'use_domain_only'].includes(token)) return fail(`unknown balance configuration '${token}' `)
  }
  if (ALGORITHMS.includes(algorithm)) return balance
  if (!OTHERS.includes(algorithm)) return fail(`validation failure list:\nalgorithm in body should be one of [first hash hdr leastconn random rdp-cookie roundrobin source static-rr uri url_param]`)
  lacks(`load-balance ${text} (served as roundrobin; ${ALGORITHMS.slice(1).join(', ')} are)`)
  return ROUND_ROBIN
}

function checkHttpOf(text: string | undefined): BackendSettings['checkHttp'] {
  const words = (text ?? '').split(/\s+/).filter((word) => word !== '')
  if (words.length === 0) return undefined
  if (words.length === 1) return { method: 'OPTIONS', uri: words[0]!, version: 'HTTP/1.0' }
  return { method: words[0]!, uri: words[1]!, version: words.slice(2).join(' ') || 'HTTP/1.0' }
}

function cookieOf(of: Get, wrong: Wrong): BackendSettings['cookie'] {
  const [dynamic, fixed] = [of('cookie-persistence')?.split(/\s+/).find((w) => w !== ''), of('cookie-persistence-no-dynamic')?.split(/\s+/).find((w) => w !== '')]
  if (dynamic !== undefined && fixed !== undefined) {
    wrong('cookie-persistence', 'cookie: cannot use both cookie-persistence and cookie-persistence-no-dynamic annotations')
    return undefined
  }
  const name = dynamic ?? fixed
  return name === undefined ? undefined : { name, dynamic: dynamic !== undefined }
}

function sendProxyOf({ of, wrong, lacks }: BackendSurroundings): BackendSettings['sendProxy'] {
  const text = of('send-proxy-protocol')?.toLowerCase()
  if (text === undefined) return undefined
  if (text === 'proxy' || text === 'proxy-v1') return 'v1'
  if (text === 'proxy-v2') return 'v2'
  if (text === 'proxy-v2-ssl' || text === 'proxy-v2-ssl-cn') {
    lacks(`send-proxy-protocol ${text} (sent as proxy-v2, which says nothing of TLS)`)
    return 'v2'
  }
  // the controller does not name what it does not know
  wrong('send-proxy-protocol', ' is an unknown enum')
  return undefined
}

function tlsOf({ of, wrong, secret, namespace }: BackendSurroundings, asked: boolean): Pick<BackendSettings, 'tls' | 'h2'> {
  let tls: BackendSettings['tls'] = asked ? { verify: undefined, own: undefined, file: {} } : undefined
  const found = (short: string): Secret | undefined => {
    const path = of(short)
    return path === undefined ? undefined : secret(...secretPath(path, namespace))
  }
  const crt = found('server-crt')
  const loaded = crt && tlsSecret(crt)
  if (crt && loaded && 'error' in loaded) wrong('server-crt', loaded.error)
  else if (crt && loaded && 'chain' in loaded) tls = { verify: undefined, own: loaded.chain, file: { own: `/usr/local/etc/haproxy/certs/backend/${crt.metadata.namespace}_${crt.metadata.name}.pem` } }
  const ca = found('server-ca')
  const authorities = ca && authoritiesOf(ca, ['tls.crt', 'ca.crt'])
  if (ca && !authorities) wrong('server-ca', 'no keypair or CA cert could be found')
  else if (ca) tls = { verify: authorities, own: tls?.own, file: { ...tls?.file, ca: `/usr/local/etc/haproxy/certs/ca/${ca.metadata.namespace}_${ca.metadata.name}.pem` } }
  const proto = of('server-proto')
  if (proto !== undefined && proto !== 'h2' && proto !== 'h1') wrong('server-proto', `unknown proto ${proto}`)
  return { tls, h2: proto === 'h2' }
}
