import { resolvConfOf, resolveHost } from '../../dns/resolver.ts'
import { anyOf, Signal, sleep, type Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { isValidIp, joinHostPort } from '../../network/address.ts'
import { encodeUtf8 } from '../../text.ts'
import { parseGoDuration, parseListen } from '../http/go.ts'
import { ownerOf, TcpStream } from '../stream.ts'
import { cobraFlags } from './flags.ts'

/** Go's words for errno. */
const WORDS: Readonly<Record<string, string>> = { EHOSTUNREACH: 'no route to host', ENETUNREACH: 'network is unreachable', ECONNRESET: 'connection reset by peer', ECONNREFUSED: 'connection refused', ETIMEDOUT: 'connection timed out' }

interface Wish { address: string; port: number; timeout: number; data: string }

/** agnhost connect HOST:PORT: silence and 0, or TIMEOUT, REFUSED, DNS, OTHER or UNKNOWN, and 1. */
export function* connect(process: Process, args: readonly string[]): Task<number> {
  const flags = yield* cobraFlags(process, args, [{ name: 'timeout', kind: 'string' }, { name: 'protocol', kind: 'string' }, { name: 'udp-data', kind: 'string' }, { name: 'sctp-data', kind: 'string' }])
  if (typeof flags === 'number') return flags
  const { values, rest } = flags
  const end = function* (text: string): Task<number> {
    yield* process.printError(text)
    return 1
  }
  if (rest.length !== 1) return yield* end(`Error: accepts 1 arg(s), received ${rest.length}\n`)
  const given = values.get('timeout') ?? '0'
  const timeout = parseGoDuration(given)
  if (timeout === undefined) return yield* end(`Error: invalid argument "${given}" for "--timeout" flag: time: invalid duration "${given}"\n`)
  const protocol = values.get('protocol') ?? 'tcp'
  if (!['', 'tcp', 'udp', 'sctp'].includes(protocol)) return yield* end(`Unsupported protocol\n${protocol}`)
  const destination = rest[0]!
  const place = parseListen(destination)
  if (!place) return yield* end(`${protocol === 'tcp' ? 'UNKNOWN' : 'DNS'}: address ${destination}: missing port in address\n`)
  const host = destination.slice(0, destination.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  let address = host === '' ? '127.0.0.1' : host
  if (!isValidIp(address)) {
    const found = yield* resolveHost(process, address)
    const server = resolvConfOf(process).nameservers[0] ?? '127.0.0.1'
    if ('error' in found) return yield* end(`DNS: lookup ${host}${found.error === 'EAI_NONAME' ? ` on ${server}:53: no such host` : ` on ${server}:53: server misbehaving`}\n`)
    address = found.addresses[0]!
  }
  const wish: Wish = { address, port: place.port, timeout: timeout === 0 ? Infinity : timeout, data: `${values.get(`${protocol}-data`) ?? 'hostname'}\n` }
  if (protocol === 'udp') return yield* byUdp(process, wish, end)
  return yield* byStream(process, wish, protocol === 'sctp', end)
}

type End = (text: string) => Task<number>

function* byStream(process: Process, wish: Wish, sctp: boolean, end: End): Task<number> {
  const deadline = process.clock.now + (sctp && wish.timeout === Infinity ? 0 : wish.timeout)
  const stream = yield* TcpStream.open(process, wish.address, wish.port, { timeout: deadline - process.clock.now, sctp })
  const dial = (code: string): string => `dial ${sctp ? 'sctp' : 'tcp'} ${joinHostPort(wish.address, wish.port)}: connect: ${WORDS[code] ?? code}`
  if (!(stream instanceof TcpStream)) {
    if (stream.code === 'ETIMEDOUT') return yield* end('TIMEOUT\n')
    if (sctp) return yield* end(`OTHER: ${WORDS[stream.code] ?? stream.message}\n`)
    return yield* end(stream.code === 'ECONNREFUSED' ? 'REFUSED\n' : `OTHER: ${dial(stream.code)}\n`)
  }
  if (sctp) {
    stream.write(encodeUtf8(wish.data))
    const answer = yield* stream.read(process, deadline)
    if (answer !== null && !(answer instanceof Uint8Array)) return yield* end(answer.code === 'ETIMEDOUT' ? 'TIMEOUT\n' : `OTHER: ${WORDS[answer.code] ?? answer.message}\n`)
    if (answer === null) return yield* end('OTHER: EOF\n')
  }
  stream.close()
  return 0
}

function* byUdp(process: Process, wish: Wish, end: End): Task<number> {
  const socket = process.network.sockets.udp({ owner: ownerOf(process, 'agnhost') })
  process.onExit(() => socket.close())
  const changed = new Signal()
  let answered = false
  let broken: string | undefined
  socket.onDatagram = () => {
    answered = true
    changed.notify()
  }
  socket.onError = (error) => {
    broken = error.code
    changed.notify()
  }
  try {
    socket.send(encodeUtf8(wish.data), wish.address, wish.port)
  } catch (error) {
    broken = (error as { code: string }).code
  }
  const limit = process.clock.now + wish.timeout
  while (!answered && broken === undefined && process.clock.now < limit) {
    yield wish.timeout === Infinity ? changed.wait : anyOf(changed.wait, sleep(process.clock, limit - process.clock.now))
  }
  const here = `${socket.address}:${socket.port}->${joinHostPort(wish.address, wish.port)}`
  socket.close()
  if (broken === 'ECONNREFUSED') return yield* end(`REFUSED: read udp ${here}: read: connection refused\n`)
  if (broken !== undefined) return yield* end(`UNKNOWN: write udp ${here}: write: ${WORDS[broken] ?? broken.toLowerCase()}\n`)
  return answered ? 0 : yield* end(`TIMEOUT: read udp ${here}: i/o timeout\n`)
}
