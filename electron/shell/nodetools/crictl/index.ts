import type { Cluster, NodeView, Process, Task } from '../../../engine/cluster.ts'
import { klogLine } from '../../../engine/programs/klog.ts'
import { sortedGoJson } from '../../kubectl/json.ts'
import { exec, inspect, inspectImage, inspectPod, logs, pull, remove, removeImages, removePods, stop, stopPods } from './actions.ts'
import { Client, ENDPOINT, Fatal, HelpWanted, type Log, NotSimulated, parseFlags, RpcError, UsageError } from './client.ts'
import { config } from './config.ts'
import { commandHelp, isFlagOf } from './help.ts'
import { images, pods, ps } from './list.ts'

const VERSION = 'v1.33.0'

/** Those that there are, and what the others are for: "" marks what is not simulated. */
const COMMANDS: readonly [string, string, ((client: Client, words: readonly string[]) => Task<number | void>)?][] = [
  ['attach', 'Attach to a running container'],
  ['checkpoint', 'Checkpoint one or more running containers'],
  ['completion', 'Output shell completion code'],
  ['config', 'Get, set and list crictl configuration options'],
  ['create', 'Create a new container'],
  ['events', 'Stream the events of containers'],
  ['exec', 'Run a command in a running container', exec],
  ['imagefsinfo', 'Return image filesystem info'],
  ['images, image, img', 'List images', images],
  ['info', 'Display information of the container runtime', info],
  ['inspect', 'Display the status of one or more containers', inspect],
  ['inspecti', 'Return the status of one or more images', inspectImage],
  ['inspectp', 'Display the status of one or more pods', inspectPod],
  ['logs', 'Fetch the logs of a container', logs],
  ['metricdescs', 'List metric descriptors. Returns information about the metrics available through the CRI.'],
  ['metricsp', "List pod metrics. Metrics are unstructured key/value pairs gathered by CRI meant to replace cAdvisor's /metrics/cadvisor endpoint."],
  ['pods', 'List pods', pods],
  ['port-forward', 'Forward local port to a pod'],
  ['ps', 'List containers', ps],
  ['pull', 'Pull an image from a registry', pull],
  ['rm', 'Remove one or more containers', remove],
  ['rmi', 'Remove one or more images', removeImages],
  ['rmp', 'Remove one or more pods', removePods],
  ['run', 'Run a new container inside a sandbox'],
  ['runp', 'Run a new pod'],
  ['runtime-config', 'Retrieve the container runtime configuration'],
  ['start', 'Start one or more created containers'],
  ['stats', 'List container(s) resource usage statistics'],
  ['statsp', "List pod statistics. Stats represent a structured API that will fulfill the Kubelet's /stats/summary endpoint."],
  ['stop', 'Stop one or more running containers', stop],
  ['stopp', 'Stop one or more running pods', stopPods],
  ['update', 'Update one or more running containers'],
  ['update-runtime-config', 'Update the runtime configuration'],
  ['version', 'Display runtime version information', version],
  ['help, h', 'Shows a list of commands or help for one command'],
]

const USAGE = `NAME:
   crictl - client for CRI

USAGE:
   crictl [global options] command [command options]

VERSION:
   ${VERSION}

COMMANDS:
${COMMANDS.map(([names, about]) => `   ${names.padEnd(23)}${about}\n`).join('')}
GLOBAL OPTIONS:
   --config value, -c value                   Location of the client config file. If not specified and the default does not exist, the program's directory is searched as well (default: "/etc/crictl.yaml") [$CRI_CONFIG_FILE]
   --debug, -D                                Enable debug mode (default: false)
   --enable-tracing                           Enable OpenTelemetry tracing. (default: false)
   --image-endpoint value, -i value           Endpoint of CRI image manager service (default: uses 'runtime-endpoint' setting) [$IMAGE_SERVICE_ENDPOINT]
   --profile-cpu value                        Write a pprof CPU profile to the provided path.
   --profile-mem value                        Write a pprof memory profile to the provided path.
   --runtime-endpoint value, -r value         Endpoint of CRI container runtime service (default: uses in order the first successful one of [unix:///run/containerd/containerd.sock unix:///run/crio/crio.sock unix:///var/run/cri-dockerd.sock]). Default is now deprecated and the endpoint should be set instead. [$CONTAINER_RUNTIME_ENDPOINT]
   --timeout value, -t value                  Timeout of connecting to the server in seconds (e.g. 2s, 20s.). 0 or less is set to default (default: 2s)
   --tracing-endpoint value                   Address to which the gRPC tracing collector will send spans to. (default: "127.0.0.1:4317")
   --tracing-sampling-rate-per-million value  Number of samples to collect per million OpenTelemetry spans. Set to 1000000 or -1 to always sample. (default: -1)
   --help, -h                                 show help
   --version, -v                              print the version
`

