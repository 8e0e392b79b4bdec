import { isSystemError, SystemError } from '../../engine/machine/errors.ts'
import type { Task } from '../../engine/machine/task.ts'
import { concatBytes } from '../../engine/text.ts'
import { hasGlob, matchesPattern } from '../language/pattern.ts'
import { lstatIfAny, mayChangeEntry, mayList, owned, statIfAny } from './access.ts'
import { groupName, userName } from './accounts.ts'
import { Failure, tool, type Run } from './command.ts'
import { modeString } from './mode.ts'
import { formatTime } from './strftime.ts'
import { decodeArchive, encodeEntry, endOfArchive, packed, type TarEntry } from './tar-format.ts'
import { type Order, parseOrder, usage } from './tar-options.ts'

tool('tar', 'raw', function* (run) {
  const order = parseOrder(run)
  if (!order.mode) throw run.isBusybox ? new Failure('must specify one of -c, -x, or -t', 2) : usage(run, "You must specify one of the '-Acdtrux', '--delete' or '--test-label' options", 2)
  for (const directory of new Set([...order.names.map((n) => n.directory), order.directory])) {
    if (directory === undefined) continue
    const stat = statIfAny(run.process, run.resolve(directory))
    if (stat?.type !== 'directory') {
      const why = stat ? 'Not a directory' : 'No such file or directory'
      throw new Failure(run.isBusybox ? `can't change directory to '${directory}': ${why}` : `${directory}: Cannot open: ${why}\n${run.name}: Error is not recoverable: exiting now`, run.isBusybox ? 1 : 2)
    }
  }
  return order.mode === 'c' || order.mode === 'r' ? yield* create(run, order) : yield* extract(run, order)
})

function at(run: Run, directory: string | undefined, name: string): string {
  const base = directory === undefined ? run.process.cwd : run.resolve(directory)
  return name.startsWith('/') ? name : `${base === '/' ? '' : base}/${name}`
}

/** Where nothing can be told apart any more: names in an archive are relative. */
function relative(name: string): string {
  return name.replace(/^(\.\.\/)+/, '').replace(/^\/+/, '')
}

/** "a", "a/b", "a/b/c" of "a/b/c/" */
function leading(name: string): string[] {
  const parts = name.replace(/\/+$/, '').split('/')
  return parts.map((_, i) => parts.slice(0, i + 1).join('/')).filter((part) => part !== '')
}

/** --exclude: a pattern stands for the end of a name, from any slash on; what is in an excluded directory is excluded too. */
function excludes(order: Order, name: string): boolean {
  return order.excluded.some((pattern) => leading(name).some((part) => {
    for (let from = 0; from >= 0; from = part.indexOf('/', from) + 1 || -1) if (matchesPattern(pattern, part.slice(from))) return true
    return false
  }))
}

/** -tv's widths: GNU's owners and the size share a column that only grows; BusyBox's size has nine places, and its time has seconds. */
class Listing {
  #width = 19
  readonly #busybox: boolean

  constructor(busybox: boolean) {
    this.#busybox = busybox
  }

