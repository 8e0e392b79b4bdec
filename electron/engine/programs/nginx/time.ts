import { MONTHS, two } from '../http/status.ts'

/** "2026/01/05 08:00:00" */
export function errorTime(wall: number): string {
  const d = new Date(wall)
  return `${d.getUTCFullYear()}/${two(d.getUTCMonth() + 1)}/${two(d.getUTCDate())} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`
}

/** "05/Jan/2026:08:00:00 +0000" */
export function accessTime(wall: number): string {
  const d = new Date(wall)
  return `${two(d.getUTCDate())}/${MONTHS[d.getUTCMonth()]}/${d.getUTCFullYear()}:${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} +0000`
}
