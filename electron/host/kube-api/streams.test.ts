import { WebSocket } from 'ws'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../session/desk.samples.ts'
import { Lines, Served } from './served.samples.ts'
import { SpdyClient } from './spdy-client.samples.ts'

const PODS = '/api/v1/namespaces/default/pods'
const TALKER = 'i=0; while true; do i=$((i+1)); echo line $i; sleep 1; done'
const MEGABYTES = 10 * 1024 * 1024

/** A client of the channel protocols: the first byte of each message is the channel. */
class Channels {
  readonly socket: WebSocket
  readonly received = new Map<number, Buffer[]>()
  closed = false

  refusal = ''

  constructor(served: Served, target: string, protocol: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(`${served.server.url.replace('https', 'wss')}${target}`, protocol, { ca: served.ca, headers: { ...served.headers, ...headers } })
    this.socket.on('unexpected-response', (_request, response) => {
      response.on('data', (data: Buffer) => (this.refusal += data.toString()))
      response.on('end', () => (this.closed = true))
    })
    this.socket.on('message', (data: Buffer) => this.received.set(data[0]!, [...(this.received.get(data[0]!) ?? []), data.subarray(1)]))
    this.socket.on('close', () => (this.closed = true))
    this.socket.on('error', () => (this.closed = true))
  }

  async opened(): Promise<this> {
    await eventually(() => this.socket.readyState === this.socket.OPEN || this.closed)
    return this
  }

  send(channel: number, data: string | Uint8Array): void {
    this.socket.send(Buffer.concat([Buffer.of(channel), Buffer.from(data)]))
  }

  text(channel: number): string {
    return Buffer.concat(this.received.get(channel) ?? []).toString()
  }
}

const query = (command: string[], options: string): string => `${options}&${command.map((word) => `command=${encodeURIComponent(word)}`).join('&')}`

