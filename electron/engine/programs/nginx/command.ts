import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { byName } from '../../own.ts'
import { ConfigError, NotSimulated } from './config.ts'
import { HELP, versionText } from './help.ts'
import { loadConfiguration, PREFIX, type ConfigurationFiles } from './load.ts'
import { builderOf, INSTEAD, Nginx, versionOf } from './nginx.ts'
import type { Configuration } from './settings.ts'
import { errorTime } from './time.ts'

/** nginx(8). */
export function* runNginx(process: Process, args: readonly string[]): Task<number> {
  const version = versionOf(process)
  let file = `${PREFIX}/nginx.conf`
  let daemonOff = false
  let test = false
  let dump = false
  let quiet = false
  let signal: string | undefined
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '-v' || arg === '-V' || arg === '-h' || arg === '-?') {
      yield* process.printError(arg === '-V' ? versionText(version, builderOf(process)) : `nginx version: nginx/${version}\n${arg === '-v' ? '' : HELP}`)
      return 0
    }
    if (arg === '-t') test = true
    else if (arg === '-T') test = dump = true
    else if (arg === '-q') quiet = true
    else if (arg === '-c') file = process.resolve(args[++i] ?? '')
    else if (arg === '-g') daemonOff ||= /\bdaemon\s+off\s*;/.test(args[++i] ?? '')
    else if (arg === '-s') signal = args[++i] ?? ''
    else if (arg === '-p' || arg === '-e') {
      yield* process.printError(`podhop: not simulated: nginx ${arg} (nginx -t, -T, -v, -V, -s, -c and -g are)\n`)
      return 69
    } else {
      yield* process.printError(`nginx: invalid option: "${arg.replace(/^-/, '')}"\n`)
      return 1
    }
  }
  if (signal !== undefined && !(signal in SIGNALS)) {
    yield* process.printError(`nginx: invalid option: "-s ${signal}"\n`)
    return 1
  }
  let configuration: Configuration
  const files: ConfigurationFiles = []
  try {
    configuration = yield* loadConfiguration(process, file, files)
  } catch (error) {
    if (error instanceof NotSimulated) {
      yield* process.printError(`podhop: not simulated: ${error.message} (${INSTEAD})\n`)
      return 69
    }
    if (!(error instanceof ConfigError)) throw error
    yield* process.printError(`${errorTime(process.clock.wall())} [emerg] ${process.pid}#${process.pid}: ${error.message}\nnginx: [emerg] ${error.message}\n`)
    if (test) yield* process.printError(`nginx: configuration file ${file} test failed\n`)
    return 1
  }
  if (signal !== undefined) return yield* signalMaster(process, signal as keyof typeof SIGNALS, configuration.account.pid)
  if (test) {
    for (const warning of configuration.warnings) yield* process.printError(`${errorTime(process.clock.wall())} [warn] ${process.pid}#${process.pid}: ${warning}\nnginx: [warn] ${warning}\n`)
    if (!quiet) yield* process.printError(`nginx: the configuration file ${file} syntax is ok\nnginx: configuration file ${file} test is successful\n`)
    if (dump) for (const part of files) yield* process.print(`# configuration file ${part.file}:\n${part.text}\n`)
    return 0
  }
  if (daemonOff || !configuration.daemon) {
    // what ps shows of it (setproctitle)
    ;(process as { argv: readonly string[] }).argv = [`nginx: master process ${['nginx', ...args].join(' ')}`]
    return yield* new Nginx(process, file).master(configuration)
  }
  process.spawn({
    argv: ['nginx: master process nginx'],
    program: (child) => new Nginx(child, file).master(configuration),
    files: process.files,
    group: 'new',
  })
  return 0
}

const SIGNALS = byName({ stop: ['SIGTERM', 15], quit: ['SIGQUIT', 3], reload: ['SIGHUP', 1], reopen: ['SIGUSR1', 10] } as const)

function* signalMaster(process: Process, word: keyof typeof SIGNALS, file: string): Task<number> {
  const [signal, number] = SIGNALS[word]
  const pid = process.fs.exists(file) ? process.fs.readText(file).trim() : ''
  const master = process.machine.processes.get(Number(pid))
  yield* process.printError(`${errorTime(process.clock.wall())} [notice] ${process.pid}#${process.pid}: signal process started\n`)
  if (pid === '' || !master) {
    yield* process.printError(pid === '' ? `nginx: [error] open() "${file}" failed (2: No such file or directory)\n` : `nginx: [alert] kill(${pid}, ${number}) failed (3: No such process)\n`)
    return 1
  }
  master.signal(signal)
  return 0
}

export const nginx: Program = (process) => runNginx(process, process.argv.slice(1))
