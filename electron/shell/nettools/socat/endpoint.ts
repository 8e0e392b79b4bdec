import type { Process, Task, TcpConnection } from '../../../engine/cluster.ts'
import { Signal } from '../../../engine/cluster.ts'
import { createPipe } from '../../../engine/machine/pipe.ts'
import type { OpenFile } from '../../../engine/machine/types.ts'

/** One of the two sides between which socat carries bytes. */
export interface Endpoint {
  /** The next bytes; null at the end. Throws Broken. */
  read(): Task<Uint8Array | null>
  write(data: Uint8Array): Task
  /** No more will be written (shutdown(2)). */
  end(): void
  close(): void
  /** As "starting data transfer loop" numbers it. */
  fds: string
  /** What "is at EOF" says of it. */
  fd: number
}

/** Read or written no more: the text of errno. */
export class Broken extends Error {}
/** The whole message. */
export class ChildFailed extends Broken {}

/** What has arrived and waits to be read. */
class Inbox {
  readonly #received: Uint8Array[] = []
  readonly #signal = new Signal()
  #over = false
  #error: string | undefined

  push(data: Uint8Array): void {
    this.#received.push(data)
    this.#signal.notify()
  }

  end(error?: string): void {
    this.#over = true
    this.#error ??= error
    this.#signal.notify()
  }

  *take(): Task<Uint8Array | null> {
    for (;;) {
      const data = this.#received.shift()
      if (data) return data
      if (this.#error !== undefined) throw new Broken(this.#error)
      if (this.#over) return null
      yield this.#signal.wait
    }
  }
}

/** Files of the process, or of a child. `only`: one that is written or read alone. */
export function fileEnd(reader: OpenFile | undefined, writer: OpenFile | undefined, fds: string, fd: number, owns: boolean): Endpoint {
  let ended = false
  const end = (): void => {
    if (ended || !owns) return
    ended = true
    writer?.release()
  }
  return {
    fds, fd, end,
    *read() {
      return reader ? yield* reader.read() : null
    },
    *write(data) {
      if (!ended) yield* writer?.write(data) ?? none()
    },
    close: () => {
      end()
      if (owns) reader?.release()
    },
  }
}

function* none(): Task {
  yield* []
}

export function streamEnd(connection: TcpConnection, fd: number): Endpoint {
  const inbox = new Inbox()
  let closed = false
  connection.handlers = {
    onData: (data) => inbox.push(data),
    onEnd: () => inbox.end(),
    onClose: (error) => {
      closed = true
      inbox.end(error?.message)
    },
  }
  const end = (): void => {
    if (!closed) connection.end()
  }
  return {
    fds: `${fd},${fd}`, fd, end, close: end,
    read: () => inbox.take(),
    *write(data) {
      yield* []
      if (!closed) connection.send(data)
    },
  }
}

/** Datagrams to and from one peer. */
export interface DatagramEnd extends Endpoint {
  arrived(data: Uint8Array): void
  failed(message: string): void
  /** No more will come. */
  over(): void
}

export function datagramEnd(send: (data: Uint8Array) => void, close: () => void, fd: number): DatagramEnd {
  const inbox = new Inbox()
  return {
    fds: `${fd},${fd}`, fd, close,
    arrived: (data) => inbox.push(data),
    failed: (message) => inbox.end(message),
    over: () => inbox.end(),
    end: () => undefined,
    read: () => inbox.take(),
    *write(data) {
      yield* []
      send(data)
    },
  }
}

/** PIPE: what is written there comes back. */
export function echoEnd(process: Process): Endpoint {
  const { reader, writer } = createPipe(process.clock)
  return fileEnd(reader, writer, '5,6', 5, true)
}
