import type { ASTNode } from '@marcbachmann/cel-js'

/** What is wrong with an expression, and where: an index into its text. */
export interface Issue { at: number; message: string }

const MOST_ISSUES = 100

/** As cel-go tells errors (common/errors.go): in their order in the text, each with its line and a mark below it. */
export function issueText(issues: readonly Issue[], input: string): string {
  const sorted = [...issues].sort((a, b) => a.at - b.at)
  const lines = sorted.slice(0, MOST_ISSUES).map((issue) => oneIssue(issue, input))
  if (sorted.length > MOST_ISSUES) lines.push(`${sorted.length - MOST_ISSUES} more errors were truncated`)
  return lines.join('\n')
}

function oneIssue({ at, message }: Issue, input: string): string {
  const before = input.slice(0, at).split('\n')
  const line = (input.split('\n')[before.length - 1] ?? '').replaceAll('\t', ' ')
  const passed = [...before.at(-1)!]
  const isWide = (char: string | undefined): boolean => char !== undefined && char.codePointAt(0)! > 0x7f
  const next = [...line.slice(before.at(-1)!.length)][0]
  const mark = passed.map((char) => (isWide(char) ? '．' : '.')).join('') + (isWide(next) ? '＾' : '^')
  return `ERROR: <input>:${before.length}:${passed.length + 1}: ${message}\n | ${line}\n | ${mark}`
}

/** Where cel-go says that an expression is: at its operator, dot or bracket; the package says where it begins. */
export class Positions {
  readonly #input: string

  constructor(input: string) {
    this.#input = input
  }

  of(node: ASTNode): number {
    switch (node.op) {
      case 'value':
      case 'id':
      case 'list':
      case 'map':
      case '!_':
      case '-_':
        return node.start
      case '?:':
        return this.#after(node.args[0].end)
      case 'call':
        return this.#skip(node.start + node.args[0].length)
      case 'rcall':
        return this.#skip(this.#skip(this.#after(node.args[1].end) + 1) + node.args[0].length)
      default:
        return this.#after(node.args[0].end)
    }
  }

  /** The first thing behind an operand and the brackets around it. */
  #after(end: number): number {
    let at = this.#skip(end)
    while (this.#input[at] === ')') at = this.#skip(at + 1)
    return at
  }

  /** Behind blanks and comments. */
  #skip(from: number): number {
    return from + /^(?:\s|\/\/[^\n]*(?:\n|$))*/.exec(this.#input.slice(from))![0].length
  }
}
