import { spawn } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Served } from '../../electron/host/kube-api/served.samples.ts'
import { findKubectl } from './kubectl/find-kubectl.ts'

/** Older clients speak SPDY, read Swagger 2.0 and know other forms of discovery. */
describe.each(['1.27', '1.30', '1.33'])('kubectl %s on the cluster', (version) => {
  const kubectl = findKubectl(version)

  describe.skipIf(!kubectl)('over the HTTP API', () => {
    let served: Served
    beforeAll(async () => {
      served = await new Served().start()
    })
    afterAll(() => served.close())

    /** Virtual time hurries while it runs. */
    const run = (args: string[], stdin = ''): Promise<{ stdout: string; stderr: string; code: number | null }> => new Promise((resolve) => {
      const child = spawn(kubectl!, args, { argv0: 'kubectl', env: { PATH: process.env['PATH'], HOME: served.desk.folder, KUBECONFIG: served.server.kubeconfig } })
      let [stdout, stderr] = ['', '']
      child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
      child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
      const timer = setInterval(() => served.desk.session.input({ kind: 'time', advance: 50 }), 10)
      child.on('close', (code) => {
        clearInterval(timer)
        resolve({ stdout, stderr, code })
      })
      child.stdin.end(stdin)
    })

    it('runs a Pod, and speaks with it', { timeout: 300_000 }, async () => {
      expect(await run(['run', 'box', '--image=busybox', '--', 'sh', '-c', 'echo said; sleep 10000'])).toMatchObject({ stdout: 'pod/box created\n', code: 0 })
      expect(await run(['wait', '--for=condition=Ready', 'pod/box'])).toMatchObject({ stdout: 'pod/box condition met\n', code: 0 })
      expect(await run(['logs', 'box'])).toEqual({ stdout: 'said\n', stderr: '', code: 0 })
      expect(await run(['exec', '-i', 'box', '--', 'sh', '-c', 'cat; exit 5'], 'through\n')).toEqual({ stdout: 'through\n', stderr: 'command terminated with exit code 5\n', code: 5 })
      expect((await run(['get', 'pods'])).stdout).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE\nbox +1\/1 +Running +0 +\d+s\n$/)
      expect(await run(['delete', 'pod', 'box', '--now'])).toMatchObject({ stdout: 'pod "box" deleted\n', code: 0 })
    })

    it('reads the schemas as Swagger 2.0 in protobuf', async () => {
      const explained = await run(['explain', 'pods.spec.nodeName', '--output=plaintext-openapiv2'])
      expect(explained.stderr).toBe('')
      expect(explained.stdout).toMatch(/^KIND: +Pod\nVERSION: +v1\n\nFIELD: +nodeName <string>\n\nDESCRIPTION:\n/)
      expect((await run(['explain', 'services.spec.ports.targetPort', '--output=plaintext-openapiv2'])).stdout).toContain('FIELD:    targetPort <string>')
    })

    it('has its manifests checked', async () => {
      const wrong = 'apiVersion: v1\nkind: Pod\nmetadata: {name: wrong}\nspec: {containers: [{name: a, image: b, prots: []}]}\n'
      const { stderr, code } = await run(['apply', '-f', '-'], wrong)
      expect(code).toBe(1)
      expect(stderr).toContain('unknown field "spec.containers[0].prots"')
    })
  })
})
