import { KERNEL, type Cluster, type Process, type Task } from '../../engine/cluster.ts'

/** hostnamectl(1), systemd 252: it shows; a machine's name and kind stay as they are. */

const HELP = `hostnamectl [OPTIONS...] COMMAND ...

Query or change system hostname.

Commands:
  status                 Show current hostname settings
  hostname [NAME]        Get/set system hostname
  icon-name [NAME]       Get/set icon name for host
  chassis [NAME]         Get/set chassis type for host
  deployment [NAME]      Get/set deployment environment for host
  location [NAME]        Get/set location for host

Options:
  -h --help              Show this help
     --version           Show package version
     --no-ask-password   Do not prompt for password
  -H --host=[USER@]HOST  Operate on remote host
  -M --machine=CONTAINER Operate on local container
     --transient         Only set transient hostname
     --static            Only set static hostname
     --pretty            Only set pretty hostname
     --json=pretty|short|off
                         Generate JSON output

See the hostnamectl(1) man page for details.
`
const FLAGS = ['--no-ask-password', '--transient', '--static', '--pretty', '--json=off']
const SETTINGS = ['hostname', 'icon-name', 'chassis', 'deployment', 'location', 'set-hostname', 'set-icon-name', 'set-chassis', 'set-deployment', 'set-location']

export function hostnamectl(cluster: Cluster) {
  return function* (process: Process): Task<number> {
    const words = process.argv.slice(1)
    const options = words.filter((w) => w.startsWith('-'))
    const [verb = 'status', ...names] = words.filter((w) => !w.startsWith('-'))
    if (options.includes('-h') || options.includes('--help')) {
      yield* process.print(HELP)
      return 0
    }
    for (const option of options) {
      if (FLAGS.includes(option)) continue
      if (/^(-[HM]|--host=|--machine=|--json=|--version$)/.test(option)) return yield* notSimulated(process, `hostnamectl ${option}`)
      yield* process.printError(`hostnamectl: ${option.startsWith('--') ? `unrecognized option '${option}'` : `invalid option -- '${option[1] ?? ''}'`}\n`)
      return 1
    }
    const view = cluster.nodeView(process.machine)
    if (!view) {
      yield* process.printError('System has not been booted with systemd as init system (PID 1). Can\'t operate.\nFailed to connect to bus: Host is down\n')
      return 1
    }
    const { hostname } = process.machine
    const only = options.find((o) => ['--static', '--transient', '--pretty'].includes(o))
    const icon = 'computer'
    if (verb === 'status' && only === undefined) {
      const rows: [string, string][] = [
        ['Static hostname', hostname], ['Icon name', icon], ['Machine ID', view.identity.machine], ['Boot ID', view.identity.boot.replaceAll('-', '')],
        ['Operating System', 'Debian GNU/Linux 12 (bookworm)'], ['Kernel', `Linux ${KERNEL.release}`], ['Architecture', 'x86-64'],
      ]
      yield* process.print(rows.map(([name, value]) => `${name.padStart('Operating System'.length)}: ${value}\n`).join(''))
      return 0
    }
    if (verb !== 'status' && !SETTINGS.includes(verb)) {
      yield* process.printError(`Unknown command verb ${verb}.\n`)
      return 1
    }
    if (names.length > 1) {
      yield* process.printError('Too many arguments.\n')
      return 1
    }
    if (names.length === 1 && verb !== 'status') return yield* notSimulated(process, `hostnamectl ${verb} NAME`)
    const shown: Readonly<Record<string, string>> = { status: hostname, hostname, 'icon-name': icon }
    if (verb.startsWith('set-')) {
      yield* process.printError('Too few arguments.\n')
      return 1
    }
    yield* process.print(`${only === '--pretty' ? '' : (shown[verb] ?? '')}\n`)
    return 0
  }
}

function* notSimulated(process: Process, what: string): Task<number> {
  yield* process.printError(`podhop: not simulated: ${what} (hostnamectl shows the machine as it is)\n`)
  return 69
}
