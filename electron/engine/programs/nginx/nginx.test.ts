import { beforeEach, describe, expect, test } from 'vitest'
import { fetch, SmallCluster } from '../../cni/small-cluster.samples.ts'
import { SystemError } from '../../machine/errors.ts'
import { MemoryFilesystem } from '../../machine/filesystem.ts'
import type { Suspension } from '../../machine/task.ts'
import { headerOf } from '../http/message.ts'
import { listenOnIpv6 } from './entrypoint.ts'

const CONF = '/etc/nginx/conf.d/default.conf'

describe('nginx in front of others', () => {
  let cluster: SmallCluster
  beforeEach(() => {
    cluster = new SmallCluster('bridge', ['worker-1'])
  })
  const echo = (name: string): ReturnType<SmallCluster['pod']> => cluster.pod(name, 'worker-1', 'hashicorp/http-echo', { args: [`-text=${name}`] })
  const web = (conf: string): ReturnType<SmallCluster['pod']> => {
    const pod = cluster.pod('web', 'worker-1', 'nginx', { files: { [CONF]: conf } })
    cluster.clock.runFor(10)
    return pod
  }
  type Web = ReturnType<typeof web>
  const client = (): ((to: Web, path: string, options?: Parameters<typeof fetch>[4]) => ReturnType<typeof fetch> extends Generator<unknown, infer R> ? R : never) => {
    const { machine } = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
    return (to, path, options) => cluster.run(machine, (p) => fetch(p, to.ip, 80, path, options))
  }

  test('takes turns by weight, goes on to the next server when one refuses, and has a page when none answers', () => {
    const [a, b] = [echo('a'), echo('b')]
    const front = web(`upstream both { server ${a.ip}:5678 weight=2; server ${b.ip}:5678; }\nserver { listen 80; location / { proxy_pass http://both; } }\n`)
    const get = client()
    expect([1, 2, 3].map(() => get(front, '/').body)).toEqual(['a\n', 'b\n', 'a\n'])
    a.process.signal('SIGKILL')
    cluster.clock.runFor(10)
    expect([1, 2, 3].map(() => get(front, '/').body)).toEqual(['b\n', 'b\n', 'b\n'])
    expect(front.output()).toContain(`connect() failed (111: Connection refused) while connecting to upstream, client: `)
    expect(front.output()).toContain(`upstream: "http://${a.ip}:5678/", host: "${front.ip}"`)
    b.process.signal('SIGKILL')
    cluster.clock.runFor(10)
    expect([get(front, '/').head!.status, get(front, '/').head!.status]).toEqual([502, 502])
    expect(front.output()).toContain('no live upstreams while connecting to upstream')
  })

  test('limit_req: a rate by the clock, and a burst', () => {
    const zone = (options: string): ReturnType<typeof web> => web(`limit_req_zone $binary_remote_addr zone=one:1m rate=2r/s;\nserver { listen 80; root /usr/share/nginx/html; location / { limit_req zone=one ${options}; } }\n`)
    const front = zone('burst=2 nodelay')
    const get = client()
    expect([1, 2, 3, 4].map(() => get(front, '/').head!.status)).toEqual([200, 200, 200, 503])
    expect(front.output()).toMatch(/limiting requests, excess: 2\.9\d\d by zone "one", client: /)
    cluster.clock.runFor(1_000)
    expect([1, 2, 3].map(() => get(front, '/').head!.status)).toEqual([200, 200, 503])
  })

  test('says how busy it is, lists directories, asks another server for leave, and tells the client behind a proxy', () => {
    const guard = web(`server { listen 80; location / { if ($http_x_user = "") { return 403; } add_header X-Name "$http_x_user!"; return 204; } }\n`)
    const front = cluster.pod('front', 'worker-1', 'nginx', { files: { [CONF]: `geo $near { default no; 10.1.0.0/16 yes; 10.1.2.0/24 here; }
split_clients $arg_id $half { 50% a; * b; }
server {
  set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For; real_ip_recursive on;
  location = /status { stub_status; }
  location /files/ { alias /usr/share/nginx/html/; index none; autoindex on; }
  location /geo { return 200 "$near $half $remote_addr $realip_remote_addr"; }
  location /private { auth_request /auth; auth_request_set $name $upstream_http_x_name; add_header X-Is $name; root /usr/share/nginx/html; rewrite ^ /index.html break; expires 1h; charset utf-8; }
  location = /auth { internal; proxy_pass http://${guard.ip}/ok; proxy_pass_request_body off; }
  location /small { client_max_body_size 3; proxy_pass http://${guard.ip}; }
}\n` } })
    cluster.clock.runFor(10)
    const get = client()
    expect(get(front, '/status').body).toBe('Active connections: 1 \nserver accepts handled requests\n 1 1 1 \nReading: 0 Writing: 1 Waiting: 0 \n')
    expect(get(front, '/files/').body).toContain(`<h1>Index of /files/</h1><hr><pre><a href="../">../</a>\r\n<a href="50x.html">50x.html</a>${' '.repeat(43)}16-Apr-2025`)
    const from = (ip: string) => get(front, '/geo?id=7', { headers: [['X-Forwarded-For', `6.6.6.6, ${ip}, 10.9.9.9`]] }).body.split(' ')
    expect([from('10.1.2.3')[2], from('172.1.1.1')[2], from('172.1.1.1').slice(0, 2)]).toEqual(['6.6.6.6', '172.1.1.1', ['no', 'b']])
    const asked = get(front, '/private', { headers: [['X-User', 'ann']] })
    expect(['x-is', 'cache-control', 'content-type'].map((n) => headerOf(asked.head!.headers, n))).toEqual(['ann!', 'max-age=3600', 'text/html; charset=utf-8'])
    expect(get(front, '/private').head!.status).toBe(403)
    expect(get(front, '/small', { method: 'POST', headers: [['Content-Length', '4'], ['Expect', '100-continue']] }).head!.status).toBe(413)
  })

  test('looks a name with variables up for each request, by the resolver alone, and goes on after statuses that it is told of', () => {
    const bad = cluster.pod('bad', 'worker-1', 'nginx', { files: { [CONF]: 'server { listen 80; return 503; }\n' } })
    const good = echo('good')
    const front = web(`upstream two { server ${bad.ip}; server ${good.ip}:5678; }
server { location / { proxy_next_upstream error http_503; proxy_pass http://two; } location /name { set $n ghost; proxy_pass http://$n.default.svc:80; } location /ip { set $ip ${good.ip}:5678; proxy_pass http://$ip; } }\n`)
    const get = client()
    expect([get(front, '/').body, get(front, '/').body, get(front, '/ip').body, get(front, '/name').head!.status]).toEqual(['good\n', 'good\n', 'good\n', 502])
    expect(front.output()).toContain('no resolver defined to resolve ghost.default.svc, client:')
  })

  test('passes the path on as its configuration says, with the headers that it sets', () => {
    const behind = cluster.pod('behind', 'worker-1', 'traefik/whoami')
    const front = web(`server {
  proxy_set_header X-Lost 1;
  location / { proxy_pass http://${behind.ip}; }
  location /api/ { proxy_pass http://${behind.ip}:80/v1/; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }
  location ~ ^/n/(?<n>[0-9]+)$ { rewrite ^ /number/$n?x=y break; proxy_pass http://${behind.ip}; add_header X-Number $n; }
  location /tea { if ($arg_milk) { return 418; } return 302 /cup; }
}\n`)
    const get = client()
    const said = (path: string): string[] => get(front, path).body.split(/\r?\n/).filter((l) => /^(GET|Host:|X-)/.test(l))
    expect(said('/a%20b?c=d')).toEqual(['GET /a%20b?c=d HTTP/1.1', `Host: ${behind.ip}`, 'X-Lost: 1'])
    expect(said('/api/x')).toEqual(['GET /v1/x HTTP/1.1', `Host: ${front.ip}`, expect.stringMatching(/^X-Forwarded-For: 10\./)])
    expect(said('/n/7?z=1')[0]).toBe('GET /number/7?x=y&z=1 HTTP/1.1')
    expect(headerOf(get(front, '/n/7').head!.headers, 'x-number')).toBe('7')
    expect([get(front, '/api').head!.status, headerOf(get(front, '/api').head!.headers, 'location')]).toEqual([301, `http://${front.ip}/api/`])
    expect([get(front, '/tea').head!.reason, get(front, '/tea?milk=1').head!.status]).toEqual(['Moved Temporarily', 418])
  })

  test('counts what is under way, changes words of pages, and sends requests to a mirror', () => {
    const [behind, mirror, slow] = [echo('a'), cluster.pod('mirror', 'worker-1', 'nginx'), cluster.pod('slow', 'worker-1', 'kennethreitz/httpbin')]
    const front = web(`limit_conn_zone $binary_remote_addr zone=addr:1m;
server {
  location / { root /usr/share/nginx/html; sub_filter '<h1>Welcome to nginx!' '<h1>Welcome to $host!'; sub_filter nginx other; }
  location /twice { mirror /copy; proxy_pass http://${behind.ip}:5678; }
  location = /copy { internal; proxy_pass http://${mirror.ip}$request_uri; }
  location /delay/ { limit_conn addr 1; limit_conn_status 429; proxy_pass http://${slow.ip}; }
}\n`)
    const get = client()
    const page = get(front, '/')
    expect(page.body).toContain(`<title>Welcome to other!</title>`)
    expect(page.body).toContain(`<h1>Welcome to ${front.ip}!</h1>`)
    expect(['content-length', 'etag', 'transfer-encoding'].map((n) => headerOf(page.head!.headers, n))).toEqual([undefined, undefined, 'chunked'])
    expect(get(front, '/twice?x=1').body).toBe('a\n')
    cluster.clock.runFor(10)
    expect(mirror.output()).toContain('"GET /twice?x=1 HTTP/1.0" 404')
    const patient = cluster.pod('patient', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
    const statuses: number[] = []
    cluster.run(patient.machine, function* (p) {
      const ask = function* (): Generator<Suspension, void> {
        statuses.push((yield* fetch(p, front.ip, 80, '/delay/1')).head!.status)
      }
      p.spawnThread(ask())
      yield* ask()
      yield* p.sleep(2_000)
    })
    expect(statuses).toEqual([429, 200])
    expect(front.output()).toContain('limiting connections by zone "addr", client: ')
  })

  test('stream: TCP goes to a group, by the name in a hello, or nowhere; its log tells the bytes', () => {
    const [a, b] = [echo('a'), echo('b')]
    const conf = (body: string): Record<string, string> => ({ '/etc/nginx/nginx.conf': `events {}\nstream {\nlog_format short '$protocol $status $upstream_addr $bytes_sent';\naccess_log /dev/stdout short;\n${body}}\n` })
    const front = cluster.pod('front', 'worker-1', 'nginx', { files: conf(`upstream both { server ${a.ip}:5678; server ${b.ip}:5678; }
map $ssl_preread_server_name $to { default ${b.ip}:5678; shop.example ${a.ip}:5678; }
server { listen 80; proxy_pass both; } server { listen 81; deny all; proxy_pass both; } server { listen 82; proxy_pass ${a.ip}:1; } server { listen 83; return "$remote_addr\\n"; } server { listen 84; ssl_preread on; proxy_pass $to; }
upstream bad { server ${a.ip}:1; server ${b.ip}:5678 backup; } server { listen 85; proxy_next_upstream_tries 1; proxy_pass bad; } server { listen 86; proxy_half_close on; proxy_next_upstream_timeout 10s; proxy_pass bad; }\n`) })
    cluster.clock.runFor(10)
    const { machine } = cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
    const asked = (port: number): ReturnType<typeof fetch> extends Generator<unknown, infer R> ? R : never => cluster.run(machine, (p) => fetch(p, front.ip, port, '/'))
    const ask = (port: number): string => asked(port).body
    expect([ask(80), ask(80), ask(84)]).toEqual(['a\n', 'b\n', 'b\n'])
    expect(ask(86)).toBe('b\n')
    expect([81, 82, 85].map((port) => asked(port).head)).toEqual([undefined, undefined, undefined])
    cluster.clock.runFor(10)
    expect(front.output()).toMatch(new RegExp(`TCP 200 ${a.ip}:5678 \\d+\\nTCP 200 ${b.ip}:5678 \\d+`))
    expect(front.output()).toMatch(/access forbidden by rule, client: [0-9.]+, server: 0\.0\.0\.0:81\nTCP 403 - 0\n/)
    expect(front.output()).toContain(`connect() failed (111: Connection refused) while connecting to upstream, client: `)
    const wrong = cluster.pod('wrong', 'worker-1', 'nginx', { files: conf('server { listen 80; }\n') })
    cluster.clock.runFor(10)
    expect(wrong.output()).toContain('[emerg] 1#1: no handler for server in /etc/nginx/nginx.conf:5\n')
  })

  test('takes a new configuration at a reload, and keeps the old one when that is wrong', () => {
    const front = web('server { return 200 old; }\n')
    const get = client()
    const reload = (conf: string): void => {
      cluster.run(front.machine, function* (p) {
        p.fs.writeFile(CONF, conf)
      })
      front.process.signal('SIGHUP')
      cluster.clock.runFor(10)
    }
    reload('server { return 200 new; }\nserver { listen 81; return 204; }\n')
    expect(get(front, '/').body).toBe('new')
    reload('server { retrun 200 newest; }\n')
    expect(get(front, '/').body).toBe('new')
    expect(front.output()).toContain(`[emerg] 1#1: unknown directive "retrun" in ${CONF}:1\n`)
  })

  test('asks for a name and a password', () => {
    const front = web('server { location /free { auth_basic off; root /usr/share/nginx/html; try_files /index.html =404; } location / { root /usr/share/nginx/html; } auth_basic Staff; auth_basic_user_file /etc/nginx/conf.d/users; }\n')
    cluster.run(front.machine, function* (p) {
      p.fs.writeFile('/etc/nginx/conf.d/users', 'anna:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\n')
    })
    const get = client()
    const status = (path: string, authorization?: string): number => get(front, path, authorization === undefined ? {} : { headers: [['Authorization', `Basic ${authorization}`]] }).head!.status
    // anna:secret and anna:wrong
    expect([status('/'), status('/free'), status('/', 'YW5uYTpzZWNyZXQ='), status('/', 'YW5uYTp3cm9uZw==')]).toEqual([401, 200, 200, 401])
    expect(headerOf(get(front, '/').head!.headers, 'www-authenticate')).toBe('Basic realm="Staff"')
    expect(front.output()).toContain('user "anna": password mismatch')
    expect(front.output()).toMatch(/ - anna \[.*"GET \/ HTTP\/1.1" 200/)
  })

  test('gives parts of a file, and nothing to a client that has it', () => {
    const front = web('server { root /usr/share/nginx/html; }\n')
    const get = client()
    const part = (range: string): unknown[] => {
      const { head, body } = get(front, '/', { headers: [['Range', range]] })
      return [head!.status, headerOf(head!.headers, 'content-range'), body.length]
    }
    expect([part('bytes=0-4'), part('bytes=-5'), part('bytes=610-'), part('bytes=0-99999')]).toEqual([
      [206, 'bytes 0-4/615', 5], [206, 'bytes 610-614/615', 5], [206, 'bytes 610-614/615', 5], [206, 'bytes 0-614/615', 615],
    ])
    expect(part('bytes=615-').slice(0, 2)).toEqual([416, 'bytes */615'])
    expect(get(front, '/', { headers: [['If-None-Match', '"67ff9c07-267"']] }).head!.status).toBe(304)
  })
})

test('the entrypoint adds a socket of IPv6 to the file of the image, once, and to no file of a ConfigMap', () => {
  const fs = new MemoryFilesystem()
  fs.makeDirectory('/etc/nginx/conf.d', { parents: true })
  const said = (ipv6 = true): string => listenOnIpv6({ fs, network: { ipv6 }, user: { uid: 0, gid: 0, name: 'root' } } as never).at(-1)!
  expect([said(false), said()]).toEqual(['ipv6 not available', '/etc/nginx/conf.d/default.conf is not a file or does not exist'])
  fs.writeFile(CONF, 'server {\n    listen       80;\n    server_name  localhost;\n\n    #access_log  off;\n}\n')
  expect([said(), said()]).toEqual(['Enabled listen on IPv6 in /etc/nginx/conf.d/default.conf', 'IPv6 listen already enabled'])
  expect(fs.readText(CONF)).toContain('    listen       80;\n    listen  [::]:80;\n')
  fs.writeFile(CONF, 'server { listen 80; }\n')
  expect(said()).toBe('/etc/nginx/conf.d/default.conf differs from the packaged version')
  fs.writeFile = () => {
    throw new SystemError('EROFS')
  }
  expect(said()).toBe('can not modify /etc/nginx/conf.d/default.conf (read-only file system?)')
})
