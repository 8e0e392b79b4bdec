import type { Clock } from '../../../clock.ts'
import { resolveHost } from '../../../dns/resolver.ts'
import { Signal, type Task } from '../../../machine/task.ts'
import type { Process } from '../../../machine/types.ts'
import { GrpcChannel, grpcCodeName } from '../../../programs/http2/grpc-call.ts'
import { ownerOf } from '../../../programs/stream.ts'
import { goRefusal } from '../../../programs/tls/client-auth.ts'
import { hostnameError } from '../../../programs/tls/secrets.ts'
import { ALERTS } from '../../../programs/tls/wire.ts'
import { readCertificates } from '../../../programs/tls/x509.ts'
import { tlsServerName } from './agent-service.ts'
import { HUBBLE, METHODS, type ChangeNotification } from './messages.ts'

/** hubble-relay's peers, and its connections to them (pkg/hubble/relay/pool of cilium/cilium v1.17). */
const USER_AGENT = 'grpc-go/1.70.0'
/** Between two tries to hear of peers; ms. */
const RETRY = 30_000
/** google.golang.org/grpc/backoff: the first, the factor, the longest. */
const BACKOFF = { first: 1_000, factor: 1.6, most: 120_000 }

export interface RelaySettings {
  /** "hubble-peer.kube-system.svc.cluster.local:443" */
  peerService: string
  /** Absent: disable-client-tls. */
  tls: { certificate: string; authority: string } | undefined
}

export type RelayLog = (level: 'info' | 'warning', message: string, fields?: string) => void

export class Peer {
  readonly name: string
  readonly address: string
  readonly serverName: string | undefined
  channel: GrpcChannel | undefined
  readonly #process: Process
  readonly #settings: RelaySettings
  #tries = 0
  #timer: ReturnType<Clock['schedule']> | undefined
  #closed = false

  constructor(process: Process, settings: RelaySettings, { name, address, tls }: ChangeNotification) {
    this.#process = process
    this.#settings = settings
    this.name = name
    this.address = address
    this.serverName = tls?.server_name
    this.#connect()
  }

  get available(): boolean {
    return this.channel?.state === 'ready' || (this.channel?.state === 'connecting' && this.#tries === 0)
  }

  #connect(): void {
    const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(this.address) ?? []
    this.channel = open(this.#process, this.#settings, host, Number(port), this.serverName, (channel) => {
      if (this.#closed) return
      if (channel.state === 'ready') this.#tries = 0
      if (channel.state !== 'failed' && channel.state !== 'closed') return
      const wait = channel.state === 'closed' ? 0 : Math.min(BACKOFF.first * BACKOFF.factor ** this.#tries, BACKOFF.most)
      this.#tries++
      this.#timer = this.#process.clock.schedule(wait, () => this.#connect(), { background: true })
    })
  }

  close(): void {
    this.#closed = true
    this.#process.clock.cancel(this.#timer)
    this.channel?.close()
  }
}

function open(process: Process, { tls }: RelaySettings, address: string, port: number, serverName: string | undefined, onState: (channel: GrpcChannel) => void): GrpcChannel {
  const read = (path: string): ReturnType<typeof readCertificates> => (process.fs.exists(path) ? readCertificates(process.fs.readText(path)) : [])
  return new GrpcChannel({
    network: process.network, address, port, owner: ownerOf(process), authority: serverName ?? `${address}:${port}`, userAgent: USER_AGENT,
    ...(tls && serverName !== undefined ? {
      tls: {
        serverName, random: process.clock.random.fork(`hubble-relay tls ${address} ${process.clock.now}`), certificates: read(tls.certificate),
        verify: (chain) => goRefusal(chain, read(tls.authority), process.clock.wall()) ?? (chain[0] && hostnameError(chain[0], serverName) !== undefined ? ALERTS.badCertificate : undefined),
      },
    } : {}),
  }, onState)
}

export class RelayPeers {
  readonly #process: Process
  readonly #settings: RelaySettings
  readonly #log: RelayLog
  readonly #peers = new Map<string, Peer>()
  readonly #listeners = new Set<() => void>()
  /** Somebody tells of peers. */
  connected = false

  constructor(process: Process, settings: RelaySettings, log: RelayLog) {
    this.#process = process
    this.#settings = settings
    this.#log = log
    process.spawnThread(this.#watch())
  }

  list(): Peer[] {
    return [...this.#peers.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** There are others. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    for (const peer of this.#peers.values()) peer.close()
  }

  /** One try after the other, each as long as it stands. */
  *#watch(): Task {
    const { peerService, tls } = this.#settings
    const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(peerService) ?? []
    for (;;) {
      const found = yield* resolveHost(this.#process, host.replace(/\.$/, ''))
      const error = 'error' in found ? `rpc error: code = Unavailable desc = name resolver error: produced zero addresses` : yield* this.#notify(found.addresses[0]!, Number(port), tls ? tlsServerName('hubble-peer') : undefined)
      this.#log('info', this.connected ? 'Error while receiving peer change notification; will try again after the timeout has expired' : 'Failed to create peer notify client for peers change notification; will try again after the timeout has expired', `connection timeout=${RETRY / 1000}s error=${JSON.stringify(error)}`)
      this.connected = false
      yield* this.#process.sleep(RETRY)
    }
  }

  *#notify(address: string, port: number, serverName: string | undefined): Task<string> {
    const channel = open(this.#process, this.#settings, address, port, serverName, (c) => {
      if (c.state === 'ready') this.connected = true
    })
    let ended: string | undefined
    const over = new Signal()
    const cancel = channel.call(METHODS.peers, new Uint8Array(0), {
      onMessage: (message) => this.#changed(HUBBLE.decode('ChangeNotification', message) as unknown as ChangeNotification),
      onEnd: (code, message) => {
        ended = `rpc error: code = ${grpcCodeName(code)} desc = ${message}`
        over.notify()
      },
    })
    try {
      while (ended === undefined) yield over.wait
    } finally {
      cancel()
      channel.close()
    }
    return ended
  }

  #changed(change: ChangeNotification): void {
    const { name, address, type, tls } = change
    this.#log('info', 'Received peer change notification', `change notification="name:\\"${name}\\" address:\\"${address}\\" type:${type}${tls ? ` tls:{server_name:\\"${tls.server_name}\\"}` : ''}"`)
    const former = this.#peers.get(name)
    if (type !== 'PEER_DELETED' && former?.address === address && former.serverName === tls?.server_name) return
    former?.close()
    this.#peers.delete(name)
    if (type !== 'PEER_DELETED') {
      this.#log('info', 'Connecting', `address=${address} hubble-tls=${String(tls !== undefined)} peer=${name}`)
      this.#peers.set(name, new Peer(this.#process, this.#settings, change))
    }
    for (const listener of [...this.#listeners]) listener()
  }
}
