import xterm from '@xterm/headless'
import { expect, test } from 'vitest'
import { createTerminal } from '../../engine/machine/terminal.ts'
import { openLoginShell, registerCompletion } from '../index.ts'
import { laptop } from '../testing.samples.ts'

/** A person at a terminal: types keys, looks at the screen. */
function session(options: { columns?: number; rows?: number } = {}) {
  const columns = options.columns ?? 60
  const rows = options.rows ?? 12
  const { clock, machine } = laptop()
  machine.fs.writeFile('/home/student/.bashrc', "PS1='\\u@\\h:\\w\\$ '\n")
  const terminal = createTerminal(clock, { columns, rows })
  const screen = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true })
  const chunks: Uint8Array[] = []
  terminal.onOutput((bytes) => chunks.push(bytes))
  screen.onData((data) => terminal.input(data))
  const shell = openLoginShell(machine, terminal)
  clock.runFor(100)
  const flush = async (): Promise<void> => {
    for (const chunk of chunks.splice(0)) await new Promise<void>((done) => screen.write(chunk, done))
  }
  return {
    clock, machine, terminal, shell, screen,
    async type(keys: string, wait = 100) {
      terminal.input(keys)
      clock.runFor(wait)
      await flush()
    },
    async wait(ms: number) {
      clock.runFor(ms)
      await flush()
    },
    async lines(): Promise<string[]> {
      await flush()
      const out: string[] = []
      for (let i = 0; i < rows; i++) out.push(screen.buffer.active.getLine(screen.buffer.active.viewportY + i)?.translateToString(true).trimEnd() ?? '')
      while (out.length > 0 && out[out.length - 1] === '') out.pop()
      return out
    },
    async cursor(): Promise<[number, number]> {
      await flush()
      return [screen.buffer.active.cursorX, screen.buffer.active.cursorY]
    },
    resize(c: number, r: number) {
      screen.resize(c, r)
      terminal.resize(c, r)
    },
  }
}

const PROMPT = 'student@podhop:~$ '

test('a prompt, a command, its output and the next prompt', async () => {
  const s = session()
  expect(await s.lines()).toEqual([PROMPT.trimEnd()])
  await s.type('echo hello\r')
  expect(await s.lines()).toEqual([PROMPT + 'echo hello', 'hello', PROMPT.trimEnd()])
  await s.type('cd /tmp; echo $?\r')
  expect((await s.lines()).slice(-2)).toEqual(['0', 'student@podhop:/tmp$'])
})

test('editing keys move, delete and bring back', async () => {
  const s = session()
  await s.type('echo one two three')
  await s.type('\x01\x1bf\x0b')
  expect((await s.lines())[0]).toBe(PROMPT + 'echo')
  await s.type('\x19\x05!\x17X')
  expect((await s.lines())[0]).toBe(PROMPT + 'echo one two X')
  await s.type('\x1b[D\x1b[D\x1b[3~Y\x7f\x1bb\x1b\x7f')
  expect((await s.lines())[0]).toBe(PROMPT + 'echo twoX')
  await s.type('\x05\x15')
  expect((await s.lines())[0]).toBe(PROMPT.trimEnd())
  await s.type('ab\x14\r')
  expect((await s.lines())[1]).toBe('bash: ba: command not found')
})

