import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { openFile } from '../../electron/shell/fullscreen/vi/ex.ts'
import { keysOf } from '../../electron/shell/fullscreen/keys.ts'
import { Vi } from '../../electron/shell/fullscreen/vi/normal.ts'
import { onlyTranscripts, transcriptOf } from './referee/transcript.ts'

const hasVim = !onlyTranscripts && (spawnSync('vim', ['--version']).stdout?.toString().startsWith('VIM - Vi IMproved 9') ?? false)
if (!hasVim) console.warn('REFEREE: there is no vim 9 here to hold vi against: transcripts of it decide')
const transcript = transcriptOf('vi')

const TEXT = 'apiVersion: v1\nkind: Service\n\nmetadata:\n  name: web, (a b) [c]\n  labels: {app: web}\nspec:\n  ports:\n  - port: 80\n    targetPort: 8080\n\n  type: ClusterIP\n'

const ESC = '\x1b'
const COMMANDS = [
  'x', '2x', 'X', 'dd', '2dd', 'D', 'dw', 'd2w', 'de', 'db', 'd$', 'd0', 'dj', 'dk', 'yyp', 'yyP', 'ywP', 'p', 'P', '2p', 'J', '3J', '~', 'rX', '.',
  `iab${ESC}`, `ax y${ESC}`, `Inew ${ESC}`, `A end${ESC}`, `obelow${ESC}`, `Oabove${ESC}`, `cwword${ESC}`, `c2wtwo${ESC}`, `ccline${ESC}`, `Ctail${ESC}`, `2ihi${ESC}`, `ione\rtwo${ESC}`, `ifoo bar\x17${ESC}`,
  ':s/a/A/\r', ':%s/e/E/g\r', ':2,3d\r', ':s/\\(w\\)/<\\1&>/\r',
]
const MOTIONS = ['h', 'l', '3l', 'j', 'k', '2j', 'w', 'b', 'e', '2w', 'W', 'B', 'E', '0', '$', '^', 'gg', 'G', '4G', 'fe', 'te', ';', '/o\r', 'n', 'N', '%', '+', '-']

function ours(keys: string): string {
  let saved = ''
  const lines = TEXT.split('\n').slice(0, -1)
  const vi = new Vi({ load: () => ({ lines, readonly: false, unended: false }), save: (_, text) => (saved = text), exists: () => true }, () => 0)
  openFile(vi, 'f')
  for (const key of keysOf(`${keys}${ESC}:w!\r`)) vi.press(key)
  return saved
}

function real(keys: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'podhop-vi-'))
  try {
    writeFileSync(join(folder, 'f'), TEXT)
    writeFileSync(join(folder, 'keys'), `${keys}${ESC}:wq!\r`)
    spawnSync('vim', ['-u', 'NONE', '-N', '-n', '-i', 'NONE', '--not-a-term', '--cmd', 'set backspace=indent,eol,start sol', '-s', 'keys', 'f'], { cwd: folder, timeout: 60_000, env: { PATH: process.env['PATH'], TERM: 'dumb', LANG: 'C.UTF-8' } })
    return readFileSync(join(folder, 'f'), 'utf8')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

describe('vi makes of a text what vim makes of it', () => {
  it('for any few commands', async () => {
    const step = fc.oneof(fc.constantFrom(...MOTIONS), fc.constantFrom(...COMMANDS))
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
      const keys = steps.join('')
      await transcript.entry(keys).hold(ours(keys), hasVim ? () => real(keys) : undefined)
    }), { numRuns: Number(process.env['VI_RUNS'] ?? 60), seed: Number(process.env['VI_SEED'] ?? 1) })
  }, 300_000)
})
