import { Automaton, TooBig, type Spans } from './automaton.ts'
import { Backtracker, TooManySteps } from './backtrack.ts'
import { posixGroups } from './captures.ts'
import { backtrackingCost, greedyIsLongest } from './cost.ts'
import { needsBacktracking, parseSyntax, type Syntax } from './syntax.ts'

/** log2 of the steps that the JavaScript engine's own matcher may take in one search. */
const AFFORDABLE = 22
/** Groups of longer matches are told as Perl tells them: the exact rule takes time with the square of the length. */
const LONGEST_GROUPED = 1500

/** What a search would take too long for. Message: what is not simulated. */
export class RegExpLimit extends Error {}

interface Plan { syntax: Syntax; anchored: boolean; exact: boolean; backtracks: boolean; automaton?: Automaton; backtracker?: Backtracker }

/**
 * A RegExp whose searches end soon, whatever the pattern: where the engine's own backtracking could take long, an
 * automaton searches. With {@link PosixRegExp} the longest of the leftmost matches is found, as POSIX wants it.
 * Throws {@link RegExpLimit} from a search with back-references that tries too much.
 */
export class GuardedRegExp extends RegExp {
  #plan: Plan | null | undefined

  protected get wantsLongest(): boolean {
    return false
  }

  override exec(text: string): RegExpExecArray | null {
    const from = this.global || this.sticky ? this.lastIndex : 0
    const plan = this.#planned
    if (!plan || from > text.length) return super.exec(text)
    const length = Math.log2(text.length - from + 1)
    const affordable = backtrackingCost(plan.syntax.root, length) + (plan.anchored || this.sticky ? 0 : length) <= AFFORDABLE
    if (affordable) {
      const match = super.exec(text)
      if (!match || plan.exact || !this.wantsLongest) return match
      const spans = this.#search(plan, text, match.index, true, false)
      return spans ? this.#result(text, spans) : match
    }
    return this.#result(text, this.#search(plan, text, from, this.sticky, true))
  }

  override test(text: string): boolean {
    return this.exec(text) !== null
  }

  /** As String.split, but without what groups matched: awk's and POSIX's fields. */
  override [Symbol.split](text: string, limit = Infinity): string[] {
    const each = new (this.constructor as new (source: RegExp, flags: string) => RegExp)(this, this.flags.replace(/[gy]/g, '') + 'g')
    if (text === '') return each.test('') ? [] : ['']
    const out: string[] = []
    let last = 0
    for (let match = each.exec(text); match && out.length < limit; match = each.exec(text)) {
      const end = match.index + match[0].length
      if (match[0] === '') each.lastIndex += (text.codePointAt(match.index) ?? 0) > 0xffff ? 2 : 1
      if (match[0] === '' && (match.index === last || match.index >= text.length)) continue
      out.push(text.slice(last, match.index))
      last = end
    }
    out.push(text.slice(last))
    return out.slice(0, limit)
  }

  get #planned(): Plan | null {
    if (this.#plan !== undefined) return this.#plan
    const syntax = parseSyntax(this.source === '(?:)' ? '' : this.source, this.flags)
    const root = syntax?.root
    const first = root?.type === 'sequence' ? root.items[0]! : root
    return (this.#plan = syntax === undefined ? null : {
      syntax, anchored: first?.type === 'assert' && first.kind === '^' && !syntax.multiline, exact: greedyIsLongest(syntax.root), backtracks: needsBacktracking(syntax.root),
    })
  }

  #search(plan: Plan, text: string, from: number, anchored: boolean, must: boolean): Spans | undefined {
    const { syntax } = plan
    try {
      if (plan.backtracks) return (plan.backtracker ??= new Backtracker(syntax)).search(text, from, anchored, this.wantsLongest)
      const automaton = (plan.automaton ??= new Automaton(syntax))
      if (!this.wantsLongest) return automaton.preferred(text, from, anchored)
      const whole = automaton.longest(text, from, anchored)
      if (!whole || syntax.groups === 0) return whole
      const [start, end] = whole
      return end - start <= LONGEST_GROUPED ? posixGroups(syntax, text, start, end) : automaton.preferred(text, start, true, end)
    } catch (error) {
      if (!(error instanceof TooManySteps || error instanceof TooBig)) throw error
      if (!must) return undefined
      throw new RegExpLimit('a regular expression that has to try so much (a simpler one, without back-references)')
    }
  }

  #result(text: string, spans: Spans | undefined): RegExpExecArray | null {
    const moves = this.global || this.sticky
    if (!spans) {
      if (moves) this.lastIndex = 0
      return null
    }
    if (moves) this.lastIndex = spans[1]!
    const span = (i: number): [number, number] | undefined => (spans[2 * i]! < 0 ? undefined : [spans[2 * i]!, spans[2 * i + 1]!])
    const numbers = [...Array(spans.length / 2).keys()]
    const of = (i: number): string | undefined => (span(i) ? text.slice(...span(i)!) : undefined)
    const names = [...this.source.matchAll(/\\.|\[(?:[^\]\\]|\\.)*\]|\((?!\?)|\(\?<([A-Za-z_]\w*)>/gs)].filter(([whole]) => whole[0] === '(').map((m) => m[1])
    const named = <T>(value: (i: number) => T): Record<string, T> | undefined =>
      names.some((n) => n !== undefined) ? Object.fromEntries(names.flatMap((n, i) => (n === undefined ? [] : [[n, value(i + 1)]]))) : undefined
    const result = Object.assign(numbers.map(of), { index: spans[0]!, input: text, groups: named(of) }) as unknown as RegExpExecArray
    if (this.hasIndices) result.indices = Object.assign(numbers.map(span), { groups: named(span) }) as unknown as RegExpIndicesArray
    return result
  }
}

/** A regular expression that matches as POSIX says: of the leftmost matches the longest. */
export class PosixRegExp extends GuardedRegExp {
  protected override get wantsLongest(): boolean {
    return true
  }
}
