import { SystemError } from '../../engine/machine/errors.ts'
import { MOST_IN_MEMORY } from '../../engine/machine/input.ts'
import { mayChangeEntry, owned, statIfAny } from './access.ts'
import { Failure, quote, quoted, tool } from './command.ts'
import { parseDate } from './date-parse.ts'

/** touch -t: [[CC]YY]MMDDhhmm[.ss] */
function stampOf(text: string, now: number): number | undefined {
  const match = /^(\d\d)?(\d\d)?(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d\d))?$/.exec(text)
  if (!match) return undefined
  const [, first, second, month, day, hour, minute, seconds = '00'] = match
  const year = second !== undefined ? `${first}${second}` : first === undefined ? String(new Date(now).getUTCFullYear()) : `${Number(first) < 69 ? 20 : 19}${first}`
  return parseDate(`${year}-${month}-${day} ${hour}:${minute}:${seconds}`, now)
}

tool('touch', { flags: 'cam', values: 'drt', long: { 'no-create': 'c', date: 'd=', reference: 'r=', time: 'time=' }, unsupported: 'fh' }, function* (run) {
  const { options, process } = run
  if (options.operands.length === 0) throw new Failure('missing file operand', 1, true)
  const reference = options.value('r')
  const referred = reference === undefined ? undefined : statIfAny(process, run.resolve(reference))
  if (reference !== undefined && !referred) throw new Failure(`failed to get attributes of ${quoted(reference)}: No such file or directory`)
  const [date, stamp] = [options.value('d'), options.value('t')]
  let time = referred?.mtime
  if (date !== undefined) {
    time = parseDate(date, time ?? process.clock.wall())
    if (time === undefined) throw new Failure(`invalid date format ${quote(date)}`)
  }
  if (stamp !== undefined) {
    time = stampOf(stamp, process.clock.wall())
    if (time === undefined) throw new Failure(`invalid date format ${quote(stamp)}`)
  }
  // There is one time of a file here; that of access alone would not be kept.
  if (options.has('a') && !options.has('m')) time = NaN
  for (const name of options.operands) {
    yield* run.attempt((e) => (run.isBusybox ? `${name}: ${e.message}` : `cannot touch ${quoted(name)}: ${e.message}`), () => {
      const path = run.resolve(name)
      const existing = statIfAny(process, path)
      if (!existing) {
        if (options.has('c')) return
        if (name.endsWith('/')) throw new SystemError('ENOENT')
        process.open(name, 'append').release()
      }
      if (!Number.isNaN(time)) process.fs.touch(path, time)
    })
  }
})

tool('truncate', { flags: 'c', values: 'sr', long: { size: 's=', reference: 'r=', 'no-create': 'c' }, unsupported: 'o' }, function* (run) {
  const { options, process } = run
  const given = options.value('s')
  const reference = options.value('r')
  if (given === undefined && reference === undefined) throw new Failure("you must specify either '--size' or '--reference'", 1, true)
  const size = /^([-+<>/%]?)(\d+)([KMG]?)(B?)$/.exec(given ?? '+0')
  if (!size) throw new Failure(`Invalid number: ${quote(given!)}`)
  const amount = Number(size[2]) * (size[4] ? 1000 : 1024) ** ['', 'K', 'M', 'G'].indexOf(size[3]!)
  if (options.operands.length === 0) throw new Failure('missing file operand', 1, true)
  const sizeFrom = (old: number): number => {
    switch (size[1]) {
      case '+': return old + amount
      case '-': return Math.max(0, old - amount)
      case '<': return Math.min(old, amount)
      case '>': return Math.max(old, amount)
      case '/': return Math.floor(old / amount) * amount
      case '%': return Math.ceil(old / amount) * amount
      default: return amount
    }
  }
  for (const name of options.operands) {
    yield* run.attempt((e) => `cannot open ${quoted(name)} for writing: ${e.message}`, () => {
      if (options.has('c') && !process.fs.exists(run.resolve(name))) return
      process.open(name, 'append').release()
      const bytes = sizeFrom(process.fs.stat(run.resolve(reference ?? name)).size)
      if (bytes > MOST_IN_MEMORY) throw new SystemError('ENOSPC')
      const out = new Uint8Array(bytes)
      out.set(process.fs.readFile(run.resolve(name)).subarray(0, bytes))
      process.fs.writeFile(run.resolve(name), out)
    })
  }
})

tool('mktemp', { flags: 'dqut', values: 'p', long: { directory: 'd', tmpdir: 'tmpdir?', suffix: 'suffix=' } }, function* (run) {
  const { options, process } = run
  const [template = 'tmp.XXXXXXXXXX'] = options.operands
  const marks = /X{3,}(?=[^X]*$)/.exec(template)
  if (!marks) throw new Failure(`too few X's in template ${quote(template)}`)
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
  const filled = template.replace(marks[0], [...marks[0]].map(() => process.clock.random.pick([...letters])).join('')) + (options.value('suffix') ?? '')
  const name = options.operands.length === 0 || options.has('t', 'p', 'tmpdir') ? `${options.value('p') ?? (options.value('tmpdir') || process.env.get('TMPDIR') || '/tmp')}/${filled}` : filled
  const ok = yield* run.attempt((e) => `failed to create ${options.has('d') ? 'directory' : 'file'} via template ${quote(template)}: ${e.message}`, () => {
    const path = run.resolve(name)
    mayChangeEntry(process, path)
    if (options.has('d')) process.fs.makeDirectory(path, { mode: 0o700 })
    else process.fs.writeFile(path, '', 0o600)
    owned(process, path)
  })
  if (ok) yield* run.print(name + '\n')
})
