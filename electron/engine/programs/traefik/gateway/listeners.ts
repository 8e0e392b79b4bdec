import { compileLabelSelector, SelectorError } from '../../../kubernetes/selectors.ts'
import { decodeBase64 } from '../../../kubernetes/base64.ts'
import { byName } from '../../../own.ts'
import { decodeUtf8 } from '../../../text.ts'
import { GROUP, type Gateway, type GatewayListener, type ParentReference, type RouteKind } from '../../nginx-gateway/types.ts'
import { readCertificates, type Certificate } from '../../tls/x509.ts'
import { CORE, notGranted, type GatewayPicture, type Said } from './picture.ts'

/** Listeners of Gateways as Traefik v3.3.6 judges them (pkg/provider/kubernetes/gateway/kubernetes.go, loadGatewayListeners). */
export interface JudgedListener {
  gateway: Gateway
  source: GatewayListener
  /** What is wrong; empty: it is in use. */
  conditions: Said[]
  supportedKinds: RouteKind[]
  attachedRoutes: number
  attached: boolean
  entryPoint: string
  /** Whether routes of a namespace may attach. */
  allows(namespace: string): boolean
}

const EXPERIMENTAL = 'requires the experimental channel support to be enabled, please use the `experimentalChannel` option'
const KINDS: Readonly<Record<string, readonly string[]>> = byName({ TCP: ['TCPRoute'], HTTP: ['HTTPRoute', 'GRPCRoute'], HTTPS: ['HTTPRoute', 'GRPCRoute'], TLS: ['TCPRoute', 'TLSRoute'] })

export function judgeListeners(gateway: Gateway, picture: GatewayPicture, certificates: (readonly Certificate[])[]): JudgedListener[] {
  const taken = new Set<string>()
  return gateway.spec.listeners.map((source) => {
    const listener: JudgedListener = { gateway, source, conditions: [], supportedKinds: [], attachedRoutes: 0, attached: false, entryPoint: '', allows: () => false }
    listener.conditions = judge(listener, picture, taken, certificates)
    listener.attached = listener.conditions.length === 0
    return listener
  })
}

function judge(listener: JudgedListener, picture: GatewayPicture, taken: Set<string>, certificates: (readonly Certificate[])[]): Said[] {
  const { gateway, source } = listener
  const { protocol, port, tls, hostname = '' } = source
  const observedGeneration = gateway.metadata.generation ?? 0
  const no = (type: string, reason: string, message: string): Said => ({ type, status: 'False', observedGeneration, reason, message })
  const found = picture.entryPoints.find(({ address, tls: own }) => address.endsWith(`:${port}`) && !(protocol === 'HTTP' && own))
  if (!found) return [no('Accepted', 'PortUnavailable', `Cannot find entryPoint for Gateway: no matching entryPoint for port ${port} and protocol "${protocol}"`)]
  listener.entryPoint = found.name
  const malformed = allowNamespaces(listener, picture)
  if (malformed !== undefined) return [no('ResolvedRefs', 'InvalidRouteNamespacesSelector', `Invalid route namespaces selector: malformed selector: ${malformed}`)]
  const kinds = KINDS[protocol]
  // these three say nothing of a generation
  if (!kinds) return [{ type: 'Conflicted', status: 'True', reason: 'UnsupportedProtocol', message: `Unsupported listener protocol "${protocol}"` }]
  if (!picture.experimental && (protocol === 'TCP' || protocol === 'TLS')) return [{ type: 'Conflicted', status: 'True', reason: protocol === 'TCP' ? 'ProtocolConflict' : 'InvalidRouteKinds', message: `Protocol "${protocol}" ${EXPERIMENTAL}` }]
  const wrongKinds = supportKinds(listener, kinds)
  if (wrongKinds.length > 0) return wrongKinds.map((kind) => no('ResolvedRefs', 'InvalidRouteKinds', `Listener protocol "${protocol}" does not support RouteGroupKind ${kind.group ?? '<nil>'}/${kind.kind}`))
  const key = `${protocol}|${hostname}|${port}`
  if (taken.has(key)) return [{ ...no('Conflicted', 'DuplicateListener', 'A listener with same protocol, port and hostname already exists'), status: 'True' }]
  taken.add(key)
  if (protocol === 'HTTP' || protocol === 'TCP') return tls ? [no('Accepted', 'InvalidTLSConfiguration', 'TLS configuration must no be defined when using HTTP or TCP protocol')] : []
  const references = tls?.certificateRefs ?? []
  const passes = tls?.mode === 'Passthrough'
  if (!tls || (references.length === 0 && tls.mode !== undefined && !passes)) return [no('Accepted', 'InvalidTLSConfiguration', `No TLS configuration for Gateway Listener ${source.name}:${port} and protocol "${protocol}"`)]
  if (passes) return protocol === 'HTTPS' ? [no('Accepted', 'UnsupportedProtocol', 'HTTPS protocol is not supported with TLS mode Passthrough')] : []
  const [reference] = references
  if (!reference) return [no('ResolvedRefs', 'InvalidCertificateRef', 'One TLS CertificateRef is required in Terminate mode')]
  if (reference.kind !== 'Secret' || (reference.group !== '' && reference.group !== CORE)) return [no('ResolvedRefs', 'InvalidCertificateRef', `Unsupported TLS CertificateRef group/kind: ${reference.group ?? '<nil>'}/${reference.kind ?? '<nil>'}`)]
  const namespace = reference.namespace ?? gateway.metadata.namespace
  const refused = notGranted(picture, { kind: 'Gateway', namespace: gateway.metadata.namespace }, { group: CORE, kind: 'Secret', name: reference.name, namespace })
  if (refused !== undefined) return [no('ResolvedRefs', 'RefNotPermitted', `Cannot load CertificateRef ${namespace}/${reference.name}: ${refused}`)]
  const chain = certificateOf(picture, namespace, reference.name)
  if (typeof chain === 'string') return ['ResolvedRefs', 'Programmed'].map((type) => no(type, type === 'Programmed' ? 'Invalid' : 'InvalidCertificateRef', `Error while retrieving certificate: ${chain}`))
  certificates.push(chain)
  return []
}

