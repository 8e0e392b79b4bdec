import type { Cluster, Process, Task } from '../../engine/cluster.ts'

const USAGE = 'usage: hop time [pause|resume|step|+30s]\n'
const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Virtual time: shows it, holds it, or moves it on. */
export function* hopTime(cluster: Cluster, self: Process, args: readonly string[]): Task<number> {
  const [word, ...rest] = args
  if (rest.length > 0) return yield* usage(self)
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
      const jump = /^\+(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(word)
      if (!jump) return yield* usage(self)
      const ms = Number(jump[1]) * UNITS[jump[2]!]!
      time.advance(ms)
      yield* self.sleep(ms)
      return 0
    }
  }
}

function* usage(self: Process): Task<number> {
  yield* self.printError(USAGE)
  return 2
}

function duration(ms: number): string {
  const s = Math.floor(ms / 1000)
  return s < 60 ? `${(ms / 1000).toFixed(1)} s` : s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
}
