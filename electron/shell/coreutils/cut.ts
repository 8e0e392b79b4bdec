import { Failure, tool } from './command.ts'
import { eachInput, plainComplaint } from './input.ts'

/** "1,3-5,-2,7-" as a test of positions. */
function ranges(list: string, what: string): (n: number) => boolean {
  const parts = list.split(/[, ]/).map((text): [number, number] => {
    const match = /^(\d*)(-?)(\d*)$/.exec(text)
    if (!match || text === '' || text === '-') throw new Failure(`invalid ${what} ${text === '-' ? 'range with no endpoint: -' : `value '${text}'`}`, 1, true)
    const from = match[1] === '' ? 1 : Number(match[1])
    const to = match[2] === '' ? from : match[3] === '' ? Infinity : Number(match[3])
    if (from === 0 || to === 0) throw new Failure(what === 'field' ? 'fields are numbered from 1' : 'byte/character positions are numbered from 1', 1, true)
    if (to < from) throw new Failure('invalid decreasing range', 1, true)
    return [from, to]
  })
  return (n) => parts.some(([from, to]) => n >= from && n <= to)
}

tool('cut', { flags: 'sn', values: 'bcfd', long: { fields: 'f=', delimiter: 'd=', characters: 'c=', bytes: 'b=', 'only-delimited': 's', complement: 'complement', 'output-delimiter': 'output=' }, unsupported: 'z' }, function* (run) {
  const { options } = run
  const fields = options.value('f')
  const chars = options.value('c') ?? options.value('b')
  if (fields === undefined && chars === undefined) throw new Failure(run.isBusybox ? 'expected a list of bytes, characters, or fields' : 'you must specify a list of bytes, characters, or fields', 1, true)
  if (fields !== undefined && chars !== undefined) throw new Failure('only one type of list may be specified', 1, true)
  const delimiter = options.value('d') ?? '\t'
  if (options.has('d') && fields === undefined) throw new Failure('an input delimiter may be specified only when operating on fields', 1, true)
  if ([...delimiter].length > 1) throw new Failure('the delimiter must be a single character', 1, true)
  const chosen = ranges((fields ?? chars)!, fields !== undefined ? 'field' : 'byte/character position')
  const wanted = options.has('complement') ? (n: number): boolean => !chosen(n) : chosen
  const output = options.value('output') ?? (fields !== undefined ? delimiter : '')
  yield* eachInput(run, options.operands, function* (input) {
    for (let line = yield* input.line(); line !== null; line = yield* input.line()) {
      if (chars !== undefined) {
        yield* run.print(pieces([...line], wanted, output) + '\n')
        continue
      }
      if (!line.includes(delimiter)) {
        if (!options.has('s')) yield* run.print(line + '\n')
        continue
      }
      yield* run.print(line.split(delimiter).filter((_, i) => wanted(i + 1)).join(output) + '\n')
    }
  }, plainComplaint)
})

/** The chosen characters; between pieces that were not adjacent stands the delimiter. */
function pieces(chars: readonly string[], wanted: (n: number) => boolean, between: string): string {
  let out = ''
  let last = 0
  for (const [i, c] of chars.entries()) {
    if (!wanted(i + 1)) continue
    out += (last > 0 && last < i ? between : '') + c
    last = i + 1
  }
  return out
}

tool('paste', { flags: 's', values: 'd', long: { delimiters: 'd=', serial: 's' } }, function* (run) {
  const { options } = run
  const delimiters = [...(options.value('d') ?? '\t').replace(/\\n/g, '\n').replace(/\\t/g, '\t').replace(/\\0/g, '')]
  const names = options.operands.length > 0 ? options.operands : ['-']
  const columns: string[][] = []
  const shared: string[] = []
  let stdinRead = false
  for (const name of names) {
    const lines: string[] = []
    if (name === '-' && stdinRead) {
      columns.push(shared)
      continue
    }
    yield* eachInput(run, [name], function* (input) {
      for (let line = yield* input.line(); line !== null; line = yield* input.line()) (name === '-' ? shared : lines).push(line)
    })
    if (name === '-') stdinRead = true
    columns.push(name === '-' ? shared : lines)
  }
  const join = (cells: readonly string[]): string => cells.map((c, i) => (i === 0 ? c : (delimiters[(i - 1) % delimiters.length] ?? '') + c)).join('')
  if (options.has('s')) {
    for (const column of columns) yield* run.print(join(column) + '\n')
    return
  }
  const positions = columns.map(() => 0)
  for (;;) {
    let any = false
    const cells = columns.map((column, i) => {
      const value = column === shared ? shared.shift() : column[positions[i]!++]
      if (value !== undefined) any = true
      return value ?? ''
    })
    if (!any) return
    yield* run.print(join(cells) + '\n')
  }
})
