import type { NodeContext } from '../cni/types.ts'
import type { KubernetesClient } from '../kubernetes/client.ts'
import type { Process } from '../machine/types.ts'
import type { EtcdStorage } from './etcd/storage.ts'

/** A container image: what a container's root filesystem has and what runs by default. */
export interface Image {
  /** Canonical: "docker.io/library/nginx:1.27.5". */
  readonly reference: string
  /** "sha256:…" of the (pretended) config. */
  readonly id: string
  /** "docker.io/library/nginx@sha256:…": what Pod status shows as imageID. */
  readonly digest: string
  /** Bytes. */
  readonly size: number
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly workingDirectory: string
  readonly user: { uid: number; gid: number; name: string }
  /** Path → text. Parents are made. */
  readonly files: Readonly<Record<string, string>>
  /** Path → name in the program table. */
  readonly programs: Readonly<Record<string, string>>
  /** Path → target. */
  readonly symlinks: Readonly<Record<string, string>>
  /** Empty directories. */
  readonly directories: readonly string[]
  /** Directory → numbers of those whose it is, and its mode; others are root's. */
  readonly owners?: Readonly<Record<string, { uid: number; gid: number; mode?: number }>>
  /** "80/tcp" */
  readonly exposedPorts: readonly string[]
  /**
   * What it does when it is started without arguments of its own: it comes to wait for signals and connections without asking
   * anything of anybody. Such a container is made when somebody looks at it. With a list: not where one of these variables is set.
   */
  readonly quiet?: boolean | readonly string[]
  /** What ends a container politely; SIGTERM if absent (nginx says SIGQUIT). */
  readonly stopSignal?: 'SIGTERM' | 'SIGQUIT' | 'SIGINT' | 'SIGWINCH'
}

/** What system programs (coredns, kube-proxy, flanneld) reach beyond their process. */
export interface SystemServices {
  /** The API as a Pod of the cluster sees it. */
  readonly client: KubernetesClient
  /** The node that a process runs on (for host-network agents). */
  nodeOf(process: Process): NodeContext | undefined
  /** What the control plane's own programs do; absent where something else does it. */
  readonly controlPlane?: ControlPlane
}

export type PartName = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler'

export interface ControlPlane {
  /** A part's program starts; `onLost` tells it that it has to end. */
  start(name: PartName, argv: readonly string[], onLost: () => void): ControlPlanePart
  /** Its command line as kubeadm writes it; undefined on a node that has none. */
  commandOf(name: PartName, node: string): readonly string[] | undefined
  /** It works since the cluster's birth, and its program is only now starting. */
  works(name: PartName): boolean
  /** Whether somebody is to listen at the API server's port, and what tells of a change. */
  readonly door: { readonly isOpen: boolean; onChange(listener: () => void): () => void }
  readonly storage: EtcdStorage
}
export interface ControlPlanePart {
  stop(): void
  /** What it tells Prometheus, where it does. */
  metrics?(): string
}
