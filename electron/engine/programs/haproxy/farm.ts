import type { Process } from '../../machine/types.ts'
import type { Timer } from '../../clock.ts'
import { cookieOf } from '../ingress-nginx/balance.ts'
import type { Endpoint } from '../ingress-nginx/configuration.ts'
import type { HttpRequest } from '../http/server.ts'
import type { Backend } from './backend.ts'
import { serverCookie } from './cookie.ts'
import { hashOfRequest } from './hash.ts'
import { askHealth, type Health } from './health.ts'

/** HAProxy's "fall" and "rise", and how often a server is asked, in ms. */
export const FALL = 3
export const RISE = 2
const INTERVAL = 2_000

/** A slot of a backend: SRV_1, SRV_2, …; without an endpoint it is in maintenance. */
export interface Server {
  name: string
  endpoint: Endpoint | undefined
  up: boolean
  /** 0 to RISE + FALL - 1; it is up from RISE on. */
  health: number
  last: Health | undefined
  /** Requests that it is answering, and waiting for it alone. */
  active: number
  counts: Counts
  /** When it went up or down the last time, in ms of the clock. */
  changed: number
}

export interface Counts { sessions: number; most: number; sent: number; received: number; answers: number[]; retries: number; redispatches: number; connectErrors: number; responseErrors: number; checksFailed: number; downs: number; queued: number }

function newCounts(): Counts {
  return { sessions: 0, most: 0, sent: 0, received: 0, answers: [0, 0, 0, 0, 0, 0], retries: 0, redispatches: 0, connectErrors: 0, responseErrors: 0, checksFailed: 0, downs: 0, queued: 0 }
}

interface Waiting { only: Server | undefined; run: (server: Server) => void; timer: Timer }

/** The servers of one backend while the proxy runs. */
export class Pool {
  backend: Backend
  readonly servers: Server[] = []
  readonly counts = newCounts()
  active = 0
  readonly #process: Process
  readonly #log: (text: string) => void
  readonly #queue: Waiting[] = []
  readonly #timers = new Map<Server, Timer>()
  #turn = 0

  constructor(process: Process, backend: Backend, log: (text: string) => void) {
    this.#process = process
    this.#log = log
    this.backend = backend
    this.#fill()
  }

  set(backend: Backend): void {
    const before = this.backend
    this.backend = backend
    this.#fill()
    if (JSON.stringify([before.check, before.checkHttp, before.checkInterval]) !== JSON.stringify([backend.check, backend.checkHttp, backend.checkInterval])) this.#restart()
  }

