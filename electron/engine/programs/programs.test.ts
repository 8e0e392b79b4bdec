import { beforeEach, describe, expect, test } from 'vitest'
import { fetch, SmallCluster } from '../cni/small-cluster.samples.ts'
import { decodeUtf8 } from '../text.ts'
import { findImage, imageProblem } from './images/catalog.ts'
import { WELCOME_PAGE } from './images/nginx-files.ts'

let cluster: SmallCluster
beforeEach(() => {
  cluster = new SmallCluster('bridge', ['worker-1'])
})
const sleeper = (): ReturnType<SmallCluster['pod']> => cluster.pod('client', 'worker-1', 'busybox', { command: ['sleep', 'infinity'] })
const headers = (head: { headers: [string, string][] } | undefined): string[] => head!.headers.map(([n, v]) => `${n}: ${v}`)

describe('nginx', () => {
  test('serves its welcome page with the real headers, and logs the visit', () => {
    const web = cluster.pod('web', 'worker-1', 'nginx:1.27')
    cluster.clock.runFor(10)
    const client = sleeper()
    const { head, body } = cluster.run(client.machine, (p) => fetch(p, web.ip, 80))
    expect(WELCOME_PAGE).toHaveLength(615)
    expect(body).toBe(WELCOME_PAGE)
    expect(headers(head)).toEqual([
      'Server: nginx/1.27.5', 'Date: Mon, 05 Jan 2026 08:00:02 GMT', 'Content-Type: text/html', 'Content-Length: 615',
      'Last-Modified: Wed, 16 Apr 2025 12:01:11 GMT', 'Connection: keep-alive', 'ETag: "67ff9c07-267"', 'Accept-Ranges: bytes',
    ])
    expect(web.output()).toContain('/docker-entrypoint.sh: Configuration complete; ready for start up\n')
    expect(web.output().trimEnd().split('\n').at(-1)).toBe(`${client.ip} - - [05/Jan/2026:08:00:02 +0000] "GET / HTTP/1.1" 200 615 "-" "curl/7.88.1" "-"`)
  })

  test('answers 404 with its page and says which file it missed', () => {
    const web = cluster.pod('web', 'worker-1', 'nginx:1.25')
    cluster.clock.runFor(10)
    const client = sleeper()
    const { head, body } = cluster.run(client.machine, (p) => fetch(p, web.ip, 80, '/nope'))
    expect(head!.status).toBe(404)
    expect(body).toBe('<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404 Not Found</h1></center>\r\n<hr><center>nginx/1.25.5</center>\r\n</body>\r\n</html>\r\n')
    expect(web.output()).toContain(`*1 open() "/usr/share/nginx/html/nope" failed (2: No such file or directory), client: ${client.ip}, server: localhost, request: "GET /nope HTTP/1.1", host: "${web.ip}"\n`)
    expect(cluster.run(client.machine, (p) => fetch(p, web.ip, 80, '/', { method: 'POST' })).head!.status).toBe(405)
    expect(cluster.run(client.machine, (p) => fetch(p, web.ip, 80, '/../../etc/passwd')).head!.status).toBe(400)
  })

  test('sends no body for HEAD', () => {
    const web = cluster.pod('web', 'worker-1', 'nginx')
    cluster.clock.runFor(10)
    const { head, body } = cluster.run(sleeper().machine, (p) => fetch(p, web.ip, 80, '/', { method: 'HEAD' }))
    expect([head!.status, body, headers(head).includes('Content-Length: 615')]).toEqual([200, '', true])
  })

  test('takes another port, page and location from its configuration', () => {
    const web = cluster.pod('web', 'worker-1', 'nginx', {
      files: {
        '/etc/nginx/conf.d/default.conf': 'server { listen 8080; location / { root /srv; } location = /who { default_type text/plain; return 200 "$hostname saw $remote_addr\\n"; } location /old { return 301 /new; } }\n',
        '/srv/index.html': 'mine\n',
      },
    })
    cluster.clock.runFor(10)
    const client = sleeper()
    const get = (path: string): ReturnType<typeof fetchOnce> => fetchOnce(path)
    const fetchOnce = (path: string): { body: string; status: number; location: string | undefined } => {
      const { head, body } = cluster.run(client.machine, (p) => fetch(p, web.ip, 8080, path))
      return { body, status: head!.status, location: head!.headers.find(([n]) => n === 'Location')?.[1] }
    }
    expect(get('/').body).toBe('mine\n')
    expect(get('/who').body).toBe(`web saw ${client.ip}\n`)
    expect(get('/old')).toMatchObject({ status: 301, location: `http://${web.ip}:8080/new` })
    expect(cluster.run(client.machine, (p) => fetch(p, web.ip, 80)).error).toBe('ECONNREFUSED')
  })

  test('two in one Pod want one port: the second tries five times and gives up', () => {
    const web = cluster.pod('web', 'worker-1', 'nginx')
    const second = cluster.container('second', 'nginx', web.sandbox.network)
    cluster.clock.runFor(5000)
    expect(second.process.status).toEqual({ code: 1 })
    const lines = second.output().split('\n').filter((l) => l.startsWith('nginx: '))
    expect(lines).toEqual([...Array<string>(5).fill('nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)'), 'nginx: [emerg] still could not bind()'])
    expect([web.output().includes('epoll'), second.output().includes('epoll')]).toEqual([true, false])
    expect(web.process.status).toBeUndefined()
  })

  test('a mistake in its configuration is nginx\'s message and exit code 1', () => {
    const run = (conf: string): string => {
      const web = cluster.pod(`web-${cluster.clock.random.hex(4)}`, 'worker-1', 'nginx', { files: { '/etc/nginx/conf.d/default.conf': conf } })
      cluster.clock.runFor(10)
      return `${web.output().trimEnd().split('\n').at(-1)} ${web.process.status?.code}`
    }
    expect(run('server { lisen 80; }')).toBe('nginx: [emerg] unknown directive "lisen" in /etc/nginx/conf.d/default.conf:1 1')
    expect(run('server { listen 80')).toBe('nginx: [emerg] unexpected end of file, expecting ";" or "}" in /etc/nginx/conf.d/default.conf:1 1')
    expect(run('server {\n  location / { proxy_pass http://no..where; }\n}')).toBe('nginx: [emerg] host not found in upstream "no..where" in /etc/nginx/conf.d/default.conf:2 1')
    expect(run('server { return 200 $nothing; }')).toBe('nginx: [emerg] unknown "nothing" variable 1')
    expect(run('server { listen 443 ssl; }')).toBe('nginx: [emerg] no "ssl_certificate" is defined for the "listen ... ssl" directive in /etc/nginx/conf.d/default.conf:1 1')
    expect(run('server { location / { fastcgi_pass x:9000; } }')).toMatch(/^podhop: not simulated: nginx directive "fastcgi_pass" .* 69$/)
  })

  test('stops politely on SIGQUIT', () => {
    const web = cluster.pod('web', 'worker-1', 'nginx')
    cluster.clock.runFor(10)
    web.process.signal('SIGQUIT')
    cluster.clock.runFor(10)
    expect(web.process.status).toEqual({ code: 0 })
    expect(web.output()).toContain('signal 3 (SIGQUIT) received, shutting down')
  })
})

