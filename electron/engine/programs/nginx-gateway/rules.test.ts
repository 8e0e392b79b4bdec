import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { parseClusterConfig } from '../../config.ts'
import { StatusError, type KubernetesClient } from '../../kubernetes/client.ts'
import type { KubeObject } from '../../kubernetes/types.ts'
import { GROUP } from './types.ts'

/** The rules that stand in the Gateway API's own CRDs: the tables of pkg/test/cel/httproute_test.go, httproute_standard_test.go and gateway_test.go, v1.3.0. */
type Spec = Record<string, unknown>

let client: KubernetesClient
const warnings: string[] = []
let count = 0

/** What the API server says of a new object; empty: it takes it. */
function said(kind: 'Gateway' | 'HTTPRoute', spec: Spec): string {
  const resource = `${kind.toLowerCase()}s.${GROUP}`
  try {
    client.create(resource, 'default', { apiVersion: `${GROUP}/v1`, kind, metadata: { name: `tried-${++count}`, namespace: 'default' }, spec } as unknown as KubeObject)
    return ''
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    return error.message
  }
}

beforeAll(() => {
  const cluster = new SimulatedCluster(parseClusterConfig({ nodes: 1 }))
  ;({ client } = cluster)
  for (const document of parseAllDocuments(readFileSync(new URL('../../../../assets/manifests/gateway-api.yaml', import.meta.url), 'utf8'))) {
    const object = document.toJS() as KubeObject
    if (object.kind === 'CustomResourceDefinition') client.create('customresourcedefinitions', undefined, object, { onWarning: (text: string) => warnings.push(text) })
  }
  cluster.settle()
}, 120_000)

