import { SystemError } from '../machine/errors.ts'
import type { NetworkNamespace } from '../network/types.ts'
import type { NodeRuntime } from './runtime.ts'

/** Where ip-netns(8) and containerd keep network namespaces by name. */
export const NETNS = '/run/netns'

/** The named network namespaces of a node: the sandboxes', as containerd's CNI names them, and those that somebody made. */
export class NamedNamespaces {
  readonly #runtime: NodeRuntime
  readonly #create: (name: string) => NetworkNamespace
  readonly #own = new Map<string, NetworkNamespace>()
  /** Names of sandboxes that somebody removed; the namespaces live on. */
  readonly #unnamed = new Set<string>()

  constructor(runtime: NodeRuntime, create: (name: string) => NetworkNamespace) {
    this.#runtime = runtime
    this.#create = create
  }

  /** The latest first, as a tmpfs lists them. */
  list(): { name: string; network: NetworkNamespace }[] {
    const sandboxes = this.#runtime.namespaces().map((s) => ({ name: s.netns.slice(s.netns.lastIndexOf('/') + 1), network: s.network! }))
    return [...[...this.#own].map(([name, network]) => ({ name, network })).reverse(), ...sandboxes.filter((s) => !this.#unnamed.has(s.name))]
  }

  get(name: string): NetworkNamespace | undefined {
    return this.list().find((each) => each.name === name)?.network
  }

  /** Throws SystemError EEXIST. */
  add(name: string): NetworkNamespace {
    if (this.get(name)) throw new SystemError('EEXIST')
    const made = this.#create(name)
    this.#own.set(name, made)
    return made
  }

  /** Throws SystemError ENOENT. */
  remove(name: string): void {
    const own = this.#own.get(name)
    if (!own && !this.get(name)) throw new SystemError('ENOENT')
    if (!own) return void this.#unnamed.add(name)
    this.#own.delete(name)
    own.destroy()
  }

  /** The machine was switched off. */
  forget(): void {
    for (const network of this.#own.values()) network.destroy()
    this.#own.clear()
    this.#unnamed.clear()
  }
}
