import { headerOf, type Headers, type MessageHandlers, type ResponseHead } from '../http/message.ts'
import { ERROR, SETTING, type Settings } from './frames.ts'
import { Http2Session, type Http2Stream } from './session.ts'

/** What libcurl with nghttp2 says first. */
export const CURL_SETTINGS: Settings = [[SETTING.maxConcurrentStreams, 100], [SETTING.initialWindowSize, 33_554_432], [SETTING.enablePush, 0]]

export interface Http2Request { method: string; scheme: 'http' | 'https'; target: string; headers: Headers; body?: Uint8Array | undefined }

export interface Http2Answers extends MessageHandlers<ResponseHead> {
  onTrailers?(headers: Headers): void
  /** The stream is over before the answer is whole. */
  onReset?(error: number): void
}

/** Requests over one HTTP/2 connection, with answers told as HTTP/1.1's parser tells them. */
export class Http2Client {
  readonly session: Http2Session
  /** The other side takes no more requests. */
  goingAway = false

  constructor(send: (bytes: Uint8Array) => void, options: { settings?: Settings; window?: number; onSettings?(settings: Settings): void; onGoAway?(error: number, sent: boolean): void } = {}) {
    this.session = new Http2Session({
      client: true, send, ...options,
      onGoAway: (error, sent) => {
        this.goingAway = true
        options.onGoAway?.(error, sent)
      },
    })
  }

  push(data: Uint8Array): void {
    this.session.receive(data)
  }

  request({ method, scheme, target, headers, body }: Http2Request, answers: Http2Answers): Http2Stream {
    let head: ResponseHead | undefined
    const stream = this.session.open(requestHeaders(method, scheme, target, headers), body === undefined, {
      onHeaders: (fields, last) => {
        if (!head || head.status < 200) {
          head = responseHead(fields)
          answers.onHead(head)
          if (head.status < 200 && !last) return answers.onComplete()
        } else answers.onTrailers?.(fields)
        if (last) answers.onComplete()
      },
      onData: (data, last) => {
        if (data.length > 0) answers.onBody(data)
        if (last) answers.onComplete()
      },
      onReset: (error) => answers.onReset?.(error),
    })
    if (body !== undefined) stream.data(body, true)
    return stream
  }

  close(): void {
    this.session.goAway(ERROR.none)
  }
}

/** Headers that are about one HTTP/1.1 connection have no place here (RFC 9113 8.2.2). */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'host', 'http2-settings'])

function requestHeaders(method: string, scheme: string, target: string, headers: Headers): Headers {
  return [
    [':method', method], [':path', target], [':scheme', scheme], [':authority', headerOf(headers, 'host') ?? ''],
    ...headers.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase())).map(([name, value]): [string, string] => [name.toLowerCase(), value]),
  ]
}

function responseHead(fields: Headers): ResponseHead {
  return { kind: 'response', version: '2', status: Number(headerOf(fields, ':status') ?? 0), reason: '', headers: fields.filter(([name]) => !name.startsWith(':')) }
}

/** An answer's headers as HTTP/2 sends them. */
export function responseHeaders(status: number, headers: Headers): Headers {
  return [[':status', String(status)], ...headers.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase())).map(([name, value]): [string, string] => [name.toLowerCase(), value])]
}

