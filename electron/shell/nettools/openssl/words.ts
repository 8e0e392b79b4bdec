/** Words that openssl and the tools built on it share. */
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** "Jan  5 08:00:00 2026 GMT". `wall`: ms since 1970. */
export function opensslDate(wall: number): string {
  const d = new Date(wall)
  const time = [d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()].map((n) => String(n).padStart(2, '0')).join(':')
  return `${MONTHS[d.getUTCMonth()]} ${String(d.getUTCDate()).padStart(2)} ${time} ${d.getUTCFullYear()} GMT`
}

const REASONS: Readonly<Record<number, string>> = {
  10: 'sslv3 alert unexpected message', 40: 'sslv3 alert handshake failure', 42: 'sslv3 alert bad certificate', 43: 'sslv3 alert unsupported certificate', 45: 'sslv3 alert certificate expired', 46: 'sslv3 alert certificate unknown', 48: 'tlsv1 alert unknown ca', 50: 'tlsv1 alert decode error',
  70: 'tlsv1 alert protocol version', 80: 'tlsv1 alert internal error', 112: 'tlsv1 unrecognized name', 116: 'tlsv13 alert certificate required', 120: 'tlsv1 alert no application protocol',
}

/** "0A000458:SSL routines::tlsv1 unrecognized name": what openssl says of an alert that came in. */
export function alertReason(alert: number): string {
  return `0A${(1000 + alert).toString(16).toUpperCase().padStart(6, '0')}:SSL routines::${REASONS[alert] ?? 'reason(1000)'}`
}
