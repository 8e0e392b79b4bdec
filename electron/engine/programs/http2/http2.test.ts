import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import type { Headers } from '../http/message.ts'
import { Http2Client } from './client.ts'
import { PREFACE } from './frames.ts'
import { HpackDecoder, HpackEncoder, HpackError } from './hpack.ts'
import { huffmanDecode, huffmanEncode } from './huffman.ts'
import { Http2Session } from './session.ts'

const hex = (text: string): Uint8Array => Uint8Array.from(text.replaceAll(' ', '').match(/../g)!, (pair) => Number.parseInt(pair, 16))

describe('HPACK', () => {
  it('reads the examples of RFC 7541, C.4 and C.6', () => {
    const requests = new HpackDecoder()
    expect(requests.decode(hex('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff'))).toEqual([[':method', 'GET'], [':scheme', 'http'], [':path', '/'], [':authority', 'www.example.com']])
    expect(requests.decode(hex('8286 84be 5886 a8eb 1064 9cbf'))).toEqual([[':method', 'GET'], [':scheme', 'http'], [':path', '/'], [':authority', 'www.example.com'], ['cache-control', 'no-cache']])
    expect(requests.decode(hex('8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf'))).toEqual([[':method', 'GET'], [':scheme', 'https'], [':path', '/index.html'], [':authority', 'www.example.com'], ['custom-key', 'custom-value']])
  })

  it('writes what its other side reads, block after block', () => {
    const field = fc.tuple(fc.constantFrom(':path', 'server', 'x-a', 'x-b', 'date', 'cookie'), fc.string({ unit: 'binary-ascii', maxLength: 40 }))
    fc.assert(fc.property(fc.array(fc.array(field, { maxLength: 8 }), { maxLength: 12 }), (blocks) => {
      const [encoder, decoder] = [new HpackEncoder(), new HpackDecoder()]
      for (const block of blocks) expect(decoder.decode(encoder.encode(block as Headers))).toEqual(block)
    }))
  })

  it('Huffman’s code goes both ways, and nothing breaks the reader', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      expect(huffmanDecode(huffmanEncode(bytes))).toEqual(bytes)
      try {
        new HpackDecoder().decode(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(HpackError)
      }
    }))
  })
})

describe('a connection', () => {
  /** Both sides at once; bytes arrive in pieces of `size`. */
  function pair(size: number, body: Uint8Array): { client: Http2Client; asked: Headers[] } {
    const toServer: Uint8Array[] = []
    const toClient: Uint8Array[] = []
    const asked: Headers[] = []
    const client = new Http2Client((bytes) => toServer.push(bytes))
    const server = new Http2Session({
      client: false, send: (bytes) => toClient.push(bytes),
      onStream: (stream) => {
        stream.handlers = {
          onHeaders: (headers, last) => {
            asked.push(headers)
            if (!last) return
            stream.headers([[':status', '200'], ['content-type', 'text/plain']], false)
            stream.data(body, false)
            stream.headers([['grpc-status', '0']], true)
          },
        }
      },
    })
    Object.assign(client, {
      run() {
        for (let i = 0; i < 100_000 && toServer.length + toClient.length > 0; i++) {
          for (const [queue, receive] of [[toServer, (b: Uint8Array) => server.receive(b)], [toClient, (b: Uint8Array) => client.push(b)]] as const) {
            const next = queue.shift()
            if (next) for (let at = 0; at < next.length; at += size) receive(next.slice(at, at + size))
          }
        }
      },
    })
    return { client, asked }
  }

  it.each([1, 7, 100_000])('carries a body longer than its windows, and trailers, in pieces of %i', (size) => {
    const body = encodeUtf8('x'.repeat(size === 1 ? 300 : size === 7 ? 70_000 : 200_000))
    const { client, asked } = pair(size, body)
    let [received, status, whole] = [0, 0, false]
    let trailers: Headers = []
    client.request({ method: 'GET', scheme: 'http', target: '/big', headers: [['Host', 'web'], ['Connection', 'close']] }, {
      onHead: (head) => (status = head.status), onBody: (data) => (received += data.length), onComplete: () => (whole = true), onTrailers: (t) => (trailers = t),
    })
    ;(client as unknown as { run(): void }).run()
    expect([status, received, whole, trailers]).toEqual([200, body.length, true, [['grpc-status', '0']]])
    expect(asked).toEqual([[[':method', 'GET'], [':path', '/big'], [':scheme', 'http'], [':authority', 'web']]])
  })

  it('survives anything that arrives', () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), fc.boolean(), (parts, greeted) => {
      let sent = 0
      const session = new Http2Session({ client: false, send: (bytes) => (sent += bytes.length), onStream: (stream) => (stream.handlers = { onHeaders: () => stream.headers([[':status', '200']], true) }) })
      if (greeted) session.receive(PREFACE)
      for (const part of parts) session.receive(part)
      expect(sent).toBeGreaterThan(0)
    }))
  })

  it('ends with GOAWAY when the other side speaks something else', () => {
    let told: number | undefined
    const session = new Http2Session({ client: false, send: () => undefined, onGoAway: (error) => (told = error) })
    session.receive(encodeUtf8('GET / HTTP/1.1\r\n\r\n'))
    expect([told, session.over]).toEqual([1, true])
    expect(decodeUtf8(PREFACE)).toContain('PRI * HTTP/2.0')
  })
})
