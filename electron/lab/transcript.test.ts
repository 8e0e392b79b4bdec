import { describe, expect, it } from 'vitest'
import type { LabDefinition } from './model.ts'
import { compare, parseTranscripts, type Expectation } from './transcript.ts'

const lab = { steps: [{ checks: [{ id: 'web' }] }, { checks: [{ id: 'port' }] }] } as unknown as LabDefinition

const expectations = (text: string): Expectation[] => {
  const { transcripts } = parseTranscripts('solution.txtar', `-- 1 --\n$ x\n${text}`, lab)
  const action = transcripts[0]!.actions[0]!
  return 'expect' in action ? (action.expect ?? []) : []
}

describe('a transcript', () => {
  it('is commands with what they must print, keys, waits and answers', () => {
    const text = '-- 1 --\n$ kubectl get pods -w\nNAME\n...\n^C\n\n2$ sleep 1\n# wait 30s\n-- 2 --\n# answer port: 80\n'
    const { transcripts, problems } = parseTranscripts('solution.txtar', text, lab)
    expect(problems).toEqual([])
    expect(transcripts[0]!.actions).toMatchObject([
      { kind: 'command', terminal: 1, text: 'kubectl get pods -w', expect: [{ kind: 'exact', text: 'NAME' }, { kind: 'any' }] },
      { kind: 'key', key: 'C' },
      { kind: 'command', terminal: 2, text: 'sleep 1', expect: null },
      { kind: 'wait', ms: 30_000 },
    ])
    expect(transcripts[1]!.actions).toMatchObject([{ kind: 'answer', check: 'port', answer: '80' }])
  })

  it('names its mistakes with their lines', () => {
    const { problems } = parseTranscripts('wrong.txtar', '-- 3 web: no such step --\n-- 1 nope: no such check --\nstray\n-- first --\n', lab)
    expect(problems.map((p) => `${p.line}: ${p.message}`)).toEqual([
      '1: no step 3; the lab has 2',
      '2: step 1 has no check "nope"',
      '3: expected "$ command" before "stray"',
      '4: expected "-- <step> <check> <words> --"',
    ])
  })

  it('wants a solution for every step', () => {
    expect(parseTranscripts('solution.txtar', '-- 1 --\n$ ls\n', lab).problems).toMatchObject([{ message: 'no solution for step 2' }])
  })
})

describe('what was printed', () => {
  it('agrees line by line, with globs, patterns and gaps', () => {
    const expected = expectations('NAME   READY\n...\nweb-* 1/1 (glob)\nAGE: \\d+s (re)\n')
    expect(compare(['NAME   READY', 'db 1/1', 'web-abc   1/1', 'AGE: 12s'], expected)).toBeUndefined()
    expect(compare(['NAME   READY', 'web-abc   0/1', 'AGE: 12s'], expected)).toContain('expected "web-* 1/1"')
  })

  it('may not go on after the last line', () => {
    expect(compare(['a', 'b'], expectations('a\n'))).toBe('expected nothing more, printed "b"')
    expect(compare(['a', 'b'], expectations('a\n...\n'))).toBeUndefined()
  })
})
