import { installCniBinaries } from '../../cni/binaries.ts'
import type { CniPlugin, NodeContext } from '../../cni/types.ts'
import { SystemError } from '../../machine/errors.ts'
import type { MemoryFilesystem } from '../../machine/filesystem.ts'
import { HARDWARE } from '../../machine/hardware.ts'
import type { SimulatedMachine } from '../../machine/machine.ts'
import type { Machine } from '../../machine/types.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import { writeKubeletRules } from '../../proxy/iptables/jumps.ts'
import type { Random } from '../../random.ts'
import { StatusError } from '../client.ts'
import { accountAt, podToken } from '../service-account-token.ts'
import { EventRecorder } from '../controllers/events.ts'
import { Informer } from '../controllers/informer.ts'
import { SharedInformer } from '../controllers/shared-informer.ts'
import { requestsOf } from '../controllers/node-fit.ts'
import type { ConfigMap, Node, Pod, Service } from '../types.ts'
import { refusal, type Allocated, type Refusal } from './admission.ts'
import type { Secret } from './environment.ts'
import type { PodHost } from './host.ts'
import { NodeRuntime } from '../../node/runtime.ts'
import { heardBy, type KubeletLog } from '../../node/kubelet-log.ts'
import { ApiServerElsewhere } from './api-server-elsewhere.ts'
import { KubeletFailure, MANIFESTS, readConfiguration, readConnections, USUAL_COMMAND, type KubeletSettings } from './configuration.ts'
import { ImageManager } from './image-manager.ts'
import { MachineIdentity } from './machine-identity.ts'
import { EVICTION_MEMORY, NodeStatus } from './node-status.ts'
import { PodWorker } from './pod-worker.ts'
import { RuntimeState } from './runtime-state.ts'
import { PAUSE_IMAGE, type ReservedNetwork } from './sandbox.ts'
import { serveKubelet } from './server.ts'
import { StreamServer } from './stream-server.ts'
import { isMirror, isStatic, StaticPods } from './static-pods.ts'
import { StatusManager } from './status-manager.ts'

export { kubeletAgents } from './agents.ts'

export interface KubeletOptions {
  node: NodeContext
  role: 'control-plane' | 'worker'
  /** The node's addresses, the primary family's first. */
  ips: readonly string[]
  plugin: CniPlugin
  /** File name → manifest (YAML) of Pods that run here whatever the API says. */
  staticPods: Readonly<Record<string, string>>
  /** Images that are on the node before anything is pulled. */
  images: readonly string[]
  reserveSandboxNetwork(name: string): ReservedNetwork
  /** The number of its process. */
  pid(): number
  /** Where it writes what it does (journalctl -u kubelet). */
  log?: KubeletLog
  /** It runs, or no longer does. */
  onRunning?(): void
}

/** What is on a node: three machines of a modest size look like this. */
const CAPACITY = { cpu: HARDWARE.cpus, memory: HARDWARE.memory * 1024 }
/** What of it Pods may have. */
const ALLOCATABLE = { cpu: CAPACITY.cpu, memory: CAPACITY.memory - EVICTION_MEMORY, pods: 110 }
/** Until a change of the CNI's configuration is seen. */
const NETWORK_DELAY = 1
/** Where pkg/kubelet v1.33 says so. */
const SYNC_LOOP = { ADD: 'kubelet.go:2507', DELETE: 'kubelet.go:2523', REMOVE: 'kubelet.go:2517' }
/** How long a changed ConfigMap takes to reach the volumes that show it. */
const VOLUME_REFRESH = 60_000