const backend = { name: 'test', port: 8080 }
const rule = (more: Spec): Spec => ({ rules: [more] })
const path = (type: string, value = '/foo'): Spec => ({ path: { type, value } })
const replaced = (type: 'URLRewrite' | 'RequestRedirect'): Spec => ({ type, [type === 'URLRewrite' ? 'urlRewrite' : 'requestRedirect']: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' } } })
const exactlyOne = (type: string, where = 'When'): string => `${where} using ${type} filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified`
const CHARACTERS = "must only contain valid characters (matching ^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$) for types ['Exact', 'PathPrefix']"
const header = (name: string): Spec => ({ set: [{ name, value: 'foo' }] })
const matches = (n: number): Spec[] => Array.from({ length: n }, (_, i) => path('PathPrefix', `/${i}`))
const parents = (...more: Spec[]): Spec => ({ parentRefs: more.map((m) => ({ name: 'example', ...m })) })

describe('rules of an HTTPRoute', () => {
  it.each([
    ['a path without a slash in front', rule({ matches: [path('Exact', 'foo')] }), ["value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']"]],
    ['/. at the end', rule({ matches: [path('PathPrefix', '/.')] }), ["must not end with '/.' when type one of ['Exact', 'PathPrefix']"]],
    ['/./ in it', rule({ matches: [path('Exact', '/foo/./bar')] }), ["must not contain '/./' when type one of ['Exact', 'PathPrefix']"]],
    // since v1.28 the enum speaks first, as the suite knows
    ['a type that is none', rule({ matches: [path('FooBar')] }), ['Unsupported value: "FooBar": supported values: "Exact", "PathPrefix", "RegularExpression"']],
    ['/./ in a regular expression', rule({ matches: [path('RegularExpression', '/foo/./bar')] }), []],
    ['special characters', rule({ matches: [path('Exact', "/abc/123'/a-b-c/d@gmail/%0A")] }), []],
    ['/[]', rule({ matches: [path('PathPrefix', '/[]')] }), [CHARACTERS]],
    ['/^', rule({ matches: [path('Exact', '/^')] }), [CHARACTERS]],
    ['a Service without a port', rule({ backendRefs: [{ name: 'backend' }] }), ['Must have port for Service reference']],
    ['an explicit Service without a port', rule({ backendRefs: [{ group: '', kind: 'Service', name: 'backend' }] }), ['Must have port for Service reference']],
    ['something else without a port', rule({ backendRefs: [{ group: 'foo.example.com', kind: 'Foo', name: 'backend' }] }), []],
    ['a filter with the field of another', rule({ filters: [{ type: 'RequestHeaderModifier', requestMirror: { backendRef: backend } }] }), ['filter.requestHeaderModifier must be specified for RequestHeaderModifier filter.type', 'filter.requestMirror must be nil if the filter.type is not RequestMirror']],
    ['a mirror without its field', rule({ filters: [{ type: 'RequestMirror' }] }), ['filter.requestMirror must be specified for RequestMirror filter.type']],
    ['a redirect without its field', rule({ filters: [{ type: 'RequestRedirect' }] }), ['filter.requestRedirect must be specified for RequestRedirect filter.type']],
    ['a reference without its field', rule({ filters: [{ type: 'ExtensionRef' }] }), ['filter.extensionRef must be specified for ExtensionRef filter.type']],
    ['a rewrite without its field', rule({ filters: [{ type: 'URLRewrite' }] }), ['filter.urlRewrite must be specified for URLRewrite filter.type']],
    ['a redirect with backends', rule({ filters: [{ type: 'RequestRedirect', requestRedirect: { statusCode: 301 } }], backendRefs: [backend] }), ['RequestRedirect filter must not be used together with backendRefs']],
    ['a prefix rewritten', rule({ matches: [path('PathPrefix')], filters: [replaced('URLRewrite')] }), []],
    ['a prefix rewritten, of two paths', rule({ matches: [path('PathPrefix'), path('PathPrefix', '/bar')], filters: [replaced('URLRewrite')] }), [exactlyOne('URLRewrite')]],
    ['a prefix rewritten, of an exact path', rule({ matches: [path('Exact')], filters: [replaced('URLRewrite')] }), [exactlyOne('URLRewrite')]],
    ['a prefix redirected', rule({ matches: [path('PathPrefix')], filters: [replaced('RequestRedirect')] }), []],
    ['a prefix redirected, of two paths', rule({ matches: [path('PathPrefix'), path('PathPrefix', '/bar')], filters: [replaced('RequestRedirect')] }), [exactlyOne('RequestRedirect')]],
    ['a prefix redirected, of a regular expression', rule({ matches: [path('RegularExpression')], filters: [replaced('RequestRedirect')] }), [exactlyOne('RequestRedirect')]],
    ['a prefix rewritten for one backend', rule({ matches: [path('PathPrefix')], backendRefs: [{ ...backend, filters: [replaced('URLRewrite')] }] }), []],
    ['a prefix rewritten for one backend, of two paths', rule({ matches: [path('PathPrefix'), path('Exact', '/bar')], backendRefs: [{ ...backend, filters: [replaced('URLRewrite')] }] }), [exactlyOne('URLRewrite', 'Within backendRefs, When')]],
    ['a prefix redirected for one backend, of a regular expression', rule({ matches: [path('RegularExpression')], backendRefs: [{ ...backend, filters: [replaced('RequestRedirect')] }] }), [exactlyOne('RequestRedirect', 'Within backendRefs, when')]],
    ['a rewrite and a redirect', rule({ matches: [path('PathPrefix')], filters: [replaced('URLRewrite'), replaced('RequestRedirect')] }), ['May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both']],
    ['two rewrites', rule({ matches: [path('PathPrefix')], filters: [{ type: 'URLRewrite', urlRewrite: { hostname: 'a.example.com' } }, { type: 'URLRewrite', urlRewrite: { hostname: 'b.example.com' } }] }), ['URLRewrite filter cannot be repeated']],
    ['two modifiers of headers', rule({ filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: header('a') }, { type: 'RequestHeaderModifier', requestHeaderModifier: header('b') }] }), ['RequestHeaderModifier filter cannot be repeated']],
    ['a full path that is not said', rule({ filters: [{ type: 'URLRewrite', urlRewrite: { path: { type: 'ReplaceFullPath' } } }] }), ["replaceFullPath must be specified when type is set to 'ReplaceFullPath'"]],
    ['a prefix where a full path is meant', rule({ filters: [{ type: 'URLRewrite', urlRewrite: { path: { type: 'ReplaceFullPath', replaceFullPath: '/a', replacePrefixMatch: '/b' } } }] }), ["type must be 'ReplacePrefixMatch' when replacePrefixMatch is set"]],
    ['129 matches in three rules', { rules: [{ matches: matches(64) }, { matches: matches(64) }, { matches: matches(1) }] }, ['total number of matches across all rules in a route must be less than 128']],
    ['128 matches in two rules', { rules: [{ matches: matches(64) }, { matches: matches(64) }] }, []],
    ['the same parent twice', parents({}, {}), ['sectionName must be unique when parentRefs includes 2 or more references to the same parent']],
    ['the same parent twice, once with a section', parents({}, { sectionName: 'foo' }), ['sectionName must be specified when parentRefs includes 2 or more references to the same parent']],
    ['two sections of one parent', parents({ sectionName: 'foo' }, { sectionName: 'bar' }), []],
    ['the same section twice', parents({ sectionName: 'foo' }, { sectionName: 'foo' }), ['sectionName must be unique when parentRefs includes 2 or more references to the same parent']],
  ] as [string, Spec, string[]][])('%s', (_, spec, errors) => {
    const message = said('HTTPRoute', spec)
    if (errors.length === 0) expect(message).toBe('')
    for (const error of errors) expect(message).toContain(error)
  })
})

