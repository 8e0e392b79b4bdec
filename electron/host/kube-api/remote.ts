import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { KubeApi } from '../session/api-calls.ts'
import { impersonation } from './impersonation.ts'
import { remoteRequest } from './remote-request.ts'
import { reject } from './reject.ts'
import { SpdyTransport } from './spdy-transport.ts'
import { WebSocketTransport } from './websocket-transport.ts'

/** Streams of real clients: over WebSocket (v5.channel.k8s.io and older) and over SPDY/3.1. */
export class RemoteStreams {
  readonly #transports = { websocket: new WebSocketTransport(), 'spdy/3.1': new SpdyTransport() }

  upgrade(api: KubeApi, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const remote = remoteRequest(request.url ?? '')
    const transport = Object.entries(this.#transports).find(([name]) => name === String(request.headers.upgrade ?? '').toLowerCase())?.[1]
    if (!remote) return reject(socket, 404, 'the server could not find the requested resource')
    if (!transport) return reject(socket, 400, 'unable to upgrade: unknown protocol')
    const { impersonate: whom } = impersonation(request.headers)
    const { kind, namespace, pod, query } = remote
    const refused = api.check({ kind, namespace, pod, container: query.get('container'), method: request.method ?? 'GET' }, whom)
    if (refused) return reject(socket, refused.code, refused)
    transport.upgrade(api, remote, request, socket, head)
  }

  /** Ends every stream; new ones may come. */
  closeAll(): void {
    for (const transport of Object.values(this.#transports)) transport.closeAll()
  }

  close(): void {
    for (const transport of Object.values(this.#transports)) transport.close()
  }
}
