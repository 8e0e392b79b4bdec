import { expect, test } from 'vitest'
import { Desk, eventually } from './desk.samples.ts'

/** Other tests share the processors; a person's machine stays far below. */
const PATIENCE = 400

for (const command of ['while :; do :; done', "awk 'BEGIN { while (1); }'", 'yes > /dev/null']) {
  test(`a program that only computes leaves the host its turns, and Ctrl-C ends it: ${command}`, async () => {
    const desk = new Desk({ folder: undefined })
    try {
      await desk.session.open(null)
      const id = await desk.session.openTerminal(80, 24)
      await eventually(() => desk.output.includes('$ '), () => '')
      let longest = 0
      let last = performance.now()
      const beat = setInterval(() => {
        longest = Math.max(longest, performance.now() - last)
        last = performance.now()
      }, 5)
      desk.session.input({ kind: 'terminal-input', id, data: `${command}\r` })
      await new Promise((resolve) => setTimeout(resolve, 300))
      clearInterval(beat)
      expect(longest).toBeLessThan(PATIENCE)
      const from = desk.output.length
      const start = performance.now()
      desk.session.input({ kind: 'terminal-input', id, data: '\x03' })
      await eventually(() => desk.output.slice(from).includes('$ '))
      expect(performance.now() - start).toBeLessThan(PATIENCE)
    } finally {
      desk.close()
    }
  })
}
