/** Traefik's custom resources in the group traefik.io (v3), with the fields that mean something here; others are kept as they are. */
type Schema = Record<string, unknown>

const string: Schema = { type: 'string' }
const integer: Schema = { type: 'integer' }
const boolean: Schema = { type: 'boolean' }
const list = (items: Schema): Schema => ({ type: 'array', items })
const object = (properties: Record<string, Schema>, required?: string[]): Schema => ({ type: 'object', properties, ...(required ? { required } : {}) })
const map = (values: Schema): Schema => ({ type: 'object', additionalProperties: values })
const any: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
const intOrString: Schema = { anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true }
const reference = object({ name: string, namespace: string }, ['name'])

const service = object({
  healthCheck: any, kind: { type: 'string', enum: ['Service', 'TraefikService'] }, name: string, namespace: string, nativeLB: boolean, nodePortLB: boolean, passHostHeader: boolean, port: intOrString, responseForwarding: any, scheme: string, serversTransport: string,
  sticky: any, strategy: string, weight: { type: 'integer', minimum: 0 },
}, ['name'])
const route = object({ kind: { type: 'string', enum: ['Rule'] }, match: string, middlewares: list(reference), observability: any, priority: integer, services: list(service), syntax: string }, ['match'])
const plainService = object({ name: string, namespace: string, nativeLB: boolean, nodePortLB: boolean, port: intOrString, proxyProtocol: any, serversTransport: string, terminationDelay: integer, tls: boolean, weight: { type: 'integer', minimum: 0 } }, ['name', 'port'])
const tcpRoute = object({ match: string, middlewares: list(reference), priority: integer, services: list(plainService), syntax: string }, ['match'])
const tls = object({ certResolver: string, domains: list(object({ main: string, sans: list(string) })), options: reference, secretName: string, store: reference })

const middleware = object({
  addPrefix: object({ prefix: string }),
  basicAuth: any, buffering: any, chain: object({ middlewares: list(reference) }), circuitBreaker: any, compress: any, contentType: any, digestAuth: any, errors: any, forwardAuth: any, grpcWeb: any,
  headers: { ...object({ customRequestHeaders: map(string), customResponseHeaders: map(string) }), 'x-kubernetes-preserve-unknown-fields': true },
  inFlightReq: any, ipAllowList: object({ ipStrategy: any, rejectStatusCode: integer, sourceRange: list(string) }), ipWhiteList: object({ ipStrategy: any, sourceRange: list(string) }), passTLSClientCert: any, plugin: any, rateLimit: any,
  redirectRegex: object({ permanent: boolean, regex: string, replacement: string }),
  redirectScheme: object({ permanent: boolean, port: string, scheme: string }),
  replacePath: object({ path: string }),
  replacePathRegex: object({ regex: string, replacement: string }),
  retry: any,
  stripPrefix: object({ forceSlash: boolean, prefixes: list(string) }),
  stripPrefixRegex: object({ regex: list(string) }),
})

/** A kind that Traefik has and nobody serves here: its objects are refused, in words. */
const refused = (kind: string, instead: string): Schema => ({ ...any, 'x-kubernetes-validations': [{ rule: 'false', message: `podhop: not simulated: Traefik's ${kind} (${instead})` }] })

interface Definition { kind: string; plural: string; spec: Schema }

const DEFINITIONS: readonly Definition[] = [
  { kind: 'IngressRoute', plural: 'ingressroutes', spec: object({ entryPoints: list(string), routes: list(route), tls }, ['routes']) },
  { kind: 'IngressRouteTCP', plural: 'ingressroutetcps', spec: object({ entryPoints: list(string), routes: list(tcpRoute), tls: { ...tls, properties: { ...(tls['properties'] as object), passthrough: boolean } } }, ['routes']) },
  { kind: 'IngressRouteUDP', plural: 'ingressrouteudps', spec: object({ entryPoints: list(string), routes: list(object({ services: list(plainService) })) }, ['routes']) },
  { kind: 'Middleware', plural: 'middlewares', spec: middleware },
  { kind: 'MiddlewareTCP', plural: 'middlewaretcps', spec: object({ inFlightConn: object({ amount: { type: 'integer', minimum: 0 } }), ipAllowList: object({ sourceRange: list(string) }), ipWhiteList: object({ sourceRange: list(string) }) }) },
  { kind: 'ServersTransport', plural: 'serverstransports', spec: { ...object({ insecureSkipVerify: boolean, rootCAs: list(object({ configMap: string, secret: string })), rootCAsSecrets: list(string), serverName: string }), 'x-kubernetes-preserve-unknown-fields': true } },
  { kind: 'ServersTransportTCP', plural: 'serverstransporttcps', spec: refused('ServersTransportTCP', 'use IngressRoute') },
  { kind: 'TLSOption', plural: 'tlsoptions', spec: object({
    alpnProtocols: list(string), cipherSuites: list(string), clientAuth: object({ clientAuthType: { type: 'string', enum: ['NoClientCert', 'RequestClientCert', 'RequireAnyClientCert', 'VerifyClientCertIfGiven', 'RequireAndVerifyClientCert'] }, secretNames: list(string) }),
    curvePreferences: list(string), disableSessionTickets: boolean, maxVersion: string, minVersion: string, preferServerCipherSuites: boolean, sniStrict: boolean,
  }) },
  { kind: 'TLSStore', plural: 'tlsstores', spec: { ...object({ certificates: list(object({ secretName: string }, ['secretName'])), defaultCertificate: object({ secretName: string }, ['secretName']), defaultGeneratedCert: any }), 'x-kubernetes-validations': [{ rule: '!has(self.defaultGeneratedCert)', message: "podhop: not simulated: defaultGeneratedCert of Traefik's TLSStore (use defaultCertificate)" }] } },
  { kind: 'TraefikService', plural: 'traefikservices', spec: object({ mirroring: any, weighted: object({ services: list(service), sticky: any }) }) },
]
export const GROUP = 'traefik.io'

export function traefikCrds(): object[] {
  return DEFINITIONS.map(({ kind, plural, spec }) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}`, annotations: { 'controller-gen.kubebuilder.io/version': 'v0.16.1' } },
    spec: {
      group: GROUP,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      scope: 'Namespaced',
      versions: [{ name: 'v1alpha1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', required: ['metadata', 'spec'], properties: { apiVersion: string, kind: string, metadata: { type: 'object' }, spec } } } }],
    },
  }))
}
