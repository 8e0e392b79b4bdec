import type { Task } from '../../../machine/task.ts'
import type { Process, Program } from '../../../machine/types.ts'
import { GRPC, grpcCodeName, serveGrpc, type GrpcAnswer, type GrpcService } from '../../../programs/http2/grpc-call.ts'
import { HEALTH } from '../../../programs/http2/grpc.ts'
import { parseListen } from '../../../programs/http/go.ts'
import { Output, untilSignal } from '../../../programs/output.ts'
import { ownerOf } from '../../../programs/stream.ts'
import { CLUSTER_NAME } from '../identity.ts'
import { logger } from '../log.ts'
import { CILIUM_VERSION } from '../manifests.ts'
import { rfc3339, virtualTime } from './flow-message.ts'
import { HUBBLE, METHODS, type FlowsRequest, type FlowsResponse, type NamespaceMessage, type NodeMessage, type NodeStatusEvent, type StatusResponse } from './messages.ts'
import { RelayPeers, type Peer } from './relay-peers.ts'

/** hubble-relay of v1.17: asks the Hubble server of every node, and answers as one (pkg/hubble/relay of cilium/cilium). */
const CONFIG = '/etc/hubble-relay/config.yaml'
const HEALTH_PORT = 4222
/** sort-buffer-drain-timeout and peerUpdateInterval, ms. */
const DRAIN = 1_000
const UPDATE = 2_000

export const hubbleRelay: Program = function* (process) {
  const out = new Output(process, 2)
  const write = logger(process, out)
  const log = (level: 'info' | 'warning', message: string, fields?: string): void => write(level, message, 'hubble-relay', fields)
  const [, command, ...more] = process.argv
  if (command === 'version') {
    yield* process.print(`hubble-relay ${CILIUM_VERSION.slice(1)} go version go1.24.2 linux/amd64\n`)
    return 0
  }
  const other = more.find((word) => word !== '--debug')
  if (command !== 'serve' || other !== undefined) {
    yield* process.printError(`podhop: not simulated: hubble-relay ${[command, other].filter(Boolean).join(' ')} (use hubble-relay serve and ${CONFIG})\n`)
    return 69
  }
  const config = new Map((process.fs.exists(CONFIG) ? process.fs.readText(CONFIG) : '').split('\n').flatMap((line) => {
    const [, key, value = ''] = /^([\w-]+):\s*(.*)$/.exec(line) ?? []
    return key === undefined ? [] : [[key, value.replace(/^"(.*)"$/, '$1')] as const]
  }))
  const plain = config.get('disable-client-tls') === 'true'
  const listen = parseListen(config.get('listen-address') ?? ':4245')
  if (!listen || config.get('disable-server-tls') !== 'true') {
    write('fatal', listen ? 'failed to create a server: podhop: not simulated: TLS of hubble-relay\'s own server (use disable-server-tls: true)' : `invalid listen-address ${config.get('listen-address') ?? ''}`, 'hubble-relay')
    yield* out.flush()
    return 1
  }
  const peers = new RelayPeers(process, {
    peerService: config.get('peer-service') ?? 'unix:///var/run/cilium/hubble.sock',
    tls: plain ? undefined : { certificate: config.get('tls-hubble-client-cert-file') ?? config.get('tls-client-cert-file') ?? '', authority: config.get('tls-hubble-server-ca-files') ?? '' },
  }, log)
  log('info', 'Starting gRPC server...', `options="{peerTarget:${config.get('peer-service') ?? ''} listenAddress:${config.get('listen-address') ?? ''}}"`)
  log('info', 'Starting gRPC health server...', `addr=":${HEALTH_PORT}"`)
  const service = relayService(process, peers)
  const health: GrpcService = new Map([[HEALTH.path, service.get(HEALTH.path)!]])
  for (const [place, what] of [[listen, service], [{ port: HEALTH_PORT }, health]] as const) {
    const listener = process.network.sockets.listen({ port: place.port, ...('address' in place && place.address ? { address: place.address } : {}), owner: ownerOf(process) }, (connection) => serveGrpc(connection, what))
    process.onExit(() => listener.close())
  }
  process.onExit(() => peers.close())
  yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
  log('info', 'Stopping server...')
  yield* out.flush()
  return 0
}

