import { Environment, ParseError, type ASTNode } from '@marcbachmann/cel-js'
import { issueText } from './issues.ts'

/** What a parser may meet where an expression begins. */
const OPERAND = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"

let environment: Environment | undefined

/** The expression as it stands, or why it is none, in cel-go's words where the package's error tells enough. */
export function parseExpression(text: string): ASTNode | { wrong: string } {
  try {
    return (environment ??= new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true })).parse(text).ast
  } catch (error) {
    if (!(error instanceof ParseError)) throw error
    const { start = text.length, end = start } = error.range ?? {}
    return { wrong: issueText([{ at: start, message: inWords(error.summary, start >= text.length ? '<EOF>' : text.slice(start, end), text.slice(end).trim() === '') }], text) }
  }
}

function inWords(summary: string, input: string, last: boolean): string {
  const [, macro] = /^(\w+)\(.* invalid predicate iteration variable$/.exec(summary) ?? []
  if (macro !== undefined) return macro === 'map' || macro === 'filter' ? 'argument is not an identifier' : 'argument must be a simple name'
  if (summary.startsWith('Unexpected token: ')) return `Syntax error: mismatched input '${input}' expecting ${OPERAND}`
  if (summary.startsWith('Expected RPAREN')) return `Syntax error: missing ')' at '${input}'`
  if (summary.startsWith("Unexpected character: '")) return `Syntax error: ${last ? 'extraneous' : 'mismatched'} input '${input}' expecting <EOF>`
  if (summary.startsWith('Unexpected character: ')) return `Syntax error: token recognition error at: '${input}'`
  return `Syntax error: ${summary}`
}
