/**
 * Whether somebody is to listen at the API server's port, whatever the ways to it: it is shut as long as something has
 * shut it. What the API server's own process does is not among that.
 */
export class ApiDoor {
  readonly #causes = new Set<string>()
  readonly #listeners = new Set<() => void>()

  get isOpen(): boolean {
    return this.#causes.size === 0
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  shut(cause: string): void {
    this.#change(() => this.#causes.add(cause))
  }

  open(cause: string): void {
    this.#change(() => this.#causes.delete(cause))
  }

  #change(act: () => void): void {
    const before = this.isOpen
    act()
    if (this.isOpen !== before) for (const listener of [...this.#listeners]) listener()
  }
}
