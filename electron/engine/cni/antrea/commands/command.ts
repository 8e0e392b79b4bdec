import type { Task } from '../../../machine/task.ts'
import type { Process, Program } from '../../../machine/types.ts'
import { own } from '../../../own.ts'
import type { SystemServices } from '../../../programs/types.ts'
import type { AntreaAgent } from '../agent.ts'
import { agentOf } from '../agent.ts'
import { datapathOf, type Datapath } from '../datapath.ts'
import { CommandError, notSimulated } from '../../command-error.ts'

const SERVER_WORDS = { 'Not Found': 'the server could not find the requested resource', 'Bad Request': '', 'Service Unavailable': '' } as const

/** What antctl says of an answer that is no result (pkg/antctl/command_message.go): the answer's own text, or client-go's for its code. */
export function refused(status: keyof typeof SERVER_WORDS, text: string = SERVER_WORDS[status]): CommandError {
  return new CommandError(`Error: request to server failed: ${status}: ${text}`)
}

export interface CommandContext { process: Process; datapath: Datapath; agent: AntreaAgent | undefined }
export type Command = (context: CommandContext, args: string[]) => string | Task<string>

/** `away`: what the command says where there is no bridge. */
export function program(services: SystemServices, command: Command, away: string): Program {
  return function* (process) {
    try {
      const node = services.nodeOf(process)
      const datapath = node && datapathOf(node.network)
      if (!node || !datapath) throw new CommandError(away)
      const said = command({ process, datapath, agent: agentOf(node.network) }, process.argv.slice(1))
      yield* process.print(typeof said === 'string' ? said : yield* said)
      return 0
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      yield* process.printError(`${error.message}\n`)
      return error.code
    }
  }
}

/** Takes flags out of a command line: those that are known, with their value where they have one. */
export function takeFlags(args: readonly string[], known: Readonly<Record<string, 'flag' | 'value'>>, command: string): { words: string[]; flags: Map<string, string> } {
  const words: string[] = []
  const flags = new Map<string, string>()
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (!arg.startsWith('-') || arg === '-') {
      words.push(arg)
      continue
    }
    const at = arg.indexOf('=')
    const short = /^-[A-Z]./.test(arg) ? arg.slice(0, 2) : undefined
    const name = short ?? (at < 0 ? arg : arg.slice(0, at))
    const kind = own(known, name)
    if (kind === undefined) throw notSimulated(`${command} ${name}`, 'use it without')
    if (kind === 'flag') flags.set(name, '')
    else flags.set(name, short ? arg.slice(2) : at < 0 ? (args[++i] ?? '') : arg.slice(at + 1))
  }
  return { words, flags }
}
