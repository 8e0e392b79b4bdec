import type { Process, Task } from '../../engine/cluster.ts'
import { capable, decodeUtf8, ipvsadmCommand, readsRules } from '../../engine/cluster.ts'
import { serviceName } from './services.ts'

/** ipvsadm(8), 1.31: the command line is the engine's; rules for -R come from standard input. */
export function* ipvsadm(process: Process): Task<number> {
  const args = process.argv.slice(1)
  if (!capable(process, 'NET_ADMIN')) {
    yield* process.printError("Can't initialize ipvs: Permission denied (you must be root)\nAre you sure that IP Virtual Server is built in the kernel or as module?\n")
    return 255
  }
  const input = readsRules(args) ? decodeUtf8(yield* process.readAll()) : ''
  const result = ipvsadmCommand(process.network.netfilter.ipvs, args, serviceName, input)
  yield* process.print(result.stdout)
  yield* process.printError(result.stderr)
  return result.code
}
