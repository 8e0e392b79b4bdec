import type { Header } from '../../electron/bridge/view.ts'

/** Headers in words: one line, and what a hop changed. */

export interface HeaderChange {
  field: string
  before: string
  after: string
}

/** 10.0.0.1:80, [fd00::1]:80; the address alone where there are no ports. */
export const endpoint = (ip: string, port: number | undefined) => (port === undefined ? ip : ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)

/** IPv6 has another name for it. */
const lifetime = (h: Header) => (h.source.includes(':') ? 'hop limit' : 'ttl')

export function headerLine(h: Header): string {
  return [h.protocol.toUpperCase(), `${endpoint(h.source, h.sourcePort)} → ${endpoint(h.destination, h.destinationPort)}`, h.detail, h.ttl === undefined ? '' : `${lifetime(h)} ${h.ttl}`].filter(Boolean).join('  ')
}

export function headerChanges(before: Header, after: Header): HeaderChange[] {
  const rows: [string, string, string][] = [
    ['protocol', before.protocol, after.protocol],
    ['source', endpoint(before.source, before.sourcePort), endpoint(after.source, after.sourcePort)],
    ['destination', endpoint(before.destination, before.destinationPort), endpoint(after.destination, after.destinationPort)],
    ['source MAC', before.sourceMac ?? '', after.sourceMac ?? ''],
    ['destination MAC', before.destinationMac ?? '', after.destinationMac ?? ''],
    [lifetime(after), String(before.ttl ?? ''), String(after.ttl ?? '')],
    ['carries', before.detail ?? '', after.detail ?? ''],
  ]
  return rows.filter(([, b, a]) => b !== a && (a !== '' || b !== '')).map(([field, b, a]) => ({ field, before: b || '–', after: a || '–' }))
}

/** What the moving packet says on itself: "SYN", "echo-request", "UDP". */
export function packetWord(h: Header): string {
  const word = h.detail?.split(' ')[0] ?? ''
  return word.length > 0 && word.length <= 12 ? word : h.protocol.toUpperCase()
}
