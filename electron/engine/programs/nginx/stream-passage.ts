import { libcOf } from '../../dns/resolver.ts'
import type { Process } from '../../machine/types.ts'
import { canonicalIp, joinHostPort } from '../../network/address.ts'
import { accessRule } from './access.ts'
import { upstreamFailure } from './failure.ts'
import { enter } from './limit-conn.ts'
import type { StreamConfiguration, StreamListen, StreamServer } from './stream-config.ts'
import { StreamSession, type StreamAttempt } from './stream-variables.ts'
import { askResolver, choosePeer, peerDone, peerName, type Peer, type Upstream } from './upstream.ts'

/** What nginx has for its stream servers: the configuration as it is now, and its two logs. */
export interface StreamHost {
  readonly process: Process
  readonly version: string
  configuration(): StreamConfiguration | undefined
  /** The number of the next connection. */
  count(): number
  /** A line of the error log. */
  error(connection: number, line: string): void
  note(to: string, line: string): void
}

export type Connect = (attempt: StreamAttempt, peer: Peer, next: (failed: string) => void) => void

/** From access to log: what TCP and UDP have in common. */
export abstract class Passage {
  onOver: () => void = () => undefined
  protected readonly host: StreamHost
  protected readonly server: StreamServer
  protected readonly session: StreamSession
  protected over = false
  readonly #number: number
  readonly #configuration: StreamConfiguration
  #leave: (() => void) | undefined
  #idle: ReturnType<Process['clock']['schedule']> | undefined

  constructor(host: StreamHost, server: StreamServer, listen: StreamListen, client: { address: string; port: number }, local: { address: string; port: number }) {
    this.host = host
    this.server = server
    this.#number = host.count()
    this.#configuration = host.configuration()!
    this.session = new StreamSession(host.process, { remoteAddress: client.address, remotePort: client.port, localAddress: local.address, localPort: local.port, number: this.#number, udp: listen.udp, listen: joinHostPort(listen.address, listen.port) }, this.#configuration.maps, host.version)
  }

  /** The phases access and preaccess; false when it is over. */
  protected admit(): boolean {
    const { settings } = this.server
    const entered = enter(settings.limits, this.#configuration.zones, (key) => this.session.expand(key))
    if ('zone' in entered) {
      this.log(`limiting connections by zone "${entered.zone}"`)
      this.finish(503)
      return false
    }
    this.#leave = entered
    if (accessRule(settings.access, this.session.ends.remoteAddress)?.allow === false) {
      this.log('access forbidden by rule')
      this.finish(403)
      return false
    }
    return true
  }

  /** Finds where to go, and calls `connect` with each server in turn. */
  protected pass(connect: Connect): void {
    const { pass } = this.server
    if (pass && 'upstream' in pass) return this.#tryAll(this.#configuration.upstreams.get(pass.upstream)!, connect)
    const text = this.session.expand(pass?.text ?? '')
    const known = this.#configuration.upstreams.get(text.toLowerCase())
    if (known) return this.#tryAll(known, connect)
    const { process } = this.host
    const { name = '', port } = /^(?<name>\[[^\]]*\]|[^:]*)(?::(?<port>[0-9]+))?$/.exec(text)?.groups ?? {}
    const fail = (line: string): void => {
      this.log(line)
      this.finish(500)
    }
    if (name === '') return fail(`no host in upstream "${text}"`)
    if (port === undefined) return fail(`no port in upstream "${text}"`)
    const literal = canonicalIp(name.replace(/^\[(.*)\]$/, '$1'))
    const { resolver } = this.#configuration
    if (literal === undefined && resolver.length === 0) return fail(`no resolver defined to resolve ${name}`)
    const go = (addresses: readonly string[]): void => {
      const peer = { port: Number(port), weight: 1, maxFails: 0, failTimeout: 10_000, backup: false, down: false, current: 0, busy: 0, fails: 0, failedAt: 0, checked: 0 }
      this.#tryAll({ name: text, balance: 'round-robin', servers: [], peers: addresses.map((address) => ({ ...peer, address })) }, connect)
    }
    if (literal !== undefined) return go([literal])
    const heard = (found: string | readonly string[]): void => {
      if (this.over) return
      if (typeof found === 'string') fail(`${name} could not be resolved (${found})`)
      else go(found)
    }
    process.spawnThread((function* () {
      heard(yield* askResolver(process, name, resolver))
    })())
  }

  #tryAll(upstream: Upstream, connect: Connect): void {
    const { process } = this.host
    const { tries, most, time } = this.server.settings
    const begun = process.clock.now
    const tried = new Set<Peer>()
    const worn = (): boolean => !tries || (most > 0 && tried.size >= most) || (time > 0 && process.clock.now - begun >= time)
    const next = (): void => {
      const peer = tried.size > 0 && worn() ? undefined : choosePeer(upstream, tried, this.session.ends.remoteAddress, process, upstream.key && this.session.expand(upstream.key.text))
      if (!peer) {
        if (tried.size === 0) this.log('no live upstreams while connecting to upstream', upstream.name)
        return this.finish(502)
      }
      tried.add(peer)
      peer.busy++
      const attempt: StreamAttempt = { address: peerName(peer), startedAt: process.clock.now, connectedAt: undefined, endedAt: undefined, sent: 0, received: 0, firstAt: undefined }
      this.session.attempts.push(attempt)
      connect(attempt, peer, (failed) => {
        attempt.endedAt = process.clock.now
        peerDone(peer, true, process.clock.now)
        this.log(failed, attempt.address)
        if (!this.over) next()
      })
    }
    next()
  }

  /** Starts proxy_timeout anew. */
  protected alive(timeout = this.server.settings.timeout, status = 200): void {
    const { clock } = this.host.process
    clock.cancel(this.#idle)
    this.#idle = clock.schedule(timeout, () => this.finish(status), { background: true })
  }

  protected get failed(): (code: string) => string {
    const libc = libcOf(this.host.process)
    return (error) => upstreamFailure({ error, phase: 'connect' }, libc)
  }

  protected log(line: string, upstream?: string): void {
    const { ends, received, sent, attempts } = this.session
    const last = attempts.at(-1)
    const bytes = upstream === undefined && attempts.length === 0 ? '' : `, bytes from/to client:${received}/${sent}, bytes from/to upstream:${last?.received ?? 0}/${last?.sent ?? 0}`
    this.host.error(this.#number, `${line}, ${ends.udp ? 'udp ' : ''}client: ${ends.remoteAddress}, server: ${ends.listen}${upstream === undefined ? '' : `, upstream: "${upstream}"`}${bytes}`)
  }

  protected abstract closeAll(): void

  finish(status: number): void {
    if (this.over) return
    this.over = true
    this.session.status = status
    this.host.process.clock.cancel(this.#idle)
    this.#leave?.()
    for (const { to, format } of this.server.settings.logs) this.host.note(to, `${this.session.expand(format, '-')}\n`)
    this.closeAll()
    this.onOver()
  }
}
