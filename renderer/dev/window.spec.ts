import { expect, test, type Page } from '@playwright/test'
import type { FakeHost } from './host.ts'

declare global {
  interface Window {
    fakeHost: FakeHost
  }
}

/** The window itself, with no cluster behind it. */
const open = (page: Page, scene = '?lab') => page.goto(`/dev/index.html${scene}`)
const typed = (page: Page) =>
  page.evaluate(() => window.fakeHost.requests.filter((r) => r.name === 'terminal.input').map((r) => (r.argument as { data: string }).data).join(''))

const foreign: string[] = []
test.beforeEach(async ({ page }) => {
  foreign.length = 0
  page.on('request', (request) => {
    if (!/^(http:\/\/127\.0\.0\.1:5199|data:|blob:)/.test(request.url())) foreign.push(request.url())
  })
})
test.afterEach(() => expect(foreign, 'requests that left this machine').toEqual([]))

test.describe('catalogue', () => {
  test('a click anywhere on a card opens its lab, with the keyboard in the terminal', async ({ page }) => {
    await open(page, '')
    await expect(page.getByTestId('lab-catalog')).toBeVisible()
    await page.getByTestId('lab-card-pod-to-pod').click()
    await expect(page.getByTestId('busy')).toContainText('2 of 3 nodes are Ready')
    await expect(page.getByTestId('lab-panel')).toBeVisible()
    await expect(page.getByTestId('terminal').locator('textarea')).toBeFocused()
  })

  test('a lab with a mistake says where, and cannot be opened', async ({ page }) => {
    await open(page, '')
    const card = page.getByTestId('lab-card-my-own')
    await expect(card).toContainText('labs/my-own/lab.yaml:12')
    await expect(card.getByRole('button')).toBeDisabled()
  })
})

test.describe('lab panel', () => {
  test('texts bring no markup, no pictures and no links of their own', async ({ page }) => {
    await open(page)
    const step = page.getByTestId('lab-step-3')
    await expect(step).toHaveAttribute('data-state', 'active')
    await expect(step.locator('img, a, script, iframe, style')).toHaveCount(0)
    await expect(step).toContainText('<img src=x onerror=alert(1)>')
    await expect(step).toContainText('https://kubernetes.io/docs/')
  })

  test('Run types the commands of a block into the terminal', async ({ page }) => {
    await open(page)
    await expect(page.getByTestId('terminal')).toContainText('student@laptop')
    await page.getByTestId('lab-step-3').getByRole('button', { name: 'Run' }).first().click()
    await expect.poll(() => typed(page)).toBe('kubectl get pods -o wide\rkubectl exec client -- ip addr show eth0\r')
  })

  test('a wrong answer is told why, the right one passes; hints come one by one', async ({ page }) => {
    await open(page)
    const check = page.getByTestId('check-quiz')
    await check.getByLabel('kube-proxy').check()
    await check.getByRole('button', { name: 'Answer' }).click()
    await expect(check).toHaveAttribute('data-state', 'failing')
    await expect(check).toContainText('only writes rules for Services')
    await check.getByLabel("The node's routing table").check()
    await check.getByRole('button', { name: 'Answer' }).click()
    await expect(check).toHaveAttribute('data-state', 'passed')
    await expect(page.getByTestId('lab-announcement')).toHaveText('Check passed: What decides the next node?')
    const cross = page.getByTestId('check-cross')
    await expect(cross.getByTestId('hint')).toHaveCount(1)
    await cross.getByRole('button', { name: /Next hint/ }).click()
    await expect(cross.getByTestId('hint')).toHaveCount(2)
  })

  test('reset asks first', async ({ page }) => {
    await open(page)
    const resets = () => page.evaluate(() => window.fakeHost.requests.filter((r) => r.name === 'lab.reset').map((r) => r.argument))
    await page.getByRole('button', { name: 'Reset…' }).click()
    await page.getByRole('button', { name: 'Cancel' }).click()
    expect(await resets()).toEqual([])
    await page.getByRole('button', { name: 'Reset…' }).click()
    await page.getByTestId('reset-confirm').click()
    await expect.poll(resets).toEqual([{ progress: false }])
    await expect(page.getByRole('tab'), 'a fresh cluster comes with a terminal').toHaveCount(1)
  })
})

