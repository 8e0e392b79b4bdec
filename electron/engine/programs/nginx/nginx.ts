import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { become } from '../become.ts'
import { headerOf } from '../http/message.ts'
import { serveHttp, type HttpRequest, type HttpServer } from '../http/server.ts'
import { MONTHS, two } from '../http/status.ts'
import { Output, untilSignal } from '../output.ts'
import { Answerer } from './answer.ts'
import { ConfigError, parseConfig } from './config.ts'
import { NotSimulated, readConfiguration, type Configuration } from './server.ts'

/** The nginx web server (nginx.org, src/core and src/http), and the entrypoint script of its image. */
const PREFIX = '/etc/nginx'
const PID_FILE = '/run/nginx.pid'
const TRIES = 5
const RETRY = 500

function versionOf(process: Process): string {
  return process.env.get('NGINX_VERSION') ?? '1.27.5'
}

/** "2026/01/05 08:00:00" */
export function errorTime(wall: number): string {
  const d = new Date(wall)
  return `${d.getUTCFullYear()}/${two(d.getUTCMonth() + 1)}/${two(d.getUTCDate())} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`
}

/** "05/Jan/2026:08:00:00 +0000" */
export function accessTime(wall: number): string {
  const d = new Date(wall)
  return `${two(d.getUTCDate())}/${MONTHS[d.getUTCMonth()]}/${d.getUTCFullYear()}:${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} +0000`
}

function loadConfiguration(process: Process, file: string): Configuration {
  const { fs } = process
  const include = (pattern: string): { file: string; text: string }[] => {
    const path = pattern.startsWith('/') ? pattern : `${PREFIX}/${pattern}`
    if (!path.includes('*')) {
      if (!fs.exists(path)) throw new ConfigError(`open() "${path}" failed (2: No such file or directory) in ${file}`)
      return [{ file: path, text: fs.readText(path) }]
    }
    const slash = path.lastIndexOf('/')
    const directory = path.slice(0, slash)
    if (!fs.exists(directory)) return []
    const match = new RegExp(`^${path.slice(slash + 1).replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*')}$`)
    return fs
      .readDirectory(directory)
      .filter((name) => match.test(name) && !name.startsWith('.'))
      .map((name) => ({ file: `${directory}/${name}`, text: fs.readText(`${directory}/${name}`) }))
  }
  if (!fs.exists(file)) throw new ConfigError(`open() "${file}" failed (2: No such file or directory)`)
  return readConfiguration(parseConfig(file, fs.readText(file), include))
}

class Nginx {
  readonly #process: Process
  readonly #version: string
  readonly #out: Output
  readonly #errors: Output
  #servers: HttpServer[] = []
  #worker = 0

  constructor(process: Process) {
    this.#process = process
    this.#version = versionOf(process)
    this.#out = new Output(process, 1)
    this.#errors = new Output(process, 2)
  }

  *master(configuration: Configuration): Task<number> {
    const process = this.#process
    // The sockets are opened before the event module begins (ngx_init_cycle).
    if (!(yield* this.#bind(configuration))) {
      yield* this.#errors.flush()
      return 1
    }
    for (const line of ['using the "epoll" event method', `nginx/${this.#version}`, 'built by gcc 12.2.0 (Debian 12.2.0-14) ', 'OS: Linux 6.1.0-32-amd64', 'getrlimit(RLIMIT_NOFILE): 1048576:1048576', 'start worker processes']) {
      this.#log('notice', line, false)
    }
    process.fs.writeFile(PID_FILE, `${process.pid}\n`)
    const workers = [this.#startWorker(), this.#startWorker()]
    this.#worker = workers[0]!.pid
    const signal = yield* untilSignal(process, ['SIGTERM', 'SIGINT', 'SIGQUIT'])
    const number = { SIGTERM: 15, SIGINT: 2, SIGQUIT: 3 }[signal]
    this.#log('notice', `signal ${number} (${signal}) received, ${signal === 'SIGQUIT' ? 'shutting down' : 'exiting'}`, false)
    for (const server of this.#servers) server.close()
    for (const worker of workers) {
      worker.signal('SIGKILL')
      yield* process.wait(worker)
      this.#log('notice', `worker process ${worker.pid} exited with code 0`, false)
    }
    this.#log('notice', 'exit', false)
    if (process.fs.exists(PID_FILE)) process.fs.remove(PID_FILE)
    yield* this.#out.flush()
    yield* this.#errors.flush()
    return 0
  }

  /** Workers are there for `ps`; the sockets are the master's. */
  #startWorker(): Process {
    const worker = this.#process.spawn({
      argv: ['nginx: worker process'],
      program: function* () {
        for (;;) yield () => undefined
      },
      files: new Map(),
    })
    this.#log('notice', `start worker process ${worker.pid}`, false)
    return worker
  }

