import fc from 'fast-check'
import { expect, it } from 'vitest'
import { formatTranscript, parseTranscript } from './transcript.ts'

it('a transcript is read as it was written, whatever tools print', () => {
  const text = fc.array(fc.oneof(fc.string(), fc.constantFrom('-- p1: ip addr --', '\\-- x --', '--', '')), { maxLength: 4 }).map((lines) => lines.join('\n').replace(/\r/g, ''))
  const name = fc.string({ minLength: 1 }).map((s) => s.replace(/[\r\n]/g, ''))
  fc.assert(fc.property(fc.dictionary(name, text, { noNullPrototype: true }), (entries) => {
    const all = new Map(Object.entries(entries))
    expect(new Map([...parseTranscript(formatTranscript(all))].sort())).toEqual(new Map([...all].sort()))
  }), { numRuns: 200 })
})
