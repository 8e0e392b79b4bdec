import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { fetch, type Fetched } from '../../cni/small-cluster.samples.ts'
import { parseClusterConfig } from '../../config.ts'
import { encodeBase64 } from '../../kubernetes/base64.ts'
import { Undecided } from '../../kubernetes/client.ts'
import { encodeUtf8 } from '../../text.ts'
import type { Event, Ingress, KubeObject, Pod, Service } from '../../kubernetes/types.ts'
import type { Program } from '../../machine/types.ts'
import { headerOf } from '../http/message.ts'

/** A cluster with `ingressController: nginx`, asked from the laptop as a person would. */
function born(config: object): SimulatedCluster {
  const cluster = new SimulatedCluster(parseClusterConfig(config))
  // the webhook judges each Ingress: it has to be there
  expect(cluster.settle()).toBe(true)
  for (const document of parseAllDocuments(readFileSync(new URL('samples/shop.yaml', import.meta.url), 'utf8'))) {
    const object = document.toJS() as KubeObject
    decided(cluster, () => cluster.client.create(cluster.client.findResource(object.kind)!.name, 'default', object))
  }
  expect(cluster.settle()).toBe(true)
  return cluster
}

/** A write, as often as webhooks have to be waited for. */
function decided(cluster: SimulatedCluster, write: () => void): void {
  for (;;) {
    try {
      return write()
    } catch (error) {
      if (!(error instanceof Undecided)) throw error
      let known = false
      error.settle(() => void (known = true))
      while (!known) cluster.clock.step(Infinity)
    }
  }
}

