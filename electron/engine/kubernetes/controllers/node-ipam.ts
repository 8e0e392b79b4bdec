import { podSubnets } from '../../cni/bridge-link.ts'
import { parseCidr } from '../../network/address.ts'
import { internalError } from '../status.ts'
import type { Node } from '../types.ts'
import { CidrSet } from './cidr-set.ts'
import type { Controller, ControllerContext } from './context.ts'
import { EventRecorder } from './events.ts'
import type { Informer } from './informer.ts'
import { nodeReference } from './node-lifecycle.ts'
import { ignoringGone } from './ownership.ts'
import { WorkQueue } from './workqueue.ts'

/** --node-cidr-mask-size-ipv4 and -ipv6 */
const NODE_MASK = { 4: 24, 6: 64 } as const

/** Gives every node its podCIDRs, of each family the next that is free: pkg/controller/nodeipam (range allocator). */
export class NodeIpamController implements Controller {
  readonly #context: ControllerContext
  readonly #nodes: Informer<Node>
  readonly #queue: WorkQueue
  /** One for each family; none where a plugin takes addresses from elsewhere. */
  readonly #sets: readonly CidrSet[]
  readonly #events: EventRecorder

  constructor(context: ControllerContext) {
    this.#context = context
    this.#sets = context.config.podCIDR.map((cidr) => new CidrSet(cidr, NODE_MASK[parseCidr(cidr).version]))
    this.#events = new EventRecorder(context.client, context.clock, 'cidrAllocator')
    this.#queue = new WorkQueue(context.clock, (name) => this.#sync(name))
    this.#nodes = context.informers.of<Node>('nodes')
    const occupy = (node: Node): void => {
      if (!node.spec.podCIDR) return this.#queue.add(node.metadata.name)
      podSubnets(node).forEach((cidr, i) => void this.#sets[i]?.occupy(cidr))
    }
    const release = (node: Node): void => podSubnets(node).forEach((cidr, i) => void this.#sets[i]?.release(cidr))
    this.#nodes.on({
      onAdd: occupy,
      onUpdate: (node, old) => {
        if (!node.spec.podCIDR || !old.spec.podCIDR) occupy(node)
      },
      onDelete: release,
    })
  }

  stop(): void {
    this.#queue.stop()
  }

  /** Throws where nothing is left: the queue comes back to it. */
  #sync(name: string): void {
    const node = this.#nodes.get(undefined, name)
    if (!node || node.spec.podCIDR || this.#sets.length === 0) return
    const podCIDRs: string[] = []
    for (const [i, set] of this.#sets.entries()) {
      const free = set.allocateNext()
      if (free === undefined) {
        podCIDRs.forEach((cidr, of) => void this.#sets[of]!.release(cidr))
        this.#events.event(nodeReference(node), 'Normal', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`)
        throw internalError(`failed to allocate cidr from cluster cidr at idx:${i}: CIDR allocation failed; there are no remaining CIDRs left to allocate in the accepted range`)
      }
      podCIDRs.push(free)
    }
    ignoringGone(() => this.#context.client.patch('nodes', undefined, name, 'application/merge-patch+json', { spec: { podCIDR: podCIDRs[0], podCIDRs } }))
  }
}
