import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { laptop } from '../testing.samples.ts'

const samples = join(import.meta.dirname, '../../../tests/conformance/userland')
const setup = readFileSync(join(samples, 'setup.sh'), 'utf8')
const commands = readFileSync(join(samples, 'commands.txt'), 'utf8').split('\n').filter((l) => l !== '' && !l.startsWith('#'))

/** A command with a piece of another in its middle, or without a piece of its own. */
const mutated = fc.tuple(fc.constantFrom(...commands), fc.constantFrom(...commands), fc.nat(60), fc.nat(12), fc.nat(60), fc.nat(8))
  .map(([a, b, at, cut, from, length]) => a.slice(0, at) + b.slice(from, from + length) + a.slice(at + cut))

test('mutated command lines of the tools end, and are never an internal error', () => {
  fc.assert(fc.property(fc.array(mutated, { minLength: 40, maxLength: 40 }), (lines) => {
    const { machine, run } = laptop()
    machine.fs.makeDirectory('/tmp/work', { mode: 0o777 })
    machine.fs.writeFile('/tmp/work/setup.sh', setup)
    const script = lines.map((line) => `( eval ${`'${line.replaceAll("'", `'\\''`)}'`} ) < /dev/null 2>&1 | head -c 5000`).join('\n')
    const start = process.cpuUsage()
    const { stdout, stderr, code } = run(`cd /tmp/work; mkdir -p dir/sub dir2; . ./setup.sh\n${script}`)
    expect(stdout + stderr).not.toContain('internal error')
    expect(code).toBeDefined()
    // of processor time, in ms: what does not end would take years
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(15_000)
  }), { numRuns: 5, seed: Number(process.env['FUZZ_SEED'] ?? 1) })
}, 600_000)
