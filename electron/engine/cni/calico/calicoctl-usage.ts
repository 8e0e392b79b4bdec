import { byName, own } from '../../own.ts'

/** calicoctl's command lines: what docopt makes of them (calicoctl/calicoctl/commands of v3.30.3, docopt-go ee0de3bc6815). */
interface Usage { usage: string; options: string; before?: string; after?: string }

const INTRO = `Set the Calico datastore access information in the environment variables or
supply details in a config file.

`
const MAIN: Required<Usage> = {
  usage: `Usage:
  calicoctl [options] <command> [<args>...]`,
  options: '-h/--help -l/--log-level= --context= --allow-version-mismatch --version',
  before: '',
  after: `

    create       Create a resource by file, directory or stdin.
    replace      Replace a resource by file, directory or stdin.
    apply        Apply a resource by file, directory or stdin.  This creates a resource
                 if it does not exist, and replaces a resource if it does exists.
    patch        Patch a preexisting resource in place.
    delete       Delete a resource identified by file, directory, stdin or resource type and
                 name.
    get          Get a resource identified by file, directory, stdin or resource type and
                 name.
    label        Add or update labels of resources.
    convert      Convert config files between different API versions.
    ipam         IP address management.
    node         Calico node management.
    version      Display the version of this binary.
    datastore    Calico datastore management.

Options:
  -h --help                    Show this screen.
  -l --log-level=<level>       Set the log level (one of panic, fatal, error,
                               warn, info, debug) [default: panic]
     --context=<context>       The name of the kubeconfig context to use.
     --allow-version-mismatch  Allow client and cluster versions mismatch.

Description:
  The calicoctl command line tool is used to manage Calico network and security
  policy, to view and manage endpoint configuration, and to manage a Calico
  node instance.

  See 'calicoctl <command> --help' to read about a specific subcommand.`,
}
const COMMANDS: Readonly<Record<string, Usage>> = byName({
  get: {
    usage: `Usage:
  calicoctl get ( (<KIND> [<NAME>...]) |
                --filename=<FILENAME> [--recursive] [--skip-empty] )
                [--output=<OUTPUT>] [--config=<CONFIG>] [--namespace=<NS>] [--all-namespaces] [--export] [--context=<context>] [--allow-version-mismatch]`,
    options: '-h/--help -f/--filename= -R/--recursive --skip-empty -o/--output= -c/--config= -n/--namespace= -A/--all-namespaces --export --context= --allow-version-mismatch',
  },
  apply: {
    usage: `Usage:
  calicoctl apply --filename=<FILENAME> [--recursive] [--skip-empty]
                  [--config=<CONFIG>] [--namespace=<NS>] [--context=<context>] [--allow-version-mismatch]`,
    options: '-h/--help -f/--filename= -R/--recursive --skip-empty -c/--config= -n/--namespace= --context= --allow-version-mismatch',
  },
  create: {
    usage: `Usage:
  calicoctl create --filename=<FILENAME> [--recursive] [--skip-empty]
                   [--skip-exists] [--config=<CONFIG>] [--namespace=<NS>] [--context=<context>] [--allow-version-mismatch]`,
    options: '-h/--help -f/--filename= -R/--recursive --skip-empty --skip-exists -c/--config= -n/--namespace= --context= --allow-version-mismatch',
  },
  replace: {
    usage: `Usage:
  calicoctl replace --filename=<FILENAME> [--recursive] [--skip-empty]
                    [--config=<CONFIG>] [--namespace=<NS>] [--context=<context>] [--allow-version-mismatch]`,
    options: '-h/--help -f/--filename= -R/--recursive --skip-empty -c/--config= -n/--namespace= --context= --allow-version-mismatch',
  },
  delete: {
    usage: `Usage:
  calicoctl delete ( (<KIND> [<NAME>...]) |
                   --filename=<FILE> [--recursive] [--skip-empty] )
                   [--skip-not-exists] [--config=<CONFIG>] [--namespace=<NS>] [--context=<context>] [--allow-version-mismatch]`,
    options: '-h/--help -s/--skip-not-exists -f/--filename= -R/--recursive --skip-empty -c/--config= -n/--namespace= --context= --allow-version-mismatch',
  },
  patch: {
    usage: `Usage:
  calicoctl patch <KIND> <NAME> --patch=<PATCH> [--type=<TYPE>] [--config=<CONFIG>] [--namespace=<NS>] [--context=<context>] [--allow-version-mismatch]`,
    options: '-h/--help -p/--patch= -t/--type= -c/--config= -n/--namespace= --context= --allow-version-mismatch',
  },
  label: {
    usage: `Usage:
  calicoctl label (<KIND> <NAME>
  	              ( <key>=<value> [--overwrite] |
  	                <key> --remove )
                  [--config=<CONFIG>] [--namespace=<NS>] [--context=<context>]) [--allow-version-mismatch]`,
    options: '-h/--help -c/--config= -n/--namespace= --overwrite --remove --context= --allow-version-mismatch',
  },
  convert: {
    usage: `Usage:
  calicoctl convert --filename=<FILENAME>
                [--output=<OUTPUT>] [--ignore-validation] [--allow-version-mismatch]`,
    options: '-h/--help -f/--filename= -o/--output= --ignore-validation --allow-version-mismatch',
  },
  version: {
    usage: `Usage:
  calicoctl version [--config=<CONFIG>] [--poll=<POLL>] [--allow-version-mismatch] [--client]`,
    options: '-h/--help -c/--config= --poll= --allow-version-mismatch --client',
    before: '',
    after: `

Options:
  -h --help                    Show this screen.
  -c --config=<CONFIG>         Path to the file containing connection configuration in
                               YAML or JSON format.
                               [default: /etc/calico/calicoctl.cfg]
     --poll=<POLL>             Poll for changes to the cluster information at a frequency specified using POLL duration
                               (e.g. 1s, 10m, 2h etc.). A value of 0 (the default) disables polling.
     --allow-version-mismatch  Allow client and cluster versions mismatch.
     --client                  Display the client version only.
 }

Description:
  Display the version of calicoctl.`,
  },
  node: {
    usage: `Usage:
  calicoctl node <command> [<args>...]`,
    options: '-h/--help',
    before: INTRO,
    after: `

    run          Run the Calico node container image.
    status       View the current status of a Calico node.
    diags        Gather a diagnostics bundle for a Calico node.
    checksystem  Verify the compute host is able to run a Calico node instance.

Options:
  -h --help      Show this screen.

Description:
  Node specific commands for calicoctl.  These commands must be run directly on
  the compute host running the Calico node instance.

  See 'calicoctl node <command> --help' to read about a specific subcommand.`,
  },
  ipam: {
    usage: `Usage:
  calicoctl ipam <command> [<args>...]`,
    options: '-h/--help',
    before: INTRO,
    after: `

    check            Check the integrity of the IPAM datastructures.
    release          Release a Calico assigned IP address.
    show             Show details of a Calico configuration,
                     assigned IP address, or of overall IP usage.
    split            Split the IP pool specified by the CIDR into
                     the specified number of smaller IPPools.
    configure        Configure IPAM

Options:
  -h --help      Show this screen.

Description:
  IP address management commands for Calico.

  See 'calicoctl ipam <command> --help' to read about a specific subcommand.`,
  },
  datastore: {
    usage: `Usage:
  calicoctl datastore <command> [<args>...]`,
    options: '-h/--help',
  },
  'node status': {
    usage: `Usage:
  calicoctl node status [--allow-version-mismatch]`,
    options: '-h/--help --allow-version-mismatch',
    before: '',
    after: `

Options:
  -h --help                    Show this screen.
     --allow-version-mismatch  Allow client and cluster versions mismatch.

Description:
  Check the status of the Calico node instance.  This includes the status and
  uptime of the node instance, and BGP peering states.`,
  },
  'node checksystem': {
    usage: `Usage:
  calicoctl node checksystem [--kernel-config=<kernel-config>] [--allow-version-mismatch]`,
    options: '-h/--help -f/--kernel-config= --allow-version-mismatch',
  },
  'node diags': {
    usage: `Usage:
  calicoctl node diags [--log-dir=<LOG_DIR>] [--allow-version-mismatch]`,
    options: '-h/--help --log-dir= --allow-version-mismatch',
  },
  'ipam show': {
    usage: `Usage:
  calicoctl ipam show [--ip=<IP> | --show-blocks | --show-borrowed | --show-configuration] [--config=<CONFIG>] [--allow-version-mismatch]`,
    options: '-h/--help --ip= --show-blocks --show-borrowed --show-configuration -c/--config= --allow-version-mismatch',
    before: INTRO,
    after: `

Options:
  -h --help                    Show this screen.
     --ip=<IP>                 Report whether this specific IP address is in use.
     --show-blocks             Show detailed information for IP blocks as well as pools.
     --show-borrowed           Show detailed information for "borrowed" IP addresses.
     --show-configuration      Show current Calico IPAM configuration.
  -c --config=<CONFIG>         Path to the file containing connection configuration in
                               YAML or JSON format.
                               [default: /etc/calico/calicoctl.cfg]
     --allow-version-mismatch  Allow client and cluster versions mismatch.

Description:
  The ipam show command prints information about a given IP address, or about
  overall IP usage.`,
  },
  'ipam check': {
    usage: `Usage:
  calicoctl ipam check [--config=<CONFIG>] [--show-all-ips] [--show-problem-ips] [-o <FILE>] [--kubeconfig <KUBECONFIG>] [--allow-version-mismatch]`,
    options: '-h/--help -o/--output= --show-all-ips --show-problem-ips -c/--config= --kubeconfig= --allow-version-mismatch',
    before: INTRO,
    after: `

Options:
  -h --help                    Show this screen.
  -o --output=<FILE>           Path to output report file.
     --show-all-ips            Print all IPs that are checked.
     --show-problem-ips        Print all IPs that are leaked or not allocated properly.
  -c --config=<CONFIG>         Path to the file containing connection configuration in
                               YAML or JSON format.
                               [default: /etc/calico/calicoctl.cfg]
     --kubeconfig=<KUBECONFIG> Path to Kubeconfig file
     --allow-version-mismatch  Allow client and cluster versions mismatch.

Description:
  The ipam check command checks the integrity of the IPAM datastructures against Kubernetes.`,
  },
  'ipam release': {
    usage: `Usage:
  calicoctl ipam release [--ip=<IP>] [--from-report=<REPORT>]... [--config=<CONFIG>] [--force] [--allow-version-mismatch]`,
    options: '-h/--help --ip= --from-report= --force -c/--config= --allow-version-mismatch',
  },
  'ipam configure': {
    usage: `Usage:
  calicoctl ipam configure --strictaffinity=<true/false> [--max-blocks-per-host=<number>] [--config=<CONFIG>] [--allow-version-mismatch]`,
    options: '-h/--help --strictaffinity= --max-blocks-per-host= -c/--config= --allow-version-mismatch',
  },
  'ipam split': {
    usage: `Usage:
  calicoctl ipam split <NUMBER> [--cidr=<CIDR>] [--name=<POOL_NAME>] [--config=<CONFIG>] [--allow-version-mismatch]`,
    options: '-h/--help -c/--config= --cidr= --name= --allow-version-mismatch',
  },
})
const GROUPS = ['node', 'ipam', 'datastore']

