import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test as base, type Page } from '@playwright/test'
import type { ViewModel } from '../../electron/bridge/view.ts'

/** A Podhop of its own for each test: own data, own port. */
export class Podhop {
  readonly data = mkdtempSync(join(tmpdir(), 'podhop-e2e-'))
  url = ''
  output = ''
  #child: ChildProcess | undefined

  /** Started as a person does, by the command; ready when the address is printed. */
  async start(...args: string[]): Promise<void> {
    const child = spawn(process.execPath, ['electron/cli/podhop.mjs', 'serve', '--test', '--data', this.data, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.url = await new Promise((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (data: Buffer) => {
          this.output += data.toString()
          const url = /Podhop is at (\S+)/.exec(this.output)?.[1]
          if (url) resolve(url)
        })
      }
      child.once('exit', (code) => reject(new Error(`podhop ended with ${code}: ${this.output}`)))
    })
    this.output = ''
  }

  /** As the machine's power cut would. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
  }

  async end(): Promise<void> {
    await this.kill('SIGTERM')
    rmSync(this.data, { recursive: true, force: true })
  }
}

export const test = base.extend<{ podhop: Podhop }>({
  podhop: async ({}, use) => {
    const podhop = new Podhop()
    await use(podhop)
    await podhop.end()
  },
})

export { expect }

interface Tested {
  podhopTest: { view(): ViewModel }
}

/** What the window knows, once its script has run; there is such a thing only with --test. */
export async function view(page: Page): Promise<ViewModel> {
  await page.waitForFunction(() => 'podhopTest' in window)
  return page.evaluate(() => (window as unknown as Tested).podhopTest.view())
}

/** A person at the keyboard of the lab terminal. */
export class Keyboard {
  readonly #page: Page
  constructor(page: Page) {
    this.#page = page
  }

  get #screen(): ReturnType<Page['locator']> {
    return this.#page.getByTestId('terminal').locator('.xterm-rows')
  }

  /** The lines that stand on the screen. */
  async lines(): Promise<string[]> {
    const rows = await this.#screen.locator('> div').allInnerTexts()
    return rows.map((row) => row.replace(/\u00a0/g, ' ').trimEnd())
  }

  async text(): Promise<string> {
    return (await this.lines()).join('\n').trimEnd()
  }

  /** Waits until a shell asks for a command. */
  async prompt(timeout = 240_000): Promise<void> {
    await expect.poll(() => this.#atPrompt(), { timeout, message: 'a prompt' }).toBe(true)
  }

  async #atPrompt(): Promise<boolean> {
    return /\S@\S+:\S*[$#]$|^\S* ?[$#]$/.test((await this.text()).split('\n').at(-1) ?? '')
  }

  /** Types a command, and waits until the prompt is back; with `stays` only until it is typed. What the screen shows then. */
  async run(command: string, options: { stays?: boolean } = {}): Promise<string> {
    await this.prompt()
    await this.press('Control+l')
    await expect.poll(async () => (await this.text()).split('\n').length, { message: 'a cleared screen' }).toBe(1)
    await this.#page.keyboard.insertText(command)
    await expect.poll(() => this.#atPrompt(), { message: 'the command is shown' }).toBe(false)
    await this.#page.keyboard.press('Enter')
    if (command.endsWith('&')) {
      // what the job prints may stand behind the prompt, as in life: a person presses Enter for a new one
      await this.#page.waitForTimeout(1000)
      await this.#page.keyboard.press('Enter')
    }
    if (!options.stays) await this.prompt()
    return this.text()
  }

  async press(key: string): Promise<void> {
    await this.#page.getByTestId('terminal').locator('textarea').focus()
    await this.#page.keyboard.press(key)
  }
}

/** Opens the window; the catalogue or the lab that was open is there. */
export async function openWindow(page: Page, podhop: Podhop): Promise<void> {
  await page.goto(podhop.url)
  await expect(page.getByTestId('lab-catalog').or(page.getByTestId('lab-panel')).first()).toBeVisible()
}

export async function openLab(page: Page, podhop: Podhop, id: string): Promise<Keyboard> {
  await openWindow(page, podhop)
  await page.getByTestId(`lab-card-${id}`).getByRole('button').first().click()
  await expect(page.getByTestId('lab-panel')).toBeVisible()
  const keyboard = new Keyboard(page)
  await keyboard.prompt()
  return keyboard
}
