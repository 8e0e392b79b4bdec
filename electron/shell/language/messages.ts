import type { ErrorCode } from '../../engine/machine/errors.ts'
import type { Shell } from './shell.ts'

/** Whose voice the shell speaks with. */
export type Flavour = 'bash' | 'dash' | 'busybox'

/** The first line of `bash --version`. */
export const BASH_VERSION_LINE = 'GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)\n'

/** What stands before a message: "bash: line 3: ", "sh: 3: ", "sh: ". */
export function prefixOf(shell: Shell, line: number): string {
  const name = shell.messageName ?? shell.name
  switch (shell.flavour) {
    case 'bash':
      return shell.plainMessages ? `${name.split('/').pop()}: ` : `${name}: line ${line}: `
    case 'dash':
      return `${name}: ${line}: `
    case 'busybox':
      return shell.plainMessages || shell.commandString ? `${name.split('/').pop()}: ` : `${name}: line ${line}: `
  }
}

const BASH_ONLY = ['bind', 'builtin', 'caller', 'compgen', 'complete', 'compopt', 'declare', 'dirs', 'disown', 'enable', 'logout', 'mapfile', 'popd', 'pushd', 'readarray', 'shopt', 'suspend', 'typeset']
const ABSENT: Readonly<Record<Flavour, ReadonlySet<string>>> = { bash: new Set(), dash: new Set([...BASH_ONLY, 'source', 'let', 'history', 'help']), busybox: new Set(BASH_ONLY) }

/** Whether a shell of this kind has this builtin: dash and ash have fewer. */
export function isAbsent(flavour: Flavour, builtin: string): boolean {
  return ABSENT[flavour].has(builtin)
}

export function notFound(shell: Shell, name: string): string {
  return shell.flavour === 'bash' ? `${name}: command not found` : `${name}: not found`
}

/** A redirection's file that could not be opened. */
export function cannotOpen(shell: Shell, path: string, writing: boolean, code: ErrorCode, text: string): string {
  if (shell.flavour === 'bash') return `${path}: ${text}`
  if (shell.flavour === 'dash') {
    if (writing) return `cannot create ${path}: ${code === 'ENOENT' ? 'Directory nonexistent' : text}`
    return `cannot open ${path}: ${code === 'ENOENT' ? 'No such file' : text}`
  }
  if (writing) return `can't create ${path}: ${code === 'ENOENT' ? 'nonexistent directory' : text}`
  return `can't open ${path}: ${code === 'ENOENT' ? 'no such file' : text}`
}
