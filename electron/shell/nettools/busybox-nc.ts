import { anyOf, canonicalIp, resolveHost, Signal, sleep, type Process, type Task } from '../../engine/cluster.ts'
import { getopt } from './getopt.ts'
import { Incoming } from './incoming.ts'
import { nameOfAddress } from './names.ts'
import { connectUdp, serveUdp } from './nc-udp.ts'
import type { Options } from './nc-options.ts'
import { servicePorts } from './services.ts'
import { pause, ownerOf, TcpStream } from './stream.ts'

/**
 * The applet nc of busybox, which is one of two: the small one of its default configuration (networking/nc.c) and Alpine's, which is
 * close to netcat 1.10 (networking/nc_bloaty.c, NC_110_COMPAT).
 */
const SMALL_USAGE = `Usage: nc [-iN] [-wN] [-l] [-p PORT] [-f FILE|IPADDR PORT] [-e PROG]

Open a pipe to IP:PORT or FILE

	-l	Listen mode, for inbound connects
		(use -ll with -e for persistent server)
	-p PORT	Local port
	-w SEC	Connect timeout
	-i SEC	Delay interval for lines sent
	-f FILE	Use file (ala /dev/ttyS0) instead of network
	-e PROG	Run PROG after connect
`
const FULL_USAGE = `Usage: nc [OPTIONS] HOST PORT  - connect
nc [OPTIONS] -l -p PORT [HOST] [PORT]  - listen

	-e PROG	Run PROG after connect (must be last)
	-l	Listen mode, for inbound connects
	-lk	With -e, provides persistent server
	-p PORT	Local port
	-s ADDR	Local address
	-w SEC	Timeout for connects and final net reads
	-i SEC	Delay interval for lines sent
	-n	Don't do DNS resolution
	-u	UDP mode
	-b	Allow broadcasts
	-v	Verbose
	-o FILE	Hex dump traffic
	-z	Zero-I/O mode (scanning)
`
/** What Alpine's C library calls errors. */
const MUSL: Readonly<Record<string, string>> = { ETIMEDOUT: 'Operation timed out', EHOSTUNREACH: 'Host is unreachable', ENETUNREACH: 'Network unreachable', EADDRNOTAVAIL: 'Address not available', EADDRINUSE: 'Address in use' }
const muslText = (error: unknown): string => MUSL[(error as { code?: string }).code ?? ''] ?? (error as Error).message

interface Plan {
  full: boolean
  listen: boolean
  scan: boolean
  udp: boolean
  numeric: boolean
  verbose: number
  /** ms */
  wait: number | undefined
  interval: number
  port: number | undefined
  source: string | undefined
}

class Refusal extends Error {}

export function* busyboxNc(process: Process): Task<number> {
  const full = process.fs.exists('/etc/alpine-release')
  const usage = `BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.\n\n${full ? FULL_USAGE : SMALL_USAGE}`
  const parsed = getopt(process.argv.slice(1), full ? 'np:s:uvw:lki:o:zbe:' : 'lp:w:i:f:e:')
  if ('invalid' in parsed || 'missing' in parsed) {
    const [musl, glibc] = 'invalid' in parsed ? [`unrecognized option: ${parsed.invalid.replace(/^--/, '')}`, `invalid option -- '${parsed.invalid.replace(/^--/, '')}'`] : [`option requires an argument: ${parsed.missing}`, `option requires an argument -- '${parsed.missing}'`]
    yield* process.printError(`nc: ${full ? musl : glibc}\n${usage}`)
    return 1
  }
  const count = (name: string): number => parsed.options.filter((o) => o.name === name).length
  const value = (name: string): string | undefined => parsed.options.findLast((o) => o.name === name)?.value
  const missing = ['e', 'f', 'o'].find((name) => count(name) > 0)
  if (missing !== undefined) {
    yield* process.printError(`podhop: not simulated: nc -${missing} (use nc with a pipe)\n`)
    return 69
  }
  try {
    const whole = (name: string): number | undefined => {
      const text = value(name)
      if (text !== undefined && !/^\d+$/.test(text)) throw new Refusal(`invalid number '${text}'`)
      return text === undefined ? undefined : Number(text)
    }
    const wait = whole('w')
    const udp = count('u') > 0
    const plan: Plan = {
      full, listen: count('l') > 0, scan: count('z') > 0, udp, numeric: count('n') > 0, verbose: count('v'), wait: wait ? wait * 1000 : undefined, interval: (whole('i') ?? 0) * 1000,
      port: value('p') === undefined ? undefined : portOf(value('p')!, udp, full ? 'bad local port' : 'bad port'), source: value('s') === undefined ? undefined : yield* addressOf(process, value('s')!),
    }
    const [host, service] = parsed.operands as [string?, string?]
    if (parsed.operands.length > 2 || (host === undefined && !plan.listen)) {
      yield* process.printError(usage)
      return 1
    }
    if (plan.listen) return yield* listen(process, plan)
    const address = yield* addressOf(process, host!)
    const port = service === undefined ? 0 : portOf(service, udp, 'bad port')
    return udp ? yield* byUdp(process, plan, host!, address, port) : yield* connect(process, plan, host!, address, port)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    yield* process.printError(`nc: ${error.message}\n`)
    return 1
  }
}

