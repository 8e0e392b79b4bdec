import { SystemError } from '../../engine/machine/errors.ts'
import type { MemoryFilesystem } from '../../engine/machine/filesystem.ts'
import { baseName, directoryName } from '../../engine/machine/path.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { FileStat } from '../../engine/machine/types.ts'
import { lstatIfAny, mayChangeEntry, mustOwn, owned, statIfAny } from './access.ts'
import { groupId, userId } from './accounts.ts'
import { Failure, NotSimulated, missingOperand, quote, quoted, tool, type Run } from './command.ts'
import { changeMode, modeString } from './mode.ts'
import { relativeTo } from './paths.ts'

function umaskOf(run: Run): number {
  return (run.process.fs as MemoryFilesystem).umask
}

tool('mkdir', { flags: 'pv', values: 'm', long: { parents: 'p', verbose: 'v', mode: 'm=' }, unsupported: 'Z' }, function* (run) {
  const { options, process } = run
  if (options.operands.length === 0) throw missingOperand()
  for (const name of options.operands) {
    const made: string[] = []
    yield* run.attempt((e) => (run.isBusybox ? `can't create directory '${name}': ${e.message}` : `cannot create directory ${quote(name)}: ${e.message}`), () => {
      const path = run.resolve(name).replace(/(.)\/+$/, '$1')
      const parts = path.split('/').filter(Boolean)
      for (let i = options.has('p') ? 1 : parts.length; i <= parts.length; i++) {
        const prefix = '/' + parts.slice(0, i).join('/')
        const stat = statIfAny(process, prefix)
        if (options.has('p') && stat) {
          if (stat.type !== 'directory') throw new SystemError(i === parts.length ? 'EEXIST' : 'ENOTDIR')
          continue
        }
        if (!stat) mayChangeEntry(process, prefix)
        process.fs.makeDirectory(prefix)
        owned(process, prefix)
        made.push(name.startsWith('/') ? prefix : name.split('/').filter(Boolean).slice(0, i - parts.length || undefined).join('/'))
        const mode = options.value('m')
        if (mode !== undefined && i === parts.length) {
          const bits = changeMode(mode, 0o777, true, 0)
          if (bits === undefined) throw new Failure(`invalid mode: ${quote(mode)}`)
          process.fs.chmod(prefix, bits)
        }
      }
    })
    if (options.has('v')) for (const directory of made) yield* run.print(`${run.name}: created directory ${quoted(directory)}\n`)
  }
})

tool('rmdir', { flags: 'pv', long: { parents: 'p', verbose: 'v', 'ignore-fail-on-non-empty': 'ignore' } }, function* (run) {
  const { options, process } = run
  if (options.operands.length === 0) throw missingOperand()
  for (const name of options.operands) {
    let at = name.replace(/\/+$/, '')
    for (;;) {
      if (options.has('v')) yield* run.print(`${run.name}: removing directory, ${quoted(at)}\n`)
      const ok = yield* run.attempt((e) => (run.isBusybox ? `'${at}': ${e.message}` : `failed to remove ${quoted(name)}: ${e.message}`), () => {
        const path = run.resolve(at)
        if (process.fs.lstat(path).type !== 'directory') throw new SystemError('ENOTDIR')
        mayChangeEntry(process, path)
        process.fs.remove(path)
      })
      if (!ok || !options.has('p') || !at.includes('/')) break
      at = directoryName(at)
    }
  }
})

