import { Clock } from '../clock.ts'
import { nodeIps, type ClusterConfig, type NodeConfig } from '../config.ts'
import { internetProgram } from '../cloud/internet.ts'
import { coreDnsManifests } from '../dns/manifests.ts'
import { CallbackFile } from '../machine/files.ts'
import { MemoryFilesystem } from '../machine/filesystem.ts'
import { layOutLinux } from '../machine/linux.ts'
import { createMachine } from '../machine/machine.ts'
import { createProgramTable } from '../machine/programs.ts'
import type { Machine, Process, Program, ProgramTable } from '../machine/types.ts'
import { Network } from '../network/fabric.ts'
import { NetfilterTables } from '../network/netfilter/netfilter.ts'
import type { Switch } from '../network/switch.ts'
import { TcpStack } from '../network/tcp/stack.ts'
import { ResponseParser, writeRequest, type ResponseHead } from '../programs/http/message.ts'
import { findImage } from '../programs/images/catalog.ts'
import { imageLayer } from '../programs/rootfs.ts'
import { registerPrograms } from '../programs/register.ts'
import { Signal, type Task } from '../machine/task.ts'
import { decodeUtf8 } from '../text.ts'
import { IptablesProxier } from '../proxy/iptables/proxier.ts'
import { writeKubeletRules } from '../proxy/iptables/jumps.ts'
import { ObjectStore } from './objects.samples.ts'
import { findCniPlugin } from './plugins.ts'
import type { Agent, CniPlugin, NodeContext, Sandbox } from './types.ts'

/** Two nodes, a switch, the outside, and Pods made by hand: the rooms of this engine without API server and kubelet. */
export interface PodSample { name: string; ip: string; ips: readonly string[]; sandbox: Sandbox; machine: Machine; process: Process; output: () => string }

export class SmallCluster {
  readonly clock = new Clock({ seed: 1 })
  readonly store = new ObjectStore(this.clock)
  readonly network: Network
  readonly programs: ProgramTable = createProgramTable()
  readonly config: ClusterConfig
  readonly nodes = new Map<string, NodeContext>()
  readonly agents = new Map<string, Agent>()
  readonly plugin: CniPlugin
  readonly underlay: Switch
  readonly outside: Machine