test.describe('topology', () => {
  test('the toolbar covers nothing of a narrow picture, wherever it is moved', async ({ page }) => {
    await page.setViewportSize({ width: 1024, height: 700 })
    await open(page)
    await page.keyboard.press('Control+Shift+J')
    const box = async (selector: string) => (await page.getByTestId('topology').locator(selector).first().boundingBox())!
    const [tools, canvas] = [await box('[role=toolbar]'), await box('.canvas')]
    expect(tools.y + tools.height).toBeLessThanOrEqual(canvas.y)
    await page.getByRole('button', { name: 'Close the drawer' }).click()
    await page.setViewportSize({ width: 1600, height: 900 })
    await expect.poll(async () => (await box('.canvas')).y, { message: 'where there is room it lies beside what is outside' }).toBeLessThan((await box('[role=toolbar]')).y)
  })

  test('a window zoomed to 200 % shows the drawer in the place of the lab, which keeps what was typed and comes back', async ({ page }) => {
    await page.setViewportSize({ width: 640, height: 400 })
    await open(page)
    const answer = page.getByTestId('lab-step-3').getByRole('textbox').first()
    await answer.fill('10.244.1.')
    await page.keyboard.press('Control+Shift+J')
    await expect(page.getByTestId('lab-panel')).toBeHidden()
    const toggle = page.getByTestId('status-bar').getByRole('button', { name: 'Lab' })
    await expect(toggle).toHaveAttribute('aria-pressed', 'false')
    expect((await page.getByTestId('topology').boundingBox())!.width).toBeGreaterThan(300)
    for (const button of await page.getByTestId('topology').getByRole('toolbar').getByRole('button').all()) await expect(button).toBeInViewport({ ratio: 1 })
    await toggle.click()
    await expect(page.getByTestId('lab-panel')).toBeVisible()
    await expect(answer).toHaveValue('10.244.1.')
    await expect(page.getByRole('complementary', { name: 'Details' })).toHaveCount(0)
  })

  test('forced colours still tell what is chosen', async ({ page }) => {
    await page.emulateMedia({ forcedColors: 'active' })
    await open(page)
    await page.keyboard.press('Control+Shift+J')
    const colour = (name: string) => page.getByTestId('topology').getByRole('button', { name }).evaluate((e) => getComputedStyle(e).backgroundColor)
    expect(await colour('Journeys')).not.toBe(await colour('System'))
  })

  test('the list follows every change', async ({ page }) => {
    await open(page)
    const web = page.getByTestId('pod-default-fresh')
    await expect(web).toHaveCount(0)
    await page.evaluate(() => window.fakeHost.addPod('fresh', 1, '10.244.1.9'))
    await expect(web).toHaveAttribute('data-ip', '10.244.1.9')
    await page.evaluate(() => window.fakeHost.removePod('fresh'))
    await expect(web).toHaveCount(0)
  })

  test('the picture settles on what the list says, however fast Pods come and go', async ({ page }) => {
    await open(page)
    await page.evaluate(async () => {
      const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
      for (let i = 0; i < 40; i++) {
        window.fakeHost.addPod(`churn-${i % 9}`, 1 + (i % 2), `10.244.${1 + (i % 2)}.${50 + (i % 9)}`)
        if (i % 3 === 0) window.fakeHost.removePod(`churn-${(i * 5) % 9}`)
        if (i % 4 === 0) await pause(i * 5)
      }
    })
    // Each Pod of the list is drawn, in full, and every one that has an address has a whole cable.
    const drawn = () =>
      page.evaluate(() => {
        const { cy } = (document.querySelector('.canvas') as unknown as { _cyreg: { cy: import('cytoscape').Core } })._cyreg
        const cables = cy.edges('.veth').map((e) => [String(e.data('target')).slice(4, -5), e.style('opacity')] as const)
        return cy.nodes('.pod').map((n) => `${n.id().slice(4)} ${n.style('opacity')} ${cables.filter(([pod]) => pod === n.id().slice(4)).map(([, opacity]) => opacity)}`).sort()
      })
    const listed = async () =>
      (await page.getByTestId('topology-list').locator('[data-testid^="pod-"]').evaluateAll((items) => items.map((i) => `${/Pod (\S+)/.exec(i.textContent)![1]} 1 ${i.dataset.ip ? '1' : ''}`))).sort()
    expect((await listed()).length).toBeGreaterThan(10)
    await expect.poll(drawn).toEqual(await listed())
  })

  test('what is chosen in the list is inspected', async ({ page }) => {
    await open(page)
    await page.getByRole('button', { name: 'List', exact: true }).click()
    await page.getByTestId('pod-default-client').click()
    await expect(page.getByTestId('inspector')).toContainText('ip route')
    await page.evaluate(() => window.fakeHost.removePod('client'))
    await expect(page.getByTestId('inspector')).toContainText('is gone')
  })

  test('the list is walked with arrow keys', async ({ page }) => {
    await open(page)
    await page.getByRole('button', { name: 'List', exact: true }).click()
    await page.getByTestId('node-worker-2').focus()
    await page.keyboard.press('ArrowRight')
    await expect(page.getByTestId('node-worker-2').locator('xpath=..').locator('[data-level="2"]').first()).toBeFocused()
    await page.keyboard.press('ArrowLeft')
    await expect(page.getByTestId('node-worker-2')).toBeFocused()
  })

  test('the Pods of kube-system are behind a switch', async ({ page }) => {
    await open(page)
    await expect(page.getByTestId('service-kube-system-kube-dns')).toHaveCount(0)
    await page.getByRole('button', { name: 'System', exact: true }).click()
    await expect(page.getByTestId('service-kube-system-kube-dns')).toHaveCount(1)
  })
})

