import { SystemError } from '../../engine/machine/errors.ts'
import { baseName, directoryName } from '../../engine/machine/path.ts'
import { mayChangeEntry, owned, statIfAny } from './access.ts'
import { groupId, userId } from './accounts.ts'
import { Failure, NotSimulated, missingOperand, quote, quoted, tool } from './command.ts'
import { changeMode } from './mode.ts'

tool('install', {
  flags: 'bcCdDpsTv', values: 'gmotS',
  long: { directory: 'd', mode: 'm=', owner: 'o=', group: 'g=', 'target-directory': 't=', verbose: 'v', 'no-target-directory': 'T', 'preserve-timestamps': 'p', strip: 's', compare: 'C', backup: 'b?' },
}, function* (run) {
  const { options, process } = run
  for (const letter of 'bCs') if (options.has(letter)) throw new NotSimulated(`install -${letter} (install -d, -D, -m, -o, -g, -t, -v)`)
  const mode = changeMode(options.value('m') ?? '755', 0, true, 0)
  if (mode === undefined) throw new Failure(`invalid mode ${quote(options.value('m')!)}`)
  const operands = [...options.operands]
  const finish = (path: string): void => {
    process.fs.chmod(path, mode)
    const owner = options.value('o')
    const group = options.value('g')
    if (owner === undefined && group === undefined) return
    const stat = process.fs.stat(path)
    process.fs.chown(path, owner === undefined ? stat.uid : userId(process, owner)?.uid ?? Number(owner), group === undefined ? stat.gid : groupId(process, group) ?? Number(group))
  }
  const makeDirectories = (path: string): string[] => {
    const made: string[] = []
    const parts = path.split('/').filter(Boolean)
    for (let i = 1; i <= parts.length; i++) {
      const prefix = '/' + parts.slice(0, i).join('/')
      if (statIfAny(process, prefix)) continue
      mayChangeEntry(process, prefix)
      process.fs.makeDirectory(prefix)
      owned(process, prefix)
      made.push(prefix)
    }
    return made
  }
  if (options.has('d')) {
    if (operands.length === 0) throw missingOperand()
    for (const name of operands) {
      yield* run.attempt((e) => `cannot create directory ${quote(name)}: ${e.message}`, () => {
        makeDirectories(run.resolve(name))
        finish(run.resolve(name))
      })
      if (options.has('v')) yield* run.print(`${run.name}: creating directory ${quoted(name)}\n`)
    }
    return
  }
  if (operands.length === 0) throw new Failure('missing file operand', 1, true)
  const target = options.value('t') ?? (operands.length > 1 ? operands.pop()! : undefined)
  if (target === undefined) throw new Failure(`missing destination file operand after ${quoted(operands[0]!)}`, 1, true)
  const into = !options.has('T') && (options.has('t') || statIfAny(process, run.resolve(target))?.type === 'directory')
  if (operands.length > 1 && !into) throw new Failure(`target ${quoted(target)}: ${statIfAny(process, run.resolve(target)) ? 'Not a directory' : 'No such file or directory'}`)
  if (options.has('D')) makeDirectories(options.has('t') ? run.resolve(target) : directoryName(run.resolve(target)))
  for (const source of operands) {
    const shown = into ? `${target.replace(/\/$/, '')}/${baseName(source)}` : target
    const stat = statIfAny(process, run.resolve(source))
    if (stat?.type === 'directory') {
      yield* run.warn(`omitting directory ${quoted(source)}`)
      continue
    }
    const done = yield* run.attempt((e) => (stat ? `cannot create regular file ${quoted(shown)}: ${e.message}` : `cannot stat ${quoted(source)}: ${e.message}`), () => {
      if (!stat) throw new SystemError('ENOENT')
      process.open(source, 'read').release()
      const path = run.resolve(shown)
      const isNew = !statIfAny(process, path)
      process.open(shown, 'write').release()
      if (isNew) owned(process, path)
      process.fs.writeFile(path, process.fs.readFile(run.resolve(source)))
      finish(path)
      if (options.has('p')) process.fs.touch(path, stat.mtime)
    })
    if (done && options.has('v')) yield* run.print(`${quoted(source)} -> ${quoted(shown)}\n`)
  }
})

tool('link', {}, function* (run) {
  const [from, to, extra] = run.options.operands
  if (from === undefined) throw missingOperand()
  if (to === undefined) throw new Failure(`missing operand after ${quote(from)}`, 1, true)
  if (extra !== undefined) throw new Failure(`extra operand ${quote(extra)}`, 1, true)
  yield* run.attempt((e) => `cannot create link ${quoted(to)} to ${quoted(from)}: ${e.message}`, () => {
    mayChangeEntry(run.process, run.resolve(to))
    run.process.fs.link(run.resolve(from), run.resolve(to))
  })
})

tool('unlink', {}, function* (run) {
  const [name, extra] = run.options.operands
  if (name === undefined) throw missingOperand()
  if (extra !== undefined) throw new Failure(`extra operand ${quote(extra)}`, 1, true)
  yield* run.attempt((e) => `cannot unlink ${quoted(name)}: ${e.message}`, () => {
    const path = run.resolve(name)
    if (run.process.fs.lstat(path).type === 'directory') throw new SystemError('EISDIR')
    mayChangeEntry(run.process, path)
    run.process.fs.remove(path)
  })
})

tool('sync', { flags: 'df' }, function* () {
  // There is no disk behind the files.
  yield* []
})
