import { concatBytes, encodeUtf8 } from '../../text.ts'

/** HTTP/1.1 messages (RFC 9112): an incremental parser for both sides, and the writer. Latin-1 header text. */
export type Headers = [name: string, value: string][]

export function headerOf(headers: Headers, name: string): string | undefined {
  const lower = name.toLowerCase()
  return headers.find(([n]) => n.toLowerCase() === lower)?.[1]
}

export interface RequestHead { kind: 'request'; method: string; target: string; version: string; headers: Headers }
export interface ResponseHead { kind: 'response'; version: string; status: number; reason: string; headers: Headers }

export interface MessageHandlers<H> {
  onHead(head: H): void
  onBody(data: Uint8Array): void
  onComplete(): void
}

/** What the other side sent is no HTTP message. `status` is what a server answers. */
export class HttpSyntaxError extends Error {
  readonly status: number
  constructor(message: string, status = 400) {
    super(message)
    this.status = status
  }
}

type Framing = { kind: 'none' } | { kind: 'length'; left: number } | { kind: 'chunked'; state: 'size' | 'data' | 'after' | 'trailer'; left: number } | { kind: 'close' }

const MAX_HEAD = 65_536

abstract class MessageParser<H extends RequestHead | ResponseHead> {
  readonly #handlers: MessageHandlers<H>
  #buffer: Uint8Array = new Uint8Array(0)
  #framing: Framing | undefined

  constructor(handlers: MessageHandlers<H>) {
    this.#handlers = handlers
  }

  /** Throws HttpSyntaxError. Calls the handlers for every message that is complete or grows. */
  push(data: Uint8Array): void {
    this.#buffer = this.#buffer.length === 0 ? data : concatBytes([this.#buffer, data])
    while (this.#buffer.length > 0 && this.#step()) continue
  }

  /** The other side has closed. False when a message was cut off. */
  end(): boolean {
    if (this.#framing?.kind === 'close') {
      this.#complete()
      return true
    }
    return this.#framing === undefined && this.#buffer.length === 0
  }

  /** Nothing of a message has arrived yet. */
  get idle(): boolean {
    return this.#framing === undefined && this.#buffer.length === 0
  }

  protected abstract parseStart(line: string): H
  protected abstract framingOf(head: H): Framing
  /** Throws HttpSyntaxError for a byte with which no message begins. */
  protected checkFirst(_byte: number): void {}

  #step(): boolean {
    if (!this.#framing) return this.#head()
    const framing = this.#framing
    switch (framing.kind) {
      case 'none':
        this.#complete()
        return true
      case 'close':
        this.#handlers.onBody(this.#take(this.#buffer.length))
        return false
      case 'length': {
        const data = this.#take(Math.min(framing.left, this.#buffer.length))
        framing.left -= data.length
        this.#handlers.onBody(data)
        if (framing.left === 0) this.#complete()
        return true
      }
      case 'chunked':
        return this.#chunk(framing)
    }
  }

  #chunk(framing: Extract<Framing, { kind: 'chunked' }>): boolean {
    if (framing.state === 'data') {
      const data = this.#take(Math.min(framing.left, this.#buffer.length))
      framing.left -= data.length
      this.#handlers.onBody(data)
      if (framing.left === 0) framing.state = 'after'
      return true
    }
    const line = this.#line()
    if (line === undefined) return false
    if (framing.state === 'after') {
      if (line !== '') throw new HttpSyntaxError('malformed chunk')
      framing.state = 'size'
    } else if (framing.state === 'trailer') {
      if (line === '') this.#complete()
    } else {
      const size = /^([0-9a-fA-F]{1,8})[ \t]*(;.*)?$/.exec(line)
      if (!size) throw new HttpSyntaxError('malformed chunk size')
      framing.left = Number.parseInt(size[1]!, 16)
      framing.state = framing.left === 0 ? 'trailer' : 'data'
    }
    return true
  }

