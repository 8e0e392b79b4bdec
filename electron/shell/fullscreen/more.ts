import { isSystemError } from '../../engine/machine/errors.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { OpenFile } from '../../engine/machine/types.ts'
import { statIfAny } from '../coreutils/access.ts'
import { tool, type Run } from '../coreutils/command.ts'
import { eachInput, type Input } from '../coreutils/input.ts'

/** more(1) of util-linux: a screen at a time, never back in a pipe; without a terminal it is cat. */
tool('more', 'raw', function* (run) {
  const names = run.options.operands.filter((word) => !/^[-+]./.test(word))
  const terminal = run.process.terminalOf(1)
  if (names.length === 0 && run.process.terminalOf(0)) {
    yield* run.process.printError("more: bad usage\nTry 'more --help' for more information.\n")
    return 1
  }
  let keyboard: OpenFile | undefined
  try {
    keyboard = terminal && run.process.open('/dev/tty', 'read')
  } catch (error) {
    if (!isSystemError(error)) throw error
  }
  let goesOn = true
  try {
    yield* eachInput(run, names, function* (input) {
      if (!goesOn) return
      if (names.length > 1) yield* run.print(`::::::::::::::\n${input.name}\n::::::::::::::\n`)
      goesOn = yield* pages(run, input, keyboard, names.length > 1 ? 3 : 0)
    }, (name, message) => `cannot open ${name}: ${message}`)
  } finally {
    keyboard?.release()
  }
  return run.code
})

/** False: `q` was pressed. */
function* pages(run: Run, input: Input, keyboard: OpenFile | undefined, taken: number): Task<boolean> {
  const terminal = run.process.terminalOf(1)
  const size = statIfAny(run.process, run.resolve(input.name))?.size ?? 0
  let room = (terminal?.rows ?? 0) - 1 - taken
  let shown = 0
  let line = yield* input.line()
  while (line !== null) {
    yield* run.print(line + (input.unterminated ? '' : '\n'))
    shown += line.length + 1
    room -= terminal ? Math.max(1, Math.ceil(line.length / terminal.columns)) : 0
    line = yield* input.line()
    if (!terminal || !keyboard || room > 0 || line === null) continue
    const key = yield* asked(run, keyboard, size > 0 ? `--More--(${Math.floor((shown * 100) / size)}%)` : '--More--')
    if (key === 'q' || key === 'Q' || key === '\x03') return false
    room = key === '\r' || key === '\n' ? 1 : key === 'd' || key === '\x04' ? 11 : terminal.rows - 1
  }
  return true
}

function* asked(run: Run, keyboard: OpenFile, prompt: string): Task<string> {
  const terminal = run.process.terminalOf(1)!
  const saved = { canonical: terminal.canonical, echo: terminal.echo, signals: terminal.signals }
  Object.assign(terminal, { canonical: false, echo: false, signals: false })
  try {
    yield* run.print(`\x1b[7m${prompt}\x1b[27m`)
    for (;;) {
      const bytes = yield* keyboard.read(1)
      const key = bytes === null ? 'q' : String.fromCharCode(bytes[0]!)
      if (!' qQ\r\n\x03\x04dfz'.includes(key)) continue
      yield* run.print('\r\x1b[K')
      return key
    }
  } finally {
    Object.assign(terminal, saved)
  }
}
