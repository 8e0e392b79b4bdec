import type { Ip } from './types.ts'

/** A peer that a socket has exchanged datagrams with. */
export interface Flow {
  readonly peer: Ip
  readonly port: number
  /** Its number only: whoever talks with hundreds would hold on to all their journeys, long after the cluster forgot them. */
  journey: number
  /** Whether the peer began it. */
  answers: boolean
  usedAt: number
  older: Flow | undefined
  newer: Flow | undefined
  /** The next one whose peer has the same port, where there are many. */
  sibling: Flow | undefined
}

const MOST = 256
/** Up to so many are found by looking at one after the other: most sockets have one. */
const FEW = 4

/** The last peers of a socket, by address and port. */
export class Flows {
  #newest: Flow | undefined
  #oldest: Flow | undefined
  #count = 0
  #byPort: Map<number, Flow> | undefined

  get(peer: Ip, port: number): Flow | undefined {
    if (this.#byPort !== undefined) {
      for (let flow = this.#byPort.get(port); flow; flow = flow.sibling) if (flow.peer === peer) return flow
      return undefined
    }
    for (let flow = this.#newest; flow; flow = flow.older) if (flow.port === port && flow.peer === peer) return flow
    return undefined
  }

  /** The newest from now on; the oldest goes when there are too many. */
  set(peer: Ip, port: number, journey: number, answers: boolean, usedAt: number): void {
    const known = this.get(peer, port)
    if (known) this.#remove(known)
    const flow: Flow = { peer, port, journey, answers, usedAt, older: this.#newest, newer: undefined, sibling: undefined }
    if (this.#newest) this.#newest.newer = flow
    else this.#oldest = flow
    this.#newest = flow
    this.#count++
    if (this.#byPort !== undefined) this.#index(flow, this.#byPort)
    else if (this.#count > FEW) {
      this.#byPort = new Map()
      for (let one = this.#oldest; one; one = one.newer) this.#index(one, this.#byPort)
    }
    if (this.#count > MOST) this.#remove(this.#oldest!)
  }

  #index(flow: Flow, byPort: Map<number, Flow>): void {
    flow.sibling = byPort.get(flow.port)
    byPort.set(flow.port, flow)
  }

  #remove(flow: Flow): void {
    const { older, newer } = flow
    if (older) older.newer = newer
    else this.#oldest = newer
    if (newer) newer.older = older
    else this.#newest = older
    this.#count--
    if (this.#byPort !== undefined) this.#unindex(flow, this.#byPort)
    // What is old and dead would keep what is young alive.
    flow.older = flow.newer = flow.sibling = undefined
  }

  #unindex(flow: Flow, byPort: Map<number, Flow>): void {
    const first = byPort.get(flow.port)!
    if (first !== flow) {
      let before = first
      while (before.sibling !== flow) before = before.sibling!
      before.sibling = flow.sibling
    } else if (flow.sibling) byPort.set(flow.port, flow.sibling)
    else byPort.delete(flow.port)
  }
}