/** The node agent: keeps the Pods that are bound to its node. It sees the API only through its own watches. */
export class Kubelet implements PodHost {
  readonly context: NodeContext
  readonly fs: MemoryFilesystem
  readonly plugin: CniPlugin
  readonly random: Random
  readonly images: ImageManager
  events: EventRecorder
  /** '': its configuration names none. */
  clusterDns: readonly string[] = []
  readonly nodeIps: readonly string[]
  readonly capacity = CAPACITY
  readonly workers = new Map<string, PodWorker>()
  /** Sandboxes that are gone, by their Pod's uid: whoever holds on to one is told its id. */
  readonly formerSandboxes = new Map<string, string>()
  stopped = true
  readonly #options: KubeletOptions
  readonly #runtime: RuntimeState
  readonly #static: StaticPods
  readonly #statuses: StatusManager
  #status: NodeStatus | undefined
  #endServer: (() => void) | undefined
  #pods: Informer<Pod> | undefined
  #services: SharedInformer<Service> | undefined
  #configMaps: SharedInformer<ConfigMap> | undefined
  #secrets: SharedInformer<Secret> | undefined
  /** Of its machine; it outlives the agent. */
  readonly identity: MachineIdentity
  #ready = false
  #allocated: Allocated = { cpu: 0, memory: 0, pods: 0 }
  /** Its kubeconfig names another API server than kubeadm's. */
  #elsewhere: ApiServerElsewhere | undefined

  constructor(options: KubeletOptions) {
    const { node } = options
    this.#options = options
    const clientNow = (): NodeContext['client'] => this.#elsewhere?.client ?? node.client
    this.context = { ...node, get client() { return clientNow() } }
    this.#runtime = new RuntimeState(node.clock, options.log, () => this.stopped)
    this.fs = (node.machine as SimulatedMachine).fs
    this.plugin = options.plugin
    installCniBinaries(this.fs, this.plugin.name)
    this.nodeIps = options.ips
    this.identity = new MachineIdentity(node.clock.random.fork(`machine-id ${node.name}`))
    this.random = node.clock.random.fork(`kubelet ${node.name}`)
    this.images = new ImageManager(node.clock, node.clock.random.fork(`registry ${node.name}`), node.config.images)
    for (const image of [PAUSE_IMAGE, ...options.images]) this.images.preload(image)
    this.images.onPulled = () => this.#status?.reportSoon()
    this.events = this.#recorder()
    this.fs.onChange((path) => {
      if (path.startsWith('/etc/cni/net.d')) node.clock.schedule(NETWORK_DELAY, () => this.#checkNetwork())
    })
    this.fs.makeDirectory(MANIFESTS, { parents: true })
    for (const [name, text] of Object.entries(options.staticPods)) this.fs.writeFile(`${MANIFESTS}/${name}`, text, 0o600)
    this.#static = new StaticPods({ context: this.context, fs: this.fs, workers: this.workers, log: options.log, run: (pod) => this.#run(pod), isStopped: () => this.stopped })
    this.#statuses = new StatusManager(this.context, this.#static, () => this.stopped)
    this.start()
  }

  get node(): NodeContext {
    return this.context
  }

  get idle(): boolean {
    return this.stopped || this.runtimeDown !== undefined
  }

  get runtimeDown(): number | undefined {
    return this.#runtime.down
  }

  /** containerd stopped, or started again. Containers are not its children and run on. */
  setRuntime(up: boolean): void {
    if (up === (this.runtimeDown === undefined)) return
    if (!up) return this.#runtime.fall(() => this.#status?.report())
    this.#runtime.rise()
    if (!this.stopped) this.#takeOver()
    this.#status?.report()
  }

  /** Pods that run are found and looked after. */
  #takeOver(): void {
    for (const worker of [...this.workers.values()]) {
      // deleted by force while the agent was away: HandlePodCleanups
      if (!isStatic(worker.pod) && this.#isGone(worker.pod)) worker.terminate(1)
      else worker.resume()
    }
  }

  #recorder(): EventRecorder {
    const { client, clock, name } = this.context
    return heardBy(new EventRecorder(client, clock, 'kubelet', name), this.#options.log)
  }

  /** Its files and flags, or why it ends; it has said so. */
  #settings(argv: readonly string[]): KubeletSettings | undefined {
    const { log } = this.#options
    const { config } = this.context
    try {
      const read = readConfiguration(this.fs, argv, config)
      log?.line('I', 'server.go:530', () => '"Kubelet version" kubeletVersion="v1.33.1"')
      for (const what of read.notSimulated) log?.line('W', 'server.go:242', () => `podhop: not simulated: ${what} (of the kubelet's configuration clusterDNS, staticPodPath and authentication.x509.clientCAFile act)`)
      const apiServer = config.nodes.find((n) => n.role === 'control-plane') ?? config.nodes[0]!
      return { ...read, server: readConnections(this.fs, argv, apiServer.ip, this.runtimeDown !== undefined) }
    } catch (error) {
      if (!(error instanceof KubeletFailure)) throw error
      log?.line('E', 'run.go:72', () => `"command failed" err=${JSON.stringify(error.message)}`)
      return undefined
    }
  }

