import { byName } from '../../engine/own.ts'

/** What `date -d` and `touch -d` understand (GNU's "Date input formats"), in UTC. */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const UNITS: Readonly<Record<string, [unit: 'month' | 'ms', size: number]>> = byName({
  sec: ['ms', 1000], second: ['ms', 1000], min: ['ms', 60_000], minute: ['ms', 60_000], hour: ['ms', 3_600_000], day: ['ms', 86_400_000], week: ['ms', 604_800_000],
  fortnight: ['ms', 1_209_600_000], month: ['month', 1], year: ['month', 12],
})
const ORDINALS: Readonly<Record<string, number>> = byName({ last: -1, this: 0, next: 1, first: 1, third: 3, fourth: 4, fifth: 5, sixth: 6, seventh: 7, eighth: 8, ninth: 9, tenth: 10, eleventh: 11, twelfth: 12 })
const ZONES: Readonly<Record<string, number>> = byName({ utc: 0, gmt: 0, z: 0, ut: 0, wet: 0, est: -300, edt: -240, cst: -360, cdt: -300, mst: -420, mdt: -360, pst: -480, pdt: -420, cet: 60, cest: 120 })

interface Parts {
  date?: [year: number, month: number, day: number]
  /** ms of the day */
  time?: number
  /** minutes east of Greenwich */
  zone?: number
  weekday?: { day: number; ordinal: number }
  months: number
  ms: number
  relative: boolean
  /** What was read last. */
  last?: string
}

/** Wall-clock ms; undefined: it is no date. `now` in ms. */
export function parseDate(text: string, now: number): number | undefined {
  const trimmed = text.trim().toLowerCase()
  const seconds = /^@(-?\d+(?:[.,]\d+)?)$/.exec(trimmed)
  if (seconds) return Math.round(Number(seconds[1]!.replace(',', '.')) * 1000)
  const parts: Parts = { months: 0, ms: 0, relative: false }
  let rest = trimmed
  while (rest !== '') {
    const next = item(rest, parts, now)
    if (next === undefined || next.length >= rest.length) return undefined
    rest = next.replace(/^[\s,]+/, '')
  }
  return combined(parts, now)
}

function yearOf(text: string): number {
  const year = Number(text)
  return text.length > 2 ? year : year < 69 ? 2000 + year : 1900 + year
}

/** Takes the first item off; undefined: there is none that is known. */
function item(text: string, parts: Parts, now: number): string | undefined {
  let match: RegExpExecArray | null
  const set = <K extends 'date' | 'time' | 'zone' | 'weekday'>(key: K, value: Parts[K]): string | undefined => {
    if (parts[key] !== undefined) return undefined
    parts[key] = value
    parts.last = key
    return text.slice(match![0].length)
  }
  const thisYear = new Date(now).getUTCFullYear()
  if ((match = /^(\d{4})-(\d\d?)-(\d\d?)(?!\d)t?/.exec(text))) return set('date', [Number(match[1]), Number(match[2]), Number(match[3])])
  if ((match = /^(\d\d?)\/(\d\d?)(?:\/(\d{4}|\d\d))?(?!\d)/.exec(text))) return set('date', [match[3] ? yearOf(match[3]) : thisYear, Number(match[1]), Number(match[2])])
  if ((match = /^(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*(?:(am|pm|a\.m\.|p\.m\.))?(?!\d)/.exec(text))) {
    const hour = hourOf(Number(match[1]), match[5])
    const [minute, second] = [Number(match[2]), Number(match[3] ?? 0)]
    if (hour === undefined || minute > 59 || second > 60) return undefined
    return set('time', ((hour * 60 + minute) * 60 + second) * 1000 + Number(`0.${match[4] ?? 0}`) * 1000)
  }
  if ((match = /^(\d\d?)\s*(am|pm|a\.m\.|p\.m\.)(?![a-z])/.exec(text))) {
    const hour = hourOf(Number(match[1]), match[2])
    return hour === undefined ? undefined : set('time', hour * 3_600_000)
  }
  if ((match = /^(\d\d?)[\s-]*([a-z]{3,9})\.?(?:[\s,-]*(\d{4}))?(?![\da-z])/.exec(text)) && monthOf(match[2]!) > 0) return set('date', [match[3] ? yearOf(match[3]) : thisYear, monthOf(match[2]!), Number(match[1])])
  if ((match = /^([a-z]{3,9})\.?[\s-]+(\d\d?)(?:(?:st|nd|rd|th)?,?[\s]+(\d{4})(?!:))?(?![\d:])/.exec(text)) && monthOf(match[1]!) > 0) return set('date', [match[3] ? yearOf(match[3]) : thisYear, monthOf(match[1]!), Number(match[2])])
  if ((match = /^(\d{4})(\d\d)(\d\d)(?!\d)/.exec(text))) return set('date', [Number(match[1]), Number(match[2]), Number(match[3])])
  // A signed number right after a time is its zone, whatever follows.
  if (parts.time !== undefined && parts.last === 'time' && (match = /^(?:utc|gmt)?([-+])\s*(\d\d?):?(\d\d)?(?!\d)/.exec(text))) return set('zone', (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3] ?? 0)))
  if ((match = /^([-+]?\s*\d*)\s*([a-z]+?)s?(?:\s+(ago))?(?![a-z])/.exec(text)) && UNITS[match[2]!]) {
    const digits = match[1]!.replace(/\s/g, '')
    return shifted(parts, match[2]!, /\d/.test(digits) ? Number(digits) : digits === '-' ? -1 : 1, match[3] !== undefined, text.slice(match[0].length))
  }
  if ((match = /^([a-z]+)\s+([a-z]+?)s?(?:\s+(ago))?(?![a-z])/.exec(text)) && ORDINALS[match[1]!] !== undefined) {
    const ordinal = ORDINALS[match[1]!]!
    if (UNITS[match[2]!]) return shifted(parts, match[2]!, ordinal, match[3] !== undefined, text.slice(match[0].length))
    const day = weekdayOf(match[2]!)
    if (day >= 0) return set('weekday', { day, ordinal })
  }
  if ((match = /^([a-z]+)\.?(?![a-z])/.exec(text))) {
    const word = match[1]!
    const after = text.slice(match[0].length)
    if (word === 'now' || word === 'today') {
      parts.relative = true
      return after
    }
    if (word === 'yesterday' || word === 'tomorrow') return shifted(parts, 'day', word === 'tomorrow' ? 1 : -1, false, after)
    const zone = ZONES[word] ?? militaryZone(word)
    if (zone !== undefined) return set('zone', zone)
    const day = weekdayOf(word)
    if (day >= 0) return set('weekday', { day, ordinal: 0 })
  }
  return undefined
}

