import type { Service } from '../../../kubernetes/types.ts'
import { readCertificates, type Certificate } from '../../tls/x509.ts'
import type { Endpoint } from '../../ingress-nginx/configuration.ts'
import type { BackendReference } from '../../nginx-gateway/types.ts'
import { normalized, type Transport, type WeightedService } from '../model.ts'
import { CORE, notGranted, type GatewayPicture, type Said } from './picture.ts'

/** Whom a rule's traffic goes to (getBackendAddresses, loadService, loadTCPService, loadGRPCBackendRef of v3.3.6). */
export type GatewayRouteKind = 'HTTPRoute' | 'GRPCRoute' | 'TCPRoute' | 'TLSRoute'
export type WeightedReference = BackendReference & { weight?: number }

/** `foreign`: a service of another provider, by its name there. */
export type Backend = { name: string; service: WeightedService } | { name: string; foreign: string } | { name: string; wrong: Omit<Said, 'type' | 'status'> }

const TITLE: Readonly<Record<GatewayRouteKind, string>> = { HTTPRoute: 'HTTPBackendRef', GRPCRoute: 'GRPCBackendRef', TCPRoute: 'TCPRoute BackendRef', TLSRoute: 'TLSRoute BackendRef' }
const TRAEFIK = 'traefik.io'

/** api@internal and its like, as the only one of a rule. */
export function internalOf(references: readonly WeightedReference[]): string | undefined {
  const [only, ...others] = references
  return only?.kind === 'TraefikService' && only.group === TRAEFIK && others.length === 0 && only.name.endsWith('@internal') ? only.name : undefined
}

export function backendOf(kind: GatewayRouteKind, own: string, reference: WeightedReference, picture: GatewayPicture): Backend {
  const { name, port, weight = 1 } = reference
  const group = reference.group || CORE
  const of = reference.kind ?? 'Service'
  const namespace = reference.namespace || own
  const base = normalized(`${namespace}-${name}${kind === 'HTTPRoute' ? '-http' : ''}`)
  const colon = kind === 'HTTPRoute' || kind === 'GRPCRoute' ? ':' : ''
  const fail = (reason: string, message: string, id = base): Backend => ({ name: id, wrong: { reason, message: `Cannot load ${TITLE[kind]} ${message}` } })
  const whole = `${group}/${of}/${namespace}/${name}`
  const other = group !== CORE || of !== 'Service'
  if (kind === 'GRPCRoute' && other) return fail('InvalidKind', `${whole}: only Kubernetes services are supported`)
  const refused = notGranted(picture, { kind, namespace: own }, { group, kind: of, name, namespace })
  if (refused !== undefined) return fail('RefNotPermitted', `${whole}: ${refused}`)
  if (other) {
    if (of === 'TraefikService' && name.includes('@')) return { name, foreign: name }
    if (kind === 'HTTPRoute' && picture.custom && group === TRAEFIK && of === 'TraefikService') return { name: `${namespace}-${name}@kubernetescrd`, foreign: `${namespace}/${name}` }
    return fail('InvalidKind', `${whole}: unsupported ${kind === 'HTTPRoute' ? 'HTTPBackendRef' : 'BackendRef'} ${reference.group ?? ''}/${of}/${name}`)
  }
  if (!port) return fail('UnsupportedProtocol', `${whole}${colon} port is required`)
  const id = normalized(`${base}-${port}${kind === 'GRPCRoute' ? '-grpc' : ''}`)
  const found = addressesOf(picture, namespace, name, port)
  if (typeof found === 'string') return fail('BackendNotFound', `${namespace}/${name}: ${found}`, id)
  if ((found.port.protocol ?? 'TCP') !== 'TCP') return fail('UnsupportedProtocol', `${namespace}/${name}: only TCP protocol is supported`, id)
  const service: WeightedService = { name: `${id}@kubernetesgateway`, weight, scheme: 'http', passHost: true, endpoints: found.endpoints }
  if (kind === 'TCPRoute' || kind === 'TLSRoute') return { name: id, service }
  const transport = kind === 'HTTPRoute' && picture.experimental ? transportOf(picture, namespace, name, found.port.name ?? '') : undefined
  if (typeof transport === 'string') return { name: id, wrong: { reason: 'RefNotPermitted', message: `Cannot apply BackendTLSPolicy for Service ${namespace}/${name}: ${transport}` } }
  if (transport) return { name: id, service: { ...service, scheme: 'https', transport } }
  const scheme = schemeOf(kind, found.port)
  if (scheme === undefined) return fail('UnsupportedProtocol', `${namespace}/${name}: ${kind === 'GRPCRoute' ? 'only "kubernetes.io/h2c" and "https" appProtocol is supported' : `unsupported application protocol ${found.port.appProtocol}`}`, id)
  return { name: id, service: { ...service, scheme } }
}

