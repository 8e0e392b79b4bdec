import { describe, expect, it, test } from 'vitest'
import { keysOf } from '../keys.ts'
import { sitDown } from '../testing.samples.ts'
import { openFile } from './ex.ts'
import { Vi } from './normal.ts'

const ESC = '\x1b'

/** What keys make of a text, without a terminal. */
function edited(text: string, keys: string): { text: string; at: [number, number]; message: string } {
  const lines = text.split('\n')
  const vi = new Vi({ load: () => ({ lines, readonly: false, unended: false }), save: () => undefined, exists: () => true }, () => 0)
  openFile(vi, 'f')
  vi.message = ''
  for (const key of keysOf(keys)) vi.press(key)
  return { text: vi.buffer.lines.join('\n'), at: [vi.buffer.at.row, vi.buffer.at.column], message: vi.message }
}

test('a pattern that tries too much is told, and the text stays', () => {
  const text = `ok\n${'a'.repeat(60)}`
  for (const keys of ['/\\(a*\\)*\\1b\r', ':%s/\\(a*\\)*\\1b/x/\r', ':/\\(a*\\)*\\1b/\r']) {
    const { text: left, message } = edited(text, keys)
    expect(left).toBe(text)
    expect(message).toMatch(/^podhop: not simulated: a regular expression|^E486/)
  }
  expect(edited('a1\na2', ':%s/a/b/\r').text).toBe('b1\nb2')
})

test.each([
  ['x and a count', 'abcdef', 'l3x', 'aef'],
  ['X', 'abcdef', '$2X', 'abcf'],
  ['insert before and behind', 'b', `ia${ESC}$aX${ESC}`, 'abX'],
  ['I and A', '  b', `Ia${ESC}Ac${ESC}`, '  abc'],
  ['open below and above', 'b', `oc${ESC}kOa${ESC}`, 'a\nb\nc'],
  ['insert so often', '', `3iab${ESC}`, 'ababab'],
  ['dw, and de', 'one two three four', 'dwwde', 'two  four'],
  ['dw takes a word', 'one two three', 'wdw', 'one three'],
  ['d2w', 'one two three', 'd2w', 'three'],
  ['dw in the last word keeps the line', 'one two\nthree', 'wdw', 'one \nthree'],
  ['cw keeps the space', 'one two', `cwuno${ESC}`, 'uno two'],
  ['cw in the middle', 'replicas: 12', `wwcw30${ESC}`, 'replicas: 30'],
  ['c2w', 'a b c', `c2wx${ESC}`, 'x c'],
  ['cc and S', 'one\ntwo', `ccx${ESC}jSy${ESC}`, 'x\ny'],
  ['dd and p', 'one\ntwo\nthree', 'ddp', 'two\none\nthree'],
  ['2dd and P', 'one\ntwo\nthree', '2ddP', 'one\ntwo\nthree'],
  ['yy and 2p', 'one\ntwo', 'yy2p', 'one\none\none\ntwo'],
  ['yw and P', 'one two', 'ywP', 'one one two'],
  ['xp swaps', 'ba', 'xp', 'ab'],
  ['D and C', 'one two', `wDaX${ESC}0CY${ESC}`, 'Y'],
  ['J', 'one\n  two\nthree', '3J', 'one two three'],
  ['r, with a count', 'abc', '2rx', 'xxc'],
  ['~', 'aBc', '3~', 'AbC'],
  ['. repeats a change', 'one two three', 'dw.', 'three'],
  ['. repeats an insertion', 'x', `ia${ESC}..`, 'aaax'],
  ['. with another count', 'abcdefgh', '2x3.', 'fgh'],
  ['u goes back step by step', 'one two three', 'dwdwuu', 'one two three'],
  ['and Ctrl-R forth', 'one two three', 'dwdwuu\x12', 'two three'],
  ['an insertion is undone at once', 'x', `iabc\rdef${ESC}u`, 'x'],
  ['d and a search', 'one two three', 'd/th\r', 'three'],
  ['n repeats a search', 'a b\na c\na d', '/a\rnx', 'a b\na c\n d'],
  ['f and ;', 'a.b.c.d', 'f.;x', 'a.bc.d'],
  ['dt', 'name: web', 'dt:', ': web'],
  ['dG and dgg', 'one\ntwo\nthree', 'jdG', 'one'],
  ['dj', 'one\ntwo\nthree', 'dj', 'three'],
  ['%', 'f(a, b) c', 'ld%', 'f c'],
  ['>> and <<', 'a', '>>>><<', '\ta'],
  [':s on a line', 'aa\naa', ':s/a/b/\r', 'ba\naa'],
  [':s everywhere', 'aa\naa', ':%s/a/b/g\r', 'bb\nbb'],
  [':s with groups', 'key: value', ':s/\\(k\\w*\\): \\(.*\\)/\\2: [\\1] &/\r', 'value: [key] key: value'],
  [':s with another separator', 'a/b', ':s#/#-#\r', 'a-b'],
  [':s of a range', 'a\na\na', ':2,$s/a/b\r', 'a\nb\nb'],
  [':d of a range', 'a\nb\nc\nd', ':2,3d\r', 'a\nd'],
  ['set et sw=2', 'a', ':set et sw=2\r>>', '  a'],
  ['set ai', '  a', `:set ai\rob${ESC}`, '  a\n  b'],
  ['backspace joins lines', 'one\ntwo', `ji\x7f${ESC}`, 'onetwo'],
  ['Ctrl-W', '', `ione two\x17three${ESC}`, 'one three'],
  ['wide characters are whole', '日本語', 'x$x', '本'],
])('%s', (_, text, keys, expected) => {
  expect(edited(text, keys).text).toBe(expected)
})

