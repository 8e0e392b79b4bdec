import { canonicalIp, capable, isValidIp, resolveHost, Signal, type Process, type Task, type TcpListener } from '../../../engine/cluster.ts'
import { isSystemError } from '../../../engine/machine/errors.ts'
import { createPipe } from '../../../engine/machine/pipe.ts'
import { servicePorts } from '../services.ts'
import { ownerOf, pause, TcpStream } from '../stream.ts'
import { SocatError, type SocatAddress } from './address.ts'
import { ChildFailed, datagramEnd, echoEnd, fileEnd, streamEnd, type DatagramEnd, type Endpoint } from './endpoint.ts'

/** Tells what happens: errors, warnings, notices. `pid`: of a child. */
export type Journal = (level: 'E' | 'W' | 'N', text: string, pid?: number) => Task

/** `environment`: what a command at the other address learns of a connection; `listening`: the notice of waiting for the next. */
export interface Opened { end: Endpoint; environment?: ReadonlyMap<string, string> | undefined; listening?: string }

interface Wishes { reads: boolean; writes: boolean; journal: Journal; family: 4 | 6 | undefined; peer?: ReadonlyMap<string, string> | undefined }

/** An address as socat's messages have it: AF=2 10.0.0.1:80. */
function shown(address: string, port: number): string {
  if (!address.includes(':')) return `AF=2 ${address}:${port}`
  const [head = '', tail] = address.split('::')
  const groups = (text: string | undefined): string[] => (text ? text.split(':') : [])
  const [front, back] = [groups(head), groups(tail)]
  const all = tail === undefined ? front : [...front, ...Array<string>(8 - front.length - back.length).fill('0'), ...back]
  return `AF=10 [${all.map((g) => g.padStart(4, '0')).join(':')}]:${port}`
}

export function* open(process: Process, address: SocatAddress, wishes: Wishes): Task<Opened | { next(): Task<Opened> }> {
  const { type, params } = address
  const { journal } = wishes
  if (type === 'STDIO' || type === 'STDIN' || type === 'STDOUT' || type === 'STDERR') {
    yield* journal('N', type === 'STDIO' && wishes.reads && wishes.writes ? 'reading from and writing to stdio' : wishes.writes && !wishes.reads ? 'writing to stdout' : 'reading from stdin')
    const [input, output] = [process.files.get(0), process.files.get(type === 'STDERR' ? 2 : 1)]
    return { end: fileEnd(type === 'STDIO' || type === 'STDIN' ? input : undefined, type === 'STDIN' ? undefined : output, '0,1', 0, false) }
  }
  if (type === 'PIPE') return { end: echoEnd(process) }
  if (type === 'EXEC' || type === 'SYSTEM') return yield* command(process, address, wishes)
  if (['OPEN', 'GOPEN', 'CREATE'].includes(type)) return { end: yield* file(process, address, wishes) }
  if (type.startsWith('UDP')) return type.includes('-') ? yield* udpServer(process, address, wishes) : { end: yield* udpClient(process, address, wishes) }
  if (type.endsWith('-LISTEN')) return yield* listen(process, address, wishes)
  return { end: yield* connect(process, address, wishes, params) }
}

function* file(process: Process, { type, params: [path = ''], options }: SocatAddress, { reads, writes, journal }: Wishes): Task<Endpoint> {
  const exists = process.fs.exists(process.resolve(path))
  const isNew = type === 'CREATE' || options.has('creat') || (type === 'GOPEN' && writes)
  if (!exists && !isNew) throw new SocatError(type === 'GOPEN' ? `open("${path}", 00, 0666): No such file or directory` : `open("${path}", 02, 0666): No such file or directory`)
  const way = `${reads && writes ? 'reading and writing' : reads ? 'reading' : 'writing'}`
  yield* journal('N', `opening regular file "${path}" for ${way}`)
  try {
    const writer = !writes || options.has('rdonly') ? undefined : process.open(path, type === 'CREATE' || options.has('trunc') ? 'write' : 'append')
    const reader = !reads || options.has('wronly') ? undefined : process.open(path, 'read')
    return fileEnd(reader, writer, '5,5', 5, true)
  } catch (error) {
    if (!isSystemError(error)) throw error
    throw new SocatError(`open("${path}", 02, 0666): ${error.message}`)
  }
}

