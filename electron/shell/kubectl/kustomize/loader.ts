import { decodeUtf8 } from '../../../engine/text.ts'
import type { Process } from '../../../engine/machine/types.ts'
import { KubectlError, NotSimulatedError } from '../errors.ts'

const isRemote = (path: string): boolean => /^(?:https?|ssh|git|file):\/\/|^git@|^git::|github\.com[/:]/.test(path)

/** Reads the files of one folder of a kustomization (kustomize's api/internal/loader): nothing outside of it. */
export class Loader {
  readonly root: string
  readonly #process: Process
  readonly #referrer: Loader | undefined
  readonly #restricted: boolean

  private constructor(process: Process, root: string, restricted: boolean, referrer?: Loader) {
    this.#process = process
    this.root = root
    this.#restricted = restricted
    this.#referrer = referrer
  }

  /** Throws for what is no folder. */
  static at(process: Process, path: string, restricted: boolean): Loader {
    if (isRemote(path)) throw new NotSimulatedError(`the kustomization ${path}`, 'there is no internet here; use a folder')
    return new Loader(process, directory(process, path, process.resolve(path)), restricted)
  }

  /** Another folder, as this one's file names it. */
  into(path: string): Loader {
    if (path === '') throw new KubectlError('new root cannot be empty')
    if (isRemote(path)) throw new NotSimulatedError(`the kustomization ${path}`, 'there is no internet here; use a folder')
    if (path.startsWith('/')) throw new KubectlError(`new root '${path}' cannot be absolute`)
    const root = directory(this.#process, this.#join(path), this.#join(path))
    this.#refuseCycle(root)
    return new Loader(this.#process, root, this.#restricted, this)
  }

  #refuseCycle(root: string): void {
    if (`${this.root}/`.startsWith(root === '/' ? '/' : `${root}/`)) throw new KubectlError(`cycle detected: candidate root '${root}' contains visited root '${this.root}'`)
    if (this.#referrer) this.#referrer.#refuseCycle(root)
  }

  has(name: string): boolean {
    const { fs } = this.#process
    const path = this.#join(name)
    return fs.exists(path) && fs.stat(path).type === 'file'
  }

  text(path: string): string {
    return decodeUtf8(this.bytes(path))
  }

  bytes(path: string): Uint8Array {
    if (isRemote(path)) throw new NotSimulatedError(`the file ${path}`, 'there is no internet here; use a file')
    const real = this.#join(path)
    const { fs } = this.#process
    if (!fs.exists(real)) throw new KubectlError(missing(real, real))
    if (fs.stat(real).type === 'directory') throw new KubectlError(`'${real}' must resolve to a file`)
    if (this.#restricted && !real.startsWith(this.root === '/' ? '/' : `${this.root}/`)) throw new KubectlError(`security; file '${real}' is not in or below '${this.root}'`)
    return fs.readFile(real)
  }

  #join(path: string): string {
    const parts: string[] = []
    for (const part of (path.startsWith('/') ? path : `${this.root}/${path}`).split('/')) {
      if (part === '..') parts.pop()
      else if (part !== '' && part !== '.') parts.push(part)
    }
    return `/${parts.join('/')}`
  }
}

const missing = (written: string, real: string): string => `evalsymlink failure on '${written}' : lstat ${real}: no such file or directory`

function directory(process: Process, written: string, real: string): string {
  const { fs } = process
  if (!fs.exists(real)) throw new KubectlError(`must build at directory: not a valid directory: ${missing(written, real)}`)
  if (fs.stat(real).type !== 'directory') throw new KubectlError(`must build at directory: '${written}': file is not directory`)
  return real
}