function hourOf(hour: number, half: string | undefined): number | undefined {
  if (half === undefined) return hour > 23 ? undefined : hour
  if (hour < 1 || hour > 12) return undefined
  return (hour % 12) + (half.startsWith('p') ? 12 : 0)
}

/** One letter: A to M without J east, N to Y west. */
function militaryZone(word: string): number | undefined {
  const place = word.length === 1 ? 'abcdefghiklmnopqrstuvwxy'.indexOf(word) : -1
  if (place < 0) return undefined
  return (place < 12 ? place + 1 : 11 - place) * 60
}

function monthOf(word: string): number {
  const names = ['january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october', 'november', 'december']
  return word === 'sept' ? 9 : (names.includes(word) ? names.indexOf(word) : MONTHS.indexOf(word)) + 1
}

function weekdayOf(word: string): number {
  const names = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
  const short = { tues: 2, wednes: 3, thur: 4, thurs: 4 }[word]
  return short ?? (names.includes(word) ? names.indexOf(word) : WEEKDAYS.indexOf(word))
}

function shifted(parts: Parts, unit: string, count: number, ago: boolean, rest: string): string {
  const [kind, size] = UNITS[unit]!
  const by = count * size * (ago ? -1 : 1)
  if (kind === 'month') parts.months += by
  else parts.ms += by
  parts.relative = true
  parts.last = 'relative'
  return rest
}

function combined(parts: Parts, now: number): number | undefined {
  const today = new Date(now)
  const [year, month, day] = parts.date ?? [today.getUTCFullYear(), today.getUTCMonth() + 1, today.getUTCDate()]
  if (month < 1 || month > 12 || day < 1 || day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return undefined
  const absolute = parts.date !== undefined || parts.weekday !== undefined || parts.zone !== undefined || (parts.time === undefined && !parts.relative)
  const time = parts.time ?? (absolute ? 0 : now - Date.UTC(today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate()))
  let ms = Date.UTC(year, month - 1 + parts.months, day) + time
  if (parts.weekday && !parts.date) {
    const { day: wanted, ordinal } = parts.weekday
    const ahead = (wanted - new Date(ms).getUTCDay() + 7) % 7
    ms += (ahead + 7 * (ordinal - (ordinal > 0 && ahead !== 0 ? 1 : 0))) * 86_400_000
  }
  return ms + parts.ms - (parts.zone ?? 0) * 60_000
}
