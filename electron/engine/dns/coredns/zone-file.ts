import type { DnsRecord } from '../../network/wire/dns.ts'
import { absoluteName, isBelow, labelsBefore } from '../names.ts'
import { parseRecord } from './record-text.ts'

/** A zone as a master file has it (RFC 1035 section 5). */
export interface Zone {
  origin: string
  soa: DnsRecord & { data: { type: 'SOA' } }
  /** By owner, in lower case. */
  records: Map<string, DnsRecord[]>
  /** Names that only have others below them. */
  between: Set<string>
}

export class ZoneError extends Error {}
/** What CoreDNS reads and Podhop does not. */
export class ZoneUnknown extends Error {}

/** Types that have a text here; others of RFC 1035 and its successors are known by name. */
const OTHERS = new Set(['CAA', 'HINFO', 'RP', 'NAPTR', 'SSHFP', 'TLSA', 'DS', 'DNSKEY', 'RRSIG', 'NSEC', 'NSEC3', 'NSEC3PARAM', 'LOC', 'SPF', 'SVCB', 'HTTPS', 'URI', 'DNAME', 'ALIAS'])

interface Entry { words: string[]; line: number; inherits: boolean }

/** Throws ZoneError with what CoreDNS says, and ZoneUnknown. */
export function parseZone(file: string, text: string, origin: string): Zone {
  let here = origin
  let ttl = 3600
  let owner = origin
  let soa: Zone['soa'] | undefined
  const records = new Map<string, DnsRecord[]>()
  const absolute = (name: string): string => (name === '@' ? here : name.endsWith('.') ? name : here === '.' ? `${name}.` : `${name}.${here}`)
  for (const { words, line, inherits } of entriesOf(text)) {
    const bad = (what: string, word: string): ZoneError => new ZoneError(`${file}: dns: ${what}: ${JSON.stringify(word)} at line: ${line}:${Math.max(1, (text.split('\n')[line - 1] ?? '').indexOf(word) + word.length)}`)
    const [first = ''] = words
    if (first === '$ORIGIN') {
      here = absolute(words[1] ?? '@')
      continue
    }
    if (first === '$TTL') {
      ttl = seconds(words[1] ?? '') ?? fail(bad('expecting $TTL value, not this...', words[1] ?? ''))
      continue
    }
    if (first === '$INCLUDE' || first === '$GENERATE') throw new ZoneUnknown(`${first} in a zone file (write the records out)`)
    const rest = [...words]
    if (!inherits) owner = absolute(rest.shift()!)
    let own = ttl
    while (rest.length > 0) {
      const number = seconds(rest[0]!)
      if (number !== undefined) own = number
      else if (!/^(IN|CH|HS)$/i.test(rest[0]!)) break
      rest.shift()
    }
    const type = (rest.shift() ?? '').toUpperCase()
    if (OTHERS.has(type)) throw new ZoneUnknown(`records of type ${type} in a zone file (A, AAAA, CNAME, MX, NS, PTR, SOA, SRV and TXT are)`)
    const values = NAMES_AT.get(type)?.reduce((all, at) => all.map((word, i) => (i === (at < 0 ? all.length + at : at) ? absolute(word) : word)), rest) ?? rest
    const record = parseRecord(`${owner} ${own} IN ${type} ${type === 'SOA' ? [...values.slice(0, 3), ...values.slice(3).map((v) => String(seconds(v) ?? v))].join(' ') : type === 'TXT' ? values.map((v) => JSON.stringify(v)).join(' ') : values.join(' ')}`)
    if (!record) throw NAMES_AT.has(type) || ['A', 'AAAA', 'TXT'].includes(type) ? bad(`bad ${type} ${type === 'A' || type === 'AAAA' ? type : 'RDATA'}`, rest[0] ?? '') : bad('unknown RR type', type)
    if (!isBelow(origin, record.name)) continue
    if (record.data.type === 'SOA') {
      if (record.name.toLowerCase() !== origin.toLowerCase()) throw new ZoneError(`file ${JSON.stringify(file)} has no SOA record for origin ${origin}`)
      soa = record as Zone['soa']
    }
    const key = record.name.toLowerCase()
    records.set(key, [...(records.get(key) ?? []), record])
  }
  if (!soa) throw new ZoneError(`file ${JSON.stringify(file)} has no SOA record for origin ${origin}`)
  const between = new Set<string>()
  for (const name of records.keys()) {
    const labels = labelsBefore(name, origin)
    for (let i = 1; i < labels.length; i++) between.add(`${labels.slice(i).join('.')}.${origin === '.' ? '' : origin}`.toLowerCase())
  }
  return { origin, soa, records, between }
}

