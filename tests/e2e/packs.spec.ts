import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, Keyboard, openWindow, test } from './podhop.ts'

const podhop = (folder: string, ...args: string[]): string => execFileSync(process.execPath, [join(process.cwd(), 'electron/cli/podhop.mjs'), ...args], { cwd: folder, encoding: 'utf8', env: { ...process.env, PODHOP_HOME: join(folder, 'home') } })

/** A trainer's folder with a lab "first" and the pack that holds it. */
function trainer(): { folder: string; pack: string } {
  const folder = mkdtempSync(join(tmpdir(), 'podhop-trainer-'))
  podhop(folder, 'lab', 'new', 'first')
  podhop(folder, 'lab', 'pack', 'first', '-o', 'course.tgz', '--title', 'A course')
  return { folder, pack: join(folder, 'course.tgz') }
}

test('a pack is shown, taken, done, handed in, graded and removed', async ({ page, podhop: host }) => {
  const { folder, pack } = trainer()
  await host.start()
  await openWindow(page, host)
  await page.getByTestId('packs').click()
  const wrong = join(folder, 'wrong.tgz')
  writeFileSync(wrong, 'no pack')
  await page.getByTestId('pack-file').setInputFiles(wrong)
  await expect(page.getByTestId('pack-refusal')).toContainText('is no pack')
  await page.getByTestId('pack-file').setInputFiles(pack)
  await expect(page.getByTestId('pack-offer')).toContainText('A first lab')
  await expect(page.getByTestId('pack-refusal')).toHaveCount(0)
  await page.getByTestId('pack-take').click()
  await expect(page.getByTestId('pack-course')).toContainText('· 1 lab')
  await page.getByRole('button', { name: 'Close' }).click()
  await expect(page.getByTestId('lab-card-first')).toContainText('from the pack “A course”')

  await page.getByTestId('lab-card-first').getByRole('button').click()
  const keyboard = new Keyboard(page)
  await keyboard.run('kubectl run web --image=nginx')
  await expect(page.getByTestId('lab-finish')).toBeVisible()
  await page.getByRole('button', { name: 'Back to the labs' }).click()

  await page.getByTestId('results').click()
  await page.getByTestId('results-student').fill('Änne, 7b')
  const saved = page.waitForEvent('download')
  await page.getByTestId('results-save').click()
  const file = await saved
  expect(file.suggestedFilename()).toBe('podhop-änne-7b.json')
  const results = join(folder, 'aenne.json')
  await file.saveAs(results)
  expect(JSON.parse(readFileSync(results, 'utf8'))).toMatchObject({ podhop: 'results', student: 'Änne, 7b', labs: [{ id: 'first', pack: 'course', finished: true }] })
  podhop(folder, 'lab', 'import', 'course.tgz')
  expect(podhop(folder, 'lab', 'grade', '--replay', 'aenne.json')).toMatch(/\nÄnne, 7b +first +1\/1 +0 +\S+ +\S+ \S+ +yes: 1 of 1 checks pass again\n/)
  expect(podhop(folder, 'lab', 'grade', '-o', 'csv', 'aenne.json')).toContain('\r\n"Änne, 7b",first,A first lab,1,1,1,1,true,0,')

  await page.getByTestId('packs').click()
  await page.getByRole('button', { name: 'Remove the pack A course' }).click()
  await page.getByTestId('pack-remove-confirm').click()
  await expect(page.getByTestId('packs-said')).toContainText('“A course” is removed')
  await page.getByRole('button', { name: 'Close' }).click()
  await expect(page.getByTestId('lab-card-first')).toHaveCount(0)
})

test('a pack that is here already takes its place only when that is said', async ({ page, podhop: host }) => {
  const { folder, pack } = trainer()
  await host.start()
  await openWindow(page, host)
  await page.getByTestId('packs').click()
  await page.getByTestId('pack-file').setInputFiles(pack)
  await page.getByTestId('pack-take').click()
  await page.getByTestId('pack-file').setInputFiles(pack)
  await expect(page.getByTestId('pack-offer')).toContainText('It is in the catalogue already, just as it is here.')
  await expect(page.getByTestId('pack-take')).toHaveCount(0)
  const yaml = join(folder, 'first', 'lab.yaml')
  writeFileSync(yaml, readFileSync(yaml, 'utf8').replace('A first lab', 'A second thought'))
  podhop(folder, 'lab', 'pack', 'first', '-o', 'course.tgz', '--title', 'A course')
  await page.getByTestId('pack-file').setInputFiles(pack)
  await expect(page.getByTestId('pack-offer')).toContainText('It takes the place of “A course”')
  await page.getByTestId('pack-take').click()
  await page.getByRole('button', { name: 'Close' }).click()
  await expect(page.getByTestId('lab-card-first')).toContainText('A second thought')
})

test('what the command takes and removes is in an open window at once; a lab that goes away is left', async ({ page, podhop: host }) => {
  const { folder } = trainer()
  await host.start()
  await openWindow(page, host)
  const there = (...args: string[]): string => execFileSync(process.execPath, [join(process.cwd(), 'electron/cli/podhop.mjs'), 'lab', ...args], { cwd: folder, encoding: 'utf8', env: { ...process.env, PODHOP_HOME: host.data } })
  await expect(page.getByTestId('lab-card-first')).toHaveCount(0)
  there('import', 'course.tgz')
  await page.getByTestId('lab-card-first').getByRole('button').click()
  await expect(page.getByTestId('lab-panel')).toBeVisible()
  there('remove', 'course')
  await expect(page.getByText('The pack "A course" was removed, and the open lab with it.')).toBeVisible()
  await expect(page.getByTestId('lab-panel')).toHaveCount(0)
  await expect(page.getByTestId('lab-card-first')).toHaveCount(0)
})
