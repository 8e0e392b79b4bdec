import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseManifest } from './manifests.ts'
import { toYaml } from './yaml.ts'
import { yamlError } from './yaml-syntax.ts'

describe('YAML as Go writes it', () => {
  it('quotes what YAML 1.1 would read as something else, and nothing more', () => {
    const shown = (value: string): string => toYaml({ k: value }).slice(3, -1)
    for (const text of ['true', 'yes', 'on', 'null', '~', '1', '1.5', '0x1F', '1e3', '017', '12:30:45', '2001-01-01', '']) expect(shown(text)).toBe(`"${text}"`)
    for (const text of ['nginx:1.25', '10.96.0.1', '1.2.3', '1e', '123abc', 'a b', 'a#b', '=', '<<', '-x']) expect(shown(text)).toBe(text)
    for (const text of ['a: b', '#c', '- x', '@x', '*x', '{x}', ':', 'a ', ' a']) expect(shown(text)).toBe(`'${text}'`)
  })

  it('puts lists at the column of their key and lines of text in blocks', () => {
    expect(toYaml({ spec: { containers: [{ name: 'a', args: ['x\ny\n', 'z'] }], empty: {}, none: [] } })).toBe(
      'spec:\n  containers:\n  - args:\n    - |\n      x\n      y\n    - z\n    name: a\n  empty: {}\n  none: []\n',
    )
  })

  it('is read as what was written', () => {
    const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: fc.constantFrom(...' \n\t:#-"\'\\[]{}|>&*!%@`?,ab1.') }))
    const json = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 3 }, text, fc.integer(), fc.boolean(), fc.constant(null), fc.array(tie('value'), { maxLength: 3 }), tie('map')),
      map: fc.dictionary(text, tie('value'), { maxKeys: 4 }),
    }))
    fc.assert(fc.property(json.map.filter((m) => !JSON.stringify(m).includes('__proto__')), (value) => {
      expect(parseManifest(toYaml(value)) ?? {}).toEqual(value)
    }), { numRuns: 300 })
  })
})

describe('YAML that is none', () => {
  it.each([
    ['a:\n  b: c: d\n', 'line 2: mapping values are not allowed in this context'],
    ['a:\n\tb: c\n', 'line 2: found character that cannot start any token'],
    ['a:\n  b: c\n d: e\n', 'line 2: did not find expected key'],
    ['a: b\nc\nd: e\n', "line 3: could not find expected ':'"],
    ['a:\n  b: "c\n', 'line 3: found unexpected end of stream'],
    ['a:\n  b: [c\n  d: e\n', "line 2: did not find expected ',' or ']'"],
    ['a:\n  - b\n  c: d\n', "line 2: did not find expected '-' indicator"],
    ['a: *x\n', "unknown anchor 'x' referenced"],
    ['a: b\n', undefined],
    ['a: |\n  text\n   more\nb: [1, {c: d}]\n', undefined],
  ])('%j: %s', (text, error) => expect(yamlError(text)).toBe(error))
})