  #head(): boolean {
    // Empty lines before a request are to be ignored (RFC 9112 2.2).
    let start = 0
    while (this.#buffer[start] === 13 || this.#buffer[start] === 10) start++
    if (start > 0) this.#take(start)
    if (this.#buffer.length > 0) this.checkFirst(this.#buffer[0]!)
    const end = endOfHead(this.#buffer)
    if (end === undefined) {
      if (this.#buffer.length > MAX_HEAD) throw new HttpSyntaxError('header too large', 431)
      return false
    }
    const lines = latin1(this.#take(end)).split(/\r?\n/)
    while (lines.at(-1) === '') lines.pop()
    const head = this.parseStart(lines[0] ?? '')
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(':')
      const name = line.slice(0, colon)
      if (colon < 1 || !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) throw new HttpSyntaxError(`invalid header line: ${line}`)
      head.headers.push([name, line.slice(colon + 1).trim()])
    }
    this.#framing = this.framingOf(head)
    this.#handlers.onHead(head)
    const framing = this.#framing
    if (framing.kind === 'none' || (framing.kind === 'length' && framing.left === 0)) this.#complete()
    return true
  }

  #complete(): void {
    this.#framing = undefined
    this.#handlers.onComplete()
  }

  #take(count: number): Uint8Array {
    const out = this.#buffer.subarray(0, count)
    this.#buffer = this.#buffer.subarray(count)
    return out
  }

  #line(): string | undefined {
    const at = this.#buffer.indexOf(10)
    if (at < 0) return undefined
    return latin1(this.#take(at + 1)).replace(/\r?\n$/, '')
  }
}

export class RequestParser extends MessageParser<RequestHead> {
  /** TLS where none is spoken has no end of a line that a server could wait for. */
  protected override checkFirst(byte: number): void {
    if (byte < 0x21 || byte > 0x7e) throw new HttpSyntaxError('malformed request line')
  }

  protected parseStart(line: string): RequestHead {
    const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP\/(1\.[01])$/.exec(line)
    if (!match) throw new HttpSyntaxError('malformed request line', / HTTP\/[2-9]/.test(line) ? 505 : 400)
    return { kind: 'request', method: match[1]!, target: match[2]!, version: match[3]!, headers: [] }
  }

  protected framingOf(head: RequestHead): Framing {
    return framingOf(head.headers) ?? { kind: 'none' }
  }
}

export class ResponseParser extends MessageParser<ResponseHead> {
  /** Set before the answer to a HEAD request arrives: it has no body, whatever its headers say. */
  withoutBody = false
  /** What follows 101 Switching Protocols is its body: for who asked for another protocol without speaking it. */
  bodyAfterSwitch = false

  protected parseStart(line: string): ResponseHead {
    const match = /^HTTP\/(1\.[01]) ([0-9]{3})(?: (.*))?$/.exec(line)
    if (!match) throw new HttpSyntaxError('Received HTTP/0.9 when not allowed')
    return { kind: 'response', version: match[1]!, status: Number(match[2]), reason: match[3] ?? '', headers: [] }
  }

  protected framingOf(head: ResponseHead): Framing {
    if (head.status === 101 && this.bodyAfterSwitch) return { kind: 'close' }
    if (this.withoutBody || head.status < 200 || head.status === 204 || head.status === 304) return { kind: 'none' }
    return framingOf(head.headers) ?? { kind: 'close' }
  }
}

function framingOf(headers: Headers): Framing | undefined {
  const coding = headerOf(headers, 'transfer-encoding')
  if (coding !== undefined && coding.toLowerCase().split(',').at(-1)!.trim() === 'chunked') return { kind: 'chunked', state: 'size', left: 0 }
  const length = headerOf(headers, 'content-length')
  if (length === undefined) return undefined
  if (!/^[0-9]{1,15}$/.test(length)) throw new HttpSyntaxError('invalid Content-Length')
  return { kind: 'length', left: Number(length) }
}

/** Whether the connection stays open after this message (RFC 9112 9.3). */
export function keepsAlive(head: RequestHead | ResponseHead): boolean {
  const options = (headerOf(head.headers, 'connection') ?? '').toLowerCase().split(',').map((o) => o.trim())
  if (options.includes('close')) return false
  return head.version === '1.1' || options.includes('keep-alive')
}

export function writeRequest(method: string, target: string, headers: Headers, body?: Uint8Array, version = '1.1'): Uint8Array {
  return write(`${method} ${target} HTTP/${version}`, headers, body)
}

export function writeResponse(status: number, reason: string, headers: Headers, body?: Uint8Array): Uint8Array {
  return write(`HTTP/1.1 ${status} ${reason}`, headers, body)
}

function write(start: string, headers: Headers, body?: Uint8Array): Uint8Array {
  const head = encodeUtf8(`${start}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
  return body && body.length > 0 ? concatBytes([head, body]) : head
}

function endOfHead(bytes: Uint8Array): number | undefined {
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) {
    if (bytes[at + 1] === 10) return at + 2
    if (bytes[at + 1] === 13 && bytes[at + 2] === 10) return at + 3
  }
  return undefined
}

function latin1(bytes: Uint8Array): string {
  let out = ''
  for (const b of bytes) out += String.fromCharCode(b)
  return out
}
