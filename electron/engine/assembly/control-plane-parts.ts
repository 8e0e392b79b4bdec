import type { Clock } from '../clock.ts'
import type { ClusterConfig } from '../config.ts'
import type { ApiServer } from '../kubernetes/api-server.ts'
import type { KubernetesClient } from '../kubernetes/client.ts'
import type { Controller, ManagerOptions } from '../kubernetes/controllers/context.ts'
import { startControllerManager } from '../kubernetes/controllers/index.ts'
import { patient } from '../kubernetes/patient.ts'
import { asManager } from '../kubernetes/managed-fields/as-manager.ts'
import { LeaderElection } from '../kubernetes/leader-election.ts'
import { ManagerMetrics, ofPart } from '../kubernetes/controllers/metrics.ts'
import { SchedulerMetrics } from '../kubernetes/scheduler/metrics.ts'
import { together } from '../prometheus.ts'
import { Scheduler } from '../kubernetes/scheduler/scheduler.ts'
import type { ControlPlane, ControlPlanePart, PartName } from '../programs/types.ts'
import { renewApiServerLease } from './api-server-lease.ts'
import { runPostStartHooks } from './post-start-hooks.ts'
import { commandsOf } from './control-plane.ts'

/** What the parts of the control plane do to the cluster. */
export interface PartsWorld {
  readonly clock: Clock
  readonly config: ClusterConfig
  readonly server: ApiServer
  /** The way of the control plane's node to the API server. */
  readonly client: KubernetesClient
  /** The API server's own way to itself. */
  readonly itself: KubernetesClient
  /** The name of that node. */
  readonly host: string
  /** What runs inside the controller manager beside the controllers: a cloud's. */
  readonly more: () => Controller | undefined
  blockApi(cause: string): void
  unblockApi(cause: string): void
  readonly door: ControlPlane['door']
  readonly storage: ControlPlane['storage']
}

/**
 * The control plane as its four programs make it: each runs while its container does. A cluster is born with all of them
 * at work; their containers, which start a moment later, take over what runs.
 */
export class ControlPlaneParts implements ControlPlane {
  readonly #world: PartsWorld
  /** Parts that work since the cluster's birth and wait for their container. */
  readonly #unclaimed = new Map<PartName, { part: ControlPlanePart; onLost: { call: (() => void) | undefined } }>()
  #starts = 0
  #apiServers = 0

  constructor(world: PartsWorld, argv: Readonly<Record<PartName, readonly string[]>>) {
    this.#world = world
    for (const name of ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const) {
      const onLost: { call: (() => void) | undefined } = { call: undefined }
      this.#unclaimed.set(name, { part: this.#begin(name, argv[name], () => onLost.call?.()), onLost })
    }
  }

  get door(): ControlPlane['door'] {
    return this.#world.door
  }

  get storage(): ControlPlane['storage'] {
    return this.#world.storage
  }

  works(name: PartName): boolean {
    return this.#unclaimed.has(name)
  }

  commandOf(name: PartName, node: string): readonly string[] | undefined {
    const { config } = this.#world
    const found = config.nodes.find((n) => n.name === node && n.role === 'control-plane')
    return found && commandsOf(config, found)[name]
  }

  start(name: PartName, argv: readonly string[], onLost: () => void): ControlPlanePart {
    const waiting = this.#unclaimed.get(name)
    if (!waiting) return this.#begin(name, argv, onLost)
    this.#unclaimed.delete(name)
    waiting.onLost.call = onLost
    return waiting.part
  }

  #begin(name: PartName, argv: readonly string[], onLost: () => void): ControlPlanePart {
    const { clock, host, config, more, blockApi, unblockApi, door, server } = this.#world
    const own = asManager(this.#world.client, name)
    const client = name === 'kube-scheduler' ? patient(own) : own
    if (name === 'etcd' || name === 'kube-apiserver') {
      unblockApi(name)
      const lease = name === 'kube-apiserver' ? renewApiServerLease(clock, asManager(this.#world.itself, name), host, this.#apiServers++) : undefined
      const hooks = name === 'kube-apiserver' ? runPostStartHooks(clock, { server, works: () => door.isOpen, serviceCIDR: config.serviceCIDR, first: this.#apiServers === 1 }) : undefined
      return {
        stop: () => {
          lease?.stop()
          hooks?.stop()
          blockApi(name)
        },
      }
    }
    const isScheduler = name === 'kube-scheduler'
    let working: Controller[] = []
    let scheduler: Scheduler | undefined
    const measures = isScheduler ? new SchedulerMetrics() : new ManagerMetrics()
    const end = (): void => {
      for (const each of working) each.stop()
      working = []
      scheduler = undefined
    }
    const election = new LeaderElection(clock, client, {
      lease: name,
      identity: `${host}_${clock.random.fork(`${name} ${this.#starts++}`).uuid()}`,
      component: isScheduler ? 'default-scheduler' : name,
      release: isScheduler,
      onLeading: () => {
        if (measures instanceof SchedulerMetrics) working = [(scheduler = new Scheduler(clock, client, host, measures))]
        else working = [startControllerManager(clock, client, config, managerOptions(argv), measures), ...[more() ?? []].flat()]
      },
      onLost: () => {
        end()
        onLost()
      },
    })
    return {
      metrics: () => {
        if (measures instanceof ManagerMetrics) return ofPart(name, working.length > 0, measures.families())
        const { queues, refused } = scheduler?.pending ?? { queues: {}, refused: new Map<string, number>() }
        const { own, pending } = measures.text(queues, refused)
        return together(ofPart(name, working.length > 0, [pending]), own)
      },
      stop: () => {
        end()
        election.stop()
      },
    }
  }
}

function managerOptions(argv: readonly string[]): ManagerOptions {
  const text = argv.find((a) => a.startsWith('--node-monitor-grace-period='))?.split('=')[1]
  const grace = text === undefined ? undefined : duration(text)
  return grace === undefined ? {} : { nodeMonitorGracePeriod: grace }
}

/** Go's time.ParseDuration, as far as periods of seconds go ("1m30s"); ms. */
function duration(text: string): number | undefined {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(text)
  if (!match || text === '') return undefined
  const [, h = '0', m = '0', s = '0'] = match
  return ((Number(h) * 60 + Number(m)) * 60 + Number(s)) * 1000
}
