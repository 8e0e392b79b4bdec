import { NotSimulated, tool } from './command.ts'

/** Tools that Debian has, and what to use instead. */
const NOT_SIMULATED = [
  ['mkfifo', 'a | b'], ['pr', 'fold, nl, column'], ['fmt', 'fold -s'], ['pathchk', 'ls'], ['ptx', 'grep'], ['shred', 'rm'], ['users', 'whoami'], ['who', 'whoami'], ['logname', 'whoami'], ['b2sum', 'sha256sum'],
] as const

for (const [name, instead] of NOT_SIMULATED) {
  tool(name, 'raw', function* () {
    yield* []
    throw new NotSimulated(`${name} (${instead})`)
  })
}
