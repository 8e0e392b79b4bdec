import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { fetch, type Fetched } from '../../cni/small-cluster.samples.ts'
import { parseClusterConfig } from '../../config.ts'
import type { KubeObject, Pod } from '../../kubernetes/types.ts'
import { CallbackFile } from '../../machine/files.ts'
import type { Program } from '../../machine/types.ts'
import { decodeUtf8 } from '../../text.ts'
import { headerOf } from '../http/message.ts'
import { acceptedHostnames } from './hostnames.ts'
import { modifiedPath, redirectTarget } from './rewrites.ts'
import { GROUP, type Condition, type Gateway, type HttpRoute } from './types.ts'

function apply(cluster: SimulatedCluster, text: string): void {
  for (const document of parseAllDocuments(text)) {
    const object = document.toJS() as KubeObject
    const group = object.apiVersion.includes('/') ? `.${object.apiVersion.split('/')[0]}` : ''
    const resource = cluster.client.findResource(`${object.kind}${group}`)!
    cluster.client.create(resource.key ?? resource.name, resource.namespaced ? (object.metadata.namespace ?? 'default') : undefined, object)
  }
}

/** A cluster in which a student has applied the three manifests, and then a shop. */
function born(): SimulatedCluster {
  const cluster = new SimulatedCluster(parseClusterConfig({ cloud: 'loadbalancer' }))
  for (const name of ['gateway-api', 'nginx-gateway-fabric-crds', 'nginx-gateway-fabric']) {
    apply(cluster, readFileSync(new URL(`../../../../assets/manifests/${name}.yaml`, import.meta.url), 'utf8'))
    cluster.clock.runFor(100)
  }
  apply(cluster, readFileSync(new URL('samples/shop.yaml', import.meta.url), 'utf8'))
  expect(cluster.settle()).toBe(true)
  return cluster
}

interface Asked { host?: string; method?: string; headers?: [string, string][] }

function get(cluster: SimulatedCluster, gateway: string, path: string, options: Asked = {}, port = 80): Fetched {
  const address = cluster.client.get<Gateway>(`gateways.${GROUP}`, 'shop', gateway).status!.addresses![0]!.value
  let result: Fetched | undefined
  const program: Program = function* (process) {
    result = yield* fetch(process, address, port, path, options)
    return 0
  }
  cluster.laptop.start({ argv: ['curl'], program, files: new Map() })
  const end = cluster.clock.now + 60_000
  while (!result && cluster.clock.step(end)) continue
  return result!
}

const said = (conditions: readonly Condition[] | undefined): string[] => (conditions ?? []).map((c) => `${c.type}=${c.status} ${c.reason}`)
const page = (title: string): string => `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`

