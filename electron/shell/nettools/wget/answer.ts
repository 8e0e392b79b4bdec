import { concatBytes, headerOf, HttpSyntaxError, ResponseParser, type ResponseHead, type Task } from '../../../engine/cluster.ts'
import type { TcpStream } from '../stream.ts'
import type { Session } from './session.ts'

/** An answer that is read as far as somebody wants it. */
export class Answer {
  readonly #session: Session
  readonly #stream: TcpStream
  readonly #parser: ResponseParser
  readonly #chunks: Uint8Array[] = []
  #first = true
  #headless = false
  response: ResponseHead | undefined
  /** It has all arrived. */
  whole = false
  /** What broke the body off. */
  error: string | undefined

  constructor(session: Session, stream: TcpStream, withoutBody: boolean) {
    this.#session = session
    this.#stream = stream
    this.#parser = new ResponseParser({
      onHead: (h) => {
        if (h.status >= 200) this.response = h
      },
      onBody: (data) => void (data.length > 0 && this.#chunks.push(data)),
      onComplete: () => void (this.whole = this.response !== undefined),
    })
    this.#parser.withoutBody = withoutBody
  }

  *head(): Task<{ kind: 'headers' | 'eof'; text: string } | undefined> {
    while (!this.response) {
      const data = yield* this.#read()
      if (data === null) return { kind: 'eof', text: 'No data received.\n' }
      if (!(data instanceof Uint8Array)) return { kind: 'headers', text: `Read error (${data.message}) in headers.\n` }
      try {
        if (this.#beginning(data)) this.#parser.push(data)
      } catch (error) {
        if (!(error instanceof HttpSyntaxError)) throw error
        return { kind: 'headers', text: `${this.#session.options.verbose ? '-1\n' : ''}${this.#session.now()} ERROR -1: Malformed status line.\n` }
      }
    }
    return undefined
  }

  /** What does not begin as HTTP does is a document without a head. */
  #beginning(data: Uint8Array): boolean {
    if (!this.#first || [...'HTTP'].every((c, i) => i >= data.length || data[i] === c.charCodeAt(0))) {
      this.#first = false
      return true
    }
    this.#headless = true
    this.response = { kind: 'response', version: '0.9', status: 200, reason: 'No headers, assuming HTTP/0.9', headers: [] }
    this.#chunks.push(data)
    return false
  }

  /** The next piece of the body; undefined at its end. */
  *next(): Task<Uint8Array | undefined> {
    while (this.#chunks.length === 0) {
      if (this.whole) return undefined
      const data = yield* this.#read()
      if (data === null) {
        this.whole = this.#headless || this.#parser.end()
        return this.#chunks.shift()
      }
      if (!(data instanceof Uint8Array)) {
        this.error = data.message
        return undefined
      }
      try {
        if (this.#headless) return data
        this.#parser.push(data)
      } catch (error) {
        if (!(error instanceof HttpSyntaxError)) throw error
        this.error = 'Success'
        return undefined
      }
    }
    return concatBytes(this.#chunks.splice(0))
  }

  /** Reads a short body that nobody wants; false where it is long, or its end unknown. */
  *skip(most: number): Task<boolean> {
    const length = headerOf(this.response!.headers, 'content-length')
    if (length === undefined ? headerOf(this.response!.headers, 'transfer-encoding') === undefined : Number(length) > most) return false
    for (let seen = 0; seen <= most; ) {
      const chunk = yield* this.next()
      if (!chunk) return this.whole
      seen += chunk.length
    }
    return false
  }

  #read(): Task<Uint8Array | null | { message: string }> {
    const { process, options } = this.#session
    return this.#stream.read(process, options.readTimeout > 0 ? process.clock.now + options.readTimeout : Infinity)
  }
}
