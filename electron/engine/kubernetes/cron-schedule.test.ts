import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CronError, parseCron } from './cron-schedule.ts'
import { zoneOf } from './time-zone.ts'

const MINUTE = 60_000
const at = (text: string): number => Date.parse(`${text}Z`)

function after(schedule: string, from: string, count = 1, zone?: string): string[] {
  const cron = parseCron(schedule, zoneOf(zone))
  const found: string[] = []
  let time: number | undefined = at(from)
  for (let i = 0; i < count && time !== undefined; i++) {
    time = cron.next(time)
    if (time !== undefined) found.push(new Date(time).toISOString().slice(0, 16))
  }
  return found
}

describe('a schedule of cron', () => {
  it.each([
    ['*/15 * * * *', '2026-01-05T08:00:00', ['2026-01-05T08:15', '2026-01-05T08:30']],
    ['0 0 * * mon-fri', '2026-01-09T00:00:00', ['2026-01-12T00:00', '2026-01-13T00:00']],
    ['30 6-16/4 * * 1-5', '2026-01-05T08:00:00', ['2026-01-05T10:30', '2026-01-05T14:30']],
    ['0 12 1,15 * FRI', '2026-01-01T12:00:00', ['2026-01-02T12:00', '2026-01-09T12:00', '2026-01-15T12:00']],
    ['0 0 29 2 *', '2026-01-01T00:00:00', ['2028-02-29T00:00']],
    ['5/20 * * * ?', '2026-01-05T08:00:00', ['2026-01-05T08:05', '2026-01-05T08:25', '2026-01-05T08:45', '2026-01-05T09:05']],
    ['@hourly', '2026-01-05T08:00:01', ['2026-01-05T09:00']],
    ['@weekly', '2026-01-05T08:00:00', ['2026-01-11T00:00']],
    ['@yearly', '2026-01-05T08:00:00', ['2027-01-01T00:00']],
    ['@every 90m', '2026-01-05T08:00:00', ['2026-01-05T09:30', '2026-01-05T11:00']],
    ['59 23 31 2 *', '2026-01-05T08:00:00', []],
  ])('%s', (schedule, from, expected) => {
    expect(after(schedule, from, Math.max(1, expected.length))).toEqual(expected)
  })

  it('goes by the clocks of its zone', () => {
    expect(after('0 12 * * *', '2026-01-05T00:00:00', 1, 'Etc/GMT-3')).toEqual(['2026-01-05T09:00'])
    expect(after('0 1 * * *', '2026-01-05T00:00:00', 1, 'Etc/GMT+5')).toEqual(['2026-01-05T06:00'])
    expect(['UTC', 'Etc/UTC', undefined, 'Etc/GMT+13', 'Berlin', 'Europe/Nowhere', 'Etc/GMT-14'].map((name) => zoneOf(name)?.(0))).toEqual([0, 0, 0, undefined, undefined, undefined, 50_400_000])
  })

  it('goes by daylight saving: an hour that is left out is nobody’s, one that comes twice is twice', () => {
    expect(after('30 9 * * *', '2026-03-28T00:00:00', 2, 'Europe/Berlin')).toEqual(['2026-03-28T08:30', '2026-03-29T07:30'])
    expect(after('30 2 * * *', '2026-03-28T00:00:00', 2, 'Europe/Berlin')).toEqual(['2026-03-28T01:30', '2026-03-30T00:30'])
    expect(after('30 2 * * *', '2026-10-25T00:00:00', 2, 'Europe/Berlin')).toEqual(['2026-10-25T00:30', '2026-10-25T01:30'])
    expect(after('0 8 * * mon', '2026-03-06T00:00:00', 2, 'America/Havana')).toEqual(['2026-03-09T12:00', '2026-03-16T12:00'])
  })

  it.each([
    ['', 'empty spec string'],
    ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
    ['60 * * * *', 'end of range (60) above maximum (59): 60'],
    ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
    ['5-3 * * * *', 'beginning of range (5) beyond end of range (3): 5-3'],
    ['*/0 * * * *', 'step of range should be a positive number: */0'],
    ['1/2/3 * * * *', 'too many slashes: 1/2/3'],
    ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
    ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ['* * * * 7', 'end of range (7) above maximum (6): 7'],
    ['@noon', 'unrecognized descriptor: @noon'],
    ['@every soon', 'failed to parse duration @every soon: time: invalid duration "soon"'],
  ])('%j is refused in the words of robfig/cron', (schedule, message) => {
    expect(() => parseCron(schedule)).toThrow(new CronError(message))
  })

  /** A field with the values that it means. */
  const field = (min: number, max: number): fc.Arbitrary<{ text: string; values: Set<number> | undefined }> => {
    const number = fc.integer({ min, max })
    const range = fc.tuple(number, number, fc.integer({ min: 1, max: 7 })).map(([a, b, step]) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)]
      const values = new Set<number>()
      for (let v = low; v <= high; v += step) values.add(v)
      return { text: `${low}-${high}/${step}`, values }
    })
    const single = number.map((n) => ({ text: String(n), values: new Set([n]) }))
    const list = fc.array(fc.oneof(range, single), { minLength: 1, maxLength: 3 }).map((parts) => ({ text: parts.map((p) => p.text).join(','), values: new Set(parts.flatMap((p) => [...p.values])) }))
    return fc.oneof(fc.constant({ text: '*', values: undefined }), list)
  }

  it('finds the very minute that looking at each minute finds', () => {
    const start = fc.integer({ min: at('2024-01-01T00:00:00'), max: at('2027-01-01T00:00:00') })
    fc.assert(fc.property(field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6), start, (minutes, hours, days, months, weekdays, from) => {
      const has = (f: { values: Set<number> | undefined }, value: number): boolean => f.values?.has(value) ?? true
      const fits = (time: number): boolean => {
        const d = new Date(time)
        const [day, weekday] = [has(days, d.getUTCDate()), has(weekdays, d.getUTCDay())]
        const either = days.values && weekdays.values ? day || weekday : day && weekday
        return has(minutes, d.getUTCMinutes()) && has(hours, d.getUTCHours()) && either && has(months, d.getUTCMonth() + 1)
      }
      const found = parseCron([minutes, hours, days, months, weekdays].map((f) => f.text).join(' ')).next(from)
      // Two days minute by minute; later than that the answer must at least fit.
      for (let time = (Math.floor(from / MINUTE) + 1) * MINUTE; time < from + 2 * 86_400_000; time += MINUTE) {
        if (!fits(time)) continue
        expect(found).toBe(time)
        return
      }
      if (found !== undefined) expect(found > from && fits(found)).toBe(true)
    }), { numRuns: 200 })
  })
})
