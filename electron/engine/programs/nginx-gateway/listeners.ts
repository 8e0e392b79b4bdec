import type { Secret } from 'kubernetes-types/core/v1'
import { decodeBase64 } from '../../kubernetes/base64.ts'
import { compileLabelSelector, SelectorError } from '../../kubernetes/selectors.ts'
import { byName } from '../../own.ts'
import { decodeUtf8 } from '../../text.ts'
import { pemBlocks, readCertificates } from '../tls/x509.ts'
import { listenerCertificate, listenerConflict, listenerKinds, listenerNotPermitted, listenerProtocol, listenerUnsupported, OVERLAPPING_TLS, type Said } from './conditions.ts'
import { overlap } from './hostnames.ts'
import { GROUP, type Gateway, type GatewayListener, type RouteKind } from './types.ts'

/** One listener of a Gateway, judged (state/graph/gateway_listener.go). */
export interface Listener {
  source: GatewayListener
  conditions: Said[]
  valid: boolean
  /** Routes may attach, though nothing is served while it is not valid. */
  attachable: boolean
  supportedKinds: RouteKind[]
  /** Whether routes of a namespace with these labels may attach. */
  allows(namespace: string, labels: Readonly<Record<string, string>> | undefined): boolean
  certificate: { chain: string; key: string } | undefined
}

export interface ListenerSurroundings {
  secret(namespace: string, name: string): (Secret & object) | undefined
  /** Of kind Gateway in the Gateway's namespace, to a Secret. */
  mayRefer(toNamespace: string, name: string): boolean
}

/** 8081: readiness; 9113: metrics. */
const PROTECTED: Readonly<Record<number, string>> = { 8081: 'NGINX readiness probe port', 9113: 'MetricsPort' }
const KINDS: Readonly<Record<string, readonly string[]>> = byName({ HTTP: ['HTTPRoute', 'GRPCRoute'], HTTPS: ['HTTPRoute', 'GRPCRoute'], TLS: ['TLSRoute'] })

export function judgeListeners(gateway: Gateway, surroundings: ListenerSurroundings): Listener[] {
  const listeners = gateway.spec.listeners.map((source) => judge(source, gateway.metadata.namespace))
  resolveConflicts(listeners.filter((l) => l.valid))
  for (const listener of listeners) if (listener.valid && listener.source.protocol === 'HTTPS') resolveCertificate(listener, gateway, surroundings)
  return listeners
}

function judge(source: GatewayListener, ownNamespace: string): Listener {
  const { namespaces } = source.allowedRoutes ?? {}
  const conditions: Said[] = []
  let attachable = true
  const kinds = kindsOf(source)
  const listener: Listener = { source, conditions, valid: true, attachable, supportedKinds: kinds.supported, certificate: undefined, allows: () => true }
  if (!KINDS[source.protocol]) {
    conditions.push(...listenerProtocol(`protocol: Unsupported value: "${source.protocol}": supported values: "HTTP", "HTTPS", "TLS"`))
    return Object.assign(listener, { valid: false, attachable: false })
  }
  for (const message of kinds.problems) conditions.push(...listenerKinds(message))
  attachable = kinds.problems.length === 0
  if (namespaces?.from === 'Selector' && !namespaces.selector) {
    conditions.push(...listenerUnsupported("Listener's AllowedRoutes Selector must be set when From is set to type Selector"))
    attachable = false
  }
  if (source.protocol !== 'TLS') {
    const taken = PROTECTED[source.port]
    if (taken) conditions.push(...listenerUnsupported(`port: Invalid value: ${source.port}: port is already in use as ${taken}`))
  }
  if (source.protocol === 'HTTP' && source.tls) conditions.push(...listenerUnsupported('tls: Forbidden: tls is not supported for HTTP listener'))
  if (source.protocol === 'HTTPS') judgeTls(source, conditions)
  if (source.protocol === 'TLS' && source.tls?.mode !== 'Passthrough') {
    conditions.push(...listenerUnsupported(source.tls ? 'TLS.Mode: Required value: Mode must be passthrough for TLS listener' : 'TLS: Required value: tls must be defined for TLS listener'))
    attachable = false
  }
  if (namespaces?.from === 'Same') listener.allows = (namespace) => namespace === ownNamespace
  if (namespaces?.from === 'Selector' && namespaces.selector) {
    try {
      const selector = compileLabelSelector(namespaces.selector)
      listener.allows = (_, labels) => selector.matches(labels ?? {})
    } catch (error) {
      if (!(error instanceof SelectorError)) throw error
      conditions.push(...listenerUnsupported(`invalid label selector: ${error.message}`))
      listener.allows = () => false
    }
  }
  return Object.assign(listener, { valid: conditions.length === 0, attachable })
}

