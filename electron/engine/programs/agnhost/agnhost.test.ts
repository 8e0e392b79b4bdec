import { beforeEach, expect, test } from 'vitest'
import { fetch, SmallCluster, type PodSample } from '../../cni/small-cluster.samples.ts'
import { CallbackFile } from '../../machine/files.ts'
import { Signal } from '../../machine/task.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { TcpStream } from '../stream.ts'

const IMAGE = 'registry.k8s.io/e2e-test-images/agnhost:2.53'
let cluster: SmallCluster
let client: PodSample
beforeEach(() => {
  cluster = new SmallCluster('bridge')
  client = cluster.pod('client', 'worker-2', IMAGE)
  cluster.clock.runFor(10)
})

function start(args: string[], env: Record<string, string> = {}): PodSample {
  const pod = cluster.pod('server', 'worker-1', IMAGE, { args, env })
  cluster.clock.runFor(10)
  return pod
}

/** A command in the client's container: what it wrote, and its exit code. */
function run(...argv: string[]): [string, number | undefined] {
  let output = ''
  const sink = new CallbackFile(cluster.clock, (bytes) => (output += decodeUtf8(bytes)))
  const process = client.machine.start({ argv, files: new Map([[1, sink], [2, sink]]) })
  cluster.clock.runUntil(cluster.clock.now + 200_000, () => process.status !== undefined)
  return [output, process.status?.code]
}
const connect = (...args: string[]): [string, number | undefined] => run('/agnhost', 'connect', ...args)
const get = (pod: PodSample, port: number, path: string): string => cluster.run(client.machine, (p) => fetch(p, pod.ip, port, path)).body

function byTcp(pod: PodSample, port: number, sctp = false): string {
  return cluster.run(client.machine, function* (p) {
    const stream = yield* TcpStream.open(p, pod.ip, port, { sctp })
    if (!(stream instanceof TcpStream)) return stream.code
    const data = yield* stream.read(p)
    return data instanceof Uint8Array ? decodeUtf8(data) : 'nothing'
  })
}

function byUdp(pod: PodSample, port: number, text: string): string {
  return cluster.run(client.machine, function* (p) {
    const socket = p.network.sockets.udp({})
    const done = new Signal()
    let answer = ''
    socket.onDatagram = ({ data }) => {
      answer = decodeUtf8(data)
      done.notify()
    }
    socket.send(encodeUtf8(text), pod.ip, port)
    yield done.wait
    return answer
  })
}

test('connect says in one word why it did not', () => {
  const server = start(['netexec', '--sctp-port=8082'])
  expect(connect(`${server.ip}:8080`, '--timeout=2s')).toEqual(['', 0])
  expect(connect(`${server.ip}:9`, '--timeout=2s')).toEqual(['REFUSED\n', 1])
  expect(connect('10.244.1.200:80', '--timeout=1s')).toEqual(['TIMEOUT\n', 1])
  expect(connect('192.0.2.1', '--timeout=1s')).toEqual(['UNKNOWN: address 192.0.2.1: missing port in address\n', 1])
  expect(connect('--protocol=udp', '--timeout=1s', `${server.ip}:8081`)).toEqual(['', 0])
  expect(connect('--protocol=udp', '--timeout=1s', `${server.ip}:9`)).toEqual([expect.stringMatching(/^REFUSED: read udp .*: read: connection refused\n$/), 1])
  expect(connect('--protocol', 'sctp', '--timeout', '1s', `${server.ip}:8082`)).toEqual(['', 0])
  expect(connect('--protocol', 'sctp', '--timeout', '1s', `${server.ip}:8083`)).toEqual(['OTHER: connection refused\n', 1])
})

test('connect without an answer from DNS', () => {
  cluster.startProxies()
  cluster.startDns()
  expect(connect('nobody:80', '--timeout=2s')).toEqual(['DNS: lookup nobody on 10.96.0.10:53: no such host\n', 1])
})

