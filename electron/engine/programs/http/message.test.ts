import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { HttpSyntaxError, RequestParser, ResponseParser, writeRequest, writeResponse, type Headers } from './message.ts'

interface Parsed { line: string; headers: Headers; body: string; complete: boolean }

function parse(kind: 'request' | 'response', pieces: Uint8Array[]): Parsed[] {
  const out: Parsed[] = []
  const handlers = {
    onHead: (head: { headers: Headers; method?: string; target?: string; status?: number; reason?: string }) =>
      void out.push({ line: head.method ? `${head.method} ${head.target}` : `${head.status} ${head.reason}`, headers: head.headers, body: '', complete: false }),
    onBody: (data: Uint8Array) => void (out.at(-1)!.body += decodeUtf8(data)),
    onComplete: () => void (out.at(-1)!.complete = true),
  }
  const parser = kind === 'request' ? new RequestParser(handlers as never) : new ResponseParser(handlers as never)
  for (const piece of pieces) parser.push(piece)
  parser.end()
  return out
}

const whole = (kind: 'request' | 'response', text: string): Parsed[] => parse(kind, [encodeUtf8(text)])

test('a message is the same however the network cuts it', () => {
  const bytes = encodeUtf8('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: x\r\n\r\nPUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: t\r\n\r\n')
  const expected = parse('request', [bytes])
  expect(expected.map((m) => [m.line, m.body, m.complete])).toEqual([['POST /a', 'hello', true], ['GET /b', '', true], ['PUT /c', 'abcdefg', true]])
  fc.assert(fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (cuts) => {
    const sorted = [0, ...cuts.sort((a, b) => a - b), bytes.length]
    expect(parse('request', sorted.slice(1).map((to, i) => bytes.slice(sorted[i], to)))).toEqual(expected)
  }))
})

test('what is written can be read', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme-ascii' }), (body) => {
    const bytes = encodeUtf8(body)
    const headers: Headers = [['Host', 'x'], ['Content-Length', String(bytes.length)]]
    expect(parse('request', [writeRequest('POST', '/', headers, bytes)])[0]).toMatchObject({ line: 'POST /', headers, body, complete: true })
    expect(parse('response', [writeResponse(200, 'OK', headers, bytes)])[0]).toMatchObject({ line: '200 OK', body, complete: true })
  }))
})

describe('where a body ends', () => {
  test('a response without a length ends with the connection', () => {
    expect(whole('response', 'HTTP/1.1 200 OK\r\n\r\nall of it')[0]).toMatchObject({ body: 'all of it', complete: true })
  })

  test('204 and 304 have none, whatever their headers say', () => {
    expect(whole('response', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx').map((m) => m.body)).toEqual(['', 'x'])
  })
})

test.each(['GET /\r\n\r\n', 'GET / HTTP/3.0\r\n\r\n', 'nonsense\r\n\r\n', 'GET / HTTP/1.1\r\nno colon\r\n\r\n', 'GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'])('%j is no request', (text) => {
  expect(() => whole('request', text)).toThrow(HttpSyntaxError)
})
