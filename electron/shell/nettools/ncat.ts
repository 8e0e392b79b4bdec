import { canonicalIp, capable, isValidIp, resolveHost, Signal, type Process, type Task, type TcpListener } from '../../engine/cluster.ts'
import { getopt } from './getopt.ts'
import { Incoming } from './incoming.ts'
import { ownerOf, TcpStream } from './stream.ts'

/** ncat(1), nmap 7.93: connect and listen by TCP or SCTP. */
const LONG = { listen: 'l', 'keep-open': 'k', verbose: 'v', wait: 'w=', 'idle-timeout': 'i=', sctp: 'S', 'send-only': 'o', 'recv-only': 'r', 'source-port': 'p=', nodns: 'n', ipv4: '4', version: 'V', udp: 'u' }
const BANNER = 'Ncat: Version 7.93 ( https://nmap.org/ncat )\n'

interface Options { keep: boolean; verbose: boolean; scan: boolean; sctp: boolean; sendOnly: boolean; receiveOnly: boolean; wait: number | undefined; idle: number | undefined }

export function* ncat(process: Process): Task<number> {
  const parsed = getopt(process.argv.slice(1), 'lkvzuw:i:p:n4V', LONG)
  if ('invalid' in parsed || 'missing' in parsed) {
    yield* process.printError(`ncat: unrecognized option '${'invalid' in parsed ? parsed.invalid : parsed.missing}'\nNcat: Try \`--help' or man(1) ncat for more information, usage options and help. QUITTING.\n`)
    return 2
  }
  const has = (name: string): boolean => parsed.options.some((o) => o.name === name)
  const value = (name: string): string | undefined => parsed.options.find((o) => o.name === name)?.value
  if (has('V')) {
    yield* process.printError(BANNER)
    return 0
  }
  if (has('u')) {
    yield* process.printError('podhop: not simulated: ncat --udp (use dig for UDP, or hop trace SRC HOST:PORT/udp)\n')
    return 69
  }
  const wrong = complaint(parsed.operands, value)
  if (wrong !== undefined) {
    yield* process.printError(`Ncat: ${wrong}. QUITTING.\n`)
    return 2
  }
  const options: Options = {
    keep: has('k'), verbose: has('v'), scan: has('z'), sctp: has('S'), sendOnly: has('o'), receiveOnly: has('r'), wait: value('w') === undefined ? undefined : Number(value('w')) * 1000,
    idle: value('i') === undefined ? undefined : Number(value('i')) * 1000,
  }
  if (options.verbose) yield* process.printError(BANNER)
  const [first, second] = parsed.operands
  if (has('l')) return yield* serve(process, options, Number(value('p') ?? second ?? first ?? 31337), second === undefined ? undefined : first)
  if (first === undefined) {
    yield* process.printError('Ncat: You must specify a host to connect to. QUITTING.\n')
    return 2
  }
  return yield* connect(process, options, first, Number(second ?? 31337))
}

/** What is wrong with a number, if one is. */
function complaint(operands: readonly string[], value: (name: string) => string | undefined): string | undefined {
  for (const name of ['w', 'i']) {
    const text = value(name)
    if (text !== undefined && !(/^\d+(\.\d+)?$/.test(text) && Number(text) > 0 && Number(text) < 2_147_483)) return `Invalid -${name} timeout "${text}" (must be greater than 0 and less than 2147483s)`
  }
  const source = value('p')
  if (source !== undefined && !/^\d+$/.test(source)) return `Invalid source port number "${source}"`
  if (source !== undefined && Number(source) > 65_535) return `Invalid source port ${source}`
  const port = operands[1] ?? (value('l') === undefined ? undefined : operands[0])
  return port === undefined || (/^\d+$/.test(port) && Number(port) <= 65_535) ? undefined : `Invalid port number "${port}"`
}

function* connect(process: Process, options: Options, host: string, port: number): Task<number> {
  let address = canonicalIp(host) ?? host
  if (!isValidIp(host)) {
    const resolved = yield* resolveHost(process, host)
    if ('error' in resolved) {
      yield* process.printError(`Ncat: Could not resolve hostname "${host}": ${resolved.message}. QUITTING.\n`)
      return 2
    }
    address = resolved.addresses[0]!
  }
  const began = process.clock.now
  const stream = yield* TcpStream.open(process, address, port, { timeout: options.wait ?? 10_000, ...(options.sctp ? { sctp: true } : {}) })
  if (!(stream instanceof TcpStream)) {
    yield* process.printError(stream.gaveUp ? 'Ncat: TIMEOUT.\n' : `Ncat: ${stream.message}.\n`)
    return 1
  }
  if (options.verbose) yield* process.printError(`Ncat: Connected to ${address}:${port}.\n`)
  let [sent, received] = [0, 0]
  if (!options.scan) {
    const sender = options.receiveOnly ? undefined : process.spawnThread(
      (function* (): Task {
        for (;;) {
          const data = yield* process.read(0)
          if (data === null) break
          sent += data.length
          stream.write(data)
        }
        // SCTP has no half-closed connections: an end would take away the answer
        if (options.sendOnly || !options.sctp) stream.end()
      })(),
    )
    for (;;) {
      const data = yield* stream.read(process, options.idle === undefined ? Infinity : process.clock.now + options.idle)
      if (!(data instanceof Uint8Array)) {
        if (data?.code !== 'ETIMEDOUT' || options.idle === undefined) break
        yield* process.printError(`Ncat: Idle timeout expired (${options.idle} ms). QUITTING.\n`)
        sender?.kill()
        stream.close()
        return 2
      }
      received += data.length
      if (!options.sendOnly) yield* process.print(data)
    }
    sender?.kill()
  }
  stream.close()
  if (options.verbose) yield* process.printError(`Ncat: ${sent} bytes sent, ${received} bytes received in ${((process.clock.now - began) / 1000).toFixed(2)} seconds.\n`)
  return 0
}

function* serve(process: Process, options: Options, port: number, address: string | undefined): Task<number> {
  if (port < 1024 && !capable(process, 'NET_BIND_SERVICE')) {
    yield* process.printError(`Ncat: bind to ${address ?? '0.0.0.0'}:${port}: Permission denied. QUITTING.\n`)
    return 2
  }
  const signal = new Signal()
  const waiting: Incoming[] = []
  const { sockets } = process.network
  let listener: TcpListener
  try {
    listener = (options.sctp ? sockets.sctp : sockets).listen({ port, ...(address ? { address } : {}), owner: ownerOf(process) }, (connection) => {
      waiting.push(new Incoming(connection))
      signal.notify()
    })
  } catch (error) {
    yield* process.printError(`Ncat: bind to ${address ?? '0.0.0.0'}:${port}: ${(error as Error).message}. QUITTING.\n`)
    return 2
  }
  process.onExit(() => listener.close())
  if (options.verbose) yield* process.printError(`Ncat: Listening on ${address ?? '0.0.0.0'}:${port}\n`)
  do {
    while (waiting.length === 0) yield signal.wait
    yield* converse(process, waiting.shift()!, options)
  } while (options.keep)
  return 0
}

function* converse(process: Process, incoming: Incoming, options: Options): Task {
  const { remoteAddress, remotePort } = incoming.connection
  if (options.verbose) yield* process.printError(`Ncat: Connection from ${remoteAddress}.\nNcat: Connection from ${remoteAddress}:${remotePort}.\n`)
  yield* incoming.relay(process)
}