function portOf(text: string, udp: boolean, complaint: string): number {
  const port = servicePorts(text)[udp ? 'udp' : 'tcp'] ?? (/^\d+$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined)
  if (port === undefined) throw new Refusal(`${complaint} '${text}'`)
  return port
}

function* addressOf(process: Process, host: string): Task<string> {
  const literal = canonicalIp(host)
  if (literal !== undefined) return literal
  const resolved = yield* resolveHost(process, host)
  if ('error' in resolved) throw new Refusal(`bad address '${host}'`)
  return resolved.addresses[0]!
}

const withPort = (address: string, port: number): string => (address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`)

function* connect(process: Process, plan: Plan, host: string, address: string, port: number): Task<number> {
  const stream = yield* TcpStream.open(process, address, port, { ...(plan.wait === undefined ? {} : { timeout: plan.wait }), ...(plan.source === undefined ? {} : { source: plan.source }), ...(plan.port === undefined ? {} : { sourcePort: plan.port }) })
  const shown = `${host} (${withPort(address, port)})`
  const end = function* (code: number, sent = 0, received = 0): Task<number> {
    if (plan.verbose > 1) yield* process.printError(`sent ${sent}, rcvd ${received}\n`)
    return code
  }
  if (!(stream instanceof TcpStream)) {
    if (!plan.full) throw new Refusal(stream.gaveUp ? 'timed out' : `can't connect to remote host (${address}): ${stream.message}`)
    if (plan.verbose > 1 || (plan.verbose > 0 && stream.code !== 'ECONNREFUSED')) yield* process.printError(`nc: ${shown}: ${muslText(stream)}\n`)
    return yield* end(1)
  }
  if (plan.verbose > 0) yield* process.printError(`${shown} open\n`)
  if (plan.scan) {
    stream.close()
    return yield* end(0)
  }
  const state = { sent: 0, received: 0, inputEnded: false }
  const sender = process.spawnThread(
    (function* (): Task {
      for (;;) {
        const data = yield* process.read(0)
        if (data === null) break
        stream.write(data)
        state.sent += data.length
        if (plan.interval > 0) yield pause(process, plan.interval)
      }
      state.inputEnded = true
      stream.end()
    })(),
  )
  // Alpine's gives up after twice -w without anything, once its own input has ended
  for (let silent = 0; ;) {
    const data = yield* stream.read(process, plan.full && plan.wait !== undefined ? process.clock.now + plan.wait : Infinity)
    if (data instanceof Uint8Array) {
      state.received += data.length
      yield* process.print(data)
    } else if (data?.code === 'ETIMEDOUT' && plan.wait !== undefined && !stream.isOver) {
      if (state.inputEnded && ++silent === 2) break
    } else break
  }
  if (plan.full && !state.inputEnded) while (!state.inputEnded && process.terminalOf(0)) yield sleep(process.clock, 100, { background: true })
  sender.kill()
  stream.close()
  return yield* end(0, state.sent, state.received)
}

