import { isSystemError } from '../../engine/machine/errors.ts'
import type { Task } from '../../engine/machine/task.ts'
import { byName } from '../../engine/own.ts'
import { concatBytes } from '../../engine/text.ts'
import { owned, statIfAny } from './access.ts'
import { Failure, NotSimulated, tool, type Run } from './command.ts'
import { decodeArchive, encodeEntry, endOfArchive, packed, type TarEntry } from './tar-format.ts'

/** GNU tar 1.34 and BusyBox's, as far as files go from here to there: c, x and t, without compression. */
interface Order {
  mode: 'c' | 'x' | 't' | undefined
  file: string
  verbose: boolean
  /** -m: files are as old as their unpacking. */
  touch: boolean
  directory: string | undefined
  stripped: number
  names: string[]
}

const IGNORED = new Set(['p', '--no-same-permissions', '--no-same-owner', '--same-permissions', '--preserve-permissions', '--numeric-owner', '--no-recursion'])
const LONG: Readonly<Record<string, string>> = byName({ '--create': 'c', '--extract': 'x', '--get': 'x', '--list': 't', '--file': 'f', '--verbose': 'v', '--directory': 'C', '--touch': 'm' })

function parse(run: Run): Order {
  const order: Order = { mode: undefined, file: '-', verbose: false, touch: false, directory: undefined, stripped: 0, names: [] }
  const words = run.process.argv.slice(1)
  // the old way: letters without a dash first
  if (words[0] && !words[0].startsWith('-')) words[0] = `-${words[0]}`
  const letter = (c: string, value: () => string): void => {
    if (c === 'c' || c === 'x' || c === 't') {
      if (order.mode && order.mode !== c) throw new Failure("You may not specify more than one '-Acdtrux', '--delete' or  '--test-label' option", 2, true)
      order.mode = c
    } else if (c === 'f') order.file = value()
    else if (c === 'C') order.directory = value()
    else if (c === 'v') order.verbose = true
    else if (c === 'm') order.touch = true
    else if ('zjJ'.includes(c)) throw new NotSimulated('compressed archives (tar without -z, -j or -J)')
    else if (!IGNORED.has(c)) throw new Failure(`invalid option -- '${c}'`, 64, true)
  }
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (word === '--') {
      order.names.push(...words.slice(i + 1))
      break
    }
    if (word.startsWith('--')) {
      const at = word.indexOf('=')
      const name = at < 0 ? word : word.slice(0, at)
      const value = (): string => (at < 0 ? (words[++i] ?? '') : word.slice(at + 1))
      if (name === '--strip-components') order.stripped = Number(value())
      else if (LONG[name]) letter(LONG[name], value)
      else if (!IGNORED.has(name)) throw new Failure(`unrecognized option '${word}'`, 64, true)
    } else if (word.startsWith('-') && word !== '-') {
      for (let n = 1; n < word.length; n++) letter(word[n]!, () => words[++i] ?? '')
      // the value of f may also stand in the word itself
    } else order.names.push(word)
  }
  return order
}

tool('tar', 'raw', function* (run) {
  const order = parse(run)
  if (!order.mode) throw new Failure(run.isBusybox ? 'must specify one of -c, -x, or -t' : "You must specify one of the '-Acdtrux', '--delete' or '--test-label' options", 2, !run.isBusybox)
  if (order.directory !== undefined) {
    const stat = statIfAny(run.process, run.resolve(order.directory))
    if (stat?.type !== 'directory') {
      const why = stat ? 'Not a directory' : 'No such file or directory'
      throw new Failure(run.isBusybox ? `can't change directory to '${order.directory}': ${why}` : `${order.directory}: Cannot open: ${why}\n${run.name}: Error is not recoverable: exiting now`, 2)
    }
  }
  return order.mode === 'c' ? yield* create(run, order) : yield* extract(run, order)
})

function at(run: Run, order: Order, name: string): string {
  const base = order.directory === undefined ? run.process.cwd : run.resolve(order.directory)
  return name.startsWith('/') ? name : `${base === '/' ? '' : base}/${name}`
}

/** Where nothing can be told apart any more: names in an archive are relative. */
function relative(name: string): string {
  return name.replace(/^(\.\.\/)+/, '').replace(/^\/+/, '')
}

