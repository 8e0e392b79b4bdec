import type { EventName, Events, Message, RequestArgument, RequestName, RequestResults, Transport } from './protocol.ts'

/** The window's end: requests with answers, and events. */
export class BridgeClient {
  #transport: Transport
  #next = 1
  #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  #listeners = new Map<EventName, Set<(payload: never) => void>>()

  constructor(transport: Transport) {
    this.#transport = transport
    transport.onMessage((raw) => this.#receive(raw as Message))
    transport.onClose(() => {
      for (const w of this.#waiting.values()) w.reject(new Error('The connection to Podhop is closed.'))
      this.#waiting.clear()
    })
  }

  /** Rejects with the host's words when it refuses. */
  request<N extends RequestName>(name: N, argument: RequestArgument<N>): Promise<RequestResults[N]> {
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
      this.#transport.send({ type: 'request', id, name, argument })
    })
  }

  on<N extends EventName>(name: N, listener: (payload: Events[N]) => void): () => void {
    const set = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, set)
    set.add(listener as (payload: never) => void)
    return () => set.delete(listener as (payload: never) => void)
  }

  #receive(message: Message): void {
    if (message.type === 'event') {
      for (const listener of this.#listeners.get(message.name) ?? []) listener(message.payload as never)
    } else if (message.type !== 'request') {
      const waiting = this.#waiting.get(message.id)
      this.#waiting.delete(message.id)
      if (message.type === 'result') waiting?.resolve(message.result)
      else waiting?.reject(new Error(message.error))
    }
  }
}
