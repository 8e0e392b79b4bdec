import type { ProgramTable } from '../../engine/machine/types.ts'

export function registerCoreutils(programs: ProgramTable): void {
  programs.register('cat', function* (process) {
    for (;;) {
      const bytes = yield* process.read(0)
      if (bytes === null) return 0
      yield* process.print(bytes)
    }
  })
}
