import { reasonOf } from '../http/status.ts'

/** nginx' built-in pages (ngx_http_special_response.c). */
const TITLES: Readonly<Record<number, string>> = { 302: 'Found', 303: 'See Other', 405: 'Not Allowed', 503: 'Service Temporarily Unavailable', 504: 'Gateway Time-out' }

export function title(status: number): string {
  return `${status} ${TITLES[status] ?? reasonOf(status)}`
}

/** Without a version: `server_tokens off`. */
export function specialPage(status: number, version: string | undefined): string {
  const head = title(status)
  return `<html>\r\n<head><title>${head}</title></head>\r\n<body>\r\n<center><h1>${head}</h1></center>\r\n<hr><center>nginx${version === undefined ? '' : `/${version}`}</center>\r\n</body>\r\n</html>\r\n`
}

/** What a client gets that speaks HTTP where TLS is spoken: 497. */
export function plainPage(version: string | undefined): string {
  return `<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n<center>The plain HTTP request was sent to HTTPS port</center>\r\n<hr><center>nginx${version === undefined ? '' : `/${version}`}</center>\r\n</body>\r\n</html>\r\n`
}

/** Of a client without a certificate that is good: 495, or without any: 496. The status is 400. */
export function certificatePage(which: 495 | 496, version: string | undefined): string {
  const words = which === 495 ? 'The SSL certificate error' : 'No required SSL certificate was sent'
  return `<html>\r\n<head><title>400 ${words}</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n<center>${words}</center>\r\n<hr><center>nginx${version === undefined ? '' : `/${version}`}</center>\r\n</body>\r\n</html>\r\n`
}

/** The status line's words, which are not always the page's title; none for a status that nginx has no words for (ngx_http_header_filter_module.c). */
const REASONLESS: ReadonlySet<number> = new Set([418, 426, 431])

export function reason(status: number): string {
  return status === 302 ? 'Moved Temporarily' : status === 408 ? 'Request Time-out' : REASONLESS.has(status) ? '' : title(status).slice(4)
}
