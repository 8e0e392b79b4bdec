import { describe, expect, test } from 'vitest'
import { lab } from '../dev/lab.ts'
import { announcement } from './announce.ts'
import { commandsOf, isRunnable, keysOf } from './commands.ts'

describe('code blocks', () => {
  test('only those for a terminal can be run', () => {
    expect(['console', 'sh', 'bash', 'yaml', null].map(isRunnable)).toEqual([true, true, true, false, false])
  })

  test('of a shown session only the commands are typed', () => {
    expect(commandsOf('$ kubectl get pods\nNAME   READY\nweb    1/1\n$ cat <<EOF\n> hello\n> EOF\n')).toBe('kubectl get pods\ncat <<EOF\nhello\nEOF')
    expect(commandsOf('kubectl get pods\nkubectl get nodes\n')).toBe('kubectl get pods\nkubectl get nodes')
  })

  test('each line is ended by Return', () => {
    expect(keysOf('a\nb')).toBe('a\rb\r')
  })
})

describe('what a screen reader is told', () => {
  const before = lab()
  const withStep = (state: 'passed' | 'active', active: number) => ({ ...before, active, steps: { ...before.steps, 3: { ...before.steps['3']!, state } } })

  test('nothing on opening, and nothing when nothing passed', () => {
    expect(announcement(null, before)).toBeNull()
    expect(announcement(before, { ...before, steps: { ...before.steps } })).toBeNull()
  })

  test('a step that passed, and what is next', () => {
    expect(announcement(before, withStep('passed', 4))).toBe('Step 3 passed: Across the wire. Step 4 is next: Watch both ends with tcpdump.')
  })

  test('a check, whose title may be a question; a wrong answer, and a hint', () => {
    const withCheck = (id: string, change: object) => {
      const step = before.steps['3']!
      return { ...before, steps: { ...before.steps, 3: { ...step, checks: { ...step.checks, [id]: { ...step.checks[id]!, ...change } } } } }
    }
    expect(announcement(before, withCheck('quiz', { state: 'passed' }))).toBe('Check passed: What decides the next node?')
    expect(announcement(before, withCheck('nonat', { state: 'passed' }))).toBe('Check passed: The server saw the address of the client.')
    expect(announcement(before, withCheck('quiz', { state: 'failing', found: 'No: DNS only knows names.' }))).toBe('No: DNS only knows names.')
    expect(announcement(before, withCheck('cross', { hints: [...before.steps['3']!.checks['cross']!.hints, 'Look at its route.'] }))).toBe('Hint: Look at its route.')
    expect(announcement(before, withCheck('cross', { found: 'nothing has been sent yet' })), 'what a check finds changes all the time').toBeNull()
  })

  test('the end', () => {
    expect(announcement(before, { ...before, finished: true })).toBe('The lab Pod to Pod is finished.')
  })
})