describe('streams of real clients', () => {
  let served: Served
  beforeAll(async () => {
    served = await new Served().start()
    const pod = (name: string, container: object): Promise<unknown> => served.send('POST', PODS, { metadata: { name }, spec: { containers: [{ name: 'main', ...container }] } })
    await pod('web', { image: 'nginx', ports: [{ containerPort: 80 }] })
    await pod('talker', { image: 'busybox', command: ['sh', '-c', TALKER] })
    await pod('crasher', { image: 'busybox', command: ['sh', '-c', 'echo last words; exit 3'] })
    const running = async (name: string): Promise<boolean> => (await served.ask(`${PODS}/${name}`)).json.status.phase === 'Running'
    for (let tries = 0; tries < 200 && !((await running('web')) && (await running('talker'))); tries++) served.desk.session.input({ kind: 'time', advance: 500 })
  })
  afterAll(() => served.close())

  it('are for those who may', async () => {
    const target = `${PODS}/web/exec?${query(['echo', 'hello'], 'stdout=true')}`
    const as = (user: string): Promise<Channels> => new Channels(served, target, 'v5.channel.k8s.io', { 'Impersonate-User': user }).opened()
    expect((await as('jane')).refusal).toContain('pods \\"web\\" is forbidden: User \\"jane\\" cannot get resource \\"pods/exec\\" in API group \\"\\" in the namespace \\"default\\"')
    await served.send('POST', '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', { metadata: { name: 'jane' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' }, subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }] })
    const channels = await as('jane')
    await served.until(() => channels.text(1) !== '', 100)
    expect(channels.text(1)).toBe('hello\n')
  })

  describe('logs', () => {
    it('are followed until the client goes', async () => {
      const log = new Lines(await served.begin(`${PODS}/talker/log?follow=true&tailLines=1`))
      await served.until(() => log.lines.length >= 4, 500)
      const numbers = log.lines.map((line) => Number(line.replace('line ', '')))
      expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i))
      expect(served.open).toBe(1)
      log.tear()
      await eventually(() => served.open === 0)
    })

    it('have a tail, timestamps and a limit', async () => {
      const tail = await served.ask(`${PODS}/talker/log?tailLines=2&timestamps=true`)
      expect(tail.headers['content-type']).toBe('text/plain')
      expect(tail.text).toMatch(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z line \d+\n){2}$/)
      expect((await served.ask(`${PODS}/talker/log?limitBytes=8`)).text).toBe('line 1\nl')
    })

    it('of the container before are there with previous', async () => {
      const restarted = async (): Promise<boolean> => (await served.ask(`${PODS}/crasher`)).json.status.containerStatuses?.[0]?.restartCount > 0
      for (let tries = 0; tries < 200 && !(await restarted()); tries++) served.desk.session.input({ kind: 'time', advance: 500 })
      expect((await served.ask(`${PODS}/crasher/log?previous=true`)).text).toBe('last words\n')
      const none = await served.ask(`${PODS}/web/log?previous=true`)
      expect(none.json).toMatchObject({ code: 400, message: 'previous terminated container "main" in pod "web" not found' })
    })

    it('of nobody are a Status', async () => {
      expect((await served.ask(`${PODS}/nobody/log`)).json).toMatchObject({ code: 404, message: 'pods "nobody" not found' })
      expect((await served.ask(`${PODS}/web/log?container=side`)).json).toMatchObject({ code: 400, message: 'container side is not valid for pod web' })
    })
  })

  describe.each(['v5.channel.k8s.io', 'v4.channel.k8s.io'])('exec over WebSocket, %s', (protocol) => {
    const exec = (command: string[], options: string): Promise<Channels> => new Channels(served, `${PODS}/web/exec?${query(command, options)}`, protocol).opened()

    it('has standard output, standard error and the exit code', async () => {
      const client = await exec(['sh', '-c', 'echo out; echo err >&2; exit 7'], 'stdout=true&stderr=true')
      expect(client.socket.protocol).toBe(protocol)
      await served.until(() => client.closed)
      expect([client.text(1), client.text(2)]).toEqual(['out\n', 'err\n'])
      expect(JSON.parse(client.text(3))).toMatchObject({ status: 'Failure', reason: 'NonZeroExitCode', details: { causes: [{ reason: 'ExitCode', message: '7' }] } })
    })

    it('has success, too', async () => {
      const client = await exec(['true'], 'stdout=true')
      await served.until(() => client.closed)
      expect(JSON.parse(client.text(3))).toEqual({ metadata: {}, status: 'Success' })
    })

    it('is a terminal that is resized', async () => {
      const client = await exec(['sh'], 'stdin=true&stdout=true&tty=true')
      client.send(4, '{"Width":91,"Height":33}')
      client.send(0, 'stty size\n')
      await served.until(() => client.text(1).includes('33 91'))
      client.send(0, 'exit 4\n')
      await served.until(() => client.closed)
      expect(client.text(3)).toContain('"message":"4"')
    })

    it('ends what it started when the client is gone', async () => {
      const client = await exec(['sleep', '1000000'], 'stdout=true')
      await eventually(() => served.open === 1)
      client.socket.terminate()
      await eventually(() => served.open === 0)
    })
  })

  it('v5 ends standard input alone', async () => {
    const client = await new Channels(served, `${PODS}/web/exec?${query(['sh', '-c', 'wc -c; echo after'], 'stdin=true&stdout=true')}`, 'v5.channel.k8s.io').opened()
    const data = Buffer.alloc(200_000, 'x')
    for (let at = 0; at < data.length; at += 50_000) client.send(0, data.subarray(at, at + 50_000))
    client.send(255, Buffer.of(0))
    await served.until(() => client.closed)
    expect(client.text(1)).toBe('200000\nafter\n')
  })

  it('exec says before the upgrade what cannot be', async () => {
    const refused = (target: string, protocol = 'v5.channel.k8s.io'): Promise<{ status: number; body: string }> => new Promise((resolve, reject) => {
      const socket = new WebSocket(`${served.server.url.replace('https', 'wss')}${target}`, protocol, { ca: served.ca, headers: served.headers })
      socket.on('unexpected-response', (_request, response) => {
        let body = ''
        response.on('data', (data: Buffer) => (body += data.toString())).on('end', () => resolve({ status: response.statusCode!, body }))
      })
      socket.on('open', () => reject(new Error('it opened')))
      socket.on('error', () => undefined)
    })
    expect((await refused(`${PODS}/nobody/exec?command=sh&stdout=true`)).body).toContain('pods \\"nobody\\" not found')
    expect((await refused(`${PODS}/web/exec?command=sh&stdout=true&container=side`)).status).toBe(400)
    expect((await refused(`${PODS}/web/exec?stdout=true`)).body).toContain('you must specify at least one command for the container')
    expect((await refused(`${PODS}/web/exec?command=sh`)).body).toContain('you must specify at least one of stdin, stdout, stderr')
    expect((await refused(`${PODS}/web/exec?command=sh&stdout=true`, 'chat')).body).toContain('unable to negotiate protocol')
    expect((await refused('/api/v1/nodes')).status).toBe(404)
  })

  describe('SPDY/3.1', () => {
    const exec = async (command: string[], options: string, types: string[]): Promise<{ client: SpdyClient; streams: Record<string, Awaited<ReturnType<SpdyClient['stream']>>> }> => {
      const client = await SpdyClient.open(served, `${PODS}/web/exec?${query(command, options)}`, 'v4.channel.k8s.io')
      expect(client.head).toMatch(/^HTTP\/1\.1 101 [\s\S]*X-Stream-Protocol-Version: v4\.channel\.k8s\.io/)
      const streams: Record<string, Awaited<ReturnType<SpdyClient['stream']>>> = {}
      for (const type of types) streams[type] = await client.stream({ streamtype: type })
      return { client, streams }
    }

    it('exec has its streams and its exit code', async () => {
      const { client, streams } = await exec(['sh', '-c', 'cat; echo err >&2; exit 9'], 'stdin=true&stdout=true&stderr=true', ['error', 'stdin', 'stdout', 'stderr'])
      streams['stdin']!.write('hello\n', true)
      await served.until(() => client.closed)
      expect([streams['stdout']!.text, streams['stderr']!.text]).toEqual(['hello\n', 'err\n'])
      expect(JSON.parse(streams['error']!.text)).toMatchObject({ reason: 'NonZeroExitCode', details: { causes: [{ message: '9' }] } })
    })

    it('exec is a terminal that is resized', async () => {
      const { client, streams } = await exec(['sh'], 'stdin=true&stdout=true&tty=true', ['error', 'stdin', 'stdout', 'resize'])
      streams['resize']!.write('{"Width":77,"Height":22}')
      streams['stdin']!.write('stty size\n')
      await served.until(() => streams['stdout']!.text.includes('22 77'))
      client.tear()
      await eventually(() => served.open === 0)
    })

    it('port-forward has many connections at once, and a big body', { timeout: 300_000 }, async () => {
      const made = await new Channels(served, `${PODS}/web/exec?${query(['sh', '-c', `yes 0123456789abcde | head -c ${MEGABYTES} > /usr/share/nginx/html/big`], 'stdout=true')}`, 'v5.channel.k8s.io').opened()
      await served.until(() => made.closed)
      const client = await SpdyClient.open(served, `${PODS}/web/portforward`, 'portforward.k8s.io')
      const begin = async (n: number, path: string, port = 80) => {
        const error = await client.stream({ streamtype: 'error', port: String(port), requestid: String(n) })
        error.end()
        const data = await client.stream({ streamtype: 'data', port: String(port), requestid: String(n) })
        data.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
        return { error, data }
      }
      const many = await Promise.all(Array.from({ length: 40 }, (_, n) => begin(n, n % 2 ? '/' : '/none')))
      const big = await begin(100, '/big')
      const nobody = await begin(101, '/', 81)
      await served.until(() => many.every((one) => one.data.ended) && big.data.ended && nobody.error.ended)
      expect(many.map((one) => one.data.text.slice(9, 12))).toEqual(many.map((_, n) => (n % 2 ? '200' : '404')))
      expect(big.data.size).toBeGreaterThan(MEGABYTES)
      expect(big.data.bytes.subarray(-MEGABYTES).equals(Buffer.alloc(MEGABYTES, '0123456789abcde\n'))).toBe(true)
      expect(nobody.error.text).toMatch(/error forwarding port 81 to pod \S+, uid : .*connect: connection refused/)
      expect(client.closed).toBe(false)
      client.tear()
      await eventually(() => served.open === 0)
    })

    it('a port-forward that does not reach the kubelet is refused with the reason', async () => {
      const node = (await served.ask(`${PODS}/web`)).json.spec.nodeName as string
      const rule = (flag: string): Promise<unknown> => served.desk.type(`hop node ${node} -- iptables ${flag} INPUT -p tcp --dport 10250 -j REJECT; echo "rule$((1+1))" ${flag}`, new RegExp(`rule2 ${flag}`))
      await rule('-A')
      try {
        const client = new Channels(served, `${PODS}/web/portforward?ports=80`, 'v4.channel.k8s.io')
        await served.until(() => client.closed && client.refusal !== '')
        expect(client.refusal).toMatch(/"message":"error dialing backend: dial tcp 172\.18\.0\.\d:10250: connect: connection refused"/)
        await eventually(() => served.open === 0)
      } finally {
        await rule('-D')
      }
    })

    it('a torn port-forward leaves no connection in the cluster', async () => {
      const client = await SpdyClient.open(served, `${PODS}/web/portforward`, 'portforward.k8s.io')
      await client.stream({ streamtype: 'error', port: '80', requestid: '0' })
      const data = await client.stream({ streamtype: 'data', port: '80', requestid: '0' })
      // the port-forward, and its connection
      await eventually(() => data.replied && served.open === 2)
      client.tear()
      await eventually(() => served.open === 0)
    })

    it.each([
      ['a header block that is none', Buffer.from([0x80, 3, 0, 1, 0, 0, 0, 14, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef])],
      ['a frame too short for its kind', Buffer.from([0x80, 3, 0, 1, 0, 0, 0, 2, 0, 0])],
      ['a reset of two bytes', Buffer.from([0x80, 3, 0, 3, 0, 0, 0, 2, 0, 0])],
    ])('%s ends the connection, and nothing else', async (_, bytes) => {
      const client = await SpdyClient.open(served, `${PODS}/web/portforward`, 'portforward.k8s.io')
      client.raw(bytes)
      await eventually(() => client.closed)
      expect((await served.ask('/readyz')).text).toBe('ok')
    })

    it('wants a protocol that it knows', async () => {
      const client = await SpdyClient.open(served, `${PODS}/web/exec?command=sh&stdout=true`, 'v9.channel.k8s.io')
      expect(client.status).toBe(403)
    })
  })
})
