import { isSystemError } from '../../engine/machine/errors.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { FileStat } from '../../engine/machine/types.ts'
import { textWidth } from '../../engine/machine/width.ts'
import { lstatIfAny, mayList, statIfAny } from './access.ts'
import { groupName, userName } from './accounts.ts'
import { NotSimulated, quoted, tool, type Run } from './command.ts'
import { modeString } from './mode.ts'
import { compareVersions } from './sort.ts'
import { formatTime } from './strftime.ts'

interface Entry { name: string; path: string; stat: FileStat }

const HALF_YEAR = 15_778_476_000

tool('ls dir', {
  flags: 'laA1hRdtSrFpinCxvgosUmNQLGk', values: 'wIT',
  long: { all: 'a', 'almost-all': 'A', 'human-readable': 'h', recursive: 'R', directory: 'd', reverse: 'r', classify: 'F', inode: 'i', 'numeric-uid-gid': 'n', size: 's', color: 'color?', sort: 'sort=', 'time-style': 'time-style=', 'full-time': 'full-time', 'group-directories-first': 'first', 'no-group': 'G' },
  unsupported: 'bBcDfHqXuZ', usageCode: 2,
}, function* (run) {
  const { options, process } = run
  if (options.values('color').some((c) => c === 'always' || c === 'yes' || c === 'force')) throw new NotSimulated('ls --color=always (ls without colours)')
  const names = options.operands.length > 0 ? options.operands : ['.']
  const files: Entry[] = []
  const directories: Entry[] = []
  for (const name of names) {
    try {
      const path = run.resolve(name)
      const long = options.has('l', 'n', 'g', 'o', 'd', 'F') && !options.has('L')
      if (options.has('L')) process.fs.stat(path)
      const stat = (long ? undefined : statIfAny(process, path)) ?? process.fs.lstat(path.replace(/(.)\/$/, name.endsWith('/') ? '$1/' : '$1'))
      const target = stat.type === 'symlink' && name.endsWith('/') ? process.fs.stat(path) : stat
      ;(target.type === 'directory' && !options.has('d') ? directories : files).push({ name, path, stat: target })
    } catch (error) {
      if (!isSystemError(error)) throw error
      yield* run.warn(run.isBusybox ? `${name}: ${error.message}` : `cannot access ${quoted(name)}: ${error.message}`, run.isBusybox ? 1 : 2)
    }
  }
  order(run, files)
  if (files.length > 0) yield* show(run, files)
  order(run, directories)
  let first = files.length === 0
  for (const directory of directories) first = yield* showDirectory(run, directory, names.length > 1 || options.has('R'), first)
})

function* showDirectory(run: Run, directory: Entry, titled: boolean, first: boolean): Task<boolean> {
  const { options, process } = run
  let names: string[]
  try {
    mayList(process, directory.path)
    names = process.fs.readDirectory(directory.path)
  } catch (error) {
    if (!isSystemError(error)) throw error
    yield* run.warn(`cannot open directory ${quoted(directory.name)}: ${error.message}`, 2)
    return first
  }
  if (!first) yield* run.print('\n')
  if (titled) yield* run.print(`${directory.name}:\n`)
  if (options.has('a') && options.last('a', 'A') === 'a') names = ['.', '..', ...names]
  else if (!options.has('A')) names = names.filter((n) => !n.startsWith('.'))
  const entries: Entry[] = []
  for (const name of names) {
    const path = name === '.' ? directory.path : name === '..' ? process.resolve(directory.path + '/..') : `${directory.path}/${name}`.replace('//', '/')
    const stat = options.has('L') ? (statIfAny(process, path) ?? lstatIfAny(process, path)) : lstatIfAny(process, path)
    if (stat) entries.push({ name, path, stat })
  }
  order(run, entries)
  if (options.has('l', 'n', 'g', 'o', 's')) yield* run.print(`total ${size(run, entries.reduce((sum, e) => sum + diskBlocks(e.stat), 0) * 1024, true)}\n`)
  yield* show(run, entries)
  if (options.has('R')) {
    for (const entry of entries) {
      if (entry.stat.type !== 'directory' || entry.name === '.' || entry.name === '..') continue
      yield* showDirectory(run, { ...entry, name: `${directory.name.replace(/\/$/, '')}/${entry.name}` }, true, false)
    }
  }
  return false
}

