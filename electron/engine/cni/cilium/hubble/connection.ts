import { resolveHost } from '../../../dns/resolver.ts'
import { CallbackFile } from '../../../machine/files.ts'
import { isSystemError } from '../../../machine/errors.ts'
import { Signal, type Task } from '../../../machine/task.ts'
import type { Process } from '../../../machine/types.ts'
import { parseGoDuration } from '../../../programs/http/go.ts'
import { GRPC, GrpcChannel, grpcCodeName, type GrpcAnswer, type GrpcAnswers, type GrpcService } from '../../../programs/http2/grpc-call.ts'
import { ownerOf } from '../../../programs/stream.ts'
import type { SystemServices } from '../../../programs/types.ts'
import { decodeUtf8 } from '../../../text.ts'
import { HUBBLE_SOCKET, hubbleAt } from './agent-service.ts'

/** Ends the command with its message on stderr. */
export class HubbleError extends Error {
  readonly code: number
  constructor(message: string, code = 1) {
    super(message)
    this.code = code
  }
}

/** A call to the server; what is returned cancels it. */
export type Transport = (path: string, request: Uint8Array, answers: GrpcAnswers) => () => void
export interface Connection { call: Transport; /** What it is connected to, as the command says it. */ target: string; requestTimeout: number; close(): void }

const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ['server', true], ['port-forward', false], ['port-forward-port', true], ['kube-namespace', true], ['request-timeout', true], ['timeout', true], ['debug', false],
  ['kube-context', true], ['kubeconfig', true], ['tls', false], ['tls-allow-insecure', false], ['tls-ca-cert-files', true], ['tls-client-cert-file', true], ['tls-client-key-file', true], ['tls-server-name', true], ['basic-auth-username', true], ['basic-auth-password', true], ['config', true],
])
const UNSIMULATED = new Set(['kube-context', 'kubeconfig', 'tls', 'tls-allow-insecure', 'tls-ca-cert-files', 'tls-client-cert-file', 'tls-client-key-file', 'tls-server-name', 'basic-auth-username', 'basic-auth-password', 'config'])

export type ServerFlags = ReadonlyMap<string, string>

/** Takes the flags that are about the server out of a command's arguments (hubble/cmd/common/config/flags.go of cilium/cilium v1.17). */
export function serverFlags(args: readonly string[]): { flags: ServerFlags; rest: string[] } {
  const flags = new Map<string, string>()
  const rest: string[] = []
  // -fP is -f -P
  const queue = args.flatMap((arg) => (/^-[fPAD46]{2,}$/.test(arg) ? [...arg.slice(1)].map((letter) => `-${letter}`) : [arg]))
  for (let arg = queue.shift(); arg !== undefined; arg = queue.shift()) {
    const [, long, given] = /^--([^=]+)(?:=(.*))?$/s.exec(arg === '-P' ? '--port-forward' : arg === '-D' ? '--debug' : arg) ?? []
    const takes = long === undefined ? undefined : FLAGS.get(long)
    if (takes === undefined) {
      rest.push(arg)
      continue
    }
    if (UNSIMULATED.has(long!)) throw new HubbleError(`podhop: not simulated: hubble --${long!} (hubble-relay speaks without TLS: use --server HOST:PORT or --port-forward)`, 69)
    const value = given ?? (takes ? queue.shift() : 'true')
    if (value === undefined) throw new HubbleError(`flag needs an argument: --${long!}`)
    flags.set(long!, value)
  }
  return { flags, rest }
}

function duration(flags: ServerFlags, name: string, otherwise: number): number {
  const text = flags.get(name)
  const ms = text === undefined ? otherwise : parseGoDuration(text)
  if (ms === undefined) throw new HubbleError(`invalid argument ${JSON.stringify(text)} for "--${name}" flag: time: invalid duration ${JSON.stringify(text)}`)
  return ms
}

