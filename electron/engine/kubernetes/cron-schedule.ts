import { byName } from '../own.ts'
import { quote } from './json.ts'
import { UTC, type Zone } from './time-zone.ts'

/**
 * Schedules of CronJobs, as robfig/cron v3 ParseStandard reads them and with its messages: five fields, names, steps,
 * macros and "@every". No library: those on npm word their errors otherwise, read 7 as Sunday or ask for the real time.
 * Times are in ms since 1970.
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

const MACROS: Readonly<Record<string, string>> = byName({
  '@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *', '@monthly': '0 0 1 * *', '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *', '@midnight': '0 0 * * *', '@hourly': '0 * * * *',
})

/** Throws {@link CronError}. */
export function parseCron(text: string, zone: Zone = UTC): CronSchedule {
  if (text === '') throw new CronError('empty spec string')
  if (text.startsWith('@')) return parseDescriptor(text, zone)
  const fields = text.split(/[\t\n\v\f\r \u0085\u00a0]+/).filter((f) => f !== '')
  if (fields.length !== 5) throw new CronError(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`)
  const [minute, hour, day, month, weekday] = fields as [string, string, string, string, string]
  return new FieldSchedule(parseField(minute, MINUTES), parseField(hour, HOURS), parseField(day, DAYS), parseField(month, MONTHS), parseField(weekday, WEEKDAYS), zone)
}

function parseDescriptor(text: string, zone: Zone): CronSchedule {
  const macro = MACROS[text]
  if (macro !== undefined) return parseCron(macro, zone)
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

/** When a zone's clocks show this, later than `now`: they may leave a midnight out. */
function instant(local: number, zone: Zone, now: number): number {
  return Math.max(local - zone(local - zone(local)), now + MINUTE)
}

class FieldSchedule implements CronSchedule {
  readonly #minutes: Field
  readonly #hours: Field
  readonly #days: Field
  readonly #months: Field
  readonly #weekdays: Field
  readonly #zone: Zone

  constructor(minutes: Field, hours: Field, days: Field, months: Field, weekdays: Field, zone: Zone) {
    this.#minutes = minutes
    this.#hours = hours
    this.#days = days
    this.#months = months
    this.#weekdays = weekdays
    this.#zone = zone
  }

  next(after: number): number | undefined {
    const zone = this.#zone
    let time = (Math.floor(after / MINUTE) + 1) * MINUTE
    const lastYear = new Date(time + zone(time)).getUTCFullYear() + YEARS
    for (;;) {
      // what the zone's own clocks show, which may leave an hour out or show it twice
      const local = time + zone(time)
      const date = new Date(local)
      const year = date.getUTCFullYear()
      const month = date.getUTCMonth()
      if (year > lastYear) return undefined
      if (!this.#months.values.has(month + 1)) time = instant(Date.UTC(year, month + 1, 1), zone, time)
      else if (!this.#dayMatches(date)) time = instant((Math.floor(local / DAY) + 1) * DAY, zone, time)
      else if (!this.#hours.values.has(date.getUTCHours())) time += HOUR - (local % HOUR)
      else if (!this.#minutes.values.has(date.getUTCMinutes())) time += MINUTE
      else return time
    }
  }

  /** Both days restricted: one of them is enough. */
  #dayMatches(date: Date): boolean {
    const day = this.#days.values.has(date.getUTCDate())
    const weekday = this.#weekdays.values.has(date.getUTCDay())
    return this.#days.star || this.#weekdays.star ? day && weekday : day || weekday
  }
}
