import type { ContainerView, NodeView, Process, SandboxView, Task } from '../../../engine/cluster.ts'
import { TabWriter } from '../../kubectl/printers/tabwriter.ts'

/** What ctr says after "ctr: ". */
export class CtrError extends Error {}

/** What a command of ctr works on: a node's containerd, seen in one of its namespaces. */
export class Runtime {
  readonly process: Process
  readonly view: NodeView
  readonly namespace: string

  constructor(process: Process, view: NodeView, namespace: string) {
    this.process = process
    this.view = view
    this.namespace = namespace
  }

  get sandboxes(): SandboxView[] {
    return this.namespace === 'k8s.io' ? this.view.runtime.sandboxes().filter((s) => s.ready) : []
  }

  get containers(): ContainerView[] {
    return this.namespace === 'k8s.io' ? this.view.runtime.containers() : []
  }

  /** By its whole id. Throws {@link CtrError}. */
  find(id: string): ContainerView | SandboxView {
    if (id === '') throw new CtrError('container id must be provided')
    const found = [...this.containers, ...this.sandboxes].find((c) => c.id === id)
    if (!found) throw new CtrError(`container "${id}" in namespace "${this.namespace}": not found`)
    return found
  }

  table(options: ConstructorParameters<typeof TabWriter>[0], rows: string[][]): Task<void> {
    const writer = new TabWriter(options)
    for (const row of rows) writer.write(`${row.join('\t')}\n`)
    return this.process.print(writer.flush())
  }
}
