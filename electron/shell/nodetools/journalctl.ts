import type { Cluster, JournalEntry, NodeView, Process, Task } from '../../engine/cluster.ts'
import { byName } from '../../engine/own.ts'
import { formatTime } from '../coreutils/strftime.ts'
import { globPattern } from './glob.ts'

/** journalctl(1), systemd 252: what the services of a node, systemd and the kernel have written. */

const VALUES: Readonly<Record<string, string>> = byName({ u: 'unit', n: 'lines', o: 'output', S: 'since', U: 'until', g: 'grep', t: 'identifier', b: 'boot' })
const FLAGS: Readonly<Record<string, string>> = byName({ f: 'follow', e: 'pager-end', x: 'catalog', r: 'reverse', k: 'dmesg', q: 'quiet', a: 'all', l: 'full' })
/** Those that change nothing here: there is one boot, no pager and no catalogue. */
const IDLE = new Set(['no-pager', 'catalog', 'pager-end', 'all', 'full', 'boot', 'no-hostname', 'quiet', 'no-full'])

const NOT_HERE = ['system', 'user', 'machine', 'merge', 'directory', 'file', 'root', 'image', 'namespace', 'cursor', 'after-cursor', 'show-cursor', 'cursor-file', 'facility', 'priority', 'case-sensitive', 'output-fields', 'no-tail', 'truncate-newline', 'utc', 'interval', 'verify-key', 'force', 'help', 'version', 'fields', 'field', 'list-boots', 'disk-usage', 'vacuum-size', 'vacuum-files', 'vacuum-time', 'verify', 'sync', 'relinquish-var', 'smart-relinquish-var', 'flush', 'rotate', 'header', 'list-catalog', 'dump-catalog', 'update-catalog', 'setup-keys', 'user-unit', 'this-boot', 'synchronize-on-exit']
const OUTPUTS = ['short', 'short-full', 'short-iso', 'short-iso-precise', 'short-precise', 'short-monotonic', 'short-delta', 'short-unix', 'verbose', 'export', 'json', 'json-pretty', 'json-sse', 'json-seq', 'cat', 'with-unit']
const SIMULATED_OUTPUTS = ['short', 'short-full', 'short-iso', 'short-iso-precise', 'short-precise', 'short-monotonic', 'short-unix', 'json', 'cat', 'with-unit']

interface Asked { units: string[]; follow: boolean; reverse: boolean; kernel: boolean; quiet: boolean; lines: number | undefined; output: string; since: number | undefined; until: number | undefined; grep: RegExp | undefined; identifier: string | undefined }

