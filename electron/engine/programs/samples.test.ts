import { beforeEach, describe, expect, test } from 'vitest'
import { fetch, SmallCluster, type PodSample } from '../cni/small-cluster.samples.ts'
import { decodeUtf8, encodeUtf8 } from '../text.ts'
import { findImage, imageProblem } from './images/catalog.ts'
import { TcpStream } from './stream.ts'

/** The small servers that people show things with: their answers by real connections. */
let cluster: SmallCluster
let client: PodSample
beforeEach(() => {
  cluster = new SmallCluster('bridge', ['worker-1'])
  client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
})

function start(image: string, options: Parameters<SmallCluster['pod']>[3] = {}): PodSample {
  const pod = cluster.pod('web', 'worker-1', image, options)
  cluster.clock.runFor(10)
  return pod
}
const get = (pod: PodSample, port: number, path = '/', options: Parameters<typeof fetch>[4] = {}): ReturnType<typeof ask> => ask(pod, port, path, options)
function ask(pod: PodSample, port: number, path: string, options: Parameters<typeof fetch>[4]): { status: number | undefined; body: string; headers: string[]; error: string | undefined } {
  const { head, body, error } = cluster.run(client.machine, (p) => fetch(p, pod.ip, port, path, options))
  return { status: head?.status, body, headers: head?.headers.map(([n, v]) => `${n}: ${v}`) ?? [], error }
}

describe('httpd', () => {
  test('It works!, with the real headers and access log', () => {
    const web = start('httpd:2.4')
    const { body, headers } = get(web, 80)
    expect(body).toBe('<html><body><h1>It works!</h1></body></html>\n')
    expect(headers.map((h) => h.split(':')[0])).toEqual(['Date', 'Server', 'Last-Modified', 'ETag', 'Accept-Ranges', 'Content-Length', 'Content-Type'])
    expect(headers).toEqual(expect.arrayContaining(['Server: Apache/2.4.63 (Unix)', 'Content-Length: 45', 'Content-Type: text/html']))
    expect(web.output()).toContain(`using ${web.ip}. Set the 'ServerName' directive globally`)
    expect(web.output()).toContain("[core:notice] [pid 1:tid 1] AH00094: Command line: 'httpd -D FOREGROUND'\n")
    expect(web.output().trimEnd().split('\n').at(-1)).toBe(`${client.ip} - - [05/Jan/2026:08:00:02 +0000] "GET / HTTP/1.1" 200 45`)
    expect(get(web, 80, '/nope')).toMatchObject({ status: 404, body: expect.stringContaining('<p>The requested URL was not found on this server.</p>') })
    expect(get(web, 80, '/', { method: 'DELETE' }).status).toBe(405)
    expect(get(web, 80, '/../etc/passwd').status).toBe(400)
    const part = (range: string): unknown[] => [get(web, 80, '/', { headers: [['Range', range]] }).status, get(web, 80, '/', { headers: [['Range', range]] }).body.length]
    expect([part('bytes=0-3'), part('bytes=-4'), part('bytes=nonsense'), part('bytes=99-')]).toEqual([[206, 4], [206, 4], [200, 45], [416, 314]])
  })

  test('takes Listen and DocumentRoot from its file, and says where a mistake is', () => {
    const conf = (text: string): Record<string, string> => ({ '/usr/local/apache2/conf/httpd.conf': text, '/srv/a/index.html': 'mine\n' })
    const web = start('httpd', { files: conf('Listen 8080\nServerName x\nDocumentRoot /srv\n') })
    expect(get(web, 8080, '/a/').body).toBe('mine\n')
    expect(get(web, 8080, '/a')).toMatchObject({ status: 301, headers: expect.arrayContaining([`Location: http://${web.ip}/a/`]) })
    expect(get(web, 8080, '/').status).toBe(403)
    const wrong = cluster.pod('wrong', 'worker-1', 'httpd', { files: conf('Listen 80\nDokumentRoot /srv\n') })
    cluster.clock.runFor(10)
    expect([wrong.output(), wrong.process.status]).toEqual(["AH00526: Syntax error on line 2 of /usr/local/apache2/conf/httpd.conf:\nInvalid command 'DokumentRoot', perhaps misspelled or defined by a module not included in the server configuration\n", { code: 1 }])
    const other = cluster.pod('other', 'worker-1', 'httpd', { files: conf('Listen 80\nProxyPass / http://x/\n') })
    cluster.clock.runFor(10)
    expect(other.output()).toBe('podhop: not simulated: httpd directive "ProxyPass" (Listen, DocumentRoot, DirectoryIndex, Alias, Redirect and Header set are)\n')
  })
})

