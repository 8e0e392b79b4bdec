type OutputListener = (data: string) => void

/** Who draws the output of which terminal. */
export class TerminalOutput {
  #listeners = new Map<string, Set<OutputListener>>()

  on(terminal: string, listener: OutputListener): () => void {
    const set = this.#listeners.get(terminal) ?? new Set()
    this.#listeners.set(terminal, set)
    set.add(listener)
    return () => {
      set.delete(listener)
      if (!set.size && this.#listeners.get(terminal) === set) this.#listeners.delete(terminal)
    }
  }

  write(terminal: string, data: string): void {
    this.#listeners.get(terminal)?.forEach((listener) => listener(data))
  }
}
