import type { Clock } from '../../clock.ts'
import type { TcpConnection } from '../../network/types.ts'
import { MESSAGE, MessageReader, readClientHello, RECORD, RecordReader, type ClientHello } from './wire.ts'

/**
 * Looks at what a client says first, without answering: nginx' ssl_preread, HAProxy's req.ssl_hello_type, Traefik's
 * clientHelloInfo. `done` hears of the TLS client hello, or of none where the client speaks something else, ends, or is
 * silent for `timeout` ms; whoever takes the connection then sets its handlers and calls `replay`, which tells them
 * what has come so far. `gone`: the client has broken the connection.
 */
export function preread(connection: TcpConnection, clock: Clock, timeout: number, done: (hello: ClientHello | undefined, replay: () => void) => void, gone: () => void = () => undefined): void {
  const records = new RecordReader()
  const messages = new MessageReader()
  const waiting: Uint8Array[] = []
  let ended = false
  let over = false
  const finish = (hello: ClientHello | undefined): void => {
    if (over) return
    over = true
    clock.cancel(timer)
    done(hello, () => {
      for (const data of waiting.splice(0)) connection.handlers.onData?.(data)
      if (ended) connection.handlers.onEnd?.()
    })
  }
  const timer = clock.schedule(timeout, () => finish(undefined), { background: true })
  connection.handlers = {
    onData: (data) => {
      waiting.push(data.slice())
      if (over) return
      records.push(data)
      for (let read = records.next(); read !== undefined; read = records.next()) {
        if (read === 'bad' || read.type !== RECORD.handshake) return finish(undefined)
        messages.push(read.data)
        const hello = messages.next()
        if (hello) return finish(hello.type === MESSAGE.clientHello ? readClientHello(hello.body) : undefined)
      }
    },
    onEnd: () => {
      ended = true
      finish(undefined)
    },
    onClose: () => {
      if (over) return
      over = true
      clock.cancel(timer)
      gone()
    },
  }
}
