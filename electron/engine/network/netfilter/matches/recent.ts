import type { Clock } from '../../../clock.ts'
import { SparseMap } from '../../../sparse.ts'
import type { Ip } from '../../types.ts'
import { canonicalIp, formatIpv4, formatIpv6, ipv4Number, ipv6Number } from '../../address.ts'
import { KernelError, UsageError } from '../errors.ts'
import { flag, needNumber, one, together } from '../extension.ts'
import type { MatchExtension } from '../extension.ts'

/** xt_recent's ip_pkt_list_tot. */
const STAMPS = 20

/** The lists of addresses that -m recent keeps (/proc/net/xt_recent): name → address → when it was seen. */
export class RecentLists {
  readonly #clock: Clock
  readonly #lists = new SparseMap<string, Map<Ip, number[]>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  stamps(list: string, ip: Ip): number[] | undefined {
    return this.#lists.get(list)?.get(ip)
  }

  touch(list: string, ip: Ip): void {
    let entries = this.#lists.get(list)
    if (!entries) this.#lists.set(list, (entries = new Map()))
    const stamps = entries.get(ip) ?? []
    stamps.push(this.#clock.now)
    if (stamps.length > STAMPS) stamps.shift()
    entries.set(ip, stamps)
  }

  forget(list: string, ip: Ip): boolean {
    return this.#lists.get(list)?.delete(ip) ?? false
  }

  /** xt_recent reaps one entry at a time, the oldest; who looks cannot tell. */
  reap(list: string, before: number): void {
    for (const [ip, stamps] of this.#lists.get(list) ?? []) {
      if ((stamps.at(-1) ?? 0) < before) this.#lists.get(list)!.delete(ip)
    }
  }
}

type Operation = 'set' | 'rcheck' | 'update' | 'remove'
const LISTED: Readonly<Record<Operation, string>> = { set: 'SET', rcheck: 'CHECK', update: 'UPDATE', remove: 'REMOVE' }

function maskedBy(mask: Ip): (ip: Ip) => Ip {
  if (mask.includes(':')) {
    const bits = ipv6Number(mask)!
    return bits === (1n << 128n) - 1n ? (ip) => ip : (ip) => formatIpv6((ipv6Number(ip) ?? 0n) & bits)
  }
  const bits = ipv4Number(mask)
  return bits === 0xffffffff ? (ip) => ip : (ip) => formatIpv4((ipv4Number(ip) & bits) >>> 0)
}

export const recent: MatchExtension = ({ family }) => {
  let operation: Operation | undefined
  let invert = false
  let seconds: number | undefined
  let hitCount: number | undefined
  let reap = false
  let ttl = false
  let name = 'DEFAULT'
  let mask = family === 4 ? '255.255.255.255' : 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'
  let side: 'rsource' | 'rdest' = 'rsource'
  const choose = (which: Operation) => flag((not) => {
    if (operation) together('recent', ['set', 'rcheck', 'update', 'remove'], operation, which)
    operation = which
    invert = not
  }, true)
  return {
    options: {
      set: choose('set'), rcheck: choose('rcheck'), update: choose('update'), remove: choose('remove'),
      seconds: one((text) => (seconds = needNumber('recent', 'seconds', text, 1))),
      hitcount: one((text) => (hitCount = needNumber('recent', 'hitcount', text, 0))),
      reap: flag(() => (reap = true)),
      rttl: flag(() => (ttl = true)),
      name: one((text) => (name = text)),
      mask: one((text) => {
        const value = canonicalIp(text)
        if (value === undefined || value.includes(':') !== (family === 6)) throw new UsageError(`recent: bad value for option "--mask": "${text}"`)
        mask = value
      }),
      rsource: flag(() => (side = 'rsource')),
      rdest: flag(() => (side = 'rdest')),
    },
    finish: () => {
      if (!operation) throw new UsageError("recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'")
      if (reap && seconds === undefined) throw new UsageError('recent: option "--reap" also requires "--seconds".\n')
      if ((operation === 'set' || operation === 'remove') && (seconds !== undefined || hitCount !== undefined)) throw new KernelError('RULE_APPEND failed (Invalid argument)')
      const does = operation
      const masked = maskedBy(mask)
      const not = invert ? ' !' : ''
      return {
        name: 'recent', incidental: false,
        save:
          `${not} --${does}${seconds === undefined ? '' : ` --seconds ${seconds}`}${reap ? ' --reap' : ''}` +
          `${hitCount === undefined ? '' : ` --hitcount ${hitCount}`}${ttl ? ' --rttl' : ''} --name ${name} --mask ${mask} --${side}`,
        list: () =>
          `${invert ? '! ' : ''}recent: ${LISTED[does]}${seconds === undefined ? '' : ` seconds: ${seconds}`}${reap ? ' reap' : ''}` +
          `${hitCount === undefined ? '' : ` hit_count: ${hitCount}`}${ttl ? ' TTL-Match' : ''} name: ${name} side: ` +
          `${side === 'rsource' ? 'source' : 'dest'} mask: ${mask}`,
        test: ({ host, packet }) => {
          const lists = host.recent
          const full = side === 'rsource' ? packet.source : packet.destination
          const ip = masked(full)
          if (does === 'set') {
            lists.touch(name, ip)
            return !invert
          }
          const stamps = lists.stamps(name, ip)
          if (!stamps) return invert
          if (does === 'remove') {
            lists.forget(name, ip)
            return !invert
          }
          const since = seconds === undefined ? -Infinity : host.clock.now - seconds * 1000
          const hits = stamps.filter((at) => at >= since).length
          const found = hits >= Math.max(1, hitCount ?? 1)
          if (found && does === 'update') lists.touch(name, ip)
          if (reap && seconds !== undefined) lists.reap(name, since)
          return found !== invert
        },
      }
    },
  }
}
