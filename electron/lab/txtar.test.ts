import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatTxtar, parseTxtar } from './txtar.ts'

describe('txtar', () => {
  it('splits a file at its markers', () => {
    const archive = parseTxtar('about\n-- 1 --\n$ ls\n-- 2 a name --\n\nx\n')
    expect(archive.comment).toBe('about\n')
    expect(archive.files).toEqual([
      { name: '1', text: '$ ls\n', line: 3 },
      { name: '2 a name', text: '\nx\n', line: 5 },
    ])
  })

  it('reads back what it has written', () => {
    const line = fc.stringMatching(/^[a-z $-]{0,12}$/).filter((t) => !/^-- .+ --\s*$/.test(t))
    const text = fc.array(line, { maxLength: 4 }).map((ls) => ls.map((l) => `${l}\n`).join(''))
    const archive = fc.record({ comment: text, files: fc.array(fc.record({ name: fc.stringMatching(/^[a-z0-9]{1,8}$/), text }), { maxLength: 4 }) })
    fc.assert(
      fc.property(archive, (a) => {
        const back = parseTxtar(formatTxtar(a))
        expect({ comment: back.comment, files: back.files.map(({ name, text: t }) => ({ name, text: t })) }).toEqual(a)
      }),
    )
  })
})
