import { describe, expect, it } from 'vitest'
import { loginOf, readNetrc } from './netrc.ts'

describe('a .netrc', () => {
  const text = '# who\nmachine web.test login anna password "a b\\"c"\nmachine web.test\n  login ben\n  password x\nmacdef init\nmachine no.test login m password m\n\nmachine two.test login z account q password y\ndefault login anonymous password guest\n'

  it('names machines one after the other, in any layout, without its comments and macros', () => {
    expect(readNetrc(text)).toEqual([
      { machine: 'web.test', login: 'anna', password: 'a b"c' }, { machine: 'web.test', login: 'ben', password: 'x' }, { machine: 'two.test', login: 'z', password: 'y' }, { machine: undefined, login: 'anonymous', password: 'guest' },
    ])
  })

  it('answers with the first of a name, else with the default, and has no word for another user', () => {
    const entries = readNetrc(text)
    expect(loginOf(entries, 'web.test')?.login).toBe('anna')
    expect(loginOf(entries, 'else.test')?.login).toBe('anonymous')
    expect(loginOf(entries, 'web.test', 'carl')).toBeUndefined()
    expect(loginOf(readNetrc(''), 'web.test')).toBeUndefined()
  })
})
