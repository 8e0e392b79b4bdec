import { HARDWARE } from '../../engine/machine/hardware.ts'
import { isSystemError } from '../../engine/machine/errors.ts'
import { Failure, tool, type Run } from './command.ts'

/** df(1) of coreutils 9.1 and busybox's, over /proc/mounts. */

interface Mount { source: string; target: string; type: string; /** KiB */ size: number; used: number; available: number; inodes: number; inodesUsed: number }

/** Of the disk: what the system and its images take. */
const DISK_USED = 9_482_160
const TMPFS = 65_536
const DISKS = new Set(['overlay', 'ext4'])

function mountsOf(run: Run): Mount[] {
  return run.process.fs.readText(`/proc/${run.process.pid}/mounts`).trim().split('\n').map((line) => {
    const [source, target, type] = line.split(' ') as [string, string, string]
    const memory = HARDWARE.memory / 2
    const size = DISKS.has(type) ? HARDWARE.disk : type === 'tmpfs' ? (line.includes(`size=${TMPFS}k`) ? TMPFS : memory) : 0
    const used = DISKS.has(type) ? DISK_USED : 0
    return { source, target, type, size, used, available: DISKS.has(type) ? size - used - Math.floor(size / 20) : size, inodes: DISKS.has(type) ? Math.floor(size / 16) : type === 'tmpfs' ? Math.floor(HARDWARE.memory / 8) : 0, inodesUsed: DISKS.has(type) ? 187_342 : type === 'tmpfs' ? 17 : 0 }
  })
}

/** The mount that a path lies on. */
const mountOf = (path: string, mounts: readonly Mount[]): Mount => mounts.filter((m) => path === m.target || path.startsWith(m.target === '/' ? '/' : `${m.target}/`)).sort((a, b) => b.target.length - a.target.length)[0]!

/** "59G", "9.1G", "64M": rounded up. */
function human(kib: number, base: number): string {
  if (kib === 0) return '0'
  let [value, i] = [kib * 1024, 0]
  const ends = base === 1000 ? ['', 'k', 'M', 'G', 'T'] : ['', 'K', 'M', 'G', 'T']
  while (value >= base) [value, i] = [value / base, i + 1]
  const tenth = Math.ceil(value * 10 - 1e-9) / 10
  return tenth < 10 && i > 0 ? `${tenth.toFixed(1)}${ends[i]!}` : `${Math.ceil(value - 1e-9)}${ends[i]!}`
}

/** busybox: one place, not rounded up. */
function busyboxHuman(kib: number): string {
  if (kib === 0) return '0'
  let [value, i] = [kib, 0]
  while (value >= 1024) [value, i] = [value / 1024, i + 1]
  return `${value.toFixed(1)}${'KMGT'[i]!}`
}

const UNITS: ReadonlyMap<string, [number, string]> = new Map([['k', [1, '1K']], ['K', [1, '1K']], ['m', [1024, '1M']], ['M', [1024, '1M']], ['MB', [1e6 / 1024, '1MB']], ['KB', [1000 / 1024, '1kB']], ['G', [1024 ** 2, '1G']], ['GB', [1e9 / 1024, '1GB']], ['1', [1 / 1024, '1B']], ['512', [0.5, '512B']], ['1024', [1, '1K']], ['1K', [1, '1K']], ['1M', [1024, '1M']], ['1G', [1024 ** 2, '1G']]])

