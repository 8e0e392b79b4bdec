import { MOST_IN_MEMORY } from '../../engine/machine/input.ts'
import { sleep, type Task } from '../../engine/machine/task.ts'
import { encodeUtf8 } from '../../engine/text.ts'
import { Failure, tool, type Run } from './command.ts'
import { openInput, type Input } from './input.ts'
import { parseSed, type Address, type SedCommand } from './sed-script.ts'

tool('sed', {
  flags: 'nErsuz', values: 'ef', attached: 'i', long: { quiet: 'n', silent: 'n', expression: 'e=', file: 'f=', 'regexp-extended': 'E', 'in-place': 'i?', separate: 's', unbuffered: 'u', 'null-data': 'z' },
  unsupported: 'lb', stopAtOperand: false,
}, function* (run) {
  return yield* sed(run)
})

function* sed(run: Run): Task<number> {
  const { options } = run
  const operands = [...options.operands]
  const scripts = options.given.filter(([o]) => o === 'e').map(([, v]) => v)
  for (const file of options.values('f')) scripts.push(run.process.fs.readText(run.resolve(file)).replace(/\n$/, ''))
  if (!options.has('e', 'f')) {
    const first = operands.shift()
    if (first === undefined) {
      yield* run.process.printError(`Usage: ${run.name} [OPTION]... {script-only-if-no-other-script} [input-file]...\n`)
      return 1
    }
    scripts.push(first)
  }
  const { commands, quiet } = parseSed(scripts, options.has('E', 'r'))
  const machine = new Stream(run, commands, quiet || options.has('n'))
  return yield* machine.run(operands, options.has('i') ? (options.value('i') ?? '') : undefined, options.has('s') || options.has('i'))
}

interface Current { text: string; terminated: boolean }

/** Commands between two pauses; those on a long pattern space count for more. */
const STEPS_PER_MS = 5000

class Stream {
  readonly #run: Run
  readonly #commands: readonly SedCommand[]
  readonly #quiet: boolean
  #hold = ''
  #line = 0
  #active = new Map<SedCommand, boolean | number>()
  #inputs: string[] = []
  #input: Input | undefined
  #ahead: Current | undefined
  #separate = false
  #inPlace: string | undefined
  #output = ''
  #appended: string[] = []
  #steps = 0
  #currentName = ''
  /** The input ended and counts for itself (-i, -s). */
  #pendingSwitch = false
  #written = new Set<string>()

  constructor(run: Run, commands: readonly SedCommand[], quiet: boolean) {
    this.#run = run
    this.#commands = commands
    this.#quiet = quiet
  }