function* create(run: Run, order: Order): Task<number> {
  if (order.names.length === 0) throw new Failure(run.isBusybox ? 'empty archive' : 'Cowardly refusing to create an empty archive', run.isBusybox ? 1 : 2, !run.isBusybox)
  const parts: Uint8Array[] = []
  let said = false
  for (const name of order.names) {
    if (name.startsWith('/') && !said) {
      said = true
      yield* run.process.printError(run.isBusybox ? `tar: removing leading '/' from member names\n` : `${run.name}: Removing leading \`/' from member names\n`)
    }
    try {
      const path = at(run, order, name).replace(/(.)\/+$/, '$1')
      for (const entry of packed(run.process.fs, path, relative(name) || '.')) {
        parts.push(encodeEntry(entry))
        if (order.verbose) yield* (order.file === '-' ? run.process.printError(`${entry.name}\n`) : run.print(`${entry.name}\n`))
      }
    } catch (error) {
      if (!isSystemError(error)) throw error
      yield* run.warn(run.isBusybox ? `${name}: ${error.message}` : `${name}: Cannot stat: ${error.message}`, run.isBusybox ? 1 : 2)
    }
  }
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  const archive = concatBytes([...parts, endOfArchive(size)])
  if (order.file === '-') {
    for (let i = 0; i < archive.length; i += 65_536) yield* run.print(archive.subarray(i, i + 65_536))
  } else run.process.fs.writeFile(run.resolve(order.file), archive)
  if (run.code > 0) yield* run.process.printError(run.isBusybox ? 'tar: error exit delayed from previous errors\n' : `${run.name}: Exiting with failure status due to previous errors\n`)
  return run.code
}

function* extract(run: Run, order: Order): Task<number> {
  let bytes: Uint8Array
  try {
    bytes = order.file === '-' ? yield* run.process.readAll() : run.process.fs.readFile(run.resolve(order.file))
  } catch (error) {
    if (!isSystemError(error)) throw error
    throw new Failure(run.isBusybox ? `can't open '${order.file}': ${error.message}` : `${order.file}: Cannot open: ${error.message}\n${run.name}: Error is not recoverable: exiting now`, run.isBusybox ? 1 : 2)
  }
  let entries: TarEntry[] | undefined
  try {
    entries = decodeArchive(bytes)
  } catch (error) {
    throw new Failure(`${(error as Error).message}\n${run.name}: Error is not recoverable: exiting now`, 2)
  }
  if (!entries) throw new Failure(run.isBusybox ? 'short read' : `This does not look like a tar archive\n${run.name}: Exiting with failure status due to previous errors`, run.isBusybox ? 1 : 2)
  const wanted = (name: string): boolean => order.names.length === 0 || order.names.some((n) => name === n || name.startsWith(`${n.replace(/\/$/, '')}/`))
  for (const entry of entries) {
    if (!wanted(entry.name)) continue
    if (order.mode === 't' || order.verbose) yield* run.print(`${entry.name}\n`)
    if (order.mode === 't') continue
    const name = relative(entry.name.split('/').slice(order.stripped).join('/')).replace(/\/+$/, '')
    if (name === '' || name === '.') continue
    yield* run.attempt((e) => (run.isBusybox ? `can't create '${name}': ${e.message}` : `${name}: Cannot open: ${e.message}`), () => unpack(run, order, entry, at(run, order, name)), 2)
  }
  if (run.code > 0 && !run.isBusybox) yield* run.process.printError(`${run.name}: Exiting with failure status due to previous errors\n`)
  return run.code
}

function unpack(run: Run, order: Order, entry: TarEntry, path: string): void {
  const { fs } = run.process
  const parent = path.slice(0, path.lastIndexOf('/')) || '/'
  if (!fs.exists(parent)) fs.makeDirectory(parent, { parents: true })
  if (entry.type === 'directory') {
    if (!fs.exists(path)) fs.makeDirectory(path)
  } else {
    if (statIfAny(run.process, path)?.type !== 'directory' && fs.exists(path)) fs.remove(path)
    if (entry.type === 'symlink') return fs.symlink(entry.target, path)
    fs.writeFile(path, entry.content)
  }
  fs.chmod(path, entry.mode & (run.process.user.uid === 0 ? 0o7777 : 0o755))
  if (run.process.user.uid === 0) fs.chown(path, entry.uid, entry.gid)
  else owned(run.process, path)
  if (!order.touch) fs.touch(path, entry.mtime * 1000)
}
