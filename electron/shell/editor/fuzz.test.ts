import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createTerminal } from '../../engine/machine/terminal.ts'
import { decodeUtf8 } from '../../engine/text.ts'
import { openLoginShell } from '../index.ts'
import { laptop } from '../testing.samples.ts'

const CONTROL = Array.from({ length: 32 }, (_, i) => String.fromCharCode(i)).filter((c) => !'\x04\x03'.includes(c))
/** Keys and pieces of command lines, in no order that makes sense. */
const key = fc.oneof(
  fc.constantFrom(...CONTROL, '\x7f'),
  fc.constantFrom(...'bfdulctyr.#_0123456789-<>?*&^ \\', '\x7f', '\x08', '\x19', '\x1d').map((c) => `\x1b${c}`),
  fc.constantFrom('\x1b[A', '\x1b[B', '\x1b[C', '\x1b[D', '\x1b[3~', '\x1b[5~', '\x1b[6~', '\x1b[1;5C', '\x1b[200~a\nb \'\x1b[201~', '\x18\x15', '\x18\x18', '\x1b[99;99z', '\x1bOP'),
  fc.constantFrom('echo ', 'cat ', '$(', '`', '"', "'", '\\', '| ', '&& ', '; ', '(', '{ ', '<<E ', '> /tmp/x', 'if ', 'do ', 'for i in ', '!!', '!$', '!-2:s/a/b/', '^a^b', '!?x?:%', 'é漢', 'sleep 9 &', 'fc -s', 'history -c', 'yes', 'read x', 'while :; do :; done'),
)

test('whatever is typed, Ctrl-C brings a prompt that works', () => {
  fc.assert(
    fc.property(fc.array(key, { minLength: 1, maxLength: 30 }), (keys) => {
      const { clock, machine } = laptop()
      machine.fs.writeFile('/home/student/.bashrc', "PS1='PROMPT '\n")
      machine.fs.writeFile('/home/student/.bash_history', "echo first\nls 'a b' c\nargs (x) | y\n")
      const terminal = createTerminal(clock, { columns: 30, rows: 8 })
      let output = ''
      terminal.onOutput((bytes) => {
        output = (output + decodeUtf8(bytes)).slice(-20_000)
      })
      openLoginShell(machine, terminal)
      clock.runFor(50)
      for (const one of keys) {
        terminal.input(one)
        clock.runFor(5)
      }
      expect(output).not.toContain('internal error')
      // Once for a search or a list's question, once for what runs, once for the line.
      for (let i = 0; i < 3; i++) {
        terminal.input('\x03')
        clock.runFor(100)
      }
      terminal.input('echo $((20+3))\r')
      output = ''
      clock.runFor(100)
      expect(output).toMatch(/23\r\n[\s\S]*PROMPT /)
    }),
    { numRuns: Number(process.env['EDITOR_RUNS'] ?? 60), seed: Number(process.env['EDITOR_SEED'] ?? 1) },
  )
}, 300_000)
