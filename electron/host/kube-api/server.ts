import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { createGzip, type Gzip } from 'node:zlib'
import { MAX_BODY, type ApiRequest } from '../../engine/cluster.ts'
import type { KubeApi } from '../session/api-calls.ts'
import { DOMAIN, makeCertificate } from './certificate.ts'
import { Callers } from './callers.ts'
import { impersonation } from './impersonation.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import { RemoteStreams } from './remote.ts'

export interface KubeApiOptions {
  /** The way into the world of now; undefined while one is being made. */
  api(): KubeApi | undefined
  /** Where the kubeconfig is kept. */
  folder: string
  /** 0: any free port. */
  port?: number
}

export interface KubeApiServer {
  url: string
  /** Path of a kubeconfig for it. */
  kubeconfig: string
  readonly listening: boolean
  /** To be called when the world may have changed: while its API server is down, nobody listens here either. */
  follow(): void
  close(): Promise<void>
}

/** Answers shorter than this are not worth packing, in bytes (kube-apiserver's defaultGzipThresholdBytes). */
const PACK = 128 * 1024
/** A client that does not read its watch is cut off, in bytes. */
const UNREAD = 64 * 1024 * 1024
/** Requests at one time; more are told to come later (--max-requests-inflight + --max-mutating-requests-inflight). */
const MOST = 600

/**
 * The simulated cluster's API over HTTPS, for the real clients of this machine: listens on 127.0.0.1 only, and wants a
 * token that is new at each start: as the bearer's it is the administrator's; who asks for the server by the name that the kubeconfig
 * has for it, is whom his certificate or another token says. The API itself is the engine's; here are only TLS, framing and streams.
 */
export async function serveKubeApi(options: KubeApiOptions): Promise<KubeApiServer> {
  const token = randomBytes(24).toString('base64url')
  const serverName = `${randomBytes(24).toString('hex')}.${DOMAIN}`
  const callers = new Callers({ token, serverName })
  const certificate = await makeCertificate()
  let hosts: ReadonlySet<string> = new Set()
  let inFlight = 0
  const server: Server = createServer({ ...certificate, minVersion: 'TLSv1.2', requestCert: true, rejectUnauthorized: false })
  server.headersTimeout = 30_000
  // a watch lasts as long as its client wants
  server.requestTimeout = 0
  server.keepAliveTimeout = 90_000

  /** What the client goes on with, or why it may not. */
  const admit = (request: IncomingMessage): KubeApi | Refusal => {
    if (!hosts.has(request.headers.host ?? '')) return { code: 403, reason: 'Forbidden', message: 'Podhop answers on 127.0.0.1 only' }
    // browsers' pages have no business here
    if (request.headers.origin !== undefined) return { code: 403, reason: 'Forbidden', message: 'Podhop does not answer web pages' }
    if (!callers.isKnown(request)) return UNAUTHORIZED
    const api = options.api()
    return api ? (callers.apiFor(api, request) ?? UNAUTHORIZED) : { code: 503, reason: 'ServiceUnavailable', message: 'the cluster is being made: try again in a moment' }
  }

  server.on('request', (request, response) => {
    const refused = admit(request)
    if ('code' in refused) return refuse(request, response, refused)
    const long = /[?&](watch|follow)=(true|1)/.test(request.url ?? '')
    if (!long && inFlight >= MOST) return refuse(request, response, { code: 429, reason: 'TooManyRequests', message: 'Too many requests, please try again later.' })
    if (!long) inFlight++
    response.on('close', () => {
      if (!long) inFlight--
    })
    void readBody(request).then((body) => {
      if (body === 'gone') return
      if (body === 'too large') return refuse(request, response, { code: 413, reason: 'RequestEntityTooLarge', message: `Request entity too large: limit is ${MAX_BODY}` })
      const api = admit(request)
      if ('code' in api) return void response.destroy()
      answer(api, request, response, body)
    })
  })

  const streams = new RemoteStreams()
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const api = admit(request)
    if ('code' in api) return refuseUpgrade(socket, api)
    streams.upgrade(api, request, socket, head)
  })
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  server.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    else socket.destroy()
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  hosts = new Set([`127.0.0.1:${port}`, `localhost:${port}`])
  const url = `https://127.0.0.1:${port}`
  // kubectl is to say "connection refused", as it would of a real cluster
  let [closed, down] = [false, false]
  const follow = (): void => {
    const reachable = options.api()?.reachable ?? true
    if (closed || down === !reachable) return
    down = !reachable
    if (!down) return listenAgain()
    if (server.listening) server.close()
    server.closeAllConnections()
    streams.closeAll()
  }
  const listenAgain = (): void => {
    if (!closed && !down && !server.listening) server.listen(port, '127.0.0.1')
  }
  // somebody else has the port for a moment
  server.on('error', () => setTimeout(listenAgain, 500).unref())
  const kubeconfig = writeKubeconfig(options.folder, { url, certificate: certificate.cert, serverName, token })
  return {
    url,
    kubeconfig: kubeconfig.path,
    get listening() {
      return server.listening
    },
    follow,
    close: () => new Promise((resolve) => {
      closed = true
      kubeconfig.remove()
      streams.close()
      if (server.listening) server.close(() => resolve())
      else resolve()
      server.closeAllConnections()
    }),
  }
}

