import type { Clock } from '../../../clock.ts'
import type { UpstreamOutcome } from '../../../programs/http/client.ts'
import { writeRequest } from '../../../programs/http/message.ts'
import { isValidIp, joinHostPort } from '../../../network/address.ts'
import { DerError } from '../../../programs/tls/der.ts'
import { matchingName, readCertificates, verifyChain, type Certificate } from '../../../programs/tls/x509.ts'
import { decodeUtf8, encodeUtf8 } from '../../../text.ts'
import { decodeBase64 } from '../../base64.ts'
import { quote } from '../../json.ts'
import { dialError, reasonOf, tlsReason } from '../../kubelet/dial.ts'
import type { NodeAgents } from '../../node-agents.ts'
import type { Store } from '../../store.ts'
import type { Service } from '../../types.ts'
import type { Webhook } from '../registration.ts'

/** Calls of webhooks: apiserver/pkg/util/webhook and admission/plugin/webhook, from the API server's own machine. */

/** A webhook's answer, or why there is none; `code`: its answer's status where that is no success. */
export type Answer = { body: string } | { failed: string; code?: number }

interface Destination { host: string; port: number; serverName: string; url: string }

/** TLS' alert for a certificate of an authority that nobody knows, and for a name that it does not have. */
const UNKNOWN_CA = 48
const BAD_CERTIFICATE = 42

/** Where a webhook is; what is wrong with its Service is told as the dialler's error. */
function destination({ clientConfig: { service, url } }: Webhook, store: Store): Destination | { url: string; error: string } {
  if (!service) {
    const [, name = '', given, path = ''] = /^https:\/\/(\[[^\]]*\]|[^/:]*)(?::(\d+))?(.*)$/.exec(url ?? '') ?? []
    const host = name.replace(/^\[|\]$/g, '')
    const port = Number(given ?? 443)
    return { host, port, serverName: host, url: `https://${name}${given ? `:${given}` : ''}${path || '/'}` }
  }
  const { namespace, name, path = '' } = service
  const port = service.port ?? 443
  const serverName = `${name}.${namespace}.svc`
  const at = `https://${serverName}:${port}${path || '/'}`
  const found = store.get('services', namespace, name) as Service | undefined
  if (!found) return { url: at, error: `service ${quote(name)} not found` }
  // kube-aggregator's ResolveCluster, without --enable-aggregator-routing: kube-proxy finds the endpoint
  const { type = 'ClusterIP', clusterIP = 'None', externalName = '', ports = [] } = found.spec
  if (type === 'ExternalName') return { url: at, error: `dial tcp: lookup ${externalName}: no such host` }
  if (clusterIP === 'None') return { url: at, error: 'cannot route to service with ClusterIP "None"' }
  if (!ports.some((each) => each.port === port)) return { url: at, error: `no service port ${port} found for service ${quote(name)}` }
  return { host: clusterIP, port, serverName, url: at }
}

/** Asks; `done` is called once, never at once. What is returned gives up. */
export function callWebhook(webhook: Webhook, review: object, { store, agents: { ask, lookUp }, clock }: {
  store: Store
  agents: Pick<NodeAgents, 'ask' | 'lookUp'>
  clock: Clock
}, done: (answer: Answer) => void): () => void {
  const seconds = webhook.timeoutSeconds ?? 10
  const at = destination(webhook, store)
  const failed = (why: string): Answer => ({ failed: `failed to call webhook: Post "${at.url}?timeout=${seconds}s": ${why}` })
  if ('error' in at) {
    const timer = clock.schedule(0, () => done(failed(at.error)))
    return () => clock.cancel(timer)
  }
  const { host, port, serverName } = at
  const path = new RegExp('^https://[^/]*(.*)$').exec(at.url)?.[1] || '/'
  const body = encodeUtf8(JSON.stringify(review))
  const headers: [string, string][] = [
    ['Host', at.url.slice('https://'.length).split('/')[0]!], ['User-Agent', 'kube-apiserver-admission'], ['Accept', 'application/json, */*'], ['Content-Type', 'application/json'],
    ['Content-Length', String(body.length)], ['Accept-Encoding', 'gzip'], ['Connection', 'close'],
  ]
  const bytes = writeRequest('POST', `${path}?timeout=${seconds}s`, headers, body)
  let mistrust: string | undefined
  const send = (address: string): () => void => ask({
    address, port, method: 'POST', bytes, connectTimeout: 2 * seconds * 1000, readTimeout: 2 * seconds * 1000,
    tls: {
      serverName: isValidIp(serverName) ? undefined : serverName,
      verify: (chain) => {
        mistrust = distrust(chain, webhook.clientConfig.caBundle, serverName, clock.wall())
        return mistrust === undefined ? undefined : mistrust.includes('unknown authority') ? UNKNOWN_CA : BAD_CERTIFICATE
      },
    },
  }, (outcome) => {
    clock.cancel(timer)
    done(mistrust === undefined ? answerOf(outcome, address, port, failed) : failed(`tls: failed to verify certificate: x509: ${mistrust}`))
  })
  let stop: () => void = isValidIp(host) ? send(host) : lookUp(host, (found) => {
    if ('address' in found) return void (stop = send(found.address))
    clock.cancel(timer)
    done(failed(`dial tcp: ${found.error}`))
  })
  // of the whole call, from the first packet on
  const timer = clock.schedule(seconds * 1000, () => {
    stop()
    done(failed('context deadline exceeded'))
  })
  return () => {
    clock.cancel(timer)
    stop()
  }
}

