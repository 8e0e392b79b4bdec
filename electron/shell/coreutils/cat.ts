import { encodeUtf8 } from '../../engine/text.ts'
import { NotSimulated, quoted, tool } from './command.ts'
import { allLines, eachInput } from './input.ts'

tool('cat', { flags: 'nbAETsveut', long: { number: 'n', 'number-nonblank': 'b', 'show-all': 'A', 'show-ends': 'E', 'show-tabs': 'T', 'squeeze-blank': 's', 'show-nonprinting': 'v' } }, function* (run) {
  const { options } = run
  const tabs = options.has('A', 'T', 't')
  const ends = options.has('A', 'E', 'e')
  const controls = options.has('A', 'v', 'e', 't')
  const plain = !tabs && !ends && !controls && !options.has('n', 'b', 's')
  let number = 0
  let blank = false
  yield* eachInput(run, options.operands, function* (input) {
    if (plain) {
      for (let bytes = yield* input.read(); bytes !== null; bytes = yield* input.read()) yield* run.print(bytes)
      return
    }
    for (let line = yield* input.line(); line !== null; line = yield* input.line()) {
      if (options.has('s') && line === '' && blank) continue
      blank = line === ''
      let text = line
      if (controls) text = [...encodeUtf8(text)].map(visible).join('')
      if (tabs) text = text.replace(/\t/g, '^I')
      const counted = options.has('b') ? line !== '' : options.has('n')
      yield* run.print((counted ? `${String(++number).padStart(6)}\t` : '') + text + (input.unterminated ? '' : (ends ? '$' : '') + '\n'))
    }
  })
})

/** A byte as `cat -v` shows it: ^X, M-x; tabs stay. */
function visible(byte: number): string {
  if (byte >= 128) return 'M-' + (byte === 137 || byte === 138 ? '^' + String.fromCharCode(byte - 64) : visible(byte - 128))
  if (byte === 9) return '\t'
  return byte === 127 ? '^?' : byte < 32 ? '^' + String.fromCharCode(byte + 64) : String.fromCharCode(byte)
}

tool('tac', { unsupported: 'brs' }, function* (run) {
  for (const name of run.options.operands.length > 0 ? run.options.operands : ['-']) {
    const { lines } = yield* allLines(run, [name], (n, m) => `failed to open ${quoted(n)} for reading: ${m}`)
    for (const line of lines.reverse()) yield* run.print(line + '\n')
  }
})

tool('rev', {}, function* (run) {
  yield* eachInput(run, run.options.operands, function* (input) {
    for (let line = yield* input.line(); line !== null; line = yield* input.line()) yield* run.print([...line].reverse().join('') + (input.unterminated ? '' : '\n'))
  })
})

tool('nl', { values: 'bwsvi', unsupported: 'dfhlnp' }, function* (run) {
  const { options } = run
  const body = options.value('b') ?? 't'
  if (body !== 't' && body !== 'a' && body !== 'n') throw new NotSimulated(`nl -b ${body} (nl -b a)`)
  const width = Number(options.value('w') ?? 6)
  let number = Number(options.value('v') ?? 1)
  yield* eachInput(run, options.operands, function* (input) {
    for (let line = yield* input.line(); line !== null; line = yield* input.line()) {
      const counted = body === 'a' || (body === 't' && line !== '')
      yield* run.print(counted ? `${String(number).padStart(width)}${options.value('s') ?? '\t'}${line}\n` : `${' '.repeat(width + (options.value('s') ?? '\t').length)}${line}\n`)
      if (counted) number += Number(options.value('i') ?? 1)
    }
  })
})
