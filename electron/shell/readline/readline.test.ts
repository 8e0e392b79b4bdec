import { describe, expect, it } from 'vitest'
import { laptop } from '../testing.samples.ts'
import { Readline } from './readline.ts'
import { parseSequence, showSequence } from './sequences.ts'

const none = (): undefined => undefined

describe('an inputrc', () => {
  it('binds keys to functions and texts, and sets variables', () => {
    const readline = new Readline()
    expect(readline.readFile('# mine\n"\\e[A": history-search-backward\nControl-k: yank\n"\\C-xq": "echo \\"a\\"\\C-m"\nset completion-ignore-case On\n', 'rc', none)).toEqual([])
    expect(readline.keymap.find('\x1b[A')).toEqual({ kind: 'function', name: 'history-search-backward' })
    expect(readline.keymap.keysOf('yank')).toEqual(['\\C-k', '\\C-y'])
    expect(readline.keymap.find('\x18q')).toEqual({ kind: 'macro', text: 'echo "a"\r' })
    expect(readline.variables.is('completion-ignore-case')).toBe(true)
  })

  it('has conditions and other files', () => {
    const readline = new Readline()
    readline.readFile('$if mode=vi\nset bell-style none\n$else\n$include more\n$endif\n$if Bash\n"a": "b"\n$endif\n', 'rc', (path) => (path === 'more' ? 'set comment-begin //\n' : undefined))
    expect([readline.variables.text('bell-style'), readline.variables.text('comment-begin')]).toEqual(['audible', '//'])
    expect(readline.keymap.find('a')).toEqual({ kind: 'macro', text: 'b' })
  })

  it('says what is wrong, and where, as readline does', () => {
    expect(new Readline().readFile('set foo x\n"\\C-x: y\n$foo\nset bell-style loud\nC-k\n', 'rc', none)).toEqual([
      'readline: rc: line 1: foo: unknown variable name',
      'readline: rc: line 2: "\\C-x: y: no closing `"\' in key binding',
      'readline: rc: line 3: foo: unknown parser directive',
      "readline: rc: line 4: bell-style: could not set value to `loud'",
      'readline: rc: line 5: C-k: no key sequence terminator',
    ])
  })
})

it('sequences are shown as they may be written', () => {
  for (const text of ['\\C-x\\C-e', '\\e[1;5C', '\\C-?', '\\"\\\\', '\\e\\C-h', 'ab']) expect(showSequence(parseSequence(text))).toBe(text)
})

it('bind names keys, and what is bound is said to be none of an editor that is not there', () => {
  const { stdout, stderr, code } = laptop().run("bind -q yank; bind -u yank; bind -q yank; bind -z")
  expect(stdout).toBe('yank can be invoked via "\\C-y".\nyank is not bound to any keys.\n')
  expect(stderr.split('\n').slice(-3)[0]).toBe('bash: line 1: bind: -z: invalid option')
  expect(code).toBe(2)
})
