import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib'

/** Header blocks of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00, 2.6.10): name and value pairs in one zlib stream a direction. */
export type HeaderBlock = readonly (readonly [name: string, value: string])[]

/** The words that both sides know before the first byte, each with its length before it; then text without. */
const WORDS = `options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization
cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range content-type
date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards
pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning
www-authenticate method get status`.split(/\s+/)
const MORE_WORDS = ['200 OK', 'version', 'HTTP/1.1', 'url', 'public', 'set-cookie', 'keep-alive', 'origin']
const TAIL = '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505'
  + '203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found'
  + '500 Internal Server Error501 Not Implemented503 Service Unavailable'
  + 'Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT'
  + 'chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age='
  + 'gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.'

function measured(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

export const DICTIONARY = Buffer.concat([...[...WORDS, ...MORE_WORDS].map(measured), Buffer.from(TAIL, 'latin1')])

/** A header block after decompression may not be longer than this, in bytes. */
const MAX_BLOCK = 64 * 1024

/** One connection's two zlib streams. Blocks must be given in the order of their frames, one after the other. */
export class HeaderCodec {
  readonly #inflate: Inflate = createInflate({ dictionary: DICTIONARY, finishFlush: constants.Z_SYNC_FLUSH })
  readonly #deflate: Deflate = createDeflate({ dictionary: DICTIONARY, level: 1, flush: constants.Z_SYNC_FLUSH })
  #inflated: Buffer[] = []
  #deflated: Buffer[] = []

  constructor() {
    this.#inflate.on('data', (chunk: Buffer) => this.#inflated.push(chunk))
    this.#deflate.on('data', (chunk: Buffer) => this.#deflated.push(chunk))
    // who writes is told
    this.#inflate.on('error', () => undefined)
    this.#deflate.on('error', () => undefined)
  }

  /** Rejects when the block is no header block. */
  async decode(block: Buffer): Promise<HeaderBlock> {
    await written(this.#inflate, block)
    const bytes = Buffer.concat(this.#inflated)
    this.#inflated = []
    if (bytes.length > MAX_BLOCK) throw new RangeError('a header block that is too long')
    return parseBlock(bytes)
  }

  async encode(headers: HeaderBlock): Promise<Buffer> {
    const count = Buffer.alloc(4)
    count.writeUInt32BE(headers.length)
    const block = Buffer.concat([count, ...headers.flatMap(([name, value]) => [measured(name.toLowerCase()), measured(value)])])
    await written(this.#deflate, block)
    const bytes = Buffer.concat(this.#deflated)
    this.#deflated = []
    return bytes
  }

  close(): void {
    this.#inflate.close()
    this.#deflate.close()
  }
}

/** zlib does not call back the write that it stumbles over. */
function written(stream: Inflate | Deflate, block: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('error', reject)
    stream.write(block, (error) => {
      stream.off('error', reject)
      if (error) reject(error)
      else resolve()
    })
  })
}

function parseBlock(bytes: Buffer): HeaderBlock {
  let at = 0
  const number = (): number => {
    const value = bytes.readUInt32BE(at)
    at += 4
    return value
  }
  const text = (): string => {
    const length = number()
    if (at + length > bytes.length) throw new RangeError('a header block that is cut off')
    at += length
    return bytes.toString('latin1', at - length, at)
  }
  const count = number()
  const headers: [string, string][] = []
  for (let i = 0; i < count; i++) headers.push([text(), text()])
  return headers
}
