import { expect, openLab, test, view } from './podhop.ts'

test('a cluster of one’s own: another plugin, chosen in the window, is there after a kill too', async ({ page, podhop }) => {
  await podhop.start()
  await page.goto(podhop.url)
  await page.getByTestId('new-cluster').click()
  const dialog = page.getByTestId('new-cluster-dialog')
  await dialog.getByTestId('new-cluster-nodes').fill('2')
  await dialog.getByTestId('new-cluster-cni').selectOption('flannel')
  await dialog.getByTestId('new-cluster-option-backend').selectOption('host-gw')
  await dialog.getByTestId('new-cluster-proxy').selectOption('nftables')
  await dialog.getByText('The same as a cluster file').click()
  await expect(dialog.getByTestId('new-cluster-file')).toHaveText('nodes: 2\ncni: {plugin: flannel, backend: host-gw}\nproxyMode: nftables\n')
  await dialog.getByTestId('new-cluster-create').click()
  await expect(dialog).toBeHidden()
  await expect(page.getByTestId('topology')).toBeVisible()
  await expect.poll(async () => Object.values((await view(page)).topology.nodes).map((n) => n.ready)).toEqual([true, true])
  await expect(page.getByTestId('status-bar')).toContainText('proxy nftables')

  await podhop.kill()
  await podhop.start()
  await page.goto(podhop.url)
  await expect.poll(async () => (await view(page))?.cluster.settings).toMatchObject({ nodes: 2, cni: 'flannel', cniOptions: { backend: 'host-gw' }, proxyMode: 'nftables' })

  // a lab has its own
  await openLab(page, podhop, 'pod-to-pod')
  expect((await view(page)).cluster.proxyMode).toBe('iptables')
})

test('what no cluster can be is refused with words, and the cluster stays', async ({ page, podhop }) => {
  await podhop.start()
  await page.goto(podhop.url)
  await page.getByTestId('new-cluster').click()
  const dialog = page.getByTestId('new-cluster-dialog')
  const before = (await view(page)).cluster.clock.epoch
  await dialog.getByTestId('new-cluster-nodes').evaluate((input: HTMLInputElement) => input.removeAttribute('max'))
  await dialog.getByTestId('new-cluster-nodes').fill('9999')
  await dialog.getByTestId('new-cluster-create').click()
  await expect(dialog.getByRole('alert')).toContainText('nodes: 9999 is not allowed')
  expect((await view(page)).cluster.clock.epoch).toBe(before)
  await page.keyboard.press('Escape')
  await expect(dialog).toBeHidden()
})
