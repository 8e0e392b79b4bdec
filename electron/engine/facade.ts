import type { Clock } from './clock.ts'
import type { CloudLoadBalancer } from './cloud/load-balancer.ts'
import type { ClusterConfig } from './config.ts'
import type { Faults } from './faults/index.ts'
import type { JourneyLog } from './journey/types.ts'
import type { KubernetesClient } from './kubernetes/client.ts'
import type { Machine, ProgramTable } from './machine/types.ts'
import type { NetworkNamespace } from './network/types.ts'
import type { NodeView } from './node/index.ts'

/**
 * The façade of the engine: the one thing that the rooms above import (with the contract types).
 * A cluster is born empty of user objects, with its system Pods settled when `settle` returns.
 */
export interface Cluster {
  readonly config: ClusterConfig
  readonly clock: Clock
  /** The objects as they are stored, for pictures and checks: whether or not anybody reaches the API server. */
  readonly client: KubernetesClient
  /** The way to the API server as admin, from the laptop: kubectl's. It can be broken. */
  readonly connection: KubernetesClient & { readonly reachable: boolean }
  readonly programs: ProgramTable
  readonly journeys: JourneyLog
  /** The machine outside the cluster on which the lab terminal runs. */
  readonly laptop: Machine
  /** The outside world's own client, for `hop trace external …`. */
  readonly external: Machine
  /** Between the nodes and the outside, called "outside" in journeys: the other end of BGP sessions that leave the cluster. */
  readonly router: Machine
  readonly nodes: ReadonlyMap<string, Machine>
  /** A node as its administrator finds it: what runs on it, its services, their journal. */
  nodeView(machine: Machine): NodeView | undefined
  /** The network namespace of a Pod's sandbox, while it has one. */
  podNetwork(namespace: string, pod: string): NetworkNamespace | undefined
  /** A container of a Pod, while it runs. */
  container(namespace: string, pod: string, container?: string): Machine | undefined
  /** Every network namespace that exists: nodes, sandboxes, laptop, outside. */
  networks(): readonly NetworkNamespace[]
  /** The cloud's, where the cluster file has a cloud. */
  readonly loadBalancer: CloudLoadBalancer | undefined
  /** What is broken on purpose, and what can be. */
  readonly faults: Faults
  /** Real ports of the student's machine; without a host every port is free and nothing listens. */
  ports: HostPorts
  /** How virtual time runs; the host replaces it. In tests and the CLI time jumps and cannot be paused. */
  time: TimeControl
  /** The page (Markdown) behind a hop or a drop reason, for `hop explain`; the host has the pages. */
  explain: (id: string) => string | undefined
  /**
   * Calls after anything that a picture shows has changed, from inside the event that changed it. Who listens cannot be
   * noticed in the cluster: it costs no event of the clock.
   */
  onChange(listener: () => void): () => void
  /** Virtual time until nothing but background work is left, at most `limit` ms (default 120 000). */
  settle(limit?: number): boolean
}

/** The student's real machine, as far as port-forward reaches it. Implemented by the host. */
export interface HostPorts {
  /**
   * Listens on 127.0.0.1:port of the real machine (0: any), and passes each connection to the laptop's same port.
   * Answers later, as an event of the clock: the port, or the error text "bind: address already in use".
   */
  open(port: number, answer: (result: { port: number } | { error: string }) => void): void
  close(port: number): void
}

/** Virtual time as `hop time` and the status bar steer it. Programs themselves only ever wait on the clock. */
export interface TimeControl {
  readonly paused: boolean
  /** 1 is real time. */
  readonly speed: number
  pause(): void
  resume(): void
  /** Runs the next `ms` of virtual time as fast as the machine can, paused or not. */
  advance(ms: number): void
}
