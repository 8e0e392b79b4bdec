import { anyOf, canonicalIp, capable, isValidIp, resolveHost, Signal, sleep, type Process, type Task, type TcpConnection, type TcpListener } from '../../engine/cluster.ts'
import { getopt } from './getopt.ts'
import { programName, TcpStream } from './stream.ts'

/** nc(1): OpenBSD's netcat of Debian 12, and busybox's short form of it. */
interface Options { listen: boolean; keep: boolean; scan: boolean; verbose: boolean; udp: boolean; wait: number | undefined; port: number | undefined; quitAfterEof: number | undefined; family: 4 | 6 | undefined }

const SERVICES: Record<number, string> = { 22: 'ssh', 53: 'domain', 80: 'http', 443: 'https', 3306: 'mysql', 5432: 'postgresql', 6379: 'redis', 8080: 'http-alt' }

export function* nc(process: Process): Task<number> {
  const parsed = getopt(process.argv.slice(1), 'lkzvuw:p:nN46q:')
  if ('invalid' in parsed || 'missing' in parsed) {
    yield* process.printError(`nc: invalid option -- '${'invalid' in parsed ? parsed.invalid : parsed.missing}'\nusage: nc [-klNnuvz] [-p source_port] [-w timeout] [destination] [port]\n`)
    return 1
  }
  const options: Options = { listen: false, keep: false, scan: false, verbose: false, udp: false, wait: undefined, port: undefined, quitAfterEof: undefined, family: undefined }
  for (const { name, value } of parsed.options) {
    if (name === 'l') options.listen = true
    if (name === 'k') options.keep = true
    if (name === 'z') options.scan = true
    if (name === 'v') options.verbose = true
    if (name === 'u') options.udp = true
    if (name === 'w') options.wait = Number(value) * 1000
    if (name === 'p') options.port = Number(value)
    if (name === '4' || name === '6') options.family = Number(name) as 4 | 6
    if (name === 'N') options.quitAfterEof = 0
    if (name === 'q') options.quitAfterEof = Number(value) * 1000
  }
  if (options.udp) {
    yield* process.printError('podhop: not simulated: nc -u (use dig for UDP, or hop trace SRC HOST:PORT/udp)\n')
    return 69
  }
  const [first, second] = parsed.operands
  if (options.listen) {
    const port = options.port ?? Number(second ?? first)
    if (!Number.isInteger(port) || port < 1 || port > 65535) {
      yield* process.printError('nc: missing port number\n')
      return 1
    }
    if (port < 1024 && !capable(process, 'NET_BIND_SERVICE')) {
      yield* process.printError('nc: Permission denied\n')
      return 1
    }
    return yield* serve(process, options, port, second === undefined ? undefined : first)
  }
  if (first === undefined || second === undefined) {
    yield* process.printError('usage: nc [-klNnuvz] [-p source_port] [-w timeout] [destination] [port]\n')
    return 1
  }
  const [low, high] = second.split('-').map(Number) as [number, number | undefined]
  let code = 1
  for (let port = low; port <= (high ?? low); port++) code = Math.min(code, yield* connect(process, options, first, port))
  return code
}

function* connect(process: Process, options: Options, host: string, port: number): Task<number> {
  let address = canonicalIp(host) ?? host
  if (!isValidIp(host)) {
    const resolved = yield* resolveHost(process, host, options.family === undefined ? {} : { family: options.family })
    if ('error' in resolved) {
      yield* process.printError(`nc: getaddrinfo for host "${host}" port ${port}: ${resolved.message}\n`)
      return 1
    }
    address = resolved.addresses[0]!
  }
  const shown = isValidIp(host) ? host : `${host} (${address})`
  const stream = yield* TcpStream.open(process, address, port, options.wait === undefined ? {} : { timeout: options.wait })
  if (!(stream instanceof TcpStream)) {
    if (options.verbose) yield* process.printError(`nc: connect to ${shown} port ${port} (tcp) ${stream.gaveUp ? 'timed out: Operation now in progress' : `failed: ${stream.message}`}\n`)
    return 1
  }
  if (options.verbose) yield* process.printError(`Connection to ${shown} ${port} port [tcp/${SERVICES[port] ?? '*'}] succeeded!\n`)
  if (options.scan) {
    stream.close()
    return 0
  }
  const sender = process.spawnThread(
    (function* (): Task {
      for (;;) {
        const data = yield* process.read(0)
        if (data === null) break
        stream.write(data)
      }
      if (options.quitAfterEof !== undefined) stream.end()
    })(),
  )
  for (;;) {
    const data = yield* stream.read(process, options.wait === undefined ? Infinity : process.clock.now + options.wait)
    if (!(data instanceof Uint8Array)) break
    yield* process.print(data)
  }
  sender.kill()
  stream.close()
  return 0
}

function* serve(process: Process, options: Options, port: number, address: string | undefined): Task<number> {
  const signal = new Signal()
  const waiting: TcpConnection[] = []
  let listener: TcpListener
  // getaddrinfo's first answer for a passive socket is IPv4's.
  const wildcard = address ?? (options.family === 6 ? '::' : '0.0.0.0')
  try {
    listener = process.network.sockets.listen({ port, address: wildcard, owner: { pid: process.pid, program: programName(process) } }, (connection) => {
      waiting.push(connection)
      signal.notify()
    })
  } catch (error) {
    yield* process.printError(`nc: ${(error as Error).message}\n`)
    return 1
  }
  process.onExit(() => listener.close())
  if (options.verbose) yield* process.printError(`Listening on ${wildcard} ${port}\n`)
  do {
    while (waiting.length === 0) yield signal.wait
    yield* converse(process, waiting.shift()!, options)
  } while (options.keep)
  return 0
}

function* converse(process: Process, connection: TcpConnection, options: Options): Task {
  const received: Uint8Array[] = []
  const signal = new Signal()
  let ended = false
  connection.handlers = {
    onData: (data) => {
      received.push(data)
      signal.notify()
    },
    onEnd: () => {
      ended = true
      signal.notify()
    },
    onClose: () => {
      ended = true
      signal.notify()
    },
  }
  if (options.verbose) yield* process.printError(`Connection received on ${connection.remoteAddress} ${connection.remotePort}\n`)
  const sender = process.spawnThread(
    (function* (): Task {
      for (;;) {
        const data = yield* process.read(0)
        if (data === null) break
        connection.send(data)
      }
      if (options.quitAfterEof !== undefined) connection.end()
    })(),
  )
  try {
    while (!ended || received.length > 0) {
      const data = received.shift()
      if (data) yield* process.print(data)
      else yield anyOf(signal.wait, sleep(process.clock, 60_000, { background: true }))
    }
  } finally {
    sender.kill()
    connection.end()
  }
}
