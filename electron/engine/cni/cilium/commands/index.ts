import type { Program } from '../../../machine/types.ts'
import { byName } from '../../../own.ts'
import type { SystemServices } from '../../../programs/types.ts'
import { agentOf, SOCKET } from '../agent.ts'
import { CILIUM_VERSION } from '../manifests.ts'
import { bgp } from './bgp.ts'
import { bpf } from './bpf.ts'
import { CommandError, notSimulated } from '../../command-error.ts'
import { columns, type Command, type CommandContext } from './context.ts'
import { fqdn } from './fqdn.ts'
import { endpoints } from './endpoint.ts'
import { identities, ipList, nodeList, policy, services as serviceCommand } from './lists.ts'
import { commandsOf, helpOf } from './help.ts'
import { map } from './maps.ts'
import { monitor } from './monitor.ts'
import { status } from './status.ts'

/** Nothing here is encrypted; `status` pads the mode. */
const encrypt: Command = (_, [verb]) => {
  if (verb !== 'status') throw notSimulated(`cilium-dbg encrypt ${verb ?? ''}`.trim(), 'use cilium-dbg encrypt status')
  return `Encryption: ${'Disabled'.padEnd(26)}\n`
}

/** The agent's own shell, as far as it shows tables (cilium-dbg shell, statedb's db commands). */
const shell: Command = ({ datapath }, args) => {
  const [command, table, ...rest] = args.filter((a) => a !== '--').flatMap((a) => a.split(' '))
  if (command !== 'db/show' || table !== 'l2-announce' || rest.length > 0) throw notSimulated(`cilium-dbg shell ${args.join(' ')}`.trim(), 'use cilium-dbg shell -- db/show l2-announce')
  return columns([['# IP', 'NetworkInterface'], ...datapath.l2.list().map(({ ip }) => [ip, datapath.device.name])])
}

const COMMANDS: Readonly<Record<string, Command>> = byName({
  status, encrypt, endpoint: endpoints, identity: identities, service: serviceCommand, node: nodeList, policy, bgp, bpf, ip: ipList, fqdn, map, shell,
})

/** The help that is asked for: a group without a command of it, `help …`, or --help anywhere. */
function askedHelp(args: readonly string[]): string | undefined {
  const words = args.filter((a) => !a.startsWith('-'))
  const asked = args.some((a) => a === '--help' || a === '-h') || words[0] === 'help'
  const path: string[] = []
  for (const word of words[0] === 'help' ? words.slice(1) : words) {
    const name = word === 'ls' ? 'list' : word
    if (!commandsOf(path.join(' ')).includes(name)) break
    path.push(name)
  }
  const at = path.join(' ')
  if (at === '') return asked || words.length === 0 ? helpOf('') : undefined
  return asked || commandsOf(at).length > 0 ? helpOf(at) : undefined
}

/** What real `cilium-dbg` has besides. */
const OTHERS = ['build-config', 'cgroups', 'cleanup', 'completion', 'config', 'debuginfo', 'envoy', 'features', 'kvstore', 'lrp', 'metrics', 'nodeid', 'post-uninstall-cleanup', 'preflight', 'prefilter', 'recorder', 'statedb', 'troubleshoot', 'bpf', 'loadinfo']

/** `cilium-dbg` in the agent's container: it reads the agent's state and the node's maps. */
export function ciliumCommand(services: SystemServices): Program {
  return function* (process) {
    const [, name, ...rest] = process.argv
    const help = askedHelp(process.argv.slice(1))
    if (help !== undefined) {
      yield* process.print(help)
      return 0
    }
    if (name === undefined) return 0
    if (name === 'version') {
      yield* process.print(`Client: ${CILIUM_VERSION.slice(1)} go version go1.24.2 linux/amd64\nDaemon: ${CILIUM_VERSION.slice(1)} go version go1.24.2 linux/amd64\n`)
      return 0
    }
    const command = COMMANDS[name]
    if (!command && name !== 'monitor') {
      if (OTHERS.includes(name)) {
        yield* process.printError(`podhop: not simulated: cilium-dbg ${name} (use cilium-dbg ${Object.keys(COMMANDS).join(', ')} or monitor)\n`)
        return 69
      }
      yield* process.printError(`Error: unknown command "${name}" for "cilium-dbg"\nRun 'cilium-dbg --help' for usage.\n`)
      return 1
    }
    const node = services.nodeOf(process)
    const agent = node && agentOf(node.network)
    const datapath = agent?.datapath
    if (!agent || !datapath) {
      yield* process.printError(`Error: cannot connect to cilium agent: Get "http://localhost/v1/config": dial unix ${SOCKET}: connect: no such file or directory\nIs the agent running?\n`)
      return 1
    }
    if (name === 'monitor') return yield* monitor(process, datapath, rest)
    const context: CommandContext = { agent, datapath, process }
    try {
      yield* process.print(command!(context, rest))
      return 0
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      yield* process.printError(`${error.message}\n`)
      return error.code
    }
  }
}
