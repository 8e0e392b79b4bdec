import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { findKubectl } from '../conformance/kubectl/find-kubectl.ts'
import { expect, openLab, test } from './podhop.ts'

const kubectl = findKubectl()
const REFUSED = /^The connection to the server 127\.0\.0\.1:\d+ was refused - did you specify the right host or port\?$/m

test("the person's own kubectl works on the cluster while it is connected, and not after", async ({ page, podhop }) => {
  test.skip(!kubectl, 'there is no kubectl 1.33')
  await podhop.start()
  const keyboard = await openLab(page, podhop, 'containers-in-one-pod')
  await page.getByTestId('tools').click()
  await page.getByTestId('tools-connect').check()
  const line = await page.getByTestId('tools-kubeconfig').innerText()
  const path = line.replace('export KUBECONFIG=', '')
  const run = (...args: string[]) => {
    const { stdout, stderr, status } = spawnSync(kubectl!, args, { env: { PATH: process.env['PATH'], HOME: podhop.data, KUBECONFIG: path }, encoding: 'utf8', timeout: 120_000 })
    return { stdout, stderr, status }
  }
  expect(run('get', 'nodes', '-o', 'name').stdout).toContain('node/worker-1\n')
  // both see one cluster
  expect(run('create', 'configmap', 'from-outside').stdout).toBe('configmap/from-outside created\n')
  await page.getByTestId('tools-dialog').getByRole('button', { name: 'Close' }).click()
  expect(await keyboard.run('kubectl get configmap from-outside -o name')).toContain('configmap/from-outside')

  await page.getByTestId('tools').click()
  const kept = join(podhop.data, 'kept.yaml')
  copyFileSync(path, kept)
  await page.getByTestId('tools-connect').uncheck()
  await expect(page.getByTestId('tools-kubeconfig')).toHaveCount(0)
  expect(existsSync(path)).toBe(false)
  const after = run('--kubeconfig', kept, 'get', 'nodes')
  expect(after.status).toBe(1)
  expect(after.stderr).toMatch(REFUSED)
})

test('while the API server is down, kubectl of this machine finds nobody', async ({ page, podhop }) => {
  test.skip(!kubectl, 'there is no kubectl 1.33')
  await podhop.start()
  const keyboard = await openLab(page, podhop, 'containers-in-one-pod')
  await page.getByTestId('tools').click()
  await page.getByTestId('tools-connect').check()
  const path = (await page.getByTestId('tools-kubeconfig').innerText()).replace('export KUBECONFIG=', '')
  const run = () => spawnSync(kubectl!, ['get', 'nodes'], { env: { PATH: process.env['PATH'], HOME: podhop.data, KUBECONFIG: path }, encoding: 'utf8', timeout: 120_000 })
  await page.getByTestId('tools-dialog').getByRole('button', { name: 'Close' }).click()
  await keyboard.run('hop fault apply apiserver-down')
  await expect.poll(() => run().stderr).toMatch(REFUSED)
  await keyboard.run('hop fault clear --all')
  await expect.poll(() => run().status, { timeout: 120_000 }).toBe(0)
})