  *#bind(configuration: Configuration): Task<boolean> {
    const answerer = new Answerer(this.#process, configuration, this.#version)
    const wanted = new Map<string, { address: string; port: number }>()
    for (const server of configuration.servers) for (const { address, port } of server.listens) wanted.set(`${address}:${port}`, { address, port })
    // A wildcard address takes the specific ones of the same port with it.
    const sockets = [...wanted.values()].filter((s) => s.address === '0.0.0.0' || !wanted.has(`0.0.0.0:${s.port}`))
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const open = new Set<string>()
      let failed = false
      for (const { address, port } of sockets) {
        if (open.has(`${address}:${port}`)) continue
        try {
          this.#servers.push(serveHttp(this.#process, {
            port,
            ...(address === '0.0.0.0' ? {} : { address }),
            program: 'nginx',
            keepAliveTimeout: configuration.keepAliveTimeout,
            handle: (request, respond) => {
              const answer = answerer.answer(request)
              for (const line of answer.errors) this.#requestError(line, request)
              if (answer.logged) this.#access(request, answer.response.status, answer.sent)
              respond(answer.response)
            },
            refuse: (status, remote) => {
              const response = answerer.refuse(status)
              this.#out.write(`${remote.address} - - [${accessTime(this.#process.clock.wall())}] "" ${status} ${response.body?.length ?? 0} "-" "-" "-"\n`)
              return response
            },
          }))
          open.add(`${address}:${port}`)
        } catch (error) {
          const code = (error as { code?: string }).code
          const text = code === 'EADDRNOTAVAIL' ? '99: Cannot assign requested address' : '98: Address already in use'
          this.#log('emerg', `bind() to ${address}:${port} failed (${text})`, true)
          if (code !== 'EADDRINUSE') return false
          failed = true
        }
      }
      if (!failed) return true
      for (const server of this.#servers) server.close()
      this.#servers = []
      this.#log('notice', `try again to bind() after ${RETRY}ms`, false)
      yield* this.#process.sleep(RETRY, { background: false })
    }
    this.#log('emerg', 'still could not bind()', true)
    return false
  }

  /** To the error log, and while nginx starts serious ones to the terminal too. */
  #log(level: string, message: string, starting: boolean): void {
    const { pid } = this.#process
    this.#errors.write(`${errorTime(this.#process.clock.wall())} [${level}] ${pid}#${pid}: ${message}\n`)
    if (starting) this.#errors.write(`nginx: [${level}] ${message}\n`)
  }

  #requestError(message: string, request: HttpRequest): void {
    const host = headerOf(request.headers, 'host')
    const context = `client: ${request.remoteAddress}, server: localhost, request: "${request.method} ${request.target} HTTP/${request.version}"${host ? `, host: "${host}"` : ''}`
    this.#errors.write(`${errorTime(this.#process.clock.wall())} [error] ${this.#worker}#${this.#worker}: *${request.connection} ${message}, ${context}\n`)
  }

  #access(request: HttpRequest, status: number, sent: number): void {
    const header = (name: string): string => headerOf(request.headers, name) ?? '-'
    const line = `${request.method} ${request.target} HTTP/${request.version}`
    const time = accessTime(this.#process.clock.wall())
    this.#out.write(`${request.remoteAddress} - - [${time}] "${line}" ${status} ${sent} "${header('referer')}" "${header('user-agent')}" "${header('x-forwarded-for')}"\n`)
  }
}

