import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import xterm from '@xterm/headless'
import { expect, test } from 'vitest'
import { createTerminal } from '../../electron/engine/machine/terminal.ts'
import { openLoginShell } from '../../electron/shell/index.ts'
import { laptop } from '../../electron/shell/testing.samples.ts'
import { onlyTranscripts, transcriptOf } from './referee/transcript.ts'

/**
 * The line editor against bash's own in a pty: every line of readline/cases.txt is typed at both, and both screens
 * must show the same, the cursor included.
 */
const folder = join(import.meta.dirname, 'readline')
const cases = readFileSync(join(folder, 'cases.txt'), 'utf8').split('\n').filter((l) => l !== '' && !/^# /.test(l))

const [columns, rows] = [70, 40]
const HISTORY = ['echo first one', 'args two words here', 'echo "a b" c', 'args last one three', 'ls gamma', 'args one last']
const FILES: Record<string, string> = {
  '.bashrc': `PS1='$ '; PS2='> '; args() { printf '<%s>' "$@"; echo; }\nunset HISTCONTROL\n`,
  '.bash_history': HISTORY.map((l) => `${l}\n`).join(''),
  '.inputrc': '"\\e[2~": quoted-insert\n"\\e[5~": history-search-backward\n"\\e[6~": history-search-forward\n',
  'alpha.txt': '', 'alphabet.txt': '', beta: '', 'with space': '', 'gamma/one': '', 'gamma/two': '',
}

const NAMES: Record<string, string> = {
  RET: '\r', TAB: '\t', DEL: '\x7f', UP: '\x1b[A', DOWN: '\x1b[B', RIGHT: '\x1b[C', LEFT: '\x1b[D', HOME: '\x1b[H', END: '\x1b[F', PGUP: '\x1b[5~', PGDN: '\x1b[6~',
  INS: '\x1b[2~', DELETE: '\x1b[3~', SP: ' ', LT: '<', GT: '>',
}

function keysOf(text: string): string {
  const control = (c: string): string => (c === '@' ? '\0' : c === '?' ? '\x7f' : String.fromCharCode(c.toUpperCase().charCodeAt(0) & 31))
  return text.replace(/<(?:PASTE:([^>]*)|(M-)?(?:C-(.)|([A-Z]{2,})|(.))|([A-Z]{2,}))>/g, (_, paste, meta, ctrl, metaName, plain, name) => {
    if (paste !== undefined) return `\x1b[200~${paste.replace(/~/g, '\r')}\x1b[201~`
    if (name !== undefined) return NAMES[name]!
    return (meta ? '\x1b' : '') + (ctrl !== undefined ? control(ctrl) : metaName !== undefined ? NAMES[metaName]! : plain)
  })
}

/** What is typed at once: a prompt must be there before the next. */
function pieces(text: string): string[] {
  return keysOf(text).split(/(?<=\r)(?!.*\x1b\[201~)|(?<=[\x03\x0f])|(?=\x03)/s).filter((p) => p !== '')
}

async function screenOf(output: readonly Uint8Array[]): Promise<string> {
  const screen = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true })
  for (const chunk of output) await new Promise<void>((done) => screen.write(chunk, done))
  const lines = Array.from({ length: rows }, (_, i) => screen.buffer.active.getLine(screen.buffer.active.viewportY + i)?.translateToString(true).trimEnd() ?? '')
  return `${lines.join('\n').trimEnd()}\ncursor ${screen.buffer.active.cursorX},${screen.buffer.active.cursorY}`
}

async function simulated(text: string): Promise<string> {
  const { clock, machine } = laptop()
  const home = '/home/student'
  for (const [name, content] of Object.entries(FILES)) {
    if (name.includes('/') && !machine.fs.exists(`${home}/${name.split('/')[0]}`)) machine.fs.makeDirectory(`${home}/${name.split('/')[0]}`)
    machine.fs.writeFile(`${home}/${name}`, content, 0o666)
  }
  const terminal = createTerminal(clock, { columns, rows })
  const output: Uint8Array[] = []
  terminal.onOutput((bytes) => output.push(Uint8Array.from(bytes)))
  openLoginShell(machine, terminal)
  clock.runFor(200)
  for (const piece of pieces(text)) {
    terminal.input(piece)
    clock.runFor(200)
  }
  return (await screenOf(output)).replaceAll(home, 'HOME')
}

function real(asked: readonly string[]): string[] | undefined {
  const answer = spawnSync('python3', [join(folder, 'terminal.py')], { input: JSON.stringify({ setup: { files: FILES, columns, rows }, cases: asked.map(pieces) }), encoding: 'utf8', timeout: 600_000, maxBuffer: 1 << 28 })
  return answer.status === 0 ? JSON.parse(answer.stdout) as string[] : undefined
}

const isBash = !onlyTranscripts && spawnSync('bash', ['-c', '[[ $BASH_VERSION == 5.2* ]]']).status === 0 && spawnSync('python3', ['-c', 'import pty']).status === 0
const theirs = isBash ? real(cases) : undefined
if (!theirs) console.warn('REFEREE: bash 5.2 and python3 with pty are not here: transcripts of it decide')
const transcript = transcriptOf('readline')

test('the corpus is as large as promised', () => expect(cases.length).toBeGreaterThan(200))

for (const [i, keys] of cases.entries()) {
  const comparison = transcript.entry(keys)
  let asked = 0
  // on a busy machine bash may not have been ready for a key: it is asked once more, alone
  const screen = (): Promise<string> => screenOf([Buffer.from((asked++ === 0 ? theirs![i] : real([keys])?.[0]) ?? '', 'base64')])
  test.skipIf(!comparison.heldBy(theirs !== undefined))(keys, async () => comparison.hold(await simulated(keys), theirs && screen))
}
