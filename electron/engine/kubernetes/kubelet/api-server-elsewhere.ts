import type { NodeContext } from '../../cni/types.ts'
import type { Timer } from '../../clock.ts'
import { joinHostPort, nthAddress } from '../../network/address.ts'
import type { KubernetesClient } from '../client.ts'
import { ApiConnection } from '../connection.ts'
import type { ApiServerAt } from './configuration.ts'
import { dial } from './dial.ts'

/** Between tries, and how long one may take: registerWithAPIServer's longest step, and net/http's DialContext. */
const RETRY = 7_000
const DIAL = 30_000
const CAUSE = 'kubeconfig'
const UNKNOWN_AUTHORITY = 'tls: failed to verify certificate: x509: certificate signed by unknown authority'

/** The API server as a kubeconfig names it that is not kubeadm's: it is asked at that address, by packets, until it answers. */
export class ApiServerElsewhere {
  readonly client: KubernetesClient
  readonly #connection: ApiConnection
  readonly #node: NodeContext
  readonly #at: ApiServerAt
  #abort: (() => void) | undefined
  #timer: Timer | undefined

  constructor(node: NodeContext, at: ApiServerAt) {
    this.#node = node
    this.#at = at
    this.client = this.#connection = new ApiConnection(node.clock, node.client, { address: joinHostPort(at.host, at.port), kind: 'agent' })
    this.#connection.block(CAUSE)
    this.#try()
  }

  stop(): void {
    this.#abort?.()
    this.#abort = undefined
    this.#node.clock.cancel(this.#timer)
  }

  #try(): void {
    const { clock, network, config } = this.#node
    const { host, port, isTrusted } = this.#at
    const address = config.nodes.find((node) => node.name === host)?.ip ?? host
    if (!/^[\d.]+$|:/.test(address)) return this.#connection.block(CAUSE, `lookup ${host}: no such host`)
    this.#abort = dial(clock, network, address, port, DIAL, {
      onOpen: () => {
        this.#abort?.()
        if (!isTrusted || !this.#isApiServer(address)) this.#failed(UNKNOWN_AUTHORITY)
        else this.#connection.unblock(CAUSE, { fresh: true })
      },
      onFailure: (_, reason) => this.#failed(reason === 'timeout' ? 'i/o timeout' : `connect: ${reason}`),
    })
  }

  /** Whose certificate it would be shown: others that listen have none of the cluster's authority for a server. */
  #isApiServer(address: string): boolean {
    const { config } = this.#node
    const { port } = this.#at
    if (port === 443) return address === nthAddress(config.serviceCIDR[0]!, 1)
    return port === 6443 && config.nodes.some((node) => node.role === 'control-plane' && node.ip === address)
  }

  #failed(error: string): void {
    this.#connection.block(CAUSE, error)
    this.#timer = this.#node.clock.schedule(RETRY, () => this.#try(), { background: true })
  }
}
