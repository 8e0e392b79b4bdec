import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createProgramTable } from '../../engine/machine/programs.ts'
import { registerNettools } from './index.ts'
import { twoNodes } from './machines.samples.ts'

const deep = process.env['PODHOP_DEEP'] === '1'

const names = ((): string[] => {
  const found: string[] = []
  const table = createProgramTable()
  registerNettools({ ...table, register: (name: string) => void found.push(name) } as never)
  return found.filter((name) => !name.endsWith('dmesg'))
})()

const flag = fc.oneof(
  fc.constantFrom(...'aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUvVwWxXyYzZ0123456789'.split('')).map((c) => `-${c}`),
  fc.constantFrom('--help', '--version', '--json', '--foo', '--', '-', '-br', '+short', '+tcp', '+noall', '+time=1', '-zv', '-4', '-6', '-nn', '-rn', '-tlnp', '-sT', '-sn', '-oG'),
)
const operand = fc.constantFrom(
  '10.244.1.3', '10.244.2.2', '10.244.1.77', 'nosuch', 'localhost', '::1', 'fe80::1%eth0', '10.244.1.0/24', 'eth0', 'lo', 'nope', '0', '1', '-1', '80', '80-82', '65536', '1e9', '0x10', 'x', '', 'default', 'link', 'addr', 'route', 'neigh', 'rule', 'show', 'get', 'add', 'del',
  'set', 'up', 'dev', 'via', 'all', 'host', 'port', 'tcp', 'and', 'not', 'http://10.244.1.3/', 'http://[', '/etc/hosts', '/nope/x', 'a=b', '@10.244.1.3', 'state', 'type', 'table', 'fdb', 'A', 'list', 'ruleset', 'filter', 'FORWARD', 'DROP',
)
const line = fc.tuple(fc.constantFrom(...names), fc.array(fc.oneof(flag, operand), { maxLength: 6 })).map(([name, words]) => [name, ...words.map((w) => (w === '' ? "''" : w))].join(' '))

/** What no tool prints of its own accord. */
const BROKEN = /internal error|\n {4}at |\bundefined\b(?! EDNS)|\bNaN\b|\[object |Infinity/

test('random command lines of every tool end, or wait for a signal, and print nothing of the inside', () => {
  let here = twoNodes()
  let runs = 0
  fc.assert(
    fc.property(line, (text) => {
      // what the lines before changed must not take everything away
      if (runs++ % 40 === 0) here = twoNodes()
      const ran = here.a.start(text, { stdin: 'x\n' })
      const { clock } = here
      clock.runUntil(clock.now + 600_000, () => ran.process.status !== undefined)
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
        if (ran.process.status !== undefined) break
        ran.process.signal(signal)
        clock.runFor(100)
      }
      expect(ran.process.status, 'it ends').toBeDefined()
      expect(ran.stdout + ran.stderr).not.toMatch(BROKEN)
    }),
    { numRuns: deep ? 4_000 : 300, seed: Number(process.env['FUZZ_SEED'] ?? 1) },
  )
}, 600_000)