test('serve-hostname by HTTP, and raw by TCP and UDP', () => {
  const http = start(['serve-hostname'])
  expect(get(http, 9376, '/any')).toBe('server')
  expect(http.output()).toMatch(/Serving on port 9376\.\n.* HTTP request from 10\.244\.2\.2:\d+\n$/)
  const raw = cluster.pod('raw', 'worker-1', IMAGE, { args: ['serve-hostname', '--tcp', '--udp', '--http=false', '--port', '8000'] })
  cluster.clock.runFor(10)
  expect([byTcp(raw, 8000), byUdp(raw, 8000, 'x')]).toEqual(['raw', 'raw'])
  const both = cluster.pod('both', 'worker-1', IMAGE, { args: ['serve-hostname', '--tcp'] })
  cluster.clock.runFor(10)
  expect([both.output().slice('I0105 08:00:02.000000       1 log.go:245] '.length), both.process.status?.code]).toEqual(["Can't server TCP/UDP mode and HTTP mode at the same time\n", 1])
})

test('porter serves what its environment says', () => {
  const porter = start(['porter'], { SERVE_PORT_80: 'eighty', SERVE_TCP_PORT_81: 'more', SERVE_UDP_PORT_82: 'udp', SERVE_SCTP_PORT_83: 'sctp', SERVE_TLS_PORT_443: 'tls' })
  expect([get(porter, 80, '/'), get(porter, 81, '/'), byUdp(porter, 82, 'x'), byTcp(porter, 83, true)]).toEqual(['eighty', 'more', 'udp', 'sctp'])
  expect(porter.process.network.sockets.list().some((s) => s.state === 'LISTEN' && s.localPort === 443)).toBe(true)
  const json = cluster.pod('json', 'worker-1', IMAGE, { args: ['porter', '--json-response'], env: { SERVE_PORT_80: 'x' } })
  cluster.clock.runFor(10)
  expect(get(json, 80, '/')).toBe('{"Method":"GET","Body":"x"}')
})

test('netexec dials others, echoes, and exits', () => {
  const server = start(['netexec'])
  expect(get(server, 8080, '/hostname')).toBe('server')
  expect(get(server, 8080, '/echo?msg=hi')).toBe('hi')
  expect(get(server, 8080, '/')).toMatch(/^NOW: 2026-01-05 08:00:02(\.\d{0,8}[1-9])? \+0000 UTC m=\+\d\.\d{9}$/)
  expect(get(server, 8080, '/header?key=accept')).toBe('*/*')
  const dial = (query: string): unknown => JSON.parse(get(server, 8080, `/dial?${query}`))
  expect(dial(`host=${server.ip}&port=8080&request=hostname&tries=2`)).toEqual({ responses: ['server', 'server'] })
  expect(dial(`host=${server.ip}&port=8081&request=hostname&protocol=udp`)).toEqual({ responses: ['server'] })
  expect(dial(`host=${server.ip}&port=9&request=x`)).toEqual({ errors: [`Get "http://${server.ip}:9/x": dial tcp ${server.ip}:9: connect: connection refused`] })
  const refused = cluster.run(client.machine, (p) => fetch(p, server.ip, 8080, '/dial')).head!
  expect([refused.status, refused.headers.map(([name]) => name)]).toEqual([400, ['Content-Type', 'X-Content-Type-Options', 'Date', 'Content-Length']])
  get(server, 8080, '/exit?code=3')
  expect(server.process.status).toEqual({ code: 3 })
})

test('netexec logs as klog does, by the Go that its image was built with', () => {
  const server = start(['netexec', '--sctp-port=8082'])
  expect(server.output()).toMatch(/^I0105 08:00:02\.\d{6} {7}1 log\.go:245\] Started HTTP server on port 8080\nI.*\] Started UDP server on port {2}8081\nI.*\] Started SCTP server\n$/)
  const old = cluster.pod('old', 'worker-1', 'registry.k8s.io/e2e-test-images/agnhost:2.39', { args: ['netexec', '--udp-listen-addresses=127.0.0.1'] })
  cluster.clock.runFor(10)
  expect(old.output()).toMatch(/ log\.go:195\] Started UDP server on port 127\.0\.0\.1 8081\n$/)
  const plain = cluster.pod('plain', 'worker-1', 'registry.k8s.io/serve_hostname')
  cluster.clock.runFor(10)
  expect(plain.output()).toMatch(/^2026\/01\/05 08:00:02 Serving on port 9376\.\n$/)
})

