import { beforeEach, describe, expect, test } from 'vitest'
import { fetch, SmallCluster, type PodSample } from '../cni/small-cluster.samples.ts'
import { decodeUtf8, encodeUtf8 } from '../text.ts'
import { findImage } from './images/catalog.ts'
import { TcpStream } from './stream.ts'

/** What tutorials, exercises and books deploy, by real connections. */
let cluster: SmallCluster
let client: PodSample
beforeEach(() => {
  cluster = new SmallCluster('bridge', ['worker-1'])
  client = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
})

function start(image: string, options: Parameters<SmallCluster['pod']>[3] & { name?: string } = {}): PodSample {
  const pod = cluster.pod(options.name ?? 'web', 'worker-1', image, options)
  cluster.clock.runFor(100)
  return pod
}

function get(pod: PodSample, port: number, path = '/', options: Parameters<typeof fetch>[4] = {}): { status: number | undefined; body: string; headers: string[]; error: string | undefined } {
  const { head, body, error } = cluster.run(client.machine, (p) => fetch(p, pod.ip, port, path, options)) as ReturnType<typeof fetch> extends Generator<unknown, infer R> ? R : never
  return { status: head?.status, body, headers: head?.headers.map(([n, v]) => (n === 'Date' || n === 'ETag' ? n : `${n}: ${v}`)) ?? [], error: error as string | undefined }
}

describe('servers written for Node.js', () => {
  test('node-hello greets, and tells each URL', () => {
    const pod = start('gcr.io/google-samples/node-hello:1.0', { command: ['node', 'server.js'] })
    expect(get(pod, 8080, '/x')).toMatchObject({ status: 200, body: 'Hello Kubernetes!', headers: ['Date', 'Connection: keep-alive', 'Transfer-Encoding: chunked'] })
    expect(pod.output()).toBe('Received request for URL: /x\n')
  })

  test('simpleapp is Express, started by npm', () => {
    const pod = start('dgkanatsios/simpleapp')
    expect(get(pod, 8080)).toMatchObject({ status: 200, body: 'Hello world from web\n', headers: ['X-Powered-By: Express', 'Content-Type: text/html; charset=utf-8', 'Content-Length: 21', 'ETag', 'Date', 'Connection: keep-alive'] })
    expect(get(pod, 8080, '/x')).toMatchObject({ status: 404, body: expect.stringContaining('Cannot GET /x') })
    expect(pod.output()).toMatch(/> node server\.js\n\nRunning on http:\/\/0\.0\.0\.0:8080\nIP: \d+\.\d+\.\d+\.\d+ on 2026-01-05T08:00:02\.\d{3}Z\n$/)
  })

  test('kubia tells its Pod, in versions; the unhealthy one fails after five requests', () => {
    expect(get(start('luksa/kubia'), 8080).body).toBe("You've hit web\n")
    expect(get(start('luksa/kubia:v2', { name: 'two' }), 8080).body).toBe('This is v2 running in pod two\n')
    const ill = start('luksa/kubia-unhealthy', { name: 'ill' })
    expect([1, 2, 3, 4, 5, 6].map(() => get(ill, 8080).status)).toEqual([200, 200, 200, 200, 200, 500])
    expect(ill.output()).toMatch(/^Kubia server starting\.\.\.\nReceived request from ::ffff:10\.244\.1\.\d+\n/)
  })
})

