import { resolveHost } from '../../dns/resolver.ts'
import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { isValidIp } from '../../network/address.ts'
import { concatBytes, decodeUtf8 } from '../../text.ts'
import { TcpStream } from '../stream.ts'
import { encodeCommand, RespReader, type Reply } from './protocol.ts'
import { readRdb } from './rdb.ts'
import type { RedisStore } from './store.ts'

/** A replica's side of replication (replication.c): its state, and the link that it keeps up. */
export interface ReplicaState { host: string; port: number; up: boolean; offset: number; last: number }

interface Host {
  process: Process
  store: RedisStore
  port: number
  password: () => string
  log: (mark: string, text: string) => void
  /** A write that the master passes on. */
  apply: (words: string[]) => void
}

const RETRY = 1000
/** How often it tells how far it is; the real one does each second. */
const ACKNOWLEDGE = 10_000

/** Bytes as they come, taken by line or by number. */
class Incoming {
  #bytes: Uint8Array = new Uint8Array(0)
  readonly #stream: TcpStream
  readonly #process: Process

  constructor(process: Process, stream: TcpStream) {
    this.#process = process
    this.#stream = stream
  }

  *#more(): Task<boolean> {
    const data = yield* this.#stream.read(this.#process)
    if (!(data instanceof Uint8Array)) return false
    this.#bytes = concatBytes([this.#bytes, data])
    return true
  }

  *line(): Task<string | undefined> {
    for (;;) {
      const end = this.#bytes.indexOf(10)
      if (end >= 0) {
        const text = decodeUtf8(this.#bytes.subarray(0, end)).replace(/\r$/, '')
        this.#bytes = this.#bytes.subarray(end + 1)
        // what keeps the connection alive while the master saves
        if (text !== '') return text
      } else if (!(yield* this.#more())) return undefined
    }
  }

  *take(count: number): Task<Uint8Array | undefined> {
    while (this.#bytes.length < count) if (!(yield* this.#more())) return undefined
    const bytes = this.#bytes.slice(0, count)
    this.#bytes = this.#bytes.subarray(count)
    return bytes
  }

  /** Whatever is there, or comes next. */
  *rest(): Task<Uint8Array | undefined> {
    if (this.#bytes.length === 0 && !(yield* this.#more())) return undefined
    const bytes = this.#bytes
    this.#bytes = new Uint8Array(0)
    return bytes
  }
}

/** Connects, asks for everything, and goes on with what is written; again and again until `wanted` says no. */
export function* replicate(host: Host, state: ReplicaState, wanted: () => boolean): Task {
  const { process, log } = host
  while (wanted()) {
    log('*', `Connecting to MASTER ${state.host}:${state.port}`)
    const problem = yield* follow(host, state, wanted)
    state.up = false
    if (!wanted()) return
    if (problem !== undefined) log('#', problem)
    yield* process.sleep(RETRY)
  }
}

/** What ended it. */
function* follow({ process, store, port, password, log, apply }: Host, state: ReplicaState, wanted: () => boolean): Task<string | undefined> {
  let address = state.host
  if (!isValidIp(address)) {
    const found = yield* resolveHost(process, address)
    if ('error' in found) return `Unable to connect to MASTER: ${found.message}`
    address = found.addresses[0]!
  }
  log('*', 'MASTER <-> REPLICA sync started')
  const stream = yield* TcpStream.open(process, address, state.port, { timeout: 60_000 })
  if (!(stream instanceof TcpStream)) return `Error condition on socket for SYNC: ${stream.message}`
  const incoming = new Incoming(process, stream)
  const say = function* (...words: string[]): Task<string | undefined> {
    stream.write(encodeCommand(words))
    return yield* incoming.line()
  }
  const ended = (text: string): string => {
    stream.close()
    return text
  }
  log('*', 'Non blocking connect for SYNC fired the event.')
  const pong = yield* say('PING')
  if (pong === undefined || (!pong.startsWith('+') && !/^-NOAUTH|^-NOPERM/.test(pong))) return ended(`Error reply to PING from master: '${pong ?? ''}'`)
  log('*', 'Master replied to PING, replication can continue...')
  if (password() !== '') {
    const answer = yield* say('AUTH', password())
    if (!answer?.startsWith('+')) return ended(`Unable to AUTH to MASTER: ${answer ?? ''}`)
  }
  yield* say('REPLCONF', 'listening-port', String(port))
  yield* say('REPLCONF', 'capa', 'eof', 'capa', 'psync2')
  log('*', 'Partial resynchronization not possible (no cached master)')
  const answer = yield* say('PSYNC', '?', '-1')
  const [, id = '', offset = '0'] = /^\+FULLRESYNC (\S+) (\d+)$/.exec(answer ?? '') ?? []
  if (id === '') return ended(`Unexpected reply to PSYNC from master: ${answer ?? ''}`)
  log('*', `Full resync from master: ${id}:${offset}`)
  const size = Number((yield* incoming.line())?.slice(1))
  const dump = Number.isInteger(size) ? yield* incoming.take(size) : undefined
  if (!dump) return ended('I/O error trying to sync with MASTER: connection lost')
  log('*', `MASTER <-> REPLICA sync: receiving ${size} bytes from master`)
  log('*', 'MASTER <-> REPLICA sync: Flushing old data')
  log('*', 'MASTER <-> REPLICA sync: Loading DB in memory')
  readRdb(dump, store, process.clock.wall() - process.clock.now)
  log('*', 'MASTER <-> REPLICA sync: Finished with success')
  Object.assign(state, { up: true, offset: Number(offset), last: process.clock.now })
  const ticking = process.spawnThread((function* (): Task {
    for (;;) {
      stream.write(encodeCommand(['REPLCONF', 'ACK', String(state.offset)]))
      yield* process.sleep(ACKNOWLEDGE)
    }
  })())
  const reader = new RespReader()
  for (;;) {
    const data = yield* incoming.rest()
    if (!data || !wanted()) {
      ticking.kill()
      return ended('Connection with master lost.')
    }
    state.offset += data.length
    state.last = process.clock.now
    for (const value of reader.push(data)) if (Array.isArray(value)) apply((value as Reply[]).map(String))
  }
}
