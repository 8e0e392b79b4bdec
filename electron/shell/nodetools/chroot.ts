import { capable, isSystemError, type Cluster, type Machine, type Process, type Task } from '../../engine/cluster.ts'
import { MemoryFilesystem } from '../../engine/machine/filesystem.ts'
import { runOn } from './run-on.ts'

/**
 * chroot(8) of coreutils 9.1, into what is the root of a node's filesystem: `chroot /host` in a debugging Pod. The command then
 * has the node's files and programs, and the network namespace and capabilities that the container has.
 */
export function chroot(cluster: Cluster, busybox = false) {
  return function* (process: Process): Task<number> {
    const name = busybox ? 'chroot' : (process.argv[0] ?? 'chroot')
    const words = process.argv.slice(1)
    if (words[0]?.startsWith('-') && words[0] !== '--') {
      yield* process.printError(`podhop: not simulated: chroot ${words[0]} (use chroot DIRECTORY COMMAND)\n`)
      return 69
    }
    if (words[0] === '--') words.shift()
    const [directory, ...command] = words
    if (directory === undefined && busybox) {
      yield* process.printError('BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.\n\nUsage: chroot NEWROOT [PROG ARGS]\n\nRun PROG with root directory set to NEWROOT\n')
      return 1
    }
    if (directory === undefined) {
      yield* process.printError(`${name}: missing operand\nTry '${name} --help' for more information.\n`)
      return 125
    }
    const refuse = function* (why: string): Task<number> {
      yield* process.printError(`${name}: ${busybox ? "can't" : 'cannot'} change root directory to '${directory}': ${why}\n`)
      return busybox ? 1 : 125
    }
    const { fs } = process
    const path = process.resolve(directory)
    if (!fs.exists(path)) return yield* refuse('No such file or directory')
    if (fs.stat(path).type !== 'directory') return yield* refuse('Not a directory')
    if (!capable(process, 'SYS_CHROOT')) return yield* refuse('Operation not permitted')
    const machine = path === '/' ? process.machine : nodeAt(cluster, fs, fs.realPath(path))
    if (!machine) {
      yield* process.printError(`podhop: not simulated: chroot to a directory that is not the root of a node (in a Pod of kubectl debug node/NODE: chroot /host)\n`)
      return 69
    }
    machine.visit()
    const argv = command.length > 0 ? command : [process.env.get('SHELL') ?? '/bin/sh', '-i']
    // PATH and the rest are the caller's: of the node's programs those in the same places are found
    const inside = { network: process.network, ...(process.capabilities ? { capabilities: process.capabilities } : {}) }
    try {
      return yield* runOn(process, machine, { argv, cwd: '/', env: process.env, user: process.user, inside })
    } catch (error) {
      if (!isSystemError(error)) throw error
      yield* process.printError(busybox ? `${name}: can't execute '${argv[0]}': ${error.message}\n` : `${name}: failed to run command ‘${argv[0]}’: ${error.message}\n`)
      return error.code === 'ENOENT' ? 127 : 126
    }
  }
}

function nodeAt(cluster: Cluster, fs: Process['fs'], path: string): Machine | undefined {
  const mounted = fs instanceof MemoryFilesystem ? fs.mountedAt(path) : undefined
  return mounted?.source === '/' ? [...cluster.nodes.values()].find((node) => node.fs === mounted.from) : undefined
}