/** Which of a type's values are names, relative ones among them. */
const NAMES_AT: ReadonlyMap<string, readonly number[]> = new Map([['CNAME', [0]], ['NS', [0]], ['PTR', [0]], ['MX', [1]], ['SRV', [3]], ['SOA', [0, 1]]])

function fail(error: Error): never {
  throw error
}

/** "3600", "1h30m": BIND's times. */
function seconds(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text)
  if (!/^(\d+[smhdw])+$/i.test(text)) return undefined
  return [...text.toLowerCase().matchAll(/(\d+)([smhdw])/g)].reduce((sum, [, count, unit]) => sum + Number(count) * { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[unit as 's']!, 0)
}

/** Lines, with those between parentheses as one; comments are gone. A word that was quoted keeps its blanks. */
function entriesOf(text: string): Entry[] {
  const out: Entry[] = []
  let open = 0
  let entry: Entry | undefined
  text.split('\n').forEach((line, i) => {
    entry ??= { words: [], line: i + 1, inherits: /^[ \t]/.test(line) }
    for (const [word, quoted] of line.matchAll(/"((?:[^"\\]|\\.)*)"|;.*|[()]|[^\s();"]+/g)) {
      if (quoted !== undefined) entry.words.push(quoted.replace(/\\(.)/g, '$1'))
      else if (word.startsWith(';')) break
      else if (word === '(') open++
      else if (word === ')') open--
      else entry.words.push(word)
    }
    if (open > 0) return
    if (entry.words.length > 0) out.push(entry)
    entry = undefined
  })
  return out
}

export type ZoneAnswer = { kind: 'success' | 'no data' | 'no name' | 'delegation'; answers: DnsRecord[]; authorities: DnsRecord[]; additionals: DnsRecord[]; /** A CNAME that leads out of the zone. */ outside?: string }

const LONGEST_CHAIN = 8

/** plugin/file/lookup.go */
export function lookUp(zone: Zone, name: string, type: string): ZoneAnswer {
  const { origin, soa, records, between } = zone
  const at = (owner: string): readonly DnsRecord[] => records.get(owner.toLowerCase()) ?? []
  const ns = at(origin).filter((r) => r.data.type === 'NS')
  const glue = (of: readonly DnsRecord[]): DnsRecord[] => of.flatMap(({ data }) => {
    const target = 'target' in data && (data.type === 'NS' || data.type === 'SRV') ? data.target : data.type === 'MX' ? data.exchange : undefined
    return target === undefined || !isBelow(origin, target) ? [] : at(target).filter((r) => r.data.type === 'A' || r.data.type === 'AAAA')
  })
  const answers: DnsRecord[] = []
  let asked = name
  for (let i = 0; i < LONGEST_CHAIN; i++) {
    if (!isBelow(origin, asked)) return { kind: 'success', answers, authorities: ns, additionals: [], outside: asked }
    // who has it was given away to others
    const labels = labelsBefore(asked, origin)
    for (let down = labels.length - 1; down >= 0; down--) {
      const cut = `${labels.slice(down).join('.')}.${origin === '.' ? '' : origin}`
      const theirs = at(cut).filter((r) => r.data.type === 'NS')
      if (theirs.length > 0 && !(down === 0 && type === 'DS')) return { kind: 'delegation', answers, authorities: theirs, additionals: glue(theirs) }
    }
    let found = at(asked)
    if (found.length === 0 && !between.has(asked.toLowerCase())) {
      // the closest name that is there may have a wildcard below it
      for (let up = 1; up <= labels.length; up++) {
        const encloser = labels.slice(up).length === 0 ? origin : `${labels.slice(up).join('.')}.${origin === '.' ? '' : origin}`
        const star = at(`*.${encloser === '.' ? '' : encloser}`)
        if (star.length > 0) {
          found = star.map((r) => ({ ...r, name: asked }))
          break
        }
        if (at(encloser).length > 0 || between.has(encloser.toLowerCase())) break
      }
      if (found.length === 0) return { kind: answers.length > 0 ? 'success' : 'no name', answers, authorities: [soa], additionals: [] }
    }
    const alias = type === 'CNAME' ? undefined : found.find((r) => r.data.type === 'CNAME')
    if (alias) {
      answers.push(alias)
      asked = absoluteName((alias.data as { target: string }).target)
      continue
    }
    const fit = found.filter((r) => r.data.type === type)
    if (fit.length === 0) return answers.length > 0 ? { kind: 'success', answers, authorities: [soa], additionals: [] } : { kind: 'no data', answers, authorities: [soa], additionals: [] }
    answers.push(...fit)
    const apexNs = type === 'NS' && asked.toLowerCase() === origin.toLowerCase()
    return { kind: 'success', answers, authorities: apexNs ? [] : ns, additionals: glue(fit) }
  }
  return { kind: 'success', answers, authorities: ns, additionals: [] }
}
