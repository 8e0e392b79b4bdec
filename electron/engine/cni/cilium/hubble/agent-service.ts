import type { KubernetesClient } from '../../../kubernetes/client.ts'
import type { Process } from '../../../machine/types.ts'
import { joinHostPort } from '../../../network/address.ts'
import type { Ip } from '../../../network/types.ts'
import { HEALTH } from '../../../programs/http2/grpc.ts'
import { GRPC, serveGrpc, type GrpcAnswer, type GrpcService } from '../../../programs/http2/grpc-call.ts'
import { ownerOf } from '../../../programs/stream.ts'
import { goRefusal, namesOf } from '../../../programs/tls/client-auth.ts'
import { DerError } from '../../../programs/tls/der.ts'
import { TlsServer } from '../../../programs/tls/socket.ts'
import { ALERTS, CIPHERS } from '../../../programs/tls/wire.ts'
import { readCertificates, type Certificate } from '../../../programs/tls/x509.ts'
import { readConfig, type AgentLog } from '../config.ts'
import { CLUSTER_NAME } from '../identity.ts'
import type { Datapath } from '../datapath.ts'
import { CILIUM_VERSION } from '../manifests.ts'
import { CILIUM_NODES, type CiliumNode } from '../objects.ts'
import { flowResponse, virtualTime } from './flow-message.ts'
import { FilterError, flowTest } from './filters.ts'
import { CAPACITY, type Flow } from './flows.ts'
import { HUBBLE, METHODS, type ChangeNotification, type FlowsRequest, type StatusResponse } from './messages.ts'

/** The agent's Hubble server: at its socket for those in its Pod, at port 4244 for hubble-relay (pkg/hubble/{observer,peer,server} of cilium/cilium v1.17). */
export const HUBBLE_SOCKET = '/var/run/cilium/hubble.sock'
const HUBBLE_PORT = 4244
const TLS = '/var/lib/cilium/tls/hubble'
/** How often it looks for certificates that are not there, ms. */
const LOOK = 10_000

/** Under which name a node's server shows its certificate (pkg/hubble/peer/handler.go). */
export function tlsServerName(node: string): string {
  return `${node.replaceAll('.', '-')}.${CLUSTER_NAME}.hubble-grpc.cilium.io`
}

const services = new WeakMap<object, GrpcService>()

/** What listens at the socket of the node with this network, if an agent does. */
export function hubbleAt(network: object): GrpcService | undefined {
  return services.get(network)
}

/** What is returned ends it. */
export function startHubble(process: Process, dp: Datapath, client: KubernetesClient, podAt: (ip: Ip) => string | undefined, log: AgentLog): () => void {
  const settings = readConfig(client)
  const { fs } = dp.context.machine
  if (settings['enable-hubble'] === 'false') return () => undefined
  if (dp.flows.since === undefined) dp.flows.start(podAt)
  const secure = settings['hubble-disable-tls'] !== 'true'
  const service = agentService(dp, client, secure)
  services.set(dp.network, service)
  fs.writeFile(HUBBLE_SOCKET, '')
  log('info', 'Starting local Hubble server', 'hubble', `address=unix://${HUBBLE_SOCKET}`)
  const close = settings['hubble-listen-address'] ? listenForRelay(process, service, secure, log) : undefined
  return () => {
    close?.()
    services.delete(dp.network)
    dp.flows.stop()
  }
}

/** Hubble's services of a node. `secure`: peers are told to use TLS. */
function agentService(dp: Datapath, client: KubernetesClient, secure: boolean): GrpcService {
  return new Map<string, (request: Uint8Array, answer: GrpcAnswer) => void>([
    [HEALTH.path, (_, answer) => reply(answer, HEALTH.encodeResponse(1))],
    [METHODS.flows, (request, answer) => answerFlows(dp, HUBBLE.decode('GetFlowsRequest', request) as FlowsRequest, answer)],
    [METHODS.status, (_, answer) => reply(answer, HUBBLE.encode('ServerStatusResponse', statusOf(dp)))],
    [METHODS.nodes, (_, answer) => answer.end(GRPC.unimplemented, 'GetNodes not implemented')],
    [METHODS.namespaces, (_, answer) => reply(answer, HUBBLE.encode('GetNamespacesResponse', { namespaces: namespacesOf(dp).map((namespace) => ({ cluster: CLUSTER_NAME, namespace })) }))],
    [METHODS.peers, (_, answer) => answerPeers(client, secure, answer)],
  ])
}

function reply(answer: GrpcAnswer, message: Uint8Array): void {
  answer.send(message)
  answer.end()
}

function statusOf({ flows, now }: Datapath): StatusResponse {
  const uptime = now - (flows.since ?? now)
  return { num_flows: String(flows.size), max_flows: String(CAPACITY), seen_flows: String(flows.seen), uptime_ns: String(Math.round(uptime * 1e6)), version: `cilium ${CILIUM_VERSION}`, flows_rate: flows.seen / Math.max(uptime / 1000, 0.001) }
}

