import type { ProgramTable } from '../../engine/machine/types.ts'

export function registerCoreutils(programs: ProgramTable): void {
  programs.register('sleep', function* (process) {
    yield* process.sleep(Number(process.argv[1]) * 1000)
    return 0
  })
  programs.register('mkdir', function* (process) {
    yield* []
    process.fs.makeDirectory(process.resolve(process.argv[1]!))
    return 0
  })
  programs.register('touch', function* (process) {
    yield* []
    process.fs.touch(process.resolve(process.argv[1]!))
    return 0
  })
  programs.register('cat', function* (process) {
    for (;;) {
      const bytes = yield* process.read(0)
      if (bytes === null) return 0
      yield* process.print(bytes)
    }
  })
}
