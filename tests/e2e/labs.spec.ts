import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { labSchema } from '../../electron/lab/model.ts'
import { parseTranscripts, type Transcript } from '../../electron/lab/transcript.ts'
import { expect, Keyboard, openLab, test } from './podhop.ts'
import type { Page } from '@playwright/test'

/** A lab's own solution, typed into the real window: those for beginners, and with PODHOP_DEEP (`npm run test:deep`) every one. */
const folder = 'labs'
for (const id of readdirSync(folder)) {
  const read = (file: string): string => readFileSync(join(folder, id, file), 'utf8')
  const definition = labSchema.parse(parse(read('lab.yaml')))
  if (definition.level !== 'beginner' && process.env['PODHOP_DEEP'] === undefined) continue
  test(`${id}: its solution passes every step in the window`, async ({ page, podhop }) => {
    const { transcripts } = parseTranscripts('solution.txtar', read('solution.txtar'), definition)
    await podhop.start()
    const keyboard = await openLab(page, podhop, id)
    await page.getByRole('combobox', { name: 'Speed' }).selectOption('5')
    for (let n = 1; n <= definition.steps.length; n++) {
      const step = page.getByTestId(`lab-step-${n}`)
      await expect(step).toHaveAttribute('data-state', 'active')
      for (const transcript of transcripts.filter((t) => t.step === n)) await play(page, keyboard, transcript)
      await expect(step).toHaveAttribute('data-state', 'passed')
    }
    await expect(page.getByTestId('lab-panel')).toHaveAttribute('data-finished', 'true')
  })
}

async function play(page: Page, keyboard: Keyboard, transcript: Transcript): Promise<void> {
  for (const action of transcript.actions) {
    if (action.kind === 'wait') await page.waitForTimeout(action.ms / 5)
    else if (action.kind === 'key') await keyboard.press(`Control+${action.key.toLowerCase()}`)
    else if (action.kind === 'command') await keyboard.run(action.text)
    else await answer(page, action.check, action.answer)
  }
}

async function answer(page: Page, check: string, text: string): Promise<void> {
  const quiz = page.getByTestId(`check-${check}`)
  const choice = quiz.getByRole('radio', { name: text, exact: true })
  if ((await choice.count()) > 0) await choice.check()
  else await quiz.getByRole('textbox').fill(text)
  await quiz.getByRole('button', { name: /answer/i }).click()
  await expect(quiz).toHaveAttribute('data-state', 'passed')
}
