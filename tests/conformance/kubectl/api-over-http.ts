import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock } from '../../../electron/engine/clock.ts'
import type { KubernetesClient } from '../../../electron/engine/kubernetes/client.ts'
import { answerRequest } from '../../../electron/engine/kubernetes/http/handler.ts'

/** The engine's own HTTP API on a plain socket, without TLS, token and streams: for tests of an API server by itself. */
export interface Served { url: string; close(): Promise<void> }

/** `after` is called when a request has been worked on, for an API server whose clock nobody drives. */
export async function serve(clock: Clock, client: KubernetesClient, after?: () => void): Promise<Served> {
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      answer(clock, client, request, response, new Uint8Array(Buffer.concat(chunks)))
      after?.()
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((done) => {
      server.closeAllConnections()
      server.close(() => done())
    }),
  }
}

function answer(clock: Clock, client: KubernetesClient, request: IncomingMessage, response: ServerResponse, body: Uint8Array): void {
  const { accept, 'content-type': contentType, 'user-agent': userAgent } = request.headers
  const stop = answerRequest(
    { clock, client },
    { method: request.method!, target: request.url!, body, ...(accept ? { accept } : {}), ...(contentType ? { contentType } : {}), ...(userAgent ? { userAgent } : {}) },
    {
      head(status, headers) {
        response.statusCode = status
        for (const [name, value] of headers) response.appendHeader(name, value)
        response.flushHeaders()
      },
      data: (chunk) => void response.write(chunk),
      end: () => void response.end(),
    },
  )
  response.on('close', stop)
}
