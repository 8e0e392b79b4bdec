import type { Process } from '../../engine/machine/types.ts'

/** Candidates for the word at `index` of a command line's words (the word is cut off at the cursor). */
export type Completer = (words: readonly string[], index: number, process: Process) => readonly string[]

const completers = new Map<string, Completer>()

/** Adds completion for a command's arguments; candidates that do not begin with the word are left out by the editor. */
export function registerCompletion(command: string, completer: Completer): void {
  completers.set(command, completer)
}

export function completerOf(command: string): Completer | undefined {
  return completers.get(command)
}
