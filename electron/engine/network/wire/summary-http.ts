/** The lines of a request or an answer, as tcpdump's print-http.c and its txtproto_print find them. */
const METHODS: ReadonlySet<string> = new Set([
  'GET', 'PUT', 'COPY', 'HEAD', 'LOCK', 'MOVE', 'POLL', 'POST', 'BCOPY', 'BMOVE', 'MKCOL', 'TRACE', 'LABEL', 'MERGE', 'DELETE', 'SEARCH',
  'UNLOCK', 'REPORT', 'UPDATE', 'NOTIFY', 'BDELETE', 'CONNECT', 'OPTIONS', 'CHECKIN', 'PROPFIND', 'CHECKOUT', 'CCM_POST', 'SUBSCRIBE',
  'PROPPATCH', 'BPROPFIND', 'BPROPPATCH', 'UNCHECKOUT', 'MKACTIVITY', 'MKWORKSPACE', 'UNSUBSCRIBE', 'RPC_CONNECT', 'VERSION-CONTROL',
  'BASELINE-CONTROL',
])
const LONGEST_TOKEN = 127

/** The first line; with -v every line until one that is not text. */
export function summariseHttp(data: Uint8Array, verbose = 0): string {
  if (!begins(data)) return 'HTTP'
  if (verbose === 0) return `HTTP${line(data, 0, ': ').text}`
  let out = `HTTP, length: ${data.length}`
  for (let at = 0; at < data.length;) {
    const { text, next } = line(data, at, '\n\t')
    out += text
    if (next === 0) break
    at = next
  }
  return out
}

function begins(data: Uint8Array): boolean {
  const first = token(data, 0)
  if (first === undefined) return false
  return METHODS.has(first.text.toUpperCase()) || /^\d{3}$/.test(token(data, first.next)?.text ?? '')
}

function token(data: Uint8Array, from: number): { text: string; next: number } | undefined {
  let text = ''
  let at = from
  for (; at < data.length; at++) {
    const byte = data[at]!
    if (byte === 32 || (byte >= 9 && byte <= 13)) break
    if (byte < 32 || byte > 126 || text.length === LONGEST_TOKEN) return undefined
    text += String.fromCharCode(byte)
  }
  while (data[at] === 32) at++
  return text === '' ? undefined : { text, next: at }
}

/** `next` is 0 where the text ends. */
function line(data: Uint8Array, from: number, prefix: string): { text: string; next: number } {
  let text = prefix
  for (let at = from; at < data.length; at++) {
    const byte = data[at]!
    if (byte === 10) return { text, next: at + 1 }
    if (byte === 13) return data[at + 1] === 10 ? { text, next: at + 2 } : { text: '', next: 0 }
    if (byte !== 9 && (byte < 32 || byte > 126)) return { text: '', next: 0 }
    text += String.fromCharCode(byte)
  }
  return { text: `${text} [|http]`, next: 0 }
}