  stop(): void {
    for (const timer of this.#timers.values()) this.#process.clock.cancel(timer)
    this.#timers.clear()
  }

  get queued(): number {
    return this.#queue.length
  }

  usable(): Server[] {
    return this.servers.filter((s) => s.endpoint !== undefined && s.up)
  }

  /** The server for a request; `sticks`: its cookie, or a hash, leaves no choice. Undefined: there is none. */
  choose(request: HttpRequest, source: string): { server: Server; sticks: boolean; byCookie: boolean } | undefined {
    const able = this.usable()
    if (able.length === 0) return undefined
    const { cookie, balance } = this.backend
    const value = cookie && cookieOf(request, cookie.name)
    const stuck = value === undefined ? undefined : able.find((s) => this.cookieFor(s) === value)
    if (stuck) return { server: stuck, sticks: true, byCookie: true }
    const hash = hashOfRequest(balance, request, source)
    if (hash !== undefined) return { server: able[hash % able.length]!, sticks: true, byCookie: false }
    const free = able.filter((s) => this.#hasRoom(s))
    const among = free.length > 0 ? free : able
    if (balance.algorithm === 'first') return { server: among[0]!, sticks: false, byCookie: false }
    if (balance.algorithm === 'random') {
      const drawn = Array.from({ length: balance.draws }, () => among[this.#process.clock.random.below(among.length)]!)
      return { server: drawn.reduce((best, s) => (s.active < best.active ? s : best)), sticks: false, byCookie: false }
    }
    const least = balance.algorithm === 'leastconn' ? Math.min(...among.map((s) => s.active)) : undefined
    // who is next after the last one; equals take turns
    const order = [...among.filter((s) => this.servers.indexOf(s) >= this.#turn), ...among.filter((s) => this.servers.indexOf(s) < this.#turn)]
    const server = order.find((s) => least === undefined || s.active === least)!
    this.#turn = this.servers.indexOf(server) + 1
    return { server, sticks: false, byCookie: false }
  }

  /** The last try goes to another server ("option redispatch"). */
  another(than: Server): Server {
    const able = this.usable()
    const at = able.findIndex((s) => this.servers.indexOf(s) > this.servers.indexOf(than))
    return able.filter((s) => s !== than).length === 0 ? than : able[at < 0 ? 0 : at]!
  }

  /** What a browser keeps: the server's address, hashed, or its name. */
  cookieFor({ endpoint, name }: Server): string {
    return this.backend.cookie?.dynamic === false ? name : serverCookie(endpoint!)
  }

  /** Runs now, or when a server has room; not at all after `patience` ms: then `gaveUp` hears how many waited before it. */
  enter(wanted: Server, sticks: boolean, patience: number, run: (server: Server, position: number) => void, gaveUp: (position: number) => void): void {
    if (this.#hasRoom(wanted)) {
      this.#take(wanted)
      return run(wanted, 0)
    }
    this.counts.queued++
    const only = sticks ? wanted : undefined
    const position = this.#queue.filter((w) => w.only === only).length + 1
    const waiting: Waiting = {
      only, run: (server) => run(server, position),
      timer: this.#process.clock.schedule(patience, () => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1)
        gaveUp(position)
      }),
    }
    this.#queue.push(waiting)
  }

  leave(server: Server): void {
    server.active--
    this.active--
    const at = this.#queue.findIndex((w) => w.only === undefined || w.only === server)
    const next = at < 0 || !this.#hasRoom(server) ? undefined : this.#queue.splice(at, 1)[0]
    if (!next) return
    this.#process.clock.cancel(next.timer)
    this.#take(server)
    next.run(server)
  }

  /** A request that goes on with another server. */
  move(from: Server, to: Server): void {
    from.counts.redispatches++
    from.active--
    to.counts.most = Math.max(to.counts.most, ++to.active)
    to.counts.sessions++
  }

  #take(server: Server): void {
    this.active++
    server.counts.sessions++
    server.counts.most = Math.max(server.counts.most, ++server.active)
    this.counts.most = Math.max(this.counts.most, this.active)
  }

  #hasRoom({ active }: Server): boolean {
    const { maxconn } = this.backend
    // 0 is no limit
    return !maxconn || active < maxconn
  }

  /** Endpoints keep their slots; new ones take the first that is free; there are always as many as scale-server-slots says, or a multiple of it. */
  #fill(): void {
    const { endpoints, slots } = this.backend
    const same = (a: Endpoint | undefined, b: Endpoint): boolean => a?.address === b.address && a.port === b.port
    for (const server of this.servers) if (server.endpoint && !endpoints.some((e) => same(server.endpoint, e))) this.#vacate(server)
    for (const endpoint of endpoints) {
      if (this.servers.some((s) => same(s.endpoint, endpoint))) continue
      let server = this.servers.find((s) => s.endpoint === undefined)
      if (!server) {
        const count = this.servers.length
        for (let i = 1; i <= slots; i++) this.servers.push({ name: `SRV_${count + i}`, endpoint: undefined, up: false, health: 0, last: undefined, active: 0, counts: newCounts(), changed: this.#process.clock.now })
        server = this.servers[count]!
      }
      Object.assign(server, { endpoint, up: true, health: RISE, last: undefined, changed: this.#process.clock.now })
      this.#watch(server, true)
    }
  }

  #vacate(server: Server): void {
    Object.assign(server, { endpoint: undefined, up: false, last: undefined })
    this.#process.clock.cancel(this.#timers.get(server))
    this.#timers.delete(server)
  }

  #restart(): void {
    this.stop()
    for (const server of this.servers) {
      if (!server.endpoint) continue
      Object.assign(server, { up: true, health: RISE, last: undefined })
      this.#watch(server, true)
    }
  }

  /** Asks a server again and again; the first time its number among the others says how soon, so that they are not asked at once. */
  #watch(server: Server, first: boolean): void {
    const { clock } = this.#process
    if (!this.backend.check) return
    const interval = this.backend.checkInterval ?? INTERVAL
    const delay = first ? Math.floor((interval * (this.servers.indexOf(server) % 8)) / 8) + 1 : interval
    this.#timers.set(server, clock.schedule(delay, () => {
      const { endpoint } = server
      if (!endpoint) return
      askHealth(this.#process, this.backend, endpoint, (health) => {
        if (server.endpoint !== endpoint) return
        this.#judge(server, health)
        this.#watch(server, false)
      })
    }, { background: true }))
  }

  #judge(server: Server, health: Health): void {
    server.last = health
    const was = server.up
    if (health.passed) server.health = was ? RISE + FALL - 1 : Math.min(server.health + 1, RISE + FALL - 1)
    else {
      server.counts.checksFailed++
      server.health = was ? server.health - 1 : 0
    }
    server.up = server.health >= RISE
    if (server.up && !was) server.health = RISE + FALL - 1
    if (!server.up) server.health = was ? 0 : server.health
    if (server.up === was) return
    server.changed = this.#process.clock.now
    if (was) server.counts.downs++
    const able = this.usable().length
    const what = `Server ${this.backend.name}/${server.name} is ${server.up ? 'UP' : 'DOWN'}, reason: ${health.reason}${health.code === undefined ? '' : `, code: ${health.code}`}${health.info === '' ? '' : `, info: "${health.info}"`}, check duration: ${health.duration}ms. ${able} active and 0 backup servers ${server.up ? 'online' : 'left'}.`
    const queue = this.#queue.length
    this.#log(`${what} ${server.up ? `0 sessions requeued, ${queue} total in queue.` : `${server.active} sessions active, 0 requeued, ${queue} remaining in queue.`}`)
    if (able === 0) this.#log(`backend ${this.backend.name} has no server available!`)
  }
}