function judgeTls({ tls }: GatewayListener, conditions: Said[]): void {
  if (!tls) {
    conditions.push(...listenerUnsupported('TLS: Required value: tls must be defined for HTTPS listener'))
    return
  }
  if (tls.mode !== 'Terminate') conditions.push(...listenerUnsupported(`tls.mode: Unsupported value: "${tls.mode}": supported values: "Terminate"`))
  if (Object.keys(tls.options ?? {}).length > 0) conditions.push(...listenerUnsupported('tls.options: Forbidden: options are not supported'))
  const [first, ...more] = tls.certificateRefs ?? []
  if (!first) {
    conditions.push(...listenerCertificate('tls.certificateRefs: Required value: certificateRefs must be defined for TLS mode terminate'))
    return
  }
  if (first.kind !== undefined && first.kind !== 'Secret') conditions.push(...listenerCertificate(`tls.certificateRefs[0].kind: Unsupported value: "${first.kind}": supported values: "Secret"`))
  if (first.group) conditions.push(...listenerCertificate(`tls.certificateRefs[0].group: Unsupported value: "${first.group}": supported values: ""`))
  if (more.length > 0) conditions.push(...listenerUnsupported(`tls.certificateRefs: Too many: ${more.length + 1}: must have at most 1 item`))
}

function kindsOf({ protocol, allowedRoutes }: GatewayListener): { supported: RouteKind[]; problems: string[] } {
  const known = KINDS[protocol] ?? []
  if (!allowedRoutes?.kinds) return { supported: known.map((kind) => ({ group: GROUP, kind })), problems: [] }
  const supported: RouteKind[] = []
  const problems: string[] = []
  for (const kind of allowedRoutes.kinds) {
    if ((kind.group ?? GROUP) !== GROUP || !known.includes(kind.kind)) problems.push(`Unsupported route kind for protocol ${protocol} "${kind.group ?? GROUP}/${kind.kind}"`)
    else if (!supported.some((s) => s.kind === kind.kind)) supported.push(kind)
  }
  return { supported, problems }
}

function resolveConflicts(listeners: readonly Listener[]): void {
  const secure = (l: Listener): boolean => l.source.protocol !== 'HTTP'
  for (const port of new Set(listeners.map((l) => l.source.port))) {
    const here = listeners.filter((l) => l.source.port === port)
    if (here.some(secure) && !here.every(secure)) {
      const message = `Multiple listeners for the same port ${port} specify incompatible protocols; ensure only one protocol per port`
      for (const listener of here) refuse(listener, listenerConflict('ProtocolConflict', message))
      continue
    }
    for (const [i, later] of here.entries()) {
      for (const earlier of here.slice(0, i)) {
        if (!secure(later) || !overlap(earlier.source.hostname, later.source.hostname)) continue
        if (earlier.source.protocol === later.source.protocol) {
          for (const listener of [earlier, later]) listener.conditions.push(OVERLAPPING_TLS)
          continue
        }
        const message = `HTTPS and TLS listeners for the same port ${port} specify overlapping hostnames; ensure no overlapping hostnames for HTTPS and TLS listeners for the same port`
        for (const listener of [earlier, later]) refuse(listener, listenerConflict('HostnameConflict', message))
      }
    }
  }
}

function refuse(listener: Listener, conditions: readonly Said[]): void {
  listener.valid = false
  listener.conditions.push(...conditions)
}

function resolveCertificate(listener: Listener, gateway: Gateway, { secret, mayRefer }: ListenerSurroundings): void {
  const reference = listener.source.tls!.certificateRefs![0]!
  const namespace = reference.namespace ?? gateway.metadata.namespace
  const name = `${namespace}/${reference.name}`
  if (namespace !== gateway.metadata.namespace && !mayRefer(namespace, reference.name)) {
    return refuse(listener, listenerNotPermitted(`Certificate ref to secret ${name} not permitted by any ReferenceGrant`))
  }
  const found = secret(namespace, reference.name)
  const problem = found ? certificateProblem(found) : 'secret does not exist'
  if (problem !== undefined) {
    return refuse(listener, listenerCertificate(`tls.certificateRefs[0]: Invalid value: {"Namespace":"${namespace}","Name":"${reference.name}"}: ${problem}`))
  }
  listener.certificate = { chain: dataOf(found!, 'tls.crt'), key: dataOf(found!, 'tls.key') }
}

/** A key of a Secret, as text; "" where there is none. */
export function dataOf({ data }: Secret, key: string): string {
  const bytes = decodeBase64(data?.[key] ?? '')
  return typeof bytes === 'number' ? '' : decodeUtf8(bytes)
}

export function certificateProblem(secret: Secret): string | undefined {
  if (secret.type !== 'kubernetes.io/tls') return `secret type must be "kubernetes.io/tls" not "${secret.type}"`
  let chain
  try {
    chain = readCertificates(dataOf(secret, 'tls.crt'))
  } catch {
    chain = []
  }
  if (chain.length === 0) return 'tls secret is invalid: tls: failed to find any PEM data in certificate input'
  return pemBlocks(dataOf(secret, 'tls.key'), /PRIVATE KEY$/).length > 0 ? undefined : 'tls secret is invalid: tls: failed to find any PEM data in key input'
}
