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

  test('the end', () => {
    expect(announcement(before, { ...before, finished: true })).toBe('The lab Pod to Pod is finished.')
  })
})
