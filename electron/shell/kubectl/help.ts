import type { Command } from './command.ts'
import { type Flag, GLOBAL_FLAGS, OTHER_MAPS } from './flags.ts'
import { flagText } from './help/flag-texts.ts'
import { verbText } from './help/verb-texts.ts'

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

function option(flag: Flag, path: string): string {
  const shown = flag.type === 'string' ? `'${flag.initial}'` : flag.type === 'slice' || flag.type === 'array' || (flag.type === 'map' && !OTHER_MAPS.includes(flag.name)) ? `[${flag.initial}]` : flag.initial
  const note = flag.simulated ? '' : ' Not simulated.'
  return `    ${flag.short ? `-${flag.short}, ` : ''}--${flag.name}=${shown}:\n\t${flagText(path, flag.name)}${note}\n`
}

/** The flags that a help text lists. */
function shownFlags(command: Command): readonly Flag[] {
  return (command.flags ?? []).filter((f) => !f.deprecated)
}

/** A verb's help: what it is for, its flags with their defaults, its usage line, in the order of kubectl's templates. */
export function helpOf(command: Command, path: string): string {
  const name = path.slice('kubectl '.length)
  const { long, examples } = verbText(name)
  const sections = [[`${command.short}.`, ...long.map((line) => ` ${line}`)].join('\n\n')]
  if (command.aliases?.length) sections.push(`Aliases:\n${[command.name, ...command.aliases].join(', ')}`)
  if (examples.length > 0) sections.push(`Examples:\n${examples.map(({ comment, commands }) => [comment, ...commands].map((line) => `  ${line}`).join('\n')).join('\n  \n')}`)
  const subs = command.commands ?? []
  const width = Math.max(11, ...subs.map((c) => c.name.length))
  if (subs.length > 0) sections.push(`Available Commands:\n${subs.map((c) => `  ${c.name.padEnd(width)}   ${c.short}`).join('\n')}`)
  const flags = shownFlags(command)
  if (flags.length > 0) sections.push(`Options:\n${flags.map((f) => option(f, name)).join('\n').trimEnd()}`)
  sections.push(`Usage:\n  ${usageOf(command, path)}`)
  const more = subs.length > 0 ? `Use "${path} <command> --help" for more information about a given command.\n` : ''
  return `${sections.join('\n\n')}\n\n${more}Use "kubectl options" for a list of global command-line options (applies to all commands).\n`
}

export function usageOf(command: Command, path: string): string {
  const line = `${path.slice(0, path.lastIndexOf(' '))} ${command.use}`
  return line.includes('[options]') ? line : `${line} [options]`
}

/** `home`: where the caches are. */
export function optionsHelp(home: string): string {
  const at = (f: Flag): Flag => (f.name === 'cache-dir' ? { ...f, initial: `${home}/.kube/cache` } : f)
  return `The following options can be passed to any command:\n\n${GLOBAL_FLAGS.map((f) => option(at(f), 'options')).join('\n')}\n`
}
