import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../session/desk.samples.ts'
import { Served, whole } from './served.samples.ts'

describe('the Kubernetes API over HTTPS', () => {
  let served: Served
  beforeAll(async () => {
    served = await new Served().start()
  })
  afterAll(() => served.close())

  it('answers who has the token of the kubeconfig, and the certificate fits 127.0.0.1', async () => {
    const nodes = await served.ask('/api/v1/nodes')
    expect(nodes.status).toBe(200)
    expect(nodes.headers['cache-control']).toBe('no-cache, private')
    expect(nodes.headers['audit-id']).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(nodes.json.items.map((n: { metadata: { name: string } }) => n.metadata.name)).toEqual(['control-plane', 'worker-1'])
  })

  it.each([
    ['no token', { Authorization: '' }],
    ['another token', { Authorization: 'Bearer not-this-one' }],
    ['another scheme', { Authorization: 'Basic YWRtaW46YWRtaW4=' }],
  ])('with %s says 401 Unauthorized', async (_, headers) => {
    const answer = await served.ask('/api/v1/nodes', { headers })
    expect(answer.status).toBe(401)
    expect(answer.json).toEqual({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'Unauthorized', reason: 'Unauthorized', code: 401 })
  })

  it('has a new token at each start', async () => {
    const other = await new Served().start()
    expect(other.token).not.toBe(served.token)
    expect((await other.ask('/api/v1/nodes', { headers: { Authorization: `Bearer ${served.token}` } })).status).toBe(401)
    await other.close()
  })

  it.each([
    ['another Host', { Host: 'rebound.example.com' }],
    ['127.0.0.1 on another port', { Host: '127.0.0.1:1' }],
    ['the Origin of a web page', { Origin: 'https://example.com' }],
    ['the Origin of a local page', { Origin: 'null' }],
  ])('refuses %s, whatever the token', async (_, headers) => {
    const answer = await served.ask('/api/v1/nodes', { headers })
    expect(answer.status).toBe(403)
    expect(answer.json).toMatchObject({ kind: 'Status', status: 'Failure', reason: 'Forbidden' })
  })

  it('is not reached from other machines', async () => {
    const other = Object.values(networkInterfaces()).flat().find((a) => a?.family === 'IPv4' && !a.internal)
    if (!other) return
    await expect(new Promise((resolve, reject) => connect(served.port, other.address).on('connect', resolve).on('error', reject))).rejects.toThrow('ECONNREFUSED')
  })

  it('takes no body above the limit, said or found out', async () => {
    const body = Buffer.alloc(3 * 1024 * 1024 + 1, 32)
    const answer = await served.ask('/api/v1/namespaces/default/configmaps', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } })
    expect(answer.status).toBe(413)
    expect(answer.json).toMatchObject({ reason: 'RequestEntityTooLarge', message: 'Request entity too large: limit is 3145728' })
  })

  it('takes no body of an unheard type', async () => {
    const answer = await served.ask('/api/v1/namespaces/default/configmaps', { method: 'POST', body: '<configmap/>', headers: { 'Content-Type': 'text/xml' } })
    expect(answer.status).toBe(415)
    expect(answer.json.reason).toBe('UnsupportedMediaType')
  })

  it('serves no form that it does not know', async () => {
    const answer = await served.ask('/api/v1/nodes', { headers: { Accept: 'text/xml' } })
    expect(answer.status).toBe(406)
    expect(answer.json.reason).toBe('NotAcceptable')
  })

  it('says what is wrong with JSON in the words of Go', async () => {
    const post = (body: string) => served.ask('/api/v1/namespaces/default/configmaps', { method: 'POST', body, headers: { 'Content-Type': 'application/json' } })
    const answer = await post('{"kind": "ConfigMap", }')
    expect(answer.status).toBe(400)
    expect(answer.json).toMatchObject({ reason: 'BadRequest', message: expect.stringContaining("invalid character '}' looking for beginning of object key string") })
    expect((await post('{"kind": "Conf')).json.message).toContain('unexpected end of JSON input')
    expect((await post('[1, 2]')).status).toBe(400)
  })

  it('says what is wrong with protobuf', async () => {
    const post = (body: Uint8Array) => served.ask('/api/v1/namespaces/default/configmaps', { method: 'POST', body, headers: { 'Content-Type': 'application/vnd.kubernetes.protobuf' } })
    for (const body of [Buffer.from('no protobuf'), Buffer.from([0x6b, 0x38, 0x73, 0, 0xff, 0xff, 0xff]), Buffer.from([0x6b, 0x38, 0x73, 0, 0x0a, 0x7f])]) {
      const answer = await post(body)
      expect(answer.status).toBe(400)
      expect(answer.json.reason).toBe('BadRequest')
    }
  })

  it.each(['/nowhere', '/api/v2', '/apis/example.com', '/apis/apps/v1/unheards', '/api/v1/namespaces/default/pods/x/unheard', '/openapi/v3/apis/x', '/healthz/x'])('has Go\'s page for %s', async (path) => {
    const answer = await served.ask(path)
    expect([answer.status, answer.text, answer.headers['content-type']]).toEqual([404, '404 page not found\n', 'text/plain; charset=utf-8'])
  })

  it('packs big answers for who can unpack them, and no others', async () => {
    const big = await served.ask('/openapi/v2', { headers: { 'Accept-Encoding': 'gzip' } })
    expect(big.headers['content-encoding']).toBe('gzip')
    expect(JSON.parse(gunzipSync(big.body).toString())).toMatchObject({ swagger: '2.0' })
    expect((await served.ask('/openapi/v2')).headers['content-encoding']).toBeUndefined()
    expect((await served.ask('/version', { headers: { 'Accept-Encoding': 'gzip' } })).headers['content-encoding']).toBeUndefined()
  })

  it('answers garbage with 400 or a closed connection, and goes on', async () => {
    const said = await new Promise<string>((resolve) => {
      const socket = connect(served.port, '127.0.0.1', () => socket.end('GET / HTTP/1.1\r\n\r\n'))
      let text = ''
      socket.on('data', (data) => (text += data.toString())).on('error', () => resolve(text)).on('close', () => resolve(text))
    })
    expect(said).not.toContain('200 OK')
    const odd = await served.ask('/api/v1/namespaces/%zz/pods?limit=%')
    expect([200, 400, 404]).toContain(odd.status)
    expect((await served.ask('/readyz')).text).toBe('ok')
  })

  it('answers thousands of requests at once, and changes what they say', { timeout: 300_000 }, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 64 })
    const answers = await Promise.all(Array.from({ length: 2000 }, (_, n) =>
      n % 20 === 0
        ? served.ask('/api/v1/namespaces/default/configmaps', { method: 'POST', agent, body: JSON.stringify({ metadata: { name: `many-${n}` } }), headers: { 'Content-Type': 'application/json' } })
        : served.ask(n % 2 ? '/api/v1/pods?limit=500' : '/apis', { agent })))
    agent.destroy()
    expect(new Set(answers.map((a) => a.status))).toEqual(new Set([200, 201]))
    expect((await served.ask('/api/v1/namespaces/default/configmaps?labelSelector=!x')).json.items.filter((c: { metadata: { name: string } }) => c.metadata.name.startsWith('many-'))).toHaveLength(100)
    expect(served.open).toBe(0)
  })

  it('tells who asks too much at one time to come later', async () => {
    const agent = new Agent({ keepAlive: false })
    // requests whose bodies do not come
    const held = Array.from({ length: 600 }, () => {
      const one = request(`${served.server.url}/api/v1/namespaces/default/configmaps`, { method: 'POST', ca: served.ca, agent, headers: { ...served.headers, 'Content-Length': 10 } })
      one.on('error', () => undefined)
      one.write('{')
      return one
    })
    let late = await served.ask('/version')
    for (let tries = 0; late.status === 200 && tries < 200; tries++) late = await served.ask('/version')
    expect([late.status, late.headers['retry-after'], late.json.reason]).toEqual([429, '1', 'TooManyRequests'])
    for (const one of held) one.destroy()
    for (let tries = 0; late.status === 429 && tries < 200; tries++) late = await served.ask('/version')
    expect(late.status).toBe(200)
  }, 300_000)

  it('never holds the process for what a request sets going', () => {
    const api = served.desk.session.kubeApi!
    const { clock } = served.desk.session.cluster!
    const events = (method: string, target: string, body = ''): number => {
      const before = clock.executed
      api.request({ method, target, accept: 'application/json', contentType: 'application/json', body: Buffer.from(body) }, { head: () => undefined, data: () => undefined, end: () => undefined, lost: () => undefined })
      return clock.executed - before
    }
    const deployment = JSON.stringify({
      apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'many' },
      spec: { replicas: 30, selector: { matchLabels: { app: 'many' } }, template: { metadata: { labels: { app: 'many' } }, spec: { containers: [{ name: 'web', image: 'nginx' }] } } },
    })
    served.desk.session.input({ kind: 'time', paused: true })
    for (const path of ['/api/v1/pods', '/apis', '/version', '/openapi/v3/apis/apps/v1']) expect(events('GET', path)).toBe(0)
    // the Deployment's thirty Pods are events of their own, between which the host has its turns
    expect(events('POST', '/apis/apps/v1/namespaces/default/deployments', deployment)).toBeLessThan(3)
    expect(events('DELETE', '/apis/apps/v1/namespaces/default/deployments/many')).toBeLessThan(3)
  })
})