test.describe('terminals', () => {
  test('tabs open, switch by key and close', async ({ page }) => {
    await open(page)
    await page.getByRole('button', { name: 'Open a terminal' }).click()
    await expect(page.getByRole('tab')).toHaveCount(2)
    await expect(page.getByTestId('terminal')).toHaveAttribute('data-terminal', 't2')
    await page.keyboard.press('Alt+1')
    await expect(page.getByTestId('terminal')).toHaveAttribute('data-terminal', 't1')
    await page.getByRole('button', { name: 'Close Terminal 1' }).click()
    await expect(page.getByTestId('terminal')).toHaveAttribute('data-terminal', 't2')
  })

  test('tabs are walked with arrows and closed with Delete, and the Tab key comes to the chosen one only', async ({ page }) => {
    await open(page)
    for (let i = 2; i <= 3; i++) {
      await page.getByRole('button', { name: 'Open a terminal' }).click()
      await expect(page.getByRole('tab')).toHaveCount(i)
    }
    const tab = (name: string) => page.getByRole('tab', { name })
    await tab('Terminal 3').focus()
    await page.keyboard.press('ArrowRight')
    await expect(tab('Terminal 1')).toBeFocused()
    await expect(tab('Terminal 1')).toHaveAttribute('aria-selected', 'true')
    expect(await page.getByRole('tab').evaluateAll((tabs) => tabs.map((t) => (t as HTMLElement).tabIndex))).toEqual([0, -1, -1])
    await page.keyboard.press('End')
    await page.keyboard.press('ArrowLeft')
    await expect(tab('Terminal 2')).toBeFocused()
    await expect(page.getByRole('tabpanel', { name: 'Terminal 2' })).toBeVisible()
    await page.keyboard.press('Delete')
    await expect(tab('Terminal 2')).toHaveCount(0)
    await expect(page.getByTestId('terminal')).toHaveAttribute('data-terminal', 't3')
  })

  test('F6 leaves the terminal and goes round the regions', async ({ page }) => {
    await open(page)
    await expect(page.getByTestId('terminal').locator('textarea')).toBeFocused()
    const region = () => page.evaluate(() => document.activeElement?.closest('[data-region]')?.getAttribute('data-region'))
    const seen = []
    for (let i = 0; i < 3; i++) {
      await page.keyboard.press('F6')
      seen.push(await region())
    }
    expect(seen).toEqual(['lab', 'topology', 'terminals'])
    await page.keyboard.press('Control+Shift+F6')
    expect(await region()).toBe('topology')
    expect(await typed(page)).toBe('')
  })

  test('its size is told to the host', async ({ page }) => {
    await open(page)
    const sizes = () => page.evaluate(() => window.fakeHost.requests.filter((r) => r.name === 'terminal.resize').map((r) => r.argument as { columns: number; rows: number }))
    await expect.poll(async () => (await sizes()).at(-1)?.columns).toBeGreaterThan(90)
    await page.setViewportSize({ width: 1024, height: 700 })
    await expect.poll(async () => (await sizes()).at(-1)?.columns).toBeLessThan(90)
  })
})

