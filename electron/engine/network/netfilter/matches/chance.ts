import { UsageError } from '../errors.ts'
import { needNumber, one } from '../extension.ts'
import type { MatchExtension } from '../extension.ts'

/** Matches that count or throw dice: -m statistic, limit. */

const RANGE = 0x8000_0000

/** libxt_statistic keeps the probability in 31 bits and prints it with eleven digits. */
function probabilityText(value: number): string {
  return (value / RANGE).toFixed(11)
}

export const statistic: MatchExtension = () => {
  let mode: 'random' | 'nth' = 'random'
  let probability: number | undefined
  let every: number | undefined
  let packet: number | undefined
  let invert = false
  return {
    options: {
      mode: one((text) => {
        if (text !== 'random' && text !== 'nth') throw new UsageError(`Bad mode "${text}"`)
        mode = text
      }),
      probability: one((text, not) => {
        const value = /^[0-9.eE+-]+$/.test(text) ? Number(text) : Number.NaN
        if (!(value >= 0 && value <= 1)) {
          throw new UsageError('statistic: bad value for option "--probability", or out of range (0-1).\n')
        }
        probability = Math.round(value * RANGE)
        invert = not
      }, true),
      every: one((text, not) => {
        every = needNumber('statistic', 'every', text, 1)
        invert = not
      }, true),
      packet: one((text) => (packet = needNumber('statistic', 'packet', text))),
    },
    finish: () => {
      if (every !== undefined && packet === undefined) throw new UsageError('statistic: option "--every" also requires "--packet".\n')
      if (every !== undefined && packet! >= every) throw new UsageError('the --packet p must be 0 <= p <= n-1')
      if (mode === 'nth' && every === undefined) throw new UsageError('--every and --packet must be specified when using nth mode')
      if (mode === 'random' && probability === undefined) throw new UsageError('--probability must be specified when using random mode')
      const not = invert ? ' !' : ''
      if (mode === 'random') {
        const threshold = probability!
        return {
          name: 'statistic', save: ` --mode random${not} --probability ${probabilityText(threshold)}`,
          list: () => `statistic mode random${not} probability ${probabilityText(threshold)}`,
          test: ({ host }) => (host.random.uint32() >>> 1 < threshold) !== invert,
        }
      }
      const period = every!
      const nth = packet!
      // The kernel begins `packet` steps before the end of the period, so that the first match is packet number `packet`.
      let count = (period - nth) % period
      return {
        name: 'statistic', own: true, save: ` --mode nth${not} --every ${period} --packet ${nth}`,
        list: () => `statistic mode nth${not} every ${period}${nth === 0 ? '' : ` packet ${nth}`}`,
        test: () => {
          const hit = count === 0
          count = (count + 1) % period
          return hit !== invert
        },
      }
    },
  }
}

/** Tokens a day; XT_LIMIT_SCALE keeps a ten-thousandth of a second. */
const UNITS: readonly (readonly [string, number])[] = [['second', 1], ['minute', 60], ['hour', 3600], ['day', 86_400]]
const SCALE = 10_000

function parseRate(text: string): number | undefined {
  const match = /^(\d+)(?:\/([a-z]+))?$/i.exec(text)
  const unit = UNITS.find(([name]) => name.startsWith((match?.[2] ?? 's').toLowerCase()))
  const rate = Number(match?.[1])
  if (!unit || !(rate > 0)) return undefined
  if (rate / unit[1] > SCALE) throw new UsageError(`Rate too fast "${text}"`)
  return Math.trunc((SCALE * unit[1]) / rate)
}

function rateText(average: number): string {
  const names = ['day', 'hour', 'min', 'sec']
  const periods = [86_400, 3600, 60, 1]
  for (let i = 1; i < 4; i++) {
    const period = SCALE * periods[i]!
    if (average > period || period / average < Math.trunc(period / average)) return `${Math.trunc((SCALE * periods[i - 1]!) / average)}/${names[i - 1]}`
  }
  return `${Math.trunc(SCALE / average)}/sec`
}

export const limit: MatchExtension = () => {
  let average = SCALE * 1200
  let burst = 5
  return {
    options: {
      limit: one((text) => {
        const rate = parseRate(text)
        if (rate === undefined) throw new UsageError(`bad rate "${text}"'`)
        average = rate
      }),
      // to the kernel none is the default
      'limit-burst': one((text) => (burst = needNumber('limit', 'limit-burst', text, 0, 10_000) || 5)),
    },
    finish: () => {
      let credit = burst
      let last: number | undefined
      const text = rateText(average)
      return {
        name: 'limit', own: true, save: ` --limit ${text}${burst === 5 ? '' : ` --limit-burst ${burst}`}`,
        list: () => `limit: avg ${text} burst ${burst}`,
        test: ({ host }) => {
          const now = host.clock.now
          credit = Math.min(burst, credit + (last === undefined ? 0 : ((now - last) * SCALE) / 1000 / average))
          last = now
          if (credit < 1) return false
          credit--
          return true
        },
      }
    },
  }
}
