import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { byName } from '../../own.ts'
import { Output, untilSignal } from '../output.ts'
import { ownerOf } from '../stream.ts'
import { BsonError, doc } from './bson.ts'
import { MongoServer, type LogLine } from './server.ts'
import { Store } from './store.ts'

/** mongod: a standalone server. Its log is one line of JSON an event (log component formats: src/mongo/logv2/json_formatter.cpp). */
interface Options { port: number; addresses: readonly string[] | 'all'; auth: boolean; dataPath: string; quiet: boolean; logPath: string | undefined }

const VALUED: Readonly<Record<string, 'port' | 'bind_ip' | 'dbpath' | 'logpath'>> = byName({ '--port': 'port', '--bind_ip': 'bind_ip', '--dbpath': 'dbpath', '--logpath': 'logpath' })
/** Flags that change nothing that is simulated. */
const PLAIN = new Set(['--quiet', '--ipv6', '--logappend', '--noauth', '-v', '--verbose', '--directoryperdb', '--nounixsocket'])
/** Options that the real one has. */
const OTHERS = /^--(replSet|config|keyFile|configsvr|shardsvr|tlsMode|tls[A-Z]\w*|ssl\w*|setParameter|wiredTiger\w*|oplogSize|fork|shutdown|pidfilepath|profile|slowms|storageEngine|repair|journal|maxConns|transitionToAuth|clusterAuthMode|syslog|timeStampFormat|networkMessageCompressors|enableMajorityReadConcern|redactClientLogData)$|^-f$/

function readOptions(process: Process): Options | { message: string; code: number } {
  const options = { port: 27_017, addresses: ['127.0.0.1'] as readonly string[] | 'all', auth: false, dataPath: '/data/db', quiet: false, logPath: undefined as string | undefined }
  const args = process.argv.slice(1)
  for (let i = 0; i < args.length; i++) {
    const [word = '', given] = args[i]!.split(/=(.*)/s)
    const valued = VALUED[word]
    if (word === '--auth') options.auth = true
    else if (word === '--bind_ip_all') options.addresses = 'all'
    else if (valued) {
      const value = given ?? args[++i]
      if (value === undefined) return { message: `Error parsing command line: the required argument for option '${word}' is missing\ntry 'mongod --help' for more information\n`, code: 2 }
      if (valued === 'dbpath') options.dataPath = value
      else if (valued === 'logpath') options.logPath = value
      else if (valued === 'bind_ip') options.addresses = value.split(',').some((a) => ['0.0.0.0', '*', '::'].includes(a)) ? 'all' : value.split(',').map((a) => (a === 'localhost' ? '127.0.0.1' : a))
      else if (/^\d+$/.test(value) && Number(value) <= 65_535) options.port = Number(value)
      else return { message: `Error parsing command line: the argument ('${value}') for option '--port' is invalid\ntry 'mongod --help' for more information\n`, code: 2 }
    } else if (PLAIN.has(word)) options.quiet ||= word === '--quiet'
    else if (OTHERS.test(word)) return { message: `podhop: not simulated: mongod ${word} (a standalone server with --port, --bind_ip, --bind_ip_all, --auth, --dbpath and --logpath is)\n`, code: 69 }
    else return { message: word.startsWith('-') ? `Error parsing command line: unrecognised option '${word}'\ntry 'mongod --help' for more information\n` : `Error parsing command line: too many positional options have been specified on the command line\ntry 'mongod --help' for more information\n`, code: 2 }
  }
  return options
}

function formatLine(wall: number, { severity, component, id, context, message, attributes, tags }: LogLine): string {
  const time = `${new Date(wall).toISOString().slice(0, -1)}+00:00`
  const rest = `${attributes === undefined ? '' : `,"attr":${JSON.stringify(attributes)}`}${tags ? `,"tags":${JSON.stringify(tags)}` : ''}`
  return `{"t":{"$date":"${time}"},"s":${`"${severity}",`.padEnd(6)}"c":${`"${component}",`.padEnd(12)}"id":${`${id},`.padEnd(9)}"ctx":"${context}","msg":${JSON.stringify(message)}${rest}}\n`
}

