import { concatBytes, decodeUtf8, encodeUtf8 } from '../../text.ts'
import { BsonError, decodeDocument, encodeDocument, type Document } from './bson.ts'

/** MongoDB's wire protocol (its manual, "MongoDB Wire Protocol"): OP_MSG, and OP_QUERY with OP_REPLY for the first hello. */
export const OP = { reply: 1, query: 2004, compressed: 2012, msg: 2013 } as const
const MORE_TO_COME = 2
const CHECKSUM = 1

export interface WireMessage {
  requestId: number
  responseTo: number
  op: number
  /** The command or the reply; documents of an OP_MSG's sequence are in it under their name. */
  body: Document
  /** The sender wants no reply. */
  silent: boolean
}

const LARGEST = 48_000_000

function ints(...values: number[]): Uint8Array {
  const out = new Uint8Array(values.length * 4)
  const view = new DataView(out.buffer)
  values.forEach((v, i) => view.setInt32(i * 4, v, true))
  return out
}

function message(requestId: number, responseTo: number, op: number, body: Uint8Array): Uint8Array {
  return concatBytes([ints(body.length + 16, requestId, responseTo, op), body])
}

export function encodeMsg(requestId: number, responseTo: number, body: Document): Uint8Array {
  return message(requestId, responseTo, OP.msg, concatBytes([ints(0), Uint8Array.of(0), encodeDocument(body)]))
}

/** The form of the first message of a connection: a query of admin.$cmd. */
export function encodeQuery(requestId: number, collection: string, query: Document): Uint8Array {
  return message(requestId, 0, OP.query, concatBytes([ints(0), encodeUtf8(`${collection}\0`), ints(0, -1), encodeDocument(query)]))
}

export function encodeReply(requestId: number, responseTo: number, body: Document): Uint8Array {
  return message(requestId, responseTo, OP.reply, concatBytes([ints(8, 0, 0, 0, 1), encodeDocument(body)]))
}

/** Collects bytes and gives whole messages. Throws {@link BsonError} on what is none. */
export class WireReader {
  #rest: Uint8Array = new Uint8Array(0)

  push(data: Uint8Array): WireMessage[] {
    this.#rest = this.#rest.length === 0 ? data.slice() : concatBytes([this.#rest, data])
    const out: WireMessage[] = []
    while (this.#rest.length >= 16) {
      const view = new DataView(this.#rest.buffer, this.#rest.byteOffset, this.#rest.byteLength)
      const length = view.getInt32(0, true)
      if (length < 16 || length > LARGEST) throw new BsonError(`recv(): message len ${length} is invalid. Min 16 Max: ${LARGEST}`)
      if (this.#rest.length < length) break
      const bytes = this.#rest.subarray(16, length)
      out.push({ requestId: view.getInt32(4, true), responseTo: view.getInt32(8, true), op: view.getInt32(12, true), ...content(view.getInt32(12, true), bytes) })
      this.#rest = this.#rest.subarray(length)
    }
    return out
  }
}

function content(op: number, bytes: Uint8Array): Pick<WireMessage, 'body' | 'silent'> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (op === OP.query) {
    const end = bytes.indexOf(0, 4)
    const name = decodeUtf8(bytes.subarray(4, end))
    const { value } = decodeDocument(bytes, end + 9)
    if (!name.endsWith('.$cmd')) throw new BsonError('Unsupported OP_QUERY command: query. The client driver may require an upgrade.')
    value.set('$db', name.slice(0, -5))
    return { body: value, silent: false }
  }
  if (op === OP.reply) return { body: decodeDocument(bytes, 20).value, silent: false }
  if (op !== OP.msg) throw new BsonError(`podhop: not simulated: MongoDB's operation ${op} (OP_MSG and the first OP_QUERY are)`)
  const flags = view.getUint32(0, true)
  const end = bytes.length - (flags & CHECKSUM ? 4 : 0)
  let body: Document | undefined
  const sequences: [string, Document[]][] = []
  for (let at = 4; at < end;) {
    const kind = bytes[at++]
    if (kind === 0) {
      const part = decodeDocument(bytes, at)
      body = part.value
      at = part.end
    } else if (kind === 1) {
      const stop = at + view.getInt32(at, true)
      const zero = bytes.indexOf(0, at + 4)
      const documents: Document[] = []
      sequences.push([decodeUtf8(bytes.subarray(at + 4, zero)), documents])
      for (at = zero + 1; at < stop;) {
        const part = decodeDocument(bytes, at)
        documents.push(part.value)
        at = part.end
      }
    } else throw new BsonError(`Unknown section kind ${kind}`)
  }
  if (!body) throw new BsonError('OP_MSG has no body section')
  for (const [name, documents] of sequences) body.set(name, documents)
  return { body, silent: (flags & MORE_TO_COME) !== 0 }
}
