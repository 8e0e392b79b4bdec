import { SystemError } from '../../machine/errors.ts'
import { directoryName } from '../../machine/path.ts'
import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { accountOf } from '../gosu.ts'
import { headerOf } from '../http/message.ts'
import { serveHttp } from '../http/server.ts'
import { MONTHS, two } from '../http/status.ts'
import { mayWrite } from '../nginx/account.ts'
import { accessTime } from '../nginx/time.ts'
import { Output, untilSignal } from '../output.ts'
import { HttpdAnswers } from './answer.ts'
import { HttpdNotSimulated, HttpdSyntaxError, readHttpdConfig, SERVER_ROOT, type HttpdConfig } from './config.ts'

/** Apache httpd 2.4 of the image docker.io/library/httpd. */
const CONF = `${SERVER_ROOT}/conf/httpd.conf`
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/** "[Mon Jan 05 08:00:00.000000 2026]" */
export function errorTime(wall: number): string {
  const d = new Date(wall)
  const micro = String(Math.floor((wall % 1000) * 1000)).padStart(6, '0')
  return `[${DAYS[d.getUTCDay()]} ${MONTHS[d.getUTCMonth()]} ${two(d.getUTCDate())} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}.${micro} ${d.getUTCFullYear()}]`
}

/** /usr/local/bin/httpd-foreground: removes the old pid file and becomes `httpd -DFOREGROUND`. */
export const httpdForeground: Program = (process) => {
  const args = ['-DFOREGROUND', ...process.argv.slice(1)]
  ;(process as { argv: readonly string[] }).argv = ['httpd', ...args]
  return httpdMain(process, args)
}

export const httpd: Program = (process) => httpdMain(process, process.argv.slice(1))

function* httpdMain(process: Process, args: readonly string[]): Task<number> {
  const version = process.env.get('HTTPD_VERSION') ?? '2.4.63'
  let file = CONF
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '-v') {
      yield* process.print(`Server version: Apache/${version} (Unix)\nServer built:   Apr 16 2025 12:01:11\n`)
      return 0
    }
    if (arg === '-t') return yield* test(process, file)
    if (arg === '-f') file = process.resolve(args[++i] ?? '')
    else if (/^-DFOREGROUND$|^FOREGROUND$|^-D$/.test(arg)) continue
    else {
      yield* process.printError(`podhop: not simulated: httpd ${arg} (httpd-foreground, httpd -v and httpd -t are)\n`)
      return 69
    }
  }
  if (!args.some((a) => a.includes('FOREGROUND'))) {
    yield* process.printError('podhop: not simulated: httpd in the background (use httpd-foreground)\n')
    return 69
  }
  const config = yield* load(process, file)
  return typeof config === 'number' ? config : yield* serve(process, config, version)
}

function* load(process: Process, file: string): Task<HttpdConfig | number> {
  try {
    if (!process.fs.exists(file)) throw new HttpdSyntaxError(`httpd: Could not open configuration file ${file}: No such file or directory`)
    return readHttpdConfig(process, file)
  } catch (error) {
    if (error instanceof HttpdNotSimulated) {
      yield* process.printError(`podhop: not simulated: ${error.message} (Listen, DocumentRoot, DirectoryIndex, Alias, Redirect and Header set are)\n`)
      return 69
    }
    if (!(error instanceof HttpdSyntaxError)) throw error
    yield* process.printError(`${error.message}\n`)
    return 1
  }
}

function* test(process: Process, file: string): Task<number> {
  const config = yield* load(process, file)
  if (typeof config === 'number') return config
  if (config.serverName === undefined) yield* process.printError(noName(process))
  yield* process.printError('Syntax OK\n')
  return 0
}

function noName(process: Process): string {
  const own = [...process.network.links.values()].filter((l) => l.name !== 'lo').flatMap((l) => l.addresses)[0]?.address ?? '127.0.0.1'
  return `AH00558: httpd: Could not reliably determine the server's fully qualified domain name, using ${own}. Set the 'ServerName' directive globally to suppress this message\n`
}

