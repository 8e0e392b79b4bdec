import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from '@playwright/test'
import { expect, openLab, openWindow, test } from './podhop.ts'

/** axe-core's rules (WCAG 2.2 A and AA, and its best practices) in every view, dark and light: names, roles, contrast, headings. */
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

declare global {
  interface Window {
    axe: { run(context: Document, options: object): Promise<AxeResults> }
  }
}

test.beforeEach(({ page }) => page.addInitScript({ path: axe }))

async function holds(page: Page, what: string): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
    const found = violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${v.help}: ${n.html.slice(0, 160)}`))
    expect(found, `${what}, ${colorScheme}`).toEqual([])
  }
}

test('the catalogue and its dialogs', async ({ page, podhop }) => {
  await podhop.start()
  await openWindow(page, podhop)
  await holds(page, 'catalogue')
  for (const [name, open] of [['new cluster', page.getByRole('button', { name: 'New cluster…' })], ['packs', page.getByTestId('packs')]] as const) {
    await open.click()
    await expect(page.getByRole('dialog')).toBeVisible()
    await holds(page, name)
    await page.keyboard.press('Escape')
  }
})

test('a lab, its terminals, the picture and its list, the drawer and the dialogs', async ({ page, podhop }) => {
  await podhop.start()
  const keyboard = await openLab(page, podhop, 'pod-to-pod')
  await keyboard.run('kubectl apply -f pods.yaml && kubectl wait --for=condition=Ready pod --all --timeout=90s; kubectl exec alice -- curl -s -o /dev/null http://$(kubectl get pod carol -o jsonpath="{.status.podIP}"); kubectl exec alice -- curl -s -m 1 http://10.244.9.9')
  await page.getByRole('button', { name: 'Open a terminal' }).click()
  await expect(page.getByRole('tab')).toHaveCount(2)
  await holds(page, 'lab')
  await page.getByRole('button', { name: 'List', exact: true }).click()
  await page.getByTestId('pod-default-alice').click()
  await expect(page.getByTestId('inspector')).toContainText('ip route')
  await holds(page, 'list and inspector')
  await page.keyboard.press('Control+Shift+J')
  await expect(page.getByTestId('journey-list').getByRole('button').first()).toBeVisible()
  await holds(page, 'journeys')
  await page.getByTestId('journey-list').getByRole('button').first().click()
  await page.getByRole('button', { name: /^Why: / }).click()
  await page.getByTestId('journey-hop-2').getByRole('button', { name: 'Explain hop 2' }).click()
  await expect(page.getByTestId('explanation')).toHaveCount(2)
  await page.getByTestId('journey-hop-2').getByRole('button').first().click()
  await holds(page, 'a journey that failed')
  await page.getByRole('button', { name: 'Reset…' }).click()
  await holds(page, 'reset')
  await page.keyboard.press('Escape')
  for (const [name, key] of [['faults', 'Control+Shift+K'], ['help', 'F1']] as const) {
    await page.keyboard.press(key)
    await expect(page.getByRole('dialog')).toBeVisible()
    await holds(page, name)
    await page.keyboard.press('Escape')
  }
  for (const [name, open] of [['tools', page.getByRole('button', { name: 'Your tools' })], ['files', page.getByTestId('files')]] as const) {
    await open.click()
    await expect(page.getByRole('dialog')).toBeVisible()
    await holds(page, name)
    await page.keyboard.press('Escape')
  }
  await page.keyboard.press('Control+Shift+L')
  await holds(page, 'without the lab panel')
})