  /** Starts the agent, or starts it again: Pods that run are taken over. One that cannot, or whose port somebody has, ends at once: {@link stopped}. */
  start(argv: readonly string[] = USUAL_COMMAND): void {
    if (!this.stopped) return
    const settings = this.#settings(argv)
    if (!settings) return
    this.stopped = false
    const { node, role, ips } = this.#options
    const { log } = this.#options
    if (settings.server || this.#elsewhere) {
      this.#elsewhere = settings.server && new ApiServerElsewhere(node, settings.server)
      this.events = this.#recorder()
    }
    const { context } = this
    const { client } = context
    log?.line('I', 'kubelet.go:2397', () => '"Starting kubelet main sync loop"')
    log?.line('I', 'kubelet_node_status.go:75', () => `"Attempting to register node" node="${node.name}"`)
    log?.line('I', 'server.go:180', () => '"Starting to listen" address="0.0.0.0" port=10250')
    try {
      this.#endServer = serveKubelet({ clock: node.clock, machine: node.machine, client, node: node.name, ips, pid: this.#options.pid(), pods: () => [...this.workers.values()].map(({ pod }) => pod), runtime: () => new NodeRuntime(this), streams: new StreamServer(node.clock, this) })
    } catch (error) {
      if (!(error instanceof SystemError)) throw error
      log?.line('E', 'server.go:241', () => '"Failed to listen and serve" err="listen tcp 0.0.0.0:10250: bind: address already in use"')
      this.stopped = true
      return
    }
    this.clusterDns = settings.clusterDns
    writeKubeletRules(node.network.netfilter)
    if (node.network.ipv6) writeKubeletRules(node.network.netfilter6)
    this.#status = new NodeStatus({ context, role, ips, ...CAPACITY, images: () => this.images.listed(), identity: this.identity, log }, this.events, () => this.plugin.status(node), () => this.#runtime.problems())
    this.#services = new SharedInformer<Service>(client, 'services')
    const onContent = (object: ConfigMap | Secret): void => this.#refreshVolumes(object)
    this.#configMaps = new SharedInformer<ConfigMap>(client, 'configmaps', onContent)
    this.#secrets = new SharedInformer<Secret>(client, 'secrets', onContent)
    this.#pods = new Informer<Pod>(client, 'pods', { fieldSelector: `spec.nodeName=${node.name}` })
    this.#pods.on({ onAdd: (pod) => this.#onPod(pod), onUpdate: (pod) => this.#onPod(pod), onDelete: (pod) => this.#onGone(pod) })
    this.#static.scanIn(settings.staticPodPath)
    this.#takeOver()
    this.#checkNetwork()
    this.#options.onRunning?.()
  }

  /** It asks the API server that kubeadm has set up. */
  get asksClusters(): boolean {
    return !this.stopped && !this.#elsewhere
  }