test('netexec tells headers as JSON, redirects, reads forms, and echoes in lower case by UDP', () => {
  const server = start(['netexec'])
  expect(get(server, 8080, '/header')).toBe('{"Accept":["*/*"],"User-Agent":["curl/7.88.1"]}')
  const redirect = (query: string): unknown => {
    const { head, body } = cluster.run(client.machine, (p) => fetch(p, server.ip, 8080, `/redirect?${query}`))
    return [head!.status, head!.headers.find(([n]) => n === 'Location')?.[1], body]
  }
  expect(redirect('location=/echo%3Fmsg=foobar%26x&code=307')).toEqual([307, '/echo?msg=foobar&x', '<a href="/echo?msg=foobar&amp;x">Temporary Redirect</a>.\n\n'])
  expect(redirect('location=there')).toEqual([302, '/there', '<a href="/there">Found</a>.\n\n'])
  expect(cluster.run(client.machine, function* (p) {
    const stream = (yield* TcpStream.open(p, server.ip, 8080)) as TcpStream
    stream.write(encodeUtf8('POST /echo?msg=no HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 6\r\nConnection: close\r\n\r\nmsg=hi'))
    return decodeUtf8((yield* stream.read(p)) as Uint8Array)
  })).toMatch(/\r\n\r\nhi$/)
  expect(byUdp(server, 8081, 'ECHO Hello')).toBe('hello')
  expect(server.output()).toMatch(/GET \/redirect\?msg=\/echo\?msg=foobar&x&code=307\n[^]*\] Echoing hello to UDP client 10\.244\.2\.2:\d+\n$/)
})

test('netexec that has to end is not ready, and healthy, as long as it was told to stay', () => {
  const server = start(['netexec', '--delay-shutdown=5'])
  expect(get(server, 8080, '/readyz')).toBe('ok')
  server.process.signal('SIGTERM')
  cluster.clock.runFor(1000)
  const status = (path: string): number => cluster.run(client.machine, (p) => fetch(p, server.ip, 8080, path)).head!.status
  expect([status('/readyz'), status('/healthz')]).toEqual([503, 200])
  cluster.clock.runFor(5000)
  expect([server.process.status, server.output()]).toEqual([{ code: 0 }, expect.stringContaining('] Sleeping 5 seconds before terminating...\n')])
})

test('entrypoint-tester and logs-generator', () => {
  expect(run('/agnhost', 'entrypoint-tester', 'a', 'b')).toEqual(['[/agnhost entrypoint-tester a b]\n', 0])
  const [lines, code] = run('/agnhost', 'logs-generator', '-t', '3', '-d', '1s')
  expect(lines).toMatch(/^(I0105 08:00:\d\d\.\d{6} {7}\d logs_generator\.go:80\] [0-2] (GET|POST|PUT) \/api\/v1\/namespaces\/(kube-system|default|ns)\/pods\/[a-z0-9]{3,4} [2-5]\d\d\n){3}$/)
  expect([code, run('/agnhost', 'logs-generator', '-d', '1s')[1]]).toEqual([0, 255])
})

test('what resolv.conf and hosts say', () => {
  expect(run('/agnhost', 'dns-suffix')).toEqual(['default.svc.cluster.local,svc.cluster.local,cluster.local\n', 0])
  expect(run('/agnhost', 'dns-server-list')).toEqual(['10.96.0.10\n', 0])
  expect(run('/agnhost', 'etc-hosts')).toEqual(['127.0.0.1\tlocalhost\n\n', 0])
  expect(run('/agnhost', 'nope')[1]).toBe(1)
  expect(run('/agnhost', 'guestbook')[1]).toBe(69)
})

test('liveness is well for ten seconds', () => {
  const server = start(['liveness'])
  expect(get(server, 8080, '/healthz')).toBe('ok')
  cluster.clock.runFor(11_000)
  expect(get(server, 8080, '/healthz')).toMatch(/^error: 11\./)
})
