import { isSystemError } from '../../engine/machine/errors.ts'
import { baseName, directoryName } from '../../engine/machine/path.ts'
import { permits } from '../../engine/machine/open.ts'
import type { Task } from '../../engine/machine/task.ts'
import { matchesPattern } from '../language/pattern.ts'
import { lstatIfAny, mayChangeEntry, statIfAny } from './access.ts'
import { groupId, userId, userName } from './accounts.ts'
import { Failure, NotSimulated, quote, tool, type Run } from './command.ts'
import { parseDate } from './date-parse.ts'
import { findFormat, findLine, type Described } from './find-format.ts'
import { posixRegExp, translateRegExp } from './regex.ts'

interface Found extends Described { prune?: boolean }
type Test = (found: Found) => Task<boolean>

tool('find', 'raw', function* (run) {
  const args = [...run.options.operands]
  const starts: string[] = []
  while (args.length > 0 && !/^[-(!,)]/.test(args[0]!)) starts.push(args.shift()!)
  let throughLinks = false
  let follow = false
  while (args[0] === '-H' || args[0] === '-P' || args[0] === '-L') {
    const letter = args.shift()
    throughLinks = letter !== '-P'
    follow = letter === '-L'
    while (args.length > 0 && !/^[-(!,)]/.test(args[0]!)) starts.push(args.shift()!)
  }
  const expression = new Expression(run, args)
  expression.follow = follow
  const test = expression.parse()
  for (const start of starts.length > 0 ? starts : ['.']) {
    try {
      const path = run.resolve(start)
      yield* visit(run, throughLinks && statIfAny(run.process, path) ? run.process.fs.realPath(path) : path, start, start, 0, test, expression)
    } catch (error) {
      if (!isSystemError(error)) throw error
      yield* run.warn(run.isBusybox ? `${start}: ${error.message}` : `${quote(start)}: ${error.message}`)
    }
  }
  yield* expression.finish()
})

function* visit(run: Run, path: string, shown: string, from: string, depth: number, test: Test, expression: Expression): Task<void> {
  const link = run.process.fs.lstat(path)
  // -L: what a link leads to, unless that is not there
  const stat = expression.follow && link.type === 'symlink' ? statIfAny(run.process, path) ?? link : link
  const found: Found = { path, shown, from, stat, depth }
  const enter = function* (): Task<void> {
    if (stat.type !== 'directory' || depth >= expression.maxDepth || found.prune) return
    if (run.process.user.uid !== 0 && !permits(run.process.user, stat, 'read')) {
      yield* run.warn(`\u2018${shown}\u2019: Permission denied`)
      return
    }
    for (const name of run.process.fs.readDirectory(path)) yield* visit(run, `${path.replace(/\/$/, '')}/${name}`, `${shown.replace(/\/$/, '')}/${name}`, from, depth + 1, test, expression)
  }
  if (expression.depthFirst) yield* enter()
  if (depth >= expression.minDepth) yield* test(found)
  if (!expression.depthFirst) yield* enter()
}

class Expression {
  maxDepth = Infinity
  minDepth = 0
  depthFirst = false
  /** -L */
  follow = false
  readonly #run: Run
  readonly #args: string[]
  #acts = false
  #batches: { command: string[]; paths: string[] }[] = []

  constructor(run: Run, args: string[]) {
    this.#run = run
    this.#args = args
  }

