import type { Kubelet } from '../kubernetes/kubelet/kubelet.ts'
import type { MachineIdentity } from '../kubernetes/kubelet/machine-identity.ts'
import type { SimulatedMachine, Surroundings } from '../machine/machine.ts'
import type { Machine, ProcessEntry } from '../machine/types.ts'
import type { NetworkNamespace } from '../network/types.ts'
import { installNodeFiles, type NodeFacts } from './files.ts'
import type { Journal, JournalEntry } from './journal.ts'
import { systemdLine } from './kubelet-log.ts'
import { NamedNamespaces } from './netns.ts'
import { NodeProcesses } from './processes.ts'
import { NodeRuntime } from './runtime.ts'
import { NodeServices } from './services.ts'

export { logDirectory, NodeRuntime, type ContainerView, type SandboxView } from './runtime.ts'
export { NodeServices, SERVICES, type Service, type ServiceName } from './services.ts'
export type { JournalEntry } from './journal.ts'

/** A node as its administrator finds it. Nothing of it is held before somebody looks. */
export class NodeView implements Surroundings {
  readonly name: string
  readonly machine: Machine
  readonly runtime: NodeRuntime
  readonly services: NodeServices
  readonly netns: NamedNamespaces
  readonly identity: MachineIdentity
  /** When the cluster began, in ms since 1970. */
  readonly born: number
  readonly #processes: NodeProcesses
  readonly #journal: Journal
  readonly #facts: NodeFacts

  constructor(kubelet: Kubelet, journal: Journal, facts: NodeFacts, createNetwork: (name: string) => NetworkNamespace) {
    const { name, machine } = kubelet.context
    this.name = name
    this.machine = machine
    this.identity = kubelet.identity
    this.born = kubelet.context.clock.wall() - kubelet.context.clock.now
    this.#journal = journal
    this.#facts = facts
    this.runtime = new NodeRuntime(kubelet)
    this.services = new NodeServices(kubelet, machine, (unit, what) => {
      const service = this.services.get(unit)
      if (what === 'failed' && service.failed === 'exec') {
        const [path = ''] = service.argv
        for (const text of [`Failed to locate executable ${path}: No such file or directory`, `Failed at step EXEC spawning ${path}: No such file or directory`]) journal.write(name, unit, `(${path.slice(path.lastIndexOf('/') + 1).slice(-8)})`, service.lastPid, () => `${unit}.service: ${text}`)
      }
      for (const line of systemdLine(service, what)) journal.write(name, unit, 'systemd', 1, () => line)
    })
    this.netns = new NamedNamespaces(this.runtime, (each) => createNetwork(`${name}/${each}`))
    this.#processes = new NodeProcesses(machine, this.runtime, () => this.services.processes())
    ;(machine as SimulatedMachine).surroundings = this
  }

  entries(): Iterable<ProcessEntry> {
    return this.#processes.entries()
  }

  get processes(): NodeProcesses {
    return this.#processes
  }

  visited(): void {
    installNodeFiles(this, this.#facts)
  }

  /** The node's journal, the oldest first. */
  journal(): JournalEntry[] {
    return this.#journal.read(this.name)
  }

  followJournal(listener: (entry: JournalEntry) => void): () => void {
    return this.#journal.follow((entry) => {
      if (entry.node === this.name) listener(entry)
    })
  }

  /** The machine was switched off: what is only in its memory is gone. */
  forget(): void {
    this.services.forget()
    this.netns.forget()
    ;(this.machine as SimulatedMachine).forget()
  }
}
