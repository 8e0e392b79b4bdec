import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { laptop } from '../../electron/shell/testing.samples.ts'

/**
 * The shell language against bash 5.2: every snippet of shell/*.sh runs in both, in an empty directory, and must give
 * the same output, errors and exit code. A snippet begins at a line "#### title"; "#### title (no stderr)" leaves
 * errors out. Tools' snippets (tools*.sh) hold ours against the machine's GNU tools in the same way. One bash runs all
 * snippets, several at a time.
 */
const folder = join(import.meta.dirname, 'shell')
const available = hasBash()

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
for id in */; do
  (
    cd "$id/work" && unset OLDPWD && HOME=$PWD timeout 10 bash snippet.sh < /dev/null > ../out 2> ../err
    echo $? > ../code
  ) &
  (( ++running >= 6 )) && wait -n && (( running-- ))
done
wait
`

beforeAll(() => {
  if (!available) return
  directory = mkdtempSync(join(tmpdir(), 'podhop-shell-'))
  for (const { id, text } of [...snippets.values()].flat()) {
    mkdirSync(join(directory, id, 'work'), { recursive: true })
    writeFileSync(join(directory, id, 'work/snippet.sh'), text)
  }
  spawnSync('bash', ['-c', DRIVER], { cwd: directory, timeout: 120_000, stdio: 'ignore', env: { LC_ALL: 'C.UTF-8', TZ: 'UTC', PATH: '/usr/local/bin:/usr/bin:/bin' } })
}, 130_000)

afterAll(() => {
  if (directory !== '') rmSync(directory, { recursive: true })
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
function comparable(outcome: Outcome): Outcome {
  return { ...outcome, stderr: outcome.stderr.replace(/: +\d+ (?=Killed|Segmentation fault|Aborted)/g, ': PID ') }
}

if (!available) console.warn('\n*** bash 5.2 is not installed: the shell conformance tests are SKIPPED ***\n')

for (const [file, all] of snippets) {
  describe.skipIf(!available)(file, () => {
    for (const { id, title, text } of all) {
      test(title, () => {
        const expected = comparable(real(id))
        const actual = comparable(simulated(text))
        if (title.endsWith('(no stderr)')) expected.stderr = actual.stderr
        expect(actual).toEqual(expected)
      })
    }
  })
}

test('the corpus is as large as promised', () => {
  expect([...snippets.values()].flat().length).toBeGreaterThan(400)
})