describe('NGINX Gateway Fabric, as a student installs it', () => {
  let cluster: SimulatedCluster
  const ask = (path: string, options: Asked = {}): Fetched => get(cluster, 'front', path, { host: 'shop.example.com', ...options })
  const gateway = (name: string): Gateway => cluster.client.get<Gateway>(`gateways.${GROUP}`, 'shop', name)
  const parents = (namespace: string, name: string): string[][] => (cluster.client.get<HttpRoute>(`httproutes.${GROUP}`, namespace, name).status?.parents ?? []).map((p) => said(p.conditions))
  beforeAll(() => {
    cluster = born()
  }, 300_000)

  it('accepts its class, and makes a Deployment and a Service for each Gateway', () => {
    expect(said(cluster.client.get<Gateway>(`gatewayclasses.${GROUP}`, undefined, 'nginx').status!.conditions)).toEqual(['Accepted=True Accepted', 'SupportedVersion=True SupportedVersion', 'ResolvedRefs=True ResolvedRefs'])
    const pods = cluster.client.list<Pod>('pods', { namespace: 'shop', labelSelector: `${GROUP}/gateway-name=front` }).items
    expect(pods.map((p) => p.status.containerStatuses!.map((c) => c.ready))).toEqual([[true]])
    expect(said(gateway('front').status!.conditions)).toEqual(['Accepted=True Accepted', 'Programmed=True Programmed'])
    // the copies of a mirror are a route of the controller's own
    expect(gateway('front').status!.listeners!.map((l) => [l.name, l.attachedRoutes, said(l.conditions)])).toEqual([
      ['http', 4, ['Accepted=True Accepted', 'Programmed=True Programmed', 'ResolvedRefs=True ResolvedRefs', 'Conflicted=False NoConflicts']],
      ['inner', 1, ['Accepted=True Accepted', 'Programmed=True Programmed', 'ResolvedRefs=True ResolvedRefs', 'Conflicted=False NoConflicts']],
    ])
  })

  it('forwards by packets that travel, from the nginx Pod', () => {
    const { body, journey } = ask('/v1/clientip')
    const pods = cluster.client.list<Pod>('pods', { namespace: 'shop', labelSelector: `${GROUP}/gateway-name=front` }).items
    expect(body.split(':')[0]).toBe(pods[0]!.status.podIP)
    expect(journey?.verdict).toBe('delivered')
  })

  it.each([
    ['a longer path', '/v1/deeper/echo?msg=deep', {}, 'deep'],
    ['an exact path', '/exact', {}, 'exact'],
    ['a regular expression', '/api/42', {}, 'regular'],
    ['a header', '/match', { headers: [['X-Stage', 'canary']] }, 'by header'],
    ['a regular expression of a header', '/match', { headers: [['X-Stage', 'blue-7']] }, 'by pattern'],
    ['a method', '/match', { method: 'DELETE' }, 'by method'],
    ['a query parameter', '/match?stage=canary', {}, 'by parameter'],
    ['nothing of it', '/match', {}, 'by path'],
    ['a wildcard listener', '/', { host: 'a.inner.example.com' }, 'inner'],
    ['another namespace, with a grant', '/granted', {}, 'other'],
  ] as [string, string, Asked, string][])('matches %s', (_, path, options, body) => {
    expect(ask(path, options).body).toBe(`${body}\n`)
  })

  it.each([
    ['/nowhere', 404, '404 Not Found'],
    ['/v1elsewhere', 404, '404 Not Found'],
    ['/exact/not', 404, '404 Not Found'],
    ['/missing', 500, '500 Internal Server Error'],
    ['/forbidden', 500, '500 Internal Server Error'],
    ['/empty', 503, '503 Service Temporarily Unavailable'],
    ['/closed', 502, '502 Bad Gateway'],
  ])('answers %s itself: %i', (path, status, title) => {
    const { head, body } = ask(path)
    expect([head!.status, body]).toEqual([status, page(title)])
  })

  it('knows no other names', () => {
    expect(ask('/v1', { host: 'nowhere.example.com' }).head!.status).toBe(404)
    // a listener of its own, whose route is another
    expect(ask('/match', { host: 'a.inner.example.com' }).body).toBe('inner\n')
  })

  it('redirects and changes headers', () => {
    const moved = ask('/old/page?a=b').head!
    expect([moved.status, headerOf(moved.headers, 'location')]).toEqual([301, 'https://new.example.com/fresh/page?a=b'])
    const plain = ask('/here').head!
    expect([plain.status, headerOf(plain.headers, 'location')]).toEqual([302, 'http://shop.example.com:80/there'])
    const { head } = ask('/headers')
    expect(headerOf(head!.headers, 'x-served-by')).toBe('the gateway')
    expect(ask('/headers/header?key=X-Added', { headers: [['X-Added', 'mine'], ['X-Gone', 'no']] }).body).toBe('mine,yours')
    expect(ask('/headers/header?key=X-Gone', { headers: [['X-Gone', 'no']] }).body).toBe('')
    expect(ask('/headers/header?key=X-Forwarded-Host').body).toBe('shop.example.com')
  })

  it('splits by weight', () => {
    const seen = Array.from({ length: 200 }, () => ask('/split').body)
    const other = seen.filter((b) => b === 'other\n').length
    expect(new Set(seen)).toEqual(new Set(['other\n', 'web\n']))
    expect(other).toBeGreaterThan(20)
    expect(other).toBeLessThan(90)
  }, 300_000)

  it('sends a copy elsewhere', () => {
    const pod = cluster.client.list<Pod>('pods', { namespace: 'other' }).items[0]!
    const lines: string[] = []
    ask('/mirrored')
    cluster.clock.runFor(1_000)
    cluster.client.logs('other', pod.metadata.name, {}, { onLine: (line) => lines.push(line), onEnd: () => undefined })
    cluster.clock.runFor(10)
    expect(lines.filter((l) => l.includes('/mirrored'))).toHaveLength(1)
  })

  it('writes its upstreams where people look for them, and says that the rest is not simulated', () => {
    const [pod] = cluster.client.list<Pod>('pods', { namespace: 'shop', labelSelector: `${GROUP}/gateway-name=front` }).items
    cluster.programs.register('busybox', function* (process) {
      yield* process.print(process.fs.readText(process.argv.at(-1)!))
      return 0
    })
    const exec = (...command: string[]): string => {
      let text = ''
      const file = (): CallbackFile => new CallbackFile(cluster.clock, (bytes) => (text += decodeUtf8(bytes)))
      cluster.client.exec('shop', pod!.metadata.name, { command, container: 'nginx', tty: false, stdout: file(), stderr: file() })
      cluster.clock.runFor(2_000)
      return text
    }
    expect(exec('cat', '/etc/nginx/conf.d/http.conf')).toMatch(/\nupstream shop_echoes_9001 \{\n {4}random two least_conn;\n {4}zone shop_echoes_9001 512k;\n\n {4}server 10\.244\.\d\.\d+:9001;\n\}\n/)
    expect(exec('nginx', '-T')).toContain("podhop: not simulated: nginx -T in a Gateway's Pod (kubectl describe httproute")
  })

  it('says in each status why', () => {
    expect(parents('shop', 'shop')).toEqual([['Accepted=True Accepted', 'ResolvedRefs=False RefNotPermitted']])
    const refused = (reason: string): string[] => ['ResolvedRefs=True ResolvedRefs', `Accepted=False ${reason}`]
    expect(parents('other', 'stranger')).toEqual([refused('NotAllowedByListeners')])
    expect(parents('shop', 'lost')).toEqual([refused('NoMatchingParent'), refused('NoMatchingParent')])
    expect(parents('shop', 'nameless')).toEqual([refused('NoMatchingListenerHostname')])
    const broken = gateway('broken').status!
    expect(said(broken.conditions)).toEqual(['Programmed=True Programmed', 'Accepted=True ListenersNotValid'])
    expect(broken.listeners!.map((l) => said(l.conditions))).toEqual([
      ['Accepted=False InvalidCertificateRef', 'ResolvedRefs=False InvalidCertificateRef', 'Programmed=False Invalid'],
      ['Accepted=False UnsupportedProtocol', 'Programmed=False Invalid'],
      ['Accepted=True Accepted', 'Programmed=True Programmed', 'ResolvedRefs=True ResolvedRefs', 'Conflicted=False NoConflicts'],
    ])
  })

  it('judges a GRPCRoute like the others; what speaks no HTTP/2 behind it is unavailable', () => {
    apply(cluster, `
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: rpc, namespace: shop}
spec:
  parentRefs: [{name: front, sectionName: http}]
  hostnames: [rpc.example.com]
  rules:
  - matches: [{method: {service: shop.Cart, method: Add}}]
    backendRefs: [{name: web, port: 80}]
  - matches: [{method: {type: RegularExpression, service: shop.*}}]
`)
    cluster.settle()
    const route = cluster.client.get<HttpRoute>(`grpcroutes.${GROUP}`, 'shop', 'rpc')
    expect(said(route.status!.parents[0]!.conditions)).toEqual(['Accepted=True Accepted', 'ResolvedRefs=True ResolvedRefs', 'PartiallyInvalid=True UnsupportedValue'])
    expect(route.status!.parents[0]!.conditions.at(-1)!.message).toBe('Dropped Rule(s): [spec.rules[1].matches[0].method.type: Unsupported value: "RegularExpression": supported values: "Exact", spec.rules[1].matches[0].method.method: Required value: method is required]')
    expect(gateway('front').status!.listeners!.map((l) => l.attachedRoutes)).toEqual([5, 1])
    expect(ask('/shop.Cart/Add', { host: 'rpc.example.com' }).head).toMatchObject({ status: 204, headers: expect.arrayContaining([['grpc-status', '14']]) as unknown })
    expect(ask('/shop.Cart/Remove', { host: 'rpc.example.com' }).head!.status).toBe(404)
  })

  it('keeps serving without its control plane, but learns nothing new', () => {
    cluster.client.patch('deployments', 'nginx-gateway', 'nginx-gateway', 'application/merge-patch+json', { spec: { replicas: 0 } })
    cluster.settle()
    cluster.client.delete(`httproutes.${GROUP}`, 'shop', 'inner')
    cluster.settle()
    expect(ask('/', { host: 'a.inner.example.com' }).body).toBe('inner\n')
    cluster.client.patch('deployments', 'nginx-gateway', 'nginx-gateway', 'application/merge-patch+json', { spec: { replicas: 1 } })
    cluster.settle()
    cluster.clock.runFor(10_000)
    expect(ask('/', { host: 'a.inner.example.com' }).head!.status).toBe(404)
  })

  it('takes away what belongs to a Gateway that is gone', () => {
    cluster.client.delete(`gateways.${GROUP}`, 'shop', 'broken')
    cluster.settle()
    expect(cluster.client.list('services', { namespace: 'shop' }).items.map((s) => s.metadata.name)).not.toContain('broken-nginx')
    expect(cluster.client.list('deployments', { namespace: 'shop' }).items.map((s) => s.metadata.name)).not.toContain('broken-nginx')
  })
})