tool('rm', { flags: 'rRfidvI', long: { recursive: 'r', force: 'f', verbose: 'v', dir: 'd', interactive: 'i?', 'preserve-root': 'preserve' }, unsupported: '' }, function* (run) {
  const { options, process } = run
  const recursive = options.has('r', 'R')
  const force = options.has('f')
  if (options.operands.length === 0) {
    if (force) return
    throw missingOperand()
  }
  for (const name of options.operands) {
    const base = baseName(name)
    if (base === '.' || base === '..') {
      yield* run.warn(`refusing to remove '.' or '..' directory: skipping ${quoted(name)}`)
      continue
    }
    if (run.process.resolve(name || '.') === '/' && name !== '') {
      yield* run.warn("it is dangerous to operate recursively on '/'")
      yield* process.printError(`${run.name}: use --no-preserve-root to override this failsafe\n`)
      continue
    }
    const complain = (e: SystemError): string => (run.isBusybox ? `can't remove '${name}': ${e.message}` : `cannot remove ${quoted(name)}: ${e.message}`)
    const path = name === '' ? undefined : run.resolve(name).replace(/(.)\/+$/, '$1')
    const stat = path === undefined ? undefined : lstatIfAny(process, path)
    if (!stat || path === undefined) {
      if (!force) yield* run.warn(complain(new SystemError(name.includes('/') && path !== undefined && statIfAny(process, directoryName(path))?.type === 'file' ? 'ENOTDIR' : 'ENOENT')))
      continue
    }
    if (stat.type === 'directory' && !recursive && !options.has('d')) {
      yield* run.warn(run.isBusybox ? `'${name}' is a directory` : complain(new SystemError('EISDIR')))
      continue
    }
    if (options.has('i') || (options.has('I') && (recursive || options.operands.length > 3))) {
      yield* process.printError(`${run.name}: remove ${stat.type === 'directory' ? 'directory' : stat.size === 0 ? 'regular empty file' : 'regular file'} ${quoted(name)}? `)
      const answer = yield* process.readLine()
      if (!/^[yY]/.test(answer ?? '')) continue
    }
    yield* removeTree(run, path, name, complain, recursive)
  }
})

function* removeTree(run: Run, path: string, name: string, complain: (e: SystemError) => string, recursive: boolean): Task<void> {
  const { process } = run
  const verbose = run.options.has('v')
  const isDirectory = lstatIfAny(process, path)?.type === 'directory'
  if (verbose && recursive && isDirectory) {
    for (const inner of process.fs.readDirectory(path)) {
      const shown = `${name.replace(/\/$/, '')}/${inner}`
      yield* removeTree(run, `${path}/${inner}`, shown, (e) => (run.isBusybox ? `can't remove '${shown}': ${e.message}` : `cannot remove ${quoted(shown)}: ${e.message}`), true)
    }
  }
  const ok = yield* run.attempt(complain, () => {
    mayChangeEntry(process, path)
    process.fs.remove(path, { recursive: recursive && !verbose })
  })
  if (ok && verbose) yield* run.print(`removed ${isDirectory ? 'directory ' : ''}${quoted(name)}\n`)
}

/** Where a copy or move of `source` goes: into a directory, or to that name. */
function destination(run: Run, source: string, target: string): string {
  const path = run.resolve(target)
  return statIfAny(run.process, path)?.type === 'directory' && !run.options.has('T') ? `${path.replace(/\/$/, '')}/${baseName(source)}` : path
}

function split(run: Run): { sources: string[]; target: string } {
  const { operands } = run.options
  const into = run.options.value('t')
  if (into !== undefined) return { sources: [...operands], target: into }
  if (operands.length === 0) throw new Failure('missing file operand', 1, true)
  if (operands.length === 1) throw new Failure(`missing destination file operand after ${quoted(operands[0]!)}`, 1, true)
  const sources = operands.slice(0, -1)
  const target = operands.at(-1)!
  if (sources.length > 1 && statIfAny(run.process, run.resolve(target))?.type !== 'directory') throw new Failure(`target ${quoted(target)}${statIfAny(run.process, run.resolve(target)) ? ' is not a directory' : ': No such file or directory'}`)
  return { sources, target }
}