const NO_ACCESS_CONTROL = 'Access control is not enabled for the database. Read and write access to data and configuration is unrestricted'
/** How soon a change is in the data directory: WiredTiger's journal. */
const JOURNAL = 100

export const mongod: Program = function* (process) {
  const version = process.env.get('MONGO_VERSION') ?? '8.0.9'
  if (process.argv.includes('--version')) {
    yield* process.print(`db version v${version}\nBuild Info: {\n    "version": "${version}",\n    "modules": [],\n    "environment": {\n        "distarch": "x86_64",\n        "target_arch": "x86_64"\n    }\n}\n`)
    return 0
  }
  const options = readOptions(process)
  if ('message' in options) {
    yield* process.printError(options.message)
    return options.code
  }
  return yield* run(process, version, options)
}

function* run(process: Process, version: string, options: Options): Task<number> {
  const out = new Output(process, 1)
  const warnings: string[] = []
  const write = (line: LogLine): void => {
    const text = formatLine(process.clock.wall(), line)
    if (line.tags) warnings.push(text.trimEnd())
    if (options.logPath === undefined) out.write(text)
    else process.fs.appendFile(options.logPath, text)
  }
  const log = (component: string, id: number, context: string, message: string, attributes?: unknown): void => write({ severity: 'I', component, id, context, message, attributes })
  const fail = function* (): Task<number> {
    log('CONTROL', 20565, 'initandlisten', 'Now exiting')
    log('CONTROL', 23138, 'initandlisten', 'Shutting down', { exitCode: 48 })
    yield* out.flush()
    return 48
  }
  const { dataPath, port } = options
  log('CONTROL', 23285, 'main', "Automatically disabling TLS 1.0, to force-enable TLS 1.0 specify --sslDisabledProtocols 'none'")
  log('CONTROL', 4615611, 'initandlisten', 'MongoDB starting', { pid: process.pid, port, dbPath: dataPath, architecture: '64-bit', host: process.machine.hostname })
  const os = /VERSION_ID="([\d.]+)"/.exec(process.fs.exists('/etc/os-release') ? process.fs.readText('/etc/os-release') : '')?.[1] ?? '24.04'
  log('CONTROL', 51765, 'initandlisten', 'Operating System', { os: { name: 'Ubuntu', version: os } })
  log('CONTROL', 21951, 'initandlisten', 'Options set by command line', { options: commandLine(process.argv.slice(1)) })
  if (!process.fs.exists(dataPath)) {
    write({ severity: 'E', component: 'CONTROL', id: 20557, context: 'initandlisten', message: 'DBException in initAndListen, terminating', attributes: { error: `NonExistentPath: Data directory ${dataPath} not found. Create the missing directory or specify another path using (1) the --dbpath command line option, or (2) by adding the 'storage.dbPath' option in the configuration file.` } })
    log('CONTROL', 20565, 'initandlisten', 'Now exiting')
    log('CONTROL', 23138, 'initandlisten', 'Shutting down', { exitCode: 100 })
    yield* out.flush()
    return 100
  }
  const file = `${dataPath}/collections.podhop`
  const store = load(process, file)
  layOut(process, store, version)
  process.fs.writeFile(`${dataPath}/WiredTiger`, 'WiredTiger\nWiredTiger 11.3.0: (January 31, 2025)\n')
  log('STORAGE', 22315, 'initandlisten', 'Opening WiredTiger')
  yield* process.sleep(300, { background: false })
  log('STORAGE', 4795906, 'initandlisten', 'WiredTiger opened', { durationMillis: 300 })
  if (!options.auth) write({ severity: 'W', component: 'CONTROL', id: 22120, context: 'initandlisten', message: NO_ACCESS_CONTROL, tags: ['startupWarnings'] })
  let saving: ReturnType<Process['clock']['schedule']> | undefined
  const save = (): void => {
    saving = undefined
    process.fs.writeFile(file, store.save())
  }
  const server = new MongoServer(process, {
    version, store, auth: options.auth, argv: process.argv, warnings,
    log: (line) => (options.quiet && line.component === 'NETWORK' ? undefined : write(line)),
    changed: () => (saving ??= process.clock.schedule(JOURNAL, save, { background: true })),
  })
  process.onExit(() => saving && process.clock.cancel(saving))
  try {
    for (const address of options.addresses === 'all' ? ['0.0.0.0'] : options.addresses) {
      const listener = process.network.sockets.listen({ port, owner: ownerOf(process, 'mongod'), address }, (connection) => server.accept(connection))
      process.onExit(() => listener.close())
    }
  } catch (error) {
    const taken = (error as { code?: string }).code !== 'EADDRNOTAVAIL'
    write({ severity: 'E', component: 'NETWORK', id: 23024, context: 'initandlisten', message: 'Failed to set up listener', attributes: { error: { code: 9001, codeName: 'SocketException', errmsg: taken ? 'Address already in use' : 'Cannot assign requested address' } } })
    return yield* fail()
  }
  for (const address of [`/tmp/mongodb-${port}.sock`, ...(options.addresses === 'all' ? ['0.0.0.0'] : options.addresses)]) log('NETWORK', 23015, 'listener', 'Listening on', { address })
  log('NETWORK', 23016, 'listener', 'Waiting for connections', { port, ssl: 'off' })
  const signal = yield* untilSignal(process, ['SIGTERM', 'SIGINT', 'SIGQUIT'])
  log('CONTROL', 23377, 'SignalHandler', 'Received signal', { signal: { SIGTERM: 15, SIGINT: 2, SIGQUIT: 3 }[signal], error: { SIGTERM: 'Terminated', SIGINT: 'Interrupt', SIGQUIT: 'Quit' }[signal] })
  log('CONTROL', 23381, 'SignalHandler', 'will terminate after current cmd ends')
  server.closeAll()
  if (saving) save()
  yield* process.sleep(100, { background: false })
  log('CONTROL', 20565, 'SignalHandler', 'Now exiting')
  log('CONTROL', 23138, 'SignalHandler', 'Shutting down', { exitCode: 0 })
  yield* out.flush()
  return 0
}

