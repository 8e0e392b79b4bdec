import type { Filesystem, Program } from '../machine/types.ts'
import { two } from './http/status.ts'
import { become, supervise } from './become.ts'
import { Output, untilSignal } from './output.ts'
import { ownerOf } from './stream.ts'

/** fluentd of the image fluent/fluentd with the configuration that comes with it: the forward port, and nothing that arrives is shown. */
function logTime(wall: number): string {
  const d = new Date(wall)
  return `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} +0000`
}

export const fluentd: Program = function* (process) {
  const version = '1.18.0'
  const out = new Output(process, 1)
  const log = (text: string, level = 'info'): void => out.write(`${logTime(process.clock.wall())} [${level}]: ${text}\n`)
  const given = process.argv.indexOf('-c')
  const config = (given > 0 ? process.argv[given + 1] : undefined) ?? '/fluentd/etc/fluent.conf'
  const text = process.fs.exists(config) ? withIncluded(process.fs, process.fs.readText(config)) : ''
  const port = Number(/<source>[^<]*@type\s+forward[^<]*?port\s+(\d+)/s.exec(text)?.[1] ?? 24_224)
  const unknown = [...text.matchAll(/^\s*@type\s+(\S+)/gm)].map((m) => m[1]!).find((type) => !['forward', 'stdout', 'null', 'file'].includes(type))
  if (unknown !== undefined) {
    yield* process.printError(`podhop: not simulated: fluentd's plugin ${unknown} (forward as a source is)\n`)
    return 69
  }
  log(`init supervisor logger path=nil rotate_age=nil rotate_size=nil`)
  log(`parsing config file is succeeded path="${config}"`)
  log(`gem 'fluentd' version '${version}'`)
  log('starting fluentd-' + version + ` pid=${process.pid} ruby="3.2.8"`)
  if (/@type\s+forward/.test(text)) {
    log(`#0 [input1] listening port port=${port} bind="0.0.0.0"`)
    try {
      // the forward protocol is MessagePack, and only says something back when it is asked to
      const listener = process.network.sockets.listen({ port, address: '0.0.0.0', owner: ownerOf(process, 'fluentd') }, (connection) => {
        connection.handlers = { onEnd: () => connection.end() }
      })
      process.onExit(() => listener.close())
      const heartbeat = process.network.sockets.udp({ port, address: '0.0.0.0', owner: ownerOf(process, 'fluentd') })
      process.onExit(() => heartbeat.close())
      heartbeat.onDatagram = ({ source, sourcePort }) => heartbeat.send(Uint8Array.of(0), source, sourcePort)
    } catch {
      log(`#0 unexpected error error_class=Errno::EADDRINUSE error="Address already in use - bind(2) for \\"0.0.0.0\\" port ${port}"`, 'error')
      yield* out.flush()
      return 1
    }
  }
  log(`#0 fluentd worker is now running worker=0`)
  yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
  log('Received graceful stop')
  log('#0 fluentd worker is now stopping worker=0')
  log('Worker 0 finished with status 0')
  yield* out.flush()
  return 0
}

/** `@include DIRECTORY/*.conf`, files in the order of their names. */
function withIncluded(fs: Filesystem, text: string): string {
  return text.replace(/^\s*@include\s+(\S+)\/\*\.conf\s*$/gm, (_, directory: string) =>
    (fs.exists(directory) ? fs.readDirectory(directory) : []).filter((name) => name.endsWith('.conf')).map((name) => fs.readText(`${directory}/${name}`)).join('\n'))
}

/** The image of the DaemonSets of kubernetes.io's pages: its own configuration, in which nothing is gathered yet. */
export const fluentdElasticsearch: Program = (process) => become(process, ['fluentd', '-c', '/etc/fluent/fluent.conf', ...process.argv.slice(1)])

/** entrypoint.sh: fluentd gets the configuration file and the plugins' directory. */
export const fluentdEntrypoint: Program = function* (process) {
  const command = process.argv.slice(1)
  if (command[0]?.startsWith('-')) command.unshift('fluentd')
  const file = `/fluentd/etc/${process.env.get('FLUENTD_CONF') ?? 'fluent.conf'}`
  return yield* become(process, command[0] === 'fluentd' ? [...command, ...(command.includes('-c') ? [] : ['-c', file]), ...(command.includes('-p') ? [] : ['-p', '/fluentd/plugins'])] : command)
}

/** tini, the small init: process 1, which passes signals on. */
export const tini: Program = (process) => supervise(process, process.argv.slice(process.argv[1] === '--' ? 2 : 1))
