import type { Process, Task } from '../../engine/cluster.ts'
import { capable, decodeUtf8, invocationOf, ipsetCommand } from '../../engine/cluster.ts'

/** ipset(8), 7.17: the command line is the engine's; files and standard input are read and written here. */
export function* ipset(process: Process): Task<number> {
  const args = process.argv.slice(1)
  const { readsInput, file } = invocationOf(args)
  if (!capable(process, 'NET_ADMIN')) {
    yield* process.printError('ipset v7.17: Kernel error received: Operation not permitted\n')
    return 1
  }
  let input = ''
  if (readsInput) {
    const path = file === undefined ? undefined : process.resolve(file)
    if (path !== undefined && (!process.fs.exists(path) || process.fs.stat(path).type === 'directory')) {
      yield* process.printError(`ipset v7.17: Cannot open ${file} for reading: No such file or directory\n`)
      return 1
    }
    input = path === undefined ? decodeUtf8(yield* process.readAll()) : process.fs.readText(path)
  }
  const result = ipsetCommand(process.network.netfilter.sets, args, process.clock.now, input)
  if (file !== undefined && !readsInput && result.code === 0) process.fs.writeFile(process.resolve(file), result.stdout)
  else yield* process.print(result.stdout)
  yield* process.printError(result.stderr)
  return result.code
}
