import type { NodeContext } from '../../cni/types.ts'
import type { MemoryFilesystem } from '../../machine/filesystem.ts'
import { hex, sha256 } from '../../sha256.ts'
import { encodeUtf8 } from '../../text.ts'
import type { KubeletLog } from '../../node/kubelet-log.ts'
import type { Timer } from '../../clock.ts'
import { AGENT_STATUS, AGENT_WRITE } from '../controllers/context.ts'
import { ifReached } from '../controllers/reach.ts'
import { StatusError } from '../client.ts'
import { microTimestamp, timestamp } from '../human-duration.ts'
import { deepEqual, sortedJson } from '../json.ts'
import type { Node, Pod } from '../types.ts'
import { MANIFESTS } from './configuration.ts'
import { completeSpec, decodeManifest } from './manifest-file.ts'
import type { PodWorker } from './pod-worker.ts'

const MIRROR = 'kubernetes.io/config.mirror'
const HASH = 'kubernetes.io/config.hash'
const SOURCE = 'kubernetes.io/config.source'
/** The kubelet is told of changes by inotify; it looks after the writer is likely done. */
const NOTICE = 100
/** Until a mirror that could not be written is tried again. */
const RETRY = 10_000
/** fileCheckFrequency: so often it looks at all files, and logs what it cannot read. */
const CHECKED_EVERY = 20_000

interface Host {
  readonly context: NodeContext
  readonly fs: MemoryFilesystem
  readonly workers: ReadonlyMap<string, PodWorker>
  readonly log: KubeletLog | undefined
  isStopped(): boolean
  /** A Pod that is to run here. */
  run(pod: Pod): void
}

export function isMirror(pod: Pod): boolean {
  return pod.metadata.annotations?.[MIRROR] !== undefined
}

export function isStatic(pod: Pod): boolean {
  return pod.metadata.annotations?.[SOURCE] === 'file' && !isMirror(pod)
}

/**
 * Pods that a node runs whatever the API says, from the files in its staticPodPath; what the API shows of them are
 * mirrors (pkg/kubelet/config file.go, pkg/kubelet/pod mirror_client.go).
 */
export class StaticPods {
  readonly #host: Host
  /** uid (the hash of the manifest) → the Pod. */
  readonly #wanted = new Map<string, Pod>()
  #noticing = false
  /** File → why it is no Pod. */
  #broken = new Map<string, string>()
  #check: Timer | undefined
  /** staticPodPath. */
  #directory: string | undefined = MANIFESTS