function order(run: Run, entries: Entry[]): void {
  const { options } = run
  const byName = (a: Entry, b: Entry): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  const sort = options.value('sort')
  const by = sort === 'time' ? 't' : sort === 'size' ? 'S' : sort === 'version' ? 'v' : sort === 'none' ? 'U' : options.last('t', 'S', 'v', 'U')
  if (by !== 'U') {
    entries.sort((a, b) => (by === 't' ? b.stat.mtime - a.stat.mtime : by === 'S' ? b.stat.size - a.stat.size : by === 'v' ? compareVersions(a.name, b.name) : 0) || byName(a, b))
  }
  if (options.has('r')) entries.reverse()
  if (options.has('first')) entries.sort((a, b) => Number(b.stat.type === 'directory') - Number(a.stat.type === 'directory'))
}

/** KiB that an entry takes on a disk with blocks of 4 KiB; a directory of a tmpfs has none. */
export function diskBlocks(stat: FileStat): number {
  return stat.type === 'file' ? Math.ceil(stat.size / 4096) * 4 : stat.type === 'directory' && stat.size >= 4096 ? 4 : 0
}

function size(run: Run, bytes: number, inBlocks = false): string {
  if (!run.options.has('h')) return String(inBlocks ? bytes / 1024 : bytes)
  if (bytes < 1024) return String(bytes)
  let value = bytes
  let unit = -1
  while (value >= 1024) {
    value /= 1024
    unit++
  }
  return (value < 10 ? (Math.ceil(value * 10) / 10).toFixed(1) : String(Math.ceil(value))) + 'KMGTP'[unit]
}

function shownName(run: Run, entry: Entry): string {
  const { options, process } = run
  const atTerminal = process.terminalOf(1) !== undefined && !run.isBusybox && !options.has('N')
  const special = options.has('Q') ? `"${entry.name}"` : atTerminal && /[^\w@%+=:,./~-]/.test(entry.name) ? quoted(entry.name) : entry.name
  const mark = options.has('F') || (options.has('p') && entry.stat.type === 'directory')
    ? entry.stat.type === 'directory' ? '/' : !options.has('F') ? '' : entry.stat.type === 'symlink' ? (options.has('l') ? '' : '@') : entry.stat.type === 'file' && (entry.stat.mode & 0o111) !== 0 ? '*' : ''
    : ''
  return special + mark
}

function* show(run: Run, entries: readonly Entry[]): Task<void> {
  const { options, process } = run
  if (options.has('l', 'n', 'g', 'o', 'full-time')) return yield* showLong(run, entries)
  const width = Math.max(0, ...entries.map((e) => String(e.stat.inode).length))
  const blockWidth = Math.max(0, ...entries.map((e) => size(run, diskBlocks(e.stat) * 1024, true).length))
  const names = entries.map((e) => (options.has('i') ? String(e.stat.inode).padStart(width) + ' ' : '') + (options.has('s') ? size(run, diskBlocks(e.stat) * 1024, true).padStart(blockWidth) + ' ' : '') + shownName(run, e))
  const terminal = process.terminalOf(1)
  if (options.has('m')) {
    const width = Number(options.value('w') ?? run.process.terminalOf(1)?.columns ?? 80)
    let line = ''
    for (const [i, name] of names.entries()) {
      const text = name + (i < names.length - 1 ? ',' : '')
      if (line !== '' && textWidth(`${line} ${text}`) >= width) {
        yield* run.print(line + '\n')
        line = text
      } else line += (line === '' ? '' : ' ') + text
    }
    return yield* run.print(line + '\n')
  }
  if (!(terminal || options.has('C', 'x')) || options.has('1')) return yield* run.print(names.map((n) => n + '\n').join(''))
  yield* run.print(inColumns(names, Number(options.value('w') ?? terminal?.columns ?? 80), options.has('x'), options.has('T') ? Number(options.value('T')) : run.isBusybox ? 0 : 8))
}