/** crictl of cri-tools v1.33: what runs on this node, as containerd has it. */
export function crictl(cluster: Cluster) {
  return function* (process: Process): Task<number> {
    const started = process.clock.now
    const log: Log = (level, message) => {
      if (!process.terminalOf(2)) return `time="${new Date(process.clock.wall()).toISOString().slice(0, 19)}Z" level=${level} msg=${/^[\w./@^+-]+$/.test(message) ? message : JSON.stringify(message)}\n`
      const [name, color] = { fatal: ['FATA', 31], error: ['ERRO', 31], warning: ['WARN', 33], info: ['INFO', 36] }[level]
      return `\x1b[${color}m${name}\x1b[0m[${String(Math.floor((process.clock.now - started) / 1000)).padStart(4, '0')}] ${message.padEnd(44)} \n`
    }
    let asked: readonly [string, string] | undefined
    try {
      const flags = parseFlags(process.argv.slice(1), 'config,c= runtime-endpoint,r= image-endpoint,i= timeout,t= debug,D help,h version,v')
      const [name, ...words] = flags.args
      if (flags.has('version')) {
        yield* process.print(`crictl version ${VERSION}\n`)
        return 0
      }
      const helping = name === undefined || name === 'help' || name === 'h' || flags.has('help')
      const topic = name === 'help' || name === 'h' ? words[0] : name
      const command = topic === undefined ? undefined : COMMANDS.find(([names]) => names.split(', ').includes(topic))
      if (topic === undefined) {
        yield* process.print(USAGE)
        return 0
      }
      if (!command) {
        yield* process.print(`No help topic for '${topic}'\n`)
        return 3
      }
      const [title, about] = [command[0].split(', ')[0]!, command[1]]
      asked = [title, about]
      const help = (): Task<number> => (function* () {
        yield* process.print(title === 'help' ? USAGE : commandHelp(title, about))
        return 0
      })()
      if (helping || isHelp(words) || words[0] === 'help' || words[0] === 'h') return yield* help()
      if (asked[0] === 'config') return (yield* config(process, flags.value('config') ?? '/etc/crictl.yaml', words, (message) => log('info', message))) ? 0 : yield* help()
      if (!command[2]) throw new NotSimulated(`crictl ${name} (use ${name === 'stats' || name === 'statsp' ? 'crictl ps: a simulated container uses no resources' : 'kubectl'})`)
      const { endpoint, warning } = endpointOf(process, flags.value('runtime-endpoint'))
      if (warning) yield* process.printError(log('warning', warning))
      const view = connect(cluster, process, endpoint)
      return (yield* command[2](new Client(cluster, process, view, log), words)) ?? 0
    } catch (error) {
      if (error instanceof NotSimulated) {
        yield* process.printError(`podhop: not simulated: ${error.message}\n`)
        return 69
      }
      if (error instanceof RpcError) {
        const text = /rpc error: [^]*/.exec(error.message)?.[0] ?? error.message
        yield* process.printError(klogLine(process.clock.wall(), 'E', process.pid, 'log.go:32', `"${error.call} from runtime service failed" err=${JSON.stringify(text)} ${error.subject}`))
        yield* process.printError(log('fatal', error.message))
        return 1
      }
      if (!(error instanceof Fatal)) throw error
      if (error instanceof UsageError) {
        if (asked && isFlagOf(asked[0], error.flag)) {
          yield* process.printError(`podhop: not simulated: crictl ${asked[0]} ${error.flag}\n`)
          return 69
        }
        yield* process.print(`Incorrect Usage: ${error.message}\n\n${asked ? commandHelp(...asked, true) : USAGE}`)
      }
      if (error instanceof HelpWanted) {
        yield* process.print(commandHelp(...asked!, true))
        return 0
      }
      yield* process.printError(log('fatal', error.message))
      return error.code
    }
  }
}

