import type { Data } from './commands.ts'
import type { Reply } from './protocol.ts'
import { SortedSet } from './store.ts'

/** Sorted sets (redis.io/commands, t_zset.c). */
type Command = { least: number; most: number; run(data: Data, args: readonly string[]): Reply }
const WRONG_TYPE: Reply = { error: 'WRONGTYPE Operation against a key holding the wrong kind of value' }
const SYNTAX: Reply = { error: 'ERR syntax error' }
const NO_FLOAT: Reply = { error: 'ERR value is not a valid float' }
const NO_INTEGER: Reply = { error: 'ERR value is not an integer or out of range' }
const NO_RANGE: Reply = { error: 'ERR min or max is not a float' }

function scoreOf(text: string | undefined): number | undefined {
  const word = (text ?? '').toLowerCase()
  if (/^[+-]?inf(inity)?$/.test(word)) return word.startsWith('-') ? -Infinity : Infinity
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(word) ? Number(word) : undefined
}
const scoreText = (score: number): string => (score === Infinity ? 'inf' : score === -Infinity ? '-inf' : String(score))

function sorted(least: number, most: number, run: (set: SortedSet, data: Data, args: readonly string[]) => Reply): Command {
  return { least, most, run: (data, args) => {
    const value = data.store.get(args[0]!)
    return value !== undefined && !(value instanceof SortedSet) ? WRONG_TYPE : run(value ?? new SortedSet(), data, args)
  } }
}

/** A set without members is no key. */
function keep({ store }: Data, key: string, set: SortedSet): void {
  if (set.scores.size === 0) store.delete(key)
  else store.update(key, set)
}

const add = sorted(3, Infinity, (set, data, [key, ...words]) => {
  const options = new Set<string>()
  while (/^(nx|xx|gt|lt|ch|incr)$/i.test(words[0] ?? '')) options.add(words.shift()!.toUpperCase())
  if (words.length === 0 || words.length % 2 !== 0) return SYNTAX
  if (options.has('NX') && options.has('XX')) return { error: 'ERR XX and NX options at the same time are not compatible' }
  if ((options.has('NX') && (options.has('GT') || options.has('LT'))) || (options.has('GT') && options.has('LT'))) return { error: 'ERR GT, LT, and/or NX options at the same time are not compatible' }
  if (options.has('INCR') && words.length > 2) return { error: 'ERR INCR option supports a single increment-element pair' }
  const pairs: [number, string][] = []
  for (let i = 0; i < words.length; i += 2) {
    const score = scoreOf(words[i])
    if (score === undefined) return NO_FLOAT
    pairs.push([score, words[i + 1]!])
  }
  let [added, changed] = [0, 0]
  let last: number | undefined
  for (const [given, member] of pairs) {
    const former = set.scores.get(member)
    const score = options.has('INCR') ? (former ?? 0) + given : given
    if (former === undefined ? options.has('XX') : options.has('NX') || (options.has('GT') && score <= former) || (options.has('LT') && score >= former)) continue
    set.scores.set(member, score)
    last = score
    if (former === undefined) added++
    else if (former !== score) changed++
  }
  keep(data, key!, set)
  if (options.has('INCR')) return last === undefined ? null : scoreText(last)
  return options.has('CH') ? added + changed : added
})

const listed = (pairs: readonly [string, number][], scores: boolean): string[] => pairs.flatMap(([member, score]) => (scores ? [member, scoreText(score)] : [member]))

/** By place: 0 is the first, -1 the last. */
function byRank(least: number, reversed: boolean): Command {
  return sorted(least, Infinity, (set, _, [, from, to, ...options]) => {
    const words = options.map((o) => o.toUpperCase())
    const other = words.find((w) => w !== 'WITHSCORES' && !(w === 'REV' && !reversed))
    if (other !== undefined) return ['BYSCORE', 'BYLEX', 'LIMIT'].includes(other) ? { error: `ERR podhop: not simulated: zrange ${other} (zrangebyscore is)` } : SYNTAX
    if (!/^-?\d+$/.test(from!) || !/^-?\d+$/.test(to!)) return NO_INTEGER
    const pairs = set.pairs()
    if (reversed || words.includes('REV')) pairs.reverse()
    const at = (place: number): number => (place < 0 ? Math.max(0, pairs.length + place) : place)
    return listed(Number(to) < 0 && pairs.length + Number(to) < 0 ? [] : pairs.slice(at(Number(from)), at(Number(to)) + 1), words.includes('WITHSCORES'))
  })
}

