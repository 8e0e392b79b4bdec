import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Clock } from '../../electron/engine/clock.ts'
import { ApiServer } from '../../electron/engine/kubernetes/api-server.ts'
import { type Bench, bench } from '../../electron/shell/kubectl/testing.samples.ts'
import { serve, type Served } from './kubectl/api-over-http.ts'
import { COMMANDS, FILES } from './kubectl/custom-resources.ts'
import { findKubectl } from './kubectl/find-kubectl.ts'

/** Custom resources through the real kubectl 1.33 and through Podhop's, in two clusters of one seed; compared byte for byte. */
const REAL = findKubectl()

interface Outcome { stdout: string; stderr: string; code: number | null | undefined }

describe.skipIf(!REAL)('custom resources are to kubectl 1.33 what they are to ours', () => {
  const clock = new Clock({ seed: 1 })
  const client = new ApiServer(clock)
  let ours: Bench
  let served: Served
  let home: string

  beforeAll(async () => {
    served = await serve(clock, client, () => clock.runFor(0))
    ours = bench()
    home = mkdtempSync(join(tmpdir(), 'podhop-custom-'))
    mkdirSync(join(home, '.kube'))
    writeFileSync(join(home, '.kube/config'), ours.cluster.laptop.fs.readText('/home/student/.kube/config').replace('https://172.18.0.2:6443', served.url))
    for (const [name, content] of Object.entries(FILES)) {
      writeFileSync(join(home, name), content)
      ours.write(`/home/student/${name}`, content)
    }
  })
  afterAll(async () => {
    await served.close()
    rmSync(home, { recursive: true, force: true })
  })

  async function real(args: readonly string[]): Promise<Outcome> {
    rmSync(join(home, '.kube/cache'), { recursive: true, force: true })
    const child = spawn(REAL!, args, { argv0: 'kubectl', cwd: home, env: { PATH: process.env['PATH'], HOME: home, KUBECONFIG: join(home, '.kube/config') } })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
    const code = await new Promise<number | null>((done) => child.on('close', done))
    return { stdout, stderr, code }
  }

  it.each(COMMANDS)('%s', async (line) => {
    const args = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!)
    // Podhop's kubectl takes a moment to start; the other cluster is to be as old.
    clock.runFor(ours.clock.now + 5 - clock.now)
    const expected = await real(args)
    const { stdout, stderr, code } = ours.run(`kubectl ${args.map((a) => `'${a}'`).join(' ')}`)
    expect({ stdout, stderr, code }).toEqual(expected)
  })
})
