const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']
const DAY = 86_400_000

/** strftime(3) in UTC and the C locale, with GNU's flags (%-d, %_d, %:z, %N). `ms` since 1970. */
export function formatTime(ms: number, format: string): string {
  const date = new Date(ms)
  const two = (n: number): string => String(n).padStart(2, '0')
  const year = date.getUTCFullYear()
  const dayOfYear = Math.floor((Date.UTC(year, date.getUTCMonth(), date.getUTCDate()) - Date.UTC(year, 0, 1)) / DAY) + 1
  const weekday = date.getUTCDay()
  const hours = date.getUTCHours()
  const one = (c: string): string | undefined => {
    switch (c) {
      case 'a': return DAYS[weekday]!.slice(0, 3)
      case 'A': return DAYS[weekday]!
      case 'b':
      case 'h': return MONTHS[date.getUTCMonth()]!.slice(0, 3)
      case 'B': return MONTHS[date.getUTCMonth()]!
      case 'c': return formatTime(ms, '%a %b %e %H:%M:%S %Y')
      case 'C': return two(Math.floor(year / 100))
      case 'd': return two(date.getUTCDate())
      case 'D':
      case 'x': return formatTime(ms, '%m/%d/%y')
      case 'e': return String(date.getUTCDate()).padStart(2)
      case 'F': return formatTime(ms, '%Y-%m-%d')
      case 'g': return two(isoWeek(ms).year % 100)
      case 'G': return String(isoWeek(ms).year)
      case 'H': return two(hours)
      case 'I': return two(hours % 12 || 12)
      case 'j': return String(dayOfYear).padStart(3, '0')
      case 'k': return String(hours).padStart(2)
      case 'l': return String(hours % 12 || 12).padStart(2)
      case 'm': return two(date.getUTCMonth() + 1)
      case 'M': return two(date.getUTCMinutes())
      case 'n': return '\n'
      case 'N': return String(Math.floor((ms - Math.floor(ms / 1000) * 1000) * 1e6)).padStart(9, '0')
      case 'p': return hours < 12 ? 'AM' : 'PM'
      case 'P': return hours < 12 ? 'am' : 'pm'
      case 'r': return formatTime(ms, '%I:%M:%S %p')
      case 'R': return formatTime(ms, '%H:%M')
      case 's': return String(Math.floor(ms / 1000))
      case 'S': return two(date.getUTCSeconds())
      case 't': return '\t'
      case 'T':
      case 'X': return formatTime(ms, '%H:%M:%S')
      case 'u': return String(weekday || 7)
      case 'U': return two(Math.floor((dayOfYear + 6 - weekday) / 7))
      case 'V': return two(isoWeek(ms).week)
      case 'w': return String(weekday)
      case 'W': return two(Math.floor((dayOfYear + 6 - ((weekday + 6) % 7)) / 7))
      case 'y': return two(year % 100)
      case 'Y': return String(year)
      case 'z': return '+0000'
      case 'Z': return 'UTC'
      case '%': return '%'
      default: return undefined
    }
  }
  return format.replace(/%([-_0^#]?)(:*)(\d*)([a-zA-Z%])/g, (whole: string, flag: string, colons: string, width: string, c: string) => {
    if (colons && c === 'z') return colons === '::' ? '+00:00:00' : '+00:00'
    let text = one(c)
    if (text === undefined) return whole
    if (c === 'N' && width) return text.slice(0, Number(width))
    if (flag === '-') text = text.replace(/^[0 ]+(?=.)/, '')
    else if (flag === '_') text = text.replace(/^0+(?=.)/, (zeros) => ' '.repeat(zeros.length))
    else if (flag === '0') text = text.replace(/^ +/, (blanks) => '0'.repeat(blanks.length))
    else if (flag === '^') text = text.toUpperCase()
    else if (flag === '#') text = c === 'p' || c === 'Z' ? text.toLowerCase() : text.toUpperCase()
    return width ? text.padStart(Number(width), flag === '_' ? ' ' : '0') : text
  })
}

/** ISO 8601: the week that has this day's Thursday. */
function isoWeek(ms: number): { year: number; week: number } {
  const day = Math.floor(ms / DAY) * DAY
  const thursday = day + (3 - ((new Date(day).getUTCDay() + 6) % 7)) * DAY
  const year = new Date(thursday).getUTCFullYear()
  return { year, week: 1 + Math.floor((thursday - Date.UTC(year, 0, 1)) / (7 * DAY)) }
}
