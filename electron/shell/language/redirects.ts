import { SystemError, isSystemError } from '../../engine/machine/errors.ts'
import { BytesFile } from '../../engine/machine/files.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { OpenFile } from '../../engine/machine/types.ts'
import { encodeUtf8 } from '../../engine/text.ts'
import type { Redirect } from './ast.ts'
import { RedirectError } from './errors.ts'
import { cannotOpen } from './messages.ts'
import type { Shell } from './shell.ts'

/** Redirections in force; `undo` puts the descriptors back. */
/** Where {name}> begins to look for a free descriptor. */
const FIRST_NAMED = 10

export class Redirections {
  readonly #shell: Shell
  #saved: [number, OpenFile | undefined][] = []

  constructor(shell: Shell) {
    this.#shell = shell
  }

  /** Opens in order, as written; throws {@link RedirectError}. */
  *apply(redirects: readonly Redirect[]): Task<void> {
    for (const redirect of redirects) yield* this.#one(redirect)
  }

  undo(): void {
    const { files } = this.#shell.process
    for (const [fd, file] of this.#saved.reverse()) {
      files.get(fd)?.release()
      if (file) files.set(fd, file)
      else files.delete(fd)
    }
    this.#saved = []
  }

  /** They stay for good (`exec > file`). */
  keep(): void {
    for (const [, file] of this.#saved) file?.release()
    this.#saved = []
  }

  set(fd: number, file: OpenFile | undefined): void {
    const { files } = this.#shell.process
    this.#saved.push([fd, files.get(fd)])
    if (file) files.set(fd, file)
    else files.delete(fd)
  }

  *#one(redirect: Redirect): Task<void> {
    const shell = this.#shell
    const { operator } = redirect
    if (redirect.variable !== undefined) {
      const { variable, ...rest } = redirect
      if (operator === '<&' || operator === '>&') {
        const target = yield* shell.expander.string(redirect.target)
        if (target === '-') return this.#closeNamed(variable)
      }
      let fd = FIRST_NAMED
      while (shell.process.files.has(fd)) fd++
      yield* this.#one({ ...rest, fd })
      // It stays open after the command (shopt varredir_close is off).
      this.#saved = this.#saved.filter(([n]) => n !== fd)
      const element = /^(\w+)\[(.*)\]$/.exec(variable)
      return shell.assign(element?.[1] ?? variable, String(fd), element?.[2])
    }
    if (operator === '<<' || operator === '<<-') {
      const text = yield* shell.expander.document(redirect.body ?? { parts: [], line: 0 })
      return this.set(redirect.fd ?? 0, new BytesFile(encodeUtf8(text)))
    }
    if (operator === '<<<') {
      const text = yield* shell.expander.string(redirect.target)
      return this.set(redirect.fd ?? 0, new BytesFile(encodeUtf8(text + '\n')))
    }
    const words = yield* shell.expander.fields(redirect.target)
    if (words.length !== 1) {
      const source = redirect.target.source ?? ''
      throw new RedirectError(`${source}: ambiguous redirect`)
    }
    const target = words[0]!
    if (operator === '>&' || operator === '<&') {
      const fd = redirect.fd ?? (operator === '>&' ? 1 : 0)
      if (target === '-') return this.set(fd, undefined)
      const move = /^(\d+)(-?)$/.exec(target)
      if (move) {
        const source = shell.process.files.get(Number(move[1]))
        if (!source) throw new RedirectError(`${target}: Bad file descriptor`)
        this.set(fd, source.retain())
        if (move[2] && Number(move[1]) !== fd) this.set(Number(move[1]), undefined)
        return
      }
      if (operator === '<&' || redirect.fd !== undefined) throw new RedirectError(`${target}: ambiguous redirect`)
    }
    if (operator === '&>' || operator === '&>>' || operator === '>&') {
      const file = this.#open(target, operator === '&>>' ? 'append' : 'write')
      this.set(1, file)
      return this.set(2, file.retain())
    }
    if (operator === '<') return this.set(redirect.fd ?? 0, this.#open(target, 'read'))
    if (operator === '<>') {
      return this.set(redirect.fd ?? 0, this.#open(target, 'both'))
    }
    if (operator === '>' && shell.options.has('noclobber') && this.#isRegular(target)) throw new RedirectError(`${target}: cannot overwrite existing file`)
    this.set(redirect.fd ?? 1, this.#open(target, operator === '>>' ? 'append' : 'write'))
  }

  #closeNamed(variable: string): void {
    const shell = this.#shell
    const element = /^(\w+)\[(.*)\]$/.exec(variable)
    const value = element ? shell.expander.element(element[1]!, element[2]!) : shell.variables.get(variable)
    if (value === undefined || !/^\d+$/.test(value)) throw new RedirectError(`${variable}: Bad file descriptor`)
    const { files } = shell.process
    files.get(Number(value))?.release()
    files.delete(Number(value))
  }

  #isRegular(path: string): boolean {
    const { fs } = this.#shell.process
    const absolute = this.#shell.process.resolve(path)
    return fs.exists(absolute) && fs.stat(absolute).type === 'file'
  }

  #open(path: string, mode: 'read' | 'write' | 'append' | 'both'): OpenFile {
    try {
      return this.#shell.process.open(path, mode)
    } catch (error) {
      if (isSystemError(error)) {
        if (error.code === 'EISDIR' && mode === 'read') return new DirectoryFile()
        throw new RedirectError(cannotOpen(this.#shell, path, mode !== 'read', error.code, error.message))
      }
      throw error
    }
  }
}

/** A directory opened for reading: read(2) says EISDIR. */
class DirectoryFile extends BytesFile {
  constructor() {
    super(new Uint8Array(0))
  }

   
  override *read(): Task<Uint8Array | null> {
    throw new SystemError('EISDIR')
  }
}