  *run(names: readonly string[], inPlace: string | undefined, separate: boolean): Task<number> {
    this.#inPlace = inPlace
    this.#separate = separate
    this.#inputs = names.length > 0 ? [...names] : ['-']
    if (inPlace !== undefined && names.length === 0) throw new Failure('no input files')
    yield* this.#advance()
    for (let line = yield* this.#next(); line !== undefined; line = yield* this.#next()) {
      const code = yield* this.#cycle(line)
      if (code !== undefined) {
        this.#saveInPlace()
        this.#input?.close()
        return Math.max(code, this.#run.code)
      }
    }
    return this.#run.code
  }

  // ---- input -------------------------------------------------------------------------------------------------------

  /** Looks one line ahead, so that "$" can be told. */
  *#advance(): Task<void> {
    for (;;) {
      if (!this.#input) {
        const name = this.#inputs.shift()
        if (name === undefined) {
          this.#ahead = undefined
          return
        }
        this.#input = yield* openInput(this.#run, name, (n, m) => (m !== 'Is a directory' ? `can't read ${n}: ${m}` : this.#inPlace !== undefined ? `couldn't edit ${n}: not a regular file` : `read error on ${n}: ${m}`), this.#inPlace !== undefined ? 4 : this.#run.isBusybox ? 1 : 2)
        if (!this.#input) continue
        this.#currentName = name
      }
      const text = yield* this.#input.line()
      if (text !== null) {
        this.#ahead = { text, terminated: !this.#input.unterminated }
        return
      }
      if (this.#separate) {
        this.#ahead = undefined
        this.#pendingSwitch = true
        return
      }
      this.#input.close()
      this.#input = undefined
    }
  }

  *#next(): Task<Current | undefined> {
    if (this.#pendingSwitch) {
      this.#pendingSwitch = false
      this.#saveInPlace()
      this.#input?.close()
      this.#input = undefined
      this.#line = 0
      yield* this.#advance()
      if (!this.#ahead && this.#pendingSwitch) return yield* this.#next()
    }
    const line = this.#ahead
    if (!line) return undefined
    yield* this.#advance()
    this.#line++
    return line
  }

  #saveInPlace(): void {
    if (this.#inPlace === undefined || !this.#input) return
    const { process } = this.#run
    const path = process.resolve(this.#currentName)
    if (this.#inPlace !== '') process.fs.writeFile(this.#inPlace.includes('*') ? path.replace(/[^/]*$/, (n) => this.#inPlace!.replace('*', n)) : path + this.#inPlace, process.fs.readFile(path))
    process.fs.writeFile(path, this.#output)
    this.#output = ''
  }

  // ---- output ------------------------------------------------------------------------------------------------------

  *#print(text: string): Task<void> {
    if (this.#inPlace !== undefined) this.#output += text
    else yield* this.#run.print(text)
  }

  *#flushAppended(): Task<void> {
    for (const text of this.#appended.splice(0)) yield* this.#print(text)
  }

  // ---- the cycle ---------------------------------------------------------------------------------------------------

  #matchesAddress(address: Address, text: string): boolean {
    switch (address.kind) {
      case 'line':
        return this.#line === address.line
      case 'last':
        return this.#ahead === undefined && (this.#separate || this.#inputs.length === 0)
      case 'step':
        return address.step <= 0 ? this.#line === address.first : this.#line >= address.first && (this.#line - address.first) % address.step === 0
      case 'pattern':
        address.pattern.lastIndex = 0
        return address.pattern.test(text)
      case 'offset':
        return false
    }
  }

  #selected(command: SedCommand, text: string): boolean {
    const { from, to } = command
    if (!from) return true
    if (!to) return this.#matchesAddress(from, text) !== command.negated
    const state = this.#active.get(command)
    let inside: boolean
    if (state === undefined || state === false) {
      // Address 0 begins before the first line, once.
      inside = (from.kind === 'line' && from.line === 0 && state === undefined) || this.#matchesAddress(from, text)
      if (inside) {
        const ends = to.kind === 'line' ? to.line <= this.#line : to.kind === 'offset' ? to.count === 0 : false
        this.#active.set(command, ends ? false : to.kind === 'offset' ? this.#line + to.count : true)
        if (from.kind === 'line' && from.line === 0 && to.kind === 'pattern' && this.#matchesAddress(to, text)) this.#active.set(command, false)
      }
    } else {
      inside = true
      const over = typeof state === 'number' ? this.#line >= state : to.kind === 'line' ? this.#line >= to.line : this.#matchesAddress(to, text)
      if (over) this.#active.set(command, false)
      if (to.kind === 'line' && this.#line > to.line) inside = false
    }
    return inside !== command.negated
  }

  /** One line through the script; an exit code when the script quits. */
  *#cycle(line: Current): Task<number | undefined> {
    let text = line.text
    let replaced = false
    const { process } = this.#run
    const end = (): string => (line.terminated ? '\n' : '')
    for (let at = 0; at < this.#commands.length; at++) {
      this.#steps += 1 + (text.length >> 6)
      if (this.#steps > STEPS_PER_MS) {
        this.#steps = 0
        yield sleep(process.clock, 1, { background: true })
      }
      if (text.length > MOST_IN_MEMORY) throw new Failure('memory exhausted', 4)
      const command = this.#commands[at]!
      if (!this.#selected(command, text)) {
        if (command.name === '{') at = command.target!
        continue
      }
      switch (command.name) {
        case '{':
        case '}':
        case ':':
          break
        case 's': {
          const result = substitute(command, text)
          if (result === undefined) break
          text = result
          replaced = true
          if (command.print) yield* this.#print(text + '\n')
          if (command.file !== undefined) this.#writeFile(command.file, text + '\n')
          break
        }
        case 'y':
          text = [...text].map((c) => command.map!.get(c) ?? c).join('')
          break
        case 'd':
          yield* this.#flushAppended()
          return undefined
        case 'D': {
          const cut = text.indexOf('\n')
          if (cut < 0) return undefined
          text = text.slice(cut + 1)
          at = -1
          break
        }
        case 'p':
          yield* this.#print(text + '\n')
          break
        case 'P':
          yield* this.#print(text.split('\n')[0] + '\n')
          break
        case 'n': {
          if (!this.#ahead && !this.#pendingSwitch) {
            if (!this.#quiet) yield* this.#print(text + end())
            yield* this.#flushAppended()
            return 0
          }
          if (!this.#quiet) yield* this.#print(text + '\n')
          yield* this.#flushAppended()
          const next = yield* this.#next()
          if (!next) return undefined
          text = next.text
          line = next
          break
        }
        case 'N': {
          const next = this.#ahead ? yield* this.#next() : undefined
          if (!next) {
            if (!this.#quiet) yield* this.#print(text + end())
            yield* this.#flushAppended()
            return this.#pendingSwitch ? undefined : 0
          }
          text += '\n' + next.text
          line = next
          break
        }
        case 'g':
          text = this.#hold
          break
        case 'G':
          text += '\n' + this.#hold
          break
        case 'h':
          this.#hold = text
          break
        case 'H':
          this.#hold += '\n' + text
          break
        case 'x':
          ;[text, this.#hold] = [this.#hold, text]
          break
        case 'a':
          if (command.text !== undefined) this.#appended.push(command.text + '\n')
          else if (!line.terminated) this.#appended.push('\n')
          break
        case 'i':
          yield* this.#print(command.text! + '\n')
          break
        case 'c': {
          const last = !command.to || command.negated || this.#active.get(command) === false
          if (last) yield* this.#print(command.text! + '\n')
          yield* this.#flushAppended()
          return undefined
        }
        case '=':
          yield* this.#print(`${this.#line}\n`)
          break
        case 'l':
          yield* this.#print(text.replace(/\\/g, '\\\\').replace(/\t/g, '\\t').replace(/\n/g, '\\n').replace(/[\x00-\x1f\x7f]/g, (c) => '\\' + c.charCodeAt(0).toString(8).padStart(3, '0')) + '$\n')
          break
        case 'b':
          at = command.target!
          break
        case 't':
          if (replaced) at = command.target!
          replaced = false
          break
        case 'T':
          if (!replaced) at = command.target!
          replaced = false
          break
        case 'r':
          if (process.fs.exists(process.resolve(command.file!))) this.#appended.push(process.fs.readText(process.resolve(command.file!)))
          break
        case 'w':
          this.#writeFile(command.file!, text + '\n')
          break
        case 'q':
        case 'Q':
          if (command.name === 'q') {
            if (!this.#quiet) yield* this.#print(text + end())
            yield* this.#flushAppended()
          }
          return command.code ?? 0
      }
    }
    if (!this.#quiet) yield* this.#print(text + end())
    yield* this.#flushAppended()
    return undefined
  }

  #writeFile(name: string, text: string): void {
    const { process } = this.#run
    if (name === '/dev/stdout') {
      this.#appended.unshift(text)
      return
    }
    const path = process.resolve(name)
    if (!this.#written.has(path)) process.fs.writeFile(path, '')
    this.#written.add(path)
    process.fs.appendFile(path, encodeUtf8(text))
  }
}

function substitute(command: SedCommand, text: string): string | undefined {
  const pattern = command.pattern!
  pattern.lastIndex = 0
  let count = 0
  let changed = false
  const nth = command.nth ?? 1
  const out = text.replace(pattern, (...args) => {
    const groups = args as unknown[]
    const match = String(groups[0])
    count++
    if (count < nth || (count > nth && !command.global)) return match
    changed = true
    return command.replacement!(groups)
  })
  return changed ? out : undefined
}
