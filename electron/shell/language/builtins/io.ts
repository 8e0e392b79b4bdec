import { isSystemError } from '../../../engine/machine/errors.ts'
import { sleep, type Task } from '../../../engine/machine/task.ts'
import { decodeUtf8 } from '../../../engine/text.ts'
import { formatTime } from '../../coreutils/strftime.ts'
import { binaryTest, unaryTest } from '../condition.ts'
import { expandEchoEscapes, formatPrintf } from '../printf.ts'
import type { Shell } from '../shell.ts'
import { TestError, evaluateTest } from '../test-command.ts'
import { givenUp } from '../waiting.ts'
import { textBuiltin, usage } from './table.ts'
import { mapLines } from '../mapfile.ts'

function* write(shell: Shell, name: string, text: string): Task<number> {
  try {
    yield* shell.process.print(text)
    return 0
  } catch (error) {
    if (!isSystemError(error) || error.code === 'EPIPE') throw error
    yield* shell.error(`${name}: write error: ${error.message}`)
    return 1
  }
}

textBuiltin('echo', function* (shell, args) {
  let i = 0
  let newline = true
  let escapes = shell.shopt.has('xpg_echo') || shell.flavour === 'dash'
  const flags = shell.flavour === 'dash' ? /^-n$/ : /^-[neE]+$/
  for (; i < args.length && flags.test(args[i]!); i++) {
    for (const letter of args[i]!.slice(1)) {
      if (letter === 'n') newline = false
      else escapes = letter === 'e'
    }
    if (shell.flavour === 'dash') {
      i++
      break
    }
  }
  const text = args.slice(i).join(' ')
  if (!escapes) return yield* write(shell, 'echo', text + (newline ? '\n' : ''))
  const expanded = expandEchoEscapes(text)
  return yield* write(shell, 'echo', expanded.text + (newline && !expanded.stop ? '\n' : ''))
})

textBuiltin('printf', function* (shell, args) {
  let target: string | undefined
  if (args[0] === '-v' && args[1] !== undefined) {
    target = args[1]
    args = args.slice(2)
  }
  if (args[0] === '--') args = args.slice(1)
  else if (shell.flavour === 'bash' && target === undefined && /^-[^-]/.test(args[0] ?? '')) return yield* usage(shell, 'printf', args[0]!.slice(0, 2), 'printf [-v var] format [arguments]')
  if (target !== undefined && !/^[A-Za-z_]\w*(\[.*\])?$/s.test(target)) {
    yield* shell.error(`printf: \`${target}': not a valid identifier`)
    return 2
  }
  if (args[0] === undefined) {
    yield* shell.process.printError('printf: usage: printf [-v var] format [arguments]\n')
    return 2
  }
  const { process } = shell
  const { text, errors } = formatPrintf(args[0], args.slice(1), (seconds, format) => formatTime(seconds === undefined ? process.clock.wall() : seconds * 1000, format))
  for (const message of errors) yield* shell.error(`printf: ${message}`)
  let code = errors.some((e) => !e.startsWith('warning: ')) ? 1 : 0
  if (target !== undefined) {
    const element = /^(\w+)\[(.*)\]$/.exec(target)
    shell.assign(element?.[1] ?? target, text, element?.[2])
  } else code = (yield* write(shell, 'printf', text)) || code
  return code
})

textBuiltin('test', (shell, args) => runTest(shell, 'test', args))

textBuiltin('[', function* (shell, args) {
  if (args[args.length - 1] !== ']') {
    yield* shell.error(shell.flavour === 'dash' ? '[: missing ]' : "[: missing `]'")
    return 2
  }
  return yield* runTest(shell, '[', args.slice(0, -1))
})

function* runTest(shell: Shell, name: string, args: readonly string[]): Task<number> {
  try {
    const result = evaluateTest(args, {
      unary: (operator, operand) => unaryTest(shell, operator, operand),
      binary: (operator, left, right) => binaryTest(shell, operator, left, right),
    })
    return result ? 0 : 1
  } catch (error) {
    if (!(error instanceof TestError)) throw error
    yield* shell.error(`${name}: ${shell.flavour === 'dash' ? dashTestMessage(error.message, args) : error.message}`)
    return 2
  }
}

