import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { laptop } from '../../electron/shell/testing.samples.ts'
import { debianPath } from './referee/debian-path.ts'
import { onlyTranscripts, transcriptOf } from './referee/transcript.ts'

/**
 * The shell language against bash 5.2: every snippet of shell/*.sh runs in both, in an empty directory, and must give
 * the same output, errors and exit code. A snippet begins at a line "#### title"; "#### title (no stderr)" leaves
 * errors out. Tools' snippets (tools*.sh) hold ours against the machine's GNU tools in the same way. One bash runs all
 * snippets, several at a time.
 */
const folder = join(import.meta.dirname, 'shell')
const available = !onlyTranscripts && hasBash()
const transcript = transcriptOf('shell')
const PATH = debianPath()

function hasBash(): boolean {
  try {
    return execFileSync('bash', ['-c', 'echo $BASH_VERSION'], { encoding: 'utf8' }).startsWith('5.2')
  } catch {
    return false
  }
}

interface Snippet { id: string; title: string; text: string }
interface Outcome { stdout: string; stderr: string; code: number | undefined }

function snippetsOf(file: string): Snippet[] {
  return readFileSync(join(folder, file), 'utf8')
    .split(/^#### /m)
    .slice(1)
    .map((part, i) => ({ id: `${file.replace('.sh', '')}-${i}`, title: part.slice(0, part.indexOf('\n')), text: part.slice(part.indexOf('\n') + 1) }))
}

const files = readdirSync(folder).filter((f) => f.endsWith('.sh'))
const snippets = new Map(files.map((file) => [file, snippetsOf(file)]))
let directory = ''

const DRIVER = `
unset OLDPWD SHLVL
for id in "$@"; do
  (
    cd "$id/work" && unset OLDPWD && HOME=$PWD timeout 60 bash snippet.sh < /dev/null > ../out 2> ../err
    echo $? > ../code
  ) &
  (( ++running >= 6 )) && wait -n && (( running-- ))
done
wait
`

beforeAll(() => {
  if (!available) return
  directory = mkdtempSync(join(tmpdir(), 'podhop-shell-'))
  run([...snippets.values()].flat())
}, 600_000)

function run(some: readonly { id: string; text: string }[]): void {
  for (const { id, text } of some) {
    mkdirSync(join(directory, id, 'work'), { recursive: true })
    writeFileSync(join(directory, id, 'work/snippet.sh'), text)
  }
  spawnSync('bash', ['-c', DRIVER, 'driver', ...some.map(({ id }) => id)], { cwd: directory, timeout: 500_000, stdio: 'ignore', env: { LC_ALL: 'C.UTF-8', TZ: 'UTC', PATH } })
}

afterAll(() => {
  if (directory !== '') rmSync(directory, { recursive: true, force: true })
})

function real(id: string): Outcome {
  const read = (name: string): string => readFileSync(join(directory, id, name), 'utf8').replaceAll(join(directory, id, 'work'), '/tmp/work')
  return { stdout: read('out'), stderr: read('err'), code: Number(read('code')) }
}

function simulated(text: string): Outcome {
  const { machine, run } = laptop()
  machine.fs.makeDirectory('/tmp/work', { mode: 0o777 })
  machine.fs.writeFile('/tmp/work/snippet.sh', text)
  machine.env.set('HOME', '/tmp/work')
  machine.env.set('LC_ALL', 'C.UTF-8')
  return run('cd /tmp/work; unset OLDPWD; exec bash snippet.sh')
}

/** Process numbers differ. */
function told({ stdout, stderr, code }: Outcome, title: string): string {
  const errors = title.endsWith('(no stderr)') ? '' : stderr.replace(/: +\d+ (?=Killed|Segmentation fault|Aborted)/g, ': PID ')
  return `${stdout}--- stderr\n${errors}--- exit ${code}`
}

/** The snippet once more, alone. */
function again({ id, text }: Snippet): Outcome {
  rmSync(join(directory, id), { recursive: true })
  run([{ id, text }])
  return real(id)
}

if (!available) console.warn('REFEREE: bash 5.2 is not installed: transcripts of it decide')

for (const [file, all] of snippets) {
  describe(file, () => {
    for (const snippet of all) {
      const { id, title, text } = snippet
      const comparison = transcript.entry(`${file}: ${title}`)
      let asked = 0
      const theirs = (): string => told(asked++ === 0 ? real(id) : again(snippet), title)
      test.skipIf(!comparison.heldBy(available))(title, () => comparison.hold(told(simulated(text), title), available ? theirs : undefined))
    }
  })
}

test('the corpus is as large as promised', () => {
  expect([...snippets.values()].flat().length).toBeGreaterThan(400)
})
