import { Agent, get, request, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { portForwards } from '../../lab/checks/simple.ts'
import { Desk, eventually, occupy } from './desk.samples.ts'

const MEGABYTES = 10 * 1024 * 1024
const desks: Desk[] = []
afterEach(() => {
  for (const made of desks.splice(0)) made.session.close()
})

/** A desk with nginx in the Pod web, which takes bodies of any size, and a port of this machine that leads there. */
async function forwarded(options: ConstructorParameters<typeof Desk>[0] = {}): Promise<{ desk: Desk; port: number }> {
  const desk = new Desk(options)
  desks.push(desk)
  await desk.session.open(null)
  await desk.type('kubectl run web --image=nginx --port=80; kubectl wait --for=condition=Ready pod/web', /condition met/)
  await desk.type('kubectl exec web -- sh -c "yes 0123456789abcde | head -c 10485760 > /usr/share/nginx/html/big; echo \'client_max_body_size 0;\' > /etc/nginx/conf.d/size.conf; nginx -s reload"; echo made-$((1 + 1))', /made-2/)
  return { desk, port: await desk.forward() }
}

interface Answer { status: number; body: Buffer }
const whole = (response: IncomingMessage): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    response.on('data', (data: Buffer) => parts.push(data)).on('error', reject).on('end', () => resolve({ status: response.statusCode!, body: Buffer.concat(parts) }))
  })
const fetchPage = (port: number, path = '/', agent: Agent | false = false): Promise<Answer> =>
  new Promise((resolve, reject) => void get({ host: '127.0.0.1', port, path, agent }, (response) => whole(response).then(resolve, reject)).on('error', reject))
const upload = (port: number, body: Buffer, path = '/'): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const out = request({ host: '127.0.0.1', port, path, method: 'POST', agent: false, headers: { 'Content-Length': body.length } }, (response) => whole(response).then(resolve, reject))
    out.on('error', reject)
    out.end(body)
  })