  /** Stops the agent alone: containers run on, and nobody looks after them. */
  stop(): void {
    if (this.stopped) return
    this.stopped = true
    this.#endServer?.()
    this.#status?.stop()
    for (const informer of [this.#pods, this.#services, this.#configMaps, this.#secrets]) informer?.stop()
    this.#statuses.stop()
    this.#elsewhere?.stop()
    this.#options.onRunning?.()
  }

  /** The machine is switched off: agent, containers and sandboxes are gone at once, and nobody is told; {@link start} is its boot. */
  powerOff(): void {
    this.stop()
    this.identity.reboot()
    this.#runtime.down = undefined
    for (const worker of this.workers.values()) worker.loseNode()
    this.#ready = false
  }

  podNetwork(namespace: string, pod: string): NetworkNamespace | undefined {
    return this.worker(namespace, pod)?.sandbox?.network
  }

  container(namespace: string, pod: string, container?: string): Machine | undefined {
    const worker = this.worker(namespace, pod)
    const record = container === undefined ? worker?.main.find((c) => c.run) : worker?.record(container)
    return record?.run?.machine
  }

  worker(namespace: string, pod: string): PodWorker | undefined {
    for (const worker of this.workers.values()) if (worker.pod.metadata.name === pod && worker.pod.metadata.namespace === namespace) return worker
    return undefined
  }

  // ---- for the workers ---------------------------------------------------------------------------------------

  services(namespace: string): readonly Service[] {
    return this.#services?.inNamespace(namespace) ?? []
  }

  configMap(namespace: string, name: string): ConfigMap | undefined {
    return this.#configMaps?.get(namespace, name)
  }

  secret(namespace: string, name: string): Secret | undefined {
    return this.#secrets?.get(namespace, name)
  }

  token(pod: Pod, audiences: readonly string[] | undefined, issued: number, seconds: number): string {
    const { client, name } = this.context
    return podToken(pod, accountAt(client, pod, issued), client.get('nodes', undefined, name), audiences, issued, seconds)
  }

  execId(): string {
    return this.random.hex(64)
  }

  reserveSandboxNetwork(name: string): ReservedNetwork {
    return this.#options.reserveSandboxNetwork(name)
  }

  tooLarge(pod: Pod): string | undefined {
    const { cpu, memory } = requestsOf(pod.spec)
    const text = (name: string, requested: number, capacity: number): string => `Node didn't have enough capacity: ${name}, requested: ${requested}, capacity: ${capacity}`
    if (memory > ALLOCATABLE.memory) return text('memory', memory, ALLOCATABLE.memory)
    return cpu > ALLOCATABLE.cpu * 1000 ? text('cpu', cpu, ALLOCATABLE.cpu * 1000) : undefined
  }

  changed(worker: object): void {
    this.#statuses.changed(worker as PodWorker)
  }

  ended(worker: object): void {
    this.#account((worker as PodWorker).pod, -1)
  }

  finished(worker: object): void {
    const { pod } = worker as PodWorker
    const { uid } = pod.metadata
    if (this.workers.get(uid) !== worker) return
    if (this.stopped) return
    this.#statuses.forget(worker as PodWorker)
    if (isStatic(pod)) {
      this.workers.delete(uid)
      return this.#static.finished(worker as PodWorker)
    }
    this.#statuses.finish(worker as PodWorker, () => this.workers.delete(uid), () => this.finished(worker))
  }

  // ---- Pods of the API ---------------------------------------------------------------------------------------

  #onPod(pod: Pod): void {
    if (isMirror(pod)) return this.#static.onMirror(pod)
    const worker = this.workers.get(pod.metadata.uid)
    if (worker) {
      if (pod.spec !== worker.pod.spec && !worker.over) {
        this.#account(worker.pod, -1)
        this.#account(pod, 1)
      }
      if (pod.metadata.deletionTimestamp && !worker.pod.metadata.deletionTimestamp) this.#syncLoop('DELETE', pod)
      if (pod.status !== worker.pod.status) this.#statuses.reconcile(worker)
      worker.update(pod)
      return
    }
    const { phase } = pod.status
    if (phase === 'Succeeded' || phase === 'Failed') return
    this.#syncLoop('ADD', pod)
    const refused = pod.metadata.deletionTimestamp ? undefined : this.#refusal(pod)
    if (refused) return this.#reject(pod, refused)
    const made = this.#run(pod)
    if (pod.metadata.deletionTimestamp) made.update(pod)
  }

  #syncLoop(what: 'ADD' | 'DELETE' | 'REMOVE', { metadata: { namespace, name } }: Pod): void {
    this.#options.log?.line('I', SYNC_LOOP[what], () => `"SyncLoop ${what}" source="api" pods=["${namespace}/${name}"]`)
  }

