/** What a zone's clocks are ahead of UTC at a time in ms since 1970, in ms. */
export type Zone = (time: number) => number

export const UTC: Zone = () => 0

const HOUR = 3_600_000
/** No zone changes its clocks within one. */
const QUARTER = 900_000

const UTC_NAMES = new Set(['UTC', 'UCT', 'GMT', 'GMT0', 'GMT+0', 'GMT-0', 'Greenwich', 'Universal', 'Zulu'])
const AREAS = /^(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Europe|Indian|Mexico|Pacific|US)\/[A-Z]/
const LEGACY = new Set(['CET', 'CST6CDT', 'Cuba', 'EET', 'EST', 'EST5EDT', 'Egypt', 'Eire', 'GB', 'GB-Eire', 'HST', 'Hongkong', 'Iceland', 'Iran', 'Israel', 'Jamaica', 'Japan',
  'Kwajalein', 'Libya', 'MET', 'MST', 'MST7MDT', 'NZ', 'NZ-CHAT', 'Navajo', 'PRC', 'PST8PDT', 'Poland', 'Portugal', 'ROC', 'ROK', 'Singapore', 'Turkey', 'W-SU', 'WET'])

/** A zone of the tz database by its name, which is case-sensitive as Go's files are; undefined for a name that no zone has. */
export function zoneOf(name: string | undefined): Zone | undefined {
  if (name === undefined || UTC_NAMES.has(name)) return UTC
  if (name.startsWith('Etc/')) {
    const rest = name.slice(4)
    if (UTC_NAMES.has(rest)) return UTC
    // POSIX's sign: Etc/GMT+5 is five hours behind.
    const match = /^GMT([+-])(\d{1,2})$/.exec(rest)
    const hours = Number(match?.[2])
    if (!match || String(hours) !== match[2] || hours > (match[1] === '+' ? 12 : 14)) return undefined
    const offset = (match[1] === '+' ? -hours : hours) * HOUR
    return () => offset
  }
  return AREAS.test(name) || LEGACY.has(name) ? withRules(name) : undefined
}

/** A zone with daylight saving: its rules are in ECMAScript's own tz database (ECMA-402). */
function withRules(timeZone: string): Zone | undefined {
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' })
  } catch {
    return undefined
  }
  let known = { quarter: Number.NaN, offset: 0 }
  return (time) => {
    const quarter = Math.floor(time / QUARTER)
    if (known.quarter !== quarter) {
      const at = quarter * QUARTER
      const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
      known = { quarter, offset: Date.UTC(part['year']!, part['month']! - 1, part['day']!, part['hour']!, part['minute']!, part['second']!) - at }
    }
    return known.offset
  }
}