describe('http-echo', () => {
  test('answers every path with its text and logs like Go', () => {
    const echo = cluster.pod('echo', 'worker-1', 'hashicorp/http-echo', { args: ['-text=hello'] })
    cluster.clock.runFor(10)
    const client = sleeper()
    const { head, body } = cluster.run(client.machine, (p) => fetch(p, echo.ip, 5678, '/any?x=1'))
    expect(body).toBe('hello\n')
    expect(headers(head)).toEqual(['X-App-Name: http-echo', 'X-App-Version: 1.0.0', 'Date: Mon, 05 Jan 2026 08:00:02 GMT', 'Content-Length: 6', 'Content-Type: text/plain; charset=utf-8'])
    expect(echo.output()).toMatch(/^2026\/01\/05 08:00:02 \[INFO\] server is listening on :5678\n2026\/01\/05 08:00:02 10\.244\.1\.2 10\.244\.1\.3:\d+ "GET \/any HTTP\/1\.1" 200 6 "curl\/7\.88\.1" 0s\n$/)
  })

  test('wants a text', () => {
    const echo = cluster.pod('echo', 'worker-1', 'hashicorp/http-echo:1.0', { env: { ECHO_TEXT: '' } })
    cluster.clock.runFor(10)
    expect([echo.output(), echo.process.status?.code]).toEqual(['Missing -text option or ECHO_TEXT env var!\n', 127])
  })

  test('has one in its image since 1.0', () => {
    const echo = cluster.pod('echo', 'worker-1', 'hashicorp/http-echo:1.0')
    cluster.clock.runFor(10)
    const { head, body } = cluster.run(sleeper().machine, (p) => fetch(p, echo.ip, 5678, '/'))
    expect([body, headers(head)[1]]).toEqual(['hello-world\n', 'X-App-Version: 1.0.0'])
  })

  test('0.2.3 has words of its own, one status, and no ear for SIGTERM', () => {
    const start = (args: string[]): ReturnType<SmallCluster['pod']> => {
      const pod = cluster.pod('echo', 'worker-1', 'hashicorp/http-echo:0.2.3', { args, env: { ECHO_TEXT: 'no' } })
      cluster.clock.runFor(10)
      return pod
    }
    const bare = start([])
    expect([bare.output(), bare.process.status?.code]).toEqual(['Missing -text option!\n', 127])
    const status = start(['-text=x', '-status-code=404'])
    expect([status.output().split('\n')[0], status.process.status?.code]).toEqual(['flag provided but not defined: -status-code', 2])
    const echo = start(['-text', 'x'])
    echo.process.signal('SIGTERM')
    cluster.clock.runFor(10)
    expect(echo.output()).toMatch(/ Server is listening on :5678\n.* \[ERR\] Unknown signal terminated\n$/)
    expect(echo.process.status).toBeUndefined()
  })
})

