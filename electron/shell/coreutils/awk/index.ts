import { isSystemError } from '../../../engine/machine/errors.ts'
import { Failure, tool } from '../command.ts'
import { readEscape } from '../../language/escapes.ts'
import { Awk } from './interpreter.ts'
import { AwkSyntaxError } from './lexer.ts'
import { parseAwk } from './parser.ts'
import { Input } from './values.ts'

function unescaped(text: string): string {
  let out = ''
  for (let i = 0; i < text.length; ) {
    if (text[i] !== '\\') {
      out += text[i++]
      continue
    }
    const escape = readEscape(text, i + 1, 'format')
    out += escape.text
    i = escape.end
  }
  return out
}

tool('awk mawk gawk', { values: 'Fvf', stopAtOperand: true, usageCode: 2 }, function* (run) {
  const { options } = run
  const operands = [...options.operands]
  let source: string
  if (options.has('f')) {
    try {
      source = options.values('f').map((f) => run.process.fs.readText(run.resolve(f))).join('\n')
    } catch (error) {
      if (isSystemError(error)) throw new Failure(`couldn't open file ${options.value('f')}`, 2)
      throw error
    }
  } else {
    const first = operands.shift()
    if (first === undefined) {
      yield* run.process.printError(`Usage: ${run.name} [-f programfile | 'program'] [-Ffieldsep] [-v var=value] [files]\n`)
      return 2
    }
    source = first
  }
  let awk: Awk
  try {
    awk = new Awk(run, parseAwk(source))
  } catch (error) {
    if (error instanceof AwkSyntaxError) throw new Failure(error.message, 2)
    throw error
  }
  const separator = options.value('F')
  if (separator !== undefined) awk.setVariable('FS', separator === 't' ? '\t' : unescaped(separator))
  for (const assignment of options.values('v')) {
    const at = assignment.indexOf('=')
    if (at < 1) throw new Failure(`improper assignment: -v ${assignment}`, 2)
    awk.setVariable(assignment.slice(0, at), new Input(unescaped(assignment.slice(at + 1))))
  }
  return yield* awk.main(operands)
})