function relayService(process: Process, peers: RelayPeers): GrpcService {
  const one = (answer: GrpcAnswer, message: Uint8Array): void => {
    answer.send(message)
    answer.end()
  }
  return new Map<string, (request: Uint8Array, answer: GrpcAnswer) => void>([
    [HEALTH.path, (_, answer) => one(answer, HEALTH.encodeResponse(peers.connected && peers.list().some((p) => p.available) ? 1 : 2))],
    [METHODS.status, (_, answer) => askAll<StatusResponse>(peers.list(), METHODS.status, 'ServerStatusResponse', (all) => one(answer, HUBBLE.encode('ServerStatusResponse', together(all))))],
    [METHODS.nodes, (_, answer) => askAll<StatusResponse>(peers.list(), METHODS.status, 'ServerStatusResponse', (all) => one(answer, HUBBLE.encode('GetNodesResponse', { nodes: all.map(nodeOf) })))],
    [METHODS.namespaces, (_, answer) => askAll<{ namespaces?: NamespaceMessage[] }>(peers.list(), METHODS.namespaces, 'GetNamespacesResponse', (all) => {
      const names = [...new Set(all.flatMap(({ said }) => said?.namespaces?.map((n) => n.namespace) ?? []))].sort()
      one(answer, HUBBLE.encode('GetNamespacesResponse', { namespaces: names.map((namespace) => ({ cluster: CLUSTER_NAME, namespace })) }))
    })],
    [METHODS.flows, (request, answer) => new FlowCollector(process, peers, request, answer).start()],
  ])
}

/** `said`: undefined when the peer is not there, or did not answer. */
interface Said<T> { peer: Peer; available: boolean; said: T | undefined }

function askAll<T>(peers: readonly Peer[], path: string, message: string, done: (all: Said<T>[]) => void): void {
  const all: Said<T>[] = peers.map((peer) => ({ peer, available: peer.available, said: undefined }))
  let waiting = all.filter(({ available }) => available).length
  if (waiting === 0) return done(all)
  for (const each of all) {
    if (!each.available) continue
    each.peer.channel!.call(path, new Uint8Array(0), {
      onMessage: (data) => (each.said = HUBBLE.decode(message, data) as T),
      onEnd: () => {
        if (--waiting === 0) done(all)
      },
    })
  }
}

function together(all: readonly Said<StatusResponse>[]): StatusResponse {
  const there = all.flatMap(({ said }) => said ?? [])
  const gone = all.filter(({ said }) => said === undefined).map(({ peer }) => peer.name)
  const sum = (of: (status: StatusResponse) => string | undefined): string => String(there.reduce((n, status) => n + BigInt(of(status) ?? 0), 0n))
  return {
    num_flows: sum((s) => s.num_flows), max_flows: sum((s) => s.max_flows), seen_flows: sum((s) => s.seen_flows), uptime_ns: String(there.reduce((n, { uptime_ns = '0' }) => (BigInt(uptime_ns) > n ? BigInt(uptime_ns) : n), 0n)),
    num_connected_nodes: there.length, num_unavailable_nodes: gone.length, unavailable_nodes: gone.slice(0, 10), version: `hubble-relay ${CILIUM_VERSION}`, flows_rate: there.reduce((n, { flows_rate = 0 }) => n + flows_rate, 0),
  }
}

function nodeOf({ peer: { name, address, serverName }, available, said }: Said<StatusResponse>): NodeMessage {
  const tls = { enabled: serverName !== undefined, server_name: serverName ?? '' }
  if (!said) return { name, address, tls, state: available ? 'NODE_ERROR' : 'NODE_UNAVAILABLE' }
  const { version = '', uptime_ns = '0', num_flows = '0', max_flows = '0', seen_flows = '0' } = said
  return { name, version, address, state: 'NODE_CONNECTED', tls, uptime_ns, num_flows, max_flows, seen_flows }
}