/** --help or -h among the flags, before the first other word. */
function isHelp(words: readonly string[]): boolean {
  const end = words.findIndex((w) => !w.startsWith('-') || w === '--')
  return words.slice(0, end < 0 ? undefined : end).some((w) => /^--?(help|h)$/.test(w))
}

/** The option, the environment, or what /etc/crictl.yaml says. */
function endpointOf(process: Process, option: string | undefined): { endpoint: string; warning?: string } {
  const given = option ?? process.env.get('CONTAINER_RUNTIME_ENDPOINT')
  if (given !== undefined) return { endpoint: given }
  const path = '/etc/crictl.yaml'
  const line = process.fs.exists(path) ? /^\s*runtime-endpoint:\s*["']?([^"'\s]+)/m.exec(process.fs.readText(path)) : null
  if (line) return { endpoint: line[1]! }
  return { endpoint: ENDPOINT, warning: `runtime connect using default endpoints: [${ENDPOINT} unix:///run/crio/crio.sock unix:///var/run/cri-dockerd.sock]. As the default settings are now deprecated, you should set the endpoint instead.` }
}

function connect(cluster: Cluster, process: Process, endpoint: string): NodeView {
  const path = endpoint.replace(/^unix:\/\//, '').replace(/^\/var\/run\//, '/run/')
  const refused = (why: string): Fatal => new Fatal(`validate service connection: validate CRI v1 runtime API for endpoint "${endpoint}": rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix ${path}: connect: ${why}"`)
  const view = cluster.nodeView(process.machine)
  if (process.user.uid !== 0) throw refused('permission denied')
  if (!view || path !== ENDPOINT.replace('unix://', '') || !view.services.get('containerd').active) throw refused('no such file or directory')
  return view
}

function* version(client: Client): Task<void> {
  yield* client.print('Version:  0.1.0\nRuntimeName:  containerd\nRuntimeVersion:  v2.0.5\nRuntimeApiVersion:  v1\n')
}

function* info(client: Client, words: readonly string[]): Task<void> {
  const flags = parseFlags(words, 'output,o= quiet,q template=')
  const problem = client.view.runtime.networkProblem()
  const condition = (type: string, reason = '', message = ''): Record<string, unknown> => ({ message, reason, status: reason === '', type })
  const status = { conditions: [condition('RuntimeReady'), problem === undefined ? condition('NetworkReady') : condition('NetworkReady', 'NetworkPluginNotReady', `Network plugin returns error: ${problem}`), condition('ContainerdHasNoDeprecationWarnings')] }
  const beside = {
    config: { containerd: { defaultRuntimeName: 'runc' }, cni: { binDir: '/opt/cni/bin', confDir: '/etc/cni/net.d', maxConfNum: 1 }, containerdEndpoint: '/run/containerd/containerd.sock', rootDir: '/var/lib/containerd/io.containerd.grpc.v1.cri' },
    features: { supplemental_groups_policy: true }, golang: 'go1.23.8', lastCNILoadStatus: problem ?? 'OK', 'lastCNILoadStatus.default': problem ?? 'OK',
    runtimeHandlers: [{ features: { recursive_read_only_mounts: true, user_namespaces: true } }, { features: { recursive_read_only_mounts: true, user_namespaces: true }, name: 'runc' }],
  }
  if ((flags.value('output') ?? 'json') === 'json') yield* client.print(`${sortedGoJson(flags.has('quiet') ? { features: beside.features, runtimeHandlers: beside.runtimeHandlers, status } : { ...beside, status }, '  ')}\n`)
  else yield* client.status([{ status, info: flags.has('quiet') ? {} : beside }], flags.value('output')!, flags.value('template'))
}