function load(process: Process, file: string): Store {
  if (!process.fs.exists(file)) return new Store()
  try {
    return Store.load(process.fs.readFile(file))
  } catch (error) {
    if (!(error instanceof BsonError)) throw error
    return new Store()
  }
}

/** What a new server has in its own databases. */
function layOut(process: Process, store: Store, version: string): void {
  if (!store.find('admin', 'system.version')) store.create('admin', 'system.version').insert(doc(['_id', 'featureCompatibilityVersion'], ['version', version.split('.').slice(0, 2).join('.')]), 'admin.system.version')
  store.create('config', 'system.sessions')
  const { hostname } = process.machine
  const started = new Date(process.clock.wall())
  const id = `${hostname}-${started.getTime()}`
  const log = store.create('local', 'startup_log')
  if (!log.documents.some((d) => d.get('_id') === id)) log.insert(doc(['_id', id], ['hostname', hostname], ['startTime', started], ['pid', BigInt(process.pid)]), 'local.startup_log')
}

/** The options as the configuration file would have them. */
function commandLine(args: readonly string[]): unknown {
  const net: Record<string, unknown> = {}
  const options: Record<string, unknown> = {}
  const value = (name: string): string | undefined => {
    const i = args.findIndex((a) => a === name || a.startsWith(`${name}=`))
    return i < 0 ? undefined : args[i]!.includes('=') ? args[i]!.slice(name.length + 1) : args[i + 1]
  }
  if (args.includes('--bind_ip_all')) net['bindIp'] = '*'
  else if (value('--bind_ip') !== undefined) net['bindIp'] = value('--bind_ip')
  if (value('--port') !== undefined) net['port'] = Number(value('--port'))
  if (Object.keys(net).length > 0) options['net'] = net
  if (args.includes('--auth')) options['security'] = { authorization: 'enabled' }
  if (value('--dbpath') !== undefined) options['storage'] = { dbPath: value('--dbpath') }
  if (value('--logpath') !== undefined) options['systemLog'] = { destination: 'file', path: value('--logpath') }
  return options
}