tool('cp', { flags: 'rRafpvinTdLPu', values: 't', long: { backup: 'backup?', recursive: 'r', archive: 'a', force: 'f', verbose: 'v', 'no-clobber': 'n', 'target-directory': 't=', 'no-target-directory': 'T', update: 'u' }, unsupported: 'blsxHSZ' }, function* (run) {
  if (run.options.has('backup')) throw new NotSimulated('cp --backup (cp to another name)')
  const { options, process } = run
  const { sources, target } = split(run)
  for (const source of sources) {
    const from = run.resolve(source)
    const stat = options.has('a', 'd', 'P') ? lstatIfAny(process, from) : statIfAny(process, from)
    if (!stat) {
      yield* run.warn(run.isBusybox ? `can't stat '${source}': No such file or directory` : `cannot stat ${quoted(source)}: No such file or directory`)
      continue
    }
    if (stat.type === 'directory' && !options.has('r', 'R', 'a')) {
      yield* run.warn(run.isBusybox ? `omitting directory '${source}'` : `-r not specified; omitting directory ${quoted(source)}`)
      continue
    }
    const to = destination(run, source, target)
    if (from.replace(/\/$/, '') === to) {
      yield* run.warn(`${quoted(source)} and ${quoted(target)} are the same file`)
      continue
    }
    if (stat.type === 'directory' && (to + '/').startsWith(from.replace(/\/$/, '') + '/')) {
      yield* run.warn(`cannot copy a directory, ${quoted(source)}, into itself, ${quoted(statIfAny(process, run.resolve(target))?.type === 'directory' ? `${target.replace(/\/$/, '')}/${baseName(source)}` : target)}`)
      continue
    }
    const shown = statIfAny(process, run.resolve(target))?.type === 'directory' ? `${target.replace(/\/$/, '')}/${baseName(source)}` : target
    yield* copy(run, from, to, source, shown)
  }
})

function* copy(run: Run, from: string, to: string, source: string, shown: string): Task<void> {
  const { options, process } = run
  const { fs } = process
  const stat = options.has('a', 'd', 'P') ? fs.lstat(from) : fs.stat(from)
  const there = lstatIfAny(process, to)
  if (stat.type === 'directory') {
    if (there && there.type !== 'directory') return yield* run.warn(`cannot overwrite non-directory ${quoted(shown)} with directory ${quoted(source)}`)
    if (!there && !(yield* run.attempt((e) => `cannot create directory ${quoted(shown)}: ${e.message}`, () => {
      mayChangeEntry(process, to)
      fs.makeDirectory(to, { mode: stat.mode })
      owned(process, to)
    }))) return
    for (const name of fs.readDirectory(from)) yield* copy(run, `${from}/${name}`, `${to}/${name}`, `${source}/${name}`, `${shown}/${name}`)
    return
  }
  if (there?.type === 'directory') return yield* run.warn(`cannot overwrite directory ${quoted(shown)} with non-directory`)
  if (there && options.has('n')) return
  if (there && options.has('u') && there.mtime >= stat.mtime) return
  if (there && options.has('i')) {
    yield* process.printError(`${run.name}: overwrite ${quoted(shown)}? `)
    if (!/^[yY]/.test((yield* process.readLine()) ?? '')) return
  }
  const ok = yield* run.attempt((e) => (e.code === 'EACCES' && !readable(run, from) ? `cannot open ${quoted(source)} for reading: ${e.message}` : run.isBusybox ? `can't create '${shown}': ${e.message}` : `cannot create regular file ${quoted(shown)}: ${e.message}`), () => {
    if (stat.type === 'symlink') {
      if (there) fs.remove(to)
      mayChangeEntry(process, to)
      fs.symlink(fs.readLink(from), to)
      return
    }
    process.open(from, 'read').release()
    if (!there) mayChangeEntry(process, to)
    else if (options.has('f')) fs.remove(to)
    const program = fs.programAt(from)
    process.open(to, 'write').release()
    if (program !== undefined) fs.installProgram(to, program)
    else fs.writeFile(to, fs.readFile(from))
    if (!there) fs.chmod(to, stat.mode & ~umaskOf(run))
    if (options.has('p', 'a')) fs.touch(to, stat.mtime)
  })
  if (ok && options.has('v')) yield* run.print(`${quoted(source)} -> ${quoted(shown)}\n`)
}

function readable(run: Run, path: string): boolean {
  try {
    run.process.open(path, 'read').release()
    return true
  } catch {
    return false
  }
}

