import { byName } from '../../../own.ts'
import { NotSimulated, UsageError } from '../errors.ts'
import { flag, one, parseNumber } from '../extension.ts'
import type { TargetExtension } from '../extension.ts'
import { logPacket } from '../log-text.ts'
import { quoted } from '../names.ts'

const LEVELS = ['emerg', 'alert', 'crit', 'error', 'warning', 'notice', 'info', 'debug']
/** The first name of each in syslog.h's table, as libxt_LOG shows it. */
const LISTED_LEVELS = ['emerg', 'alert', 'crit', 'err', 'warn', 'notice', 'info', 'debug']
const LEVEL_ALIASES: Readonly<Record<string, number>> = byName({ panic: 0, err: 3, warn: 4 })

/** Writes to the kernel's log (dmesg, journalctl -k). */
export const LOG: TargetExtension = () => {
  let level = 4
  let prefix = ''
  const words = new Set<string>()
  const bits: Readonly<Record<string, number>> = { 'log-tcp-sequence': 1, 'log-tcp-options': 2, 'log-ip-options': 4, 'log-uid': 8, 'log-macdecode': 32 }
  const option = (name: string) => flag(() => words.add(name))
  return {
    options: {
      'log-level': one((text) => {
        const known = parseNumber(text, 7) ?? LEVEL_ALIASES[text] ?? LEVELS.indexOf(text)
        if (known < 0) throw new UsageError(`log level "${text}" unknown\n`)
        level = known
      }),
      'log-prefix': one((text) => (prefix = text.slice(0, 29))),
      ...Object.fromEntries(Object.keys(bits).map((name) => [name, option(name)])),
    },
    finish: () => {
      const flags = Object.keys(bits).filter((name) => words.has(name))
      const sum = flags.reduce((n, name) => n + bits[name]!, 0)
      return {
        name: 'LOG',
        save: `${prefix === '' ? '' : ` --log-prefix ${quoted(prefix)}`}${level === 4 ? '' : ` --log-level ${level}`}${flags.map((f) => ` --${f}`).join('')}`,
        list: (numeric) => `LOG${numeric ? ` flags ${sum} level ${level}` : ` level ${LISTED_LEVELS[level]}${flags.map((f) => f.replace('log-', ' ')).join('')}`}${prefix === '' ? '' : ` prefix "${prefix}"`}`,
        run: ({ host, packet, inLink, outLink }) => {
          logPacket(host.namespace, { packet, inLink, outLink, prefix, flags: { tcpSequence: words.has('log-tcp-sequence'), tcpOptions: words.has('log-tcp-options'), uid: words.has('log-uid'), macDecode: words.has('log-macdecode') } })
          return 'continue'
        },
      }
    },
  }
}

/** Hands packets to a program that nothing runs here (ulogd); the rule counts. */
export const NFLOG: TargetExtension = () => {
  const values: Record<string, string> = {}
  const number = (name: string, most: number) => one((text) => {
    if (parseNumber(text, most) === undefined) throw new UsageError(`NFLOG: bad value for option "--${name}", or out of range (0-${most}).`)
    values[name] = text
  })
  return {
    options: {
      'nflog-group': number('nflog-group', 65_535), 'nflog-size': number('nflog-size', 0xffff_ffff), 'nflog-threshold': number('nflog-threshold', 65_535),
      'nflog-prefix': one((text) => (values['nflog-prefix'] = quoted(text))),
    },
    finish: () => {
      const text = (dash: string): string => ['prefix', 'group', 'size', 'threshold'].flatMap((o) => (values[`nflog-${o}`] === undefined ? [] : [` ${dash}nflog-${o} ${values[`nflog-${o}`]}`])).join('')
      return { name: 'NFLOG', save: text('--'), list: () => text('').slice(1), run: () => 'continue' }
    },
  }
}

/** Only --notrack is simulated. */
export const CT: TargetExtension = () => {
  let notrack = false
  return {
    options: {
      notrack: flag(() => (notrack = true)),
      ...Object.fromEntries(['zone', 'zone-orig', 'zone-reply', 'helper', 'timeout', 'ctevents', 'expevents'].map((name) => [name, one(() => {
        throw new NotSimulated(`-j CT --${name}`)
      })])),
    },
    finish: () => ({
      name: 'CT', tables: ['raw'], hooks: ['prerouting', 'output'], save: notrack ? ' --notrack' : '',
      list: () => (notrack ? 'CT notrack' : 'CT'),
      run: ({ packet }) => {
        if (notrack) packet.meta.state = 'UNTRACKED'
        return 'continue'
      },
    }),
  }
}

/** The packet's way through what follows is told (xtables-monitor, nft monitor trace). The nf_tables back end takes it in every table. */
export const TRACE: TargetExtension = () => ({
  options: {},
  finish: () => ({
    name: 'TRACE', save: '', list: () => '',
    run: ({ packet, host }) => {
      host.tracing.begin(packet)
      return 'continue'
    },
  }),
})

export const NOTRACK: TargetExtension = () => ({
  options: {},
  finish: () => ({
    name: 'NOTRACK', listName: 'CT', tables: ['raw'], hooks: ['prerouting', 'output'], save: '', list: () => 'NOTRACK',
    run: ({ packet }) => {
      packet.meta.state = 'UNTRACKED'
      return 'continue'
    },
  }),
})
