import { readFileSync } from 'node:fs'
import { expect, openLab, test } from './podhop.ts'

test('a capture that was made on the lab laptop can be saved for Wireshark', async ({ page, podhop }) => {
  await podhop.start()
  const keyboard = await openLab(page, podhop, 'containers-in-one-pod')
  await keyboard.run('mkdir captures && hop trace laptop 172.18.0.2:6443 --pcap captures/way.pcapng > /dev/null; echo made')
  await page.getByTestId('files').click()
  const saved = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Save captures/way.pcapng' }).click()
  const file = await saved
  expect(file.suggestedFilename()).toBe('way.pcapng')
  const bytes = readFileSync(await file.path())
  // a Section Header Block (pcapng, section 4.1): its type, and the magic of the byte order
  expect([bytes.subarray(0, 4).toString('hex'), bytes.subarray(8, 12).toString('hex')]).toEqual(['0a0d0d0a', '1a2b3c4d'])
})