test('hello-app', () => {
  const web = start('gcr.io/google-samples/hello-app:2.0')
  expect(get(web, 8080, '/x').body).toBe('Hello, world!\nVersion: 2.0.0\nHostname: web\n')
  expect(web.output()).toBe('2026/01/05 08:00:02 Server listening on port 8080\n2026/01/05 08:00:02 Serving request: /x\n')
})

test('nginxdemos/hello and nginx-hello say who they are, as text or as a page', () => {
  const text = start('nginxdemos/nginx-hello:plain-text')
  const answer = get(text, 8080, '/coffee?x=1')
  expect(answer.body).toMatch(new RegExp(`^Server address: ${text.ip}:8080\\nServer name: web\\nDate: 05/Jan/2026:08:00:0[0-9] \\+0000\\nURI: /coffee\\?x=1\\nRequest ID: [0-9a-f]{32}\\n$`))
  expect(answer.headers).toEqual(expect.arrayContaining(['Content-Type: text/plain', 'Cache-Control: no-cache']))
  expect(get(text, 80).status).toBe(undefined)
  const page = cluster.pod('page', 'worker-1', 'nginxdemos/hello')
  cluster.clock.runFor(10)
  expect(get(page, 80, '/tea').body).toContain(`<span>${page.ip}:80</span></p>\n<p><span>Server&nbsp;name:</span> <span>page</span>`)
  expect(findImage('nginxdemos/hello:blue')).toBe(undefined)
})

test('echo-basic tells a request as JSON, after a while if asked to, with the headers asked for', () => {
  const echo = start('gcr.io/k8s-staging-gateway-api/echo-basic:v20240412-v1.0.0-394-g40c666fd', { env: { POD_NAME: 'one', NAMESPACE: 'shop' } })
  const { body, headers } = get(echo, 3000, '/a?b=<c>', { host: 'x.example', headers: [['x-two', '2'], ['X-Echo-Set-Header', 'X-Seen:yes']] })
  expect(body).toBe('{\n "path": "/a?b=\\u003cc\\u003e",\n "host": "x.example",\n "method": "GET",\n "proto": "HTTP/1.1",\n "headers": {\n  "Accept": [\n   "*/*"\n  ],\n  "User-Agent": [\n   "curl/7.88.1"\n  ],\n  "X-Echo-Set-Header": [\n   "X-Seen:yes"\n  ],\n  "X-Two": [\n   "2"\n  ]\n },\n "namespace": "shop",\n "ingress": "",\n "service": "",\n "pod": "one"\n}')
  expect(headers.slice(0, 3)).toEqual(['Content-Type: application/json', 'X-Content-Type-Options: nosniff', 'X-Seen: yes'])
  expect([get(echo, 3000, '/status/418').status, get(echo, 3000, '/status/x').status, get(echo, 3001).status, get(echo, 3000, '/?delay=soon').body]).toEqual([418, 400, 400, '{"message":"time: invalid duration \\"soon\\""}'])
  const before = cluster.clock.now
  get(echo, 3000, '/?delay=2s')
  expect(cluster.clock.now - before).toBeGreaterThan(2_000)
  expect(echo.output()).toContain('Starting server, listening on port 3001 (h2c)\nEchoing back request made to /a?b=<c> to client (')
})

test('the Death Star lets ships land, and does not survive its exhaust port', () => {
  const star = start('quay.io/cilium/starwars@sha256:f92c8cd25372bac56f55111469fe9862bf682385a4227645f5af155eee7f58d9')
  expect(get(star, 80, '/v1/request-landing', { method: 'POST' })).toMatchObject({ status: 200, body: 'Ship landed\n' })
  expect(get(star, 80, '/v1/request-landing')).toMatchObject({ status: 405, body: '{"code":405,"message":"method GET is not allowed, but [POST] are"}' })
  expect(get(star, 80, '/v1/cargobay', { method: 'PUT' })).toMatchObject({ status: 404, body: '{"code":404,"message":"path /v1/cargobay was not found"}' })
  expect(JSON.parse(get(star, 80, '/v1/').body)).toMatchObject({ name: 'Death Star', hostname: 'web', hyperdrive_rating: '4.0' })
  expect(get(star, 80, '/v1/exhaust-port', { method: 'PUT' })).toMatchObject({ status: 503, body: expect.stringMatching(/^Panic: deathstar exploded\n\ngoroutine 1 \[running\]:\n/) })
  expect(star.process.status).toBe(undefined)
  cluster.clock.runFor(2_100)
  expect(star.process.status).toEqual({ code: 2 })
  expect(star.output()).toContain('Serving deathstar at http://[::]:80\n')
})

