import type { Program } from '../../machine/types.ts'

/** `mongo`, the shell before mongosh: its own output formats are not simulated, its place in old images is. */
export const oldMongoShell: Program = function* (process) {
  const newer = process.fs.exists('/usr/bin/mongosh')
  yield* process.printError(`podhop: not simulated: the old shell mongo (${newer ? 'use mongosh, which is in this image, too' : 'use mongosh of mongo:5 or later, from another Pod: kubectl run -it --rm shell --image=mongo:8 -- mongosh --host SERVICE'})\n`)
  return 69
}