export function journalctl(cluster: Cluster) {
  return function* (process: Process): Task<number> {
    const view = cluster.nodeView(process.machine)
    if (!view) {
      yield* process.print('No journal files were found.\n-- No entries --\n')
      return 0
    }
    if (/^help$/.test(outputOf(process.argv))) {
      yield* process.print(`${OUTPUTS.join('\n')}\n`)
      return 0
    }
    const asked = parse(process)
    if (typeof asked === 'string') {
      yield* process.printError(asked)
      return asked.startsWith('podhop') ? 69 : 1
    }
    const wanted = (e: JournalEntry): boolean =>
      (asked.units.length === 0 || asked.units.some((u) => u === e.unit || (/[*?[]/.test(u) && globPattern(u).test(e.unit)))) && (!asked.kernel || e.unit === 'kernel') && (asked.identifier === undefined || e.identifier === asked.identifier) &&
      (asked.since === undefined || e.at >= asked.since) && (asked.until === undefined || e.at <= asked.until) && (asked.grep === undefined || asked.grep.test(e.text()))
    let entries = [...view.journal(), ...kernel(view, process)].sort((a, b) => a.at - b.at).filter(wanted)
    const limit = asked.lines ?? (asked.follow ? 10 : undefined)
    if (limit !== undefined) entries = limit === 0 ? [] : entries.slice(-limit)
    if (asked.reverse) entries.reverse()
    const print = (e: JournalEntry): string => (asked.output === 'cat' ? `${e.text()}\n` : asked.output === 'json' ? json(e) : shortLine(e, asked.output, process.clock.epoch))
    if (entries.length > 0) yield* process.print(entries.map(print).join(''))
    else if (!asked.follow && !asked.quiet) yield* process.print('-- No entries --\n')
    if (!asked.follow) return 0
    const queue: string[] = []
    let wake: (() => void) | undefined
    process.onExit(view.followJournal((e) => {
      if (!wanted(e)) return
      queue.push(print(e))
      wake?.()
    }))
    for (;;) {
      if (queue.length > 0) yield* process.print(queue.splice(0).join(''))
      else {
        yield (resume) => {
          wake = resume
          return () => (wake = undefined)
        }
      }
    }
  }
}

/** "-o help" tells the names of all. */
function outputOf(argv: readonly string[]): string {
  const at = argv.findLastIndex((a) => a === '-o' || a === '--output')
  return at < 0 ? (argv.findLast((a) => a.startsWith('--output=') || a.startsWith('-o'))?.replace(/^(--output=|-o)/, '') ?? '') : (argv[at + 1] ?? '')
}

function parse(process: Process): Asked | string {
  const words = process.argv.slice(1)
  const given = new Map<string, string[]>()
  const add = (name: string, value: string): void => void given.set(name, [...(given.get(name) ?? []), value])
  const takes = (name: string): boolean => (name === 'lines' ? /^(\d+|all)$/ : /^[+-]?\d+$/).test(words[0] ?? '')
  const optional = (name: string): boolean => (name === 'boot' || name === 'lines') && !takes(name)
  while (words.length > 0) {
    const word = words.shift()!
    if (word.startsWith('--')) {
      const [name, value] = word.slice(2).split(/=(.*)/s) as [string, string?]
      if (IDLE.has(name) || Object.values(FLAGS).includes(name)) add(name, '')
      else if (Object.values(VALUES).includes(name)) add(name, value ?? (optional(name) ? '' : (words.shift() ?? '')))
      else if (!NOT_HERE.includes(name)) return `journalctl: unrecognized option '${word}'\n`
      else return `podhop: not simulated: journalctl --${name} (use -u, -n, -f, --since, --until, -o, -g, -k)\n`
    } else if (word.startsWith('-') && word.length > 1) {
      for (let i = 1; i < word.length; i++) {
        const letter = word[i]!
        if (FLAGS[letter]) add(FLAGS[letter], '')
        else if (VALUES[letter]) {
          const rest = word.slice(i + 1)
          const name = VALUES[letter]
          add(name, rest || (optional(name) ? '' : (words.shift() ?? '')))
          break
        } else return /[pmMDcFNTWI]/.test(letter) ? `podhop: not simulated: journalctl -${letter} (use -u, -n, -f, --since, --until, -o, -g, -k)\n` : `journalctl: invalid option -- '${letter}'\n`
      }
    } else if (/^_SYSTEMD_UNIT=/.test(word)) add('unit', word.slice(14))
    else return word.includes('=') || word.startsWith('/') ? `podhop: not simulated: journalctl ${word} (use -u UNIT)\n` : `Failed to add match '${word}': Invalid argument\n`
  }
  const last = (name: string): string | undefined => given.get(name)?.at(-1)
  const since = time(process, last('since'))
  const until = time(process, last('until'))
  for (const [value, word] of [[since, last('since')], [until, last('until')]] as const) if (value !== undefined && Number.isNaN(value)) return `Failed to parse timestamp: ${word}\n`
  const output = last('output') ?? 'short'
  if (!SIMULATED_OUTPUTS.includes(output)) return OUTPUTS.includes(output) ? `podhop: not simulated: journalctl -o ${output} (use ${SIMULATED_OUTPUTS.join(', ')})\n` : `Unknown output '${output}'.\n`
  const boot = last('boot') ?? ''
  if (/^[+-]?\d+$/.test(boot) && !['0', '-0', '+0', '1', '+1'].includes(boot)) return `Data from the specified boot (${boot}) is not available: No such boot ID in journal\n`
  const count = last('lines') ?? ''
  if (count !== '' && count !== 'all' && !/^\d+$/.test(count)) return `Failed to parse lines '${count}'\n`
  const lines = last('lines')
  const grep = last('grep')
  let pattern: RegExp | undefined
  try {
    pattern = grep === undefined ? undefined : new RegExp(grep, grep === grep.toLowerCase() ? 'i' : '')
  } catch {
    return /^[^)]*\((?!.*\))/.test(grep ?? '') ? `Bad pattern "${grep}": missing closing parenthesis\n` : `podhop: not simulated: journalctl -g with the pattern ${grep} (use a simpler one)\n`
  }
  return {
    units: (given.get('unit') ?? []).map((u) => u.replace(/\.service$/, '')), follow: given.has('follow'), reverse: given.has('reverse'), kernel: given.has('dmesg'), quiet: given.has('quiet'),
    lines: lines === undefined ? (given.has('pager-end') ? 1000 : undefined) : lines === '' ? 10 : lines === 'all' ? undefined : Number(lines), output, since, until,
    grep: pattern, identifier: last('identifier'),
  }
}