  /** `dual`: IPv6 beside IPv4, nodes in fd00:172:18::/64, Pods in fd00:10:244:N::/64. */
  constructor(cni: 'bridge' | 'flannel' = 'bridge', nodes = ['worker-1', 'worker-2'], { dual = false } = {}) {
    this.config = {
      nodes: nodes.map((name, i) => ({ name, role: 'worker', ip: `172.18.0.${i + 2}`, ...(dual ? { secondIp: `fd00:172:18::${i + 2}` } : {}) })),
      podCIDR: ['10.244.0.0/16', ...(dual ? ['fd00:10:244::/56'] : [])], serviceCIDR: ['10.96.0.0/12', ...(dual ? ['fd00:10:96::/112'] : [])],
      nodePortRange: { from: 30000, to: 32767 }, ipFamilies: dual ? ['IPv4', 'IPv6'] : ['IPv4'],
      cni, cniOptions: cni === 'flannel' ? { backend: 'vxlan' } : {}, proxyMode: 'iptables', cloud: 'none', ingressController: 'none', kubectlRun: 'pod', seed: 1,
    }
    this.network = new Network({ clock: this.clock, ipv6: dual, layers: { netfilter: (host, beside) => new NetfilterTables(host, beside), tcp: (host) => new TcpStack(host) } })
    this.underlay = this.network.createSwitch()
    registerPrograms(this.programs, { client: this.store.client, nodeOf: (process) => this.nodes.get(process.network.name) })
    // The shell's rooms have the real ones.
    const wait: Program = function* () {
      for (;;) yield () => undefined
    }
    for (const name of ['sleep', 'busybox']) this.programs.register(name, wait)
    this.plugin = findCniPlugin(cni)!
    this.store.put('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
    this.store.put('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } })
    this.outside = this.#outside()
    this.config.nodes.forEach((node, i) => this.#node(node, [`10.244.${i + 1}.0/24`, ...(dual ? [`fd00:10:244:${i + 1}::/64`] : [])]))
    this.clock.runFor(2000)
  }

  #outside(): Machine {
    const namespace = this.network.createNamespace({ name: 'internet', kind: 'outside' })
    this.network.createNic(namespace, 'eth0', this.underlay)
    namespace.setUp('lo', true)
    namespace.setUp('eth0', true)
    namespace.addAddress('eth0', '172.18.0.1/16')
    if (namespace.ipv6) namespace.addAddress('eth0', 'fd00:172:18::1/64')
    const machine = createMachine({ kind: 'node', name: 'internet', hostname: 'internet', clock: this.clock, network: namespace, programs: this.programs })
    machine.start({ argv: ['internet'], program: internetProgram(['172.18.0.1']), files: new Map() })
    return machine
  }

  #node(node: NodeConfig, podCIDRs: readonly string[]): void {
    const { name, ip, secondIp } = node
    const namespace = this.network.createNamespace({ name, kind: 'node' })
    this.network.createNic(namespace, 'eth0', this.underlay)
    namespace.setUp('lo', true)
    namespace.setUp('eth0', true)
    namespace.addAddress('eth0', `${ip}/16`)
    namespace.routes.add({ destination: '0.0.0.0/0', via: '172.18.0.1', device: 'eth0' })
    if (secondIp !== undefined) {
      namespace.addAddress('eth0', `${secondIp}/64`)
      namespace.routes.add({ destination: '::/0', via: 'fd00:172:18::1', device: 'eth0' })
    }
    const fs = new MemoryFilesystem({ clock: this.clock })
    layOutLinux(fs, { hostname: name })
    fs.writeFile('/etc/resolv.conf', 'nameserver 172.18.0.1\n')
    const machine = createMachine({ kind: 'node', name, hostname: name, clock: this.clock, fs, network: namespace, programs: this.programs })
    const context: NodeContext = { name, machine, network: namespace, clock: this.clock, client: this.store.client, config: this.config, fabric: this.network }
    this.nodes.set(name, context)
    this.store.put('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name, labels: {} }, spec: { podCIDR: podCIDRs[0], podCIDRs }, status: { addresses: nodeIps(node).map((address) => ({ type: 'InternalIP', address })), conditions: [] } })
    writeKubeletRules(namespace.netfilter)
    if (namespace.ipv6) writeKubeletRules(namespace.netfilter6)
    this.agents.set(name, this.plugin.startAgent(context))
  }

  startProxies(): Map<string, IptablesProxier> {
    const proxies = new Map([...this.nodes].map(([name, context]) => [name, new IptablesProxier(context)]))
    this.clock.runFor(1500)
    return proxies
  }

  /** A Pod with one container on a node. */
  pod(name: string, node: string, image: string, options: { command?: string[]; args?: string[]; env?: Record<string, string>; files?: Record<string, string>; hostNetwork?: boolean } = {}): PodSample {
    const context = this.nodes.get(node)!
    const namespace = options.hostNetwork ? this.network.namespaces.find((n) => n.name === node)! : this.network.createNamespace({ name: `default/${name}`, kind: 'pod' })
    const sandbox: Sandbox = { id: this.clock.random.hex(64), network: namespace, podNamespace: 'default', podName: name, podUid: name }
    const ips = options.hostNetwork ? nodeIps(this.config.nodes.find((n) => n.name === node)!) : this.plugin.add(context, sandbox).ips
    const { machine, process, output } = this.container(name, image, namespace, options)
    return { name, ip: ips[0]!, ips, sandbox, machine, process, output }
  }

  container(name: string, reference: string, namespace: Sandbox['network'], options: { command?: string[]; args?: string[]; env?: Record<string, string>; files?: Record<string, string> } = {}): { machine: Machine; process: Process; output: () => string } {
    const image = findImage(reference)
    if (!image) throw new Error(`no image ${reference}`)
    const fs = new MemoryFilesystem({ clock: this.clock, base: imageLayer(image) })
    const files: Record<string, string> = {
      '/etc/resolv.conf': 'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
      '/etc/hosts': '127.0.0.1\tlocalhost\n',
      ...options.files,
    }
    for (const [path, text] of Object.entries(files)) {
      fs.makeDirectory(path.slice(0, path.lastIndexOf('/')), { parents: true })
      fs.writeFile(path, text)
    }
    const machine = createMachine({
      kind: 'container', name: `default/${name}/main`, hostname: name, clock: this.clock, fs, network: namespace, programs: this.programs,
      env: { ...image.environment, ...options.env },
    })
    let text = ''
    const sink = new CallbackFile(this.clock, (bytes) => (text += decodeUtf8(bytes)))
    const argv = [...(options.command ?? image.entrypoint), ...(options.args ?? (options.command ? [] : image.command))]
    const process = machine.start({ argv, files: new Map([[1, sink], [2, sink]]) })
    return { machine, process, output: () => text }
  }

  /** Two CoreDNS Pods behind kube-dns, with the Corefile of kubeadm. */
  startDns(): PodSample[] {
    const [configMap, , service] = coreDnsManifests(this.config) as { data?: { Corefile: string }; metadata: { name: string; namespace: string } }[]
    this.store.put('services', service!)
    const pods = [...this.nodes.keys()].map((node, i) => this.pod(`coredns-${i}`, node, 'registry.k8s.io/coredns/coredns:v1.12.0', {
      args: ['-conf', '/etc/coredns/Corefile'],
      files: { '/etc/coredns/Corefile': configMap!.data!.Corefile, '/etc/resolv.conf': 'nameserver 172.18.0.1\n' },
    }))
    this.store.put('endpointslices', {
      apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4',
      metadata: { namespace: 'kube-system', name: 'kube-dns-abcde', labels: { 'kubernetes.io/service-name': 'kube-dns' } },
      ports: [{ name: 'dns', port: 53, protocol: 'UDP' }, { name: 'dns-tcp', port: 53, protocol: 'TCP' }, { name: 'metrics', port: 9153, protocol: 'TCP' }],
      endpoints: pods.map((p) => ({ addresses: [p.ip], conditions: { ready: true, serving: true, terminating: false } })),
    })
    this.clock.runFor(2500)
    return pods
  }

  /** Runs a task as a process of a machine, for at most `limit` ms. */
  run<T>(machine: Machine, task: (process: Process) => Task<T>, limit = 30_000): T {
    let result: { value: T } | undefined
    const program: Program = function* (process) {
      result = { value: yield* task(process) }
      return 0
    }
    machine.start({ argv: ['test'], program, files: new Map() })
    const end = this.clock.now + limit
    while (!result && this.clock.step(end)) continue
    if (!result) throw new Error('the task did not end')
    return result.value
  }
}

export interface Fetched { head?: ResponseHead; body: string; error?: string; journey: ReturnType<Sandbox['network']['journeys']['get']> }

/** The plainest HTTP client. */
export function* fetch(process: Process, address: string, port: number, path = '/', options: { method?: string; host?: string; headers?: [string, string][] } = {}): Task<Fetched> {
  const done = new Signal()
  let over = false
  const result: Fetched = { body: '', journey: undefined }
  const parser = new ResponseParser({
    onHead: (head) => (result.head = head),
    onBody: (data) => (result.body += decodeUtf8(data)),
    onComplete: () => {
      over = true
      connection.end()
      done.notify()
    },
  })
  parser.withoutBody = options.method === 'HEAD'
  const connection = process.network.sockets.connect({ address, port, owner: { pid: process.pid, program: 'curl' } }, {
    onConnect: () => connection.send(writeRequest(options.method ?? 'GET', path, [['Host', options.host ?? address], ['User-Agent', 'curl/7.88.1'], ['Accept', '*/*'], ...(options.headers ?? [])])),
    onData: (data) => parser.push(data),
    onEnd: () => {
      parser.end()
      connection.end()
    },
    onClose: (error) => {
      over = true
      if (error) result.error = error.code
      done.notify()
    },
  })
  while (!over) yield done.wait
  result.journey = connection.journey
  return result
}