const listener = (more: Spec): Spec => ({ name: 'first', port: 80, protocol: 'HTTP', ...more })
const gateway = (...listeners: Spec[]): Spec => ({ gatewayClassName: 'foo', listeners: listeners.map(listener) })
const certificate = { certificateRefs: [{ name: 'foo' }] }

describe('rules of a Gateway', () => {
  it.each([
    ['tls with HTTP', gateway({ tls: certificate }), ["tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']"]],
    ['tls with TCP', gateway({ protocol: 'TCP', tls: certificate }), ["tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']"]],
    ['HTTPS that passes', gateway({ protocol: 'HTTPS', tls: { mode: 'Passthrough' } }), ['tls mode must be Terminate for protocol HTTPS']],
    ['HTTPS without tls', gateway({ protocol: 'HTTPS' }), []],
    ['TLS without tls', gateway({ protocol: 'TLS' }), []],
    ['a name with TCP', gateway({ protocol: 'TCP', hostname: 'foo' }), ["hostname must not be specified for protocols ['TCP', 'UDP']"]],
    ['a name with UDP', gateway({ protocol: 'UDP', hostname: 'foo' }), ["hostname must not be specified for protocols ['TCP', 'UDP']"]],
    ['HTTPS without a certificate', gateway({ protocol: 'HTTPS', tls: { mode: 'Terminate' } }), ['certificateRefs or options must be specified when mode is Terminate']],
    ['TLS without a certificate', gateway({ protocol: 'TLS', tls: { mode: 'Terminate' } }), ['certificateRefs or options must be specified when mode is Terminate']],
    ['HTTPS with a certificate', gateway({ protocol: 'HTTPS', tls: { mode: 'Terminate', ...certificate } }), []],
    ['TLS with options alone', gateway({ protocol: 'TLS', tls: { mode: 'Terminate', options: { foo: 'bar' } } }), []],
    ['two listeners of one name', gateway({}, { port: 443 }), ['Listener name must be unique within the Gateway']],
    ['two of one port and name', gateway({ hostname: 'a' }, { name: 'second', hostname: 'a' }), ['Combination of port, protocol and hostname must be unique for each listener']],
    ['two of one port without names', gateway({}, { name: 'second' }), ['Combination of port, protocol and hostname must be unique for each listener']],
    ['two of one port, one without a name', gateway({ hostname: 'a' }, { name: 'second' }), []],
    ['two of one port and name, of two protocols', gateway({ hostname: 'a' }, { name: 'second', hostname: 'a', protocol: 'HTTPS', tls: certificate }), []],
    ['an address that is none', { ...gateway({}), addresses: [{ type: 'IPAddress', value: '1.2.3.4:8080' }] }, ['Invalid value: "1.2.3.4:8080": spec.addresses[0].value in body must be of type ipv4']],
    ['an address twice', { ...gateway({}), addresses: [{ type: 'IPAddress', value: '1.2.3.4' }, { type: 'IPAddress', value: '1.2.3.4' }] }, ['IPAddress values must be unique']],
    ['a host twice', { ...gateway({}), addresses: [{ type: 'Hostname', value: 'a.example.com' }, { type: 'Hostname', value: 'a.example.com' }] }, ['Hostname values must be unique']],
  ] as [string, Spec, string[]][])('%s', (_, spec, errors) => {
    const message = said('Gateway', spec)
    if (errors.length === 0) expect(message).toBe('')
    for (const error of errors) expect(message).toContain(error)
  })
})

it('the CRDs are taken without a warning', () => expect(warnings).toEqual([]))