function* serve(process: Process, config: HttpdConfig, version: string): Task<number> {
  if (config.serverName === undefined) yield* process.printError(noName(process).repeat(2))
  if (config.listens.length === 0) {
    yield* process.printError('no listening sockets available, shutting down\nAH00015: Unable to open logs\n')
    return 1
  }
  const out = new Output(process, 1)
  const answers = new HttpdAnswers(process, config, version)
  for (const { address, port } of config.listens) {
    try {
      serveHttp(process, {
        port,
        ...(address === undefined || address === '0.0.0.0' ? {} : { address }),
        program: 'httpd',
        backlog: 511,
        keepAliveTimeout: 5_000,
        handle(request, respond) {
          const response = answers.answer(request)
          if (config.accessLog) out.write(`${request.remoteAddress} - - [${accessTime(process.clock.wall())}] "${request.method} ${request.target} HTTP/${request.version}" ${response.status} ${request.method === 'HEAD' || !response.body?.length ? '-' : response.body.length}\n`)
          respond({ ...response, close: response.close === true || headerOf(request.headers, 'connection')?.toLowerCase() === 'close' })
        },
        refuse(status, remote) {
          const response = answers.page(status === 505 ? 505 : 400)
          if (config.accessLog) out.write(`${remote.address} - - [${accessTime(process.clock.wall())}] "-" ${response.status} ${response.body?.length ?? 0}\n`)
          return response
        },
      })
    } catch (error) {
      const words = { EADDRINUSE: '(98)Address already in use', EADDRNOTAVAIL: '(99)Cannot assign requested address', EACCES: '(13)Permission denied' }[(error as { code?: string }).code ?? ''] ?? (error as Error).message
      yield* process.printError(`${words}: AH00072: make_sock: could not bind to address ${address ?? (process.network.ipv6 ? '[::]' : '0.0.0.0')}:${port}\nno listening sockets available, shutting down\nAH00015: Unable to open logs\n`)
      return 1
    }
  }
  const pidFile = `${SERVER_ROOT}/logs/httpd.pid`
  const failure = writePid(process, pidFile)
  if (failure !== undefined) {
    const fail = (text: string): Task<void> => process.printError(`${errorTime(process.clock.wall())} [core:error] [pid ${process.pid}:tid ${process.pid}] ${text}\n`)
    yield* fail(`${failure}: AH00099: could not create ${pidFile}`)
    yield* fail(`AH00100: httpd: could not log pid to file ${pidFile}`)
    return 1
  }
  startWorkers(process, config)
  const note = (module: string, text: string): Task<void> => process.printError(`${errorTime(process.clock.wall())} [${module}:notice] [pid ${process.pid}:tid ${process.pid}] ${text}\n`)
  yield* note('mpm_event', `AH00489: Apache/${version} (Unix) configured -- resuming normal operations`)
  yield* note('core', "AH00094: Command line: 'httpd -D FOREGROUND'")
  const signal = yield* untilSignal(process, ['SIGTERM', 'SIGWINCH', 'SIGINT'])
  yield* note('mpm_event', signal === 'SIGWINCH' ? 'AH00492: caught SIGWINCH, shutting down gracefully' : 'AH00491: caught SIGTERM, shutting down')
  yield* out.flush()
  return 0
}

/** Why it cannot. */
function writePid(process: Process, file: string): string | undefined {
  try {
    process.fs.makeDirectory(directoryName(file), { parents: true })
    mayWrite(process, file)
    process.fs.writeFile(file, `${process.pid}\n`)
    return undefined
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    return `(${error.code === 'EROFS' ? 30 : 13})${error.message}`
  }
}

/** Children are there for `ps`; the sockets are the first's. */
function startWorkers(process: Process, config: HttpdConfig): void {
  const account = process.user.uid === 0 ? accountOf(process, config.user) : undefined
  for (let i = 0; i < config.workers; i++) {
    const child = process.spawn({
      argv: [...process.argv],
      program: function* () {
        for (;;) yield () => undefined
      },
      files: new Map(),
      ...(account ? { user: account } : {}),
    })
    process.onExit(() => child.signal('SIGKILL'))
  }
}