interface ReadOptions { raw: boolean; prompt?: string; array?: string; delimiter: string; count?: number; exact: boolean; timeout?: number; silent: boolean; fd: number }

/** Reads byte by byte, so that what follows is left to other programs, as bash does. */
function* readInput(shell: Shell, options: ReadOptions): Task<{ text: string; ended: boolean; timedOut?: boolean }> {
  const bytes: number[] = []
  const stop = options.delimiter === '' ? 0 : options.delimiter.charCodeAt(0)
  let escaped = false
  for (;;) {
    if (options.count !== undefined && decodeUtf8(Uint8Array.from(bytes)).length >= options.count) return { text: decodeUtf8(Uint8Array.from(bytes)), ended: false }
    const chunk = yield* shell.process.read(options.fd, 1)
    if (chunk === null) return { text: decodeUtf8(Uint8Array.from(bytes)), ended: true }
    const byte = chunk[0]!
    if (escaped) {
      escaped = false
      if (byte === 10) {
        bytes.pop()
        continue
      }
    } else if (byte === stop && !options.exact) return { text: decodeUtf8(Uint8Array.from(bytes)), ended: false }
    else if (byte === 92 && !options.raw) escaped = true
    bytes.push(byte)
  }
}

function* withTimeout(shell: Shell, options: ReadOptions): Task<{ text: string; ended: boolean; timedOut?: boolean }> {
  if (options.timeout === undefined) return yield* readInput(shell, options)
  const { clock } = shell.process
  const deadline = clock.now + options.timeout * 1000
  const result = yield* givenUp(readInput(shell, options), (wake) => sleep(clock, deadline - clock.now)(wake), () => clock.now >= deadline)
  return result?.value ?? { text: '', ended: true, timedOut: true }
}

textBuiltin('read', function* (shell, args) {
  const options: ReadOptions = { raw: false, delimiter: '\n', exact: false, silent: false, fd: 0 }
  const names: string[] = []
  let countText = ''
  let timeoutText = ''
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (names.length > 0 || !/^-./.test(arg)) {
      names.push(arg)
      continue
    }
    if (arg === '--') continue
    for (let k = 1; k < arg.length; k++) {
      const letter = arg[k]!
      if (letter === 'r') options.raw = true
      else if (letter === 's') options.silent = true
      else if (letter === 'e') continue
      else if ('padnNtui'.includes(letter)) {
        const value = arg.slice(k + 1) || args[++i] || ''
        if (letter === 'p') options.prompt = value
        else if (letter === 'a') options.array = value
        else if (letter === 'd') options.delimiter = value
        else if (letter === 'n' || letter === 'N') {
          options.count = value === '' ? NaN : Number(value)
          countText = value
          options.exact = letter === 'N'
        } else if (letter === 't') {
          options.timeout = value === '' ? NaN : Number(value)
          timeoutText = value
        }
        else if (letter === 'u') options.fd = Number(value)
        break
      } else {
        yield* shell.error(`read: -${letter}: invalid option`)
        yield* shell.process.printError('read: usage: read [-ers] [-a array] [-d delim] [-i text] [-n nchars] [-N nchars] [-p prompt] [-t timeout] [-u fd] [name ...]\n')
        return 2
      }
    }
  }
  if (options.timeout !== undefined && Number.isNaN(options.timeout)) {
    yield* shell.error(`read: ${timeoutText}: invalid timeout specification`)
    return 1
  }
  if (options.count !== undefined && !(options.count >= 0)) {
    yield* shell.error(`read: ${countText}: invalid number`)
    return 1
  }
  for (const name of names) {
    if (/^[A-Za-z_]\w*(\[.*\])?$/.test(name)) continue
    yield* shell.error(`read: \`${name}': not a valid identifier`)
    return 1
  }
  if (options.timeout === 0 && shell.process.files.has(options.fd)) {
    const file = shell.process.files.get(options.fd)!
    return file.ready ?? (file.kind === 'file' || file.kind === 'null') ? 0 : 1
  }
  if (shell.process.files.get(options.fd) === undefined) {
    yield* shell.error(`read: ${options.fd}: invalid file descriptor: Bad file descriptor`)
    return 1
  }
  const terminal = shell.process.terminalOf(options.fd)
  if (options.prompt !== undefined && terminal) yield* shell.process.printError(options.prompt)
  const before = terminal && { echo: terminal.echo, canonical: terminal.canonical }
  if (terminal && options.silent) terminal.echo = false
  if (terminal && (options.count !== undefined || options.delimiter !== '\n')) terminal.canonical = false
  let input: { text: string; ended: boolean; timedOut?: boolean }
  try {
    input = yield* withTimeout(shell, options)
  } finally {
    if (terminal && before) Object.assign(terminal, before)
  }
  if (input.timedOut) return 142
  store(shell, input.text, names, options)
  return input.ended && !(options.count !== undefined && input.text.length >= options.count) ? 1 : 0
})

