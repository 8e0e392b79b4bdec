/** Ages as tables show them: k8s.io/apimachinery/pkg/util/duration HumanDuration. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.trunc(seconds / 60)
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.trunc(minutes / 60)
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.trunc(hours / 24)
  if (hours < 192) return two(days, 'd', hours % 24, 'h')
  if (hours < 24 * 365 * 2) return `${days}d`
  const years = Math.trunc(days / 365)
  if (hours < 24 * 365 * 8) return two(years, 'y', days % 365, 'd')
  return `${years}y`
}

function two(a: number, unitA: string, b: number, unitB: string): string {
  return b === 0 ? `${a}${unitA}` : `${a}${unitA}${b}${unitB}`
}

/** The age of a timestamp; "<unknown>" when there is none. */
export function ageOf(timestamp: string | null | undefined, wall: number): string {
  return timestamp ? humanDuration(wall - Date.parse(timestamp)) : '<unknown>'
}

/** The last second that was asked for, and its text: a busy cluster asks many times within one. */
let lastSecond = Number.NaN
let lastText = ''
/** It as a timestamp: one string for all that happens in one second. */
let lastStamp = ''

function secondText(wall: number): string {
  const second = Math.floor(wall / 1000)
  if (second !== lastSecond) {
    lastText = new Date(second * 1000).toISOString().slice(0, 19)
    lastStamp = `${lastText}Z`
    lastSecond = second
  }
  return lastText
}

/** RFC 3339 with whole seconds, as metav1.Time. */
export function timestamp(wall: number): string {
  secondText(wall)
  return lastStamp
}

/** RFC 3339 with microseconds, as metav1.MicroTime. */
export function microTimestamp(wall: number): string {
  const micro = Math.floor((wall % 1000) * 1000)
  return `${secondText(wall)}.${String(micro).padStart(6, '0')}Z`
}
