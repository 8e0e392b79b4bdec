/** The help of ctr v2.0 and of its groups, as urfave/cli v2.27.5 lays it out. "" is a command without a word about it. */
type Rows = readonly (readonly [names: string, about: string])[]

const HELP_ROW = ['help, h', 'Shows a list of commands or help for one command'] as const

export const GROUPS: ReadonlyMap<string, { about: string; commands: Rows }> = new Map<string, { about: string; commands: Rows }>([
  ['containers', { about: 'Manage containers', commands: [
    ['create', 'Create container'], ['delete, del, remove, rm', 'Delete one or more existing containers'], ['info', 'Get info about a container'], ['list, ls', 'List containers'],
    ['label', 'Set and clear labels for a container'], ['checkpoint', 'Checkpoint a container'], ['restore', 'Restore a container from checkpoint'],
  ] }],
  ['images', { about: 'Manage images', commands: [
    ['check', 'Check existing images to ensure all content is available locally'], ['export', 'Export images'], ['import', 'Import images'], ['inspect, i', 'inspect an image'],
    ['list, ls', 'List images known to containerd'], ['mount', 'Mount an image to a target path'], ['unmount', 'Unmount the image from the target'], ['pull', 'Pull an image from a remote'],
    ['push', 'Push an image to a remote'], ['prune', 'Remove unused images'], ['delete, del, remove, rm', 'Remove one or more images by reference'], ['tag', 'Tag an image'],
    ['label', 'Set and clear labels for an image'], ['convert', 'Convert an image'], ['usage', 'Display usage of snapshots for a given image ref'],
  ] }],
  ['namespaces', { about: 'Manage namespaces', commands: [['create, c', 'Create a new namespace'], ['list, ls', 'List namespaces'], ['remove, rm', 'Remove one or more namespaces'], ['label', 'Set and clear labels for a namespace']] }],
  ['tasks', { about: 'Manage tasks', commands: [
    ['attach', 'Attach to the IO of a running container'], ['checkpoint', 'Checkpoint a container'], ['delete, del, remove, rm', 'Delete one or more tasks'],
    ['exec', 'Execute additional processes in an existing container'], ['list, ls', 'List tasks'], ['kill', 'Signal a container (default: SIGTERM)'],
    ['metrics, metric', 'Get a single data point of metrics for a task with the built-in Linux runtime'], ['pause', 'Pause an existing container'], ['ps', 'List processes for container'],
    ['resume', 'Resume a paused container'], ['start', 'Start a container that has been created'],
  ] }],
])

const COMMANDS: Rows = [
  ['plugins, plugin', 'Provides information about containerd plugins'], ['version', 'Print the client and server versions'], ['containers, c, container', 'Manage containers'], ['content', 'Manage content'],
  ['events, event', 'Display containerd events'], ['images, image, i', 'Manage images'], ['leases', 'Manage leases'], ['namespaces, namespace, ns', 'Manage namespaces'],
  ['pprof', 'Provide golang pprof outputs for containerd'], ['run', 'Run a container'], ['snapshots, snapshot', 'Manage snapshots'], ['tasks, t, task', 'Manage tasks'],
  ['install', 'Install a new package'], ['oci', 'OCI tools'], ['sandboxes, sandbox, sb, s', 'Manage sandboxes'], ['info', 'Print the server info'], ['deprecations', ''], ['shim', 'Interact with a shim directly'],
]

function rows(all: Rows): string {
  const width = Math.max(...all.map(([names]) => names.length)) + 2
  return all.map(([names, about]) => `   ${names.padEnd(width)}${about}\n`).join('')
}

const BANNER = ['', '        __', '  _____/ /______', ' / ___/ __/ ___/', '/ /__/ /_/ /', '\\___/\\__/_/', '', 'containerd CLI', '']
const DESCRIPTION = ['', 'ctr is an unsupported debug and administrative client for interacting', 'with the containerd daemon. Because it is unsupported, the commands,', 'options, and operations are not guaranteed to be backward compatible or', 'stable from release to release of the containerd project.']
const OPTIONS: Rows = [
  ['--debug', 'Enable debug output in logs (default: false)'], ['--address value, -a value', `Address for containerd's GRPC server (default: "/run/containerd/containerd.sock") [$CONTAINERD_ADDRESS]`],
  ['--timeout value', 'Total timeout for ctr commands (default: 0s)'], ['--connect-timeout value', 'Timeout for connecting to containerd (default: 0s)'],
  ['--namespace value, -n value', 'Namespace to use with commands (default: "default") [$CONTAINERD_NAMESPACE]'], ['--help, -h', 'Show help'], ['--version, -v', 'Print the version'],
]

const below = (lines: readonly string[], by: number): string => lines.map((line, i) => (i === 0 || line === '' ? line : ' '.repeat(by) + line)).join('\n')

export function rootHelp(version: string): string {
  return `NAME:\n   ctr - ${below(BANNER, 9)}\n\nUSAGE:\n   ctr [global options] command [command options]\n\nVERSION:\n   ${version}\n\nDESCRIPTION:\n   ${below(DESCRIPTION, 3)}\n\nCOMMANDS:\n${rows([...COMMANDS, HELP_ROW])}\nGLOBAL OPTIONS:\n${rows(OPTIONS)}`
}

export function groupHelp(name: string): string {
  const { about, commands } = GROUPS.get(name)!
  return `NAME:\n   ctr ${name} - ${about}\n\nUSAGE:\n   ctr ${name} command [command options]\n\nCOMMANDS:\n${rows([...commands, HELP_ROW])}\nOPTIONS:\n   --help, -h  Show help\n`
}

/** The first of a command's names, by any of them; of a group's with `group`. */
export function nameOf(word: string, group?: string): string | undefined {
  return (group === undefined ? COMMANDS : GROUPS.get(group)!.commands).map(([names]) => names.split(', ')).find((names) => names.includes(word))?.[0]
}
