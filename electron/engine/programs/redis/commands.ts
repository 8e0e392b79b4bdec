import type { Reply } from './protocol.ts'
import { SORTED_SETS } from './sorted-sets.ts'
import { globPattern, SortedSet, type RedisStore, type Value } from './store.ts'

/** The commands that touch keys (redis.io/commands): name → fewest and most words after it, and what it does. */
export interface Data { store: RedisStore; now(): number }
type Command = { least: number; most: number; run(data: Data, args: readonly string[]): Reply }

const OK: Reply = { status: 'OK' }
const WRONG_TYPE: Reply = { error: 'WRONGTYPE Operation against a key holding the wrong kind of value' }
const NO_INTEGER: Reply = { error: 'ERR value is not an integer or out of range' }
const SYNTAX: Reply = { error: 'ERR syntax error' }

const isInteger = (text: string | undefined): text is string => text !== undefined && /^-?\d{1,19}$/.test(text)

function text(least: number, most: number, run: (value: string | undefined, data: Data, args: readonly string[]) => Reply): Command {
  return { least, most, run: (data, args) => {
    const value = data.store.get(args[0]!)
    return value !== undefined && typeof value !== 'string' ? WRONG_TYPE : run(value, data, args)
  } }
}

function add(sign: 1 | -1, least: number): Command {
  return text(least, least, (value, data, [key, by = '1']) => {
    if (!isInteger(by) || (value !== undefined && !isInteger(value))) return NO_INTEGER
    const sum = Number(value ?? 0) + sign * Number(by)
    data.store.update(key!, String(sum))
    return sum
  })
}

function list(least: number, most: number, run: (items: string[], data: Data, args: readonly string[]) => Reply): Command {
  return { least, most, run: (data, args) => {
    const value = data.store.get(args[0]!)
    return value !== undefined && !Array.isArray(value) ? WRONG_TYPE : run(value ?? [], data, args)
  } }
}

function hash(least: number, most: number, run: (fields: Map<string, string>, data: Data, args: readonly string[]) => Reply): Command {
  return { least, most, run: (data, args) => {
    const value = data.store.get(args[0]!)
    return value !== undefined && !(value instanceof Map) ? WRONG_TYPE : run(value ?? new Map(), data, args)
  } }
}

function members(least: number, most: number, run: (set: Set<string>, data: Data, args: readonly string[]) => Reply): Command {
  return { least, most, run: (data, args) => {
    const value = data.store.get(args[0]!)
    return value !== undefined && !(value instanceof Set) ? WRONG_TYPE : run(value ?? new Set(), data, args)
  } }
}

function expire(unit: number): Command {
  return { least: 2, most: 2, run: ({ store, now }, [key, time]) => (isInteger(time) ? Number(store.expire(key!, now() + Number(time) * unit)) : NO_INTEGER) }
}

function remaining(unit: number): Command {
  return { least: 1, most: 1, run: ({ store, now }, [key]) => {
    const until = store.until(key!)
    return until === undefined ? -2 : until === Infinity ? -1 : Math.round((until - now()) / unit)
  } }
}

function push(front: boolean): Command {
  return list(2, Infinity, (items, { store }, [key, ...values]) => {
    store.update(key!, front ? [...values.reverse(), ...items] : [...items, ...values])
    return items.length + values.length
  })
}

function pop(front: boolean): Command {
  return list(1, 1, (items, { store }, [key]) => {
    const item = front ? items[0] : items.at(-1)
    if (item === undefined) return null
    if (items.length === 1) store.delete(key!)
    else store.update(key!, front ? items.slice(1) : items.slice(0, -1))
    return item
  })
}

const set: Command = { least: 2, most: Infinity, run: ({ store, now }, [key, value, ...options]) => {
  let until: number | undefined
  let wanted: 'NX' | 'XX' | undefined
  let keep = false
  for (let i = 0; i < options.length; i++) {
    const word = options[i]!.toUpperCase()
    if (word === 'NX' || word === 'XX') wanted = word
    else if (word === 'KEEPTTL') keep = true
    else if (word === 'EX' || word === 'PX') {
      const time = options[++i]
      if (!isInteger(time)) return time === undefined ? SYNTAX : NO_INTEGER
      if (Number(time) <= 0) return { error: "ERR invalid expire time in 'set' command" }
      until = now() + Number(time) * (word === 'EX' ? 1000 : 1)
    } else return SYNTAX
  }
  const former = store.until(key!)
  if ((wanted === 'NX' && former !== undefined) || (wanted === 'XX' && former === undefined)) return null
  store.set(key!, value!, until ?? (keep ? former : undefined))
  return OK
} }

