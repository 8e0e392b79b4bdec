import type { Task } from '../../engine/machine/task.ts'
import { isSystemError } from '../../engine/machine/errors.ts'
import type { FileStat } from '../../engine/machine/types.ts'
import { mayList } from './access.ts'
import { Failure, NotSimulated, quote, quoted, tool, type Run } from './command.ts'
import { diskBlocks } from './ls.ts'

/** du(1): files take whole blocks of 4 KiB. */
tool('du', {
  flags: 'abchkmsxlLPSD0', values: 'dB',
  long: { all: 'a', bytes: 'b', total: 'c', 'human-readable': 'h', summarize: 's', 'max-depth': 'd=', 'apparent-size': 'apparent', 'block-size': 'B=', 'one-file-system': 'x', si: 'si', exclude: 'exclude=', time: 'time?' },
  unsupported: 'HtX',
}, function* (run) {
  const { options, process } = run
  for (const option of ['B', 'exclude', 'time', 'si', 'S', 'L', 'D', 'l', '0']) if (options.has(option)) throw new NotSimulated(`this form of du (du -a, -b, -c, -d, -h, -k, -m, -s)`)
  const depthText = options.value('d')
  if (depthText !== undefined && !/^\d+$/.test(depthText)) throw new Failure(`invalid maximum depth ${quote(depthText)}`, 1, true)
  if (options.has('s') && options.has('a')) throw new Failure('cannot both summarize and show all entries', 1, true)
  const depth = options.has('s') ? 0 : Number(depthText ?? Infinity)
  const seen = new Set<number>()
  let total = 0
  for (const name of options.operands.length > 0 ? options.operands : ['.']) {
    try {
      total += yield* usage(run, run.resolve(name), name, process.fs.lstat(run.resolve(name)), 0, depth, seen)
    } catch (error) {
      if (!isSystemError(error)) throw error
      yield* run.warn(`cannot access ${quoted(name)}: ${error.message}`)
    }
  }
  if (options.has('c')) yield* run.print(`${amount(run, total)}\ttotal\n`)
})

function* usage(run: Run, path: string, shown: string, stat: FileStat, level: number, depth: number, seen: Set<number>): Task<number> {
  const { options, process } = run
  // A file with several names counts once.
  if (stat.type !== 'directory' && stat.links > 1) {
    if (seen.has(stat.inode)) return 0
    seen.add(stat.inode)
  }
  const apparent = options.has('b', 'apparent')
  let sum = apparent ? stat.size : diskBlocks(stat) * 1024
  if (stat.type === 'directory') {
    let names: string[] = []
    try {
      mayList(process, path)
      names = process.fs.readDirectory(path)
    } catch (error) {
      if (!isSystemError(error)) throw error
      yield* run.warn(`cannot read directory ${quoted(shown)}: ${error.message}`)
    }
    for (const name of names) {
      const inner = `${path === '/' ? '' : path}/${name}`
      sum += yield* usage(run, inner, `${shown === '/' ? '' : shown.replace(/\/$/, '')}/${name}`, process.fs.lstat(inner), level + 1, depth, seen)
    }
  }
  if (level <= depth && (stat.type === 'directory' || options.has('a') || level === 0)) yield* run.print(`${amount(run, sum)}\t${shown}\n`)
  return sum
}

function amount({ options }: Run, bytes: number): string {
  const unit = options.last('b', 'h', 'k', 'm')
  if (unit === 'b') return String(bytes)
  if (unit === 'm') return String(Math.ceil(bytes / 1024 ** 2))
  if (unit !== 'h') return String(Math.ceil(bytes / 1024))
  let n = bytes
  let power = -1
  while (n >= 1024) {
    n /= 1024
    power++
  }
  return power < 0 ? String(n) : (n < 10 ? (Math.ceil(n * 10) / 10).toFixed(1) : String(Math.ceil(n))) + 'KMGT'[power]
}
