import { lookUpHost } from '../dns/go-lookup.ts'
import { Clock } from '../clock.ts'
import type { Cluster, HostPorts, TimeControl } from '../facade.ts'
import { replacesKubeProxy } from '../cni/options.ts'
import { findCniPlugin } from '../cni/plugins.ts'
import type { CniPlugin, NodeContext } from '../cni/types.ts'
import { CloudLoadBalancer } from '../cloud/load-balancer.ts'
import { ServiceController } from '../cloud/service-controller.ts'
import { nodeIps, type ClusterConfig } from '../config.ts'
import { coreDnsManifests } from '../dns/manifests.ts'
import type { FaultWorld } from '../faults/fault.ts'
import { Faults } from '../faults/index.ts'
import type { JourneyLog } from '../journey/types.ts'
import { ApiServer } from '../kubernetes/api-server.ts'
import { nodeUser } from '../kubernetes/admission/agents.ts'
import { ApiConnection } from '../kubernetes/connection.ts'
import { ApiSession } from '../kubernetes/api-session.ts'
import { startKubelet, kubeletAgents, type Kubelet } from '../kubernetes/kubelet/kubelet.ts'
import { patient } from '../kubernetes/patient.ts'
import { asManager } from '../kubernetes/managed-fields/as-manager.ts'
import { createProgramTable } from '../machine/programs.ts'
import type { MemoryFilesystem } from '../machine/filesystem.ts'
import type { Machine, Process, ProgramTable } from '../machine/types.ts'
import { NodeView } from '../node/index.ts'
import { installControlPlaneFiles } from '../node/files.ts'
import { clientCredentials } from '../node/pki.ts'
import { Journal } from '../node/journal.ts'
import { KubeletLog } from '../node/kubelet-log.ts'
import { FIRST_PIDS } from '../node/services.ts'
import { Network } from '../network/fabric.ts'
import { NetfilterTables } from '../network/netfilter/netfilter.ts'
import type { Nic } from '../network/switch.ts'
import { TcpStack } from '../network/tcp/stack.ts'
import type { NetworkNamespace } from '../network/types.ts'
import { registerDeclared } from '../programs/declared/image.ts'
import { askUpstream } from '../programs/http/client.ts'
import { EtcdStorage } from '../programs/etcd/storage.ts'
import { ingressNginxManifests } from '../programs/ingress-nginx/manifests.ts'
import { haproxyManifests } from '../programs/haproxy/manifests.ts'
import { registerPrograms } from '../programs/register.ts'
import { traefikManifests } from '../programs/traefik/manifests.ts'
import { kubeProxyManifests } from '../proxy/manifests.ts'
import { ApiDoor } from './api-door.ts'
import { commandsOf, staticPods } from './control-plane.ts'
import { ControlPlaneParts } from './control-plane-parts.ts'
import { kubeadmObjects } from './kubeadm.ts'
import { buildMachines, type World } from './machines.ts'
import { SimulatedNode } from './node.ts'

/** Every port of a machine that is not there is free. */
const NO_PORTS: HostPorts = {
  open: (port, answer) => answer({ port: port === 0 ? 40_000 : port }),
  close: () => undefined,
}

/** The connection under those that programs in Pods make, and the API server's own to itself. */
const IN_PODS = 'pods/'

/** In larger clusters nodes reach the API server without packets, unless a fault keeps them from it: each would ask all others for its MAC address. */
const MOST_SESSIONS = 100

/** Time that jumps: nobody holds it. */
const JUMPING: TimeControl = { paused: false, speed: 1, pause: () => undefined, resume: () => undefined, advance: () => undefined }

interface Manifest {
  kind: string
  metadata: { namespace?: string }
  spec?: { template?: { spec?: { serviceAccountName?: string; initContainers?: { image?: string }[]; containers?: { image?: string }[] } } }
}

/** kubeadm pulls the images of the cluster's own Pods before it starts anything. */
function systemImages(manifests: readonly Manifest[]): string[] {
  return manifests.flatMap(({ spec }) => [...(spec?.template?.spec?.initContainers ?? []), ...(spec?.template?.spec?.containers ?? [])]).flatMap((c) => c.image ?? [])
}

