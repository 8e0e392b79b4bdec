import { expect, test } from 'vitest'
import { HistoryList } from '../language/history-list.ts'
import { expandHistory } from './history-expansion.ts'
import { joinLines } from './history.ts'
import { Editing } from './editing.ts'
import { LineBuffer } from './line-buffer.ts'

// What bash itself makes of all this is in tests/conformance/readline (the deep run).
const history = new HistoryList()
for (const line of ['ls /usr/lib/file.tar.gz', 'echo first one', "args 'x y' two; cat < in"]) history.add(line, 0)

test.each([
  ['!!:1', "'x y'"], ['!ec', 'echo first one'], ['!?file?:$:t:r', 'file.tar'], ['!1:$:h', '/usr/lib'], ['!-2:s/first/1&/', 'echo 1first one'], ['echo !$', 'echo in'],
  ['!2:*', 'first one'], ['!2:1-', 'first'], ["'!!'", "'!!'"], ['"!!:0"', '"args"'], ['a \\!!', 'a \\!!'], ['!2:gs/o/0/', 'ech0 first 0ne'], ['x # !!', 'x # !!'], ['^two^2^', "args 'x y' 2; cat < in"],
])('%s is %s', (line, text) => {
  expect(expandHistory(line, history).text).toBe(text)
})

test.each([['!zz', '!zz: event not found'], ['!!:9', ':9: bad word specifier'], ['^no^x', ':s^no^x: substitution failed'], ['!!:z', 'z: unrecognized history modifier'], ['!99', '!99: event not found']])('%s: %s', (line, error) => {
  expect(expandHistory(line, history)).toEqual({ text: line, changed: false, error })
})

test('a command of several lines is kept as one', () => {
  expect(joinLines(['for i in 1 2', 'do', 'echo $i', 'done'])).toBe('for i in 1 2; do echo $i; done')
  expect(joinLines(["echo 'a", "b' c \\", 'd'])).toBe("echo 'a\nb' c d")
})

test('kills that follow each other are one, and undo takes back step by step', () => {
  const line = new LineBuffer()
  const editing = new Editing(line)
  const press = (...keys: string[]): string => {
    for (const key of keys) editing.press(key, { n: 1, given: false })
    return line.text
  }
  line.insert([...'one two three'])
  expect(press('unix-word-rubout', 'unix-word-rubout', 'beginning-of-line', 'yank')).toBe('two threeone ')
  expect(press('undo', 'undo')).toBe('one two ')
  expect(press('undo', 'beginning-of-line', 'upcase-word')).toBe('ONE two three')
})