function* command(process: Process, { type, params: [text = ''], options }: SocatAddress, { journal, peer }: Wishes): Task<Opened> {
  const argv = type === 'SYSTEM' ? ['sh', '-c', text] : text.split(' ').filter((w) => w !== '')
  if (argv.length === 0) throw new SocatError('EXEC: no command')
  yield* journal('N', 'forking off child, using socket for reading and writing')
  const [input, output] = [createPipe(process.clock), createPipe(process.clock)]
  const files = new Map(process.files).set(0, input.reader).set(1, output.writer)
  if (options.has('stderr')) files.set(2, output.writer)
  const env = new Map([...process.env, ...(peer ?? []), ['SOCAT_VERSION', '1.7.4.4'], ['SOCAT_PID', String(process.pid)], ['SOCAT_PPID', String(process.parent?.pid ?? process.pid)]])
  try {
    const child = process.spawn({ argv, files, env })
    yield* journal('N', `forked off child process ${child.pid}`)
    yield* journal('N', `forked off child process ${child.pid}`)
    if (type === 'EXEC') yield* journal('N', `execvp'ing "${argv[0]}"`, child.pid)
    input.reader.release()
    output.writer.release()
    const end = fileEnd(output.reader, input.writer, '5,5', 5, true)
    return { end: { ...end, read: () => untilChildEnds(process, child, end) } }
  } catch (error) {
    if (!isSystemError(error)) throw error
    yield* journal('E', `execvp("${argv[0]}", "${argv[0]}"): ${error.message}`, process.pid + 1)
    throw new SocatError(`waitpid(): child ${process.pid + 1} exited with status 1`)
  }
}

/** A command that fails ends socat, too. */
function* untilChildEnds(process: Process, child: Process, end: Endpoint): Task<Uint8Array | null> {
  const data = yield* end.read()
  if (data) return data
  const { code, signal } = yield* process.wait(child)
  if (code !== 0 && signal === undefined) throw new ChildFailed(`waitpid(): child ${child.pid} exited with status ${code}`)
  return null
}

// ---- connections ----------------------------------------------------------------------------------------------------

function familyOf(type: string, preferred: 4 | 6 | undefined): 4 | 6 | undefined {
  const digit = /^[A-Z]+([46])/.exec(type)?.[1]
  return digit === undefined ? preferred : digit === '4' ? 4 : 6
}

function portOf(text: string, host: string, udp: boolean): number {
  if (/^\d+$/.test(text)) return Number(text) & 0xff_ff
  const port = servicePorts(text)[udp ? 'udp' : 'tcp']
  if (port === undefined) throw new SocatError(`getaddrinfo"${host}", "${text}", {1,0,${udp ? 2 : 1},0}, {}): Servname not supported for ai_socktype`)
  return port
}

function* resolved(process: Process, { type }: SocatAddress, host: string, preferred: 4 | 6 | undefined): Task<string> {
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  if (isValidIp(bare)) return canonicalIp(bare)!
  const family = familyOf(type, preferred)
  const found = yield* resolveHost(process, bare, family === undefined ? {} : { family })
  if ('error' in found) throw new SocatError(`getaddrinfo("${host}", "NULL", {1,${family === 6 ? 10 : family === 4 ? 2 : 0},${type.startsWith('UDP') ? '2,17' : '1,6'}}, {}): ${found.message}`)
  return found.addresses[0]!
}

