import { Signal, type Process, type Task, type TcpConnection } from '../../engine/cluster.ts'

/** A connection that one of the netcats accepted, and what came of it from its first moment on: it may have to wait for its turn. */
export class Incoming {
  readonly connection: TcpConnection
  readonly #received: Uint8Array[] = []
  readonly #signal = new Signal()
  #ended = false

  constructor(connection: TcpConnection) {
    this.connection = connection
    const end = (): void => {
      this.#ended = true
      this.#signal.notify()
    }
    connection.handlers = {
      onData: (data) => {
        this.#received.push(data)
        this.#signal.notify()
      },
      onEnd: end,
      onClose: end,
    }
  }

  /** Standard input there and what comes here, until the other side ends. `input`: false where nothing is read; `onInputEnd`: after the last of it. */
  *relay(process: Process, { input = true, onInputEnd }: { input?: boolean; onInputEnd?: () => void } = {}): Task {
    const { connection } = this
    const sender = process.spawnThread(
      (function* (): Task {
        for (;;) {
          const data = input ? yield* process.read(0) : null
          if (data === null) break
          connection.send(data)
        }
        onInputEnd?.()
      })(),
    )
    try {
      while (!this.#ended || this.#received.length > 0) {
        const data = this.#received.shift()
        if (data) yield* process.print(data)
        else yield this.#signal.wait
      }
    } finally {
      sender.kill()
      connection.end()
    }
  }
}
