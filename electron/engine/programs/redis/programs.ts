import type { Program } from '../../machine/types.ts'
import { become } from '../become.ts'
import { stepDown } from '../gosu.ts'
import { listenOnBoth } from '../listen.ts'
import { Output, untilSignal } from '../output.ts'
import { ownerOf } from '../stream.ts'
import { logTime, readConfig } from './config.ts'
import { loadDump, saveDump } from './persistence.ts'
import { RedisServer } from './server.ts'

export const redisServer: Program = function* (process) {
  const version = process.env.get('REDIS_VERSION') ?? '8.0.1'
  const args = process.argv.slice(1)
  if (args[0] === '-v' || args[0] === '--version') {
    yield* process.print(`Redis server v=${version} sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0\n`)
    return 0
  }
  const config = yield* readConfig(process, args)
  if (typeof config === 'number') return config
  const out = new Output(process, 1)
  // since 7.2 what is no warning has a star; 6.2 began to name the clock
  const [major = 8, minor = 0] = version.split('.').map(Number)
  const since = (atMajor: number, atMinor: number): boolean => major > atMajor || (major === atMajor && minor >= atMinor)
  const plain = since(7, 2) ? '*' : '#'
  let server: RedisServer | undefined
  const log = (mark: string, text: string): void => out.write(`${process.pid}:${mark === 'o' ? 'C' : server?.isReplica ? 'S' : 'M'} ${logTime(process.clock.wall())} ${mark === 'o' ? plain : mark} ${text}\n`)
  log('o', 'oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo')
  log('o', `Redis version=${version}, bits=64, commit=00000000, modified=0, pid=${process.pid}, just started`)
  if (args.length === 0) out.write(`${process.pid}:C ${logTime(process.clock.wall())} # Warning: no config file specified, using the default config. In order to specify a config file use redis-server /path/to/redis.conf\n`)
  else log('o', 'Configuration loaded')
  if (since(6, 2)) log('*', 'monotonic clock: POSIX clock_gettime')
  const port = Number(config.get('port'))
  const redis = (server = new RedisServer(process, version, config, log))
  const [master = '', masterPort = '6379'] = config.get('replicaof')!.split(/\s+/)
  const address = /^(127\.0\.0\.1|localhost)\b/.test(config.get('bind')!) ? '127.0.0.1' : undefined
  try {
    const backlog = 511
    if (address === undefined) listenOnBoth(process, { port, program: 'redis-server', backlog }, (connection) => redis.accept(connection))
    else {
      const listener = process.network.sockets.listen({ port, owner: ownerOf(process, 'redis-server'), address, backlog }, (connection) => redis.accept(connection))
      process.onExit(() => listener.close())
    }
    process.onExit(() => redis.closeAll())
  } catch {
    log('#', `Warning: Could not create server TCP listening socket *:${port}: bind: Address already in use`)
    log('#', `Failed listening on port ${port} (tcp), aborting.`)
    yield* out.flush()
    return 1
  }
  log('*', `Running mode=standalone, port=${port}.`)
  // setproctitle
  ;(process as { argv: readonly string[] }).argv = [`redis-server ${address ?? '*'}:${port}`]
  log(plain, 'Server initialized')
  loadDump(process, config, redis.store, version, log)
  log('*', `Ready to accept connections${since(7, 2) ? ' tcp' : ''}`)
  if (master !== '') redis.follow(master, Number(masterPort))
  do {
    const signal = yield* untilSignal(process, ['SIGTERM', 'SIGINT'])
    out.write(`${process.pid}:signal-handler (${Math.floor(process.clock.wall() / 1000)}) Received ${signal} scheduling shutdown...\n`)
    log('*', `User requested shutdown...`)
  } while (!saveDump(process, config, redis.store, log))
  log('#', 'Redis is now ready to exit, bye bye...')
  yield* out.flush()
  return 0
}

/** docker-entrypoint.sh: flags and .conf files are redis-server's. */
export const redisEntrypoint: Program = function* (process) {
  const command = process.argv.slice(1)
  const own = command[0]?.startsWith('-') || command[0]?.endsWith('.conf')
  if (own) command.unshift('redis-server')
  if (command[0] === 'redis-server') {
    const failed = yield* stepDown(process, 'redis', [process.cwd])
    if (failed !== undefined) return failed
  }
  return yield* become(process, command)
}
