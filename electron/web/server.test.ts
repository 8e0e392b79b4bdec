import { mkdtempSync, mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import type { App } from '../host/app.ts'
import { serveWeb, type WebHost } from './server.ts'

let web: WebHost
let connected = 0
const address = (): URL => new URL(web.url)

beforeAll(async () => {
  const folder = join(mkdtempSync(join(tmpdir(), 'podhop-web-')), 'renderer')
  mkdirSync(folder)
  writeFileSync(join(folder, 'index.html'), 'the window')
  writeFileSync(join(folder, '..', 'secret.txt'), 'not for the window')
  web = await serveWeb({ app: { connect: () => connected++ } as unknown as App, windowFolder: folder, port: 0 })
})
afterAll(() => web.close())

function get(path: string, headers: Record<string, string> = {}): Promise<{ status: number; body: string; cookie: string | undefined }> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: address().port, path, headers }, (response) => {
      let body = ''
      response.on('data', (data: Buffer) => (body += data.toString()))
      response.on('end', () => resolve({ status: response.statusCode!, body, cookie: response.headers['set-cookie']?.[0]?.split(';')[0] }))
    }).on('error', reject).end()
  })
}

function socket(headers: Record<string, string>, query = ''): Promise<'open' | number> {
  return new Promise((resolve) => {
    const ws = new WebSocket(`ws://127.0.0.1:${address().port}/bridge${query}`, { headers })
    ws.on('open', () => (ws.close(), resolve('open')))
    ws.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
    ws.on('error', () => undefined)
  })
}

describe('the web host', () => {
  it('listens on 127.0.0.1, with a token that is new at each start', () => {
    expect(address().hostname).toBe('127.0.0.1')
    expect(address().searchParams.get('token')).toMatch(/^[\w-]{32}$/)
  })

  it('gives the window only to who has the token', async () => {
    expect((await get('/')).status).toBe(401)
    expect((await get('/?token=wrong')).status).toBe(401)
    const first = await get(address().pathname + address().search)
    expect(first).toMatchObject({ status: 200, body: 'the window' })
    // a reload has the cookie
    expect((await get('/', { Cookie: first.cookie! })).status).toBe(200)
  })

  it('answers no other Host: a name that was pointed at 127.0.0.1 gets nothing', async () => {
    expect((await get('/' + address().search, { Host: `evil.example:${address().port}` })).status).toBe(403)
  })

  it('serves nothing outside the window folder', async () => {
    for (const path of ['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt']) expect((await get(path)).body).not.toContain('not for the window')
  })

  it('opens the bridge only to its own page', async () => {
    const origin = address().origin
    const token = address().search
    expect(await socket({ Origin: 'http://evil.example' }, token)).toBe(403)
    expect(await socket({ Origin: origin })).toBe(403)
    expect(await socket({}, token)).toBe(403)
    expect(connected).toBe(0)
    expect(await socket({ Origin: origin }, token)).toBe('open')
    expect(connected).toBe(1)
  })
})