function get(cluster: SimulatedCluster, address: string, port: number, path: string, options: Parameters<typeof fetch>[4] = {}): Fetched {
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

function nodePort(cluster: SimulatedCluster): number {
  return cluster.client.get<Service>('services', 'ingress-nginx', 'ingress-nginx-controller').spec.ports![0]!.nodePort!
}

function controllers(cluster: SimulatedCluster): Pod[] {
  return [...cluster.client.list<Pod>('pods', { namespace: 'ingress-nginx', labelSelector: 'app.kubernetes.io/component=controller' }).items]
}

function log(cluster: SimulatedCluster): string[] {
  const lines: string[] = []
  cluster.client.logs('ingress-nginx', controllers(cluster)[0]!.metadata.name, {}, { onLine: (line) => lines.push(line), onEnd: () => undefined })
  cluster.clock.runFor(10)
  return lines
}

function addresses(cluster: SimulatedCluster): Record<string, string | undefined> {
  return Object.fromEntries(cluster.client.list<Ingress>('ingresses', { namespace: 'default' }).items.map((i) => [i.metadata.name, i.status.loadBalancer?.ingress?.[0]?.ip]))
}

const btoa64 = (text: string): string => encodeBase64(encodeUtf8(text))
const nginxPage = (title: string): string => `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`

describe('the NGINX Ingress controller behind a NodePort', () => {
  let cluster: SimulatedCluster
  let ask: (host: string, path: string, options?: { method?: string; headers?: [string, string][] }) => Fetched
  beforeAll(() => {
    cluster = born({ ingressController: 'nginx' })
    const port = nodePort(cluster)
    ask = (host, path, options = {}) => get(cluster, '172.18.0.4', port, path, { host, ...options })
  })

  it('writes the address of its node into the Ingresses of its class, and an Event', () => {
    const node = controllers(cluster)[0]!.status.hostIP
    expect(addresses(cluster)).toEqual({ shop: node, rewritten: node, 'with-default': node, 'of-nobody': undefined })
    const events = cluster.client.list<Event>('events', { namespace: 'default' }).items.filter((e) => e.involvedObject.kind === 'Ingress')
    expect(new Set(events.map((e) => `${e.type} ${e.reason} ${e.source?.component} ${e.message}`))).toEqual(new Set(['Normal Sync nginx-ingress-controller Scheduled for sync']))
    expect(events.map((e) => e.involvedObject.name).sort()).toEqual(['rewritten', 'shop', 'with-default'])
  })

  it('sends one request after the other to the ready Pods, and packets travel', () => {
    const pods = cluster.client.list<Pod>('pods', { namespace: 'default', labelSelector: 'app=shop' }).items.map((p) => p.metadata.name)
    const seen = [1, 2, 3, 4].map(() => ask('default.example.com', '/hostname').body)
    expect(seen[0]).not.toBe(seen[1])
    expect(seen.slice(2)).toEqual(seen.slice(0, 2))
    expect([...new Set(seen)].sort()).toEqual([...pods].sort())
    expect(ask('shop.example.com', '/').journey?.verdict).toBe('delivered')
  })

  it.each([
    ['shop.example.com', '/pages', 'pages\n'],
    ['shop.example.com', '/pages/deeper?q=1', 'pages\n'],
    ['SHOP.example.com:80', '/pages', 'pages\n'],
    ['shop.example.com', '/hostname', 'pages\n'],
    ['a.wild.example.com', '/only', 'pages\n'],
    ['default.example.com', '/elsewhere', 'pages\n'],
  ])('serves %s%s', (host, path, body) => {
    expect(ask(host, path).body).toBe(body)
  })

  it.each([
    ['nowhere.example.com', '/', 404, '404 Not Found'],
    ['wild.example.com', '/only', 404, '404 Not Found'],
    ['a.b.wild.example.com', '/only', 404, '404 Not Found'],
    ['a.wild.example.com', '/only/more', 404, '404 Not Found'],
    ['nobody.example.com', '/', 404, '404 Not Found'],
    ['shop.example.com', '/empty', 503, '503 Service Temporarily Unavailable'],
    ['shop.example.com', '/missing', 503, '503 Service Temporarily Unavailable'],
    ['shop.example.com', '/closed', 502, '502 Bad Gateway'],
  ])('has a page of its own for %s%s: %i', (host, path, status, title) => {
    const { head, body } = ask(host, path)
    expect([head!.status, body]).toEqual([status, nginxPage(title)])
    expect(head!.headers.map(([name]) => name)).toEqual(['Date', 'Content-Type', 'Content-Length', 'Connection'])
  })

  it('takes a prefix by its elements', () => {
    expect(ask('shop.example.com', '/pagesandmore').body).toMatch(/^NOW: /)
  })

  it('adds the slash that a path has', () => {
    const { head } = ask('shop.example.com', '/slash?a=b')
    expect([head!.status, headerOf(head!.headers, 'location')]).toEqual([301, 'http://shop.example.com/slash/?a=b'])
  })

  it('rewrites with what the path has caught', () => {
    const pods = cluster.client.list<Pod>('pods', { namespace: 'default', labelSelector: 'app=shop' }).items.map((p) => p.metadata.name)
    expect(pods).toContain(ask('api.example.com', '/shop/hostname').body)
    expect(ask('api.example.com', '/shop/echo?msg=hello').body).toBe('hello')
    expect(ask('api.example.com', '/other').head!.status).toBe(404)
  })

  it('tells the backend who asked, and for what', () => {
    const header = (name: string, headers: [string, string][] = []): string => ask('shop.example.com', `/header?key=${name}`, { headers }).body
    const client = header('X-Real-IP')
    expect(client).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
    expect(['X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Port', 'X-Forwarded-Proto', 'X-Forwarded-Scheme', 'X-Scheme'].map((n) => header(n))).toEqual([client, 'shop.example.com', '80', 'http', 'http', 'http'])
    expect(header('X-Request-ID')).toMatch(/^[0-9a-f]{32}$/)
    expect(header('X-Request-ID', [['X-Request-ID', 'mine']])).toBe('mine')
    expect(header('X-Forwarded-For', [['X-Forwarded-For', '1.2.3.4']])).toBe(client)
    expect(header('X-Original-Forwarded-For', [['X-Forwarded-For', '1.2.3.4']])).toBe('1.2.3.4')
  })

  it('answers HEAD without a body', () => {
    const { head, body } = ask('shop.example.com', '/pages', { method: 'HEAD' })
    expect([head!.status, headerOf(head!.headers, 'content-length'), body]).toEqual([200, '6', ''])
  })

  const annotate = (name: string, host: string, service: string, annotations: Record<string, string>): void => decided(cluster, () => cluster.client.create('ingresses', 'default', {
    apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name, annotations: Object.fromEntries(Object.entries(annotations).map(([k, v]) => [`nginx.ingress.kubernetes.io/${k}`, v])) },
    spec: { ingressClassName: 'nginx', rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: service, port: { number: 80 } } } }] } }] },
  } as unknown as KubeObject))

  it('asks another server for leave, redirects between www and not, hashes, goes on after a status, and reaches names outside', () => {
    cluster.client.create('services', 'default', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'named' }, spec: { type: 'ExternalName', externalName: 'pages.default.svc.cluster.local' } } as unknown as KubeObject)
    annotate('asked', 'asked.example.com', 'pages', { 'auth-url': 'http://shop.default.svc.cluster.local/echo?msg=x&code=$arg_code', 'auth-signin': 'http://login.example.com/start' })
    annotate('www', 'bare.example.com', 'shop', { 'from-to-www-redirect': 'true', 'upstream-hash-by': '$request_uri' })
    annotate('next', 'next.example.com', 'shop', { 'proxy-next-upstream': 'http_503', 'proxy-next-upstream-tries': '2', 'proxy-redirect-from': 'http://old/', 'proxy-redirect-to': '/new/' })
    annotate('outside', 'outside.example.com', 'named', { 'upstream-vhost': 'pages' })
    cluster.clock.runFor(10_000)
    const asked = (code: number): [number, string | undefined] => {
      const { status, headers } = ask('asked.example.com', `/?code=${code}`).head!
      return [status, headerOf(headers, 'location')]
    }
    expect([200, 401, 403, 404].map(asked)).toEqual([[200, undefined], [302, 'http://login.example.com/start?rd=http://asked.example.com%2F%3Fcode%3D401'], [403, undefined], [500, undefined]])
    expect(log(cluster).some((l) => l.includes('auth request unexpected status: 404, client: '))).toBe(true)
    expect(headerOf(ask('www.bare.example.com', '/a?b').head!.headers, 'location')).toBe('http://bare.example.com:80/a?b')
    expect(new Set([1, 2, 3].map(() => ask('bare.example.com', '/hostname').body)).size).toBe(1)
    expect(ask('next.example.com', '/echo?msg=a&code=503').head!.status).toBe(503)
    expect(log(cluster).find((l) => l.includes('code=503'))).toMatch(/ 503 1 .* 503, 503 [0-9a-f]{32}$/)
    expect(ask('outside.example.com', '/').body).toBe('pages\n')
    for (const name of ['asked', 'www', 'next', 'outside']) cluster.client.delete('ingresses', 'default', name)
    cluster.clock.runFor(2000)
  })

  it('guards a place: CORS, basic authentication, a rate, another Service for errors', () => {
    // htpasswd -nb anna secret
    cluster.client.create('secrets', 'default', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'users' }, stringData: { auth: 'anna:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\nbert:{PLAIN}pw\n' } } as unknown as KubeObject)
    annotate('guarded', 'guarded.example.com', 'pages', { 'auth-type': 'basic', 'auth-secret': 'users', 'auth-realm': 'Staff', 'server-alias': 'alias.example.com' })
    annotate('shared', 'shared.example.com', 'pages', { 'enable-cors': 'true', 'cors-allow-origin': 'https://*.a.org', 'limit-rps': '1', 'limit-burst-multiplier': '2' })
    annotate('backed', 'backed.example.com', 'shop', { 'default-backend': 'pages', 'custom-http-errors': '404' })
    annotate('nobody', 'backed-empty.example.com', 'empty', { 'default-backend': 'pages' })
    cluster.clock.runFor(10_000)
    const basic = (text: string): [string, string][] => [['Authorization', `Basic ${btoa64(text)}`]]
    const guarded = ask('guarded.example.com', '/').head!
    expect([guarded.status, headerOf(guarded.headers, 'www-authenticate')]).toEqual([401, 'Basic realm="Staff"'])
    expect(['anna:secret', 'anna:wrong', 'bert:pw', 'carl:pw'].map((text) => ask('alias.example.com', '/', { headers: basic(text) }).head!.status)).toEqual([200, 401, 200, 401])
    const origin: [string, string][] = [['Origin', 'https://x.a.org']]
    expect(ask('shared.example.com', '/', { method: 'OPTIONS', headers: origin }).head!.status).toBe(204)
    expect([origin, [['Origin', 'https://b.org']] as [string, string][]].map((headers) => headerOf(ask('shared.example.com', '/', { headers }).head!.headers, 'access-control-allow-origin'))).toEqual(['https://x.a.org', undefined])
    expect([1, 2].map(() => ask('shared.example.com', '/').head!.status)).toEqual([200, 503])
    expect([ask('backed.example.com', '/echo?msg=no&code=404').body, ask('backed-empty.example.com', '/').body]).toEqual(['pages\n', 'pages\n'])
    for (const name of ['guarded', 'shared', 'backed', 'nobody']) cluster.client.delete('ingresses', 'default', name)
    cluster.clock.runFor(2000)
  })

  it('logs each request with every upstream that it tried', () => {
    ask('shop.example.com', '/pages')
    ask('nowhere.example.com', '/')
    ask('shop.example.com', '/empty')
    ask('shop.example.com', '/closed')
    const lines = log(cluster)
    const pod = cluster.client.list<Pod>('pods', { namespace: 'default', labelSelector: 'app=pages' }).items[0]!.status.podIP!
    const last = (part: string): string => lines.filter((l) => l.includes(`"GET ${part} HTTP/1.1"`)).at(-1)!
    expect(last('/pages')).toMatch(new RegExp(`^[0-9.]+ - - \\[05/Jan/2026:08:0\\d:\\d\\d \\+0000\\] "GET /pages HTTP/1\\.1" 200 6 "-" "curl/7\\.88\\.1" \\d+ \\d\\.\\d{3} \\[default-pages-80\\] \\[\\] ${pod}:5678 6 \\d\\.\\d{3} 200 [0-9a-f]{32}$`))
    expect(last('/')).toMatch(/ 404 146 .* \[upstream-default-backend\] \[\] 127\.0\.0\.1:8181 146 0\.000 404 [0-9a-f]{32}$/)
    expect(last('/empty')).toMatch(/ 503 190 .* \[default-empty-80\] \[\] - - - - [0-9a-f]{32}$/)
    expect(last('/closed')).toMatch(/ 502 150 .* \[default-closed-80\] \[\] (10\.244\.\d\.\d+:9(, )?){3} 0, 0, 0 (\d\.\d{3}(, )?){3} 502, 502, 502 [0-9a-f]{32}$/)
    expect(lines.some((l) => / \[error\] .* connect\(\) failed \(111: Connection refused\) while connecting to upstream, client: .*, server: shop\.example\.com, request: "GET \/closed HTTP\/1\.1", upstream: "http:\/\/10\.244\.\d\.\d+:9\/closed", host: "shop\.example\.com"$/.test(l))).toBe(true)
  })

  it('says what it does not do, and whose Ingress it leaves alone', () => {
    const text = log(cluster).join('\n')
    expect(text).toContain('"Ignoring ingress because of error while validating ingress class" ingress="default/of-nobody" error="ingress does not contain a valid IngressClass"')
    expect(text).toContain('"Found valid IngressClass" ingress="default/shop" ingressclass="nginx"')
    expect(text).toContain('Error obtaining Service "default/missing": no object matching key "default/missing" in local store')
  })
})

