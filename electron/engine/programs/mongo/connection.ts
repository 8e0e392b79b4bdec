import { decodeBase64, encodeBase64 } from '../../kubernetes/base64.ts'
import { resolveHost } from '../../dns/resolver.ts'
import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { isValidIp, joinHostPort } from '../../network/address.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { clientProof, saltedPassword } from '../scram.ts'
import { TcpStream } from '../stream.ts'
import { Binary, BsonError, doc, type Document } from './bson.ts'
import { encodeMsg, encodeQuery, WireReader, type WireMessage } from './protocol.ts'
import { isDocument, toNumber } from './values.ts'
import { ScriptError } from './script/values.ts'

/** A shell's connection to one server. The real driver holds a second one that watches the server; this one has no need. */
export interface Place { host: string; port: number; user: string | undefined; password: string | undefined; authDatabase: string; application: string; timeout: number }

const DRIVER = '6.16.0'

export class MongoConnection {
  readonly #process: Process
  readonly #stream: TcpStream
  readonly #reader = new WireReader()
  readonly #place: Place
  readonly #waiting: WireMessage[] = []
  #nextRequest = 1

  private constructor(process: Process, stream: TcpStream, place: Place) {
    this.#process = process
    this.#stream = stream
    this.#place = place
  }

  /** Throws {@link ScriptError} with the driver's words. */
  static *open(process: Process, place: Place, shell: string): Task<MongoConnection> {
    let address = place.host === 'localhost' ? '127.0.0.1' : place.host
    if (!isValidIp(address)) {
      const found = yield* resolveHost(process, place.host)
      if ('error' in found) throw new ScriptError('MongoNetworkError', `getaddrinfo ${found.error === 'EAI_AGAIN' ? 'EAI_AGAIN' : 'ENOTFOUND'} ${place.host}`)
      address = found.addresses[0]!
    }
    const stream = yield* TcpStream.open(process, address, place.port, { timeout: place.timeout })
    if (!(stream instanceof TcpStream)) {
      if (stream.gaveUp) throw new ScriptError('MongoServerSelectionError', `Server selection timed out after ${place.timeout} ms`)
      throw new ScriptError('MongoNetworkError', `connect ${stream.code} ${joinHostPort(address, place.port)}`)
    }
    const connection = new MongoConnection(process, stream, place)
    yield* connection.#handshake(shell)
    if (place.user !== undefined) yield* connection.authenticate(place.user, place.password ?? '', place.authDatabase)
    return connection
  }

  *#handshake(shell: string): Task {
    const client = doc(
      ['application', doc(['name', this.#place.application])], ['driver', doc(['name', 'nodejs|mongosh'], ['version', `${DRIVER}|${shell}`])],
      ['platform', 'Node.js v20.19.1, LE'], ['os', doc(['name', 'linux'], ['architecture', 'x64'], ['version', '3.10.0-327.22.2.el7.x86_64'], ['type', 'Linux'])],
    )
    this.#stream.write(encodeQuery(this.#nextRequest, 'admin.$cmd', doc(['ismaster', 1], ['helloOk', true], ['client', client], ['compression', ['none']])))
    yield* this.#reply(this.#nextRequest++)
  }

  /** A command's reply; throws MongoServerError when it is none of success. */
  *run(database: string, command: Document): Task<Document> {
    const id = this.#nextRequest++
    this.#stream.write(encodeMsg(id, 0, new Map([...command, ['$db', database]])))
    const reply = yield* this.#reply(id)
    if (toNumber(reply.get('ok')) === 1) return reply
    const code = typeof reply.get('codeName') === 'string' ? `[${reply.get('codeName') as string}]` : ''
    const text = String(reply.get('errmsg'))
    throw new ScriptError(text.startsWith('podhop: ') ? 'podhop' : `MongoServerError${code}`, text.replace(/^podhop: /, ''), new Map([...reply, ['name', 'MongoServerError'], ['message', text]]))
  }

  *#reply(id: number): Task<Document> {
    for (;;) {
      const at = this.#waiting.findIndex((m) => m.responseTo === id)
      if (at >= 0) return this.#waiting.splice(at, 1)[0]!.body
      const data = yield* this.#stream.read(this.#process)
      if (!(data instanceof Uint8Array)) {
        const { remoteAddress, remotePort } = this.#stream.connection
        throw new ScriptError('MongoNetworkError', data === null ? `connection ${1} to ${joinHostPort(remoteAddress, remotePort)} closed` : `read ${data.code}`)
      }
      try {
        this.#waiting.push(...this.#reader.push(data))
      } catch (error) {
        if (!(error instanceof BsonError)) throw error
        throw new ScriptError('MongoParseError', `Invalid message: ${error.message}`)
      }
    }
  }

  *authenticate(user: string, password: string, database: string): Task {
    const nonce = this.#process.clock.random.hex(32)
    const bare = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
    const first = yield* this.run(database, doc(['saslStart', 1], ['mechanism', 'SCRAM-SHA-256'], ['payload', new Binary(encodeUtf8(`n,,${bare}`))], ['autoAuthorize', 1], ['options', doc(['skipEmptyExchange', true])]))
    const payload = first.get('payload')
    const text = payload instanceof Binary ? decodeUtf8(payload.bytes) : ''
    const [, all = '', salt = '', rounds = '0'] = /^r=(.*),s=(.*),i=(\d+)$/.exec(text) ?? []
    const bytes = decodeBase64(salt)
    if (typeof bytes === 'number' || Number(rounds) < 4096 || Number(rounds) > 100_000) throw new ScriptError('MongoRuntimeError', `Server returned an invalid iteration count ${rounds}`)
    const last = `c=biws,r=${all}`
    const proof = clientProof(saltedPassword(password, bytes, Number(rounds)), `${bare},${text},${last}`)
    yield* this.run(database, doc(['saslContinue', 1], ['conversationId', first.get('conversationId') ?? 1], ['payload', new Binary(encodeUtf8(`${last},p=${encodeBase64(proof)}`))]))
  }

  close(): void {
    this.#stream.close()
  }
}

/** The documents of a cursor's first reply, or of a later one. */
export function batchOf(reply: Document): { documents: Document[]; id: bigint; namespace: string } {
  const cursor = reply.get('cursor')
  if (!isDocument(cursor ?? null)) return { documents: [], id: 0n, namespace: '' }
  const c = cursor as Document
  return { documents: ((c.get('firstBatch') ?? c.get('nextBatch') ?? []) as Document[]), id: BigInt(toNumber(c.get('id')) === 0 ? 0 : (c.get('id') as bigint)), namespace: String(c.get('ns')) }
}