  parse(): Test {
    const test = this.#args.length === 0 ? this.#always() : this.#or()
    if (this.#args.length > 0) throw new Failure(this.#args[0] === ')' ? 'invalid expression; you have too many \')\'' : `paths must precede expression: \`${this.#args[0]}'`)
    if (this.#acts) return test
    const print = this.#print('\n')
    return function* (found) {
      return (yield* test(found)) && (yield* print(found))
    }
  }

  *finish(): Task<void> {
    for (const { command, paths } of this.#batches) if (paths.length > 0 && (yield* this.#spawn([...command, ...paths])) !== 0) this.#run.code = Math.max(this.#run.code, 1)
  }

  #always(): Test {
    return function* () {
      yield* []
      return true
    }
  }

  #or(): Test {
    let left = this.#and()
    while (this.#args[0] === '-o' || this.#args[0] === '-or') {
      this.#args.shift()
      const [a, b] = [left, this.#and()]
      left = function* (found) {
        return (yield* a(found)) || (yield* b(found))
      }
    }
    return left
  }

  #and(): Test {
    let left = this.#term()
    while (this.#args.length > 0 && !['-o', '-or', ')', ','].includes(this.#args[0]!)) {
      if (this.#args[0] === '-a' || this.#args[0] === '-and') this.#args.shift()
      const [a, b] = [left, this.#term()]
      left = function* (found) {
        return (yield* a(found)) && (yield* b(found))
      }
    }
    return left
  }

  #value(name: string): string {
    const value = this.#args.shift()
    if (value === undefined) throw new Failure(`missing argument to \`${name}'`)
    return value
  }

  #is(test: (found: Found) => boolean): Test {
    return function* (found) {
      yield* []
      return test(found)
    }
  }

  #term(): Test {
    const name = this.#args.shift()
    const run = this.#run
    const { process } = run
    switch (name) {
      case '(': {
        const inner = this.#or()
        if (this.#args.shift() !== ')') throw new Failure("invalid expression; I was expecting to find a ')' somewhere but did not see one.")
        return inner
      }
      case '!':
      case '-not': {
        const inner = this.#term()
        return function* (found) {
          return !(yield* inner(found))
        }
      }
      case '-name':
      case '-iname': {
        const pattern = this.#value(name)
        return this.#is((f) => matchesPattern(pattern, baseName(f.shown), { ignoreCase: name === '-iname' }))
      }
      case '-path':
      case '-wholename':
      case '-ipath': {
        const pattern = this.#value(name)
        return this.#is((f) => matchesPattern(pattern, f.shown, { ignoreCase: name === '-ipath' }))
      }
      case '-regex': {
        const pattern = posixRegExp(`^(?:${translateRegExp(emacsToExtended(this.#value(name)))})$`)
        return this.#is((f) => pattern.test(f.shown))
      }
      case '-type': {
        const types = this.#value(name).split(',')
        const letters = { file: 'f', directory: 'd', symlink: 'l', device: 'c' }
        for (const t of types) if (!/^[fdlcbps]$/.test(t)) throw new Failure(`Unknown argument to -type: ${t}`)
        return this.#is((f) => types.includes(letters[f.stat.type]))
      }
      case '-maxdepth':
        this.maxDepth = Number(this.#value(name))
        return this.#always()
      case '-mindepth':
        this.minDepth = Number(this.#value(name))
        return this.#always()
      case '-depth':
        this.depthFirst = true
        return this.#always()
      case '-xdev':
      case '-mount':
      case '-true':
        return this.#always()
      case '-false':
        return this.#is(() => false)
      case '-empty':
        return this.#is((f) => (f.stat.type === 'file' ? f.stat.size === 0 : f.stat.type === 'directory' && process.fs.readDirectory(f.path).length === 0))
      case '-size': {
        const match = /^([-+]?)(\d+)([ckMGbw]?)$/.exec(this.#value(name))
        if (!match) throw new Failure("Invalid argument to -size")
        const unit = { '': 512, b: 512, c: 1, w: 2, k: 1024, M: 1024 ** 2, G: 1024 ** 3 }[match[3]!] ?? 512
        return this.#is((f) => compared(match[1]!, Math.ceil(f.stat.size / unit), Number(match[2])))
      }
      case '-mtime':
      case '-mmin': {
        const match = /^([-+]?)(\d+)$/.exec(this.#value(name))
        if (!match) throw new Failure(`invalid argument to \`${name}'`)
        const unit = name === '-mtime' ? 86_400_000 : 60_000
        return this.#is((f) => compared(match[1]!, Math.floor((process.clock.wall() - f.stat.mtime) / unit), Number(match[2])))
      }
      case '-newer': {
        const reference = this.#value(name)
        const other = statIfAny(process, run.resolve(reference))
        if (!other) throw new Failure(`${quote(reference)}: No such file or directory`)
        return this.#is((f) => f.stat.mtime > other.mtime)
      }
      case '-user': {
        const user = this.#value(name)
        const uid = /^\d+$/.test(user) ? Number(user) : userId(process, user)?.uid
        return this.#is((f) => f.stat.uid === uid || userName(process, f.stat.uid) === user)
      }
      case '-perm': {
        const text = this.#value(name)
        const mode = parseInt(text.replace(/^[-/]/, ''), 8)
        return this.#is((f) => (text.startsWith('-') ? (f.stat.mode & mode) === mode : text.startsWith('/') ? (f.stat.mode & mode) !== 0 : (f.stat.mode & 0o7777) === mode))
      }
      case '-executable':
        return this.#is((f) => permits(process.user, statIfAny(process, f.path) ?? f.stat, 'execute'))
      case '-prune':
        return this.#is((f) => {
          f.prune = true
          return true
        })
      case '-quit':
        this.#acts = true
        return function* () {
          yield* []
          process.exit(run.code)
          yield (wake) => wake()
          return true
        }
      case '-print':
        this.#acts = true
        return this.#print('\n')
      case '-print0':
        this.#acts = true
        return this.#print('\0')
      case '-delete':
        this.#acts = true
        this.depthFirst = true
        return function* (f) {
          return yield* run.attempt((e) => `cannot delete \u2018${f.shown}\u2019: ${e.message}`, () => {
            mayChangeEntry(process, f.path)
            process.fs.remove(f.path)
          })
        }
      case '-printf': {
        this.#acts = true
        const format = this.#value(name)
        return function* (f) {
          yield* run.print(findFormat(format, f, process))
          return true
        }
      }
      case '-ls':
        this.#acts = true
        return function* (f) {
          yield* run.print(findLine(f, process) + '\n')
          return true
        }
      case '-newermt': {
        const text = this.#value(name)
        const time = parseDate(text, process.clock.wall())
        if (time === undefined) throw new Failure(`I cannot figure out how to interpret ${quote(text)} as a date or time`)
        return this.#is((f) => f.stat.mtime > time)
      }
      case '-samefile': {
        const reference = this.#value(name)
        const other = lstatIfAny(process, run.resolve(reference))
        if (!other) throw new Failure(`${quote(reference)}: No such file or directory`)
        return this.#is((f) => f.stat.inode === other.inode)
      }
      case '-links':
      case '-inum': {
        const match = /^([-+]?)(\d+)$/.exec(this.#value(name))
        if (!match) throw new Failure(`invalid argument to \`${name}'`)
        return this.#is((f) => compared(match[1]!, name === '-links' ? f.stat.links : f.stat.inode, Number(match[2])))
      }
      case '-group': {
        const group = this.#value(name)
        const gid = /^\d+$/.test(group) ? Number(group) : groupId(process, group)
        if (gid === undefined) throw new Failure(`${quote(group)} is not the name of an existing group`)
        return this.#is((f) => f.stat.gid === gid)
      }
      case '-lname':
      case '-ilname': {
        const pattern = this.#value(name)
        return this.#is((f) => f.stat.type === 'symlink' && matchesPattern(pattern, process.fs.readLink(f.path), { ignoreCase: name === '-ilname' }))
      }
      case '-exec':
      case '-execdir':
      case '-ok':
        this.#acts = true
        return this.#exec(name)
      case undefined:
        throw new Failure('invalid expression')
      default:
        if (/^-(regextype|amin|atime|cmin|ctime|anewer|cnewer|newer..|fprint|fls|okdir|fstype|context|used|iregex|nouser|nogroup|daystart|follow|P|L|H)/.test(name)) throw new NotSimulated(`find ${name}`)
        throw name.startsWith('-') ? new Failure(`unknown predicate \`${name}'`) : new Failure(`paths must precede expression: \`${name}'`)
    }
  }

  #print(end: string): Test {
    const run = this.#run
    return function* (found) {
      yield* run.print(found.shown + end)
      return true
    }
  }

  #exec(name: string): Test {
    const command: string[] = []
    for (;;) {
      const arg = this.#value(name)
      if (arg === ';') break
      if (arg === '+' && command.at(-1) === '{}') {
        if (name === '-execdir') break
        command.pop()
        const batch = { command, paths: [] as string[] }
        this.#batches.push(batch)
        return this.#is((f) => {
          batch.paths.push(f.shown)
          return true
        })
      }
      command.push(arg)
    }
    const spawn = (argv: string[], cwd?: string): Task<number> => this.#spawn(argv, cwd)
    return function* (found) {
      if (name === '-execdir') return (yield* spawn(command.map((a) => a.replaceAll('{}', `./${baseName(found.path)}`)), directoryName(found.path))) === 0
      return (yield* spawn(command.map((a) => a.replaceAll('{}', found.shown)))) === 0
    }
  }

  *#spawn(argv: string[], cwd?: string): Task<number> {
    const { process } = this.#run
    try {
      const child = process.spawn({ argv, files: process.files, ...(cwd === undefined ? {} : { cwd }) })
      return (yield* process.wait(child)).code
    } catch (error) {
      if (!isSystemError(error)) throw error
      yield* this.#run.warn(`\u2018${argv[0]}\u2019: ${error.message}`)
      return 127
    }
  }
}

function compared(sign: string, value: number, wanted: number): boolean {
  return sign === '+' ? value > wanted : sign === '-' ? value < wanted : value === wanted
}

/** find's default syntax is emacs's: groups and alternatives have a backslash, + and ? none, and there are no counts. */
function emacsToExtended(source: string): string {
  return source.replace(/\[\^?\]?[^\]]*\]|\\[\s\S]|[(){}|]/g, (part) => (/^\\[(|)]$/.test(part) ? part[1]! : part.length === 1 ? '\\' + part : part))
}
