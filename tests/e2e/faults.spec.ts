import { expect, openLab, test, view } from './podhop.ts'

test('what is broken from the keyboard is seen in the picture, its list, the status bar and the terminal, and outlives a kill', async ({ page, podhop }) => {
  await podhop.start()
  const keyboard = await openLab(page, podhop, 'pod-to-pod')
  await page.keyboard.press('Control+Shift+K')
  await page.getByTestId('fault-kind').selectOption('link-down')
  await page.getByTestId('fault-apply').click()
  await page.getByTestId('fault-kind').selectOption('node-down')
  await page.getByTestId('fault-apply').click()
  await expect(page.getByTestId('faults-dialog').getByRole('listitem')).toHaveCount(2)
  // twice is refused, with the reason
  await page.getByTestId('fault-apply').click()
  await expect(page.getByText(/is active already/)).toBeVisible()
  await page.keyboard.press('Escape')
  const [down] = Object.values((await view(page)).topology.nodes).filter((n) => n.down)
  await expect(page.getByTestId(`node-${down!.name}`)).toHaveAttribute('data-down', 'true')
  await expect(page.getByTestId('topology-list')).toContainText(`Node ${down!.name}  worker  down`)
  await expect(page.getByTestId('topology-list')).toContainText(': cut')
  await expect(page.getByTestId('faults')).toContainText('2 active')

  await podhop.kill()
  await podhop.start()
  await page.goto(podhop.url)
  await expect(page.getByTestId('faults')).toContainText('2 active')
  expect(await keyboard.run('hop fault list')).toContain(`node-down/${down!.name}`)
  await keyboard.run('hop fault clear --all')
  await expect(page.getByTestId('faults')).toHaveText(/Faults/)
})
