import { quote } from '../json.ts'

/** Times as Go's time.Parse reads RFC 3339, and what it says of those that it does not. */
const LAYOUTS = { time: '2006-01-02T15:04:05Z07:00', micro: '2006-01-02T15:04:05.000000Z07:00' } as const

/** Elements of the layout: what comes before it, how it is called, and the range that its number must be in. */
const ELEMENTS = [
  ['', '2006', undefined, 0, 9999],
  ['-', '01', 'month', 1, 12],
  ['-', '02', undefined, 0, 99],
  ['T', '15', 'hour', 0, 23],
  [':', '04', 'minute', 0, 59],
  [':', '05', 'second', 0, 59],
] as const

export type ParsedTime = { utc: string; fraction: string } | { error: string }

/** "2020-01-02T03:04:05" in UTC with the digits after the point, or Go's error. */
export function parseGoTime(text: string, kind: 'time' | 'micro'): ParsedTime {
  const layout = LAYOUTS[kind]
  const cannot = (rest: string, element: string): ParsedTime => ({ error: `parsing time ${quote(text)} as ${quote(layout)}: cannot parse ${quote(rest)} as ${quote(element)}` })
  const wrong = (why: string): ParsedTime => ({ error: `parsing time ${quote(text)}: ${why}` })
  let rest = text
  const numbers: number[] = []
  for (const [before, element, name, least, most] of ELEMENTS) {
    if (!rest.startsWith(before)) return cannot(rest, before)
    rest = rest.slice(before.length)
    const digits = (element === '2006' ? /^\d{4}/ : element === '15' ? /^\d\d?/ : /^\d\d/).exec(rest)?.[0]
    if (digits === undefined) return cannot(rest, element)
    rest = rest.slice(digits.length)
    const number = Number(digits)
    if (name !== undefined && (number < least || number > most)) return wrong(`${name} out of range`)
    numbers.push(number)
  }
  const fraction = (kind === 'micro' ? /^[.,]\d{6}/ : /^[.,]\d+/).exec(rest)?.[0] ?? ''
  if (kind === 'micro' && fraction === '') return cannot(rest, '.000000')
  rest = rest.slice(fraction.length)
  const zone = /^(?:Z|([+-])(\d\d):(\d\d))/.exec(rest)
  if (!zone) return cannot(rest, 'Z07:00')
  const [hours, minutes] = [Number(zone[2] ?? 0), Number(zone[3] ?? 0)]
  if (hours > 24) return wrong('time zone offset hour out of range')
  if (minutes > 60) return wrong('time zone offset minute out of range')
  rest = rest.slice(zone[0].length)
  if (rest !== '') return wrong(`extra text: ${quote(rest)}`)
  const [year, month, day, hour, minute, second] = numbers as [number, number, number, number, number, number]
  if (day < 1 || day > new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()) return wrong('day out of range')
  const two = (n: number): string => String(n).padStart(2, '0')
  const written = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}`
  const offset = (zone[1] === '-' ? -1 : 1) * (hours * 60 + minutes)
  return { utc: offset === 0 ? written : new Date(Date.parse(`${written}Z`) - offset * 60_000).toISOString().slice(0, 19), fraction: fraction.slice(1) }
}