tool('df', { flags: 'ahHiklmPTv', values: 'Btx', long: { all: 'a', 'human-readable': 'h', si: 'H', inodes: 'i', local: 'l', portability: 'P', 'print-type': 'T', type: 't=', 'exclude-type': 'x=', 'block-size': 'B=', total: 'total', sync: 'sync', 'no-sync': 'nosync' } }, function* (run) {
  const { options } = run
  const mounts = mountsOf(run)
  const shown: { mount: Mount; file: string }[] = []
  for (const name of options.operands) {
    try {
      const path = run.process.fs.realPath(run.resolve(name))
      shown.push({ mount: mountOf(path, mounts), file: name })
    } catch (error) {
      if (!isSystemError(error)) throw error
      yield* run.warn(run.isBusybox ? `${name}: can't find mount point: ${error.message}` : `${name}: ${error.message}`)
    }
  }
  if (options.operands.length === 0) for (const mount of mounts) if (mount.size > 0 || options.has('a')) shown.push({ mount, file: '-' })
  const [only, without] = [options.values('t'), options.values('x')]
  const rows = shown.filter(({ mount }) => (only.length === 0 || only.includes(mount.type)) && !without.includes(mount.type))
  if (rows.length === 0) {
    if (run.code === 0 || shown.length > 0) throw new Failure('no file systems processed')
    return run.code
  }
  const unitName = options.value('B') ?? (options.has('m') ? 'M' : 'K')
  const scale = UNITS.get(unitName)
  if (!scale) throw new Failure(`invalid --block-size argument '${unitName}'`)
  const letter = options.last('h', 'H', 'k', 'm', 'B')
  const size = (kib: number): string => (letter === 'h' ? (run.isBusybox ? busyboxHuman(kib) : human(kib, 1024)) : letter === 'H' ? human(kib, 1000) : String(Math.ceil(kib / scale[0])))
  const percent = (used: number, of: number): string => (of === 0 ? '-' : `${Math.ceil((used * 100) / of)}%`)
  const total = options.has('total') ? [{ mount: rows.reduce<Mount>((sum, { mount: m }) => ({ ...sum, size: sum.size + m.size, used: sum.used + m.used, available: sum.available + m.available, inodes: sum.inodes + m.inodes, inodesUsed: sum.inodesUsed + m.inodesUsed }), { source: 'total', target: '-', type: '-', size: 0, used: 0, available: 0, inodes: 0, inodesUsed: 0 }), file: '-' }] : []
  const cells = [...rows, ...total].map(({ mount: m }) => [
    m.source, ...(options.has('T') ? [m.type] : []),
    ...(options.has('i') ? [m.inodes, m.inodesUsed, m.inodes - m.inodesUsed].map((n) => (letter === 'h' ? human(n / 1024, 1024) : String(n))) : [m.size, m.used, m.available].map(size)),
    options.has('i') ? percent(m.inodesUsed, m.inodes) : percent(m.used, m.used + m.available), m.target,
  ])
  const human_ = letter === 'h' || letter === 'H'
  const heads = run.isBusybox
    ? ['Filesystem', ...(options.has('T') ? ['Type'] : []), ...(options.has('i') ? ['Inodes', 'Used', 'Available', 'Use%'] : [human_ ? 'Size' : options.has('P') ? '1024-blocks' : letter === 'm' ? '1M-blocks' : '1K-blocks', 'Used', 'Available', options.has('P') ? 'Capacity' : 'Use%']), 'Mounted on']
    : ['Filesystem', ...(options.has('T') ? ['Type'] : []), ...(options.has('i') ? ['Inodes', 'IUsed', 'IFree', 'IUse%'] : [human_ ? 'Size' : options.has('P') && !options.has('m', 'B') ? '1024-blocks' : `${scale[1]}-blocks`, 'Used', human_ ? 'Avail' : 'Available', options.has('P') ? 'Capacity' : 'Use%']), 'Mounted on']
  if (run.isBusybox) {
    const line = (r: readonly string[]): string => {
      const type = options.has('T') ? ` ${r[1]!.padEnd(10)}` : ''
      const [a, b, c, d, e] = r.slice(options.has('T') ? 2 : 1) as [string, string, string, string, string]
      return `${r[0]!.padEnd(20)}${type} ${a.padStart(human_ ? 9 : 10)} ${b.padStart(9)} ${c.padStart(9)} ${d.padStart(options.has('P') ? 8 : 4)} ${e}\n`
    }
    yield* run.print(line(heads) + cells.map(line).join(''))
    return run.code
  }
  const left = options.has('T') ? 2 : 1
  const least = (i: number): number => (i === 0 ? 14 : i < left || i >= left + 3 ? 0 : 5)
  const width = heads.map((h, i) => Math.max(least(i), h.length, ...cells.map((c) => c[i]!.length)))
  yield* run.print([heads, ...cells].map((r) => `${r.map((c, i) => (i === r.length - 1 ? c : i < left ? c.padEnd(width[i]!) : c.padStart(width[i]!))).join(' ')}\n`).join(''))
  return run.code
})
