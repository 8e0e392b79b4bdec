import { expect, test } from 'vitest'
import { Desk, eventually } from './desk.samples.ts'

/** How much this process may compute without a turn for others, in ms of its own processor time: others' load does not count. */
const PATIENCE = 400
const computed = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

for (const command of ['while :; do :; done', "awk 'BEGIN { while (1); }'", 'yes > /dev/null']) {
  test(`a program that only computes leaves the host its turns, and Ctrl-C ends it: ${command}`, async () => {
    const desk = new Desk({ folder: undefined })
    try {
      await desk.session.open(null)
      const id = await desk.session.openTerminal(80, 24)
      await eventually(() => desk.output.includes('$ '), () => '')
      let longest = 0
      let last = computed()
      let beats = 0
      const beat = setInterval(() => {
        longest = Math.max(longest, computed() - last)
        last = computed()
        beats++
      }, 5)
      desk.session.input({ kind: 'terminal-input', id, data: `${command}\r` })
      await new Promise((resolve) => setTimeout(resolve, 300))
      await eventually(() => beats > 5)
      clearInterval(beat)
      expect(longest).toBeLessThan(PATIENCE)
      const from = desk.output.length
      const start = computed()
      desk.session.input({ kind: 'terminal-input', id, data: '\x03' })
      await eventually(() => desk.output.slice(from).includes('$ '))
      expect(computed() - start).toBeLessThan(PATIENCE)
    } finally {
      desk.close()
    }
  })
}