export interface Invocation { command: string; words: string[]; options: ReadonlyMap<string, string> }
export interface Answer { stdout?: string; stderr?: string; code?: number }

/** A command with its words and options (by their long name), or what calicoctl says at once. */
export function parseInvocation(args: readonly string[]): Invocation | Answer {
  const all = read(args, MAIN.options, true)
  const wrong: Answer = { stderr: `${MAIN.usage}\n`, stdout: `Invalid option: '${args.join(' ')}'. Use flag '--help' to read about a specific subcommand.\n`, code: 1 }
  if (typeof all === 'string') return { ...wrong, stderr: `${all}${MAIN.usage}\n` }
  if (all.options.has('--help')) return { stdout: `${MAIN.usage}${MAIN.after}\n` }
  if (all.options.has('--version')) return { stdout: "Run 'calicoctl version' to see version information.\n" }
  const level = all.options.get('--log-level')
  if (level !== undefined && !/^(panic|fatal|error|warn|warning|info|debug|trace)$/i.test(level)) return { stdout: `Unknown log level: ${level}, expected one of: \npanic, fatal, error, warn, info, debug.\n`, code: 1 }
  const [command, ...rest] = all.words
  if (command === undefined) return wrong
  if (!own(COMMANDS, command)) return { stderr: `Unknown command: ${JSON.stringify(command)}\n${MAIN.usage}${MAIN.after}\n\n`, code: 1 }
  if (!GROUPS.includes(command)) return readCommand(command, rest)
  const group = COMMANDS[command]!
  const given = read(rest, group.options, true)
  if (typeof given === 'string') return { stderr: `${given}${group.usage}\n`, code: 1 }
  if (given.options.has('--help')) return help(command)
  const [below, ...more] = given.words
  if (below === undefined) return { stderr: `${group.usage}\n`, code: 1 }
  const whole = `${command} ${below}`
  if (own(COMMANDS, whole)) return readCommand(whole, more)
  return (command === 'node' && below === 'run') || group.after === undefined ? { command: whole, words: more, options: new Map() } : { stdout: `${group.before}${group.usage}${group.after}\n\n` }
}