function milliseconds(options: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = options.get(name)
  if (text === undefined) return undefined
  if (!/^\d+(\.\d+)?$/.test(text)) throw new SocatError(`parseopts(): missing numerical value of option "${name}=${text}"`)
  return Number(text) * 1000
}

function* connect(process: Process, address: SocatAddress, { journal, family }: Wishes, [host = '', service = '']: readonly string[]): Task<Endpoint> {
  const { type, options } = address
  const timeout = milliseconds(options, 'connect-timeout')
  const interval = milliseconds(options, 'interval') ?? 1000
  const to = yield* resolved(process, address, host, family)
  const port = portOf(service, host, false)
  const source = options.get('bind')?.replace(/:.*/, '')
  const sourcePort = options.get('sourceport')
  for (let left = options.has('forever') ? Infinity : Number(options.get('retry') ?? 0); ; left--) {
    yield* journal('N', `opening connection to ${shown(to, port)}`)
    const stream = yield* TcpStream.open(process, to, port, { ...(timeout === undefined ? {} : { timeout }), ...(source ? { source } : {}), ...(sourcePort === undefined ? {} : { sourcePort: Number(sourcePort) }), ...(type.startsWith('SCTP') ? { sctp: true } : {}) })
    if (stream instanceof TcpStream) {
      const { connection } = stream
      yield* journal('N', `successfully connected from local address ${shown(connection.localAddress, connection.localPort)}`)
      return streamEnd(connection, 5)
    }
    const problem = `connect(5, ${shown(to, port)}, ${to.includes(':') ? 28 : 16}): ${stream.message}`
    yield* journal('W', 'recvmsg(): Resource temporarily unavailable')
    if (left <= 0) throw new SocatError(problem)
    yield* journal('W', problem)
    yield pause(process, interval)
  }
}

const ANY = '0.0.0.0'

function bindOf({ type, options }: SocatAddress, family: 4 | 6 | undefined): string {
  return canonicalIp((options.get('bind') ?? '').replace(/^\[(.*)\]$/, '$1')) ?? (familyOf(type, family) === 6 ? '::' : ANY)
}

function bindError(error: unknown, local: string, port: number): SocatError {
  if (!isSystemError(error)) throw error
  return new SocatError(`bind(5, {${shown(local, port)}}, ${local.includes(':') ? 28 : 16}): ${error.message}`)
}

function* listen(process: Process, address: SocatAddress, { journal, family }: Wishes): Task<Opened | { next(): Task<Opened> }> {
  const { type, params: [service = ''], options } = address
  const local = bindOf(address, family)
  const port = portOf(service, 'NULL', false)
  if (port > 0 && port < 1024 && !capable(process, 'NET_BIND_SERVICE')) throw new SocatError(`bind(5, {${shown(local, port)}}, 16): Permission denied`)
  const waiting: Opened[] = []
  const signal = new Signal()
  let listener: TcpListener
  try {
    const { sockets } = process.network
    listener = (type.startsWith('SCTP') ? sockets.sctp : sockets).listen({ port, address: local, owner: ownerOf(process) }, (connection) => {
      waiting.push({ end: streamEnd(connection, 6), environment: peerOf(connection), listening })
      signal.notify()
    })
  } catch (error) {
    throw bindError(error, local, port)
  }
  const listening = `listening on ${shown(local, listener.port)}`
  process.onExit(() => listener.close())
  yield* journal('N', listening)
  const next = function* (): Task<Opened> {
    while (waiting.length === 0) yield signal.wait
    const one = waiting.shift()!
    const env = one.environment!
    yield* journal('N', `accepting connection from ${shown(env.get('SOCAT_PEERADDR')!, Number(env.get('SOCAT_PEERPORT')))} on ${shown(env.get('SOCAT_SOCKADDR')!, Number(env.get('SOCAT_SOCKPORT')))}`)
    return one
  }
  if (options.has('fork')) return { next }
  const one = yield* next()
  listener.close()
  return one
}