/** crypto/x509's words for what is wrong with a chain. */
function distrust(chain: readonly Certificate[], caBundle: string | undefined, name: string, wall: number): string | undefined {
  const leaf = chain[0]
  let trusted: readonly Certificate[] = []
  try {
    const bundle = decodeBase64(caBundle ?? '')
    trusted = typeof bundle === 'number' ? [] : readCertificates(decodeUtf8(bundle))
  } catch (error) {
    if (!(error instanceof DerError)) throw error
  }
  const problem = verifyChain(chain, trusted, wall)
  if (problem?.code === 9 || problem?.code === 10) return `certificate has expired or is not yet valid: current time ${time(wall)} is ${problem.code === 9 ? `before ${time(chain[problem.depth]!.notBefore)}` : `after ${time(chain[problem.depth]!.notAfter)}`}`
  if (leaf && matchingName(leaf, name) === undefined) {
    const valid = isValidIp(name) ? leaf.ipAddresses : leaf.dnsNames
    if (valid.length > 0) return `certificate is valid for ${valid.join(', ')}, not ${name}`
    if (isValidIp(name)) return `cannot validate certificate for ${name} because it doesn't contain any IP SANs`
    return leaf.ipAddresses.length > 0 ? `certificate is not valid for any names, but wanted to match ${name}` : 'certificate relies on legacy Common Name field, use SANs instead'
  }
  return problem ? 'certificate signed by unknown authority' : undefined
}

function time(wall: number): string {
  return new Date(wall).toISOString().replace(/\.\d+Z$/, 'Z')
}

function answerOf(outcome: UpstreamOutcome, host: string, port: number, failed: (why: string) => Answer): Answer {
  if ('error' in outcome) {
    const { error, phase, tls } = outcome
    if (error === 'ETIMEDOUT') return failed('context deadline exceeded')
    if (phase === 'connect') return failed(dialError(host, port, reasonOf(error)))
    if (tls) return failed(tlsReason(tls))
    return failed(error === 'EOF' || error === 'SYNTAX' ? 'EOF' : `read tcp ${joinHostPort(host, port)}: read: ${reasonOf(error)}`)
  }
  const { status } = outcome.head
  const body = 'body' in outcome ? decodeUtf8(outcome.body) : ''
  if (status >= 200 && status < 300) return { body }
  return { failed: `failed to call webhook: ${refusal(status, body)}`, code: status }
}

/** NewGenericServerResponse: what a status says that is no Status of Kubernetes. */
function refusal(status: number, body: string): string {
  switch (status) {
    case 400: return 'the server rejected our request for an unknown reason'
    case 401: return 'the server has asked for the client to provide credentials'
    case 403: return body.trim() || 'forbidden'
    case 404: return 'the server could not find the requested resource'
    case 405: return 'the server does not allow this method on the requested resource'
    case 415: return 'the media type is not supported by the server'
    case 429: return 'the server has received too many requests and has asked us to try again later'
    case 503: return 'the server is currently unable to handle the request'
    case 504: return 'the server was unable to return a response in the time allotted, but may still be processing the request'
    default: return status >= 500 ? `an error on the server (${quote(body.trim() || 'unknown')}) has prevented the request from succeeding` : `the server responded with the status code ${status} but did not return more information`
  }
}