test('star-probe tells whom it reaches', () => {
  const web = start('gcr.io/google-samples/hello-app:2.0')
  const probe = cluster.pod('probe', 'worker-1', 'calico/star-probe:v0.1.0', { command: ['probe', '--http-port=6379', `--urls=http://${web.ip}:8080/x,http://${web.ip}:81/status`] })
  const status = (): unknown => JSON.parse(get(probe, 6379, '/status').body)
  const targets = (first: boolean): object => ({ status: { targets: [{ reachable: first, url: `http://${web.ip}:8080/x` }, { reachable: false, url: `http://${web.ip}:81/status` }] } })
  expect(status()).toEqual(targets(false))
  cluster.clock.runFor(6_000)
  expect(status()).toEqual(targets(true))
  expect(get(probe, 6379, '/').status).toBe(404)
})

test('json-mock serves lists out of a file, and who asks', () => {
  const mock = start('quay.io/cilium/json-mock:v1.3.8', { env: { PORT: '8080' } })
  expect(get(mock, 8080, '/public').body).toBe('[\n  {\n    "id": 1,\n    "body": "public information"\n  }\n]')
  expect(get(mock, 8080, '/private/1').body).toBe('{\n  "id": 1,\n  "body": "secret information"\n}')
  expect(get(mock, 8080, '/private/2')).toMatchObject({ status: 404, body: '{}' })
  expect(get(mock, 8080, '/client-ip').body).toBe(`{"client-ip":"::ffff:${client.ip}"}`)
  expect(get(mock, 8080, '/auth-header-required').status).toBe(401)
  expect(get(mock, 8080, '/public', { method: 'DELETE' })).toMatchObject({ status: 501, body: 'podhop: not simulated: json-server DELETE (use GET)\n' })
})

describe('whoami', () => {
  test('tells the request as it arrived', () => {
    const web = start('traefik/whoami', { env: { WHOAMI_NAME: 'one' } })
    expect(get(web, 80, '/a?b=1', { host: 'shop', headers: [['x-one', '1']] }).body.replace(/:\d+\n/, ':PORT\n')).toBe(
      `Name: one\nHostname: web\nIP: 127.0.0.1\nIP: ${web.ip}\nRemoteAddr: ${client.ip}:PORT\nGET /a?b=1 HTTP/1.1\r\nHost: shop\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\nX-One: 1\r\n\r\n`,
    )
    const api = get(web, 80, '/api', { host: 'shop' })
    expect(api.headers).toContain('Content-Type: application/json')
    expect(JSON.parse(api.body)).toMatchObject({ hostname: 'web', ip: ['127.0.0.1', web.ip], headers: { Accept: ['*/*'] }, host: 'shop', method: 'GET', name: 'one' })
    expect(get(web, 80, '/bench').body).toBe('1')
    expect(get(web, 80, '/data?size=30').body).toBe('|ABCDEFGHIJKLMNOPQRSTUVWXYZ-A|')
    expect(get(web, 80, '/health').status).toBe(200)
  })

  test('has a usage, and needs the files that it names', () => {
    const [help, client] = [start('traefik/whoami', { args: ['-h'] }), start('traefik/whoami', { args: ['-cert', '/tls.crt', '-key', '/tls.key', '-cacert', '/ca.crt'] })]
    expect([help.output().split('\n')[0], help.process.status?.code]).toEqual(['Usage of /whoami:', 0])
    expect([client.output(), client.process.status?.code]).toEqual([expect.stringMatching(/ open \/ca\.crt: no such file or directory\n$/), 1])
  })

  test('waits when asked to', () => {
    const web = start('traefik/whoami:v1.11', { args: ['-port', '8080', '-verbose'] })
    const before = cluster.clock.now
    expect(get(web, 8080, '/?wait=2s').status).toBe(200)
    expect(cluster.clock.now - before).toBeGreaterThanOrEqual(2000)
    expect(web.output()).toMatch(/Starting up on port 8080\n.* - - \[05\/Jan\/2026:08:00:02 \+0000\] "GET \/ HTTP\/1\.1" - -\n$/)
  })
})

