import { UsageError } from '../errors.ts'
import { flag, one } from '../extension.ts'
import type { MatchExtension } from '../extension.ts'

/** -m time (iptables-extensions(8), xt_time): by the cluster's clock; the kernel's time zone is UTC. */

const DAY = 86_400
const LAST = DAY - 1
const FOREVER = 0x7fff_ffff
const WEEKDAYS = ['', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
const ALL_WEEKDAYS = 0xfe
const ALL_MONTHDAYS = 0xffff_fffe

const two = (n: number): string => String(n).padStart(2, '0')
const clockText = (seconds: number): string => `${two(Math.trunc(seconds / 3600))}:${two(Math.trunc(seconds / 60) % 60)}:${two(seconds % 60)}`

function parseDate(text: string): number {
  const parts = /^(\d+)(?:-(\d+)(?:-(\d+)(?:T(\d+)(?::(\d+)(?::(\d+))?)?)?)?)?$/.exec(text)
  const [year, month = 1, day = 1, hour = 0, minute = 0, second = 0] = (parts?.slice(1) ?? []).map((p: string | undefined) => (p === undefined ? undefined : Number(p)))
  if (!parts || year! < 1970 || year! > 2038 || month > 12 || day > 31 || hour > 23 || minute > 59 || second > 59) {
    throw new UsageError(`Invalid date "${text}" specified. Should be YYYY[-MM[-DD[Thh[:mm[:ss]]]]]`)
  }
  return Date.UTC(year!, month - 1, day, hour, minute, second) / 1000
}

function parseMinutes(text: string): number {
  const [, hour, minute, second = '0'] = /^(\d+):(\d+)(?::(\d+))?$/.exec(text) ?? []
  // the message shows what was left to read
  const rest = hour === undefined || Number(hour) > 23 ? text : Number(minute) > 59 ? text.slice(text.indexOf(':') + 1) : text.slice(text.lastIndexOf(':') + 1)
  if (hour === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) throw new UsageError(`invalid time "${rest}" specified, should be hh:mm[:ss] format and within the boundaries`)
  return Number(hour) * 3600 + Number(minute) * 60 + Number(second)
}

function parseMonthdays(text: string): number {
  let bits = 0
  for (const part of text.split(',')) {
    const day = part.slice(0, 2)
    if (!/^\d+$/.test(day) || Number(day) > 31) throw new UsageError(`${day} is not a valid day for --monthdays`)
    bits |= 1 << Number(day)
  }
  return bits >>> 0
}

function parseWeekdays(text: string): number {
  let bits = 0
  for (const part of text.split(',')) {
    const day = part.slice(0, 3)
    if (/^\d+$/.test(day)) {
      if (Number(day) === 0) throw new UsageError('No, the week does NOT begin with Sunday.')
      bits |= 1 << Number(day)
      continue
    }
    const known = WEEKDAYS.findIndex((name, i) => i > 0 && name.slice(0, 2) === day.slice(0, 2))
    if (known < 0) throw new UsageError(`${day} is not a valid day specifier`)
    bits |= 1 << known
  }
  return bits
}

function monthdaysText(bits: number, ordinals: boolean): string {
  const ending = (day: number): string => (!ordinals ? '' : day % 10 === 1 ? 'st' : day % 10 === 2 ? 'nd' : day % 10 === 3 ? 'rd' : 'th')
  return Array.from({ length: 31 }, (_, i) => i + 1).filter((day) => (bits >>> day) & 1).map((day) => `${day}${ending(day)}`).join(',')
}

export const time: MatchExtension = () => {
  let start = 0
  let stop = LAST
  let from = 0
  let until = FOREVER
  let weekdays = ALL_WEEKDAYS
  let monthdays = ALL_MONTHDAYS
  let contiguous = false
  let local = false
  return {
    options: {
      datestart: one((text) => (from = parseDate(text))), datestop: one((text) => (until = parseDate(text))),
      timestart: one((text) => (start = parseMinutes(text))), timestop: one((text) => (stop = parseMinutes(text))),
      contiguous: flag(() => (contiguous = true)),
      weekdays: one((text, invert) => (weekdays = parseWeekdays(text) ^ (invert ? ALL_WEEKDAYS : 0)), true),
      monthdays: one((text, invert) => (monthdays = (parseMonthdays(text) ^ (invert ? ALL_MONTHDAYS : 0)) >>> 0), true),
      utc: flag(() => (local = false)), kerneltz: flag(() => (local = true)),
    },
    finish: () => {
      if (contiguous && start < stop) throw new UsageError('time: --contiguous only makes sense when stoptime is smaller than starttime')
      const daily = start !== 0 || stop !== LAST
      const date = (seconds: number, between: string): string => new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', between)
      const days = [1, 2, 3, 4, 5, 6, 7].filter((d) => (weekdays >> d) & 1).map((d) => WEEKDAYS[d]).join(',')
      return {
        name: 'time',
        save: (daily ? ` --timestart ${clockText(start)} --timestop ${clockText(stop)}` : '') + (monthdays === ALL_MONTHDAYS ? '' : ` --monthdays ${monthdaysText(monthdays, false)}`) +
          (weekdays === ALL_WEEKDAYS ? '' : ` --weekdays ${days}`) + (from === 0 ? '' : ` --datestart ${date(from, 'T')}`) + ` --datestop ${date(until, 'T')}` + (local ? ' --kerneltz' : '') + (contiguous ? ' --contiguous' : ''),
        list: () => 'TIME' + (daily ? ` from ${clockText(start)} to ${clockText(stop)}` : '') + (weekdays === ALL_WEEKDAYS ? '' : ` on ${days}`) +
          (monthdays === ALL_MONTHDAYS ? '' : ` on ${monthdaysText(monthdays, true)}`) + (from === 0 ? '' : ` starting from ${date(from, ' ')}`) + (until === FOREVER ? '' : ` until date ${date(until, ' ')}`) +
          (local ? '' : ' UTC') + (contiguous ? ' contiguous' : ''),
        test: ({ host }) => {
          let now = Math.trunc(host.clock.wall() / 1000)
          if (now < from || now > until) return false
          const inDay = now % DAY
          if (start < stop) {
            if (inDay < start || inDay > stop) return false
          } else {
            if (inDay < start && inDay > stop) return false
            // an hour after midnight belongs to the day before
            if (contiguous && inDay <= stop) now -= DAY
          }
          const day = new Date(now * 1000)
          return ((weekdays >> (day.getUTCDay() || 7)) & 1) === 1 && ((monthdays >>> day.getUTCDate()) & 1) === 1
        },
      }
    },
  }
}
