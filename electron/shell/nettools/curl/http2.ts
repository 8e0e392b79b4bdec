import { CURL_SETTINGS, Http2Client, type Headers, type ResponseHead, type Task } from '../../../engine/cluster.ts'
import type { TcpStream } from '../stream.ts'
import type { Request } from './request.ts'
import type { CurlError } from './transfer.ts'
import type { CurlUrl } from './url.ts'
import type { Verbose } from './verbose.ts'

/** curl's side of HTTP/2, as 7.88.1 with nghttp2 1.52 tells of it (lib/http2.c). */
const WINDOW = 33_488_897
/** RFC 9113 7, as nghttp2_http2_strerror names them. */
const ERRORS = ['NO_ERROR', 'PROTOCOL_ERROR', 'INTERNAL_ERROR', 'FLOW_CONTROL_ERROR', 'SETTINGS_TIMEOUT', 'STREAM_CLOSED', 'FRAME_SIZE_ERROR', 'REFUSED_STREAM', 'CANCEL', 'COMPRESSION_ERROR', 'CONNECT_ERROR', 'ENHANCE_YOUR_CALM', 'INADEQUATE_SECURITY', 'HTTP_1_1_REQUIRED']
const REFUSED = 7

interface Answers { onHead(head: ResponseHead): void; onBody(data: Uint8Array): void; onComplete(): void; onTrailers(headers: Headers): void }

/** One request on a connection: reads as HTTP/1.1's parser does. */
export interface Http2Exchange {
  /** As -v shows them: Host first, names in lower case. */
  readonly headers: Headers
  /** Why there will be no answer. */
  readonly problem: CurlError | undefined
  /** Whether the connection takes another request. */
  readonly keeps: boolean
  follow(answers: Answers): void
  push(data: Uint8Array): void
  end(): boolean
}

export function beginHttp2(stream: TcpStream): Http2Client {
  return new Http2Client((bytes) => stream.write(bytes), { settings: CURL_SETTINGS, window: WINDOW })
}

/** Sends the request. `streamed`: the body's length is not known before. */
export function* exchangeHttp2(client: Http2Client, url: CurlUrl, { method, target, headers, body }: Request, streamed: boolean, verbose: Verbose): Task<Http2Exchange> {
  const own = headers.filter(([name]) => !/^(connection|upgrade|http2-settings|transfer-encoding|keep-alive|proxy-connection)$/i.test(name) && !(streamed && name === 'Content-Length'))
  const lower = own.filter(([name]) => name !== 'Host').map(([name, value]): [string, string] => [name.toLowerCase(), value])
  const host = own.find(([name]) => name === 'Host')?.[1] ?? url.host
  for (const [name, value] of [[':method', method], [':path', target], [':scheme', url.scheme], [':authority', host], ...lower]) verbose.add(`h2h3 [${name}: ${value}]`)
  let answers: Answers | undefined
  let problem: CurlError | undefined
  const id = client.session.next
  yield* verbose.note(`Using Stream ID: ${id} (easy handle 0x5581c7e0b2b0)`)
  client.request({ method, scheme: url.scheme, target, headers: own, body }, {
    onHead: (head) => answers?.onHead(head),
    onBody: (data) => answers?.onBody(data),
    onComplete: () => answers?.onComplete(),
    onTrailers: (trailers) => answers?.onTrailers(trailers),
    onReset: (error) => (problem = resetError(id, error)),
  })
  return {
    headers: [['Host', host], ...lower],
    get problem() {
      return problem
    },
    get keeps() {
      return !client.goingAway && !client.session.over
    },
    follow: (to) => (answers = to),
    push(data) {
      // the first frame of a server is SETTINGS, or it does not speak HTTP/2
      if (client.session.fresh && data[3] !== 4) problem = { code: 52, text: 'Empty reply from server' }
      if (!problem) client.push(data)
    },
    end: () => false,
  }
}

function resetError(stream: number, error: number): CurlError {
  if (error === REFUSED) return { code: 18, text: `HTTP/2 stream ${stream} was not closed cleanly before end of the underlying stream` }
  return { code: 92, text: `HTTP/2 stream ${stream} was not closed cleanly: ${ERRORS[error] ?? 'unknown'} (err ${error})` }
}
