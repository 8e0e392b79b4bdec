import { concatBytes, decodeUtf8 } from '../../engine/text.ts'
import { tool } from './command.ts'
import { eachInput } from './input.ts'

tool('wc', { flags: 'lwcmL', long: { lines: 'l', words: 'w', bytes: 'c', chars: 'm', 'max-line-length': 'L' } }, function* (run) {
  const { options } = run
  const shown = options.has('l', 'w', 'c', 'm', 'L') ? ['l', 'w', 'm', 'c', 'L'].filter((o) => options.has(o)) : ['l', 'w', 'c']
  const rows: { counts: number[]; name: string }[] = []
  const total = shown.map(() => 0)
  let read = 0
  yield* eachInput(run, options.operands, function* (input) {
    const chunks: Uint8Array[] = []
    for (let bytes = yield* input.read(); bytes !== null; bytes = yield* input.read()) chunks.push(bytes)
    const bytes = concatBytes(chunks)
    read += bytes.length
    const text = decodeUtf8(bytes)
    const counts = shown.map((o) => {
      if (o === 'l') return text.split('\n').length - 1
      if (o === 'w') return text.split(/\s+/).filter(Boolean).length
      if (o === 'c') return bytes.length
      if (o === 'm') return [...text].length
      return Math.max(0, ...text.split('\n').map((l) => [...l].length))
    })
    counts.forEach((n, i) => (total[i] = shown[i] === 'L' ? Math.max(total[i]!, n) : total[i]! + n))
    rows.push({ counts, name: options.operands.length === 0 ? '' : input.name === 'standard input' ? '-' : input.name })
  })
  const names = options.operands
  if (names.length > 1) rows.push({ counts: total, name: 'total' })
  // GNU: as wide as the size of all files in bytes; at least 7 for what has no size; 1 for a single number.
  const { fs } = run.process
  const sizes = names.map((n) => (n === '-' ? undefined : fs.exists(run.process.resolve(n)) ? fs.stat(run.process.resolve(n)) : null))
  const known = sizes.filter((s) => s?.type === 'file').reduce((n, s) => n + s!.size, 0)
  const redirected = names.length === 0 && run.process.files.get(0)?.kind === 'file'
  const pipes = (names.length === 0 && !redirected) || sizes.some((s) => s === undefined || (s && s.type !== 'file'))
  const width = shown.length === 1 && names.length <= 1 ? 1 : Math.max(pipes ? 7 : 1, String(redirected ? read : known).length)
  for (const row of rows) yield* run.print(row.counts.map((n) => String(n).padStart(run.isBusybox ? (shown.length > 1 ? 9 : 1) : width)).join(' ') + (row.name ? ` ${row.name}` : '') + '\n')
})
