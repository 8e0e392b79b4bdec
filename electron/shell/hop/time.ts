import type { Cluster, Process, Task } from '../../engine/cluster.ts'

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
/** How far time is moved at once, in ms: everything that happens until then is worked out. */
const FARTHEST = 24 * 3_600_000

/** Virtual time: shows it, holds it, or moves it on. */
export function* hopTime(cluster: Cluster, self: Process, args: readonly string[]): Task<number> {
  const [word, ...rest] = args
  if (rest.length > 0) return yield* refuse(self, `unexpected argument "${rest[0]}"`)
  const { time, clock } = cluster
  switch (word) {
    case undefined: {
      const date = new Date(clock.wall()).toISOString().replace('T', ' ').replace(/\.\d+Z$/, ' UTC')
      yield* self.print(`${date}, ${duration(clock.now)} since the cluster was born, ${time.paused ? 'paused' : time.speed === 1 ? 'running with the wall clock' : `running ${time.speed} times as fast as the wall clock`}\n`)
      return 0
    }
    case 'pause':
      time.pause()
      return 0
    case 'resume':
      time.resume()
      return 0
    case 'step': {
      const next = clock.next()
      const ms = Math.max(0, (next ?? clock.now) - clock.now)
      time.advance(ms)
      yield* self.sleep(ms)
      return 0
    }
    default: {
      if (!/^\+(\d+(\.\d+)?(ms|s|m|h))+$/.test(word)) return yield* refuse(self, /^\+\d+(\.\d+)?$/.test(word) ? `${word} needs a unit, as ${word}s` : /^-\d/.test(word) ? 'time does not go back' : `"${word}" is nothing that time can do`)
      // as Go's durations: +5m20s
      const ms = [...word.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)].reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!, 0)
      if (ms > FARTHEST) return yield* refuse(self, `${word} is more than a day at once`)
      time.advance(ms)
      yield* self.sleep(ms)
      return 0
    }
  }
}

function* refuse(self: Process, why: string): Task<number> {
  yield* self.printError(`hop time: ${why}; expected pause, resume, step or a duration, as +500ms, +30s, +5m20s, +2h\n`)
  return 2
}

function duration(ms: number): string {
  const s = Math.floor(ms / 1000)
  return s < 60 ? `${(ms / 1000).toFixed(1)} s` : s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
}
