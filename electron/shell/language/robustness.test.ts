import fc from 'fast-check'
import { expect, test } from 'vitest'
import { laptop } from '../testing.samples.ts'

/** Pieces from which almost-right command lines are made. */
const piece = fc.oneof(
  fc.constantFrom(
    'echo', 'cat', 'x', '$x', '"$x', '${x', '${x:-a}', '${x%', '$(', ')', '`', '"', "'", '\\', '|', '||', '&&', '&', ';', ';;', '(', '((', '))', '{', '}', '<', '>', '>>', '<<EOF',
    '<<<', '2>&1', '>&', 'if', 'then', 'else', 'fi', 'for', 'in', 'do', 'done', 'while', 'until', 'case', 'esac', 'function', 'f()', '[[', ']]', '[', ']', '!', '=', 'a=1', 'a=(', 'a[1]=2',
    '$((1+', '$((', '*', '?', '[a-', '{1..3}', '{a,b}', '~', '#', '\n', 'EOF\n', '$@', '$#', '-n', 'read', 'eval', 'exit', 'set -e', 'trap', 'local', 'break', 'return', 'wait', 'true', 'sed s/a/', 'awk {', 'grep [', 'jq .[', 'yes', 'head -1',
  ),
  fc.string({ maxLength: 6 }),
)

test('no command line, however broken, ends the shell in any way but an exit code', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const { clock, machine, run } = laptop()
      const { stderr, code } = run(`timeout 2 bash -c ${quote(pieces.join(' '))} < /dev/null`)
      expect(stderr).not.toContain('internal error')
      expect(code).toBeGreaterThanOrEqual(0)
      for (const process of machine.processes.values()) process.signal('SIGKILL')
      clock.runFor(10)
      expect(machine.processes.size).toBe(0)
    }),
    { numRuns: 150 },
  )
}, 300_000)

test('arithmetic agrees with 64-bit integers', () => {
  const operators = fc.constantFrom('+', '-', '*', '&', '|', '^')
  fc.assert(
    fc.property(fc.array(fc.tuple(operators, fc.integer()), { minLength: 1, maxLength: 6 }), fc.integer(), (steps, first) => {
      const text = steps.reduce((left, [operator, n]) => `(${left} ${operator} (${n}))`, String(first))
      const expected = steps.reduce((left, [operator, n]) => BigInt.asIntN(64, apply(operator, left, BigInt(n))), BigInt(first))
      expect(laptop().run(`echo $((${text}))`).stdout).toBe(`${expected}\n`)
    }),
    { numRuns: 50 },
  )
})

test('what was quoted comes out as it went in', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 20 }).filter((s) => !s.includes('\0')), (text) => {
      const { stdout } = laptop().run(`x=${quote(text)}; printf '%s' "$x"; eval "y=\${x@Q}"; [ "$x" = "$y" ] || echo differs`)
      expect(stdout).toBe(text)
    }),
    { numRuns: 50 },
  )
})

test('endless programs pass time and can be ended', () => {
  for (const script of ['while true; do :; done', 'yes > /dev/null', 'cat /dev/zero | cat > /dev/null', 'f() { f; }; f', "awk 'BEGIN { while (1) x++ }'", 'x=$(yes)', 'sort /dev/zero', "sed ':a;ba' <<< x", "jq -n '[range(1e9)] | length'", ':(){ :|:& };:; sleep 9', 'f() { f & }; f; sleep 9', 'while :; do true & done']) {
    const { stderr, code } = laptop().run(`timeout 1 bash -c ${quote(script)}; echo ended`)
    expect(stderr, script).not.toContain('internal error')
    expect(code, script).toBe(0)
  }
}, 300_000)

function quote(text: string): string {
  return `'${text.replace(/'/g, "'\\''")}'`
}

function apply(operator: string, a: bigint, b: bigint): bigint {
  return operator === '+' ? a + b : operator === '-' ? a - b : operator === '*' ? a * b : operator === '&' ? a & b : operator === '|' ? a | b : a ^ b
}
