import type { Clock } from '../../clock.ts'

/** A reflector asks for its watch to last so long, and up to twice as long: minWatchTimeout of client-go, tools/cache (ms). */
const TERM = 300_000

/**
 * When a watch is over that may not be asked for any more: each lasts its time, whatever becomes of the right to it, and then
 * another one is asked for. `since`: when the first one began; virtual ms. `name` seeds how long they last.
 */
export function endOfWatch(clock: Clock, since: number, name: string): number {
  const random = clock.random.fork(`watch ${name} ${since}`)
  let until = since
  while (until <= clock.now) until += TERM + random.below(TERM)
  return until
}
