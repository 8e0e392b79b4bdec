import type { Clock } from '../../clock.ts'

/** nginx' limit_rate and limit_rate_after (ngx_http_write_filter_module): bytes a second, and bytes that go before it counts. `since`: when the request began, in ms of the wall. */
export interface Pace { rate: number; after: number; since: number }

/** Sends an answer, head and body, bit by bit; `send` tells whether anybody is still there. Calls `done` behind the last bit. */
export function sendPaced(clock: Clock, bytes: Uint8Array, { rate, after, since }: Pace, send: (part: Uint8Array) => boolean, done: () => void): void {
  let sent = 0
  const go = (): void => {
    const elapsed = Math.floor(clock.wall() / 1000) - Math.floor(since / 1000)
    const limit = rate * (elapsed + 1) - (sent - after)
    if (limit <= 0) return void clock.schedule(Math.floor((-limit * 1000) / rate) + 1, go)
    const end = Math.min(bytes.length, sent + limit)
    if (!send(bytes.subarray(sent, end))) return
    const counted = Math.max(0, end - after) - Math.max(0, sent - after)
    sent = end
    if (sent === bytes.length) return done()
    clock.schedule(Math.floor((counted * 1000) / rate) || 1, go)
  }
  go()
}