interface Refusal { code: number; reason: string; message: string }

const UNAUTHORIZED: Refusal = { code: 401, reason: 'Unauthorized', message: 'Unauthorized' }

function statusText({ code, reason, message }: Refusal): string {
  return `${JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code })}\n`
}

function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  request.resume()
  response.writeHead(refusal.code, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache, private', ...(refusal.code === 429 ? { 'Retry-After': '1' } : {}), Connection: 'close' })
  response.end(statusText(refusal))
}

function refuseUpgrade(socket: Duplex, refusal: Refusal): void {
  const text = statusText(refusal)
  socket.end(`HTTP/1.1 ${refusal.code} ${refusal.reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`)
}

function readBody(request: IncomingMessage): Promise<Uint8Array | 'too large' | 'gone'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= MAX_BODY) chunks.push(chunk)
      else resolve('too large')
    })
    request.on('end', () => resolve(new Uint8Array(Buffer.concat(chunks))))
    request.on('error', () => resolve('gone'))
    request.on('close', () => resolve('gone'))
  })
}

/** For the API server's proxy: all but the token. */
function passedOn({ rawHeaders }: IncomingMessage): [string, string][] {
  const headers: [string, string][] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) if (rawHeaders[i]!.toLowerCase() !== 'authorization') headers.push([rawHeaders[i]!, rawHeaders[i + 1]!])
  return headers
}

function answer(api: KubeApi, request: IncomingMessage, response: ServerResponse, body: Uint8Array): void {
  const apiRequest: ApiRequest = {
    method: request.method ?? 'GET',
    target: request.url ?? '/',
    body,
    ...(request.headers.accept === undefined ? {} : { accept: request.headers.accept }),
    ...(request.headers['content-type'] === undefined ? {} : { contentType: request.headers['content-type'] }),
    ...(request.headers['user-agent'] === undefined ? {} : { userAgent: request.headers['user-agent'] }),
    ...impersonation(request.headers),
    ...(/\/proxy(?:[/?]|$)/.test(request.url ?? '') ? { headers: passedOn(request) } : {}),
  }
  const packs = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  let packer: Gzip | undefined
  let over = false
  const call = api.request(apiRequest, {
    head(status, headers) {
      response.statusCode = status
      response.setHeader('Audit-Id', randomBytes(16).toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'))
      for (const [name, value] of headers) response.appendHeader(name, value)
      if (status === 200 && /[?&](watch|follow)=/.test(apiRequest.target)) response.flushHeaders()
    },
    data(chunk) {
      if (packer) return void packer.write(chunk)
      if (packs && !response.headersSent && chunk.length > PACK) {
        response.setHeader('Content-Encoding', 'gzip')
        response.setHeader('Vary', 'Accept-Encoding')
        packer = createGzip({ level: 1 })
        packer.pipe(response)
        return void packer.write(chunk)
      }
      response.write(chunk)
      if (response.writableLength > UNREAD) response.destroy()
    },
    end() {
      over = true
      if (packer) packer.end()
      else response.end()
    },
    lost() {
      over = true
      // as a connection to nobody: there is no answer
      response.destroy()
    },
  })
  response.on('close', () => {
    if (!over) call.abort()
  })
}