/** The selector's problem, if it has one. */
function allowNamespaces(listener: JudgedListener, picture: GatewayPicture): string | undefined {
  const { from = 'Same', selector } = listener.source.allowedRoutes?.namespaces ?? {}
  const own = listener.gateway.metadata.namespace
  listener.allows = from === 'All' ? () => true : (namespace) => namespace === own
  if (from !== 'Selector') return undefined
  // LabelSelectorAsSelector: none at all selects nothing
  listener.allows = () => false
  if (!selector) return undefined
  try {
    const compiled = compileLabelSelector(selector)
    listener.allows = (namespace) => compiled.matches(picture.namespace(namespace)?.metadata.labels ?? {})
    return undefined
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error
    return error.message
  }
}

/** Those of its kinds that its protocol has; what is returned are the others. */
function supportKinds(listener: JudgedListener, known: readonly string[]): RouteKind[] {
  const wanted = listener.source.allowedRoutes?.kinds ?? []
  if (wanted.length === 0) listener.supportedKinds = known.map((kind) => ({ group: GROUP, kind }))
  const supported = (kind: RouteKind): boolean => kind.group === GROUP && known.includes(kind.kind)
  for (const kind of wanted) if (supported(kind) && !listener.supportedKinds.some((k) => k.kind === kind.kind)) listener.supportedKinds.push(kind)
  return wanted.filter((kind) => !supported(kind))
}

function certificateOf(picture: GatewayPicture, namespace: string, name: string): readonly Certificate[] | string {
  const secret = picture.secret(namespace, name)
  if (!secret) return `secret ${namespace}/${name} does not exist`
  const missing = ['tls.crt', 'tls.key'].filter((key) => secret.data?.[key] === undefined)
  if (missing.length > 0) return `secret ${namespace}/${name} is missing the following TLS data entries: ${missing.join(', ')}`
  const empty = ['tls.crt', 'tls.key'].filter((key) => secret.data![key] === '')
  if (empty.length > 0) return `secret ${namespace}/${name} contains the following empty TLS data entries: ${empty.join(', ')}`
  const bytes = decodeBase64(secret.data!['tls.crt']!)
  try {
    return typeof bytes === 'number' ? [] : readCertificates(decodeUtf8(bytes))
  } catch {
    // what is no certificate is found out by the TLS store, later
    return []
  }
}

/** Listeners of the Gateways that a route refers to; one that it refers to twice is there twice. */
export function listenersOf(listeners: readonly JudgedListener[], namespace: string, references: readonly ParentReference[]): JudgedListener[] {
  return listeners.flatMap((listener) => {
    const { metadata } = listener.gateway
    return references.filter((r) => (r.group ?? GROUP) === GROUP && (r.kind ?? 'Gateway') === 'Gateway' && (r.namespace ?? namespace) === metadata.namespace && r.name === metadata.name).map(() => listener)
  })
}

export function isMeant({ source }: JudgedListener, { sectionName, port }: ParentReference): boolean {
  return (!sectionName || sectionName === source.name) && (port === undefined || port === source.port)
}

/** The names that a route has at a listener; undefined: they have none in common. Empty: every name. */
export function commonNames(own: string | undefined, names: readonly string[]): readonly string[] | undefined {
  if (own === undefined) return names
  if (names.length === 0) return [own]
  const found = names.flatMap((name) => narrower(own, name) ?? narrower(name, own) ?? [])
  return found.length > 0 ? found : undefined
}

function narrower(wide: string, name: string): string | undefined {
  if (wide === name) return wide
  const suffix = wide.slice(1)
  if (!wide.startsWith('*.') || suffix === name || !name.endsWith(suffix)) return undefined
  return name.includes('*') ? wide : name
}
