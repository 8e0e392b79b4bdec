import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { laptop } from '../../electron/shell/testing.samples.ts'
import { debianPath } from './referee/debian-path.ts'
import { onlyTranscripts, transcriptOf } from './referee/transcript.ts'

/**
 * The tools of the lab's laptop against Debian's: every line of userland/commands.txt in a directory of its own, with
 * the same files; output, errors and exit code must be the same. One bash runs all of them, and one of ours.
 */
const folder = join(import.meta.dirname, 'userland')
const setup = readFileSync(join(folder, 'setup.sh'), 'utf8')
const commands = readFileSync(join(folder, 'commands.txt'), 'utf8').split('\n').filter((l) => l !== '' && !l.startsWith('#'))
const END = '=====END OF COMMAND====='

const driver = `
shopt -s extglob
n=0
while IFS= read -r line; do
  (( ++n )); mkdir -p "$n/dir/sub" "$n/dir2"; cd "$n"; . ../setup.sh; ( eval "$line" ) < /dev/null 2> ../err > ../out
  code=$?; cd ..; echo "$(<out)"; echo "errors:"; text=$(<err); echo "\${text//bash: line +([0-9]): /}"; echo "code $code"; echo "${END}"
done < commands.txt
`
/** What one command printed, its errors and its code, as one text. */
function parts(output: string): string[] {
  return output.split(`${END}\n`).slice(0, -1)
}

const directory = mkdtempSync(join(tmpdir(), 'podhop-userland-'))
// A thousand folders: rm is much faster than rmSync.
afterAll(() => void spawnSync('rm', ['-rf', directory]), 120_000)
const environment = { LC_ALL: 'C.UTF-8', TZ: 'UTC', PATH: '/usr/bin:/bin' }

function real(): string[] | undefined {
  if (onlyTranscripts) return undefined
  const env = { ...environment, PATH: debianPath(environment.PATH) }
  const debian = spawnSync('bash', ['-c', '. /etc/os-release; [[ $VERSION_ID == 12 && $BASH_VERSION == 5.2* ]] && type jq mawk tar > /dev/null'], { env: environment })
  if (debian.status !== 0) return undefined
  writeFileSync(join(directory, 'commands.txt'), commands.map((c) => `${c}\n`).join(''))
  writeFileSync(join(directory, 'setup.sh'), setup)
  return parts(spawnSync('bash', ['-c', driver], { cwd: directory, env: { ...env, HOME: directory }, encoding: 'utf8', timeout: 600_000 }).stdout)
}

function simulated(): string[] {
  const { machine, run } = laptop()
  machine.fs.makeDirectory('/tmp/work', { mode: 0o777 })
  machine.fs.writeFile('/tmp/work/commands.txt', commands.map((c) => `${c}\n`).join(''))
  machine.fs.writeFile('/tmp/work/setup.sh', setup)
  for (const [name, value] of Object.entries(environment)) machine.env.set(name, value)
  machine.fs.writeFile('/tmp/driver.sh', driver)
  return parts(run('cd /tmp/work; exec bash -c "$(cat /tmp/driver.sh)"').stdout)
}

const theirs = real()
if (!theirs) console.warn('REFEREE: this is not Debian 12 with jq and mawk: transcripts of its tools decide')
const transcript = transcriptOf('userland')
const ours = simulated()

test('every command came to its end', () => expect(ours).toHaveLength(commands.length))

test('the corpus is as large as promised', () => expect(commands.length).toBeGreaterThan(900))

for (const [i, command] of commands.entries()) {
  const comparison = transcript.entry(command)
  test.skipIf(!comparison.heldBy(theirs !== undefined))(command, () => {
    // What is not simulated is told by our own words; the page of those is made elsewhere.
    if (ours[i]?.includes('podhop: not simulated: ')) return undefined
    return comparison.hold(ours[i] ?? 'nothing', theirs && (() => theirs[i] ?? 'nothing, it came to no end'))
  })
}