  #run(pod: Pod): PodWorker {
    this.#account(pod, 1)
    const made = new PodWorker(this, pod)
    this.workers.set(pod.metadata.uid, made)
    return made
  }

  #isGone({ metadata }: Pod): boolean {
    try {
      return this.context.client.get<Pod>('pods', metadata.namespace, metadata.name).metadata.uid !== metadata.uid
    } catch (error) {
      // an API that does not answer has deleted nothing
      return error instanceof StatusError && error.status.code === 404
    }
  }

  #refusal(pod: Pod): Refusal | undefined {
    const { client, name } = this.context
    const node = (): Node | undefined => {
      try {
        return client.get<Node>('nodes', undefined, name)
      } catch (error) {
        if (error instanceof StatusError) return undefined
        throw error
      }
    }
    const { cpu, memory, pods } = ALLOCATABLE
    const others = (): Pod[] => [...this.workers.values()].filter((w) => !w.ended).map((w) => w.pod)
    const ask = (allocated: Allocated): Refusal | undefined => refusal(pod, node, allocated, { cpu: cpu * 1000, memory, pods }, others)
    const refused = ask(this.#allocated)
    // the scheduler gives away what a Pod had as soon as it has ended, and its sandbox may still be going
    return refused?.reason.startsWith('OutOf') ? ask(others().reduce((sum, each) => withPod(sum, each, 1), NOTHING)) : refused
  }

  #reject(pod: Pod, refused: Refusal): void {
    this.events.event(pod, 'Warning', refused.reason, refused.message)
    this.#statuses.reject(pod, refused)
  }

  #account(pod: Pod, sign: 1 | -1): void {
    this.#allocated = withPod(this.#allocated, pod, sign)
  }

  /** Deleted by force, or by ourselves. */
  #onGone(pod: Pod): void {
    if (isMirror(pod)) return this.#static.onMirrorGone(pod)
    this.#syncLoop('REMOVE', pod)
    this.workers.get(pod.metadata.uid)?.terminate(pod.metadata.deletionGracePeriodSeconds ?? 30)
  }

  /** It came, changed or went: an optional one may come late, and one be made anew. */
  #refreshVolumes({ metadata: { namespace } }: ConfigMap | Secret): void {
    const concerned = (worker: PodWorker): boolean => worker.pod.metadata.namespace === namespace
    if (![...this.workers.values()].some(concerned)) return
    this.context.clock.schedule(VOLUME_REFRESH, () => {
      for (const worker of this.workers.values()) if (concerned(worker)) worker.refreshVolumes()
    }, { background: true })
  }

  // ---- the node ----------------------------------------------------------------------------------------------

  #checkNetwork(): void {
    if (this.stopped) return
    const ready = this.plugin.status(this.context) === undefined
    if (ready === this.#ready) return
    this.#ready = ready
    this.#status?.report()
    if (ready) for (const worker of this.workers.values()) worker.wake()
  }
}

const NOTHING: Allocated = { cpu: 0, memory: 0, pods: 0 }

function withPod({ cpu, memory, pods }: Allocated, { spec }: Pod, sign: number): Allocated {
  const wanted = requestsOf(spec)
  return { cpu: cpu + sign * wanted.cpu, memory: memory + sign * wanted.memory, pods: pods + sign }
}

export function startKubelet(options: KubeletOptions): Kubelet {
  return new Kubelet(options)
}
