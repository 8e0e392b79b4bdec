import type { Agent, CniPlugin, NodeContext } from '../cni/types.ts'
import { nodeIps, type NodeConfig } from '../config.ts'
import type { FaultNode } from '../faults/fault.ts'
import type { ApiSession } from '../kubernetes/api-session.ts'
import type { Kubelet } from '../kubernetes/kubelet/kubelet.ts'
import { SystemError } from '../machine/errors.ts'
import type { Machine } from '../machine/types.ts'
import type { Namespace } from '../network/namespace.ts'
import type { Nic } from '../network/switch.ts'
import type { SocketOwner } from '../network/types.ts'
import type { NodeView } from '../node/index.ts'
import { serveSsh } from '../node/sshd.ts'
import { configureNode } from './machines.ts'

/** Chains that the kernel itself has. */
const BUILT_IN = ['INPUT', 'FORWARD', 'OUTPUT', 'PREROUTING', 'POSTROUTING']

/** One machine of the cluster: its agents, and its power switch. */
export class SimulatedNode implements FaultNode {
  readonly name: string
  readonly role: 'control-plane' | 'worker'
  readonly kubelet: Kubelet
  readonly view: NodeView
  readonly #context: NodeContext
  readonly #ips: readonly string[]
  readonly #plugin: CniPlugin
  #agent: Agent | undefined
  #agentWanted = true
  #endSsh: () => void
  /** To the API server; undefined where agents reach it without packets. */
  readonly #session: ApiSession | undefined

  constructor(context: NodeContext, config: NodeConfig, plugin: CniPlugin, kubelet: Kubelet, view: NodeView, session: ((owner: () => SocketOwner | undefined) => ApiSession) | undefined) {
    this.name = context.name
    this.role = config.role
    this.kubelet = kubelet
    this.view = view
    this.#context = context
    this.#ips = nodeIps(config)
    this.#plugin = plugin
    this.#endSsh = serveSsh(this.machine)
    this.#runAgent()
    this.#session = session?.(() => this.#asker())
    this.#session?.start({ patient: true })
  }

  /** The kubelet has been started or stopped: the connection to the API server is that of who is left. */
  agentsChanged(): void {
    if (this.on) this.#session?.start()
  }

  /** Whose connection to the API server it is: the kubelet's, else kube-proxy's. */
  #asker(): SocketOwner | undefined {
    if (this.kubelet.asksClusters) return { pid: this.view.services.lastPid('kubelet'), program: 'kubelet' }
    const proxy = [...this.machine.pids.table().values()].find(({ argv }) => argv[0]?.endsWith('/kube-proxy'))
    return proxy && { pid: proxy.pid, program: 'kube-proxy' }
  }

  get machine(): Machine {
    return this.#context.machine
  }

  get network(): Namespace {
    return this.#context.network as Namespace
  }

  get nic(): Nic {
    return [...this.network.links.values()].find((l) => l.kind === 'nic') as Nic
  }

  get on(): boolean {
    return !this.network.off
  }

  stopAgent(): void {
    this.#agentWanted = false
    this.#endAgent()
  }

  startAgent(): void {
    this.#agentWanted = true
    if (this.on) this.#runAgent()
  }

  /** Nothing is told to anybody; what is on the disk stays. */
  powerOff(): void {
    const { network, machine } = this
    network.off = true
    // first of all: who is cut off in the middle of a sentence says no goodbye
    for (const link of network.links.values()) if (link.kind === 'nic') network.setUp(link.name, false)
    this.#endAgent()
    this.#endSsh()
    this.#session?.stop()
    this.kubelet.powerOff()
    machine.halt()
    this.#forget()
    network.changed()
  }

  /** The kernel starts, then the kubelet, and with it all that the API says is to run here. */
  powerOn(): void {
    const { network } = this
    network.off = false
    network.setUp(this.nic.name, true)
    configureNode(network, this.nic.name, this.#ips)
    readSysctlFiles(this.machine, network)
    this.#endSsh = serveSsh(this.machine)
    this.#runAgent()
    this.view.services.boot()
    network.changed()
  }

  /** What is only in the kernel's memory and in /run. */
  #forget(): void {
    const { network, machine } = this
    for (const link of [...network.links.values()]) if (link.kind !== 'nic' && link.kind !== 'loopback' && network.links.has(link.name)) network.removeLink(link.name)
    for (const link of network.links.values()) link.ingress = link.egress = undefined
    network.socketPrograms = undefined
    for (const family of [4, 6] as const) {
      for (const table of network.routes.tables(family)) if (table !== 'local') for (const route of network.routes.list(table, family)) network.routes.remove(route, { table })
      const rules = family === 4 ? network.routes.rules : network.routes.rules6
      for (const rule of rules.list()) if (rule.protocol !== 'kernel') rules.remove(rule)
    }
    for (const netfilter of network.ipv6 ? [network.netfilter, network.netfilter6] : [network.netfilter]) {
      const saved = netfilter.save()
      if (saved) netfilter.restore(saved.split('\n').filter((line) => /^(\*|COMMIT)/.test(line) || BUILT_IN.includes(/^:(\S+)/.exec(line)?.[1] ?? '')).join('\n') + '\n')
    }
    network.netfilter.sets.destroy()
    network.netfilter.conntrack.remove(() => true)
    network.forgetKernelLog()
    network.forgetSysctls()
    if (machine.fs.exists('/run')) for (const name of machine.fs.readDirectory('/run')) machine.fs.remove(`/run/${name}`, { recursive: true })
    this.view.forget()
  }

  /** A plugin without Pods of its own is a part of the node. */
  #runAgent(): void {
    if (this.#plugin.agentProgram === undefined && this.#agentWanted) this.#agent ??= this.#plugin.startAgent(this.#context)
  }

  #endAgent(): void {
    this.#agent?.stop()
    this.#agent = undefined
  }
}

/** systemd-sysctl.service: what /etc/sysctl.d and /etc/sysctl.conf say, each file over those before it. */
function readSysctlFiles({ fs }: Machine, network: Namespace): void {
  const directory = '/etc/sysctl.d'
  const names = fs.exists(directory) ? fs.readDirectory(directory).filter((name) => name.endsWith('.conf')).sort() : []
  for (const path of [...names.map((name) => `${directory}/${name}`), '/etc/sysctl.conf']) {
    if (!fs.exists(path)) continue
    for (const line of fs.readText(path).split('\n')) {
      const [, key, value] = /^\s*-?([^#;=\s]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
      if (key === undefined) continue
      try {
        network.setSysctl(key, value!)
      } catch (error) {
        // it says so in its journal, and goes on
        if (!(error instanceof SystemError)) throw error
      }
    }
  }
}