tool('mv', { flags: 'finvTu', values: 't', long: { force: 'f', verbose: 'v', 'no-clobber': 'n', 'target-directory': 't=', 'no-target-directory': 'T' }, unsupported: 'bSZ' }, function* (run) {
  const { options, process } = run
  const { fs } = process
  const { sources, target } = split(run)
  for (const source of sources) {
    const from = run.resolve(source).replace(/(.)\/+$/, '$1')
    if (!lstatIfAny(process, from)) {
      yield* run.warn(run.isBusybox ? `can't rename '${source}': No such file or directory` : `cannot stat ${quoted(source)}: No such file or directory`)
      continue
    }
    const to = destination(run, source, target)
    const shown = to === run.resolve(target) ? target : `${target.replace(/\/$/, '')}/${baseName(source)}`
    if (options.has('n') && lstatIfAny(process, to)) continue
    if (from === to) {
      yield* run.warn(`${quoted(source)} and ${quoted(shown)} are the same file`)
      continue
    }
    const ok = yield* run.attempt((e) => {
      if (e.code === 'EINVAL') return `cannot move ${quoted(source)} to a subdirectory of itself, ${quoted(shown)}`
      if (e.code === 'EISDIR') return `cannot overwrite directory ${quoted(shown)} with non-directory`
      if (e.code === 'ENOTDIR' && lstatIfAny(process, to)) return `cannot overwrite non-directory ${quoted(shown)} with directory ${quoted(source)}`
      return `cannot move ${quoted(source)} to ${quoted(shown)}: ${e.message}`
    }, () => {
      mayChangeEntry(process, from)
      mayChangeEntry(process, to)
      fs.rename(from, to)
    })
    if (ok && options.has('v')) yield* run.print(`renamed ${quoted(source)} -> ${quoted(shown)}\n`)
  }
})

tool('ln', { flags: 'sfnvrT', long: { symbolic: 's', force: 'f', 'no-dereference': 'n', verbose: 'v', relative: 'r' }, values: 't', unsupported: 'bdFiLPS' }, function* (run) {
  const { options, process } = run
  const { fs } = process
  const operands = [...options.operands]
  if (operands.length === 0) throw new Failure('missing file operand', 1, true)
  if (options.has('r') && !options.has('s')) throw new Failure('cannot do --relative without --symbolic', 1)
  const target = options.value('t') ?? (operands.length === 1 ? '.' : operands.pop()!)
  if (operands.length > 1 && statIfAny(process, run.resolve(target))?.type !== 'directory') throw new Failure(`target ${quoted(target)}: ${statIfAny(process, run.resolve(target)) ? 'Not a directory' : 'No such file or directory'}`)
  for (const source of operands) {
    const into = statIfAny(process, run.resolve(target))?.type === 'directory' && !(options.has('n') && lstatIfAny(process, run.resolve(target))?.type === 'symlink')
    const path = into ? `${run.resolve(target).replace(/\/$/, '')}/${baseName(source)}` : run.resolve(target)
    const shown = into ? (target === '.' ? `./${baseName(source)}` : `${target.replace(/\/$/, '')}/${baseName(source)}`) : target
    const linked = yield* run.attempt((e) => (options.has('s') ? `failed to create symbolic link ${quoted(shown)}: ${e.message}` : e.code === 'ENOENT' ? `failed to access ${quoted(source)}: ${e.message}` : e.code === 'EPERM' ? `${source}: hard link not allowed for directory` : `failed to create hard link ${quoted(shown)}: ${e.message}`), () => {
      mayChangeEntry(process, path)
      if (options.has('f') && lstatIfAny(process, path)) fs.remove(path)
      if (options.has('s')) fs.symlink(options.has('r') ? relativeTo(directoryName(path), run.resolve(source)) : source, path)
      else fs.link(run.resolve(source), path)
    })
    if (linked && options.has('v')) yield* run.print(`${quoted(shown)} ${options.has('s') ? '->' : '=>'} ${quoted(source)}\n`)
  }
})

/** Every path of a tree, parents first. */
function* tree(run: Run, path: string, shown: string): Task<{ path: string; shown: string }[]> {
  const out = [{ path, shown }]
  if (run.process.fs.lstat(path).type !== 'directory') return out
  for (const name of run.process.fs.readDirectory(path)) out.push(...(yield* tree(run, `${path}/${name}`, `${shown}/${name}`)))
  return out
}