/** Of the flows that are still there. */
function namespacesOf({ flows }: Datapath): string[] {
  return [...new Set(flows.list().flatMap((flow) => [flow.source, flow.destination].flatMap((end) => (end.pod === undefined ? [] : [end.pod.split('/')[0]!]))))].sort()
}

function answerFlows(dp: Datapath, request: FlowsRequest, answer: GrpcAnswer): void {
  let passes: ReturnType<typeof flowTest>
  try {
    passes = flowTest(request.whitelist, request.blacklist)
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    return answer.end(GRPC.unknown, `failed to build filter: ${error.message}`)
  }
  const moment = (text: string | undefined, otherwise: number): number => (text === undefined ? otherwise : virtualTime(dp.context.clock, text))
  const [since, until] = [moment(request.since, 0), moment(request.until, Infinity)]
  const number = Number(request.number ?? 0)
  const tell = (flow: Flow): void => answer.send(HUBBLE.encode('GetFlowsResponse', flowResponse(flow, dp)))
  let chosen = dp.flows.list().filter((flow) => flow.at >= since && flow.at <= until && passes(flow, dp))
  // a follower without a number begins with what comes
  if (request.follow && number === 0 && request.since === undefined) chosen = []
  else if (number > 0) chosen = request.first ? chosen.slice(0, number) : chosen.slice(-number)
  chosen.forEach(tell)
  if (!request.follow) return answer.end()
  const end = (): void => {
    stop()
    gone()
  }
  const stop = dp.flows.onFlow((flow) => {
    if (passes(flow, dp)) tell(flow)
  })
  const gone = dp.flows.onStop(() => {
    end()
    answer.end(GRPC.unavailable, 'error reading from server: EOF')
  })
  answer.onCancel = end
}

/** All nodes that have an agent, then what changes. */
function answerPeers(client: KubernetesClient, secure: boolean, answer: GrpcAnswer): void {
  const known = new Map<string, string>()
  const tell = (type: ChangeNotification['type'], name: string, address: string): void => answer.send(HUBBLE.encode('ChangeNotification', {
    name, address: joinHostPort(address, HUBBLE_PORT), type, ...(secure ? { tls: { server_name: tlsServerName(name) } } : {}),
  }))
  answer.onCancel = client.watch<CiliumNode>(CILIUM_NODES, {}, (event) => {
    if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return
    const { type, object } = event
    const { name } = object.metadata
    const address = object.spec?.addresses?.find((a) => a.type === 'InternalIP')?.ip
    const former = known.get(name)
    if (type === 'DELETED') {
      known.delete(name)
      if (former !== undefined) tell('PEER_DELETED', name, former)
    } else if (address !== undefined && address !== former) {
      known.set(name, address)
      tell(former === undefined ? 'PEER_ADDED' : 'PEER_UPDATED', name, address)
    }
  })
}

/** Port 4244: with certificates from when they are there. What is returned closes it. */
function listenForRelay(process: Process, service: GrpcService, secure: boolean, log: AgentLog): () => void {
  const { fs, clock, network } = process
  const random = clock.random.fork(`hubble tls ${process.machine.hostname}`)
  const read = (file: string): Certificate[] => readCertificates(fs.readText(`${TLS}/${file}`))
  const open = new Set<{ abort(): void }>()
  let listener: { close(): void } | undefined
  const listen = (): void => {
    if (listener || (secure && ['server.crt', 'server.key', 'client-ca.crt'].some((file) => !fs.exists(`${TLS}/${file}`)))) return
    listener = network.sockets.listen({ port: HUBBLE_PORT, owner: ownerOf(process) }, (connection) => {
      open.add(connection)
      const plain = (): void => serveGrpc(connection, service)
      if (!secure) return plain()
      const over: TlsServer = new TlsServer(connection, {
        random, alpn: ['h2'], cipher: CIPHERS.aes128, tickets: [122], acknowledgesName: false, onSecure: () => serveGrpc(over, service),
        select: () => {
          try {
            const trusted = read('client-ca.crt')
            return { chain: read('server.crt'), clients: { authorities: namesOf(trusted), verify: (chain) => goRefusal(chain, trusted, clock.wall()) } }
          } catch (error) {
            if (!(error instanceof DerError) && !(error as { code?: string }).code) throw error
            return { alert: ALERTS.internalError }
          }
        },
      })
    })
    log('info', 'Starting Hubble server', 'hubble', `address=":${HUBBLE_PORT}" tls=${String(secure)}`)
  }
  let timer: ReturnType<typeof clock.schedule> | undefined
  // certificates may come late
  const look = (): void => {
    listen()
    timer = listener ? undefined : clock.schedule(LOOK, look, { background: true })
  }
  look()
  return () => {
    clock.cancel(timer)
    listener?.close()
    for (const connection of open) connection.abort()
  }
}
