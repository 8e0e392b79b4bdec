import type { Clock } from '../../clock.ts'
import type { Hook } from '../types.ts'
import { Commands } from './commands.ts'
import { Cursor } from './cursor.ts'
import { formatError, NftError, NotSimulated } from './errors.ts'
import { applyLine } from './lines.ts'
import type { NftChain, NftTable, PrintOptions, Ruleset } from './model.ts'
import { Transaction } from './transaction.ts'

export interface NftOptions extends PrintOptions {
  /** The name of the file in messages; undefined for the command line. */
  file?: string | undefined
  /** -c: whether it would work. */
  check?: boolean
}

export interface NftResult { code: number; stdout: string; stderr: string }

/** The nftables of one network namespace: tables of the families ip, ip6 and inet. */
export class Nftables implements Ruleset {
  readonly tables = new Map<string, NftTable>()
  readonly #clock: Clock
  readonly #onChange: () => void
  #nextTable = 1
  /** Tracking of connections begins with the first rule that needs it. */
  tracking = false
  #generation = 0
  #hooks: Partial<Record<Hook, readonly NftChain[]>> = {}

  constructor(clock: Clock, onChange: () => void) {
    this.#clock = clock
    this.#onChange = onChange
  }

  takeHandle(): number {
    return this.#nextTable++
  }

  /** Grows with every change of a rule. */
  get generation(): number {
    return this.#generation
  }

  /** Base chains at a hook by priority; of two with the same the younger comes first (nf_hook_entries_grow). */
  at(hook: Hook): readonly NftChain[] {
    let chains = this.#hooks[hook]
    if (!chains) {
      const all = [...this.tables.values()].flatMap((t) => [...t.chains.values()]).filter((c) => c.base?.hook === hook).reverse()
      this.#hooks[hook] = chains = all.sort((a, b) => a.base!.priority - b.base!.priority)
    }
    return chains
  }

  /** Carries out the commands of a text, all or none. Throws {@link NotSimulated}. */
  run(text: string, options: NftOptions = {}): NftResult {
    const now = this.#clock.now
    const changes = new Transaction(this, now)
    // The command line is read as a line of a file.
    const cursor = new Cursor(options.file === undefined ? `${text}\n` : text)
    const commands = new Commands(cursor, this, changes, options, now)
    const mistakes: NftError[] = []
    if (cursor.unknown.length > 0) return { code: 1, stdout: '', stderr: cursor.unknown.map((m) => formatError(m, text, options.file)).join('') }
    try {
      for (;;) {
        cursor.skipSeparators()
        if (cursor.token.kind === 'end') break
        try {
          commands.next()
          if (!cursor.atEndOfStatement || cursor.is('}')) throw cursor.unexpected('end of file or newline or semicolon')
        } catch (error) {
          if (!(error instanceof NftError)) throw error
          mistakes.push(error)
          if (stage(error) === 0) break
          cursor.skipLine()
        }
      }
      mistakes.push(...commands.mistakes)
      if (mistakes.length === 0) {
        const mistake = changes.prove()
        if (mistake) mistakes.push(mistake)
      }
    } catch (error) {
      changes.rollback()
      throw error
    }
    const first = Math.min(...mistakes.map(stage))
    if (mistakes.length > 0 || options.check) changes.rollback()
    else if (changes.changed) this.#changed()
    if (mistakes.length === 0) return { code: 0, stdout: commands.stdout, stderr: '' }
    const stderr = mistakes.filter((m) => stage(m) === first).map((m) => formatError(m, text, options.file)).join('')
    return { code: 1, stdout: '', stderr }
  }

  /**
   * What an agent writes: a command a line, all or none. Its rules are good by their making, so the kernel's search for
   * loops is left out. Throws an Error with nft's message.
   */
  apply(lines: readonly string[]): void {
    const changes = new Transaction(this, this.#clock.now)
    for (const [i, line] of lines.entries()) {
      try {
        applyLine(line, this, changes, this.#clock.now)
      } catch (error) {
        changes.rollback()
        if (error instanceof NftError) throw new Error(formatError(error, line, '/dev/stdin').replace(/^\/dev\/stdin:1:/, `/dev/stdin:${i + 1}:`))
        throw error
      }
    }
    if (changes.changed) this.#changed()
  }

  #changed(): void {
    this.#generation++
    this.#hooks = {}
    this.tracking ||= this.#tracks()
    this.#onChange()
  }

  #tracks(): boolean {
    for (const table of this.tables.values()) {
      for (const chain of table.chains.values()) {
        if (chain.base?.type === 'nat') return true
        for (const rule of chain.rules) if (rule.body.statements.some((s) => s.tracks)) return true
      }
    }
    return false
  }
}

/** nft reads everything, then looks at it, then asks the kernel: of an earlier stage's mistakes only. */
function stage(error: NftError): number {
  if (error.message.startsWith('syntax error')) return 0
  return error.message.startsWith('Could not process rule') || error.message.includes('; did you mean') ? 2 : 1
}

export { NotSimulated }