describe('what becomes of it', () => {
  it('follows Services, endpoints and Ingresses', () => {
    const cluster = born({ ingressController: 'nginx' })
    const status = (host: string, path: string): number => get(cluster, '172.18.0.3', nodePort(cluster), path, { host }).head!.status
    cluster.client.patch('deployments', 'default', 'pages', 'application/merge-patch+json', { spec: { replicas: 0 } })
    decided(cluster, () => cluster.client.patch('ingresses', 'default', 'of-nobody', 'application/merge-patch+json', { spec: { ingressClassName: 'nginx' } }))
    cluster.settle()
    expect([status('shop.example.com', '/pages'), status('nobody.example.com', '/')]).toEqual([503, 503])
    expect(addresses(cluster)['of-nobody']).toBeDefined()
    cluster.client.patch('deployments', 'default', 'pages', 'application/merge-patch+json', { spec: { replicas: 1 } })
    cluster.client.delete('ingresses', 'default', 'shop')
    cluster.settle()
    expect([status('shop.example.com', '/pages'), status('nobody.example.com', '/')]).toEqual([404, 200])
  })

  it('goes on to the next endpoint when one does not answer', () => {
    const cluster = born({ ingressController: 'nginx' })
    const pod = cluster.client.list<Pod>('pods', { namespace: 'default', labelSelector: 'app=pages' }).items[0]!.status.podIP!
    const nobody = `${pod.split('.').slice(0, 3).join('.')}.250`
    cluster.client.create('services', 'default', { metadata: { name: 'by-hand' }, spec: { ports: [{ port: 80 }] } })
    const slice = (name: string, address: string): object => ({
      metadata: { name, labels: { 'kubernetes.io/service-name': 'by-hand' } }, addressType: 'IPv4', ports: [{ port: 5678 }], endpoints: [{ addresses: [address] }],
    })
    cluster.client.create('endpointslices', 'default', slice('a', nobody))
    const paths = [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'by-hand', port: { number: 80 } } } }]
    decided(cluster, () => cluster.client.create('ingresses', 'default', { metadata: { name: 'by-hand' }, spec: { ingressClassName: 'nginx', rules: [{ host: 'by-hand.example.com', http: { paths } }] } }))
    cluster.settle()
    const ask = (): Fetched => get(cluster, '172.18.0.3', nodePort(cluster), '/', { host: 'by-hand.example.com' })
    expect(ask().head!.status).toBe(502)
    expect(log(cluster).at(-1)).toMatch(/ 502, 502, 502 [0-9a-f]{32}$/)
    cluster.client.create('endpointslices', 'default', slice('b', pod))
    cluster.settle()
    cluster.clock.runFor(5_000)
    const answers = [ask(), ask(), ask()].map(({ head, body }) => [head!.status, body])
    expect(answers).toEqual([[200, 'pages\n'], [200, 'pages\n'], [200, 'pages\n']])
    const lines = log(cluster)
    expect(lines.some((l) => l.includes(` ${nobody}:5678, ${pod}:5678 0, 6 `) && / 502, 200 [0-9a-f]{32}$/.test(l))).toBe(true)
    expect(lines.some((l) => l.includes('connect() failed (113: Host is unreachable) while connecting to upstream'))).toBe(true)
  })

  it('takes the addresses away with its last Pod, and nobody answers then', () => {
    const cluster = born({ ingressController: 'nginx' })
    cluster.client.patch('deployments', 'ingress-nginx', 'ingress-nginx-controller', 'application/merge-patch+json', { spec: { replicas: 0 } })
    cluster.clock.runFor(60_000)
    expect(controllers(cluster)).toEqual([])
    expect(Object.values(addresses(cluster))).toEqual([undefined, undefined, undefined, undefined])
    expect(get(cluster, '172.18.0.3', nodePort(cluster), '/', { host: 'shop.example.com' }).error).toBe('ECONNREFUSED')
    cluster.client.patch('deployments', 'ingress-nginx', 'ingress-nginx-controller', 'application/merge-patch+json', { spec: { replicas: 1 } })
    cluster.clock.runFor(30_000)
    expect(get(cluster, '172.18.0.3', nodePort(cluster), '/pages', { host: 'shop.example.com' }).body).toBe('pages\n')
    // the lease of the one before has to end first
    expect(addresses(cluster)['shop']).toBeUndefined()
    cluster.clock.runFor(30_000)
    expect(addresses(cluster)['shop']).toBe(controllers(cluster)[0]!.status.hostIP)
  })

  it('stands behind a load balancer where the cloud has one, which keeps the client\'s address', () => {
    const cluster = born({ ingressController: 'nginx', cloud: 'loadbalancer' })
    const service = cluster.client.get<Service>('services', 'ingress-nginx', 'ingress-nginx-controller')
    const ip = service.status.loadBalancer!.ingress![0]!.ip!
    expect(service.spec).toMatchObject({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' })
    expect(addresses(cluster)['shop']).toBe(ip)
    cluster.clock.runFor(30_000)
    expect(get(cluster, ip, 80, '/header?key=X-Real-IP', { host: 'shop.example.com' }).body).toBe([...cluster.laptop.network.links.values()].flatMap((l) => l.addresses.map((a) => a.address)).find((a) => a !== '127.0.0.1' && !a.includes(':')))
  })

  it('knows an Ingress by its class, by the default class, or by the old annotation', () => {
    const cluster = born({ ingressController: 'nginx' })
    const add = (name: string, annotations: Record<string, string>, ingressClassName?: string): void =>
      decided(cluster, () => cluster.client.create('ingresses', 'default', { metadata: { name, annotations }, spec: { ...(ingressClassName ? { ingressClassName } : {}), defaultBackend: { service: { name: 'pages', port: { number: 80 } } } } }))
    cluster.client.create('ingressclasses', undefined, { metadata: { name: 'other' }, spec: { controller: 'example.com/other' } })
    add('other', {}, 'other')
    add('old', { 'kubernetes.io/ingress.class': 'nginx' })
    cluster.client.patch('ingressclasses', undefined, 'nginx', 'application/merge-patch+json', { metadata: { annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } } })
    add('chosen', {})
    cluster.settle()
    const node = controllers(cluster)[0]!.status.hostIP
    expect(addresses(cluster)).toMatchObject({ old: node, chosen: node, other: undefined })
    expect(get(cluster, '172.18.0.3', nodePort(cluster), '/', { host: 'whatever.example.com' }).body).toBe('pages\n')
    expect(log(cluster).some((l) => l.endsWith('ingress="default/other" error="no object matching key \\"other\\" in local store"'))).toBe(true)
  })

  it('without a controller nothing happens to an Ingress', () => {
    const cluster = born({})
    expect(cluster.client.list<KubeObject>('namespaces').items.map((n) => n.metadata.name)).not.toContain('ingress-nginx')
    expect(Object.values(addresses(cluster))).toEqual([undefined, undefined, undefined, undefined])
    expect(cluster.client.list<Event>('events', { namespace: 'default' }).items.filter((e) => e.involvedObject.kind === 'Ingress')).toEqual([])
  })
})