/** "0644 (rw-r--r--)" */
function modeShown(stat: FileStat): string {
  return `${(stat.mode & 0o7777).toString(8).padStart(4, '0')} (${modeString(stat).slice(1)})`
}

tool('chmod', 'raw', function* (run) {
  const args = [...run.options.operands]
  let recursive = false
  let verbose = false
  let changes = false
  while (args.length > 0 && /^(-[Rvfc]+|--recursive|--verbose|--changes|--silent|--quiet|--)$/.test(args[0]!)) {
    const option = args.shift()!
    recursive ||= /^-\w*R|recursive/.test(option)
    verbose ||= /^-\w*v|verbose/.test(option)
    changes ||= /^-\w*c|changes/.test(option)
  }
  const reference = /^--reference=(.+)$/s.exec(args[0] ?? '')?.[1]
  if (reference !== undefined) {
    const stat = statIfAny(run.process, run.resolve(reference))
    if (!stat) throw new Failure(`failed to get attributes of ${quoted(reference)}: No such file or directory`)
    args[0] = (stat.mode & 0o7777).toString(8)
  }
  const [mode, ...files] = args
  if (mode === undefined) throw missingOperand()
  if (files.length === 0) throw new Failure(`missing operand after ${quote(mode)}`, 1, true)
  const { process } = run
  if (changeMode(mode, 0, false, 0) === undefined) throw new Failure(run.isBusybox ? `invalid mode '${mode}'` : `invalid mode: ${quote(mode)}`, 1, true)
  for (const name of files) {
    if (!statIfAny(process, run.resolve(name))) {
      yield* run.warn(run.isBusybox ? `${name}: No such file or directory` : `cannot access ${quoted(name)}: No such file or directory`)
      continue
    }
    for (const { path, shown } of recursive ? yield* tree(run, run.resolve(name), name) : [{ path: run.resolve(name), shown: name }]) {
      let before = ''
      let after = ''
      yield* run.attempt((e) => (run.isBusybox ? `${shown}: ${e.message}` : `changing permissions of ${quoted(shown)}: ${e.message}`), () => {
        mustOwn(process, path)
        const stat = process.fs.stat(path)
        before = modeShown(stat)
        process.fs.chmod(path, changeMode(mode, stat.mode, stat.type === 'directory', umaskOf(run))!)
        after = modeShown(process.fs.stat(path))
      })
      if (after !== '' && (verbose || (changes && before !== after))) yield* run.print(before === after ? `mode of ${quoted(shown)} retained as ${after}\n` : `mode of ${quoted(shown)} changed from ${before} to ${after}\n`)
    }
  }
})

tool('chown chgrp', { flags: 'Rvfh', long: { recursive: 'R' } }, function* (run) {
  const { options, process } = run
  const [owner, ...files] = options.operands
  if (owner === undefined) throw missingOperand()
  if (files.length === 0) throw new Failure(`missing operand after ${quote(owner)}`, 1, true)
  const [user = '', group] = run.name.endsWith('chgrp') ? ['', owner] : owner.split(/[:.]/)
  const uid = user === '' ? undefined : /^\d+$/.test(user) ? Number(user) : userId(process, user)?.uid
  if (user !== '' && uid === undefined) throw new Failure(`invalid user: ${quote(owner)}`)
  const gid = group === undefined || group === '' ? (group === '' ? userId(process, user)?.gid : undefined) : /^\d+$/.test(group) ? Number(group) : groupId(process, group)
  if (group && gid === undefined) throw new Failure(`invalid group: ${quote(owner)}`)
  for (const name of files) {
    if (!statIfAny(process, run.resolve(name))) {
      yield* run.warn(`cannot access ${quoted(name)}: No such file or directory`)
      continue
    }
    for (const { path, shown } of options.has('R') ? yield* tree(run, run.resolve(name), name) : [{ path: run.resolve(name), shown: name }]) {
      yield* run.attempt((e) => `changing ownership of ${quoted(shown)}: ${e.message}`, () => {
        if (process.user.uid !== 0) throw new SystemError('EPERM')
        const stat = process.fs.stat(path)
        process.fs.chown(path, uid ?? stat.uid, gid ?? stat.gid)
      })
    }
  }
})