function help(command: string): Answer {
  const { usage, before, after } = COMMANDS[command]!
  return after === undefined ? { stderr: `podhop: not simulated: calicoctl ${command} --help (use calicoctl --help, node --help, ipam --help or version --help)\n`, code: 69 } : { stdout: `${before}${usage}${after}\n` }
}

function readCommand(command: string, args: readonly string[]): Invocation | Answer {
  const { usage, options: known } = COMMANDS[command]!
  // "-a" of old
  const given = read(command === 'get' ? args.map((a) => (a === '-a' ? '-A' : a)) : args, known, false)
  if (typeof given === 'string') return { stderr: `${given}${usage}\n`, code: 1 }
  if (given.options.has('--help')) return help(command)
  const { words, options } = given
  const file = options.has('--filename')
  const modes = ['--ip', '--show-blocks', '--show-borrowed', '--show-configuration'].filter((o) => options.has(o))
  const fits: Record<string, () => boolean> = {
    get: () => (file ? words.length === 0 : words.length > 0 && !options.has('--recursive') && !options.has('--skip-empty')),
    delete: () => (file ? words.length === 0 : words.length > 0 && !options.has('--recursive') && !options.has('--skip-empty')),
    patch: () => words.length === 2 && options.has('--patch'),
    label: () => words.length === 3 && (words[2]!.includes('=') || options.has('--remove')),
    'ipam show': () => words.length === 0 && modes.length < 2,
    'ipam configure': () => words.length === 0 && options.has('--strictaffinity'),
    'ipam split': () => words.length === 1,
  }
  const fit = fits[command]?.() ?? (words.length === 0 && (file || !['apply', 'create', 'replace', 'convert'].includes(command)))
  return fit ? { command, words, options } : { stderr: `${usage}\n`, code: 1 }
}