describe('httpbin', () => {
  test('headers and answers of gunicorn and Flask', () => {
    const web = start('kennethreitz/httpbin')
    const answer = get(web, 80, '/get?a=1&a=2', { host: 'bin' })
    expect(answer.headers.map((h) => h.replace(/^Date: .*/, 'Date'))).toEqual([
      'Server: gunicorn/19.9.0', 'Date', 'Connection: keep-alive', 'Content-Type: application/json', `Content-Length: ${answer.body.length}`, 'Access-Control-Allow-Origin: *', 'Access-Control-Allow-Credentials: true',
    ])
    expect(answer.body).toBe(`{\n  "args": {\n    "a": [\n      "1", \n      "2"\n    ]\n  }, \n  "headers": {\n    "Accept": "*/*", \n    "Host": "bin", \n    "User-Agent": "curl/7.88.1"\n  }, \n  "origin": "${client.ip}", \n  "url": "http://bin/get?a=1&a=2"\n}\n`)
    expect(get(web, 80, '/status/503').status).toBe(503)
    expect(get(web, 80, '/post')).toMatchObject({ status: 405, headers: expect.arrayContaining(['Allow: POST, OPTIONS']) })
    expect(get(web, 80, '/redirect/2').headers).toContain('Location: /relative-redirect/1')
    expect([get(web, 80, '/basic-auth/u/p').status, get(web, 80, '/basic-auth/u/p', { headers: [['Authorization', 'Basic dTpw']] }).body]).toEqual([401, '{\n  "authenticated": true, \n  "user": "u"\n}\n'])
    expect([get(web, 80, '/base64/aGVsbG8=').body, get(web, 80, '/base64/x').body.slice(0, 21), get(web, 80, '/bearer').status, get(web, 80, '/hidden-basic-auth/u/p').status, get(web, 80, '/cache/60').headers.includes('Cache-Control: public, max-age=60')]).toEqual(['hello', 'Incorrect Base64 data', 401, 404, true])
    const own = get(web, 80, '/response-headers?X-A=b')
    expect([own.headers.includes('X-A: b'), own.body]).toEqual([true, `{\n  "Content-Length": "${own.body.length}", \n  "Content-Type": "application/json", \n  "X-A": "b"\n}\n`])
    expect(get(web, 80, '/stream/2').body.split('\n').map((l) => /"id": (\d)/.exec(l)?.[1])).toEqual(['0', '1', undefined])
    expect(get(web, 80, '/xml').body).toMatch(/^podhop: not simulated: httpbin \/xml /)
    expect(get(web, 80, '/nope').status).toBe(404)
    expect(web.output()).toMatch(/^\[2026-01-05 08:00:02 \+0000\] \[1\] \[INFO\] Starting gunicorn 19\.9\.0\n/)
  })

  test('/delay takes its time', () => {
    const web = start('kennethreitz/httpbin')
    const before = cluster.clock.now
    get(web, 80, '/delay/3')
    expect(Math.round((cluster.clock.now - before) / 1000)).toBe(3)
  })
})

test('echoserver: 1.4 and 1.10 tell the same request in their words', () => {
  const web = start('registry.k8s.io/echoserver:1.4')
  expect(get(web, 8080, '/p?q=1', { host: 'echo:80' }).body).toBe(
    `CLIENT VALUES:\nclient_address=${client.ip}\ncommand=GET\nreal path=/p?q=1\nquery=q=1\nrequest_version=1.1\nrequest_uri=http://echo:8080/p?q=1\n\nSERVER VALUES:\nserver_version=nginx: 1.10.0 - lua: 10001\n\nHEADERS RECEIVED:\naccept=*/*\nhost=echo:80\nuser-agent=curl/7.88.1\nBODY:\n-no body in request-`,
  )
  const later = cluster.pod('later', 'worker-1', 'registry.k8s.io/echoserver:1.10')
  cluster.clock.runFor(10)
  expect(get(later, 8080).body).toContain('\n\nHostname: later\n\nPod Information:\n\t-no pod information available-\n\nServer values:\n\tserver_version=nginx: 1.13.3 - lua: 10008\n')
})

test('tags that do not exist are not found', () => {
  for (const name of ['httpd:2.2', 'traefik/whoami:v2.0', 'gcr.io/google-samples/hello-app:3.0', 'registry.k8s.io/echoserver:1.5']) expect(imageProblem(name)?.message).toMatch(/: not found$/)
})