describe('names of listeners and routes', () => {
  it.each([
    ['', [], ['']],
    ['a.example.com', [], ['a.example.com']],
    ['', ['b.example.com'], ['b.example.com']],
    ['*.example.com', ['a.example.com', 'a.b.example.com', 'example.com', 'other.org'], ['a.example.com', 'a.b.example.com']],
    ['a.example.com', ['*.example.com'], ['a.example.com']],
    ['*.example.com', ['*.a.example.com', '*.example.com'], ['*.a.example.com', '*.example.com']],
    ['a.example.com', ['b.example.com'], []],
  ])('%s meets %j', (listener, route, accepted) => {
    expect(acceptedHostnames(listener, route)).toEqual(accepted)
  })
})

describe('paths of filters', () => {
  const at = (path: string): Parameters<typeof modifiedPath>[1] => ({ type: 'PathPrefix', path, matches: [] })
  // the table of HTTPPathModifier.replacePrefixMatch
  it.each([
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz/', '/xyz/bar'],
    ['/foo', '/foo', '/xyz', '/xyz'],
    ['/foo/', '/foo', '/xyz', '/xyz/'],
    ['/foo/bar', '/foo', '', '/bar'],
    ['/foo/', '/foo', '/', '/'],
    ['/foo', '/foo', '/', '/'],
  ])('%s under %s, replaced by "%s": %s', (path, prefix, replacement, result) => {
    expect(modifiedPath({ type: 'ReplacePrefixMatch', replacePrefixMatch: replacement }, at(prefix), path)).toBe(result)
  })

  it.each([
    [{}, 'http://a.org:8000/x?y'],
    [{ scheme: 'https' }, 'https://a.org/x?y'],
    [{ scheme: 'https', port: 8443 }, 'https://a.org:8443/x?y'],
    [{ scheme: 'https', port: 443 }, 'https://a.org/x?y'],
    [{ hostname: 'b.org', path: { type: 'ReplaceFullPath' as const, replaceFullPath: '/z' } }, 'http://b.org:8000/z?y'],
  ])('redirects with %j to %s', (filter, target) => {
    expect(redirectTarget(filter, at('/'), { host: 'a.org', uri: '/x?y', path: '/x', scheme: 'http', port: 8000 })).toBe(target)
  })
})