describe('mysql', () => {
  test('without a password it exits with the entrypoint\'s words', () => {
    const db = cluster.pod('db', 'worker-1', 'mysql:8')
    cluster.clock.runFor(1000)
    expect(db.process.status).toEqual({ code: 1 })
    expect(db.output()).toContain('[ERROR] [Entrypoint]: Database is uninitialized and password option is not specified\n    You need to specify one of the following as an environment variable:\n    - MYSQL_ROOT_PASSWORD\n')
  })

  test('greets with the version 10 handshake, and two of them cannot share port 3306', () => {
    const db = cluster.pod('db', 'worker-1', 'mysql:8', { env: { MYSQL_ROOT_PASSWORD: 'secret' } })
    cluster.clock.runFor(20_000)
    expect(db.output()).toContain("ready for connections. Version: '8.4.5'  socket: '/var/run/mysqld/mysqld.sock'  port: 3306  MySQL Community Server - GPL.\n")
    let greeting = new Uint8Array(0)
    sleeper().sandbox.network.sockets.connect({ address: db.ip, port: 3306 }, { onData: (data) => (greeting = data.slice()) })
    cluster.clock.runFor(1000)
    expect([greeting[0]! + 4, greeting[3], greeting[4]]).toEqual([greeting.length, 0, 10])
    expect(decodeUtf8(greeting)).toContain('8.4.5\0')
    expect(decodeUtf8(greeting)).toContain('caching_sha2_password\0')
    const second = cluster.container('second', 'mysql:8', db.sandbox.network, { env: { MYSQL_ROOT_PASSWORD: 'secret' } })
    cluster.clock.runFor(20_000)
    expect(second.process.status).toEqual({ code: 1 })
    expect(second.output()).toContain("[ERROR] [MY-010262] [Server] Can't start server: Bind on TCP/IP port: Address already in use\n")
  })
})

test('agnhost tells its host name and whom it sees', () => {
  const pod = cluster.pod('agnhost', 'worker-1', 'registry.k8s.io/e2e-test-images/agnhost:2.53', { args: ['netexec'] })
  cluster.clock.runFor(10)
  const client = sleeper()
  const get = (path: string): string => cluster.run(client.machine, (p) => fetch(p, pod.ip, 8080, path)).body
  expect([get('/hostname'), get('/clientip').replace(/:\d+$/, ''), get('/echo?msg=a+b')]).toEqual(['agnhost', client.ip, 'a b'])
})

describe('images', () => {
  test.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:alpine', 'docker.io/library/nginx:alpine'],
    ['docker.io/library/nginx:1.14.2', 'docker.io/library/nginx:1.14.2'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36'],
    ['mysql:8.0', 'docker.io/library/mysql:8.0'],
    ['curlimages/curl', 'docker.io/curlimages/curl:latest'],
    ['amouat/network-utils', 'docker.io/amouat/network-utils:latest'],
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10'],
    ['registry.k8s.io/kube-apiserver:v1.33.1', 'registry.k8s.io/kube-apiserver:v1.33.1'],
    ['ghcr.io/flannel-io/flannel:v0.26.7', 'ghcr.io/flannel-io/flannel:v0.26.7'],
  ])('%s is there', (reference, canonical) => {
    expect(findImage(reference)?.reference).toBe(canonical)
  })

  test.each(['nginx:doesnotexist', 'nginx:1.161', 'nginx:99', 'ngnix', 'NGINX', 'nginx::1', '', 'quay.io/nobody/nothing:1'])('"%s" is not', (reference) => {
    expect(findImage(reference)).toBeUndefined()
  })

  test('what is wrong with one is said in containerd\'s and the kubelet\'s words', () => {
    expect(imageProblem('nginx')).toBeUndefined()
    expect(imageProblem('nginx:doesnotexist')).toEqual({
      reason: 'ErrImagePull',
      message: 'rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/nginx:doesnotexist": failed to resolve reference "docker.io/library/nginx:doesnotexist": docker.io/library/nginx:doesnotexist: not found',
    })
    expect(imageProblem('ngnix')?.message).toContain('pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed')
    expect(imageProblem('NGINX')).toEqual({ reason: 'InvalidImageName', message: 'Failed to apply default image tag "NGINX": couldn\'t parse image name "NGINX": invalid reference format: repository name (library/NGINX) must be lowercase' })
  })

  test('each has what the real one has: a shell or none, curl or none', () => {
    const has = (reference: string, program: string): boolean => Object.values(findImage(reference)!.programs).includes(program)
    expect([has('nginx', 'bash'), has('nginx', 'curl'), has('nginx', 'ping')]).toEqual([true, true, false])
    expect([has('mysql', 'bash'), has('mysql', 'curl')]).toEqual([true, false])
    expect([has('amouat/network-utils', 'dig'), has('amouat/network-utils', 'tcpdump')]).toEqual([true, true])
    expect(Object.keys(findImage('hashicorp/http-echo')!.programs)).toEqual(['/http-echo'])
  })
})
