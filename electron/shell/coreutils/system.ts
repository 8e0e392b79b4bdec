import { KERNEL } from '../../engine/cluster.ts'
import { HARDWARE } from '../../engine/machine/hardware.ts'
import type { Process } from '../../engine/machine/types.ts'
import { groupName, groupsOf, userId, userName } from './accounts.ts'
import { Failure, NotSimulated, quote, tool } from './command.ts'
import { parseDate } from './date-parse.ts'
import { formatTime } from './strftime.ts'

tool('whoami', {}, function* (run) {
  yield* run.print(run.process.user.name + '\n')
})

tool('groups', {}, function* (run) {
  yield* run.print(groupsOf(run.process).map((gid) => groupName(run.process, gid) ?? String(gid)).join(' ') + '\n')
})

tool('id', { flags: 'ugnrG', long: { user: 'u', group: 'g', name: 'n', groups: 'G' }, unsupported: 'aZz' }, function* (run) {
  const { options, process } = run
  const [name] = options.operands
  const named = name === undefined ? undefined : userId(process, name)
  if (name !== undefined && !named) throw new Failure(`${quote(name)}: no such user`)
  const { uid, gid } = named ?? process.user
  const user = userName(process, uid)
  const group = groupName(process, gid)
  if (options.has('u')) return yield* run.print((options.has('n') ? (user ?? String(uid)) : String(uid)) + '\n')
  if (options.has('g')) return yield* run.print((options.has('n') ? (group ?? String(gid)) : String(gid)) + '\n')
  const groups = named ? [gid] : groupsOf(process)
  if (options.has('G')) return yield* run.print(groups.map((each) => (options.has('n') ? (groupName(process, each) ?? String(each)) : String(each))).join(' ') + '\n')
  const shown = (n: number, text: string | undefined): string => (text === undefined ? String(n) : `${n}(${text})`)
  yield* run.print(`uid=${shown(uid, user)} gid=${shown(gid, group)} groups=${groups.map((each) => shown(each, groupName(process, each))).join(',')}\n`)
})

tool('uname', { flags: 'asnrvmpio', long: { all: 'a', 'kernel-name': 's', nodename: 'n', 'kernel-release': 'r', 'kernel-version': 'v', machine: 'm', 'operating-system': 'o' } }, function* (run) {
  const { options, process } = run
  const values: [string, string][] = [['s', 'Linux'], ['n', process.machine.hostname], ['r', KERNEL.release], ['v', KERNEL.version], ['m', 'x86_64'], ['o', 'GNU/Linux']]
  const shown = values.filter(([o]) => options.has('a', o))
  yield* run.print((shown.length > 0 ? shown.map(([, v]) => v).join(' ') : options.has('p', 'i') ? 'unknown' : 'Linux') + '\n')
})

tool('arch', {}, function* (run) {
  yield* run.print('x86_64\n')
})

tool('nproc', { long: { all: 'all' } }, function* (run) {
  yield* run.print(`${HARDWARE.cpus}\n`)
})

tool('tty', { flags: 's' }, function* (run) {
  const terminal = run.process.terminalOf(0)
  if (!run.options.has('s')) yield* run.print(terminal ? '/dev/pts/0\n' : 'not a tty\n')
  return terminal ? 0 : 1
})

tool('stty', 'raw', function* (run) {
  const terminal = run.process.terminalOf(0)
  if (!terminal) throw new Failure("'standard input': Inappropriate ioctl for device")
  const { operands } = run.options
  if (operands[0] === 'size') return yield* run.print(`${terminal.rows} ${terminal.columns}\n`)
  for (const word of operands) {
    if (word === 'echo' || word === '-echo') terminal.echo = word === 'echo'
    else if (word === 'raw') terminal.canonical = terminal.signals = false
    else if (word === 'sane' || word === '-raw' || word === 'cooked') terminal.canonical = terminal.signals = terminal.echo = true
    else throw new NotSimulated(`stty ${word} (stty size, echo, raw, sane)`)
  }
  if (operands.length === 0) yield* run.print(`speed 38400 baud; line = 0;\n${terminal.echo ? '' : '-echo '}\n`)
})

