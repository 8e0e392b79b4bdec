import { encodeUtf8 } from '../../text.ts'
import type { HttpRequest, HttpResponse } from '../http/server.ts'

/** http_err_msgs of HAProxy's src/http.c, for the statuses that a rule may deny with. */
const PAGES: Readonly<Record<number, [reason: string, text: string]>> = {
  400: ['Bad request', 'Your browser sent an invalid request.'],
  401: ['Unauthorized', 'You need a valid user and password to access this content.'],
  403: ['Forbidden', 'Request forbidden by administrative rules.'],
  404: ['Not Found', 'The resource could not be found.'],
  405: ['Method Not Allowed', 'A request was made of a resource using a request method not supported by that resource'],
  407: ['Unauthorized', 'You need a valid user and password to access this content.'],
  408: ['Request Time-out', "Your browser didn't send a complete request in time."],
  410: ['Gone', 'The resource is no longer available and will not be available again.'],
  413: ['Payload Too Large', 'The request entity exceeds the maximum allowed.'],
  421: ['Misdirected Request', 'Request sent to a non-authoritative server.'],
  422: ['Unprocessable Content', 'The server cannot process the contained instructions.'],
  425: ['Too Early', 'Your browser sent early data.'],
  429: ['Too Many Requests', 'You have sent too many requests in a given amount of time.'],
  500: ['Internal Server Error', 'An internal server error occurred.'],
  501: ['Not Implemented', '.The server does not support the functionality required to fulfill the request.'],
  502: ['Bad Gateway', 'The server returned an invalid or incomplete response.'],
  503: ['Service Unavailable', 'No server is available to handle this request.'],
  504: ['Gateway Time-out', "The server didn't respond in time."],
}

/** What HAProxy has a page for: others it refuses as deny_status. */
export const STATUSES: ReadonlySet<number> = new Set(Object.keys(PAGES).map(Number))

export function page(status: number): HttpResponse {
  const [reason, text] = PAGES[status]!
  const body = encodeUtf8(`<html><body><h1>${status} ${reason}</h1>\n${text}\n</body></html>\n`)
  return { status, reason, headers: [['content-length', String(body.length)], ['cache-control', 'no-cache'], ['content-type', 'text/html']], body }
}

export function errorPage(request: HttpRequest, status: number): HttpResponse {
  const answer = page(status)
  return request.keepAlive ? answer : { ...answer, headers: [...answer.headers, ['connection', 'close']], close: true }
}