type ServicePort = NonNullable<Service['spec']['ports']>[number]

/** What is ready behind a Service's port; a text says why nothing is to be had. */
function addressesOf(picture: GatewayPicture, namespace: string, name: string, wanted: number): { port: ServicePort; endpoints: Endpoint[] } | string {
  const service = picture.service(namespace, name)
  if (!service) return 'service not found'
  if (service.spec.type === 'ExternalName') return 'type ExternalName is not supported for Kubernetes Service reference'
  const port = service.spec.ports?.find((p) => p.port === wanted)
  if (!port) return `service port ${wanted} not found`
  const annotated = service.metadata.annotations?.['traefik.io/service.nativelb']
  if (annotated !== undefined && annotated !== 'true' && annotated !== 'false') return `parsing service annotations config: strconv.ParseBool: parsing ${JSON.stringify(annotated)}: invalid syntax`
  if (picture.nativeLb || annotated === 'true') {
    const { clusterIP = '' } = service.spec
    return clusterIP === '' || clusterIP === 'None' ? `no clusterIP found for service: ${namespace}/${name}` : { port, endpoints: [{ address: clusterIP, port: port.port }] }
  }
  const slices = picture.slices(namespace, name)
  if (slices.length === 0) return 'endpointslices not found'
  const endpoints = new Map<string, Endpoint>()
  for (const { ports, endpoints: all } of slices) {
    const target = ports?.find((p) => (p.name ?? '') === (port.name ?? ''))?.port
    if (!target) continue
    for (const { addresses, conditions } of all ?? []) {
      if (conditions?.ready === true) for (const address of addresses) if (!endpoints.has(address)) endpoints.set(address, { address, port: target })
    }
  }
  return { port, endpoints: [...endpoints.values()] }
}

function schemeOf(kind: GatewayRouteKind, { appProtocol, port, name = '' }: ServicePort): WeightedService['scheme'] | undefined {
  if (kind === 'GRPCRoute') return appProtocol === undefined || appProtocol === 'kubernetes.io/h2c' ? 'h2c' : appProtocol === 'https' ? 'https' : undefined
  if (appProtocol === undefined) return port === 443 || name.startsWith('https') ? 'https' : 'http'
  if (appProtocol === 'kubernetes.io/h2c') return 'h2c'
  if (appProtocol === 'http' || appProtocol === 'kubernetes.io/ws') return 'http'
  return appProtocol === 'https' || appProtocol === 'kubernetes.io/wss' ? 'https' : undefined
}

/** What a BackendTLSPolicy of the Service asks for; a text says what it lacks (loadServersTransport). */
function transportOf(picture: GatewayPicture, namespace: string, name: string, portName: string): Transport | string | undefined {
  const policy = picture.policies.findLast(({ metadata, spec }) => metadata.namespace === namespace && spec.targetRefs.some((t) => (t.group || CORE) === CORE && t.kind === 'Service' && t.name === name && (t.sectionName === undefined || t.sectionName === portName)))
  if (!policy) return undefined
  const { hostname, wellKnownCACertificates, caCertificateRefs = [] } = policy.spec.validation
  const trusted: Certificate[] = []
  // the image of Traefik has the authorities of the internet, of which there is none here
  if (wellKnownCACertificates !== undefined) return { insecure: false, serverName: hostname, trusted }
  for (const reference of caCertificateRefs) {
    if ((reference.group || CORE) !== CORE || reference.kind !== 'ConfigMap') continue
    const map = picture.configMap(namespace, reference.name)
    if (!map) return `configmap ${namespace}/${reference.name} not found`
    const text = map.data?.['ca.crt']
    if (text === undefined) return `configmap ${namespace}/${reference.name} does not have ca.crt`
    try {
      trusted.push(...readCertificates(text))
    } catch {
      // one that cannot be read vouches for nobody
    }
  }
  return { insecure: false, serverName: hostname, trusted }
}
