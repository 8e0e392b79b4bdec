import { isSystemError } from '../../engine/machine/errors.ts'
import { findExecutable } from '../../engine/machine/executable.ts'
import { permits } from '../../engine/machine/open.ts'
import { baseName, directoryName } from '../../engine/machine/path.ts'
import { statIfAny } from './access.ts'
import { groupName, userName } from './accounts.ts'
import { extraOperand, missingOperand, quoted, tool } from './command.ts'
import { modeString } from './mode.ts'
import { formatTime } from './strftime.ts'

tool('basename', { flags: 'az', values: 's', long: { multiple: 'a', suffix: 's=' }, stopAtOperand: true }, function* (run) {
  const { options } = run
  const { operands } = options
  if (operands.length === 0) throw missingOperand()
  const many = options.has('a', 's')
  if (!many && operands.length > 2) throw extraOperand(operands[2]!)
  const suffix = options.value('s') ?? (many ? undefined : operands[1])
  for (const name of many ? operands : operands.slice(0, 1)) {
    let base = baseName(name)
    if (suffix && base !== suffix && base.endsWith(suffix)) base = base.slice(0, -suffix.length)
    yield* run.print(base + '\n')
  }
})

tool('dirname', { flags: 'z' }, function* (run) {
  if (run.options.operands.length === 0) throw missingOperand()
  for (const name of run.options.operands) yield* run.print(directoryName(name) + '\n')
})

tool('readlink', { flags: 'fenmqsvz', long: { canonicalize: 'f', 'no-newline': 'n' } }, function* (run) {
  const { options, process } = run
  if (options.operands.length === 0) throw missingOperand()
  for (const name of options.operands) {
    const path = run.resolve(name)
    try {
      let target: string
      if (options.has('f', 'm') && !statIfAny(process, path)) {
        const parent = directoryName(path)
        target = `${(options.has('m') && !statIfAny(process, parent) ? parent : process.fs.realPath(parent)).replace(/\/$/, '')}/${baseName(path)}`
      } else target = options.has('f', 'e', 'm') ? process.fs.realPath(path) : process.fs.readLink(path)
      yield* run.print(target + (options.has('n') ? '' : '\n'))
    } catch (error) {
      if (!isSystemError(error)) throw error
      run.code = 1
    }
  }
})

tool('realpath', { flags: 'emsqz', long: { strip: 's', 'no-symlinks': 's', 'relative-to': 'relative=' } }, function* (run) {
  const { options, process } = run
  if (options.operands.length === 0) throw missingOperand()
  const directory = options.value('relative')
  const base = directory === undefined ? undefined : options.has('s') ? run.resolve(directory) : process.fs.realPath(run.resolve(directory))
  for (const name of options.operands) {
    try {
      const path = run.resolve(name)
      const parent = directoryName(path)
      const real = options.has('s') ? path : statIfAny(process, path) || options.has('e') ? process.fs.realPath(path) : `${(options.has('m') ? parent : process.fs.realPath(parent)).replace(/\/$/, '')}/${baseName(path)}`
      yield* run.print((base === undefined ? real : relativeTo(base, real)) + (options.has('z') ? '\0' : '\n'))
    } catch (error) {
      if (!isSystemError(error)) throw error
      yield* run.warn(`${name}: ${error.message}`)
    }
  }
})

/** The way from a directory to a path. */
export function relativeTo(from: string, to: string): string {
  const [a, b] = [from, to].map((p) => p.split('/').filter(Boolean)) as [string[], string[]]
  let same = 0
  while (same < a.length && a[same] === b[same]) same++
  return [...a.slice(same).map(() => '..'), ...b.slice(same)].join('/') || '.'
}

tool('which', { flags: 'as' }, function* (run) {
  const { process, options } = run
  for (const name of options.operands) {
    const found = findExecutable(process.machine, { cwd: process.cwd, env: process.env, user: process.user }, name)
    const stat = found === undefined ? undefined : statIfAny(process, found)
    if (found === undefined || stat?.type !== 'file' || !permits(process.user, stat, 'execute')) run.code = 1
    else yield* run.print((name.includes('/') ? name : found) + '\n')
  }
})

tool('pwd', { flags: 'LP' }, function* (run) {
  yield* run.print(run.process.cwd + '\n')
})

tool('stat', { values: 'c', flags: 'L', long: { format: 'c=', printf: 'printf=', dereference: 'L' }, unsupported: 'ft' }, function* (run) {
  const { options, process } = run
  if (options.operands.length === 0) throw missingOperand()
  for (const name of options.operands) {
    const path = run.resolve(name)
    const stat = options.has('L') ? statIfAny(process, path) : (() => {
      try {
        return process.fs.lstat(path)
      } catch {
        return undefined
      }
    })()
    if (!stat) {
      yield* run.warn(run.isBusybox ? `can't stat '${name}': No such file or directory` : `cannot statx ${quoted(name)}: No such file or directory`)
      continue
    }
    const kind = stat.type === 'file' ? (stat.size === 0 ? 'regular empty file' : 'regular file') : stat.type === 'symlink' ? 'symbolic link' : stat.type === 'device' ? 'character special file' : 'directory'
    const user = userName(process, stat.uid) ?? 'UNKNOWN'
    const group = groupName(process, stat.gid) ?? 'UNKNOWN'
    const time = formatTime(stat.mtime, '%Y-%m-%d %H:%M:%S.%N %z')
    const blocks = Math.ceil(stat.size / 4096) * 8
    const values: Record<string, string> = {
      n: name, s: String(stat.size), a: (stat.mode & 0o7777).toString(8), A: modeString(stat), u: String(stat.uid), U: user, g: String(stat.gid), G: group,
      F: kind, i: String(stat.inode), h: String(stat.links), b: String(blocks), B: '512', y: time, x: time, z: time, Y: String(Math.floor(stat.mtime / 1000)),
      N: stat.type === 'symlink' ? `${quoted(name)} -> ${quoted(process.fs.readLink(path))}` : quoted(name),
    }
    const format = options.value('c') ?? options.value('printf')
    if (format !== undefined) {
      const text = format.replace(/%([A-Za-z])/g, (whole, c: string) => values[c] ?? whole)
      yield* run.print(options.has('printf') ? text.replace(/\\n/g, '\n').replace(/\\t/g, '\t') : text + '\n')
      continue
    }
    yield* run.print(`  File: ${stat.type === 'symlink' ? `${name} -> ${process.fs.readLink(path)}` : name}\n  Size: ${String(stat.size).padEnd(10)}\tBlocks: ${String(blocks).padEnd(10)} IO Block: 4096   ${kind}\n`)
    yield* run.print(`Device: 0,50\tInode: ${String(stat.inode).padEnd(11)} Links: ${stat.links}\nAccess: (${(stat.mode & 0o7777).toString(8).padStart(4, '0')}/${modeString(stat)})  Uid: (${String(stat.uid).padStart(5)}/${user.padStart(8)})   Gid: (${String(stat.gid).padStart(5)}/${group.padStart(8)})\n`)
    yield* run.print(`Access: ${time}\nModify: ${time}\nChange: ${time}\n Birth: ${time}\n`)
  }
})

