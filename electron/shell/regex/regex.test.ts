import { execFileSync, spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileRegExp } from '../coreutils/regex.ts'
import { GuardedRegExp, RegExpLimit } from './guarded.ts'

/** In ms of processor time, whatever else the machine does. */
const SOON = 400

function timed<T>(work: () => T): T {
  const start = process.cpuUsage()
  const result = work()
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(SOON)
  return result
}

const posix = (pattern: string, text: string, flags = ''): (string | undefined)[] | undefined => {
  const match = compileRegExp(pattern, 'extended', flags).exec(text)
  return match ? [...match] : undefined
}

describe('of the leftmost matches the longest', () => {
  test('whatever the order of alternatives', () => expect(posix('a|ab|abc', 'xabcd')).toEqual(['abc']))
  test('an optional part does not take what leads farther', () => expect(posix('a?(ab)?', 'ab')).toEqual(['ab', 'ab']))
  test('groups take the most, from left to right', () => expect(posix('(a|ab)(c|bcd)(d*)', 'abcd')).toEqual(['abcd', 'ab', 'cd'.slice(0, 1), 'd']))
  test('every match of a text', () => expect('xaby'.replace(compileRegExp('a|ab', 'extended', 'g'), '<$&>')).toBe('x<ab>y'))
})

describe('searches that backtracking would never end', () => {
  for (const pattern of ['(a+)+b', '(a|aa)+b', '(a*)*b', '(a?){40}a{40}b', '(.*)(.*)(.*)(.*)(.*)b', '(a|a|a)*c?b']) {
    test(`${pattern}`, () => {
      expect(timed(() => posix(pattern, 'a'.repeat(5000)))).toBeUndefined()
      expect(timed(() => new GuardedRegExp(pattern, 'u').exec('a'.repeat(5000)))).toBeNull()
    })
  }
  test('with a back-reference they are given up', () => {
    expect(() => timed(() => posix('((a*)*)*\\1b', 'a'.repeat(60)))).toThrow(RegExpLimit)
    expect(posix('(.*)=\\1$', 'ab=ab')).toEqual(['ab=ab', 'ab'])
  })
})

describe('as RegExp is used', () => {
  test('split, matchAll, lastIndex', () => {
    expect('a1b22c'.split(compileRegExp('[0-9]+', 'extended'))).toEqual(['a', 'b', 'c'])
    expect('a1b2'.split(compileRegExp('(1|2)', 'extended'))).toEqual(['a', 'b', ''])
    expect('héllo'.split(compileRegExp('', 'extended'))).toEqual([...'héllo'])
    expect([...'ab aab'.matchAll(compileRegExp('(a|aa)+b', 'extended', 'g'))].map((m) => [m.index, m[0]])).toEqual([[0, 'ab'], [3, 'aab']])
  })
  test('names and places of groups', () => {
    const match = new GuardedRegExp('(?<as>a+)+$', 'du').exec('b' + 'a'.repeat(60))!
    expect(match.groups).toEqual({ as: 'a'.repeat(60) })
    expect(match.indices!.groups).toEqual({ as: [1, 61] })
  })
})

/** Patterns of a few letters, with everything but back-references. */
const pattern = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('a', 'b', 'c', '.', '[ab]', '[^a]', 'é'),
    fc.tuple(tie('node'), tie('node')).map(([a, b]) => a + b),
    fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(${a}|${b})`),
    fc.tuple(tie('node'), fc.constantFrom('*', '+', '?', '{2}', '{1,2}')).map(([a, r]) => `(${a})${r}`),
    fc.tuple(fc.constantFrom('a', 'b', '.', '[bc]'), fc.constantFrom('*', '+', '?', '{2}', '{0,2}')).map(([a, r]) => a + r),
  ),
})).node
const subject = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'é'), maxLength: 8 })

test('without groups in question, the engine where it may be asked and the automaton agree', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom('a', 'b', '.', '[ab]', '(a)', '(b'), fc.constantFrom('', '*', '?', '{0,2}')), { maxLength: 6 }), subject, (parts, text) => {
    const source = parts.map(([a, r]) => (a === '(b' ? `(b${r})` : a.startsWith('(') ? a : a + r)).join('')
    const match = posix(source, text)
    // An alternative that never matches makes the automaton search.
    const other = posix(`(${source}|@)`, text)
    expect(match?.[0]).toEqual(other?.[0])
  }), { numRuns: 500 })
})

const hasBash = spawnSync('bash', ['-c', '[[ $BASH_VERSION == 5.* ]]']).status === 0
if (!hasBash) console.warn('\n*** bash is not installed: the regular expressions are not compared with the C library ***\n')

test.skipIf(!hasBash)('the C library finds the same', () => {
  const cases = fc.sample(fc.tuple(pattern, subject), { numRuns: 1500, seed: 7 })
  const script = 'while IFS= read -r p; do IFS= read -r s; if [[ $s =~ $p ]]; then echo "<$BASH_REMATCH>"; else echo none; fi; done'
  const lines = execFileSync('bash', ['-c', script], { input: cases.map(([p, s]) => `${p}\n${s}\n`).join(''), encoding: 'utf8', env: { LC_ALL: 'C.UTF-8', PATH: '/usr/bin:/bin' } }).split('\n')
  const different = cases.flatMap(([p, s], i) => {
    const match = posix(p, s)
    const ours = match ? `<${match[0]}>` : 'none'
    return ours === lines[i] ? [] : [{ p, s, real: lines[i], ours }]
  })
  expect(different).toEqual([])
})
