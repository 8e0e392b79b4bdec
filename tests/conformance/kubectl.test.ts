import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Clock } from '../../electron/engine/clock.ts'
import { ApiServer } from '../../electron/engine/kubernetes/api-server.ts'
import { type Bench, bench } from '../../electron/shell/kubectl/testing.samples.ts'
import { findKubectl } from './kubectl/find-kubectl.ts'
import { serve, type Served } from './kubectl/api-over-http.ts'
import { BROKEN } from './kubectl/broken-yaml.ts'
import { COMMANDS, FILES } from './kubectl/scenarios.ts'

/** The referee of kubectl: the real one, v1.33, told the same in a cluster of the same seed; compared byte for byte. */
const REAL = findKubectl()

interface Outcome { stdout: string; stderr: string; code: number | null | undefined }

function words(line: string): string[] {
  return line.split(' ').map((w) => w.replace('range.items', 'range .items'))
}

describe.skipIf(!REAL)('kubectl says what kubectl 1.33 says', () => {
  let served: Served
  let ours: Bench
  const clock = new Clock({ seed: 1 })
  let home: string

  async function real(args: readonly string[]): Promise<Outcome> {
    const child = spawn(REAL!, args, { argv0: 'kubectl', cwd: home, env: { PATH: process.env['PATH'], HOME: home, KUBECONFIG: join(home, '.kube/config') } })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
    child.stdin.end()
    const code = await new Promise<number | null>((done) => child.on('close', done))
    return { stdout, stderr, code }
  }

  const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

  beforeAll(async () => {
    const api = new ApiServer(clock)
    served = await serve(clock, api)
    ours = bench()
    home = mkdtempSync(join(tmpdir(), 'podhop-kubectl-'))
    mkdirSync(join(home, '.kube'))
    const config = ours.cluster.laptop.fs.readText('/home/student/.kube/config')
    writeFileSync(join(home, '.kube/config'), config.replace('https://172.18.0.2:6443', served.url))
    for (const [name, content] of Object.entries(FILES)) {
      writeFileSync(join(home, name), content)
      ours.write(`/home/student/${name}`, content)
    }
  })
  afterAll(async () => {
    await served.close()
    rmSync(home, { recursive: true, force: true })
  })

  /** What differs because of where the two run, not because of what they say. */
  const alike = (outcome: Outcome): Outcome => {
    const text = (t: string): string => t.replaceAll(served.url, 'https://172.18.0.2:6443').replaceAll(home, '/home/student').replaceAll('/root/', '/home/student/')
    return { stdout: text(outcome.stdout), stderr: text(outcome.stderr).replace(/^([WE])\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ /gm, '$1 '), code: outcome.code }
  }

  it.each(COMMANDS.map((line, i): [number, string] => [i + 1, line]))('%i: %s', async (_, line) => {
    const args = words(line)
    // Podhop's kubectl takes a moment to start; the other cluster is to be as old.
    clock.runFor(ours.clock.now + 5 - clock.now)
    const { stdout, stderr, code } = ours.run(`kubectl ${args.map(quoted).join(' ')}`)
    const found = alike({ stdout, stderr, code })
    let expected = alike(await real(args))
    // it goes through a ConfigMap's keys in the order of Go's maps, which is none
    for (let again = 0; line.startsWith('describe cm') && again < 20 && expected.stdout !== found.stdout; again++) expected = alike(await real(args))
    expect(found).toEqual(expected)
  })

  it.each(BROKEN.map((text, i): [number, string] => [i + 1, text]))('broken manifest %i', async (i, text) => {
    const name = `broken-${i}.${text.startsWith('{') ? 'json' : 'yaml'}`
    writeFileSync(join(home, name), text)
    ours.write(`/home/student/${name}`, text)
    const args = ['label', '--local', '-f', name, 'a=b', '-o', 'yaml']
    const found = ours.run(`kubectl ${args.join(' ')}`)
    expect(alike({ stdout: found.stdout, stderr: found.stderr, code: found.code })).toEqual(alike(await real(args)))
  })
})

describe.runIf(!REAL)('kubectl', () => {
  it('has no referee here', () => {
    console.warn('SKIPPED: no kubectl 1.33 to compare with (set KUBECTL to its path)')
  })
})