/** From one column to another, with tabs where they fit. */
function indent(from: number, to: number, tabs: number): string {
  let out = ''
  while (from < to) {
    if (tabs > 0 && Math.floor(to / tabs) > Math.floor((from + 1) / tabs)) {
      out += '\t'
      from += tabs - (from % tabs)
    } else {
      out += ' '
      from++
    }
  }
  return out
}

/** As few rows as fit, down then across. */
function inColumns(names: readonly string[], columns: number, across: boolean, tabs: number): string {
  if (names.length === 0) return ''
  // Across, the most columns that fit; down, the fewest rows.
  for (let n = 1; ; n++) {
    const count = across ? Math.max(1, names.length - n + 1) : Math.ceil(names.length / n)
    const rows = across ? Math.ceil(names.length / count) : n
    const at = (row: number, column: number): string | undefined => names[across ? row * count + column : column * rows + row]
    const widths = Array.from({ length: count }, (_, c) => Math.max(0, ...Array.from({ length: rows }, (_, r) => textWidth(at(r, c) ?? ''))))
    const total = widths.reduce((a, b) => a + b, 0) + 2 * (count - 1)
    if (total >= columns && count > 1) continue
    let out = ''
    for (let row = 0; row < rows; row++) {
      let line = ''
      let place = 0
      for (let column = 0; column < count; column++) {
        const name = at(row, column)
        if (name === undefined) continue
        const more = at(row, column + 1) !== undefined && column + 1 < count
        line += more ? name + indent(place + textWidth(name), place + widths[column]! + 2, tabs) : name
        place += widths[column]! + 2
      }
      out += line + '\n'
    }
    return out
  }
}

function* showLong(run: Run, entries: readonly Entry[]): Task<void> {
  const { options, process } = run
  const now = process.clock.wall()
  const style = options.value('time-style')
  const time = (ms: number): string => {
    if (options.has('full-time') || style === 'full-iso') return formatTime(ms, '%Y-%m-%d %H:%M:%S.%N %z')
    if (style === 'long-iso') return formatTime(ms, '%Y-%m-%d %H:%M')
    if (style?.startsWith('+')) return formatTime(ms, style.slice(1))
    return formatTime(ms, ms > now || now - ms > HALF_YEAR ? '%b %e  %Y' : '%b %e %H:%M')
  }
  const rows = entries.map((e) => [
    ...(options.has('i') ? [String(e.stat.inode)] : []),
    ...(options.has('s') ? [size(run, diskBlocks(e.stat) * 1024, true)] : []),
    modeString(e.stat),
    String(e.stat.links),
    ...(options.has('g') ? [] : [options.has('n') ? String(e.stat.uid) : (userName(process, e.stat.uid) ?? String(e.stat.uid))]),
    ...(options.has('o', 'G') ? [] : [options.has('n') ? String(e.stat.gid) : (groupName(process, e.stat.gid) ?? String(e.stat.gid))]),
    e.stat.type === 'device' ? '1, 3' : size(run, e.stat.size),
    time(e.stat.mtime),
    shownName(run, e) + (e.stat.type === 'symlink' ? ` -> ${process.fs.readLink(e.path)}` : ''),
  ])
  const first = (options.has('i') ? 1 : 0) + (options.has('s') ? 1 : 0)
  const owners = first + 2
  const widths = rows[0]?.map((_, c) => Math.max(...rows.map((r) => r[c]!.length))) ?? []
  const last = widths.length - 1
  for (const row of rows) {
    yield* run.print(row.map((cell, c) => (c >= last - 1 || c === first ? cell : c >= owners && c < last - 2 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join(' ') + '\n')
  }
}
