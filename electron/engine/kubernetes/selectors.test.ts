import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileLabelSelector, formatLabelSelector, parseFieldSelector, parseSelector } from './selectors.ts'

const key = fc.constantFrom('app', 'tier', 'example.com/zone')
const value = fc.constantFrom('', 'web', 'db', 'in', 'x.y_z-1')
const labels = fc.dictionary(key, value)

const requirement = fc.oneof(
  fc.record({ key, text: fc.constant((k: string) => k), test: fc.constant((v: string | undefined) => v !== undefined) }),
  fc.record({ key, text: fc.constant((k: string) => `!${k}`), test: fc.constant((v: string | undefined) => v === undefined) }),
  fc.tuple(key, value, fc.constantFrom('=', '==', '!=')).map(([k, wanted, op]) => ({
    key: k,
    text: (name: string) => `${name}${op}${wanted}`,
    test: (v: string | undefined) => (op === '!=' ? v !== wanted : v === wanted),
  })),
  fc.tuple(key, fc.array(value, { minLength: 1 }), fc.boolean()).map(([k, list, negated]) => ({
    key: k,
    text: (name: string) => `${name} ${negated ? 'notin' : 'in'} (${list.join(', ')})`,
    test: (v: string | undefined) => (v !== undefined && (list as string[]).includes(v)) !== negated,
  })),
)

describe('label selectors', () => {
  it('match as each of their requirements says, and print as what they were read from', () => {
    fc.assert(
      fc.property(fc.array(requirement), labels, (requirements, set) => {
        const selector = parseSelector(requirements.map((r) => r.text(r.key)).join(','))
        const expected = requirements.every((r) => r.test(set[r.key]))
        expect(selector.matches(set)).toBe(expected)
        expect(parseSelector(selector.toString()).matches(set)).toBe(expected)
      }),
    )
  })

  it.each([
    ['a=b=c', "found '=', expected: ',' or 'end of string'"],
    ['a,', "found '', expected: identifier after ','"],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['=a', "found '=', expected: !, identifier, or 'end of string'"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['-a', `unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`],
  ])('%s is refused as Go refuses it', (text, message) => {
    expect(() => parseSelector(text)).toThrow(expect.objectContaining({ message }) as Error)
  })

  it('of objects select nothing when absent and everything when empty', () => {
    expect(compileLabelSelector(undefined).matches({})).toBe(false)
    expect(compileLabelSelector({}).matches({ a: 'b' })).toBe(true)
    expect(formatLabelSelector({ matchLabels: { b: '1', a: '2' }, matchExpressions: [{ key: 'c', operator: 'In', values: ['y', 'x'] }, { key: 'd', operator: 'Exists' }] })).toBe('a=2,b=1,c in (x,y),d')
    expect(formatLabelSelector({})).toBe('<none>')
  })
})

describe('field selectors', () => {
  it('are read with their operators', () => {
    expect(parseFieldSelector('metadata.name=web,status.phase!=Running,a==b')).toEqual([
      { field: 'metadata.name', equal: true, value: 'web' },
      { field: 'status.phase', equal: false, value: 'Running' },
      { field: 'a', equal: true, value: 'b' },
    ])
    expect(() => parseFieldSelector('nonsense')).toThrow("invalid selector: 'nonsense'; can't understand 'nonsense'")
  })
})
