import { canonicalIp, capable, isValidIp, resolveHost, Signal, type Process, type Task, type TcpListener } from '../../engine/cluster.ts'
import { getopt } from './getopt.ts'
import { Incoming } from './incoming.ts'
import { peerName, type Options } from './nc-options.ts'
import { connectUdp, serveUdp } from './nc-udp.ts'
import { HELP, USAGE } from './nc-usage.ts'
import { serviceName, servicePorts } from './services.ts'
import { ownerOf, TcpStream } from './stream.ts'

/** Options that change what is sent, and that nothing here does. */
const OTHERS = 'bCFIiMmOPrSTtUVWXxZ'

/** nc(1): OpenBSD's netcat 1.219 of Debian 12. */
export function* nc(process: Process): Task<number> {
  const parsed = getopt(process.argv.slice(1), '46bCDdFhI:i:klM:m:NnO:P:p:q:rSs:T:tUuV:vW:w:X:x:Zz')
  if ('invalid' in parsed || 'missing' in parsed) {
    yield* process.printError(`nc: ${'invalid' in parsed ? `invalid option -- '${parsed.invalid}'` : `option requires an argument -- '${parsed.missing}'`}\n${USAGE}`)
    return 1
  }
  const has = (name: string): boolean => parsed.options.some((o) => o.name === name)
  const value = (name: string): string | undefined => parsed.options.findLast((o) => o.name === name)?.value
  if (has('h')) {
    yield* process.printError(HELP)
    return 0
  }
  const other = [...OTHERS].find(has)
  if (other !== undefined) {
    yield* process.printError(`podhop: not simulated: nc -${other} (use nc with -l -k -u -z -v -w -p -s -q -N -n -4 -6)\n`)
    return 69
  }
  const complain = function* (text: string): Task<number> {
    yield* process.printError(`nc: ${text}\n`)
    return 1
  }
  for (const [name, what] of [['w', 'timeout'], ['q', 'quit timer']] as const) if (value(name) !== undefined && !/^-?\d+$/.test(value(name)!)) return yield* complain(`${what === 'timeout' ? `timeout invalid: ${value(name)}` : `quit timer invalid: ${value(name)}`}`)
  const seconds = (name: string): number | undefined => (value(name) === undefined || Number(value(name)) < 0 ? undefined : Number(value(name)) * 1000)
  const options: Options = {
    listen: has('l'), keep: has('k'), scan: has('z'), verbose: has('v'), numeric: has('n'), noInput: has('d'), wait: seconds('w'), source: value('s'), quitAfterEof: has('N') && !has('u') ? 0 : seconds('q'),
    port: value('p') === undefined ? undefined : Number(value('p')), family: has('4') === has('6') ? undefined : has('4') ? 4 : 6,
  }
  if (value('p') !== undefined && !options.listen && !(/^\d+$/.test(value('p')!) && Number(value('p')) <= 65_535)) return yield* complain('getaddrinfo: Servname not supported for ai_socktype')
  const [first, second, ...more] = parsed.operands
  if (more.length > 0 || (first === undefined && !options.listen)) {
    yield* process.printError(USAGE)
    return 1
  }
  if (options.listen && options.scan) return yield* complain('cannot use -z and -l')
  if (options.keep && !options.listen) return yield* complain('must use -l with -k')
  if (options.listen) {
    const text = value('p') ?? second ?? first
    if (text === undefined) return yield* complain('missing port number')
    const ports = portList(text, has('u'))
    if (typeof ports === 'string') return yield* complain(ports)
    const port = ports[0]!
    if (port < 1024 && !capable(process, 'NET_BIND_SERVICE')) return yield* complain('Permission denied')
    const address = options.source ?? (second === undefined ? undefined : first)
    return has('u') ? yield* serveUdp(process, options, port, address) : yield* serve(process, options, port, address)
  }
  if (second === undefined) return yield* complain('missing port number')
  const ports = portList(second, has('u'))
  if (typeof ports === 'string') return yield* complain(ports)
  let code = 1
  for (const port of ports) code = Math.min(code, yield* connect(process, options, first!, port, has('u')))
  return code
}

/** "80", "http", "20-25"; a string is what is wrong with it. */
function portList(text: string, udp: boolean): number[] | string {
  const named = servicePorts(text)[udp ? 'udp' : 'tcp']
  if (named !== undefined) return [named]
  const ends = text.split('-', 2)
  for (const end of ends) {
    if (!/^\d+$/.test(end)) return `port number invalid: ${end}`
    if (Number(end) < 1) return `port number too small: ${end}`
    if (Number(end) > 65_535) return `port number too large: ${end}`
  }
  const [low, high] = [Math.min(...ends.map(Number)), Math.max(...ends.map(Number))]
  return Array.from({ length: high - low + 1 }, (_, i) => low + i)
}

function* connect(process: Process, options: Options, host: string, port: number, udp: boolean): Task<number> {
  let address = canonicalIp(host) ?? host
  if (!isValidIp(host)) {
    if (options.numeric) {
      yield* process.printError(`nc: getaddrinfo for host "${host}" port ${port}: Name or service not known\n`)
      return 1
    }
    const resolved = yield* resolveHost(process, host, options.family === undefined ? {} : { family: options.family })
    if ('error' in resolved) {
      yield* process.printError(`nc: getaddrinfo for host "${host}" port ${port}: ${resolved.message}\n`)
      return 1
    }
    address = resolved.addresses[0]!
  }
  const shown = isValidIp(host) ? host : `${host} (${address})`
  const service = options.numeric ? '*' : (serviceName(port, udp ? 'udp' : 'tcp') ?? '*')
  if (udp) return yield* connectUdp(process, options, { address, port, shown, service })
  const stream = yield* TcpStream.open(process, address, port, { ...(options.wait === undefined ? {} : { timeout: options.wait }), ...(options.source === undefined ? {} : { source: options.source }), ...(options.port === undefined ? {} : { sourcePort: options.port }) })
  if (!(stream instanceof TcpStream)) {
    if (options.verbose) yield* process.printError(`nc: connect to ${shown} port ${port} (tcp) ${stream.gaveUp ? 'timed out: Operation now in progress' : `failed: ${stream.message}`}\n`)
    return 1
  }
  if (options.verbose) yield* process.printError(`Connection to ${shown} ${port} port [tcp/${service}] succeeded!\n`)
  if (options.scan) {
    stream.close()
    return 0
  }
  const sender = process.spawnThread(
    (function* (): Task {
      for (;;) {
        const data = options.noInput ? null : yield* process.read(0)
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
  const waiting: Incoming[] = []
  let listener: TcpListener
  // getaddrinfo's first answer for a passive socket is IPv4's.
  const wildcard = address ?? (options.family === 6 ? '::' : '0.0.0.0')
  try {
    listener = process.network.sockets.listen({ port, address: wildcard, owner: ownerOf(process) }, (connection) => {
      waiting.push(new Incoming(connection))
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

function* converse(process: Process, incoming: Incoming, options: Options): Task {
  const { connection } = incoming
  if (options.verbose) yield* process.printError(`Connection received on ${yield* peerName(process, options, connection.remoteAddress)} ${connection.remotePort}\n`)
  yield* incoming.relay(process, { input: !options.noInput, ...(options.quitAfterEof === undefined ? {} : { onInputEnd: () => connection.end() }) })
}