function peerOf({ remoteAddress, remotePort, localAddress, localPort }: { remoteAddress: string; remotePort: number; localAddress: string; localPort: number }): ReadonlyMap<string, string> {
  return new Map([['SOCAT_PEERADDR', remoteAddress], ['SOCAT_PEERPORT', String(remotePort)], ['SOCAT_SOCKADDR', localAddress], ['SOCAT_SOCKPORT', String(localPort)]])
}

// ---- datagrams ------------------------------------------------------------------------------------------------------

function* udpClient(process: Process, address: SocatAddress, { journal, family }: Wishes): Task<Endpoint> {
  const { params: [host = '', service = ''], options } = address
  const to = yield* resolved(process, address, host, family)
  const port = portOf(service, host, true)
  const local = canonicalIp((options.get('bind') ?? '').replace(/:\d*$/, '')) ?? (to.includes(':') ? '::' : ANY)
  const sourcePort = options.get('sourceport')
  const socket = process.network.sockets.udp({ owner: ownerOf(process), address: local, ...(sourcePort === undefined ? {} : { port: Number(sourcePort) }) })
  process.onExit(() => socket.close())
  yield* journal('N', `opening connection to ${shown(to, port)}`)
  socket.connect(to, port)
  const end = datagramEnd((data) => void socket.send(data, to, port), () => socket.close(), 5)
  socket.onDatagram = ({ data }) => end.arrived(data)
  socket.onError = (error) => end.failed(error.message)
  yield* journal('N', `successfully connected from local address ${shown(process.network.sourceFor(to) ?? ANY, socket.port)}`)
  return end
}

/** UDP-LISTEN: a conversation with each peer; UDP-RECVFROM: with each datagram; UDP-RECV: all that comes, without answers. */
function* udpServer(process: Process, address: SocatAddress, { journal, family }: Wishes): Task<Opened | { next(): Task<Opened> }> {
  const { type, params: [service = ''], options } = address
  const local = bindOf(address, family)
  const port = portOf(service, 'NULL', true)
  const [single, mute] = [type.endsWith('-RECVFROM'), type.endsWith('-RECV')]
  let socket
  try {
    socket = process.network.sockets.udp({ owner: ownerOf(process), address: local, port })
  } catch (error) {
    throw bindError(error, local, port)
  }
  const opened = socket
  process.onExit(() => opened.close())
  const peers = new Map<string, DatagramEnd>()
  const waiting: Opened[] = []
  const signal = new Signal()
  const fork = options.has('fork')
  const listening = single ? `receiving on ${shown(local, port)}` : `listening on UDP ${shown(local, port)}`
  const common = mute ? datagramEnd(() => undefined, () => opened.close(), 5) : undefined
  opened.onDatagram = ({ source, sourcePort, destination, data }) => {
    const key = `${source} ${sourcePort}`
    const known = common ?? peers.get(key)
    if (known) return known.arrived(data)
    // who is spoken with is one alone
    if (!fork && peers.size > 0) return
    const end: DatagramEnd = datagramEnd((bytes) => void opened.send(bytes, source, sourcePort, { source: destination }), () => (fork ? void peers.delete(key) : opened.close()), 5)
    if (!single || !fork) peers.set(key, end)
    end.arrived(data)
    if (single) end.over()
    waiting.push({ end, environment: peerOf({ remoteAddress: source, remotePort: sourcePort, localAddress: destination, localPort: port }), listening })
    signal.notify()
  }
  if (common) return { end: common }
  yield* journal('N', listening)
  const next = function* (): Task<Opened> {
    while (waiting.length === 0) yield signal.wait
    const one = waiting.shift()!
    const env = one.environment!
    yield* journal('N', `${single ? 'receiving packet' : 'accepting UDP connection'} from ${shown(env.get('SOCAT_PEERADDR')!, Number(env.get('SOCAT_PEERPORT')))}`)
    return one
  }
  return fork ? { next } : yield* next()
}
