import type { WebSocket } from 'ws'
import type { Forward, ForwardSession } from '../session/api-calls.ts'
import type { RemoteRequest } from './remote-request.ts'

/**
 * port-forward over plain WebSocket (v4.channel.k8s.io): the ports stand in the query, each has one connection with a
 * channel for data and one for errors, which begin with the port in two bytes (k8s.io/kubelet/pkg/cri/streaming/portforward).
 */
export class ForwardChannels {
  readonly #client: WebSocket
  readonly #base64: boolean
  readonly #forwards: (Forward | undefined)[] = []

  constructor(session: ForwardSession, { query }: RemoteRequest, client: WebSocket, base64: boolean) {
    this.#client = client
    this.#base64 = base64
    const ports = query.all('ports').flatMap((text) => text.split(',')).map(Number)
    if (ports.length === 0 || ports.some((port) => !Number.isInteger(port) || port < 1 || port > 65535)) {
      client.close(1002, 'query parameter "ports" is required')
      return
    }
    ports.forEach((port, at) => {
      const number = new Uint8Array([port & 255, port >> 8])
      this.#send(2 * at, number)
      this.#send(2 * at + 1, number)
      this.#forwards[at] = session.connect(port, {
        data: (data) => this.#send(2 * at, data),
        end: () => undefined,
        closed: (why) => {
          this.#forwards[at] = undefined
          if (why) this.#send(2 * at + 1, new TextEncoder().encode(why))
          if (this.#forwards.every((f) => !f)) client.close(1000)
        },
      })
    })
    client.on('message', (data: Buffer, binary) => {
      const [channel, bytes] = binary && !base64 ? [data[0]!, data.subarray(1)] : [Number(String.fromCharCode(data[0] ?? 0)), Buffer.from(data.subarray(1).toString(), 'base64')]
      if (channel % 2 === 0) this.#forwards[channel / 2]?.send(new Uint8Array(bytes))
    })
    client.on('close', () => {
      for (const forward of this.#forwards) forward?.abort()
    })
  }

  #send(channel: number, data: Uint8Array): void {
    if (this.#client.readyState !== this.#client.OPEN) return
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.length)
    this.#client.send(this.#base64 ? `${channel}${bytes.toString('base64')}` : Buffer.concat([Buffer.of(channel), bytes]), { binary: !this.#base64 })
  }
}
