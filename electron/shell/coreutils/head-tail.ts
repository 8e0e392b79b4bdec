import { anyOf, type Suspension, type Task } from '../../engine/machine/task.ts'
import { Failure, quote, tool, type Run } from './command.ts'
import { eachInput, openComplaint, type Input } from './input.ts'

const LONG = { lines: 'n=', bytes: 'c=', quiet: 'q', 'zero-terminated': 'z', silent: 'q', verbose: 'v' }

function count(run: Run, option: 'n' | 'c'): { sign: string; count: number } | undefined {
  const text = run.options.value(option)
  if (text === undefined) return undefined
  const match = /^([-+]?)(\d+)([kKMG]?)$/.exec(text)
  if (!match) throw new Failure(`invalid number of ${option === 'n' ? 'lines' : 'bytes'}: ${quote(text)}`)
  return { sign: match[1]!, count: Number(match[2]) * ({ '': 1, k: 1024, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }[match[3]!] ?? 1) }
}

function* header(run: Run, input: Input, first: boolean): Task<void> {
  const many = run.options.operands.length > 1
  if (run.options.has('v') || (many && !run.options.has('q'))) yield* run.print(`${first ? '' : '\n'}==> ${input.name} <==\n`)
}

tool('head', { flags: 'qvz', values: 'nc', long: LONG, number: 'n' }, function* (run) {
  const end = run.options.has('z') ? '\0' : '\n'
  const bytes = count(run, 'c')
  const lines = count(run, 'n') ?? { sign: '', count: 10 }
  let first = true
  yield* eachInput(run, run.options.operands, function* (input) {
    yield* header(run, input, first)
    first = false
    if (bytes?.sign === '-') {
      const all = yield* input.bytes()
      return yield* run.print(all.slice(0, Math.max(0, all.length - bytes.count)))
    }
    if (bytes) {
      for (let left = bytes.count; left > 0; ) {
        const part = yield* input.read()
        if (part === null) return
        yield* run.print(part.slice(0, left))
        left -= part.length
      }
      return
    }
    const held: string[] = []
    for (let i = 0; lines.sign === '-' || i < lines.count; i++) {
      const line = yield* input.line(end.charCodeAt(0))
      if (line === null) return
      held.push(line + (input.unterminated ? '' : end))
      if (lines.sign !== '-') yield* run.print(held.pop()!)
      else if (held.length > lines.count) yield* run.print(held.shift()!)
    }
  }, openComplaint)
})

tool('tail', { flags: 'qvfFz', values: 'ncs', long: { ...LONG, follow: 'f?', retry: 'F' }, number: 'n' }, function* (run) {
  const end = run.options.has('z') ? '\0' : '\n'
  const bytes = count(run, 'c')
  const lines = count(run, 'n') ?? { sign: '', count: 10 }
  let first = true
  yield* eachInput(run, run.options.operands, function* (input) {
    yield* header(run, input, first)
    first = false
    if (bytes) {
      const all = yield* input.bytes()
      yield* run.print(bytes.sign === '+' ? all.slice(Math.max(0, bytes.count - 1)) : all.slice(Math.max(0, all.length - bytes.count)))
      return
    }
    const held: string[] = []
    let skip = lines.sign === '+' ? Math.max(0, lines.count - 1) : 0
    for (let line = yield* input.line(end.charCodeAt(0)); line !== null; line = yield* input.line(end.charCodeAt(0))) {
      const text = line + (input.unterminated ? '' : end)
      if (lines.sign === '+') {
        if (skip > 0) skip--
        else yield* run.print(text)
        continue
      }
      held.push(text)
      if (held.length > lines.count) held.shift()
    }
    yield* run.print(held.join(''))
  }, openComplaint)
  if (run.options.has('f', 'F') && run.options.operands.length > 0) yield* follow(run)
})

/** Prints what is appended, for ever; with -F also what comes in a file's place, from its beginning, and says so. */
function* follow(run: Run): Task<void> {
  const { fs } = run.process
  const byName = run.options.has('F')
  const files = run.options.operands.map((name) => ({ name, path: run.process.resolve(name), size: 0, inode: -1 }))
  for (const file of files) {
    if (!fs.exists(file.path)) continue
    const stat = fs.stat(file.path)
    file.size = stat.size
    file.inode = stat.inode
  }
  if (files.every((f) => f.inode < 0) && !byName) {
    yield* run.warn(run.isBusybox ? 'no files' : 'no files remaining')
    return
  }
  const changed: Suspension = (wake) => fs.onChange((path) => {
    if (files.some((f) => f.path === path)) wake()
  })
  for (;;) {
    for (const file of files) {
      const inode = fs.exists(file.path) ? fs.stat(file.path).inode : -1
      if (inode !== file.inode) {
        // the file that was opened is followed alone, and nobody can write to it by this name any more
        if (!byName) continue
        yield* run.warn(movedTo(run, file.name, file.inode, inode))
        file.size = 0
        file.inode = inode
      }
      if (inode < 0) continue
      const { size } = fs.stat(file.path)
      if (size < file.size) {
        if (!run.isBusybox) yield* run.warn(`${file.name}: file truncated`)
        file.size = 0
      }
      if (size === file.size) continue
      const content = fs.readFile(file.path)
      const from = file.size
      file.size = content.length
      yield* run.print(content.slice(from))
    }
    yield anyOf(changed)
  }
}

/** What is said of a name that is another file now; -1: none. */
function movedTo({ isBusybox }: Run, name: string, before: number, now: number): string {
  if (now < 0) return isBusybox ? `${name} has been renamed or deleted: No such file or directory` : `${quote(name)} has become inaccessible: No such file or directory`
  const what = before < 0 ? 'appeared' : 'been replaced'
  return isBusybox ? `${name} has ${what}; following end of new file` : `${quote(name)} has ${what};  following new file`
}
