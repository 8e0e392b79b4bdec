/** Parameters of curl's options that are more than a number. */

/** "100", "10k", "1M", "2G": bytes; or what curl warns of. */
export function bytes(value: string, which: string): number | { warning: string } {
  const found = /^\s*(\d+)(.?)/s.exec(value)
  if (!found) return { warning: `invalid number specified for ${which}` }
  const power = 'bkmgtp'.indexOf(found[2]!.toLowerCase())
  if (found[2] !== '' && (power < 0 || power > 3)) return { warning: `unsupported ${which} unit. Use G, M, K or B!` }
  return Number(found[1]) * 1024 ** Math.max(0, power)
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** curl_getdate(3): "Wed, 21 Oct 2015 07:28:00 GMT", "21 Oct 2015", "20151021", in ms since 1970; undefined where that is no date. */
export function date(text: string): number | undefined {
  let [day, month, year, time, offset]: (number | undefined)[] = []
  for (const [word] of text.matchAll(/[+-]\d{4}(?!\d)|\d+(?::\d+){1,2}|\d+|[a-z]+/gi)) {
    const lower = word.toLowerCase()
    if (word.includes(':') && time === undefined) {
      const [h, m, s = 0] = word.split(':').map(Number) as [number, number, number?]
      if (h > 23 || m > 59 || s > 60) return undefined
      time = ((h * 60 + m) * 60 + s) * 1000
    } else if (/^[+-]/.test(word) && time !== undefined) offset = (word.startsWith('-') ? 1 : -1) * (Number(word.slice(1, 3)) * 60 + Number(word.slice(3))) * 60_000
    else if (/^\d{8}$/.test(word) && year === undefined) [year, month, day] = [Number(word.slice(0, 4)), Number(word.slice(4, 6)) - 1, Number(word.slice(6))]
    else if (/^\d+$/.test(word) && day === undefined && Number(word) > 0 && Number(word) < 32) day = Number(word)
    else if (/^\d+$/.test(word) && year === undefined) year = Number(word) < 71 ? Number(word) + 2000 : Number(word) < 100 ? Number(word) + 1900 : Number(word)
    else if (month === undefined && MONTHS.includes(lower)) month = MONTHS.indexOf(lower)
    else if (/^(gmt|utc|z|ut|wet)$/.test(lower)) offset ??= 0
    else if (!/^(mon|tue|wed|thu|fri|sat|sun)(day|sday|nesday|rsday|urday)?$/.test(lower)) return undefined
  }
  if (day === undefined || month === undefined || year === undefined || month > 11) return undefined
  return Date.UTC(year, month, day) + (time ?? 0) + (offset ?? 0)
}

/** As HTTP writes a moment. */
export const httpDate = (ms: number): string => new Date(ms).toUTCString()
