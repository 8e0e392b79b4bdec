import { expect, test } from 'vitest'
import { sitDown } from '../testing.samples.ts'

const LONG = Array.from({ length: 60 }, (_, i) => `line ${i + 1}\n`).join('')

test('pages, searches, marks, percents and numbers of lines, as less 590 shows them', async () => {
  const { type, lines, write } = sitDown()
  const bottom = (): string => lines().at(-1)!
  write('long.txt', LONG)
  await type('less long.txt\r')
  expect([lines()[0], bottom()]).toEqual(['line 1', 'long.txt'])
  await type(' ', ' ')
  expect([lines()[0], bottom()]).toEqual(['line 19', ':'])
  await type('/line 5\r', 'n')
  expect([lines()[0], bottom()]).toEqual(['line 51', ':'])
  await type('ma', 'g', "'a", 'N')
  expect(lines()[0]).toBe('line 50')
  await type('50%')
  expect(lines()[0]).toBe('line 31')
  await type('G', '=')
  expect(bottom()).toBe('long.txt lines 52-60/60 byte 471/471 (END)  (press RETURN)')
  await type('\r', '-N', '\r')
  expect(lines()[0]).toBe('     52 line 52')
  await type('/zzz\r')
  expect(bottom()).toBe('Pattern not found  (press RETURN)')
  await type('\r', '&7\r')
  expect([lines()[0], lines()[5], lines()[6], bottom()]).toEqual(['      7 line 7', '     57 line 57', '~', '& (END)'])
  await type('q')
  expect(lines()[1]).toBe('$')
})

test('several files, and what is none', async () => {
  const { type, lines, write } = sitDown()
  const bottom = (): string => lines().at(-1)!
  write('long.txt', LONG)
  write('short.txt', 'one\ntwo\n')
  await type('less short.txt long.txt\r')
  expect(lines()[3]).toBe('short.txt (file 1 of 2) (END) - Next: long.txt')
  await type(':n', ':n')
  expect(bottom()).toBe('No next file  (press RETURN)')
  await type('q', 'clear\r', 'less -F short.txt; less nofile; less .; less -Z short.txt; less\r')
  expect(lines().slice(2, 8)).toEqual(['one', 'two', 'nofile: No such file or directory', '. is a directory', 'There is no -Z option ("less --help" for help)', 'Missing filename ("less --help" for help)'])
})

test('what a pipe has not given yet is not waited for, and F follows a file', async () => {
  const { type, lines, write, machine } = sitDown()
  const bottom = (): string => lines().at(-1)!
  write('log', 'first\n')
  await type('(seq 20; sleep 1000) | less\r')
  expect([lines()[0], bottom()]).toEqual(['1', ':'])
  await type('G')
  expect(lines()[8]).toBe('20')
  await type('q', '\x03', 'clear\r', 'less log\r', 'F')
  machine.fs.writeFile('/home/student/log', 'first\nsecond\n')
  await type('x')
  expect([lines()[1], bottom()]).toEqual(['second', 'Waiting for data... (interrupt to abort)'])
  await type('\x03')
  expect(bottom()).toBe('(END)')
})

test('more goes on by the screen and by the line, and ends with the text', async () => {
  const { type, lines, write } = sitDown()
  const bottom = (): string => lines().at(-1)!
  write('long.txt', LONG)
  await type('more long.txt\r')
  expect(bottom()).toBe('--More--(13%)')
  await type(' ', '\r')
  expect([lines()[8], bottom()]).toEqual(['line 19', '--More--(30%)'])
  await type('q')
  expect(bottom()).toBe('$')
})
