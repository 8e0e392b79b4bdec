import { quote } from './json.ts'

/**
 * Schedules of CronJobs, as robfig/cron v3 ParseStandard reads them and with its messages: five fields, names, steps,
 * macros and "@every". No library: those on npm word their errors otherwise, read 7 as Sunday or ask for the real time.
 * Times are in ms since 1970; a zone is a fixed offset from UTC.
 */
export interface CronSchedule {
  /** The first time after `after` that fits; undefined when none does within five years. */
  next(after: number): number | undefined
}

/** The text that the parser refuses a schedule with. */
export class CronError extends Error {
  override name = 'CronError'
}

interface Bounds { min: number; max: number; names?: Readonly<Record<string, number>> }

const named = (first: number, ...names: string[]): Record<string, number> => Object.fromEntries(names.map((name, i) => [name, first + i]))
const MINUTES: Bounds = { min: 0, max: 59 }
const HOURS: Bounds = { min: 0, max: 23 }
const DAYS: Bounds = { min: 1, max: 31 }
const MONTHS: Bounds = { min: 1, max: 12, names: named(1, 'jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec') }
const WEEKDAYS: Bounds = { min: 0, max: 6, names: named(0, 'sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat') }

const MACROS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *', '@monthly': '0 0 1 * *', '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *', '@midnight': '0 0 * * *', '@hourly': '0 * * * *',
}

