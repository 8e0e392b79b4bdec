import type { Clock } from '../../clock.ts'

/** Virtual ms that passed since a time in an object; NaN without one. */
export function since(clock: Clock, time: string | undefined | null): number {
  return time ? clock.wall() - Date.parse(time) : Number.NaN
}
