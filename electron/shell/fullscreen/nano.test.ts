import { describe, expect, it } from 'vitest'
import { sitDown } from './testing.samples.ts'

const [CTRL_C, CTRL_K, CTRL_O, CTRL_U, CTRL_W, CTRL_X] = ['\x03', '\x0b', '\x0f', '\x15', '\x17', '\x18']

describe('nano', () => {
  it('shows a file between its title and its help, and writes it', async () => {
    const s = sitDown({ columns: 80, rows: 10 })
    s.write('f', 'one\ntwo\n')
    await s.type('nano f\r')
    const lines = s.lines()
    expect(lines[0]).toMatch(/^ {2}GNU nano 7\.2 +f$/)
    expect(lines.slice(1, 4)).toEqual(['one', 'two', ''])
    expect(lines[7]).toMatch(/^ +\[ Read 2 lines \]$/)
    expect(lines[8]).toMatch(/^\^G Help +\^O Write Out +\^W Where Is +\^K Cut +\^T Execute +\^C Location$/)
    expect(lines[9]).toMatch(/^\^X Exit +\^R Read File +\^\\ Replace +\^U Paste +\^J Justify +\^\/ Go To Line$/)
    await s.type('zero\r')
    expect(s.lines()[0]).toMatch(/ Modified$/)
    await s.type(CTRL_O)
    expect(s.lines()[7]).toBe('File Name to Write: f')
    await s.type('\r')
    expect(s.lines()[7]).toMatch(/\[ Wrote 3 lines \]/)
    expect(s.read('f')).toBe('zero\none\ntwo\n')
    await s.type(CTRL_X, 'echo back\r')
    expect(s.lines().slice(0, 3)).toEqual(['$ nano f', '$ echo back', 'back'])
  })

  it('asks whether to keep what was changed', async () => {
    const s = sitDown()
    s.write('f', 'one\n')
    await s.type('nano f\r', 'x', CTRL_X)
    expect(s.lines()[7]).toBe('Save modified buffer?')
    await s.type(CTRL_C)
    expect(s.lines()[7]).toContain('[ Cancelled ]')
    await s.type(CTRL_X, 'n', 'nano f\r', 'y', CTRL_X, 'y', '\r')
    expect(s.read('f')).toBe('yone\n')
  })

  it('cuts lines, one after the other, and pastes them', async () => {
    const s = sitDown()
    s.write('f', 'one\ntwo\nthree\n')
    await s.type('nano f\r', CTRL_K, CTRL_K, '\x1b[B', CTRL_U, CTRL_X, 'y', '\r')
    expect(s.read('f')).toBe('three\none\ntwo\n')
  })

  it('searches, and says where it is', async () => {
    const s = sitDown()
    s.write('f', 'one\ntwo\nthree\n')
    await s.type('nano f\r', CTRL_W, 'HR\r')
    expect(s.cursor()).toEqual([1, 3])
    await s.type(CTRL_C)
    expect(s.lines()[7]).toContain('[ line 3/4 (75%), col  2/ 6 ( 33%), char  9/14 (64%) ]')
    await s.type(CTRL_W, 'zzz\r')
    expect(s.lines()[7]).toContain('[ "zzz" not found ]')
  })

  it('makes a file', async () => {
    const s = sitDown()
    await s.type('nano\r')
    expect(s.lines()[0]).toContain('New Buffer')
    await s.type('hé日', '\x7f', CTRL_X, 'y', 'new\r')
    expect(s.read('new')).toBe('hé\n')
  })
})
