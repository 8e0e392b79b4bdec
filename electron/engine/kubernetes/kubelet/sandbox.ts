import { Environment } from '../../machine/environment.ts'
import { requireCniBinary } from '../../cni/binaries.ts'
import type { CniPlugin, NodeContext, Sandbox } from '../../cni/types.ts'
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

/** What stands in an event FailedCreatePodSandBox. */
export class SandboxError extends Error {}

/** A Pod's sandbox: its network namespace, held by the pause container; the node's own one for hostNetwork. */
export class PodSandbox implements Sandbox {
  readonly id: string
  readonly network: Sandbox['network']
  readonly podNamespace: string
  readonly podName: string
  readonly podUid: string
  readonly ips: readonly string[]
  readonly pause: ContainerRun
  readonly #context: NodeContext
  readonly #sharesProcesses: boolean
  readonly #plugin: CniPlugin | undefined
  #mapped = false

  /** Where containerd keeps the network namespace. */
  get netns(): string {
    const digits = hex(sha256(encodeUtf8(this.id)))
    return `/var/run/netns/cni-${[digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20, 32)].join('-')}`
  }

  /** Throws {@link SandboxError}. */
  constructor(pod: Pod, hostname: string, context: NodeContext, plugin: CniPlugin, createNetwork: (name: string) => NetworkNamespace, random: Random) {
    const { name, namespace, uid } = pod.metadata
    this.id = random.hex(64)
    this.podName = name
    this.podNamespace = namespace
    this.podUid = uid
    this.#context = context
    this.#sharesProcesses = pod.spec.shareProcessNamespace ?? false
    if (pod.spec.hostNetwork) {
      this.network = context.network
      this.ips = nodeIps(context.config.nodes.find((n) => n.name === context.name)!)
    } else {
      this.#plugin = plugin
      this.network = createNetwork(`${namespace}/${name}`)
      this.network.setUp('lo', true)
      for (const { name: key, value } of pod.spec.securityContext?.sysctls ?? []) this.network.setSysctl(sysctlName(key), value)
      try {
        requireCniBinary(context.machine.fs, plugin.name)
        // that of the node's primary family first, whatever the plugin's order (sortPodIPs)
        const six = context.config.ipFamilies[0] === 'IPv6'
        this.ips = plugin.add(context, this).ips.toSorted((a, b) => Number(b.includes(':') === six) - Number(a.includes(':') === six))
        const ports = mappedPorts(pod)
        if (ports.length > 0) this.#mapped = addPortMappings(context, this, this.ips, ports)
      } catch (error) {
        plugin.remove(context, this)
        this.network.destroy()
        throw new SandboxError(`rpc error: code = Unknown desc = failed to setup network for sandbox "${this.id}": ${(error as Error).message}`)
      }
    }
    this.pause = new ContainerRun(
      {
        clock: context.clock,
        pod,
        container: { name: 'POD', image: PAUSE_IMAGE },
        image: findImage(PAUSE_IMAGE)!,
        id: this.id,
        hostname,
        user: findImage(PAUSE_IMAGE)!.user,
        network: this.network,
        programs: context.machine.programs,
        environment: new Environment(PAUSE_ENVIRONMENT),
        prepare: () => undefined,
      },
      () => undefined,
    )
  }

  /** Where the Pod's containers share their processes (shareProcessNamespace): the pause container's. */
  get pids(): PidNamespace | undefined {
    return this.#sharesProcesses ? this.pause.machine.pids : undefined
  }

  destroy(): void {
    this.pause.signal('SIGKILL')
    if (!this.#plugin) return
    if (this.#mapped) removePortMappings(this.#context, this)
    this.#plugin.remove(this.#context, this)
    this.network.destroy()
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