test.each([
  ['w b e', 'one, two\nthree', 'wwbe', [0, 7]],
  ['w goes on in the next line', 'one\n  two', 'w', [1, 2]],
  ['b back', 'one two', '$b', [0, 4]],
  ['0 ^ $', '  one', '$0^', [0, 2]],
  ['G, nG and gg', 'a\nb\nc', 'G', [2, 0]],
  ['2G', 'a\nb\nc', '2G', [1, 0]],
  [':N', 'a\nb\nc', ':3\r', [2, 0]],
  ['j keeps the column', 'long\na\nlong', 'lljj', [2, 2]],
  ['the arrows', 'ab\ncd', '\x1b[C\x1b[B', [1, 1]],
  ['? searches back', 'a x\nb\nc x', 'G?x\r', [0, 2]],
] as const)('%s moves', (_, text, keys, at) => {
  expect(edited(text, keys).at).toEqual(at)
})

test.each([
  ['3dd', 'a\nb\nc\nd', '3dd', '3 fewer lines'],
  ['undo', 'a\nb\nc\nd', '3ddu', '3 more lines; before #1  0 seconds ago'],
  ['nothing to undo', 'a', 'u', 'Already at oldest change'],
  ['no such command', 'a', ':foo\r', 'E492: Not an editor command: foo'],
  ['a pattern that is nowhere', 'a', '/zz\r', 'E486: Pattern not found: zz'],
  ['leaving with changes', 'a', 'x:q\r', 'E37: No write since last change (add ! to override)'],
  ['an unknown option', 'a', ':set foo\r', 'E518: Unknown option: foo'],
  ['many substitutions', 'aaa\naaa', ':%s/a/b/g\r', '6 substitutions on 2 lines'],
  ['what is not simulated', 'a', ':split\r', 'podhop: not simulated: :split in vi'],
])('%s says', (_, text, keys, message) => {
  expect(edited(text, keys).message).toBe(message)
})

describe('at a terminal', () => {
  it('shows a file, takes edits, writes and leaves the screen as it was', async () => {
    const s = sitDown()
    s.write('f.txt', 'one\ntwo\n')
    await s.type('vi f.txt\r')
    expect(s.lines()).toEqual(['one', 'two', ...Array<string>(7).fill('~'), '"f.txt" 2L, 8B'.padEnd(42) + '1,1           All'])
    expect(s.cursor()).toEqual([0, 0])
    await s.type('o', 'new')
    expect(s.lines()[1]).toBe('new')
    expect(s.bottom()).toMatch(/^-- INSERT -- +2,4 +All$/)
    await s.type(ESC, ':w')
    expect([s.bottom(), s.cursor()]).toEqual([':w', [2, 9]])
    await s.type('\r')
    expect(s.bottom()).toMatch(/^"f.txt" 3L, 12B written /)
    await s.type(':q\r')
    expect(s.lines().slice(0, 2)).toEqual(['$ vi f.txt', '$'])
    expect(s.read('f.txt')).toBe('one\nnew\ntwo\n')
    await s.type('echo still here\r')
    expect(s.lines()[2]).toBe('still here')
  })

  it('makes a new file, and ZZ writes it', async () => {
    const s = sitDown()
    await s.type('vi new\r')
    expect(s.bottom()).toMatch(/^"new" \[New\] +0,0-1 +All$/)
    await s.type('ihello', ESC, 'ZZ')
    expect(s.read('new')).toBe('hello\n')
  })

  it('wraps long lines, follows the cursor and a new size', async () => {
    const s = sitDown({ columns: 20, rows: 6 })
    s.write('f', `${'x'.repeat(25)}\n${Array.from({ length: 20 }, (_, i) => `line ${i + 2}`).join('\n')}\n`)
    await s.type('vi f\r')
    expect(s.lines().slice(0, 3)).toEqual(['x'.repeat(20), 'xxxxx', 'line 2'])
    await s.type('G')
    expect(s.lines().slice(0, 5)).toEqual(['line 17', 'line 18', 'line 19', 'line 20', 'line 21'])
    await s.resize(20, 4)
    expect(s.lines().slice(0, 3)).toEqual(['line 19', 'line 20', 'line 21'])
    await s.type('gg', ':set nu\r')
    expect(s.lines().slice(0, 2)).toEqual([`  1 ${'x'.repeat(16)}`, `    ${'x'.repeat(9)}`])
  })

  it('does not write what it may not, and :q! gives up', async () => {
    const s = sitDown()
    await s.type('vi /etc/hostname\r')
    expect(s.bottom()).toContain('[readonly]')
    await s.type('x', ':w\r')
    expect(s.bottom()).toContain("E45: 'readonly' option is set (add ! to override)")
    await s.type(':w!\r')
    expect(s.bottom()).toContain("E212: Can't open file for writing")
    await s.type(':q!\r', 'echo $?\r')
    expect(s.lines().slice(0, 2)).toEqual(['$ vi /etc/hostname', '$ echo $?'])
  })
})
