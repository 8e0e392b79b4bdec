import type { ClockView } from '../../electron/bridge/view.ts'

/** Virtual ms now, `since` wall-clock ms after the host told of the clock. */
export function clusterNow(clock: ClockView, since: number): number {
  return clock.paused ? clock.now : clock.now + since * clock.speed
}

const two = (n: number) => String(Math.floor(n)).padStart(2, '0')

/** "09:01:14", UTC. */
export function clockTime(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19)
}

/** "1m14s", "2h05m" */
export function uptime(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`
  return `${Math.floor(seconds / 3600)}h${two((seconds % 3600) / 60)}m`
}

/** "12.034 s" since the cluster was born. */
export function moment(ms: number): string {
  return `${(ms / 1000).toFixed(3)} s`
}