/** Throws HubbleError when nobody answers there. */
export function* connect(process: Process, services: SystemServices, flags: ServerFlags): Task<Connection> {
  const forward = flags.get('port-forward') === 'true'
  const requestTimeout = duration(flags, 'request-timeout', 12_000)
  const timeout = duration(flags, 'timeout', 5_000)
  const forwarded = forward ? yield* portForward(process, flags) : undefined
  const server = forwarded?.server ?? flags.get('server') ?? process.env.get('HUBBLE_SERVER') ?? 'localhost:4245'
  if (server.startsWith('tls://')) throw new HubbleError(`podhop: not simulated: hubble --server ${server} (hubble-relay speaks without TLS: use --server ${server.slice(6)})`, 69)
  const failed = (why: string): HubbleError => new HubbleError(`failed to connect to '${server}': ${why}`)
  if (server.startsWith('unix://')) {
    const path = server.slice('unix://'.length)
    const service = path === HUBBLE_SOCKET ? hubbleAt(services.nodeOf(process)?.network ?? {}) : undefined
    if (!service) throw failed(`connection error: desc = "transport: Error while dialing: dial unix ${path}: connect: no such file or directory"`)
    return { call: directly(service), target: server, requestTimeout, close: () => undefined }
  }
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(server) ?? []
  if (port === '') throw failed(`connection error: desc = "transport: Error while dialing: dial tcp: address ${server}: missing port in address"`)
  const found = yield* resolveHost(process, host)
  if ('error' in found) throw failed(`connection error: desc = "transport: Error while dialing: dial tcp: lookup ${host}: no such host"`)
  const address = found.addresses.find((a) => !a.includes(':')) ?? found.addresses[0]!
  const changed = new Signal()
  const channel = new GrpcChannel({ network: process.network, address, port: Number(port), owner: ownerOf(process), authority: server, userAgent: 'hubble-cli grpc-go/1.70.0' }, () => changed.notify())
  process.onExit(() => channel.close())
  const timer = process.clock.schedule(timeout, () => changed.notify())
  while (channel.state === 'connecting' && process.clock.now < timer.at) yield changed.wait
  process.clock.cancel(timer)
  if (channel.state !== 'ready') {
    channel.close()
    forwarded?.stop()
    throw failed(channel.error === undefined ? `context deadline exceeded: connection error: desc = "transport: Error while dialing: dial tcp ${address}:${port}: i/o timeout"` : `connection error: desc = ${JSON.stringify(channel.error)}`)
  }
  return {
    call: (...all) => channel.call(...all), target: server, requestTimeout,
    close: () => {
      channel.close()
      forwarded?.stop()
    },
  }
}

/** What client-go's port forwarder does is what kubectl does. */
function* portForward(process: Process, flags: ServerFlags): Task<{ server: string; stop(): void }> {
  const namespace = flags.get('kube-namespace') ?? 'kube-system'
  const local = flags.get('port-forward-port') ?? '4245'
  if (!/^\d+$/.test(local) || Number(local) > 65_535) throw new HubbleError(`invalid argument ${JSON.stringify(local)} for "--port-forward-port" flag: strconv.ParseUint: parsing ${JSON.stringify(local)}: ${/^\d+$/.test(local) ? 'value out of range' : 'invalid syntax'}`)
  let [out, error] = ['', '']
  const more = new Signal()
  const take = (keep: (text: string) => void): CallbackFile => new CallbackFile(process.clock, (bytes) => {
    keep(decodeUtf8(bytes))
    more.notify()
  })
  let child: Process
  try {
    child = process.spawn({ argv: ['kubectl', '-n', namespace, 'port-forward', 'service/hubble-relay', `${local === '0' ? '' : local}:80`], files: new Map([[1, take((text) => (out += text))], [2, take((text) => (error += text))]]) })
  } catch (cause) {
    if (!isSystemError(cause)) throw cause
    throw new HubbleError('podhop: not simulated: hubble --port-forward without kubectl (use --server)', 69)
  }
  const stop = (): void => child.signal('SIGTERM')
  process.onExit(stop)
  process.spawnThread((function* () {
    yield* process.wait(child)
    more.notify()
  })())
  while (!out.includes('\n') && !child.status) yield more.wait
  const [, port] = /:(\d+) ->/.exec(out) ?? []
  if (port === undefined) throw new HubbleError(`failed to port forward: ${error.trim().replace(/^(error|Error from server \(\w+\)): /i, '')}`)
  return { server: `127.0.0.1:${port}`, stop }
}

/** Over a socket of the node itself, which no packets go through. */
function directly(service: GrpcService): Transport {
  return (path, request, answers) => {
    let over = false
    const answer: GrpcAnswer = {
      onCancel: undefined,
      send: (message) => {
        if (!over) answers.onMessage(message)
      },
      end: (code = GRPC.ok, message = '') => {
        if (over) return
        over = true
        answers.onEnd(code, message)
      },
    }
    service.get(path)!(request, answer)
    return () => {
      over = true
      answer.onCancel?.()
    }
  }
}

/** One question, one answer. Throws HubbleError with gRPC's words. */
export function* ask(process: Process, { call, requestTimeout }: Connection, path: string, request: Uint8Array): Task<Uint8Array> {
  let answer: Uint8Array | undefined
  let ended: { code: number; message: string } | undefined
  const over = new Signal()
  const cancel = call(path, request, {
    onMessage: (message) => (answer = message),
    onEnd: (code, message) => {
      ended = { code, message }
      over.notify()
    },
  })
  const timer = process.clock.schedule(requestTimeout, () => over.notify())
  while (ended === undefined && process.clock.now < timer.at) yield over.wait
  process.clock.cancel(timer)
  cancel()
  if (!ended) throw new HubbleError('rpc error: code = DeadlineExceeded desc = context deadline exceeded')
  if (ended.code !== GRPC.ok) throw new HubbleError(`rpc error: code = ${grpcCodeName(ended.code)} desc = ${ended.message}`)
  return answer ?? new Uint8Array(0)
}
