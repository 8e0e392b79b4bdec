import { Environment } from '../../machine/environment.ts'
import { requireCniBinary } from '../../cni/binaries.ts'
import type { CniPlan, CniPlugin, NodeContext, Sandbox } from '../../cni/types.ts'
import { nodeIps } from '../../config.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import { findImage } from '../../programs/images/catalog.ts'
import type { Random } from '../../random.ts'
import { hex, sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import type { Pod } from '../types.ts'
import type { PidNamespace } from '../../machine/types.ts'
import { addPortMappings, removePortMappings, type PortMapping } from '../../cni/portmap.ts'
import { ContainerRun } from './container.ts'
import { sysctlName } from './security.ts'

const PAUSE_ENVIRONMENT = new Environment([['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']])

export const PAUSE_IMAGE = 'registry.k8s.io/pause:3.10'

/** A network namespace that is made when somebody needs it. */
export interface ReservedNetwork { make(options: { name: string; kind: 'pod' }): NetworkNamespace }

/** What stands in an event FailedCreatePodSandBox. */
export class SandboxError extends Error {}

/**
 * A Pod's sandbox: its network namespace, held by the pause container; the node's own one for hostNetwork. Where the
 * plugin can plan, the network namespace and its links are made when somebody looks at it or at the node's.
 */
export class PodSandbox implements Sandbox {
  readonly id: string
  readonly ips: readonly string[]
  /** Whose it is; what it asks of the Pod no new version changes. */
  readonly #owner: { readonly pod: Pod }
  readonly #hostname: string
  readonly #context: NodeContext
  readonly #since: number
  readonly #plugin: CniPlugin | undefined
  #network: NetworkNamespace | undefined
  #reserved: ReservedNetwork | undefined
  #plan: CniPlan | undefined
  #beforeTouch: (() => void) | undefined
  #pause: ContainerRun | undefined
  #mapped = false

  /** Throws {@link SandboxError}. */
  constructor(owner: { readonly pod: Pod }, hostname: string, context: NodeContext, plugin: CniPlugin, reserveNetwork: (name: string) => ReservedNetwork, random: Random) {
    this.id = random.hex(64)
    const { pod } = owner
    this.#owner = owner
    this.#hostname = hostname
    this.#context = context
    this.#since = context.clock.now
    if (pod.spec.hostNetwork) {
      this.#network = context.network
      this.ips = nodeIps(context.config.nodes.find((n) => n.name === context.name)!)
    } else {
      this.#plugin = plugin
      this.#reserved = reserveNetwork(`${this.podNamespace}/${this.podName}`)
      this.ips = this.#connect(plugin, mappedPorts(pod))
    }
  }

  get podName(): string {
    return this.#owner.pod.metadata.name
  }

  get podNamespace(): string {
    return this.#owner.pod.metadata.namespace
  }

  get podUid(): string {
    return this.#owner.pod.metadata.uid
  }

  /** Where containerd keeps the network namespace. */
  get netns(): string {
    const digits = hex(sha256(encodeUtf8(this.id)))
    return `/var/run/netns/cni-${[digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20, 32)].join('-')}`
  }

  get network(): NetworkNamespace {
    if (!this.#network) this.#context.network.look()
    return (this.#network ??= this.#made())
  }

  /** The pause container; nobody is told of it before he asks. */
  get pause(): ContainerRun {
    if (!this.#pause) this.#context.clock.past(this.#since, () => (this.#pause = this.#startPause()))
    return this.#pause!
  }

  /** Where the Pod's containers share their processes (shareProcessNamespace): the pause container's. */
  get pids(): PidNamespace | undefined {
    return this.#owner.pod.spec.shareProcessNamespace ? this.pause.machine.pids : undefined
  }

  /** As {@link NetworkNamespace.beforeTouch}, of one that may not be made yet. */
  beforeTouch(work: () => void): void {
    if (this.#network) this.#network.beforeTouch(work)
    else this.#beforeTouch = work
  }

  destroy(): void {
    this.#pause?.signal('SIGKILL')
    if (!this.#plugin) return
    const { network } = this
    if (this.#mapped) removePortMappings(this.#context, this)
    this.#plugin.remove(this.#context, this)
    network.destroy()
  }

  /** Returns the Pod's addresses. */
  #connect(plugin: CniPlugin, ports: PortMapping[]): readonly string[] {
    const context = this.#context
    try {
      requireCniBinary(context.machine.fs, plugin.name)
      const plan = ports.length > 0 || this.#owner.pod.spec.securityContext?.sysctls?.length ? undefined : plugin.plan?.(context, this)
      if (plan) {
        this.#plan = plan
        context.network.defer(this)
        return plan.ips
      }
      // that of the node's primary family first, whatever the plugin's order (sortPodIPs)
      const six = context.config.ipFamilies[0] === 'IPv6'
      const ips = plugin.add(context, this).ips.toSorted((a, b) => Number(b.includes(':') === six) - Number(a.includes(':') === six))
      if (ports.length > 0) this.#mapped = addPortMappings(context, this, ips, ports)
      return ips
    } catch (error) {
      plugin.remove(context, this)
      this.network.destroy()
      throw new SandboxError(`rpc error: code = Unknown desc = failed to setup network for sandbox "${this.id}": ${(error as Error).message}`)
    }
  }

  /** What its node puts off until somebody looks at its links. */
  run(): void {
    const plan = this.#plan!
    this.#plan = undefined
    this.#context.clock.past(this.#since, () => plan.wire((this.#network = this.#made())))
  }

  #made(): NetworkNamespace {
    const network = this.#reserved!.make({ name: `${this.podNamespace}/${this.podName}`, kind: 'pod' })
    this.#reserved = undefined
    network.setUp('lo', true)
    for (const { name: key, value } of this.#owner.pod.spec.securityContext?.sysctls ?? []) network.setSysctl(sysctlName(key), value)
    if (this.#beforeTouch) network.beforeTouch(this.#beforeTouch)
    this.#beforeTouch = undefined
    return network
  }

  #startPause(): ContainerRun {
    const image = findImage(PAUSE_IMAGE)!
    return new ContainerRun(
      {
        clock: this.#context.clock,
        pod: this.#owner.pod,
        container: { name: 'POD', image: PAUSE_IMAGE },
        image,
        id: this.id,
        hostname: this.#hostname,
        user: image.user,
        sandbox: this,
        programs: this.#context.machine.programs,
        environment: () => new Environment(PAUSE_ENVIRONMENT),
        prepare: () => undefined,
        exited: () => undefined,
      },
    )
  }
}

/** What the runtime passes to the CNI plugins as their capability portMappings. */
function mappedPorts(pod: Pod): PortMapping[] {
  const out: PortMapping[] = []
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    for (const { hostPort, containerPort, protocol, hostIP } of container.ports ?? []) {
      if (hostPort) out.push({ hostPort, containerPort, protocol: (protocol ?? 'TCP').toLowerCase() as PortMapping['protocol'], hostIP: hostIP ?? '' })
    }
  }
  return out
}
