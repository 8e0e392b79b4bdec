import type { Process, Program, Task } from '../../../engine/cluster.ts'
import { Client } from './client.ts'
import { parseIperf } from './options.ts'
import { Server } from './server.ts'
import { systemInfo } from './test.ts'

/**
 * iperf3 3.12 of Debian 12: a server and a client that speak its protocol over a control connection, and streams of TCP or UDP
 * whose data goes through the network, of fast ones samples (tcp-flow.ts and udp-flow.ts say how).
 */
export const iperf3: Program = function* (process: Process): Task<number> {
  const options = parseIperf(process.argv.slice(1), systemInfo(process))
  if ('code' in options) {
    if (options.error !== undefined) yield* process.printError(options.error)
    if (options.stdout !== undefined) yield* process.print(options.stdout)
    return options.code
  }
  if (options.host !== undefined) return yield* new Client(process, options).run()
  if (!options.daemon) return yield* new Server(process, options).run()
  const nowhere = process.open('/dev/null', 'both')
  process.spawn({ argv: [...process.argv], program: (child) => new Server(child, options).run(), files: new Map([[0, nowhere], [1, nowhere], [2, nowhere]]), group: 'new' })
  nowhere.release()
  return 0
}
