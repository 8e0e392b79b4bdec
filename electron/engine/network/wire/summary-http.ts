/** The first line of a request or an answer, as tcpdump's print-http.c finds it. */
const METHODS: ReadonlySet<string> = new Set([
  'GET', 'PUT', 'COPY', 'HEAD', 'LOCK', 'MOVE', 'POLL', 'POST', 'BCOPY', 'BMOVE', 'MKCOL', 'TRACE', 'LABEL', 'MERGE', 'DELETE', 'SEARCH',
  'UNLOCK', 'REPORT', 'UPDATE', 'NOTIFY', 'BDELETE', 'CONNECT', 'OPTIONS', 'CHECKIN', 'PROPFIND', 'CHECKOUT', 'CCM_POST', 'SUBSCRIBE',
  'PROPPATCH', 'BPROPFIND', 'BPROPPATCH', 'UNCHECKOUT', 'MKACTIVITY', 'MKWORKSPACE', 'UNSUBSCRIBE', 'RPC_CONNECT', 'VERSION-CONTROL',
  'BASELINE-CONTROL',
])

export function summariseHttp(data: Uint8Array): string {
  let line = ''
  for (const b of data) {
    if (b === 10) {
      if (line.endsWith('\r')) line = line.slice(0, -1)
      const [first, second] = line.split(' ')
      const speaks = METHODS.has((first ?? '').toUpperCase()) || /^\d{3}$/.test(second ?? '')
      return speaks && /^[\t\x20-\x7e]*$/.test(line) ? `HTTP: ${line}` : 'HTTP'
    }
    line += String.fromCharCode(b)
  }
  return 'HTTP'
}