test('hello-go-gke is the backend, and hello-frontend nginx before the Service hello', () => {
  const back = start('gcr.io/google-samples/hello-go-gke:1.0')
  expect(get(back, 80)).toMatchObject({ status: 200, body: '{"message":"Hello"}\n' })
  expect([get(back, 81, '/healthz').status, get(back, 81, '/x').status]).toEqual([200, 404])
  const front = start('gcr.io/google-samples/hello-frontend:1.0', { name: 'front', files: { '/etc/hosts': `127.0.0.1\tlocalhost\n${back.ip}\thello\n` } })
  expect(get(front, 80)).toMatchObject({ status: 200, body: '{"message":"Hello"}\n', headers: expect.arrayContaining(['Server: nginx/1.9.14']) })
  expect(back.output()).toMatch(/^2026\/01\/05 08:00:02 Starting server\.\.\.\n.*listening on 0\.0\.0\.0:81\n.*listening on 0\.0\.0\.0:80\n10\.244\.1\.\d+:\d+ - - \[2026-01-05 08:00:02\.\d+ \+0000 UTC\] "GET \/ HTTP\/1\.1" curl/)
  const alone = start('gcr.io/google-samples/hello-frontend:1.0', { name: 'alone', files: { '/etc/resolv.conf': 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' } })
  cluster.clock.runFor(60_000)
  expect([alone.process.status?.code, alone.output()]).toEqual([1, expect.stringContaining('host not found in upstream "hello" in /etc/nginx/conf.d/frontend.conf:2')])
})

test('goproxy passes on what names a URL, and nothing else', () => {
  const proxy = start('registry.k8s.io/goproxy:0.1', { name: 'proxy' })
  expect(get(proxy, 8080)).toMatchObject({ status: 500, body: 'This is a proxy server. Does not respond to non-proxy requests.\n' })
  const web = start('gcr.io/google-samples/hello-app:1.0')
  expect(get(proxy, 8080, `http://${web.ip}:8080/y`).body).toMatch(/^Hello, world!/)
  expect(get(proxy, 8080, `http://${web.ip}:81/`)).toMatchObject({ status: 500, body: expect.stringContaining('connection refused') })
  const told = start('registry.k8s.io/goproxy:0.1', { name: 'told', args: ['-addr', ':81'] })
  expect([told.process.status?.code, told.output()]).toEqual([69, 'podhop: not simulated: goproxy -addr :81 (goproxy alone, on port 8080)\n'])
})

test('nginx-slim, nginx-unprivileged and the php-apache of the HPA walkthrough serve', () => {
  const slim = start('registry.k8s.io/nginx-slim:0.24')
  expect(get(slim, 80).body).toContain('Welcome to nginx!')
  expect(findImage('registry.k8s.io/nginx-slim:0.24')!.programs['/usr/bin/curl']).toBe('curl')
  const bare = start('nginxinc/nginx-unprivileged:1.27', { name: 'bare' })
  expect([get(bare, 8080).status, get(bare, 80).status]).toEqual([200, undefined])
  const php = start('registry.k8s.io/hpa-example', { name: 'php' })
  expect(get(php, 80)).toMatchObject({ status: 200, body: 'OK!' })
  expect(php.output()).toContain("AH00163: Apache/2.4.10 (Debian) PHP/5.6.40 configured -- resuming normal operations\n")
})

test('network-multitool says who it is, by HTTP and HTTPS, at the ports of its variables', () => {
  const tool = start('wbitt/network-multitool', { env: { HTTP_PORT: '1180', HTTPS_PORT: '11443' } })
  expect(get(tool, 1180).body).toBe(`WBITT Network MultiTool (with NGINX) - web - ${tool.ip}/24 - HTTP: 1180 , HTTPS: 11443 . (Formerly praqma/network-multitool)\n`)
  expect(get(tool, 11443).status).toBe(400)
  expect(get(tool, 80).status).toBe(undefined)
  expect(findImage('praqma/network-multitool')!.programs).toMatchObject({ '/usr/bin/dig': 'dig', '/bin/bash': 'bash' })
})

describe('wordpress', () => {
  const env = (host: string): Record<string, string> => ({ WORDPRESS_DB_HOST: host, WORDPRESS_DB_USER: 'wordpress', WORDPRESS_DB_PASSWORD: 'secret' })
  const mysql = (tag: string): PodSample => start(`mysql:${tag}`, { name: 'mysql', env: { MYSQL_ROOT_PASSWORD: 'secret', MYSQL_DATABASE: 'wordpress', MYSQL_USER: 'wordpress', MYSQL_PASSWORD: 'secret' } })

  test('leads to its installation when MySQL answers, and says 500 when it does not', () => {
    const database = mysql('8.0')
    const web = start('wordpress:6.2.1-apache', { env: env(database.ip) })
    cluster.clock.runFor(5_000)
    expect(get(web, 80)).toMatchObject({ status: 500, body: expect.stringContaining('<h1>Error establishing a database connection</h1></div>'), headers: expect.arrayContaining(['Connection: close', 'X-Powered-By: PHP/8.0.28']) })
    cluster.clock.runFor(15_000)
    expect(get(web, 80, '/', { host: 'blog' })).toMatchObject({ status: 302, body: '', headers: expect.arrayContaining(['X-Redirect-By: WordPress', 'Location: http://blog/wp-admin/install.php']) })
    expect(get(web, 80, '/wp-admin/install.php').body).toContain('<title>WordPress &rsaquo; Installation</title>')
    expect(web.output()).toContain("No 'wp-config.php' found in /var/www/html, but 'WORDPRESS_...' variables supplied; copying 'wp-config-docker.php' (WORDPRESS_DB_HOST WORDPRESS_DB_PASSWORD WORDPRESS_DB_USER)\n")
    const stranger = start('wordpress', { name: 'stranger', env: { ...env(database.ip), WORDPRESS_DB_PASSWORD: 'wrong' } })
    cluster.clock.runFor(5_000)
    expect(get(stranger, 80, '/wp-admin/install.php')).toMatchObject({ status: 500, body: expect.stringContaining(`<code>${database.ip}</code> could not be established`) })
    web.process.signal('SIGWINCH')
    cluster.clock.runFor(1_000)
    expect([web.process.status?.code, web.output()]).toEqual([0, expect.stringContaining('AH00170: caught SIGWINCH, shutting down gracefully\n')])
  })

  test('of 2017 waits for MySQL, ten times', () => {
    const database = mysql('5.6')
    expect(database.output()).toContain('[Note] [Entrypoint]: Entrypoint script for MySQL Server 5.6.51-1debian9 started.\n')
    const lost = start('wordpress:4.8-apache', { name: 'lost', env: env(database.ip), files: { '/etc/x': '' } })
    cluster.clock.runFor(40_000)
    expect(lost.process.status).toBe(undefined)
    expect(lost.output()).toContain('MySQL Connection Error: (2002) Connection refused\n')
    expect(get(lost, 80).status).toBe(302)
    expect(database.output()).toMatch(/\n2026-01-05 08:00:\d\d 1 \[Note\] mysqld: ready for connections\.\nVersion: '5\.6\.51'/)
    const never = start('wordpress:4.8-apache', { name: 'never', env: env(client.ip) })
    cluster.clock.runFor(60_000)
    expect([never.process.status?.code, never.output().match(/MySQL Connection Error/g)?.length]).toEqual([1, 10])
  })
})

describe('echoserver', () => {
  test('1.10 writes HTML for what HTML has, two blanks behind a header, and a line for each of several values', () => {
    const echo = start('registry.k8s.io/echoserver:1.10')
    const { body, headers } = get(echo, 8080, `/?a=<b>&c='d'`, { host: 'x', headers: [['X-Two', 'one'], ['x-two', 'two']] })
    expect(body).toContain("\treal path=/?a=&lt;b&gt;&amp;c=&#39;d&#39;\n\tquery=a=&lt;b&gt;&amp;c=&#39;d&#39;\n")
    expect(body).toContain('Request Headers:\n\taccept=*/*  \n\thost=x  \n\tuser-agent=curl/7.88.1  \n\tx-two=one\n\tx-two=two\n\nRequest Body:\n\t-no body in request-\n\n')
    expect(headers[0]).toBe('Server: echoserver')
    expect(get(echo, 8443).status).toBe(400)
    echo.process.signal('SIGTERM')
    cluster.clock.runFor(20_000)
    expect(echo.process.status).toBe(undefined)
  })

  test('of the end-to-end tests says its own nginx', () => {
    expect(get(start('gcr.io/kubernetes-e2e-test-images/echoserver:2.2'), 8080).body).toContain('server_version=nginx: 1.12.2 - lua: 10010\n')
  })
})

test('httpbin takes the scheme from who forwarded, hides what proxies add, and takes forms apart', () => {
  const bin = start('kennethreitz/httpbin')
  const { url, headers } = JSON.parse(get(bin, 80, '/get', { host: 'bin', headers: [['X-Forwarded-Proto', 'https'], ['X-Forwarded-Port', '443'], ['X-Own', '1']] }).body) as { url: string; headers: Record<string, string> }
  expect([url, Object.keys(headers)]).toEqual(['https://bin/get', ['Accept', 'Host', 'User-Agent', 'X-Own']])
  const parts = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\n--b\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\nContent-Type: text/plain\r\n\r\ntext\n\r\n--b--\r\n'
  const posted = cluster.run(client.machine, function* (p) {
    const stream = (yield* TcpStream.open(p, bin.ip, 80)) as TcpStream
    stream.write(encodeUtf8(`POST /post HTTP/1.1\r\nHost: bin\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${parts.length}\r\nConnection: close\r\n\r\n${parts}`))
    return decodeUtf8((yield* stream.read(p)) as Uint8Array).split('\r\n\r\n')[1]!
  })
  expect(JSON.parse(posted)).toMatchObject({ data: '', form: { a: 'one' }, files: { f: 'text\n' }, json: null })
})

describe('servers that end', () => {
  test('nginx tells of each worker', () => {
    const web = start('nginx')
    web.process.signal('SIGQUIT')
    cluster.clock.runFor(100)
    expect(web.output().split('(SIGQUIT) received, shutting down\n')[1]!.replace(/^.*\[notice\] /gm, '')).toBe('2#2: gracefully shutting down\n3#3: gracefully shutting down\n2#2: exiting\n3#3: exiting\n2#2: exit\n3#3: exit\n1#1: signal 17 (SIGCHLD) received from 2\n1#1: worker process 2 exited with code 0\n1#1: signal 17 (SIGCHLD) received from 3\n1#1: worker process 3 exited with code 0\n1#1: exit\n')
  })

  test('redis saves its keys, finds them again, and stays when it cannot save', () => {
    const redis = start('redis:7')
    const ask = (pod: PodSample, words: string): string => cluster.run(client.machine, function* (p) {
      const stream = (yield* TcpStream.open(p, pod.ip, 6379)) as TcpStream
      stream.write(encodeUtf8(`${words}\r\n`))
      return decodeUtf8((yield* stream.read(p)) as Uint8Array)
    })
    ask(redis, 'SET colour blue')
    redis.process.signal('SIGTERM')
    cluster.clock.runFor(1000)
    expect([redis.process.status?.code, redis.output()]).toEqual([0, expect.stringMatching(/\* Saving the final RDB snapshot before exiting\.\n.*\* DB saved on disk\n.*bye bye\.\.\.\n$/)])
    const dump = redis.machine.fs.readFile('/data/dump.rdb')
    const next = cluster.pod('next', 'worker-1', 'redis:7')
    next.machine.fs.writeFile('/data/dump.rdb', dump)
    cluster.clock.runFor(1000)
    expect([ask(next, 'GET colour'), next.output()]).toEqual(['$4\r\nblue\r\n', expect.stringContaining('* Done loading RDB, keys loaded: 1, keys expired: 0.\n')])
    const lost = start('redis:7', { name: 'lost', args: ['redis-server', '--dir', '/etc'] })
    lost.process.signal('SIGTERM')
    cluster.clock.runFor(1000)
    expect([lost.process.status, lost.output()]).toEqual([undefined, expect.stringContaining("(in server root dir /etc) for saving: Permission denied\n")])
  })

  test('postgres tells what its children did', () => {
    const database = start('postgres:16', { env: { POSTGRES_PASSWORD: 'x' } })
    cluster.clock.runFor(20_000)
    database.process.signal('SIGINT')
    cluster.clock.runFor(1000)
    expect(database.output()).toMatch(/\[56\] LOG: {2}database system was shut down at 2026-01-05 08:00:\d\d UTC\n.*ready to accept connections\n.*received fast shutdown request\n.*aborting any active transactions\n.*\(PID 59\) exited with exit code 1\n.*\[54\] LOG: {2}shutting down\n.*database system is shut down\n$/)
  })
})
