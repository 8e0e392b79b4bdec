import { encodeUtf8, type Certificate, type OpenFile, type Process, type Task } from '../../../engine/cluster.ts'
import type { CookieJar } from '../curl/cookies.ts'
import { readNetrc, type NetrcEntry } from '../netrc.ts'
import type { Connected } from './connect.ts'
import type { WgetOptions } from './options.ts'
import { stamp } from './progress.ts'

/** Exit codes of wget(1). */
export const EXIT = { ok: 0, generic: 1, parse: 2, file: 3, network: 4, tls: 5, login: 6, protocol: 7, server: 8 } as const

/** What Podhop has not: it ends the whole run. */
export class NotSimulatedError extends Error {}

/** One run of wget: its options, its log and what its downloads share. */
export class Session {
  readonly process: Process
  readonly options: WgetOptions
  readonly cookies: CookieJar
  /** -O: opened once for all. */
  output: OpenFile | undefined
  kept: Connected | undefined
  /** Authorities; read when the first https URL is asked for. */
  trusted: readonly Certificate[] | undefined
  /** Hosts that have asked for a name and a password. */
  readonly basicHosts = new Set<string>()
  readonly #log: string[] = []
  #netrc: readonly NetrcEntry[] | undefined
  readonly #unicode: boolean
  #code = 0

  /** By canonical URL: the file; and the files that are HTML, or CSS. */
  readonly files = new Map<string, string>()
  readonly html = new Set<string>()
  readonly css = new Set<string>()
  /** Files that -E has given another end. */
  readonly extended = new Set<string>()
  readonly broken = new Set<string>()

  count = 0
  bytes = 0
  /** ms */
  spent = 0
  /** Whether anything was asked for yet: only then is there somewhat to wait for. */
  begun = false

  constructor(process: Process, options: WgetOptions, cookies: CookieJar) {
    this.process = process
    this.options = options
    this.cookies = cookies
    const locale = process.env.get('LC_ALL') ?? process.env.get('LC_CTYPE') ?? process.env.get('LANG') ?? ''
    this.#unicode = /utf-?8/i.test(locale)
  }

  /** ~/.netrc, read when somebody first asks. */
  netrc(): readonly NetrcEntry[] {
    const file = `${this.process.env.get('HOME') ?? '/'}/.netrc`
    this.#netrc ??= this.exists(file) && !this.isDirectory(file) ? readNetrc(this.read(file)) : []
    return this.#netrc
  }

  quote(text: string): string {
    if (this.#unicode) return `‘${text}’`
    // quotearg of the C locale
    return `'${Array.from(encodeUtf8(text), (b) => (b < 128 ? String.fromCharCode(b) : `\\${b.toString(8)}`)).join('')}'`
  }

  now(): string {
    return stamp(this.process.clock.wall())
  }

  /** Of several failures the one with the lowest number is the exit code. */
  failed(code: number): void {
    if (code !== 0) this.#code = this.#code === 0 ? code : Math.min(this.#code, code)
  }

  get code(): number {
    return this.#code
  }

  /** Not with -nv and -q. */
  *say(text: string): Task {
    if (this.options.verbose) yield* this.always(text)
  }

  /** Not with -q. */
  *tell(text: string): Task {
    if (!this.options.quiet) yield* this.always(text)
  }

  /** With -nv alone. */
  *brief(text: string): Task {
    if (!this.options.verbose && !this.options.quiet) yield* this.always(text)
  }

  /** How far it is: with --show-progress always on stderr. */
  *progress(text: string): Task {
    if (text === '') return
    if (this.options.showProgress) yield* this.process.printError(text)
    else yield* this.always(text)
  }

  *always(text: string): Task {
    if (this.options.logFile !== undefined) this.#log.push(text)
    else if (text !== '') yield* this.process.printError(text)
  }

  exists(name: string): boolean {
    return this.process.fs.exists(this.process.resolve(name))
  }

  isDirectory(name: string): boolean {
    return this.exists(name) && this.process.fs.stat(this.process.resolve(name)).type === 'directory'
  }

  read(name: string): string {
    return this.process.fs.readText(this.process.resolve(name))
  }

  remove(name: string): void {
    this.process.fs.remove(this.process.resolve(name))
  }

  /** Throws SystemError. */
  *write(name: string, data: Uint8Array | string, mode: 'write' | 'append' = 'write'): Task {
    const file = this.process.open(name, mode)
    yield* file.write(typeof data === 'string' ? encodeUtf8(data) : data)
    file.release()
  }

  /** The directories of a file. Throws SystemError. */
  makeDirectories(name: string): void {
    const at = name.lastIndexOf('/')
    if (at <= 0) return
    const directory = name.slice(0, at)
    // a file where the directory is to be has to go
    if (this.exists(directory) && this.process.fs.stat(this.process.resolve(directory)).type === 'file') this.remove(directory)
    if (!this.exists(directory)) this.process.fs.makeDirectory(this.process.resolve(directory), { parents: true })
  }

  /** -o and -a: the log in one piece. */
  *end(): Task {
    this.kept?.stream.close()
    this.output?.release()
    const { logFile, appendLog } = this.options
    if (logFile !== undefined) yield* this.write(logFile, this.#log.join(''), appendLog ? 'append' : 'write')
  }
}