describe('the kubeconfig', () => {
  it('is for its owner alone, and is taken back at the end', async () => {
    const served = await new Served().start()
    const path = served.server.kubeconfig
    if (process.platform !== 'win32') expect(statSync(path).mode & 0o777).toBe(0o600)
    await served.close()
    expect(existsSync(path)).toBe(false)
  })

  it('of a process that was killed is removed, of one that lives is not', async () => {
    const served = new Served()
    const [dead, living, other] = ['kubeconfig-4194305.yaml', `kubeconfig-${process.ppid}.yaml`, 'notes.yaml']
    for (const name of [dead, living, other]) writeFileSync(join(served.desk.folder, name), 'x')
    await served.start()
    const left = readdirSync(served.desk.folder)
    expect(left).not.toContain(dead)
    expect(left).toEqual(expect.arrayContaining([living, other, `kubeconfig-${process.pid}.yaml`]))
    await served.close()
  })
})

describe('while the cluster\'s API server is down', () => {
  it('nobody listens, watches end, and the same port answers when it is back', async () => {
    const served = await new Served().start()
    const { session } = served.desk
    const watch = await served.begin('/api/v1/pods?watch=true')
    watch.on('error', () => undefined)
    const ended = whole(watch).then(() => 'ended', () => 'ended')
    session.input({ kind: 'fault', apply: ['apiserver-down'] })
    await eventually(() => !session.kubeApi!.reachable)
    served.server.follow()
    await expect(served.ask('/version')).rejects.toThrow('ECONNREFUSED')
    expect(await ended).toBe('ended')
    expect(served.open).toBe(0)
    session.input({ kind: 'fault', clear: 'apiserver-down' })
    await served.until(() => session.kubeApi!.reachable)
    served.server.follow()
    await eventually(() => served.server.listening)
    expect((await served.ask('/version')).status).toBe(200)
    await served.close()
  })

  it('it can be switched off too', async () => {
    const served = await new Served().start()
    served.desk.session.input({ kind: 'fault', apply: ['apiserver-down'] })
    await eventually(() => !served.desk.session.kubeApi!.reachable)
    served.server.follow()
    await served.close()
    await expect(served.ask('/version')).rejects.toThrow('ECONNREFUSED')
  })
})