/** systemd.time(7): "2026-01-05 08:00:00", "08:00", "today", "-5min", "5 min ago"; NaN for what is none. */
function time(process: Process, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const now = process.clock.wall()
  const midnight = Math.floor(now / 86_400_000) * 86_400_000
  if (text === 'now') return now
  if (text === 'today') return midnight
  if (text === 'yesterday') return midnight - 86_400_000
  const span = /^-?((?:\d+(?:\.\d+)?\s*[a-z]+\s*)+?)(?:\s*ago)?$/.exec(text)
  if (span && (text.startsWith('-') || text.endsWith('ago'))) {
    const unit = (u: string): number => (/^(s|sec|second)s?$/.test(u) ? 1000 : /^(m|min|minute)s?$/.test(u) ? 60_000 : /^(h|hr|hour)s?$/.test(u) ? 3_600_000 : /^(d|day)s?$/.test(u) ? 86_400_000 : Number.NaN)
    return now - [...span[1]!.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/g)].filter(([, , u]) => u !== 'ago').reduce((sum, [, n, u]) => sum + Number(n) * unit(u!), 0)
  }
  const clock = /^(\d\d):(\d\d)(?::(\d\d))?$/.exec(text)
  if (clock) return midnight + ((Number(clock[1]) * 60 + Number(clock[2])) * 60 + Number(clock[3] ?? 0)) * 1000
  return Date.parse(`${text.replace(' ', 'T').replace(/^(\d{4}-\d\d-\d\d)$/, '$1T00:00')}Z`)
}

/** "Jan 05 08:00:00 worker-1 kubelet[645]: text"; what has more lines is put below its beginning. */
export function shortLine(entry: JournalEntry, output = 'short', boot = 0): string {
  const { at, node, identifier, pid } = entry
  const micro = `.${String(Math.floor((at % 1000) * 1000)).padStart(6, '0')}`
  const stamps: Record<string, () => string> = {
    'short-iso': () => formatTime(at, '%Y-%m-%dT%H:%M:%S+0000'), 'short-iso-precise': () => `${formatTime(at, '%Y-%m-%dT%H:%M:%S')}${micro}+0000`, 'short-full': () => formatTime(at, '%a %Y-%m-%d %H:%M:%S UTC'), 'with-unit': () => formatTime(at, '%a %Y-%m-%d %H:%M:%S UTC'),
    'short-precise': () => formatTime(at, '%b %d %H:%M:%S') + micro, 'short-unix': () => `${Math.floor(at / 1000)}${micro}`, 'short-monotonic': () => `[${((at - boot) / 1000).toFixed(6).padStart(12)}]`,
  }
  const stamp = stamps[output]?.() ?? formatTime(at, '%b %d %H:%M:%S')
  const source = output === 'with-unit' && entry.unit !== 'kernel' ? `${entry.unit}.service` : identifier
  const head = `${stamp} ${node} ${source}${entry.unit === 'kernel' ? '' : `[${pid}]`}: `
  return `${head}${entry.text().split('\n').join(`\n${' '.repeat(head.length)}`)}\n`
}

function json(e: JournalEntry): string {
  return `${JSON.stringify({ __REALTIME_TIMESTAMP: String(Math.floor(e.at * 1000)), MESSAGE: e.text(), SYSLOG_IDENTIFIER: e.identifier, _HOSTNAME: e.node, _PID: String(e.pid), _SYSTEMD_UNIT: `${e.unit}.service` })}\n`
}

function kernel(view: NodeView, process: Process): JournalEntry[] {
  return (view.machine.network.kernelLog ?? []).map(({ at, text }) => ({ node: view.name, unit: 'kernel', identifier: 'kernel', pid: 0, at: process.clock.epoch + at, text: () => text }))
}
