import type { Locator, Page } from '@playwright/test'
import { expect, openWindow, test } from './podhop.ts'

/** A whole lab by somebody who has no mouse: only keys are pressed here, and whatever is used was reached by them. */
test('a lab is chosen, solved, watched and left by keyboard alone', async ({ page, podhop }) => {
  await podhop.start()
  await openWindow(page, podhop)
  const { keyboard } = page
  await reach(page, page.getByTestId('lab-card-containers-in-one-pod').getByRole('button').first(), 'Tab')
  await keyboard.press('Enter')
  await expect(page.getByTestId('lab-panel')).toBeVisible()
  await expect(page.getByTestId('terminal').locator('textarea'), 'the keyboard is in the terminal').toBeFocused()
  const step = (n: number): Locator => page.getByTestId(`lab-step-${n}`)
  const prompt = async (): Promise<void> => expect.poll(async () => (await page.getByTestId('terminal').locator('.xterm-rows').innerText()).replace(/\u00a0/g, ' ').trimEnd().endsWith('$'), { message: 'a prompt', timeout: 240_000 }).toBe(true)
  const run = async (command: string): Promise<void> => {
    await prompt()
    await keyboard.press('Control+l')
    await keyboard.insertText(command)
    await keyboard.press('Enter')
  }
  const toTerminal = async (): Promise<void> => {
    const here = page.getByTestId('terminal').locator('textarea')
    for (let i = 0; i < 4 && !(await isFocused(here)); i++) await keyboard.press('F6')
    await expect(here).toBeFocused()
  }
  const toLab = async (): Promise<void> => {
    for (let i = 0; i < 4; i++) {
      await keyboard.press('F6')
      if (await page.getByTestId('lab-panel').evaluate((panel) => panel.contains(document.activeElement))) return
    }
    throw new Error('F6 does not lead to the lab')
  }

  await run('kubectl apply -f shop.yaml && kubectl wait --for=condition=Ready pod/shop --timeout=120s')
  await expect(step(1)).toHaveAttribute('data-state', 'passed')
  await run('kubectl exec shop -c tools -- curl -s -o /dev/null localhost; until kubectl exec shop -c tools -- nc -w 1 localhost 3306 > greeting.txt; do sleep 1; done; kubectl exec shop -c tools -- ss -tln')
  await prompt()
  await toLab()
  await reach(page, page.getByTestId('check-what-listens').getByRole('textbox'), 'Tab')
  await keyboard.type('33060')
  await keyboard.press('Enter')
  await expect(step(2)).toHaveAttribute('data-state', 'passed')

  await toTerminal()
  await run('kubectl apply -f clash.yaml; hop time +20s; kubectl logs clash -c second --previous')
  await prompt()
  await toLab()
  await reach(page, page.getByTestId('check-why').getByRole('textbox'), 'Tab')
  await keyboard.type('98')
  await keyboard.press('Enter')
  await expect(step(3)).toHaveAttribute('data-state', 'passed')

  await toTerminal()
  await run('kubectl exec shop -c web -- sh -c "kill 1"; hop time +5s; kubectl get pod shop')
  await prompt()
  await toLab()
  const answers = page.getByTestId('check-who-holds-the-address').getByRole('radio')
  await reach(page, answers, 'Tab')
  const right = page.getByTestId('check-who-holds-the-address').getByRole('radio', { name: "The Pod's sandbox, the pause container" })
  for (let i = 0; i < 6 && !(await right.isChecked() && await isFocused(right)); i++) await keyboard.press('ArrowDown')
  await expect(right).toBeChecked()
  await reach(page, page.getByTestId('check-who-holds-the-address').getByRole('button', { name: /answer/i }), 'Tab')
  await keyboard.press('Enter')
  await expect(page.getByTestId('lab-panel')).toHaveAttribute('data-finished', 'true')

  // a journey, played hop by hop
  await keyboard.press('Control+Shift+J')
  await expect(page.getByTestId('journey-list')).toBeVisible()
  await reach(page, page.getByTestId('journey-list').getByRole('button'), 'Tab')
  await keyboard.press('Enter')
  await expect(page.getByTestId('journey')).toBeVisible()
  await reach(page, page.getByTestId('journey-play'), 'Tab')
  await keyboard.press('Enter')
  await expect(page.getByTestId('journey-hop-2')).toBeVisible()

  await reach(page, page.getByRole('button', { name: 'Leave the lab' }), 'Shift+Tab')
  await keyboard.press('Enter')
  await expect(page.getByTestId('lab-card-containers-in-one-pod').getByRole('button').first()).toBeFocused()
})

const isFocused = (what: Locator): Promise<boolean> => what.evaluate((element) => element === document.activeElement)

/** Presses a key until the keyboard is there; whatever has it on the way shows that it has. A terminal keeps Tab for itself: F6 leads on. */
async function reach(page: Page, targets: Locator, key: 'Tab' | 'Shift+Tab'): Promise<void> {
  await expect(targets.first()).toBeVisible()
  const way: string[] = []
  for (let i = 0; i < 300; i++) {
    for (const target of await targets.all()) if (await isFocused(target)) return
    const inTerminal = await page.evaluate(() => document.activeElement?.classList.contains('xterm-helper-textarea') ?? false)
    await page.keyboard.press(inTerminal ? key.replace('Tab', 'F6') : key)
    way.push(await page.evaluate(() => {
      const here = document.activeElement
      if (!here || here === document.body) return 'nowhere'
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(here)
      const seen = outlineStyle !== 'none' && outlineWidth !== '0px' || boxShadow !== 'none' || here.tagName === 'TEXTAREA'
      return `${here.tagName} ${here.getAttribute('aria-label') ?? here.textContent?.trim().slice(0, 40) ?? ''}${seen ? '' : ' (unseen)'}`
    }))
  }
  throw new Error(`${key} does not lead to ${targets.toString()}: ${way.slice(0, 60).join(', ')}`)
}