/** "5", "(5" without 5 itself, "-inf", "+inf". */
function within(from: string, to: string): ((score: number) => boolean) | undefined {
  const [low, high] = [from, to].map((text) => ({ open: text.startsWith('('), score: scoreOf(text.replace(/^\(/, '')) }))
  if (low!.score === undefined || high!.score === undefined) return undefined
  return (score) => (low!.open ? score > low!.score! : score >= low!.score!) && (high!.open ? score < high!.score! : score <= high!.score!)
}

function byScore(reversed: boolean): Command {
  return sorted(3, 7, (set, _, [, first, second, ...options]) => {
    const fits = reversed ? within(second!, first!) : within(first!, second!)
    if (!fits) return NO_RANGE
    let [scores, skip, most] = [false, 0, Infinity]
    for (let i = 0; i < options.length; i++) {
      const word = options[i]!.toUpperCase()
      if (word === 'WITHSCORES') scores = true
      else if (word === 'LIMIT' && /^-?\d+$/.test(options[i + 1] ?? '') && /^-?\d+$/.test(options[i + 2] ?? '')) {
        skip = Number(options[++i])
        most = Number(options[++i])
      } else return SYNTAX
    }
    const pairs = set.pairs().filter(([, score]) => fits(score))
    if (reversed) pairs.reverse()
    return listed(pairs.slice(skip, most < 0 ? undefined : skip + most), scores)
  })
}

function rank(reversed: boolean): Command {
  return sorted(2, 2, (set, _, [, member]) => {
    const pairs = set.pairs()
    const at = pairs.findIndex(([m]) => m === member)
    return at < 0 ? null : reversed ? pairs.length - 1 - at : at
  })
}

function pop(last: boolean): Command {
  return sorted(1, 2, (set, data, [key, count = '1']) => {
    if (!/^\d+$/.test(count)) return { error: 'ERR value is out of range, must be positive' }
    const pairs = last ? set.pairs().reverse() : set.pairs()
    const taken = pairs.slice(0, Number(count))
    for (const [member] of taken) set.scores.delete(member)
    keep(data, key!, set)
    return listed(taken, true)
  })
}

export const SORTED_SETS: Readonly<Record<string, Command>> = {
  zadd: add,
  zcard: sorted(1, 1, (set) => set.scores.size),
  zcount: sorted(3, 3, (set, _, [, from, to]) => {
    const fits = within(from!, to!)
    return fits ? set.pairs().filter(([, score]) => fits(score)).length : NO_RANGE
  }),
  zincrby: sorted(3, 3, (set, data, [key, by, member]) => {
    const step = scoreOf(by)
    if (step === undefined) return NO_FLOAT
    const score = (set.scores.get(member!) ?? 0) + step
    set.scores.set(member!, score)
    keep(data, key!, set)
    return scoreText(score)
  }),
  zpopmax: pop(true),
  zpopmin: pop(false),
  zrange: byRank(3, false),
  zrangebyscore: byScore(false),
  zrank: rank(false),
  zrem: sorted(2, Infinity, (set, data, [key, ...gone]) => {
    const removed = gone.filter((member) => set.scores.delete(member)).length
    keep(data, key!, set)
    return removed
  }),
  zrevrange: byRank(3, true),
  zrevrangebyscore: byScore(true),
  zrevrank: rank(true),
  zscore: sorted(2, 2, (set, _, [, member]) => {
    const score = set.scores.get(member!)
    return score === undefined ? null : scoreText(score)
  }),
}