describe('memcached', () => {
  test('speaks its text protocol', () => {
    const cache = start('memcached:1.6-alpine', { args: ['-m', '64'] })
    const say = (text: string): string => cluster.run(client.machine, function* (p) {
      const stream = yield* TcpStream.open(p, cache.ip, 11_211)
      if (!(stream instanceof TcpStream)) return stream.code
      stream.write(encodeUtf8(text))
      const data = yield* stream.read(p, p.clock.now + 500)
      stream.close()
      return data instanceof Uint8Array ? decodeUtf8(data) : ''
    })
    expect(say('set a 7 0 5\r\nhello\r\n')).toBe('STORED\r\n')
    expect(say('get a b\r\n')).toBe('VALUE a 7 5\r\nhello\r\nEND\r\n')
    expect(say('add a 0 0 1\r\nx\r\n')).toBe('NOT_STORED\r\n')
    expect(say('set n 0 10 1\r\n4\r\n')).toBe('STORED\r\n')
    expect(say('incr n 3\r\n')).toBe('7\r\n')
    cluster.clock.runFor(11_000)
    expect(say('get n\r\n')).toBe('END\r\n')
    expect(say('stats\r\n')).toContain('STAT curr_items 1\r\n')
    expect(say('nonsense\r\n')).toBe('ERROR\r\n')
  })
})

test('fluentd starts, and listens for others that forward', () => {
  const logs = start('fluent/fluentd:v1.18-1')
  expect(logs.output()).toMatch(/^2026-01-05 08:00:02 \+0000 \[info\]: init supervisor logger/)
  expect(logs.output()).toContain('[info]: #0 [input1] listening port port=24224 bind="0.0.0.0"\n')
  expect(cluster.run(client.machine, (p) => TcpStream.open(p, logs.ip, 24_224))).toBeInstanceOf(TcpStream)
})

describe('what tutorials of Kubernetes and minikube deploy', () => {
  test('kubernetes-bootcamp says where it runs, and counts', () => {
    const pod = start('gcr.io/google-samples/kubernetes-bootcamp:v1', { command: ['node', 'server.js'], env: { HOSTNAME: 'web' } })
    const { head, body } = cluster.run(client.machine, (p) => fetch(p, pod.ip, 8080, '/'))
    expect([body, head!.headers.map(([n, v]) => (n === 'Date' ? n : `${n}: ${v}`))]).toEqual(['Hello Kubernetes bootcamp! | Running on: web | v=1\n', ['Content-Type: text/plain', 'Date', 'Connection: keep-alive', 'Transfer-Encoding: chunked']])
    expect(pod.output()).toMatch(/^Kubernetes Bootcamp App Started At: 2026-01-05T08:00:02\.\d{3}Z \| Running On: {2}web \n\nRunning On: web \| Total Requests: 1 \| App Uptime: 0(\.\d{1,3})? seconds \| Log Time: \S+Z\n$/)
    expect(get(start('jocatalin/kubernetes-bootcamp:v2', { command: ['node', 'server.js'], env: { HOSTNAME: 'other' } }), 8080, '/').body).toBe('Hello Kubernetes bootcamp! | Running on: other | v=2\n')
  })

  test('kicbase/echo-server shows the request', () => {
    const pod = start('kicbase/echo-server:1.0')
    expect(get(pod, 8080, '/x?y=1', { host: 'shop' }).body).toBe('Request served by web\n\nHTTP/1.1 GET /x?y=1\n\nHost: shop\nAccept: */*\nUser-Agent: curl/7.88.1\n')
    expect(pod.output()).toMatch(/^Echo server listening on port 8080\.\n\S+:\d+ \| GET \/x\?y=1\n$/)
  })

  test('nginxhttps serves in the background, and reloads a configuration that changed', () => {
    const pod = start('bprashanth/nginxhttps:1.0')
    expect(get(pod, 80, '/').status).toBe(200)
    pod.machine.fs.writeFile('/etc/nginx/conf.d/default.conf', 'server { listen 80; return 418 "new\\n"; }\n')
    cluster.clock.runFor(5000)
    expect(get(pod, 80, '/').status).toBe(418)
    expect(pod.output()).toContain('At 08:00 on 05/01/26, config file update detected.\n')
  })

  test('busyboxplus has curl and the nslookup of its time', () => {
    const { programs, command } = findImage('radial/busyboxplus:curl')!
    expect([programs['/usr/bin/curl'], programs['/bin/nslookup'], findImage('radial/busyboxplus')!.programs['/usr/bin/curl']]).toEqual(['curl', 'busybox-1.28-nslookup', undefined])
    expect(command).toEqual(['/bin/sh', '-l'])
    expect(findImage('gcr.io/google-containers/busybox')!.programs['/bin/nslookup']).toBe('busybox-1.28-nslookup')
  })
})
