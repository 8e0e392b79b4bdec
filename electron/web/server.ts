import { randomBytes, timingSafeEqual } from 'node:crypto'
import { createReadStream, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { extname, join, normalize, sep } from 'node:path'
import { WebSocketServer, type WebSocket } from 'ws'
import type { Message, Transport } from '../bridge/protocol.ts'
import type { App } from '../host/app.ts'

export interface WebOptions {
  app: App
  /** The built window: out/renderer. */
  windowFolder: string
  /** 0: any free port. */
  port: number
}

export interface WebHost {
  /** With the token; for one person, once. */
  url: string
  close(): Promise<void>
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
}

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  // xterm and Cytoscape place their elements with style attributes
  "style-src 'self' 'unsafe-inline'",
  "font-src 'self' data:",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The largest message that a window may send, in bytes: a pack in base64. */
const MAX_MESSAGE = 12_000_000

/** The app for a browser of this machine: listens on 127.0.0.1 only, and wants the token of this start. */
export async function serveWeb(options: WebOptions): Promise<WebHost> {
  const token = randomBytes(24).toString('base64url')
  let origins: ReadonlySet<string> = new Set()
  // cookies do not know ports: two Podhops of one machine must not take each other's
  let cookie = ''
  const server = createServer((request, response) => answer(request, response))
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE, perMessageDeflate: false })

  const known = (request: IncomingMessage): boolean => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const cookies = (request.headers.cookie ?? '').split('; ').filter((c) => c.startsWith(`${cookie}=`))
    return [url.searchParams.get('token') ?? '', ...cookies.map((c) => c.slice(cookie.length + 1))].some((t) => same(t, token))
  }
  const hostAllowed = (request: IncomingMessage): boolean => origins.has(`http://${request.headers.host ?? ''}`)

  function answer(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader('Content-Security-Policy', POLICY)
    response.setHeader('X-Content-Type-Options', 'nosniff')
    response.setHeader('Referrer-Policy', 'no-referrer')
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
    response.setHeader('Cross-Origin-Resource-Policy', 'same-origin')
    if (!hostAllowed(request)) return refuse(response, 403, 'Podhop answers on 127.0.0.1 only.')
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'Podhop serves pages only.')
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const file = normalize(join(options.windowFolder, path === '/' ? 'index.html' : decodeURIComponent(path)))
    if (!file.startsWith(options.windowFolder + sep)) return refuse(response, 404, 'Not found')
    if (path === '/') {
      if (!known(request)) return refuse(response, 401, 'Open the address that Podhop printed when it started: it holds a token that is new at each start.')
      response.setHeader('Set-Cookie', `${cookie}=${token}; HttpOnly; SameSite=Strict; Path=/`)
      response.setHeader('Cache-Control', 'no-store')
    }
    const size = fileSize(file)
    if (size === undefined) return refuse(response, 404, 'Not found')
    response.writeHead(200, { 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream', 'Content-Length': size })
    if (request.method === 'HEAD') return void response.end()
    createReadStream(file).pipe(response)
  }

  server.on('upgrade', (request, socket, head) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const allowed = url.pathname === '/bridge' && hostAllowed(request) && origins.has(request.headers.origin ?? '') && known(request)
    if (!allowed) return void socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n')
    sockets.handleUpgrade(request, socket, head, (ws) => options.app.connect(transport(ws)))
  })

  const port = await listen(server, options.port)
  cookie = `podhop_${port}`
  origins = new Set([`http://127.0.0.1:${port}`, `http://localhost:${port}`])
  return {
    url: `http://127.0.0.1:${port}/?token=${token}`,
    close: () =>
      new Promise((resolve) => {
        for (const ws of sockets.clients) ws.terminate()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function transport(ws: WebSocket): Transport {
  ws.on('error', () => ws.terminate())
  return {
    send: (message: Message) => {
      if (ws.readyState === ws.OPEN) ws.send(JSON.stringify(message))
    },
    onMessage: (listener) => void ws.on('message', (data: Buffer) => listener(parse(data.toString('utf8')))),
    onClose: (listener) => void ws.on('close', listener),
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function same(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function refuse(response: ServerResponse, code: number, words: string): void {
  response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8' })
  response.end(words + '\n')
}

function fileSize(path: string): number | undefined {
  try {
    const stat = statSync(path)
    return stat.isFile() ? stat.size : undefined
  } catch {
    return undefined
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
}
