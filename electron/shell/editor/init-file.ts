import { isSystemError } from '../../engine/machine/errors.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Shell } from '../language/shell.ts'

/** The inputrc is read before the first line, or the first `bind`. */
export function* initializeReadline(shell: Shell): Task<void> {
  const { readline } = shell
  if (readline.initialized) return
  readline.initialized = true
  yield* readInitFile(shell)
}

/** The inputrc: that of INPUTRC, else the user's, else the machine's. */
export function* readInitFile(shell: Shell): Task<void> {
  const { process, variables } = shell
  const home = variables.get('HOME') ?? ''
  const named = variables.get('INPUTRC')
  for (const path of named ? [named] : [`${home}/.inputrc`, '/etc/inputrc']) {
    const text = readText(shell, path)
    if (text === undefined) continue
    for (const message of shell.readline.readFile(text, path, (included) => readText(shell, included.startsWith('~/') ? home + included.slice(1) : included))) yield* process.printError(`${message}\n`)
    return
  }
}

function readText(shell: Shell, path: string): string | undefined {
  try {
    return shell.process.fs.readText(shell.process.resolve(path))
  } catch (error) {
    if (isSystemError(error)) return undefined
    throw error
  }
}