/** By UDP there is nothing to connect to; -z asks twice, and only a closed port answers. */
function* byUdp(process: Process, plan: Plan, host: string, address: string, port: number): Task<number> {
  const shown = `${host} (${withPort(address, port)})`
  if (!plan.scan) {
    if (plan.verbose > 0) yield* process.printError(`${shown} open\n`)
    return yield* connectUdp(process, optionsOf(plan), { address, port, shown: host, service: '*' })
  }
  const signal = new Signal()
  let refused = false
  const socket = process.network.sockets.udp({ owner: ownerOf(process), ...(plan.port === undefined ? {} : { port: plan.port }), ...(plan.source === undefined ? {} : { address: plan.source }) })
  process.onExit(() => socket.close())
  socket.connect(address, port, plan.source)
  socket.onError = (error) => {
    refused ||= error.code === 'ECONNREFUSED'
    signal.notify()
  }
  socket.send(Uint8Array.of(0), address, port)
  const until = process.clock.now + (plan.wait ?? 1000)
  while (!refused && process.clock.now < until) yield anyOf(signal.wait, pause(process, until - process.clock.now))
  if (!refused) socket.send(Uint8Array.of(0), address, port)
  socket.close()
  if (!refused && plan.verbose > 0) yield* process.printError(`${shown} open\n`)
  if (refused && plan.verbose > 1) yield* process.printError(`nc: ${shown}: Connection refused\n`)
  if (plan.verbose > 1) yield* process.printError('sent 0, rcvd 0\n')
  return refused ? 1 : 0
}

const optionsOf = (plan: Plan): Options => ({ listen: plan.listen, keep: false, scan: false, verbose: false, numeric: true, noInput: false, wait: plan.wait, port: plan.port, source: plan.source, quitAfterEof: undefined, family: undefined })

function* listen(process: Process, plan: Plan): Task<number> {
  const six = plan.full && process.network.sysctl('net.ipv6.conf.all.disable_ipv6') !== '1'
  const address = plan.source ?? (six ? '::' : '0.0.0.0')
  if (plan.udp) {
    if (plan.verbose > 0) yield* process.printError(`listening on ${withPort(address, plan.port ?? 0)} ...\n`)
    return yield* serveUdp(process, optionsOf(plan), plan.port ?? 0, address)
  }
  const signal = new Signal()
  let incoming: Incoming | undefined
  let listener
  try {
    listener = process.network.sockets.listen({ port: plan.port ?? 0, address, owner: ownerOf(process) }, (connection) => {
      // one is all it takes
      if (incoming) return connection.abort()
      incoming = new Incoming(connection)
      signal.notify()
    })
  } catch (error) {
    throw new Refusal(`bind: ${plan.full ? muslText(error) : (error as Error).message}`)
  }
  const open = listener
  process.onExit(() => open.close())
  if (plan.verbose > 0) yield* process.printError(`listening on ${withPort(address, plan.port ?? 0)} ...\n`)
  const until = plan.wait === undefined ? Infinity : process.clock.now + plan.wait
  while (!incoming) {
    if (process.clock.now >= until) throw new Refusal(plan.full ? 'timeout' : 'timed out')
    yield until === Infinity ? signal.wait : anyOf(signal.wait, pause(process, until - process.clock.now))
  }
  const accepted = incoming.connection
  if (plan.verbose > 0) {
    const mapped = (ip: string): string => (six && !ip.includes(':') ? `::ffff:${ip}` : ip)
    const remote = withPort(mapped(accepted.remoteAddress), accepted.remotePort)
    const name = plan.numeric ? undefined : yield* nameOfAddress(process, accepted.remoteAddress)
    yield* process.printError(`connect to ${withPort(mapped(accepted.localAddress), accepted.localPort)} from ${name === undefined ? remote : `${name}:${accepted.remotePort}`} (${remote})\n`)
  }
  open.close()
  yield* incoming.relay(process, { onInputEnd: () => accepted.end() })
  return 0
}
