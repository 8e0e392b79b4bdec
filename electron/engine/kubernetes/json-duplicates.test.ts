import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Clock } from '../clock.ts'
import { ApiServer } from './api-server.ts'
import { duplicateFields } from './json-duplicates.ts'

describe('fields that are there twice', () => {
  it('are named by their path, once', () => {
    const text = '{"a": 1, "b": [{"c": "}", "c": 2, "d": [[{"e\\"": 1, "e\\"": 1}]]}, {"c": 3}], "a": 2, "a": {"a": 1}}'
    expect(duplicateFields(text)).toEqual(['b[0].c', 'b[0].d[0][0].e"', 'a'])
  })

  it('are in no text that was written from a value', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => duplicateFields(JSON.stringify(value)).length === 0), { seed: 1 })
  })

  it('are refused, or warned of', () => {
    const api = new ApiServer(new Clock({ seed: 1 }))
    const body = { metadata: { name: 'a' }, data: { k: 'v' }, foo: 1 }
    const duplicates = ['data.k']
    expect(() => api.create('configmaps', 'default', body, { duplicates })).toThrow('ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "data.k", unknown field "foo"')
    const warnings: string[] = []
    api.create('configmaps', 'default', body, { duplicates, fieldValidation: 'Warn', onWarning: (text) => warnings.push(text) })
    expect(warnings).toEqual(['duplicate field "data.k"', 'unknown field "foo"'])
  })
})
