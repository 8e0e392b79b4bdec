import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { _electron, expect, test } from '@playwright/test'

/** Electron's executable, where its runtime is installed. */
function runtime(): string | undefined {
  try {
    const wrapper = dirname(createRequire(import.meta.url).resolve('electron/package.json'))
    const path = join(wrapper, 'dist', readFileSync(join(wrapper, 'path.txt'), 'utf8').trim())
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}

const executablePath = runtime()
const hasDisplay = process.platform !== 'linux' || Boolean(process.env['DISPLAY'] ?? process.env['WAYLAND_DISPLAY'])
const why = !executablePath ? "Electron's runtime is not installed here" : !hasDisplay ? 'there is no display' : ''
if (why) console.warn(`SKIPPED, LOUDLY: the desktop app is not tested: ${why}`)

test.describe('the desktop app', () => {
  test.skip(why !== '', why)

  test('opens one sandboxed window that continues a session and leaves nowhere', async () => {
    const data = mkdtempSync(join(tmpdir(), 'podhop-desktop-'))
    const app = await _electron.launch({ executablePath: executablePath!, args: ['.', '--test', `--user-data-dir=${data}`] })
    const window = await app.firstWindow()
    await expect(window.getByTestId('lab-catalog')).toBeVisible()
    expect(new URL(window.url()).protocol).toBe('app:')
    expect(await window.evaluate(() => typeof (globalThis as { require?: unknown }).require)).toBe('undefined')
    await window.evaluate(() => void (location.href = 'https://example.com/')).catch(() => undefined)
    expect(new URL(window.url()).protocol).toBe('app:')
    await app.close()
  })
})
