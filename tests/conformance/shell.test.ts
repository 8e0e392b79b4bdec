import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { laptop } from '../../electron/shell/testing.samples.ts'

/**
 * The shell language against bash 5.2: every snippet of shell/*.sh runs in both, in an empty directory, and must give
 * the same output, errors and exit code. A snippet begins at a line "#### title"; "#### title (no stderr)" leaves
 * errors out. Tools' snippets (tools*.sh) hold ours against the machine's GNU tools in the same way.
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

interface Snippet { title: string; text: string }

function snippetsOf(file: string): Snippet[] {
  return readFileSync(join(folder, file), 'utf8')
    .split(/^#### /m)
    .slice(1)
    .map((part) => ({ title: part.slice(0, part.indexOf('\n')), text: part.slice(part.indexOf('\n') + 1) }))
}

function real(text: string): { stdout: string; stderr: string; code: number | null } {
  const directory = mkdtempSync(join(tmpdir(), 'podhop-shell-'))
  try {
    writeFileSync(join(directory, 'snippet.sh'), text)
    const result = spawnSync('bash', ['snippet.sh'], {
      cwd: directory, input: '', encoding: 'utf8', timeout: 5000,
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: directory, LC_ALL: 'C.UTF-8', TZ: 'UTC' },
    })
    return { stdout: result.stdout, stderr: result.stderr.replaceAll(directory, '/tmp/work'), code: result.status }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function simulated(text: string): { stdout: string; stderr: string; code: number | undefined } {
  const { machine, run } = laptop()
  machine.fs.makeDirectory('/tmp/work', { mode: 0o777 })
  machine.fs.writeFile('/tmp/work/snippet.sh', text)
  machine.env.set('HOME', '/tmp/work')
  machine.env.set('LC_ALL', 'C.UTF-8')
  return run('cd /tmp/work; exec bash snippet.sh')
}

if (!available) console.warn('\n*** bash 5.2 is not installed: the shell conformance tests are SKIPPED ***\n')

for (const file of readdirSync(folder).filter((f) => f.endsWith('.sh'))) {
  describe.skipIf(!available)(file, () => {
    for (const { title, text } of snippetsOf(file)) {
      test(title, () => {
        const expected = real(text)
        const actual = simulated(text)
        if (title.endsWith('(no stderr)')) expected.stderr = actual.stderr
        expect(actual).toEqual(expected)
      })
    }
  })
}