/** GetFlows: the same asked of every peer, sorted by time. */
class FlowCollector {
  readonly #process: Process
  readonly #peers: RelayPeers
  readonly #request: Uint8Array
  readonly #follow: boolean
  readonly #answer: GrpcAnswer
  readonly #asked = new Map<string, () => void>()
  #waiting: { response: FlowsResponse; order: number }[] = []
  #order = 0
  #over = false

  constructor(process: Process, peers: RelayPeers, request: Uint8Array, answer: GrpcAnswer) {
    this.#process = process
    this.#peers = peers
    this.#request = request
    this.#follow = (HUBBLE.decode('GetFlowsRequest', request) as FlowsRequest).follow === true
    this.#answer = answer
  }

  start(): void {
    this.#answer.onCancel = () => this.#end()
    const unavailable = this.#peers.list().filter((peer) => !peer.available).map(({ name }) => name)
    const connected = this.#peers.list().filter((peer) => peer.available).map(({ name }) => name)
    if (connected.length > 0) this.#send({ state_change: 'NODE_CONNECTED', node_names: connected })
    if (unavailable.length > 0) this.#send({ state_change: 'NODE_UNAVAILABLE', node_names: unavailable })
    this.#collect()
    if (this.#asked.size === 0 && !this.#follow) return this.#finish()
    if (this.#follow) this.#process.spawnThread(this.#keepUp())
  }

  *#keepUp(): Task {
    let next = this.#process.clock.now + UPDATE
    while (!this.#over) {
      yield* this.#process.sleep(DRAIN)
      this.#drain(this.#process.clock.now - DRAIN)
      if (this.#process.clock.now < next) continue
      next = this.#process.clock.now + UPDATE
      this.#collect()
    }
  }

  #collect(): void {
    for (const peer of this.#peers.list()) {
      if (this.#over || this.#asked.has(peer.name) || !peer.available) continue
      this.#asked.set(peer.name, () => undefined)
      const cancel = peer.channel!.call(METHODS.flows, this.#request, {
        onMessage: (data) => this.#waiting.push({ response: HUBBLE.decode('GetFlowsResponse', data) as unknown as FlowsResponse, order: this.#order++ }),
        onEnd: (code, message) => {
          if (code !== GRPC.ok && code !== GRPC.canceled) this.#send({ state_change: 'NODE_ERROR', node_names: [peer.name], message: code === GRPC.unknown ? message : `rpc error: code = ${grpcCodeName(code)} desc = ${message}` })
          this.#asked.delete(peer.name)
          if (this.#asked.size === 0 && !this.#follow) this.#finish()
        },
      })
      if (this.#asked.has(peer.name)) this.#asked.set(peer.name, cancel)
    }
  }

  /** What is older than virtual `until`, by time. */
  #drain(until: number): void {
    const at = ({ response }: { response: FlowsResponse }): number => virtualTime(this.#process.clock, response.time)
    const ready = this.#waiting.filter((each) => at(each) <= until)
    this.#waiting = this.#waiting.filter((each) => at(each) > until)
    ready.sort((a, b) => at(a) - at(b) || a.order - b.order)
    for (const { response } of ready) this.#answer.send(HUBBLE.encode('GetFlowsResponse', response))
  }

  #send(node_status: NodeStatusEvent): void {
    this.#answer.send(HUBBLE.encode('GetFlowsResponse', { node_status, node_name: `${CLUSTER_NAME}/${this.#process.machine.hostname}`, time: rfc3339(this.#process.clock, this.#process.clock.now) }))
  }

  #finish(): void {
    if (this.#over) return
    this.#drain(Infinity)
    this.#over = true
    this.#answer.end()
  }

  #end(): void {
    this.#over = true
    for (const cancel of this.#asked.values()) cancel()
    this.#asked.clear()
  }
}