describe('a forwarded port', () => {
  it('serves many at once, each its own answer', async () => {
    const { desk, port } = await forwarded()
    const answers = await Promise.all(Array.from({ length: 60 }, (_, n) => fetchPage(port, n % 3 === 0 ? '/' : `/missing-${n}`)))
    expect(answers.map((a) => a.status)).toEqual(answers.map((_, n) => (n % 3 === 0 ? 200 : 404)))
    await eventually(() => desk.session.cluster!.laptop.network.sockets.list().filter((s) => s.localPort === port && s.state === 'ESTAB').length === 0, () => (desk.session.input({ kind: 'time', advance: 50 }), 'the connections to end'))
    expect(desk.output.match(new RegExp(`Handling connection for ${port}`, 'g'))).toHaveLength(60)
  })

  it('keeps a connection alive', async () => {
    const { desk, port } = await forwarded()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let n = 0; n < 10; n++) expect((await fetchPage(port, '/', agent)).status).toBe(200)
    agent.destroy()
    expect(desk.output.match(/Handling connection/g)).toHaveLength(1)
  })

  it('carries ten megabytes either way, unharmed', async () => {
    const { desk, port } = await forwarded()
    const down = await fetchPage(port, '/big')
    expect(down.body.length).toBe(MEGABYTES)
    expect(down.body.equals(Buffer.from('0123456789abcde\n'.repeat(MEGABYTES / 16)))).toBe(true)
    const up = await upload(port, Buffer.alloc(MEGABYTES, 'some words that can be packed'))
    expect(up.status).toBe(405)
    desk.close()
    // what came from outside is in the log, but not as it is
    expect(statSync(join(desk.folder, 'sessions', 'free.jsonl')).size).toBeLessThan(1_000_000)
    const again = new Desk({ folder: desk.folder })
    desks.push(again)
    await again.session.open(null)
    await eventually(() => again.session.realPorts.length === 1)
    expect((await fetchPage(port)).status).toBe(200)
  })

  it('lets a real program wait that sends faster than the world takes it', async () => {
    const { desk, port } = await forwarded()
    const socket = connect(port, '127.0.0.1')
    let written = 0
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${4 * MEGABYTES}\r\n\r\n`)
    const more = (): void => {
      while (written < 4 * MEGABYTES && socket.write(Buffer.alloc(64 * 1024))) written += 64 * 1024
    }
    let most = 0
    socket.on('drain', more)
    more()
    const { run } = desk.session
    expect(run).toBeNull()
    await eventually(() => {
      most = Math.max(most, desk.session.cluster!.laptop.network.sockets.list().reduce((sum, s) => (s.remotePort === port ? sum + s.sendQueue : sum), 0))
      return written >= 4 * MEGABYTES
    })
    expect(most).toBeLessThan(1024 * 1024)
    socket.destroy()
  })

  it('survives clients that go in the middle', async () => {
    const { desk, port } = await forwarded()
    for (let n = 0; n < 12; n++) {
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.write('GET /big HTTP/1.1\r\nHost: x\r\n\r\n')
          const go = (): void => {
            if (n % 2 === 0) socket.resetAndDestroy()
            else socket.destroy()
            resolve()
          }
          if (n % 4 < 2) go()
          else socket.once('data', go)
        })
      })
    }
    expect((await fetchPage(port)).status).toBe(200)
    expect((await fetchPage(port, '/big')).body.length).toBe(MEGABYTES)
    expect(desk.notices).toEqual([])
    await eventually(() => desk.session.cluster!.laptop.network.sockets.list().filter((s) => s.state === 'ESTAB' && s.localPort === port).length === 0, () => (desk.session.input({ kind: 'time', advance: 50 }), 'the connections to end'))
  })

  it('serves one who closes his side before the answer', async () => {
    const { port } = await forwarded()
    const text = await new Promise<string>((resolve, reject) => {
      let got = ''
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      socket.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      socket.on('data', (data) => (got += data.toString())).on('end', () => resolve(got)).on('error', reject)
    })
    expect(text).toContain('</html>')
  })

  it('of a Pod that is deleted meanwhile ends, and is free again', async () => {
    const { desk, port } = await forwarded()
    const socket = connect(port, '127.0.0.1')
    const gone = new Promise<void>((resolve) => void socket.on('close', () => resolve()).on('error', () => undefined))
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await new Promise((resolve) => socket.once('data', resolve))
    const id = await desk.session.openTerminal(80, 24)
    desk.session.input({ kind: 'terminal-input', id, data: 'kubectl delete pod web --now\r' })
    await desk.printed(/pod "web" deleted/)
    // kubectl notices with the next connection, as the real one does
    await gone
    await fetchPage(port).catch(() => undefined)
    await desk.printed(/lost connection to pod/)
    await eventually(() => desk.session.realPorts.length === 0)
    ;(await occupy(port)).close()
  })

  it('of a Service or a Deployment leads to one of its Pods, and there may be several at once', async () => {
    const desk = new Desk()
    desks.push(desk)
    await desk.session.open(null)
    await desk.type('kubectl create deployment shop --image=nginx --port=80; kubectl expose deployment shop --port=8080 --target-port=80; kubectl rollout status deployment/shop', /successfully rolled out/)
    const ports = (): number[] => [...desk.output.matchAll(/Forwarding from 127\.0\.0\.1:(\d+) -> 80\b/g)].map(([, port]) => Number(port))
    await desk.type('kubectl port-forward service/shop :8080', /Forwarding from 127\.0\.0\.1:\d+ -> 80\b/)
    await eventually(() => desk.session.realPorts.includes(ports()[0]!))
    const agent = new Agent({ keepAlive: true })
    const pages = await Promise.all(Array.from({ length: 12 }, (_, n) => fetchPage(ports()[0]!, '/', n % 2 === 0 ? agent : false)))
    expect(pages.every(({ status }) => status === 200)).toBe(true)
    agent.destroy()
    desk.session.input({ kind: 'terminal-input', id: 't1', data: '\x03' })
    await eventually(() => desk.session.realPorts.length === 0)
    // three ports of a Deployment's Pod, of which nothing listens on the last
    await desk.type('kubectl port-forward -n default deploy/shop :80 :80 :81', /Forwarding from 127\.0\.0\.1:\d+ -> 81/)
    await eventually(() => desk.session.realPorts.length === 3)
    expect(portForwards({ cluster: desk.session.cluster! }).map((f) => f.target)).toEqual(['deploy/shop', 'deploy/shop', 'deploy/shop'])
    for (const port of ports().slice(1)) expect((await fetchPage(port)).status).toBe(200)
    const closed = Number(/127\.0\.0\.1:(\d+) -> 81/.exec(desk.output)![1])
    await expect(fetchPage(closed)).rejects.toThrow()
    await desk.printed(/an error occurred forwarding \d+ -> 81/)
  })

  it('is free at once after Ctrl-C, and can be taken again at once', async () => {
    const { desk, port } = await forwarded()
    const socket = connect(port, '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
    const gone = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => undefined)
    for (let n = 0; n < 3; n++) {
      desk.session.input({ kind: 'terminal-input', id: 't1', data: '\x03' })
      await eventually(() => desk.session.realPorts.length === 0)
      ;(await occupy(port)).close()
      await desk.type(`kubectl port-forward web ${port}:80`, new RegExp(`Forwarding from 127.0.0.1:${port} -> 80`))
      expect((await fetchPage(port)).status).toBe(200)
    }
    await gone
  })

  it("that somebody else has is refused with kubectl's own words", async () => {
    const { desk } = await forwarded()
    const other = await occupy(0)
    const { port } = other.address() as { port: number }
    desk.session.input({ kind: 'terminal-input', id: 't1', data: '\x03' })
    await desk.type(`kubectl port-forward web ${port}:80`, /unable to listen on any/)
    expect(desk.output.replace(/\r?\n/g, '')).toContain(`Unable to listen on port ${port}: Listeners failed to create with the following errors: [unable to create listener: Error listen tcp4 127.0.0.1:${port}: bind: address already in use`)
    other.close()
  })

  it('takes only so much, and says so', async () => {
    const { desk, port } = await forwarded({ logLimit: 200_000 })
    let seed = 1
    const noise = Buffer.from(Array.from({ length: 600_000 }, () => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) >>> 24))
    await expect(upload(port, noise).then((a) => a.status)).rejects.toThrow(/socket hang up|ECONNRESET|EPIPE/)
    expect(desk.notices.join()).toMatch(/More than .* MB were sent/)
    expect(desk.notices).toHaveLength(1)
    desk.session.close()
    expect(readFileSync(join(desk.folder, 'sessions', 'free.jsonl')).length).toBeLessThan(600_000)
  })
})