/** Characters with whether a backslash protects them from IFS. */
function unescaped(text: string, raw: boolean): { char: string; kept: boolean }[] {
  const out: { char: string; kept: boolean }[] = []
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\' && !raw) {
      if (i + 1 < text.length) out.push({ char: text[++i]!, kept: true })
    } else out.push({ char: text[i]!, kept: false })
  }
  return out
}

function store(shell: Shell, text: string, names: readonly string[], options: ReadOptions): void {
  const chars = unescaped(text, options.raw)
  const assign = (name: string, value: string): void => {
    const element = /^(\w+)\[(.*)\]$/.exec(name)
    shell.assign(element?.[1] ?? name, value, element?.[2])
  }
  if (options.array === undefined && names.length === 0) return assign('REPLY', chars.map((c) => c.char).join(''))
  if (options.exact) return assign(names[0]!, chars.map((c) => c.char).join(''))
  const ifs = shell.variables.get('IFS') ?? ' \t\n'
  const blank = (c: { char: string; kept: boolean } | undefined): boolean => c !== undefined && !c.kept && ifs.includes(c.char) && /\s/.test(c.char)
  const separator = (c: { char: string; kept: boolean } | undefined): boolean => c !== undefined && !c.kept && ifs.includes(c.char)
  const values: string[] = []
  let i = 0
  const limit = options.array === undefined ? names.length : Infinity
  while (blank(chars[i])) i++
  while (i < chars.length) {
    if (values.length === limit - 1) {
      let end = chars.length
      while (end > i && blank(chars[end - 1])) end--
      let rest = chars.slice(i, end)
      // One separator at the very end does not belong to the last field.
      const last = rest[rest.length - 1]
      if (separator(last) && !blank(last) && rest.filter((c) => separator(c) && !blank(c)).length === 1) {
        rest = rest.slice(0, -1)
        while (blank(rest[rest.length - 1])) rest = rest.slice(0, -1)
      }
      values.push(rest.map((c) => c.char).join(''))
      break
    }
    let value = ''
    while (i < chars.length && !separator(chars[i])) value += chars[i++]!.char
    values.push(value)
    while (blank(chars[i])) i++
    if (separator(chars[i]) && !blank(chars[i])) {
      i++
      while (blank(chars[i])) i++
    }
  }
  if (options.array !== undefined) {
    shell.variables.writable(options.array)
    shell.variables.replace(options.array, { array: new Map(values.map((v, k) => [k, v])) })
    return
  }
  names.forEach((name, k) => assign(name, values[k] ?? ''))
}

textBuiltin('mapfile readarray', mapLines)

/** What dash's test says where bash has other words. */
function dashTestMessage(message: string, args: readonly string[]): string {
  return message
    .replace(/^(.*): integer expression expected$/s, 'Illegal number: $1')
    .replace(/^.*: (?:unary|binary) operator expected$/s, `${args[0]}: unexpected operator`)
    .replace(/^missing `\]'$/, 'missing ]')
}
