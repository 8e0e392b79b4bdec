import { resolvConfOf, resolveHost } from '../../dns/resolver.ts'
import { anyOf, Signal, sleep, type Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { isValidIp, joinHostPort } from '../../network/address.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import { goJson, type GoAnswer } from '../http/go.ts'
import { HttpSyntaxError, ResponseParser, writeRequest } from '../http/message.ts'
import { ownerOf, TcpStream } from '../stream.ts'

const TIMEOUT = 5_000
const WORDS: Readonly<Record<string, string>> = { EHOSTUNREACH: 'no route to host', ENETUNREACH: 'network is unreachable', ECONNRESET: 'connection reset by peer', ECONNREFUSED: 'connection refused', ETIMEDOUT: 'connection timed out' }

type Dialled = { response: string } | { error: string }

/** netexec's /dial: asks another server `tries` times, and tells the responses and errors. */
export function* dial(process: Process, query: Map<string, string>): Task<GoAnswer> {
  const bad = (text: string): GoAnswer => ({ status: 400, headers: [['X-Content-Type-Options', 'nosniff']], body: `${text}\n` })
  const [host, port, request, tries] = ['host', 'port', 'request', 'tries'].map((name) => query.get(name) ?? '') as [string, string, string, string]
  const protocol = (query.get('protocol') ?? '').toLowerCase() || 'http'
  if (tries !== '' && !/^[+-]?\d+$/.test(tries)) return bad(`tries parameter is invalid. strconv.Atoi: parsing "${tries}": invalid syntax`)
  if (request === '') return bad('request parameter not specified. <nil>')
  if (!['http', 'udp', 'sctp'].includes(protocol)) return bad(`unsupported protocol. ${protocol}`)
  let address = host
  if (!isValidIp(host)) {
    const found = yield* resolveHost(process, host)
    if ('error' in found) return bad(`host and/or port param are invalid. lookup ${host} on ${resolvConfOf(process).nameservers[0] ?? '127.0.0.1'}:53: no such host`)
    address = found.addresses[0]!
  }
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) return bad(`host and/or port param are invalid. address ${port}: invalid port`)
  const responses: string[] = []
  const errors: string[] = []
  let last = ''
  for (let i = 0; i < Number(tries || 1); i++) {
    const one = protocol === 'http' ? yield* byHttp(process, address, Number(port), request) : protocol === 'udp' ? yield* byUdp(process, address, Number(port), request) : yield* bySctp(process, address, Number(port), request)
    if ('error' in one) errors.push(one.error)
    else responses.push(one.response)
    last = 'response' in one ? one.response : ''
  }
  return { body: goJson({ ...(errors.length > 0 ? { errors } : {}), ...(last !== '' ? { responses } : {}) }) }
}

function* byHttp(process: Process, address: string, port: number, request: string): Task<Dialled> {
  const place = joinHostPort(address, port)
  const url = `http://${place}/${request}`
  const deadline = process.clock.now + TIMEOUT
  const late = { error: `Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)` }
  const stream = yield* TcpStream.open(process, address, port, { timeout: TIMEOUT })
  if (!(stream instanceof TcpStream)) return stream.gaveUp ? late : { error: `Get "${url}": dial tcp ${place}: connect: ${WORDS[stream.code] ?? stream.code}` }
  stream.write(writeRequest('GET', `/${request}`, [['Host', place], ['User-Agent', 'Go-http-client/1.1'], ['Accept-Encoding', 'gzip']]))
  let body = ''
  let complete = false
  const parser = new ResponseParser({ onHead: () => undefined, onBody: (data) => (body += decodeUtf8(data)), onComplete: () => (complete = true) })
  try {
    while (!complete) {
      const data = yield* stream.read(process, deadline)
      if (data === null) {
        parser.end()
        break
      }
      if (!(data instanceof Uint8Array)) return data.code === 'ETIMEDOUT' ? late : { error: `Get "${url}": read tcp ${place}: read: ${WORDS[data.code] ?? data.code}` }
      parser.push(data)
    }
  } catch (error) {
    if (!(error instanceof HttpSyntaxError)) throw error
    return { error: `Get "${url}": net/http: HTTP/1.x transport connection broken: malformed HTTP response` }
  } finally {
    stream.close()
  }
  return complete ? { response: body } : { error: `Get "${url}": EOF` }
}

function* byUdp(process: Process, address: string, port: number, request: string): Task<Dialled> {
  const socket = process.network.sockets.udp({ owner: ownerOf(process, 'agnhost') })
  const changed = new Signal()
  let result: Dialled | undefined
  const failed = (why: string): Dialled => ({ error: `reading from udp connection failed. err:'read udp ${socket.address}:${socket.port}->${joinHostPort(address, port)}: ${why}'` })
  const set = (value: Dialled): void => {
    result = value
    changed.notify()
  }
  socket.onDatagram = ({ data }) => set({ response: decodeUtf8(data) })
  socket.onError = (error) => set(failed(`read: ${WORDS[error.code] ?? error.code}`))
  try {
    socket.send(encodeUtf8(request), address, port)
    yield anyOf(changed.wait, sleep(process.clock, TIMEOUT))
    return result ?? failed('i/o timeout')
  } catch (error) {
    return { error: `udp connection write failed. err:${WORDS[(error as { code: string }).code] ?? (error as Error).message}` }
  } finally {
    socket.close()
  }
}

function* bySctp(process: Process, address: string, port: number, request: string): Task<Dialled> {
  const stream = yield* TcpStream.open(process, address, port, { timeout: TIMEOUT, sctp: true })
  if (!(stream instanceof TcpStream)) return { error: `sctp dial failed. err:${WORDS[stream.code] ?? stream.message}` }
  stream.write(encodeUtf8(request))
  const data = yield* stream.read(process, process.clock.now + TIMEOUT)
  stream.close()
  return data instanceof Uint8Array ? { response: decodeUtf8(data) } : { error: `reading from sctp connection failed. err:'${data === null ? 'EOF' : (WORDS[data.code] ?? data.message)}'` }
}
