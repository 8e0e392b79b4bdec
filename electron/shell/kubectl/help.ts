import type { Command } from './command.ts'
import { type Flag, GLOBAL_FLAGS } from './flags.ts'

const GROUPS: readonly (readonly [string, readonly string[]])[] = [
  ['Basic Commands (Beginner)', ['create', 'expose', 'run', 'set']],
  ['Basic Commands (Intermediate)', ['explain', 'get', 'edit', 'delete']],
  ['Deploy Commands', ['rollout', 'scale', 'autoscale']],
  ['Cluster Management Commands', ['certificate', 'cluster-info', 'top', 'cordon', 'uncordon', 'drain', 'taint']],
  ['Troubleshooting and Debugging Commands', ['describe', 'logs', 'attach', 'exec', 'port-forward', 'proxy', 'cp', 'auth', 'debug', 'events']],
  ['Advanced Commands', ['diff', 'apply', 'patch', 'replace', 'wait', 'kustomize']],
  ['Settings Commands', ['label', 'annotate', 'completion']],
  ['Subcommands provided by plugins', []],
  ['Other Commands', ['api-resources', 'api-versions', 'config', 'plugin', 'version']],
]

/** The order in which kubectl knows its verbs; suggestions come in it. */
export const ORDER: readonly string[] = GROUPS.flatMap(([, names]) => names)

export function rootHelp(commands: readonly Command[]): string {
  const groups = GROUPS.map(([title, names]) => {
    const lines = names.flatMap((name) => {
      const command = commands.find((c) => c.name === name)
      return command ? [`  ${name.padEnd(15)} ${command.short}\n`] : []
    })
    return `${title}:\n${lines.join('')}\n`
  })
  return `kubectl controls the Kubernetes cluster manager.

 Find more information at: https://kubernetes.io/docs/reference/kubectl/

${groups.join('')}Usage:
  kubectl [flags] [options]

Use "kubectl <command> --help" for more information about a given command.
Use "kubectl options" for a list of global command-line options (applies to all commands).
`
}

function option(flag: Flag): string {
  const quoted = flag.type === 'string' ? `'${flag.initial}'` : flag.type === 'slice' || flag.type === 'array' || flag.type === 'map' ? `[${flag.initial}]` : flag.initial
  const note = flag.simulated ? '' : '\n\tNot simulated.'
  return `    ${flag.short ? `-${flag.short}, ` : ''}--${flag.name}=${quoted}:${note}\n`
}

/** A verb's help: what it is for, its flags with their defaults, its usage line. */
export function helpOf(command: Command, path: string): string {
  const parent = path.slice(0, path.lastIndexOf(' '))
  const subs = command.commands ?? []
  const width = Math.max(11, ...subs.map((c) => c.name.length))
  const available = subs.length > 0 ? `Available Commands:\n${subs.map((c) => `  ${c.name.padEnd(width)}   ${c.short}\n`).join('')}\n` : ''
  const flags = command.flags?.length ? `Options:\n${command.flags.map(option).join('\n')}\n` : ''
  const more = subs.length > 0 ? `Use "${path} <command> --help" for more information about a given command.\n` : ''
  return `${command.short}.\n\n${available}${flags}Usage:\n  ${parent} ${command.use} [options]\n\n${more}Use "kubectl options" for a list of global command-line options (applies to all commands).\n`
}

export function optionsHelp(): string {
  return `The following options can be passed to any command:\n\n${GLOBAL_FLAGS.map(option).join('\n')}\n`
}
