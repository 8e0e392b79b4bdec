import { expect, test } from 'vitest'
import { createTerminal } from '../../engine/machine/terminal.ts'
import { decodeUtf8 } from '../../engine/text.ts'
import { openLoginShell } from '../index.ts'
import { laptop } from '../testing.samples.ts'

/** Test machines are slower than a person's: a factor. */
const PATIENCE = 4
/** The longest that one event may keep the host from its other work, and Ctrl-C from its effect, in ms of this process' own time. */
const LIMIT = 100 * PATIENCE

/** What this process has computed, in ms: what others do on the machine is not the shell's fault. */
function spent(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Programs that never end by themselves, busy or waiting. */
const ENDLESS = [
  'sleep 1000', 'cat', 'while :; do :; done', 'for ((;;)); do ((x++)); done', 'yes', 'yes | cat | wc -l', 'tail -f .bashrc', 'watch -n 1 date', "awk 'BEGIN { while (1); }'", "jq -n 'def f: f; f'",
  "sed ':a;ba' <<< x", "sed ':a;s/x/xx/;ba' <<< x", 'x=$(while :; do :; done)', 'x=$(yes | tr y n)', 'f() { while :; do g; done; }; g() { :; }; f', '(while :; do :; done) | cat', 'read x', 'select x in a b; do :; done', 'seq 1000000000000',
  "jq -n 'reduce range(1e9) as $x (0; . + 1)'", "jq -n '[range(1e9)] | length'", '[[ $(printf "a%.0s" {1..3000}) =~ (a+)+b ]]; cat', 'printf "a%.0s" {1..3000} | grep -E "(a+)+b"; cat',
  'xargs echo', 'yes | xargs -n 1 true', 'bash -c "while :; do :; done"', 'while :; do sleep 1000; done', 'while :; do true & wait; done', 'coproc cat; read x <&${COPROC[0]}',
]

for (const command of ENDLESS) {
  test(`Ctrl-C ends ${command}`, () => {
    const { clock, machine } = laptop()
    machine.fs.writeFile('/home/student/.bashrc', "PS1='PROMPT '\n")
    const terminal = createTerminal(clock, { columns: 80, rows: 24 })
    let output = ''
    terminal.onOutput((bytes) => {
      output = (output + decodeUtf8(bytes)).slice(-10_000)
    })
    openLoginShell(machine, terminal)
    clock.runFor(100)
    let slowest = 0
    let last = spent()
    // As the host does: no event longer than the limit.
    const run = (ms: number, real: number, done?: () => boolean): void => {
      const begun = last = spent()
      clock.runUntil(clock.now + ms, () => {
        const now = spent()
        slowest = Math.max(slowest, now - last)
        last = now
        return now - begun > real || done?.() === true
      })
    }
    terminal.input(`${command}\r`)
    run(200, 60)
    output = ''
    const start = spent()
    terminal.input('\x03')
    run(2000, 2000, () => output.includes('PROMPT '))
    expect({ prompt: output.includes('PROMPT '), output: output.slice(-200), took: spent() - start < LIMIT, slowest: slowest < LIMIT, ms: slowest }).toMatchObject({ prompt: true, took: true, slowest: true })
    terminal.input('echo $((20+3))\r')
    run(500, 500, () => output.includes('23'))
    expect(output).toContain('23')
    expect(output).not.toContain('internal error')
  })
}