test.describe('connection', () => {
  test('a lost host is told in words, and found again by itself with what its terminals printed', async ({ page }) => {
    await open(page)
    await expect(page.getByTestId('terminal')).toContainText('student@laptop')
    await page.evaluate(() => {
      const host = window.fakeHost
      const transport = host.transport.bind(host)
      host.transport = () => {
        throw new Error('gone')
      }
      host.drop()
      setTimeout(() => {
        host.print('t1', 'printed meanwhile')
        host.addPod('meanwhile', 2, '10.244.2.9')
        host.transport = transport
      }, 600)
    })
    await expect(page.getByRole('alert')).toContainText('connection to Podhop is lost')
    await expect(page.getByTestId('pod-default-meanwhile')).toHaveCount(1)
    await expect(page.getByRole('alert')).toHaveCount(0)
    await expect(page.getByTestId('terminal')).toContainText('printed meanwhile')
  })

  test('an error stays until it is dismissed', async ({ page }) => {
    await open(page)
    await page.evaluate(() => window.fakeHost.emit('notice', { level: 'error', text: 'Port 8080 is taken.' }))
    await expect(page.getByTestId('notice')).toContainText('Port 8080 is taken.')
    await page.getByRole('button', { name: 'Dismiss' }).click()
    await expect(page.getByTestId('notice')).toHaveCount(0)
  })
})

test('the theme follows the system until one is chosen, which is remembered', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'light' })
  await open(page)
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
  const light = await ground()
  await page.emulateMedia({ colorScheme: 'dark' })
  await expect.poll(ground).not.toBe(light)
  await page.getByLabel('Theme').selectOption('light')
  await expect.poll(ground).toBe(light)
  // what CSS does not reach is drawn from the tokens of the same moment
  expect(await page.evaluate(() => {
    const rgb = getComputedStyle(document.querySelector('.xterm-scrollable-element')!).backgroundColor.match(/\d+/g)!.map(Number)
    return `#${rgb.map((n) => n.toString(16).padStart(2, '0')).join('')}` === getComputedStyle(document.documentElement).getPropertyValue('--term-ground').trim()
  })).toBe(true)
  await page.reload()
  await expect(page.getByTestId('lab-panel')).toBeVisible()
  expect(await ground()).toBe(light)
})

test('five hundred Pods pan without dropping frames', async ({ page }) => {
  await open(page, '?lab&pods=500')
  await expect(page.getByTestId('lab-panel')).toBeVisible()
  await page.waitForTimeout(800)
  const box = (await page.getByTestId('topology').boundingBox())!
  /** The median frame of nearly a second, in ms. */
  const frames = () => page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const times: number[] = []
        const start = performance.now()
        requestAnimationFrame(function frame(now) {
          times.push(now)
          if (now - start < 900) requestAnimationFrame(frame)
          else resolve(times.slice(1).map((t, i) => t - times[i]!).sort((a, b) => a - b)[Math.floor(times.length / 2)]!)
        })
      }),
  )
  // Software rendering on a shared machine gets some room, and as much more as the machine needs for frames in which nothing moves.
  await expect(async () => {
    const still = await frames()
    const moving = frames()
    await page.mouse.move(box.x + 300, box.y + box.height - 20)
    await page.mouse.down()
    for (let i = 0; i < 40; i++) await page.mouse.move(box.x + 300 + i * 4, box.y + box.height - 20 - i * 2)
    await page.mouse.up()
    expect(await moving).toBeLessThan(Math.max(34, 2 * still + 1))
  }).toPass()
})

test.describe('your own tools', () => {
  test('the API is switched on and off, and says how a shell finds it', async ({ page }) => {
    await open(page)
    await page.getByTestId('tools').click()
    await page.getByTestId('tools-connect').check()
    await expect(page.getByTestId('tools-kubeconfig')).toHaveText('export KUBECONFIG=/home/ann/.local/share/podhop/kubeconfig-1.yaml')
    await expect(page.getByTestId('status-bar')).toContainText('your tools: connected')
    await page.getByTestId('tools-connect').uncheck()
    await expect(page.getByTestId('tools-kubeconfig')).toHaveCount(0)
  })

  test('a terminal of the real machine is opened on purpose, and says what it is', async ({ page }) => {
    await open(page)
    await page.getByTestId('tools').click()
    await expect(page.getByTestId('tools-dialog')).toContainText('real shell')
    await page.getByTestId('tools-terminal').click()
    await expect(page.getByRole('tab', { selected: true })).toContainText('your own computer')
  })
})
