import { expect, it } from 'vitest'
import { sitDown } from '../fullscreen/testing.samples.ts'

it('top shows the processes on the whole terminal, listens to keys, and leaves the terminal as it was', async () => {
  const person = sitDown({ columns: 80, rows: 12 })
  person.machine.fs.installProgram('/usr/bin/top', 'top')
  await person.type('top\r')
  const lines = person.lines()
  expect(lines[0]).toMatch(/^top - \d\d:\d\d:\d\d up .*, +1 user, +load average: 0\.00, 0\.00, 0\.00$/)
  expect(lines[1]).toMatch(/^Tasks: +\d+ total, +1 running, +\d+ sleeping, +0 stopped, +0 zombie$/)
  expect(lines[3]).toMatch(/^MiB Mem : +7941\.3 total, /)
  expect(lines[6]).toBe('    PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND'.slice(2))
  expect(lines.some((l) => /student .* R +0\.0 +0\.0 +0:00\.00 top$/.test(l))).toBe(true)
  await person.type('x')
  expect(person.lines()[5]).toContain('not simulated')
  await person.type('j')
  expect(person.lines()[5]).toBe(" Unknown command - try 'h' for help")
  await person.type('q', 'echo back\r')
  expect(person.lines().join('\n')).toContain('\nback\n')
})
