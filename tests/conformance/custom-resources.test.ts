import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Clock } from '../../electron/engine/clock.ts'
import { ApiServer } from '../../electron/engine/kubernetes/api-server.ts'
import { answerRequest } from '../../electron/engine/kubernetes/http/handler.ts'
import { type Bench, bench } from '../../electron/shell/kubectl/testing.samples.ts'
import { COMMANDS, FILES } from './kubectl/custom-resources.ts'

/** Custom resources through the real kubectl 1.33 and through Podhop's, in two clusters of one seed; compared byte for byte. */
const REAL = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'kubectl')).filter((path) => existsSync(path))
  .flatMap((path) => [`${realpathSync(path)}.1.33`, path])
  .find((path) => existsSync(path) && spawnSync(path, ['version', '--client']).stdout?.toString().includes('v1.33.'))
if (!REAL) console.warn('SKIPPED, LOUDLY: there is no kubectl 1.33 here to hold custom resources against')

interface Outcome { stdout: string; stderr: string; code: number | null | undefined }

describe.skipIf(!REAL)('custom resources are to kubectl 1.33 what they are to ours', () => {
  const clock = new Clock({ seed: 1 })
  const client = new ApiServer(clock)
  let ours: Bench
  let server: Server
  let url: string
  let home: string

  beforeAll(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const { method = 'GET', url: target = '/', headers } = request
        const stop = answerRequest({ clock, client }, {
          method, target, body: Buffer.concat(chunks), ...(headers.accept ? { accept: headers.accept } : {}),
          ...(headers['content-type'] ? { contentType: headers['content-type'] } : {}), ...(headers['user-agent'] ? { userAgent: headers['user-agent'] } : {}),
        }, {
          head: (status, given) => void response.writeHead(status, given.flat()).flushHeaders(),
          data: (chunk) => void response.write(chunk),
          end: () => void response.end(),
        })
        response.on('close', stop)
        clock.runFor(0)
      })
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    ours = bench()
    home = mkdtempSync(join(tmpdir(), 'podhop-custom-'))
    mkdirSync(join(home, '.kube'))
    writeFileSync(join(home, '.kube/config'), ours.cluster.laptop.fs.readText('/home/student/.kube/config').replace('https://172.18.0.2:6443', url))
    for (const [name, content] of Object.entries(FILES)) {
      writeFileSync(join(home, name), content)
      ours.write(`/home/student/${name}`, content)
    }
  })
  afterAll(async () => {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
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
