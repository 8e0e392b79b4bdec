import type { Task } from '../../engine/machine/task.ts'
import type { List, Redirect } from './ast.ts'
import { RedirectError } from './errors.ts'
import { Redirections } from './redirects.ts'
import type { Shell } from './shell.ts'

/** The redirection of $(< file), which bash has instead of $(cat file). */
export function onlyInput(script: List): Redirect | undefined {
  const [item] = script.items
  if (script.items.length !== 1 || item!.background || item!.command.kind !== 'simple') return undefined
  const { words, assignments, redirects } = item!.command
  return words.length === 0 && assignments.length === 0 && redirects.length === 1 && redirects[0]!.operator === '<' && redirects[0]!.fd === undefined ? redirects[0] : undefined
}

/** Prints a file. */
export function* printContents(shell: Shell, redirect: Redirect): Task<number> {
  const redirections = new Redirections(shell)
  try {
    yield* redirections.apply([redirect])
    yield* shell.process.files.get(1)!.write(yield* shell.process.readAll(0))
    return 0
  } catch (error) {
    if (!(error instanceof RedirectError)) throw error
    yield* shell.error(error.message)
    return 1
  } finally {
    redirections.undo()
  }
}