/** Options may be shortened to what is theirs alone; a string is docopt's message. */
function read(args: readonly string[], known: string, optionsFirst: boolean): { words: string[]; options: Map<string, string> } | string {
  const all = known.split(' ').map((k) => ({ short: /^(-\w)\//.exec(k)?.[1], long: /--[\w-]+/.exec(k)![0], value: k.endsWith('=') }))
  const words: string[] = []
  const options = new Map<string, string>()
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    const take = (name: string): string | undefined => (i + 1 < args.length && args[i + 1] !== '--' ? args[++i] : void name)
    if (arg.startsWith('--') && arg !== '--') {
      const at = arg.indexOf('=')
      const [name, value] = at < 0 ? [arg, undefined] : [arg.slice(0, at), arg.slice(at + 1)]
      const exact = all.filter((o) => o.long === name)
      const similar = exact.length > 0 ? exact : all.filter((o) => o.long.startsWith(name))
      if (similar.length > 1) return `${name} is not a unique prefix: ${similar.map((o) => o.long).join(', ')}?\n`
      const [option] = similar
      if (!option) return ''
      if (!option.value && value !== undefined) return `${option.long} must not have an argument\n`
      const text = option.value ? (value ?? take(option.long)) : ''
      if (text === undefined) return `${option.long} requires argument\n`
      options.set(option.long, text)
    } else if (arg.startsWith('-') && arg !== '-' && arg !== '--') {
      for (let left = arg.slice(1); left !== '';) {
        const short = `-${left[0]!}`
        left = left.slice(1)
        const option = all.find((o) => o.short === short)
        if (!option) return ''
        const text = option.value ? left || take(short) : ''
        if (text === undefined) return `${short} requires argument\n`
        if (option.value) left = ''
        options.set(option.long, text)
      }
    } else if (optionsFirst || arg === '--') {
      words.push(...args.slice(i))
      break
    } else words.push(arg)
  }
  return { words, options }
}
