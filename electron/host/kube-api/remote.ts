import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { KubeApi } from '../session/api-calls.ts'

/** exec, attach and port-forward of real clients: connections that become streams. */
export class RemoteStreams {
  readonly #api: () => KubeApi | undefined

  constructor(api: () => KubeApi | undefined) {
    this.#api = api
  }

  upgrade(_request: IncomingMessage, socket: Duplex, _head: Buffer): void {
    void this.#api
    socket.end('HTTP/1.1 501 Not Implemented\r\nConnection: close\r\n\r\n')
  }

  close(): void {
    // nothing is open
  }
}
