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
      const source = redirect.target.parts.map((p) => ('source' in p ? p.source : 'text' in p ? p.text : '')).join('')
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
        if (move[2]) this.set(Number(move[1]), undefined)
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
      if (!shell.process.fs.exists(shell.process.resolve(target))) this.#open(target, 'write').release()
      return this.set(redirect.fd ?? 0, this.#open(target, 'read'))
    }
    if (operator === '>' && shell.options.has('noclobber') && this.#isRegular(target)) throw new RedirectError(`${target}: cannot overwrite existing file`)
    this.set(redirect.fd ?? 1, this.#open(target, operator === '>>' ? 'append' : 'write'))
  }

  #isRegular(path: string): boolean {
    const { fs } = this.#shell.process
    const absolute = this.#shell.process.resolve(path)
    return fs.exists(absolute) && fs.stat(absolute).type === 'file'
  }

  #open(path: string, mode: 'read' | 'write' | 'append'): OpenFile {
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