/** Throws {@link CronError}. `offset`: what the zone's clocks are ahead of UTC, in ms. */
export function parseCron(text: string, offset = 0): CronSchedule {
  if (text === '') throw new CronError('empty spec string')
  if (text.startsWith('@')) return parseDescriptor(text, offset)
  const fields = text.split(/[\t\n\v\f\r \u0085\u00a0]+/).filter((f) => f !== '')
  if (fields.length !== 5) throw new CronError(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`)
  const [minute, hour, day, month, weekday] = fields as [string, string, string, string, string]
  return new FieldSchedule(parseField(minute, MINUTES), parseField(hour, HOURS), parseField(day, DAYS), parseField(month, MONTHS), parseField(weekday, WEEKDAYS), offset)
}

function parseDescriptor(text: string, offset: number): CronSchedule {
  const macro = MACROS[text]
  if (macro !== undefined) return parseCron(macro, offset)
  if (!text.startsWith('@every ')) throw new CronError(`unrecognized descriptor: ${text}`)
  const duration = text.slice('@every '.length)
  const ms = goDuration(duration)
  if (ms === undefined) throw new CronError(`failed to parse duration ${text}: time: invalid duration ${quote(duration)}`)
  const delay = Math.max(1000, ms - (ms % 1000))
  return { next: (after) => Math.floor(after / 1000) * 1000 + delay }
}

const UNITS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, 'µs': 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

function goDuration(text: string): number | undefined {
  if (text === '0') return 0
  const match = /^([+-]?)((?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+)$/.exec(text)
  if (!match) return undefined
  let total = 0
  for (const [, amount, unit] of match[2]!.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)) total += Number(amount) * UNITS[unit!]!
  return match[1] === '-' ? -total : total
}

interface Field {
  values: ReadonlySet<number>
  /** Written as "*" or "?": then only the other one of the two day fields counts. */
  star: boolean
}

function parseField(text: string, bounds: Bounds): Field {
  const values = new Set<number>()
  let star = false
  for (const part of text.split(',').filter((p) => p !== '')) star = parseRange(part, bounds, values) || star
  return { values, star }
}

function parseRange(expression: string, bounds: Bounds, into: Set<number>): boolean {
  const [range, ...steps] = expression.split('/')
  const ends = range!.split('-')
  let star = ends[0] === '*' || ends[0] === '?'
  let start = bounds.min
  let end = bounds.max
  if (!star) {
    start = parseValue(ends[0]!, bounds)
    if (ends.length > 2) throw new CronError(`too many hyphens: ${expression}`)
    end = ends.length === 2 ? parseValue(ends[1]!, bounds) : start
  }
  let step = 1
  if (steps.length > 1) throw new CronError(`too many slashes: ${expression}`)
  if (steps.length === 1) {
    step = parseNumber(steps[0]!)
    // "N/step" goes on to the end.
    if (ends.length === 1) end = bounds.max
    if (step > 1) star = false
  }
  if (start < bounds.min) throw new CronError(`beginning of range (${start}) below minimum (${bounds.min}): ${expression}`)
  if (end > bounds.max) throw new CronError(`end of range (${end}) above maximum (${bounds.max}): ${expression}`)
  if (start > end) throw new CronError(`beginning of range (${start}) beyond end of range (${end}): ${expression}`)
  if (step === 0) throw new CronError(`step of range should be a positive number: ${expression}`)
  for (let value = start; value <= end; value += step) into.add(value)
  return star
}

function parseValue(text: string, { names }: Bounds): number {
  return names?.[text.toLowerCase()] ?? parseNumber(text)
}

function parseNumber(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new CronError(`failed to parse int from ${text}: strconv.Atoi: parsing ${quote(text)}: invalid syntax`)
  const value = Number(text)
  if (value < 0) throw new CronError(`negative number (${value}) not allowed: ${text}`)
  return value
}

const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000
/** robfig/cron gives up after so many years. */
const YEARS = 5

class FieldSchedule implements CronSchedule {
  readonly #minutes: Field
  readonly #hours: Field
  readonly #days: Field
  readonly #months: Field
  readonly #weekdays: Field
  readonly #offset: number

  constructor(minutes: Field, hours: Field, days: Field, months: Field, weekdays: Field, offset: number) {
    this.#minutes = minutes
    this.#hours = hours
    this.#days = days
    this.#months = months
    this.#weekdays = weekdays
    this.#offset = offset
  }

  next(after: number): number | undefined {
    // On the zone's own clock, from the next whole minute on.
    let time = (Math.floor((after + this.#offset) / MINUTE) + 1) * MINUTE
    const lastYear = new Date(time).getUTCFullYear() + YEARS
    for (;;) {
      const date = new Date(time)
      const year = date.getUTCFullYear()
      const month = date.getUTCMonth()
      if (year > lastYear) return undefined
      if (!this.#months.values.has(month + 1)) time = Date.UTC(year, month + 1, 1)
      else if (!this.#dayMatches(date)) time = (Math.floor(time / DAY) + 1) * DAY
      else if (!this.#hours.values.has(date.getUTCHours())) time = (Math.floor(time / HOUR) + 1) * HOUR
      else if (!this.#minutes.values.has(date.getUTCMinutes())) time += MINUTE
      else return time - this.#offset
    }
  }

  /** Both days restricted: one of them is enough. */
  #dayMatches(date: Date): boolean {
    const day = this.#days.values.has(date.getUTCDate())
    const weekday = this.#weekdays.values.has(date.getUTCDay())
    return this.#days.star || this.#weekdays.star ? day && weekday : day || weekday
  }
}

const UTC_NAMES = new Set(['UTC', 'UCT', 'GMT', 'GMT0', 'GMT+0', 'GMT-0', 'Greenwich', 'Universal', 'Zulu'])
const AREAS = /^(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Europe|Indian|Mexico|Pacific|US)\/[A-Z]/
const LEGACY = new Set(['CET', 'CST6CDT', 'Cuba', 'EET', 'EST', 'EST5EDT', 'Egypt', 'Eire', 'GB', 'GB-Eire', 'HST', 'Hongkong', 'Iceland', 'Iran', 'Israel', 'Jamaica', 'Japan',
  'Kwajalein', 'Libya', 'MET', 'MST', 'MST7MDT', 'NZ', 'NZ-CHAT', 'Navajo', 'PRC', 'PST8PDT', 'Poland', 'Portugal', 'ROC', 'ROK', 'Singapore', 'Turkey', 'W-SU', 'WET'])

/**
 * What a zone's clocks are ahead of UTC, in ms; 'unsimulated' for one with rules (daylight saving needs the tz
 * database), 'unknown' for a name that no zone has.
 */
export function zoneOffset(name: string | undefined): number | 'unsimulated' | 'unknown' {
  if (name === undefined || UTC_NAMES.has(name)) return 0
  if (name.startsWith('Etc/')) {
    const rest = name.slice(4)
    if (UTC_NAMES.has(rest)) return 0
    // POSIX's sign: Etc/GMT+5 is five hours behind.
    const match = /^GMT([+-])(\d{1,2})$/.exec(rest)
    const hours = Number(match?.[2])
    if (match && String(hours) === match[2] && hours <= (match[1] === '+' ? 12 : 14)) return (match[1] === '+' ? -hours : hours) * HOUR
    return 'unknown'
  }
  return AREAS.test(name) || LEGACY.has(name) ? 'unsimulated' : 'unknown'
}