function typeOf(value: Value | undefined): string {
  return value === undefined ? 'none' : typeof value === 'string' ? 'string' : Array.isArray(value) ? 'list' : value instanceof Map ? 'hash' : value instanceof Set ? 'set' : 'zset'
}

/** Sets taken together; a key that is not there is an empty one. */
function together(take: (first: ReadonlySet<string>, others: readonly ReadonlySet<string>[]) => string[]): Command {
  return { least: 1, most: Infinity, run: ({ store }, keys) => {
    const values = keys.map((key) => store.get(key) ?? new Set<string>())
    if (!values.every((value) => value instanceof Set)) return WRONG_TYPE
    return take(values[0]!, values.slice(1))
  } }
}

function copied(value: Value): Value {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return [...value]
  if (value instanceof Map) return new Map(value)
  if (value instanceof Set) return new Set(value)
  const own = new SortedSet()
  for (const [member, score] of value.scores) own.scores.set(member, score)
  return own
}

export const COMMANDS: Readonly<Record<string, Command>> = {
  ...SORTED_SETS,
  set,
  get: text(1, 1, (value) => value ?? null),
  setnx: { least: 2, most: 2, run: (data, [key, value]) => (set.run(data, [key!, value!, 'NX']) === null ? 0 : 1) },
  setex: { least: 3, most: 3, run: (data, [key, time, value]) => set.run(data, [key!, value!, 'EX', time!]) },
  getset: text(2, 2, (value, { store }, [key, next]) => {
    store.set(key!, next!)
    return value ?? null
  }),
  append: text(2, 2, (value, { store }, [key, more]) => {
    store.update(key!, (value ?? '') + more!)
    return (value ?? '').length + more!.length
  }),
  strlen: text(1, 1, (value) => (value ?? '').length),
  incr: add(1, 1), decr: add(-1, 1), incrby: add(1, 2), decrby: add(-1, 2),
  mget: { least: 1, most: Infinity, run: ({ store }, keys) => keys.map((key) => { const v = store.get(key); return typeof v === 'string' ? v : null }) },
  mset: { least: 2, most: Infinity, run: ({ store }, args) => {
    if (args.length % 2) return { error: "ERR wrong number of arguments for 'mset' command" }
    for (let i = 0; i < args.length; i += 2) store.set(args[i]!, args[i + 1]!)
    return OK
  } },
  getdel: text(1, 1, (value, { store }, [key]) => {
    if (value !== undefined) store.delete(key!)
    return value ?? null
  }),
  getrange: text(3, 3, (value, _, [, from, to]) => {
    if (!isInteger(from) || !isInteger(to)) return NO_INTEGER
    const whole = value ?? ''
    const at = (text: string): number => (Number(text) < 0 ? Math.max(0, whole.length + Number(text)) : Number(text))
    return whole.slice(at(from), (Number(to) < 0 ? whole.length + Number(to) : Number(to)) + 1)
  }),
  unlink: { least: 1, most: Infinity, run: ({ store }, keys) => keys.filter((key) => store.delete(key)).length },
  rename: { least: 2, most: 2, run: ({ store }, [key, next]) => {
    const [value, until] = [store.get(key!), store.until(key!)]
    if (value === undefined) return { error: 'ERR no such key' }
    store.delete(key!)
    store.set(next!, value, until === Infinity ? undefined : until)
    return OK
  } },
  del: { least: 1, most: Infinity, run: ({ store }, keys) => keys.filter((key) => store.delete(key)).length },
  copy: { least: 2, most: 3, run: ({ store }, [key, next, replace]) => {
    if (replace !== undefined && replace.toUpperCase() !== 'REPLACE') return SYNTAX
    const value = store.get(key!)
    if (key === next) return { error: 'ERR source and destination objects are the same' }
    if (value === undefined || (replace === undefined && store.get(next!) !== undefined)) return 0
    store.set(next!, copied(value), store.until(key!)!)
    return 1
  } },
  touch: { least: 1, most: Infinity, run: ({ store }, keys) => keys.filter((key) => store.get(key) !== undefined).length },
  sinter: together((first, others) => [...first].filter((item) => others.every((set) => set.has(item)))),
  sunion: together((first, others) => [...new Set([first, ...others].flatMap((set) => [...set]))]),
  sdiff: together((first, others) => [...first].filter((item) => others.every((set) => !set.has(item)))),
  exists: { least: 1, most: Infinity, run: ({ store }, keys) => keys.filter((key) => store.get(key) !== undefined).length },
  type: { least: 1, most: 1, run: ({ store }, [key]) => ({ status: typeOf(store.get(key!)) }) },
  keys: { least: 1, most: 1, run: ({ store }, [pattern]) => store.keys().filter((key) => globPattern(pattern!).test(key)) },
  scan: { least: 1, most: Infinity, run: ({ store }, args) => {
    const at = args.findIndex((a) => a.toUpperCase() === 'MATCH')
    const pattern = globPattern(at < 0 ? '*' : (args[at + 1] ?? '*'))
    return ['0', store.keys().filter((key) => pattern.test(key))]
  } },
  dbsize: { least: 0, most: 0, run: ({ store }) => store.keys().length },
  flushall: { least: 0, most: 1, run: ({ store }) => (store.clear(), OK) },
  flushdb: { least: 0, most: 1, run: ({ store }) => (store.clear(), OK) },
  expire: expire(1000), pexpire: expire(1), ttl: remaining(1000), pttl: remaining(1),
  persist: { least: 1, most: 1, run: ({ store }, [key]) => Number((store.until(key!) ?? Infinity) !== Infinity && store.expire(key!, Infinity)) },
  lpush: push(true), rpush: push(false), lpop: pop(true), rpop: pop(false),
  llen: list(1, 1, (items) => items.length),
  lindex: list(2, 2, (items, _, [, at]) => (isInteger(at) ? (items.at(Number(at)) ?? null) : NO_INTEGER)),
  lrange: list(3, 3, (items, _, [, from, to]) => {
    if (!isInteger(from) || !isInteger(to)) return NO_INTEGER
    const at = (text: string): number => (Number(text) < 0 ? Math.max(0, items.length + Number(text)) : Number(text))
    const end = Number(to) < 0 ? items.length + Number(to) : Number(to)
    return items.slice(at(from), end + 1)
  }),
  hset: hash(3, Infinity, (fields, { store }, [key, ...pairs]) => {
    if (pairs.length % 2) return { error: "ERR wrong number of arguments for 'hset' command" }
    const next = new Map(fields)
    for (let i = 0; i < pairs.length; i += 2) next.set(pairs[i]!, pairs[i + 1]!)
    store.update(key!, next)
    return next.size - fields.size
  }),
  hget: hash(2, 2, (fields, _, [, field]) => fields.get(field!) ?? null),
  hgetall: hash(1, 1, (fields) => [...fields].flat()),
  hkeys: hash(1, 1, (fields) => [...fields.keys()]), hvals: hash(1, 1, (fields) => [...fields.values()]), hlen: hash(1, 1, (fields) => fields.size),
  hexists: hash(2, 2, (fields, _, [, field]) => Number(fields.has(field!))), hmget: hash(2, Infinity, (fields, _, [, ...names]) => names.map((name) => fields.get(name) ?? null)),
  hincrby: hash(3, 3, (fields, { store }, [key, field, by]) => {
    const value = fields.get(field!)
    if (!isInteger(by)) return NO_INTEGER
    if (value !== undefined && !isInteger(value)) return { error: 'ERR hash value is not an integer' }
    const sum = Number(value ?? 0) + Number(by)
    store.update(key!, new Map(fields).set(field!, String(sum)))
    return sum
  }),
  hdel: hash(2, Infinity, (fields, { store }, [key, ...names]) => {
    const next = new Map([...fields].filter(([name]) => !names.includes(name)))
    if (next.size === 0) store.delete(key!)
    else store.update(key!, next)
    return fields.size - next.size
  }),
  sadd: members(2, Infinity, (items, { store }, [key, ...values]) => {
    const next = new Set([...items, ...values])
    store.update(key!, next)
    return next.size - items.size
  }),
  srem: members(2, Infinity, (items, { store }, [key, ...values]) => {
    const next = new Set([...items].filter((item) => !values.includes(item)))
    if (next.size === 0) store.delete(key!)
    else store.update(key!, next)
    return items.size - next.size
  }),
  smembers: members(1, 1, (items) => [...items]),
  sismember: members(2, 2, (items, _, [, value]) => Number(items.has(value!))),
  scard: members(1, 1, (items) => items.size),
}