/** nginx(8). */
export function* runNginx(process: Process, args: readonly string[]): Task<number> {
  const version = versionOf(process)
  let file = `${PREFIX}/nginx.conf`
  let daemonOff = false
  let test = false
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '-v') {
      yield* process.printError(`nginx version: nginx/${version}\n`)
      return 0
    }
    if (arg === '-t') test = true
    else if (arg === '-q') continue
    else if (arg === '-c') file = process.resolve(args[++i] ?? '')
    else if (arg === '-g') daemonOff ||= /\bdaemon\s+off\s*;/.test(args[++i] ?? '')
    else if (arg === '-s') return yield* signalMaster(process, args[i + 1] ?? '')
    else if (['-V', '-T', '-p', '-e', '-h', '-?'].includes(arg)) {
      yield* process.printError(`podhop: not simulated: nginx ${arg} (nginx -t, -v, -s, -c and -g are)\n`)
      return 69
    } else {
      yield* process.printError(`nginx: invalid option: "${arg.replace(/^-/, '')}"\n`)
      return 1
    }
  }
  let configuration: Configuration
  try {
    configuration = loadConfiguration(process, file)
  } catch (error) {
    if (error instanceof NotSimulated) {
      yield* process.printError(`podhop: not simulated: ${error.message} (static files, return and try_files are)\n`)
      return 69
    }
    if (!(error instanceof ConfigError)) throw error
    if (!test) yield* process.printError(`${errorTime(process.clock.wall())} [emerg] ${process.pid}#${process.pid}: ${error.message}\n`)
    yield* process.printError(`nginx: [emerg] ${error.message}\n`)
    if (test) yield* process.printError(`nginx: configuration file ${file} test failed\n`)
    return 1
  }
  if (test) {
    yield* process.printError(`nginx: the configuration file ${file} syntax is ok\nnginx: configuration file ${file} test is successful\n`)
    return 0
  }
  if (daemonOff || !configuration.daemon) {
    // what ps shows of it (setproctitle)
    ;(process as { argv: readonly string[] }).argv = [`nginx: master process ${['nginx', ...args].join(' ')}`]
    return yield* new Nginx(process).master(configuration)
  }
  process.spawn({
    argv: ['nginx: master process nginx'],
    program: (child) => new Nginx(child).master(configuration),
    files: process.files,
    group: 'new',
  })
  return 0
}

function* signalMaster(process: Process, word: string): Task<number> {
  const signal = ({ stop: 'SIGTERM', quit: 'SIGQUIT', reload: 'SIGHUP', reopen: 'SIGUSR1' } as const)[word]
  if (!signal) {
    yield* process.printError(`nginx: invalid option: "-s ${word}"\n`)
    return 1
  }
  if (signal === 'SIGHUP' || signal === 'SIGUSR1') {
    yield* process.printError(`podhop: not simulated: nginx -s ${word} (delete the Pod, or use nginx -s quit)\n`)
    return 69
  }
  const pid = process.fs.exists(PID_FILE) ? process.fs.readText(PID_FILE).trim() : ''
  const master = process.machine.processes.get(Number(pid))
  if (pid === '' || !master) {
    yield* process.printError(`${errorTime(process.clock.wall())} [notice] ${process.pid}#${process.pid}: signal process started\n`)
    yield* process.printError(pid === '' ? `nginx: [error] open() "${PID_FILE}" failed (2: No such file or directory)\n` : `nginx: [alert] kill(${pid}, ${signal === 'SIGTERM' ? 15 : 3}) failed (3: No such process)\n`)
    return 1
  }
  yield* process.printError(`${errorTime(process.clock.wall())} [notice] ${process.pid}#${process.pid}: signal process started\n`)
  master.signal(signal)
  return 0
}

export const nginx: Program = (process) => runNginx(process, process.argv.slice(1))

/** /docker-entrypoint.sh of the image: says what it prepares, then becomes the command. */
export const nginxEntrypoint: Program = function* (process) {
  const command = process.argv.slice(1)
  if (command[0] === 'nginx' || command[0] === 'nginx-debug') {
    const script = '/docker-entrypoint.sh:'
    const quiet = process.env.has('NGINX_ENTRYPOINT_QUIET_LOGS')
    if (!quiet) {
      yield* process.print(
        `${script} /docker-entrypoint.d/ is not empty, will attempt to perform configuration\n` +
          `${script} Looking for shell scripts in /docker-entrypoint.d/\n` +
          `${script} Launching /docker-entrypoint.d/10-listen-on-ipv6-by-default.sh\n` +
          '10-listen-on-ipv6-by-default.sh: info: ipv6 not available\n' +
          `${script} Sourcing /docker-entrypoint.d/15-local-resolvers.envsh\n` +
          `${script} Launching /docker-entrypoint.d/20-envsubst-on-templates.sh\n` +
          `${script} Launching /docker-entrypoint.d/30-tune-worker-processes.sh\n` +
          `${script} Configuration complete; ready for start up\n`,
      )
    }
    return yield* runNginx(process, command.slice(1))
  }
  return yield* become(process, command)
}
