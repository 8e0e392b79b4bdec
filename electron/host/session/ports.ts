import { createServer, type Server, type Socket } from 'node:net'
import type { Input } from '../../lab/world.ts'

/**
 * Forwarded ports of the student's real machine: each is a listener on 127.0.0.1 whose connections go on in the
 * simulation. Everything that comes from outside goes through `input`, so that it is in the session's log.
 */
export class RealPorts {
  #input: (input: Input) => void
  #servers = new Map<number, Server>()
  #sockets = new Map<number, Socket>()
  /** The number of the next connection; numbers of one world are never used twice. */
  next = 1

  constructor(input: (input: Input) => void) {
    this.#input = input
  }

  get open(): number[] {
    return [...this.#servers.keys()]
  }

  listen(request: number, port: number): void {
    this.#listen(port, (result) => this.#input({ kind: 'port-answer', request, result }))
  }

  /** After a replay: the ports that are open in the world become real again. Resolves to an error's text. */
  reopen(port: number): Promise<string | undefined> {
    return new Promise((resolve) => this.#listen(port, (result) => resolve('error' in result ? result.error : undefined)))
  }

  close(port: number): void {
    this.#servers.get(port)?.close()
    this.#servers.delete(port)
    for (const [id, socket] of this.#sockets) {
      if (socket.localPort !== port) continue
      this.#sockets.delete(id)
      socket.destroy()
    }
  }

  closeAll(): void {
    for (const port of this.open) this.close(port)
  }

  // from the world back to the real program

  data(connection: number, data: Uint8Array): void {
    this.#sockets.get(connection)?.write(data)
  }

  end(connection: number): void {
    this.#sockets.get(connection)?.end()
  }

  closed(connection: number): void {
    const socket = this.#sockets.get(connection)
    this.#sockets.delete(connection)
    socket?.destroySoon()
  }

  #listen(port: number, answer: (result: { port: number } | { error: string }) => void): void {
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket, port === 0 ? (server.address() as { port: number }).port : port))
    server.once('error', (error: NodeJS.ErrnoException) => answer({ error: bindError(error) }))
    server.listen(port, '127.0.0.1', () => {
      const got = (server.address() as { port: number }).port
      this.#servers.set(got, server)
      answer({ port: got })
    })
  }

  #accept(socket: Socket, port: number): void {
    const connection = this.next++
    this.#sockets.set(connection, socket)
    socket.setNoDelay(true)
    this.#input({ kind: 'outside-connect', connection, port })
    socket.on('data', (data) => this.#input({ kind: 'outside-data', connection, data: new Uint8Array(data) }))
    socket.on('end', () => this.#input({ kind: 'outside-end', connection }))
    socket.on('error', () => this.#input({ kind: 'outside-abort', connection }))
    socket.on('close', (hadError) => {
      if (this.#sockets.delete(connection) && !hadError) this.#input({ kind: 'outside-abort', connection })
    })
  }
}

/** As Go's net package words it, which is what kubectl prints. */
function bindError(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE': return 'bind: address already in use'
    case 'EACCES': return 'bind: permission denied'
    default: return `bind: ${error.message}`
  }
}
