import { expect, test, type Page } from '@playwright/test'
import type { FakeHost } from './host.ts'

declare global {
  interface Window {
    fakeHost: FakeHost
  }
}

const open = (page: Page) => page.goto('/dev/index.html?lab')

test.describe('journeys', () => {
  test('a journey plays to its end over the topology', async ({ page }) => {
    await open(page)
    await page.getByRole('button', { name: /^Journeys/ }).first().click()
    await page.getByTestId('journey-1').click()
    await expect(page.getByTestId('journey-hop-4')).toContainText('KUBE-SEP-6X7V2QZJXHQH5GJ3')
    await page.getByTestId('journey-play').click()
    await expect(page.getByTestId('journey')).toHaveAttribute('data-playing', 'true')
    await expect(page.getByTestId('journey-position')).toHaveText('18 of 18 hops')
    await expect(page.getByTestId('journey')).toHaveAttribute('data-playing', 'false')
    await expect(page.getByTestId('topology').locator('svg .packet')).toHaveCount(1)
  })

  test('in a tunnel a packet is drawn and told inside of another one', async ({ page }) => {
    await open(page)
    await page.getByRole('button', { name: /^Journeys/ }).first().click()
    await page.getByTestId('journey-1').click()
    const packet = page.getByTestId('topology').locator('svg .packet')
    await page.locator('[data-stage=encapsulate]').getByRole('button').first().click()
    await expect(page.locator('[data-stage=encapsulate]')).toContainText(/put around it\s+UDP\s+172\.18\.0\.4:52114 → 172\.18\.0\.3:8472.*\s+inside now\s+TCP\s+10\.244\.2\.3:41822 → 10\.244\.1\.5:80/)
    await page.locator('[data-stage=wire]').getByRole('button').first().click()
    await expect(page.locator('[data-stage=wire]')).toContainText('in VXLAN')
    await expect(page.getByTestId('hop-packet')).toContainText(/IPv4\s+172\.18\.0\.4 → 172\.18\.0\.3.*VXLAN\s+vni 1.*inside:\s*IPv4\s+10\.244\.2\.3 → 10\.244\.1\.5/s)
    await expect(packet).toHaveText(/VXLAN\s*SYN/)
    await page.locator('[data-stage=decapsulate]').getByRole('button').first().click()
    await expect(packet).toHaveText(/^\s*SYN\s*$/)
  })

  test('a failure says why', async ({ page }) => {
    await open(page)
    await page.getByRole('button', { name: /^Journeys/ }).first().click()
    await page.getByTestId('journey-2').click()
    await expect(page.getByTestId('journey-verdict')).toContainText('unreachable')
    await page.getByRole('button', { name: 'Why: drop-no-neighbour' }).click()
    await expect(page.getByTestId('explanation')).toContainText('asks with ARP')
  })

  test('the last connection is followed when asked for', async ({ page }) => {
    await open(page)
    await page.getByRole('button', { name: /^Journeys/ }).first().click()
    await page.getByLabel('Follow the last connection').check()
    await expect(page.getByTestId('journey-verdict')).toContainText('unreachable')
    await expect(page.getByTestId('journey-position')).toHaveText('5 of 5 hops')
    await page.evaluate(() => window.fakeHost.repeatJourney())
    await expect(page.getByTestId('journey-verdict')).toContainText('delivered')
    await expect(page.getByTestId('journey')).toHaveAttribute('data-playing', 'true')
  })

  test('under reduced motion a hop is only lit up', async ({ page }) => {
    await page.emulateMedia({ reducedMotion: 'reduce' })
    await open(page)
    await page.getByRole('button', { name: /^Journeys/ }).first().click()
    await page.getByTestId('journey-1').click()
    await page.getByTestId('journey-hop-1').getByRole('button').first().click()
    const place = () => page.locator('svg .packet').getAttribute('transform')
    const before = await place()
    await page.getByRole('button', { name: 'Hop on' }).click()
    await page.getByRole('button', { name: 'Hop on' }).click()
    await expect(page.getByTestId('journey-hop-3')).toHaveAttribute('aria-current', 'step')
    const after = await place()
    expect(after).not.toBe(before)
    await page.waitForTimeout(100)
    expect(await place()).toBe(after)
  })
})