/** How long the machine has been up, as procps-ng and busybox tell it. */
export function uptimeText(process: Process, busybox: boolean): string {
  const { clock, machine } = process
  const minutes = Math.floor(clock.now / 60_000)
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60]
  const up = `${days > 0 ? `${days} day${days === 1 ? '' : 's'}, ` : ''}${hours > 0 ? `${String(hours).padStart(2)}:${String(rest).padStart(2, '0')}` : `${rest} min`}`
  // nobody logs in to a container
  const users = machine.kind === 'container' ? 0 : 1
  return `${formatTime(clock.wall(), '%H:%M:%S')} up ${up},  ${users} user${busybox && users !== 1 ? 's' : ''},  load average: 0.00, 0.00, 0.00`
}

tool('uptime', { flags: 'ps', long: { pretty: 'p', since: 's' } }, function* (run) {
  const { clock } = run.process
  const minutes = Math.floor(clock.now / 60_000)
  const [weeks, days, hours, rest] = [Math.floor(minutes / 10_080), Math.floor(minutes / 1440) % 7, Math.floor(minutes / 60) % 24, minutes % 60]
  const parts = ([[weeks, 'week'], [days, 'day'], [hours, 'hour'], [rest, 'minute']] as const).filter(([n], i) => n > 0 || (i === 3 && minutes < 60)).map(([n, word]) => `${n} ${word}${n === 1 ? '' : 's'}`)
  if (run.options.has('p')) return yield* run.print(`up ${parts.join(', ')}\n`)
  if (run.options.has('s')) return yield* run.print(formatTime(clock.epoch, '%Y-%m-%d %H:%M:%S') + '\n')
  yield* run.print(` ${uptimeText(run.process, run.isBusybox)}\n`)
})

tool('logname', {}, function* (run) {
  const [extra] = run.options.operands
  if (extra !== undefined) throw new Failure(`extra operand ${quote(extra)}`, 1, true)
  // a login leaves its name with the terminal; in a container nobody has logged in
  if (run.process.machine.kind === 'container' || !run.process.terminalOf(0)) throw new Failure('no login name')
  yield* run.print(`${run.process.machine.user.name}\n`)
})

tool('date', { flags: 'uRI', attached: 'I', values: 'dr', long: { utc: 'u', universal: 'u', date: 'd=', 'rfc-email': 'R', 'iso-8601': 'I?', 'rfc-3339': 'rfc=' , reference: 'r=' }, unsupported: 'fs' }, function* (run) {
  const { options, process } = run
  const [operand, extra] = options.operands
  if (extra !== undefined) throw new Failure(`extra operand ${quote(extra)}`, 1, true)
  if (operand !== undefined && !operand.startsWith('+')) {
    if (/^\d{8,12}(\.\d+)?$/.test(operand)) throw new NotSimulated('setting the date (hop time)')
    throw new Failure(`invalid date ${quote(operand)}`)
  }
  let ms = process.clock.wall()
  const given = options.value('d')
  if (given !== undefined) {
    const parsed = parseDate(given, ms)
    if (parsed === undefined) throw new Failure(`invalid date ${quote(given)}`)
    ms = parsed
  }
  if (options.has('r')) ms = process.fs.stat(run.resolve(options.value('r')!)).mtime
  const iso = options.value('I') ?? options.value('rfc')
  const format = operand !== undefined ? operand.slice(1)
    : options.has('R') ? '%a, %d %b %Y %H:%M:%S %z'
      : iso !== undefined ? (iso === '' || iso === 'date' ? '%Y-%m-%d' : options.has('rfc') ? (iso === 'ns' ? '%Y-%m-%d %H:%M:%S.%N%:z' : '%Y-%m-%d %H:%M:%S%:z') : iso === 'hours' ? '%Y-%m-%dT%H%:z' : iso === 'minutes' ? '%Y-%m-%dT%H:%M%:z' : iso === 'ns' ? '%Y-%m-%dT%H:%M:%S,%N%:z' : '%Y-%m-%dT%H:%M:%S%:z')
        : run.isBusybox ? '%a %b %e %H:%M:%S %Z %Y' : '%a %b %e %H:%M:%S %Z %Y'
  yield* run.print(formatTime(ms, format) + '\n')
})

tool('vi vim emacs', 'raw', function* (run) {
  yield* []
  throw new NotSimulated(`${run.name} (nano, or cat > FILE <<EOF)`)
})
