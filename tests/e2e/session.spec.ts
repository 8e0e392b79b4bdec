import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, Keyboard, openLab, openWindow, test, view } from './podhop.ts'

test('a killed Podhop continues the lab where it was', async ({ page, podhop }) => {
  await podhop.start()
  const keyboard = await openLab(page, podhop, 'containers-in-one-pod')
  await keyboard.run('kubectl apply -f shop.yaml && kubectl wait --for=condition=Ready pod/shop --timeout=90s')
  await expect(page.getByTestId('lab-step-1')).toHaveAttribute('data-state', 'passed')
  await keyboard.run('echo kept > note.txt')
  const before = (await view(page)).topology.pods['default/shop']
  // the log is on disk soon
  const logs = join(podhop.data, 'sessions')
  await expect.poll(() => readdirSync(logs).map((name) => readFileSync(join(logs, name), 'utf8')).join('')).toMatch(/note\.txt[^]*\\r/)
  await podhop.kill()
  await expect(page.getByText(/connection|reconnect/i).first()).toBeVisible()

  await podhop.start()
  await openWindow(page, podhop)
  await expect(page.getByTestId('lab-panel')).toHaveAttribute('data-lab', 'containers-in-one-pod')
  await expect(page.getByTestId('lab-step-1')).toHaveAttribute('data-state', 'passed')
  await expect(page.getByTestId('lab-step-2')).toHaveAttribute('data-state', 'active')
  await expect.poll(async () => (await view(page)).topology.pods['default/shop']?.ip).toBe(before?.ip)
  expect(await new Keyboard(page).run('cat note.txt')).toContain('kept')
})

test('port-forward shows the Pod\'s page in a real program, and gives the port back', async ({ page, podhop, request }) => {
  await podhop.start()
  const keyboard = await openLab(page, podhop, 'containers-in-one-pod')
  await keyboard.run('kubectl run web --image=nginx && kubectl wait --for=condition=Ready pod/web --timeout=90s')
  const port = await freePort()
  await keyboard.run(`kubectl port-forward pod/web ${port}:80`, { stays: true })
  await expect.poll(() => keyboard.text()).toContain(`Forwarding from 127.0.0.1:${port} -> 80`)
  const page1 = await request.get(`http://127.0.0.1:${port}/`)
  expect(await page1.text()).toContain('Welcome to nginx!')
  await expect.poll(() => keyboard.text()).toContain(`Handling connection for ${port}`)
  await keyboard.press('Control+c')
  await keyboard.prompt()
  await expect(request.get(`http://127.0.0.1:${port}/`)).rejects.toThrow(/ECONNREFUSED|hang up|reset/)
  // and inside the lab terminal, by a second job
  const inside = await keyboard.run(`kubectl port-forward pod/web ${port}:80 > /dev/null & sleep 1; curl -s localhost:${port} | grep title; kill %1`)
  expect(inside).toContain('<title>Welcome to nginx!</title>')
})

test("a taken port is refused with kubectl's own error", async ({ page, podhop }) => {
  const taken = createServer()
  const port = await new Promise<number>((resolve) => taken.listen(0, '127.0.0.1', () => resolve((taken.address() as { port: number }).port)))
  await podhop.start()
  const keyboard = await openLab(page, podhop, 'containers-in-one-pod')
  await keyboard.run('kubectl run web --image=nginx && kubectl wait --for=condition=Ready pod/web --timeout=90s')
  const said = await keyboard.run(`kubectl port-forward pod/web ${port}:80`)
  expect(said.replace(/\n/g, '')).toContain(`unable to listen on any of the requested ports: [{${port} 80}]`)
  taken.close()
})

async function freePort(): Promise<number> {
  const server = createServer()
  const port = await new Promise<number>((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)))
  await new Promise((resolve) => server.close(resolve))
  return port
}
