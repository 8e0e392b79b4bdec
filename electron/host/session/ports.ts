import { createServer, type Server, type Socket } from 'node:net'
import type { Input, PortResult } from '../../lab/world.ts'

/** Above this a real program waits until its world has caught up, and below it goes on, in bytes. */
const HIGH = 256 * 1024
const LOW = 64 * 1024
/** A real program that does not read what it asked for is cut off, in bytes. */
const UNREAD = 64 * 1024 * 1024

export interface PortsHost {
  /** Everything that comes from outside, so that it is in the session's log. */
  input(input: Input): void
  /** Bytes of a connection that the world has not taken yet. */
  unsent(connection: number): number
}

/**
 * Forwarded ports of the student's real machine: each is a listener on 127.0.0.1 whose connections go on in the
 * simulation. They belong to one world and end with it.
 */
export class RealPorts {
  #host: PortsHost
  #servers = new Map<number, Server>()
  #sockets = new Map<number, { socket: Socket; port: number }>()
  #paused = new Set<number>()
  #closed = false
  /** The number of the next connection; numbers of one world are never used twice. */
  next = 1

  constructor(host: PortsHost) {
    this.#host = host
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
    for (const [id, { socket, port: own }] of this.#sockets) if (own === port) this.#drop(id, socket)
  }

  /** The world is over. */
  closeAll(): void {
    this.#closed = true
    for (const port of this.open) this.close(port)
    for (const [id, { socket }] of this.#sockets) this.#drop(id, socket)
  }

  /** The world has moved on: whoever waited for it may send again. */
  moved(): void {
    for (const id of this.#paused) {
      if (this.#host.unsent(id) > LOW) continue
      this.#paused.delete(id)
      this.#sockets.get(id)?.socket.resume()
    }
  }

  // from the world back to the real program

  data(connection: number, data: Uint8Array): void {
    const socket = this.#sockets.get(connection)?.socket
    if (!socket) return
    socket.write(data)
    if (socket.writableLength > UNREAD) socket.resetAndDestroy()
  }

  end(connection: number): void {
    this.#sockets.get(connection)?.socket.end()
  }

  closed(connection: number): void {
    const socket = this.#sockets.get(connection)?.socket
    this.#forget(connection)
    socket?.destroySoon()
  }

  #input(input: Input): void {
    if (!this.#closed) this.#host.input(input)
  }

  #forget(connection: number): void {
    this.#sockets.delete(connection)
    this.#paused.delete(connection)
  }

  #drop(connection: number, socket: Socket): void {
    this.#forget(connection)
    socket.destroy()
  }

  #listen(port: number, answer: (result: PortResult) => void): void {
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket, (server.address() as { port: number } | null)?.port ?? port))
    server.once('error', (error: NodeJS.ErrnoException) => answer({ error: bindError(error) }))
    server.listen(port, '127.0.0.1', () => {
      const got = (server.address() as { port: number }).port
      // the world may have ended meanwhile
      if (this.#closed) return void server.close()
      this.#servers.set(got, server)
      answer({ port: got })
    })
  }

  #accept(socket: Socket, port: number): void {
    const connection = this.next++
    this.#sockets.set(connection, { socket, port })
    socket.setNoDelay(true)
    this.#input({ kind: 'outside-connect', connection, port })
    socket.on('data', (data) => {
      if (!this.#sockets.has(connection)) return
      this.#input({ kind: 'outside-data', connection, data: new Uint8Array(data) })
      if (this.#host.unsent(connection) <= HIGH) return
      this.#paused.add(connection)
      socket.pause()
    })
    socket.on('end', () => {
      if (this.#sockets.has(connection)) this.#input({ kind: 'outside-end', connection })
    })
    // after an error comes 'close'
    socket.on('error', () => undefined)
    socket.on('close', () => {
      if (!this.#sockets.has(connection)) return
      this.#forget(connection)
      this.#input({ kind: 'outside-abort', connection })
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