/** Puts the rooms of the engine together, as kubeadm would on machines that are already there. */
export class SimulatedCluster implements Cluster {
  readonly config: ClusterConfig
  readonly clock: Clock
  readonly client: ApiServer
  readonly connection: ApiConnection
  readonly programs: ProgramTable = createProgramTable()
  readonly journeys: JourneyLog
  readonly faults: Faults
  readonly loadBalancer: CloudLoadBalancer | undefined
  ports: HostPorts = NO_PORTS
  time: TimeControl = JUMPING
  explain: (id: string) => string | undefined = () => undefined
  readonly #network: Network
  readonly #world: World
  readonly #kubelets = new Map<string, Kubelet>()
  readonly #connections = new Map<string, ApiConnection>()
  readonly #nodes = new Map<string, SimulatedNode>()
  readonly #journal: Journal
  readonly #listeners = new Set<() => void>()
  readonly #door = new ApiDoor()

  /** `epoch`: the wall clock at the birth, in ms since 1970. */
  constructor(config: ClusterConfig, epoch?: number) {
    this.config = config
    this.clock = new Clock({ seed: config.seed, ...(epoch === undefined ? {} : { epoch }) })
    this.#journal = new Journal(this.clock)
    this.#network = new Network({ clock: this.clock, ipv6: true, layers: { netfilter: (host, beside) => new NetfilterTables(host, beside), tcp: (host) => new TcpStack(host) } })
    this.journeys = this.#network.journeys
    this.#world = buildMachines(this.clock, this.#network, this.programs, config)
    const controlPlane = config.nodes.find((n) => n.role === 'control-plane') ?? config.nodes[0]!
    this.client = new ApiServer(this.clock, { serviceCIDR: config.serviceCIDR, nodePortRange: config.nodePortRange, advertiseAddress: controlPlane.ip, seeds: kubeadmObjects(this.clock, config, controlPlane), administrator: () => clientCredentials('admin', config.seed, this.clock.epoch).certificate })
    const address = `${controlPlane.ip.includes(':') ? `[${controlPlane.ip}]` : controlPlane.ip}:6443`
    for (const name of [...config.nodes.map((n) => n.name), IN_PODS]) this.#connections.set(name, new ApiConnection(this.clock, this.client, { address, kind: 'agent' }))
    this.connection = new ApiConnection(this.clock, this.client, { address, kind: 'user' })
    const local = this.#connections.get(controlPlane.name)!
    if (this.#world.balancer) this.loadBalancer = new CloudLoadBalancer(this.clock, this.#world.balancer, 'eth1')
    const parts = new ControlPlaneParts({
      clock: this.clock,
      config,
      server: this.client,
      client: local,
      itself: this.#connections.get(IN_PODS)!,
      host: controlPlane.name,
      more: () => this.loadBalancer && new ServiceController(this.clock, asManager(local, 'cloud-controller-manager'), this.loadBalancer),
      blockApi: (cause) => this.#blockApi(cause),
      unblockApi: (cause) => this.#unblockApi(cause),
      door: this.#door,
      storage: new EtcdStorage(this.client.store, this.client.services, () => this.client.kinds),
    }, commandsOf(config, controlPlane))
    registerPrograms(this.programs, { client: this.#connections.get(IN_PODS)!, nodeOf: (process) => this.#kubelets.get(process.network.name)?.node, controlPlane: parts })
    registerDeclared(this.programs, config.images ?? [])
    const plugin = findCniPlugin(config.cni)!
    const manifests = [...plugin.manifests(config), ...(replacesKubeProxy(config) ? [] : kubeProxyManifests(config)), ...coreDnsManifests(config), ...ingressNginxManifests(config), ...traefikManifests(config), ...haproxyManifests(config)] as Manifest[]
    for (const node of config.nodes) this.#startNode(node, plugin, manifests)
    for (const machine of [this.laptop, ...this.nodes.values()]) for (const [path, program] of Object.entries(plugin.tools ?? {})) machine.fs.installProgram(path, program)
    this.client.nodeAgents = { ...kubeletAgents(this.client, () => this.#apiServerProcess(controlPlane.name)), laptop: this.#world.laptop.network.links.get('eth0')?.addresses[0]?.address ?? '', ask: (request, done) => askUpstream(this.#apiServerProcess(controlPlane.name), { ...request, program: 'kube-apiserver' }, done), lookUp: (host, done) => this.#lookUp(controlPlane.name, host, done) }
    this.client.requests.laptop = this.client.nodeAgents.laptop
    for (const manifest of manifests) this.#create(manifest)
    this.faults = new Faults(this.#faultWorld(plugin), () => this.#changed())
    this.#watchEverything()
  }

  /** Whose sockets the API server's own requests go through. */
  #apiServerProcess(node: string): Pick<Process, 'clock' | 'network' | 'pid' | 'user'> {
    const machine = this.nodes.get(node)!
    const pid = [...machine.pids.table().values()].find(({ argv }) => argv[0] === 'kube-apiserver')?.pid ?? 1
    return { clock: this.clock, network: machine.network, pid, user: machine.user }
  }

  /** In the API server's container, whose files say which resolver it has: the node's. */
  #lookUp(node: string, host: string, done: Parameters<typeof lookUpHost>[2]): () => void {
    const entry = [...this.nodes.get(node)!.pids.table().values()].find(({ argv, process }) => process && argv[0] === 'kube-apiserver')
    if (entry?.process) return lookUpHost(entry.process, host, done)
    const timer = this.clock.schedule(0, () => done({ error: `lookup ${host}: no such host` }))
    return () => this.clock.cancel(timer)
  }

  get laptop(): Machine {
    return this.#world.laptop
  }

  get external(): Machine {
    return this.#world.external
  }

  get router(): Machine {
    return this.#world.router
  }

  get nodes(): ReadonlyMap<string, Machine> {
    return this.#world.nodes
  }

  podNetwork(namespace: string, pod: string): NetworkNamespace | undefined {
    return this.#eachKubelet((k) => k.podNetwork(namespace, pod))
  }

  container(namespace: string, pod: string, container?: string): Machine | undefined {
    return this.#eachKubelet((k) => k.container(namespace, pod, container))
  }

  nodeView(machine: Machine): NodeView | undefined {
    const node = this.#nodes.get(machine.name)
    return node?.machine === machine ? node.view : undefined
  }

  /** A node's agent: faults stop and start it. */
  kubelet(node: string): Kubelet | undefined {
    return this.#kubelets.get(node)
  }

  /** A node's way to the API server, which its agents share: blocking it cuts the node off. */
  connectionOf(node: string): ApiConnection | undefined {
    return this.#connections.get(node)
  }

  /** Everybody's ways: without an API server all of them are blocked. */
  connections(): ApiConnection[] {
    return [this.connection, ...this.#connections.values()]
  }

  networks(): readonly NetworkNamespace[] {
    return this.#network.namespaces
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  settle(limit?: number): boolean {
    return this.clock.settle(limit)
  }

  #startNode(node: ClusterConfig['nodes'][number], plugin: CniPlugin, manifests: readonly Manifest[]): void {
    const machine = this.#world.nodes.get(node.name)!
    const context: NodeContext = { name: node.name, machine, network: machine.network, clock: this.clock, client: patient(asManager(this.#connections.get(node.name)!, 'kubelet', nodeUser(node.name))), config: this.config, fabric: this.#network }
    const pods = node.role === 'control-plane' ? staticPods(this.config, node) : { files: {}, images: [] }
    if (node.role === 'control-plane') installControlPlaneFiles(machine.fs as MemoryFilesystem, this.config, node, (this.config.nodes.find((n) => n.role === 'control-plane') ?? node).ip, this.clock.epoch)
    const made: { view?: NodeView } = {}
    const log = new KubeletLog(this.#journal, node.name, (name) => made.view?.services.lastPid(name) ?? FIRST_PIDS[name], (uid, container) => this.#kubelets.get(node.name)?.workers.get(uid)?.record(container)?.run?.id ?? '')
    const kubelet = startKubelet({
      pid: () => made.view?.services.lastPid('kubelet') ?? FIRST_PIDS.kubelet,
      log,
      node: context,
      role: node.role,
      ips: nodeIps(node),
      plugin,
      staticPods: pods.files,
      images: [...systemImages(manifests), ...pods.images],
      reserveSandboxNetwork: (name) => this.#network.reserveNamespace(name),
      onRunning: () => this.#nodes.get(node.name)?.agentsChanged(),
    })
    this.#kubelets.set(node.name, kubelet)
    const facts = { config: this.config, role: node.role, apiServer: (this.config.nodes.find((n) => n.role === 'control-plane') ?? this.config.nodes[0]!).ip }
    const view = (made.view = new NodeView(kubelet, this.#journal, facts, (name) => this.#network.createNamespace({ name, kind: 'pod', loUp: false })))
    this.#nodes.set(node.name, new SimulatedNode(context, node, plugin, kubelet, view, this.config.nodes.length > MOST_SESSIONS ? undefined : (owner) => new ApiSession({ clock: this.clock, network: machine.network, address: facts.apiServer, port: 6443, owner, way: this.#connections.get(node.name)! })))
  }

  #faultWorld(plugin: CniPlugin): FaultWorld {
    return {
      clock: this.clock,
      config: this.config,
      client: this.client,
      nodes: this.#nodes,
      underlay: this.#world.underlay,
      router: this.#world.router.network.links.get('eth0') as Nic,
      agentProgram: plugin.agentProgram,
      blockApi: (cause, error, nodes) => this.#blockApi(cause, error, nodes),
      unblockApi: (cause, nodes, fresh) => this.#unblockApi(cause, nodes, fresh),
    }
  }

  #blockApi(cause: string, error?: Parameters<ApiConnection['block']>[1], nodes?: readonly string[]): void {
    if (!nodes && cause !== 'kube-apiserver') this.#door.shut(cause)
    for (const way of this.#ways(nodes)) way.block(cause, error)
  }

  #unblockApi(cause: string, nodes?: readonly string[], fresh?: string): void {
    if (!nodes) this.#door.open(cause)
    for (const way of this.#ways(nodes)) way.unblock(cause, { fresh: fresh !== undefined && way === this.#connections.get(fresh) })
  }

  #ways(nodes: readonly string[] | undefined): ApiConnection[] {
    return nodes ? nodes.flatMap((n) => this.#connections.get(n) ?? []) : this.connections()
  }

  #create(manifest: Manifest): void {
    const { kind, metadata } = manifest
    this.#createAccount(manifest)
    const resource = this.client.findResource(kind)
    // what this version's API has no kind for changes nothing in the simulation
    if (resource) this.client.create(resource.name, metadata.namespace, manifest, { fieldValidation: 'Ignore', fieldManager: 'kubeadm' })
  }

  /** The plugin's and the add-ons' Pods run under accounts of their own. */
  #createAccount({ metadata: { namespace }, spec }: Manifest): void {
    const name = spec?.template?.spec?.serviceAccountName
    // two of a plugin's may share one
    if (name !== undefined && !this.client.store.get('serviceaccounts', namespace ?? 'default', name)) this.client.create('serviceaccounts', namespace, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } }, { fieldManager: 'kubeadm' })
  }

  #eachKubelet<T>(find: (kubelet: Kubelet) => T | undefined): T | undefined {
    for (const kubelet of this.#kubelets.values()) {
      const found = find(kubelet)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** What a picture shows: objects, and the links of nodes and outside. */
  #watchEverything(): void {
    for (const resource of ['nodes', 'pods', 'services', 'endpointslices']) this.client.watch(resource, {}, () => this.#changed())
    for (const network of this.#network.namespaces) network.onChange(() => this.#changed())
  }

  /** What is made late, because somebody looks, was there before for all who listen: it may not set them to work. */
  #changed(): void {
    if (this.clock.isPast) return
    for (const listener of this.#listeners) listener()
  }
}