  line(entry: TarEntry): string {
    const owners = `${entry.user || entry.uid}/${entry.group || entry.gid}`
    const size = String(entry.content.length)
    if (this.#busybox) this.#width = owners.length + 1 + Math.max(9, size.length)
    else this.#width = Math.max(this.#width, owners.length + 1 + size.length)
    const when = formatTime(Math.floor(entry.mtime) * 1000, this.#busybox ? '%Y-%m-%d %H:%M:%S' : '%Y-%m-%d %H:%M')
    return `${modeString(entry)} ${owners}${size.padStart(this.#width - owners.length)} ${when} ${entry.name}${entry.type === 'symlink' ? ` -> ${entry.target}` : ''}\n`
  }
}

function readArchive(run: Run, bytes: Uint8Array): TarEntry[] {
  let entries: TarEntry[] | undefined
  try {
    entries = decodeArchive(bytes)
  } catch (error) {
    throw new Failure(`${(error as Error).message}\n${run.name}: Error is not recoverable: exiting now`, 2)
  }
  // nothing but zeros is an archive of nothing
  if (!entries && bytes.length >= 512 && bytes.every((byte) => byte === 0)) return []
  if (!entries) throw new Failure(run.isBusybox ? 'short read' : `This does not look like a tar archive\n${run.name}: Exiting with failure status due to previous errors`, run.isBusybox ? 1 : 2)
  return entries
}

function* create(run: Run, order: Order): Task<number> {
  if (order.names.length === 0 && order.mode === 'c') throw run.isBusybox ? new Failure('empty archive', 1) : usage(run, 'Cowardly refusing to create an empty archive', 2)
  const parts: Uint8Array[] = []
  if (order.mode === 'r') {
    if (order.file === '-') throw usage(run, "Options '-Aru' are incompatible with '-f -'", 2)
    const path = run.resolve(order.file)
    if (run.process.fs.exists(path)) parts.push(...readArchive(run, run.process.fs.readFile(path)).map(encodeEntry))
  }
  const { process } = run
  /** What this user may read. */
  const readable = {
    lstat: (path: string) => process.fs.lstat(path),
    readLink: (path: string) => process.fs.readLink(path),
    readFile: (path: string) => {
      process.open(path, 'read').release()
      return process.fs.readFile(path)
    },
    readDirectory: (path: string) => {
      mayList(process, path)
      return process.fs.readDirectory(path)
    },
  }
  const listing = new Listing(run.isBusybox)
  let said = false
  for (const { name, directory } of order.names) {
    const shown = order.absolute ? name : relative(name) || '.'
    if (name.startsWith('/') && !order.absolute && !said && (!run.isBusybox || lstatIfAny(process, name))) {
      said = true
      yield* run.process.printError(run.isBusybox ? `tar: removing leading '/' from member names\n` : `${run.name}: Removing leading \`/' from member names\n`)
    }
    const denied: { name: string; error: unknown }[] = []
    try {
      const path = at(run, directory, name).replace(/(.)\/+$/, '$1')
      for (const packedEntry of packed(readable, path, shown, { denied, flat: !order.recursive, skips: (each) => excludes(order, each) })) {
        const entry = { ...packedEntry, user: userName(run.process, packedEntry.uid), group: groupName(run.process, packedEntry.gid) }
        parts.push(encodeEntry(entry))
        const line = order.verbose > 1 ? listing.line(entry) : `${entry.name}\n`
        if (order.verbose > 0) yield* (order.file === '-' ? run.process.printError(line) : run.print(line))
      }
      for (const { name: each, error } of denied) {
        if (!isSystemError(error)) throw error
        yield* run.warn(`${name.startsWith('/') && !order.absolute ? '/' : ''}${each}: ${run.isBusybox ? '' : 'Cannot open: '}${error.message}`, run.isBusybox ? 1 : 2)
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
  } else {
    try {
      run.process.open(run.resolve(order.file), 'write').release()
      run.process.fs.writeFile(run.resolve(order.file), archive)
    } catch (error) {
      if (!isSystemError(error)) throw error
      throw cannotOpen(run, order.file, error)
    }
  }
  if (run.code > 0) yield* run.process.printError(run.isBusybox ? 'tar: error exit delayed from previous errors\n' : `${run.name}: Exiting with failure status due to previous errors\n`)
  return run.code
}

function cannotOpen(run: Run, file: string, error: SystemError): Failure {
  return new Failure(run.isBusybox ? `can't open '${file}': ${error.message}` : `${file}: Cannot open: ${error.message}\n${run.name}: Error is not recoverable: exiting now`, run.isBusybox ? 1 : 2)
}

function* extract(run: Run, order: Order): Task<number> {
  let bytes: Uint8Array
  try {
    bytes = order.file === '-' ? yield* run.process.readAll() : run.process.fs.readFile(run.resolve(order.file))
  } catch (error) {
    if (!isSystemError(error)) throw error
    throw cannotOpen(run, order.file, error)
  }
  const entries = readArchive(run, bytes)
  const names = order.names.map((n) => n.name)
  const found = new Set<string>()
  const matches = (given: string, name: string): boolean => {
    const bare = given.replace(/(.)\/+$/, '$1')
    return leading(name).some((part) => (order.wildcards ? matchesPattern(bare, part) : part === bare))
  }
  const listing = new Listing(run.isBusybox)
  for (const entry of entries) {
    const asked = names.filter((given) => matches(given, entry.name))
    for (const given of asked) found.add(given)
    if ((names.length > 0 && asked.length === 0) || excludes(order, entry.name)) continue
    const name = (order.absolute ? entry.name : relative(entry.name)).split('/').slice(order.stripped).join('/').replace(/(.)\/+$/, '$1')
    if (order.mode === 'x' && (name === '' || (order.stripped > 0 && relative(name) === ''))) continue
    if (order.mode === 't' || order.verbose > 0) {
      const line = order.verbose > (order.mode === 't' ? 0 : 1) ? listing.line(entry) : `${entry.name}\n`
      yield* (order.toStdout && order.mode === 'x' ? run.process.printError(line) : run.print(line))
    }
    if (order.mode === 't' || name === '.') continue
    if (order.toStdout) {
      for (let i = 0; i < entry.content.length; i += 65_536) yield* run.print(entry.content.subarray(i, i + 65_536))
      continue
    }
    yield* run.attempt((e) => (run.isBusybox ? `can't create '${name}': ${e.message}` : `${name}: Cannot open: ${e.message}`), () => unpack(run, order, entry, at(run, order.directory, name)), 2)
  }
  const lost = names.filter((given) => !found.has(given))
  if (!run.isBusybox && !order.wildcards && lost.some((given) => hasGlob(given))) {
    yield* run.process.printError(`${run.name}: Pattern matching characters used in file names\n${run.name}: Use --wildcards to enable pattern matching, or --no-wildcards to suppress this warning\n`)
  }
  for (const given of lost) yield* run.warn(run.isBusybox ? `${given}: not found in archive` : `${given}: Not found in archive`, run.isBusybox ? 1 : 2)
  if (run.code > 0 && !run.isBusybox) yield* run.process.printError(`${run.name}: Exiting with failure status due to previous errors\n`)
  return run.code
}

function unpack(run: Run, order: Order, entry: TarEntry, path: string): void {
  const { fs } = run.process
  const parent = path.slice(0, path.lastIndexOf('/')) || '/'
  let first = path
  for (let above = parent; !fs.exists(above); above = above.slice(0, above.lastIndexOf('/')) || '/') first = above
  if (entry.type !== 'directory' || !fs.exists(path)) mayChangeEntry(run.process, first)
  if (!fs.exists(parent)) fs.makeDirectory(parent, { parents: true })
  if (entry.type === 'directory') {
    if (!fs.exists(path)) fs.makeDirectory(path)
  } else {
    if (order.keep && lstatIfAny(run.process, path)) throw new SystemError('EEXIST')
    if (statIfAny(run.process, path)?.type !== 'directory' && fs.exists(path)) fs.remove(path)
    if (entry.type === 'symlink') return fs.symlink(entry.target, path)
    fs.writeFile(path, entry.content)
  }
  fs.chmod(path, entry.mode & (run.process.user.uid === 0 ? 0o7777 : 0o755))
  if (run.process.user.uid === 0) fs.chown(path, entry.uid, entry.gid)
  else owned(run.process, path)
  if (!order.touch) fs.touch(path, entry.mtime * 1000)
}
