import type { Cluster, Process, Task } from '../../engine/cluster.ts'
import { runOn } from '../nodetools/run-on.ts'

/** A shell, or one command, on a node or on the router outside: what SSH would give an administrator. */
export function* hopNode(cluster: Cluster, self: Process, args: readonly string[]): Task<number> {
  const [name, ...rest] = args
  const machine = name === undefined ? undefined : (cluster.nodes.get(name) ?? (name === cluster.router.name ? cluster.router : undefined))
  if (!machine) {
    yield* self.printError(name === undefined ? 'usage: hop node NODE [-- CMD …]\n' : `hop: there is no node "${name}"; there are ${[...cluster.nodes.keys()].join(', ')}, and the router outside\n`)
    return name === undefined ? 2 : 1
  }
  if (rest.length > 0 && rest[0] !== '--') {
    yield* self.printError(`hop: unexpected argument "${rest[0]}": put the command after --\n`)
    return 2
  }
  if (machine.network.off) {
    yield* self.printError(`hop: node "${name}" is switched off\n`)
    return 1
  }
  const command = rest.slice(1)
  const terminal = self.terminalOf(0)
  const env = new Map(machine.env)
  if (terminal) env.set('TERM', self.env.get('TERM') ?? 'xterm-256color')
  try {
    return yield* runOn(self, machine, { argv: command.length > 0 ? command : ['bash'], env, cwd: '/root' })
  } catch (error) {
    yield* self.printError(`hop: ${command[0] ?? 'bash'}: ${(error as Error).message}\n`)
    return (error as { code?: string }).code === 'ENOENT' ? 127 : 126
  }
}