  constructor(host: Host) {
    this.#host = host
    host.fs.onChange((path) => {
      if (this.#directory === undefined || !path.startsWith(this.#directory) || this.#noticing) return
      this.#noticing = true
      host.context.clock.schedule(NOTICE, () => {
        this.#noticing = false
        this.scan(true)
      })
    })
  }

  /** The kubelet started, perhaps with another staticPodPath. */
  scanIn(directory: string | undefined): void {
    this.#directory = directory
    this.scan()
  }

  /** Brings what runs in line with the files; `noticed`: one of them has changed. */
  scan(noticed = false): void {
    const { workers } = this.#host
    if (this.#host.isStopped()) return
    const before = this.#broken
    const found = new Map(this.#read().map((pod) => [pod.metadata.uid, pod]))
    this.#complain(noticed ? before : undefined)
    for (const uid of [...this.#wanted.keys()]) {
      if (found.has(uid)) continue
      this.#wanted.delete(uid)
      const worker = workers.get(uid)
      worker?.terminate(worker.pod.spec.terminationGracePeriodSeconds ?? 30)
    }
    for (const [uid, pod] of found) {
      if (this.#wanted.has(uid)) continue
      this.#wanted.set(uid, pod)
      this.#runOnce(pod)
    }
  }

  /** One that was stopped a moment ago has to be gone first. */
  #runOnce(pod: Pod): void {
    const { workers, context } = this.#host
    if (this.#wanted.get(pod.metadata.uid) !== pod) return
    const former = workers.get(pod.metadata.uid)
    if (former?.terminating) return void context.clock.schedule(1_000, () => this.#runOnce(pod))
    this.#mirror(pod)
    if (!former) this.#host.run(pod)
  }

  /** The API's copy came or changed. One that is being deleted, or is of nothing here, goes; the Pod itself runs on. */
  onMirror(mirror: Pod): void {
    const pod = this.#of(mirror)
    if (pod && !mirror.metadata.deletionTimestamp && mirror.metadata.annotations?.[MIRROR] === pod.metadata.annotations?.[HASH]) return
    this.#delete(mirror)
  }

  onMirrorGone(mirror: Pod): void {
    const pod = this.#of(mirror)
    if (!pod || this.#host.isStopped()) return
    this.#mirror(pod)
    this.#host.context.clock.schedule(1, () => {
      const worker = this.#host.workers.get(pod.metadata.uid)
      if (worker && !this.#host.isStopped()) ifReached(() => this.writeStatus(worker))
    })
  }

  /** What the worker says becomes the mirror's status. */
  writeStatus(worker: PodWorker): void {
    const { client } = this.#host.context
    const status = worker.status()
    worker.pod = { ...worker.pod, status }
    ignoringRefusals(() => {
      const mirror = client.get<Pod>('pods', worker.pod.metadata.namespace, worker.pod.metadata.name)
      const { qosClass } = mirror.status
      const wanted = { ...status, ...(qosClass ? { qosClass } : {}) }
      if (!deepEqual(wanted, mirror.status)) client.update('pods', mirror.metadata.namespace, mirror.metadata.name, { ...mirror, status: wanted }, AGENT_STATUS)
    })
  }

  /** Its containers have ended for good. */
  finished(worker: PodWorker): void {
    const { client } = this.#host.context
    ifReached(() => ignoringRefusals(() => {
      const mirror = client.get<Pod>('pods', worker.pod.metadata.namespace, worker.pod.metadata.name)
      if (isMirror(mirror)) this.#delete(mirror)
    }))
  }

  #of(mirror: Pod): Pod | undefined {
    for (const pod of this.#wanted.values()) if (pod.metadata.name === mirror.metadata.name && pod.metadata.namespace === mirror.metadata.namespace) return pod
    return undefined
  }

  #delete({ metadata: { namespace, name, uid } }: Pod): void {
    ifReached(() => ignoringRefusals(() => this.#host.context.client.delete('pods', namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } })))
  }

  #mirror(pod: Pod): void {
    const { client, name, clock } = this.#host.context
    const { uid: _, ...metadata } = pod.metadata
    const reached = ifReached(() => ignoringRefusals(() => {
      const node = client.get<Node>('nodes', undefined, name)
      const owner = { apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid, controller: true }
      const annotations = { ...metadata.annotations, [MIRROR]: metadata.annotations?.[HASH] }
      client.create('pods', metadata.namespace, { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, annotations, ownerReferences: [owner] }, spec: pod.spec }, AGENT_WRITE)
    }))
    if (!reached) clock.schedule(RETRY, () => this.#wanted.get(pod.metadata.uid) === pod && !this.#host.isStopped() && this.onMirrorGone(pod), { background: true })
  }

  #read(): Pod[] {
    const { fs } = this.#host
    const directory = this.#directory
    this.#broken = new Map()
    if (directory === undefined || !fs.exists(directory)) return []
    const names = fs.stat(directory).type === 'file' ? [''] : fs.readDirectory(directory).filter((n) => !n.startsWith('.')).sort()
    return names.map((n) => (n === '' ? directory : `${directory}/${n}`)).filter((path) => fs.stat(path).type === 'file').flatMap((path) => this.#decode(path, fs.readText(path)) ?? [])
  }

  /** What the log says of files that are no Pods (pkg/kubelet/config file.go): of those that changed since `before` at once, of all when it looks at them. */
  #complain(before: ReadonlyMap<string, string> | undefined): void {
    const { log, context: { clock } } = this.#host
    if (!log) return
    for (const [path, why] of this.#broken) {
      if (!before) log.line('E', 'file.go:187', () => `"Could not process manifest file" err=${JSON.stringify(why)} path=${JSON.stringify(path)}`)
      else if (before.get(path) !== why) log.line('E', 'file.go:108', () => `"Unable to process watch event" err=${JSON.stringify(`can't process config file ${JSON.stringify(path)}: ${why}`)}`)
    }
    if (this.#broken.size > 0) {
      this.#check ??= clock.schedule(CHECKED_EVERY, () => {
        this.#check = undefined
        if (!this.#host.isStopped()) this.#complain(undefined)
      }, { background: true })
    }
  }

  /** undefined: what is no Pod is not run. */
  #decode(path: string, text: string): Pod | undefined {
    const { name: node, clock } = this.#host.context
    const manifest = decodeManifest(path, text)
    if (typeof manifest === 'string') {
      this.#broken.set(path, manifest)
      return undefined
    }
    const uid = hex(sha256(encodeUtf8(`${node}\n${sortedJson(manifest)}`))).slice(0, 32)
    const { metadata } = manifest
    const known = this.#wanted.get(uid)
    if (known) return known
    const spec = { ...manifest.spec, nodeName: node, tolerations: [{ effect: 'NoExecute', operator: 'Exists' }] }
    const why = completeSpec(spec)
    if (why !== undefined) {
      this.#broken.set(path, why)
      return undefined
    }
    const annotations = { ...metadata.annotations, [HASH]: uid, 'kubernetes.io/config.seen': microTimestamp(clock.wall()), [SOURCE]: 'file' }
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, name: `${metadata.name}-${node}`, namespace: metadata.namespace ?? 'default', uid, annotations, creationTimestamp: timestamp(clock.wall()) },
      spec,
      status: { phase: 'Pending' },
    } as unknown as Pod
  }
}

function ignoringRefusals(act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
  }
}