test('a long line wraps and the cursor finds its place in it', async () => {
  const s = session({ columns: 30 })
  await s.type('echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')
  expect((await s.lines())[0]).toBe((PROMPT + 'echo aaaaaaaaaaaaaaa').slice(0, 30))
  await s.type('\x01X')
  expect((await s.lines())[0]!.startsWith(PROMPT + 'Xecho')).toBe(true)
  expect(await s.cursor()).toEqual([PROMPT.length + 1, 0])
  await s.type('\x05')
  const [x, y] = await s.cursor()
  expect(y * 30 + x).toBe(PROMPT.length + 'Xecho aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.length)
})

test('wide characters take two columns', async () => {
  const s = session()
  await s.type('echo 日本\x1b[DX\r')
  expect((await s.lines())[1]).toBe('日X本')
})

test('history: up, down, and Ctrl-R', async () => {
  const s = session()
  await s.type('echo first\r')
  await s.type('echo second\r')
  await s.type('\x1b[A\x1b[A')
  expect((await s.lines()).at(-1)).toBe(PROMPT + 'echo first')
  await s.type('\x1b[B\x1b[B')
  expect((await s.lines()).at(-1)).toBe(PROMPT.trimEnd())
  await s.type('\x12fir')
  expect((await s.lines()).at(-1)).toBe("(reverse-i-search)`fir': echo first")
  await s.type('\r')
  expect((await s.lines()).slice(-2)).toEqual(['first', PROMPT.trimEnd()])
  expect(s.machine.fs.readText('/home/student/.bash_history')).toBe('echo first\necho second\necho first\n')
})

test('Ctrl-C abandons the line, and ends what runs', async () => {
  const s = session()
  await s.type('echo abc\x03')
  expect(await s.lines()).toEqual([PROMPT + 'echo abc^C', PROMPT.trimEnd()])
  await s.type('while true; do :; done\r', 500)
  await s.type('\x03')
  expect((await s.lines()).slice(-2)).toEqual(['^C', PROMPT.trimEnd()])
  await s.type('echo $?\r')
  expect((await s.lines()).at(-2)).toBe('130')
  await s.type('sleep 100; echo not\r')
  await s.type('\x03')
  expect((await s.lines()).slice(-2)).toEqual(['^C', PROMPT.trimEnd()])
  await s.type('x=$(sleep 100)\r')
  await s.type('\x03')
  expect((await s.lines()).slice(-2)).toEqual(['^C', PROMPT.trimEnd()])
  expect(s.machine.processes.size).toBe(1)
})

test('jobs: background, stop, resume, kill', async () => {
  const s = session({ rows: 30 })
  await s.type('sleep 5 &\r')
  expect((await s.lines())[1]).toMatch(/^\[1\] \d+$/)
  await s.type('sleep 100\r')
  await s.type('\x1a')
  expect((await s.lines()).slice(-3)).toEqual(['^Z', '[2]+  Stopped                 sleep 100', PROMPT.trimEnd()])
  await s.type('jobs\r')
  expect((await s.lines()).slice(-3, -1)).toEqual(['[1]-  Running                 sleep 5 &', '[2]+  Stopped                 sleep 100'])
  await s.type('bg\r')
  expect((await s.lines()).at(-2)).toBe('[2]+ sleep 100 &')
  await s.type('', 6000)
  await s.type('\r')
  expect((await s.lines()).at(-2)).toBe('[1]-  Done                    sleep 5')
  await s.type('fg\r')
  expect((await s.lines()).at(-1)).toBe('sleep 100')
  await s.type('\x03')
  await s.type('sleep 50 &\r')
  await s.type('kill %1\r')
  expect((await s.lines()).at(-2)).toBe('[1]+  Terminated              sleep 50')
})

test('a background process that reads the terminal stops', async () => {
  const s = session()
  await s.type('cat &\r')
  await s.type('\r')
  expect((await s.lines()).at(-2)).toBe('[1]+  Stopped                 cat')
})

test('unfinished commands ask for more', async () => {
  const s = session()
  await s.type('for i in 1 2\r')
  expect((await s.lines()).at(-1)).toBe('>')
  await s.type('do echo "n$i\r"; done\r')
  expect((await s.lines()).slice(-7)).toEqual(['> do echo "n$i', '> "; done', 'n1', '', 'n2', '', PROMPT.trimEnd()])
  await s.type('echo )\r')
  expect((await s.lines()).at(-2)).toBe("bash: syntax error near unexpected token `)'")
})

test('a paste is one line to edit, and runs at Enter', async () => {
  const s = session()
  await s.type('\x1b[200~echo a\recho b\x1b[201~')
  expect((await s.lines()).slice(-2)).toEqual([PROMPT + 'echo a', 'echo b'])
  await s.type('\r')
  expect((await s.lines()).slice(-3)).toEqual(['a', 'b', PROMPT.trimEnd()])
})

test('Tab completes commands, files, variables and what commands register', async () => {
  const s = session({ rows: 20 })
  registerCompletion('fruit', (_words, index) => (index === 1 ? ['apple', 'apricot', 'banana', '--color='] : []))
  await s.type('mkdir "my dir"; touch notes.txt\r')
  await s.type('ca\t')
  expect((await s.lines()).at(-1)).toBe(PROMPT + 'ca')
  await s.type('\t')
  expect((await s.lines()).at(-2)).toMatch(/^caller\s+case\s+cat$/)
  await s.type('\x15cat no\t')
  expect((await s.lines()).at(-1)).toBe(PROMPT + 'cat notes.txt')
  expect((await s.cursor())[0]).toBe((PROMPT + 'cat notes.txt ').length)
  await s.type('\x15cd m\t')
  expect((await s.lines()).at(-1)).toBe(PROMPT + 'cd my\\ dir/')
  await s.type('\x15echo $HOM\t')
  expect((await s.lines()).at(-1)).toBe(PROMPT + 'echo $HOME/')
  await s.type('\x15fruit b\t')
  expect((await s.lines()).at(-1)).toBe(PROMPT + 'fruit banana')
  await s.type('\x15fruit a\t\t\t')
  expect((await s.lines()).slice(-2)).toEqual(['apple    apricot', PROMPT + 'fruit ap'])
})

test('a resize redraws the line', async () => {
  const s = session()
  await s.type('echo some words')
  s.resize(25, 12)
  await s.wait(10)
  await s.type('!')
  expect((await s.lines()).join('').replace(/\s/g, '')).toBe((PROMPT + 'echo some words!').replace(/\s/g, ''))
})

test('Ctrl-D and exit end the shell; a hang-up takes its jobs along', async () => {
  const s = session()
  await s.type('\x04')
  expect(s.shell.status).toEqual({ code: 0 })
  const t = session()
  await t.type('exit 3\r')
  expect(t.shell.status).toEqual({ code: 3 })
  const u = session()
  await u.type('sleep 1000 &\r')
  u.terminal.hangup()
  await u.wait(10)
  expect(u.machine.processes.size).toBe(0)
})

test('what is typed ahead goes to the program that runs', async () => {
  const s = session()
  await s.type('cat\rtyped ahead\r\x04echo next\r', 500)
  const lines = await s.lines()
  expect(lines).toContain('typed ahead')
  expect(lines.slice(-2)).toEqual(['next', PROMPT.trimEnd()])
})

test('output without a newline at its end stays, and the prompt follows it', async () => {
  const s = session()
  await s.type('printf abc\r')
  expect(await s.lines()).toEqual([PROMPT + 'printf abc', 'abc' + PROMPT.trimEnd()])
  await s.type('echo hi')
  expect((await s.lines()).at(-1)).toBe('abc' + PROMPT + 'echo hi')
  await s.type('\x1b[A')
  expect((await s.lines()).at(-1)).toBe('abc' + PROMPT + 'printf abc')
  await s.type('\x15echo ' + 'x'.repeat(40))
  expect((await s.lines()).slice(-2)).toEqual(['abc' + PROMPT + 'echo ' + 'x'.repeat(34), 'xxxxxx'])
  await s.type('\x01\x0b')
  expect((await s.lines()).at(-1)).toBe('abc' + PROMPT.trimEnd())
  await s.type("printf '\\033[31mred\\033[0m\\tx'\r")
  expect((await s.lines()).at(-1)).toBe('red     x' + PROMPT.trimEnd())
})

test('the history file is the student\'s own, and nobody else reads it', async () => {
  const s = session()
  await s.type('echo one\r')
  const { uid, mode } = s.machine.fs.stat('/home/student/.bash_history')
  expect([uid, (mode & 0o777).toString(8)]).toEqual([1000, '600'])
})

test('Tab asks what `complete` said of a command: words, functions, and the completion of another', async () => {
  const s = session()
  await s.type("complete -W 'alpha beta' foo; _x() { COMPREPLY=($(compgen -W 'one two three' -- \"$2\")); }; complete -o nospace -F _x bar\r")
  const last = async (keys: string): Promise<string> => {
    await s.type(keys)
    const line = (await s.lines()).at(-1)!
    await s.type('\x15')
    return line.slice(PROMPT.trimEnd().length + 1)
  }
  expect(await last('foo a\t|')).toBe('foo alpha |')
  expect(await last('bar on\t|')).toBe('bar one|')
  expect(await last('bar th\t|')).toBe('bar three|')
})
