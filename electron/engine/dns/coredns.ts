import type { KubernetesClient } from '../kubernetes/client.ts'
import { Signal, sleep, type Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { joinHostPort } from '../network/address.ts'
import { dnsQuery, type DnsEdnsOption, type DnsMessage } from '../network/wire/dns.ts'
import { goDuration } from '../kubernetes/kubelet/go-duration.ts'
import { parseGoFlags, type FlagSpec } from '../programs/go-flags.ts'
import { GO_NOT_FOUND, serveGo, splitTarget, type GoAnswer } from '../programs/http/go.ts'
import type { HttpServer } from '../programs/http/server.ts'
import { Output, untilSignal } from '../programs/output.ts'
import type { PluginContext } from './coredns/chain.ts'
import { serverName, setUpServer, type Build, type Listening, type ServerSetup } from './coredns/configure.ts'
import { corefileHash, CorefileError, readCorefile, type CorefileSurroundings, type ServerBlock } from './coredns/corefile.ts'
import { answerDoh } from './coredns/doh.ts'
import { chainFor, groupsOf, isPreferredName, tlsOf, type Group } from './coredns/groups.ts'
import { LoopWatch } from './coredns/loop.ts'
import { Metrics } from './coredns/metrics.ts'
import { NotSimulated } from './coredns/setups.ts'
import { replyTo, serveDns, type DnsClient, type DnsServer, type DnsServerOptions } from './server.ts'

/** The coredns binary: reads its Corefile, serves DNS, health and readiness, and loads a changed Corefile again. */
export interface CoreDnsBuild extends Build { go: string; revision: string }
const COREDNS: CoreDnsBuild = { program: 'coredns', version: '1.12.0', platform: 'linux/amd64, go1.23.3, 51e11f1', go: 'go1.23.3', revision: '51e11f1' }

export const COREDNS_FLAGS: readonly FlagSpec[] = [{ name: 'conf', kind: 'string' }, { name: 'dns.port', kind: 'int' }, { name: 'version', kind: 'bool' }, { name: 'quiet', kind: 'bool' }, { name: 'pidfile', kind: 'string' }]

export function coreDns(client: KubernetesClient): Program {
  return function* (process) {
    const flags = parseGoFlags(process.argv.slice(1), COREDNS_FLAGS)
    if ('error' in flags) {
      yield* process.printError(`${flags.error}\n`)
      return 2
    }
    if (flags.values.get('version') === 'true') {
      yield* process.print(`CoreDNS-${COREDNS.version}\n${COREDNS.platform}\n`)
      return 0
    }
    const conf = process.resolve(flags.values.get('conf') ?? 'Corefile')
    return yield* runCoreDns({ process, client, conf, flags: flags.values, build: COREDNS, out: new Output(process, 1) })
  }
}

export interface CoreDnsOptions { process: Process; client: KubernetesClient; conf: string; flags: ReadonlyMap<string, string>; build: CoreDnsBuild; out: Output; onServing?: () => void; onStopping?: () => void }

/** Its whole life, to its exit code. */
export function runCoreDns(options: CoreDnsOptions): Task<number> {
  return new Instance(options).run()
}

/** How often it looks whether it knows the cluster, how often it says that it waits, and for how long it does: ms. */
const CHECK_SYNC = 100
const TELL_SYNC = 500
const MOST_SYNC = 5_000

/** ms (core/dnsserver/server.go). */
const TIMEOUTS = { read: 3_000, idle: 10_000 }

/** What listens; replaced as a whole by a reload. */
interface Running {
  identity: string
  setups: { block: ServerBlock; setup: ServerSetup }[]
  groups: Group[]
  servers: DnsServer[]
  http: HttpServer[]
}

class Instance {
  readonly #process: Process
  readonly #client: KubernetesClient
  readonly #conf: string
  readonly #port: number
  readonly #out: Output
  readonly #build: CoreDnsBuild
  readonly #options: CoreDnsOptions
  #running: Running | undefined
  #loops: LoopWatch[] = []
  /** What was tried last, and the last text that runs. */
  #tried = ''
  #lastGood = ''
  readonly #metrics = new Metrics()
  #fatal: string | undefined
  /** NSID, EXPIRE, COOKIE, TCP KEEPALIVE and PADDING, and those that rules name. */
  readonly #supported = new Set([3, 9, 10, 11, 12])
  readonly #wake = new Signal()

  constructor(options: CoreDnsOptions) {
    this.#options = options
    this.#process = options.process
    this.#client = options.client
    this.#conf = options.conf
    this.#port = Number(options.flags.get('dns.port') ?? 53)
    this.#build = options.build
    this.#out = options.out
  }

  *run(): Task<number> {
    const process = this.#process
    try {
      this.#lastGood = this.#read()
      this.#running = this.#start(this.#lastGood, true)
      process.onExit(() => this.#stop())
      this.#tried = this.#running.identity
      if (!this.#isSynced(this.#running)) {
        yield* this.#untilSynced(this.#running)
        this.#open(this.#running)
      }
    } catch (error) {
      if (error instanceof NotSimulated) {
        yield* this.#out.flush()
        yield* process.printError(`podhop: not simulated: ${error.message}\n`)
        return 69
      }
      if (!(error instanceof CorefileError)) throw error
      this.#out.write(`${error.message}\n`)
      yield* this.#out.flush()
      return 1
    }
    const isQuiet = this.#options.flags.get('quiet') === 'true'
    for (const { transport, address, port, members } of isQuiet ? [] : this.#running.groups) {
      for (const zone of [...new Set(members.map((m) => m.zone))].sort()) {
        if (!isPreferredName(zone)) this.#out.write(`Warning: Domain ${JSON.stringify(zone)} does not follow RFC1035 preferred syntax\n`)
        this.#out.write(`${transport === 'dns' ? '' : `${transport}://`}${zone}:${port}${address === '' ? '' : ` on ${address}`}\n`)
      }
    }
    this.#tellHash()
    const { version, platform, go, revision } = this.#build
    if (!isQuiet) this.#out.write(`CoreDNS-${version}\n${platform}\n`)
    this.#metrics.set('coredns_build_info', { goversion: go, revision, version }, 1)
    this.#metrics.add('coredns_panics_total', {}, 0)
    this.#metrics.add('coredns_reload_failed_total', {}, 0)
    this.#checkLoops()
    const pidfile = this.#options.flags.get('pidfile') ?? ''
    if (pidfile !== '') process.fs.writeFile(process.resolve(pidfile), `${process.pid}\n`)
    this.#options.onServing?.()
    process.spawnThread(this.#watchFile())
    let stopped = false
    process.spawnThread(this.#untilStopped(() => {
      stopped = true
      this.#wake.notify()
    }))
    while (!stopped && this.#fatal === undefined) yield this.#wake.wait
    if (this.#fatal !== undefined) {
      this.#out.write(`${this.#fatal}\n`)
      yield* this.#out.flush()
      return 1
    }
    this.#out.write('[INFO] SIGTERM: Shutting down servers then terminating\n')
    const lameduck = Math.max(0, ...(this.#running?.setups.map(({ setup }) => setup.lameduck) ?? []))
    if (lameduck > 0) {
      this.#out.write(`[INFO] plugin/health: Going into lameduck mode for ${goDuration(lameduck)}\n`)
      yield* process.sleep(lameduck, { background: false })
    }
    this.#options.onStopping?.()
    this.#stop()
    yield* this.#out.flush()
    return 0
  }

  *#untilStopped(stopped: () => void): Task {
    yield* untilSignal(this.#process, ['SIGTERM', 'SIGINT', 'SIGQUIT'])
    stopped()
  }

  #read(): string {
    const { fs } = this.#process
    if (!fs.exists(this.#conf)) throw new CorefileError(`loading Corefile via flag: open ${this.#conf}: no such file or directory`)
    return fs.readText(this.#conf)
  }

  /** Throws CorefileError (and then nothing runs). `patient`: who does not know the cluster yet takes no queries. */
  #start(text: string, patient = false): Running {
    const process = this.#process
    const { blocks, identity } = readCorefile(text, this.#conf, this.#surroundings())
    const running: Running = { identity, setups: [], groups: [], servers: [], http: [] }
    const here: DnsClient = { address: '127.0.0.1', port: 0, at: '127.0.0.1', protocol: 'udp', size: 0 }
    const context: PluginContext = {
      process,
      log: (line) => this.#out.write(`${line}\n`),
      metrics: this.#metrics,
      file: (path) => process.resolve(path),
      echoed: (options) => this.#echoed(options),
      supports: (code) => void this.#supported.add(code),
      lookup: (name, type, client = here) => chainFor(running.groups.flatMap((g) => (g.transport === 'dns' && g.port === this.#port ? g.members : [])), { query: dnsQuery(0, name, type), client, name, type })?.lookup(name, type, client) ?? nothing(),
    }
    try {
      for (const block of blocks) running.setups.push({ block, setup: setUpServer(block, context, this.#client, this.#build) })
      running.groups = groupsOf(running.setups, this.#port)
      if (!patient || this.#isSynced(running)) this.#open(running)
      this.#metrics.clear('coredns_plugin_enabled')
      const measured = new Set<string>()
      for (const { block, setup } of running.setups) {
        const { health, ready, metrics, bind } = setup
        for (const { zone, port, transport } of block.keys) for (const { name } of block.plugins) this.#metrics.set('coredns_plugin_enabled', { name, server: serverName(port, bind[0], transport), view: setup.view, zone }, 1)
        if (metrics && !measured.has(JSON.stringify(metrics))) {
          measured.add(JSON.stringify(metrics))
          running.http.push(this.#web(metrics, (path) => (path === '/metrics' ? { body: this.#metrics.text(), contentType: 'text/plain; version=0.0.4; charset=utf-8; escaping=values' } : GO_NOT_FOUND)))
        }
        if (health) running.http.push(this.#web(health, (path) => (path === '/health' ? { body: 'OK' } : { status: 404, body: '404 page not found\n' })))
        if (ready) running.http.push(this.#web(ready, (path) => this.#readiness(running, path)))
      }
    } catch (error) {
      this.#close(running)
      throw error
    }
    return running
  }

  #isSynced({ setups }: Running): boolean {
    return setups.every(({ setup }) => setup.chain.plugins.every((p) => !p.ready || p.ready()))
  }

  /** Queries are taken from now on. */
  #open(running: Running): void {
    for (const group of running.groups) {
      const { address, port } = group
      const where = { port, ...(address === '' ? {} : { address }) }
      if (group.transport === 'https') running.http.push(this.#listen(where, () => this.#serveHttps(group)))
      else running.servers.push(this.#listen(where, () => serveDns(this.#process, { ...where, ...this.#manner(group) }, (query, client) => this.#answer(group, query, client))))
    }
  }

  #manner({ transport, members }: Group): Omit<DnsServerOptions, 'port' | 'address'> {
    const timeouts = Object.assign({ ...TIMEOUTS }, ...members.map(({ setup }) => setup.timeouts)) as typeof TIMEOUTS
    const tls = tlsOf(members)
    return { program: this.#build.program, compress: 'needed', timeouts, ...(transport === 'tls' ? { onlyTcp: true, ...(tls ? { tls: () => tls } : {}) } : {}) }
  }

  #serveHttps(group: Group): HttpServer {
    const { port, address, members } = group
    const tls = tlsOf(members)
    const server = serverName(port, address, 'https')
    const answer = answerDoh
    const metrics = this.#metrics
    const handle = (query: DnsMessage, client: DnsClient): Task<DnsMessage | undefined> => this.#answer(group, query, client)
    return serveGo(this.#process, this.#build.program, port, address === '' ? undefined : address, function* (request) {
      const done = yield* answer(request, handle)
      metrics.add('coredns_dns_https_responses_total', { server, status: String(done.status ?? 200) })
      return done
    }, tls && { select: () => tls })
  }

  /** plugin/kubernetes' InitKubeCache: the API is waited for, but not longer than five seconds. */
  *#untilSynced(running: Running): Task {
    const { clock } = this.#process
    for (let waited = CHECK_SYNC; waited <= MOST_SYNC; waited += CHECK_SYNC) {
      yield sleep(clock, CHECK_SYNC, { background: true })
      if (this.#isSynced(running)) return
      if (waited === MOST_SYNC) this.#out.write('[WARNING] plugin/kubernetes: starting server with unsynced Kubernetes API\n')
      else if (waited % TELL_SYNC === 0) this.#out.write('[INFO] plugin/kubernetes: waiting for Kubernetes API before starting server\n')
    }
  }

  #web(where: Listening, answer: (path: string) => GoAnswer): HttpServer {
    return this.#listen(where, ({ port, address }) => serveGo(this.#process, this.#build.program, port, address, (request) => answer(splitTarget(request.target).path)))
  }

  #listen<T>(where: Listening, start: (where: Listening) => T): T {
    try {
      return start(where)
    } catch (error) {
      const { code } = error as { code?: string }
      if (code !== 'EADDRINUSE' && code !== 'EADDRNOTAVAIL') throw error
      const address = where.address === undefined ? '' : where.address
      throw new CorefileError(`Listen: listen tcp ${joinHostPort(address, where.port)}: bind: ${code === 'EADDRINUSE' ? 'address already in use' : 'cannot assign requested address'}`)
    }
  }

  #readiness(running: Running, path: string): { status?: number; body: string } {
    if (path !== '/ready') return { status: 404, body: '404 page not found\n' }
    const waiting = running.setups.flatMap(({ setup }) => setup.chain.plugins.filter((p) => p.ready && !p.ready()).map((p) => p.name))
    if (waiting.length === 0) return { body: 'OK' }
    const names = waiting.sort().join(',')
    this.#out.write(`[INFO] plugin/ready: Still waiting on: ${JSON.stringify(names)}\n`)
    return { status: 503, body: names }
  }

  *#answer({ members }: Group, query: DnsMessage, client: DnsClient): Task<DnsMessage | undefined> {
    const question = query.questions[0]
    if (query.edns && query.edns.version !== 0) return replyTo(query, { rcode: 'BADVERS' })
    if (query.opcode !== 0) return replyTo(query, { rcode: 'NOTIMP' })
    if (!question) return replyTo(query, { rcode: 'SERVFAIL' })
    if (question.type === 'HINFO' && client.protocol === 'udp') this.#seeLoop(question.name, client)
    // other classes are for chaos, and for those who are asked in its place
    if (question.class !== 'IN' && !members.some(({ chain }) => chain.plugins.some((p) => p.name === 'chaos' || p.name === 'forward'))) return replyTo(query, { rcode: 'REFUSED' })
    const request = { query, client, name: question.name, type: question.type }
    const chain = chainFor(members, request)
    const reply = chain ? yield* chain.serve(request) : replyTo(query, { rcode: 'REFUSED' })
    // what comes back of the question itself, not of another server's answer
    return reply?.edns && reply.edns.options === query.edns?.options ? { ...reply, edns: { ...reply.edns, options: this.#echoed(query.edns.options) } } : reply
  }

  #echoed(options: readonly DnsEdnsOption[]): DnsEdnsOption[] {
    return options.filter(({ code }) => this.#supported.has(code))
  }

  // ---- the loop plugin ----------------------------------------------------------------------------------------

  #checkLoops(): void {
    const { clock } = this.#process
    this.#loops = (this.#running?.setups ?? []).flatMap(({ block, setup }) => (setup.loop ? new LoopWatch(this.#process, clock, { zone: block.keys[0]!.zone, address: setup.bind[0] ?? '', port: this.#port }) : []))
  }

  #seeLoop(name: string, client: DnsClient): void {
    const found = this.#loops.map((loop) => loop.see(name, client)).find((text) => text !== undefined)
    if (found === undefined) return
    this.#fatal = found
    this.#wake.notify()
  }

  // ---- the reload plugin --------------------------------------------------------------------------------------

  *#watchFile(): Task {
    const { clock } = this.#process
    for (;;) {
      const times = this.#running?.setups.map(({ setup }) => setup.reload).find((r) => r !== undefined)
      // without the plugin nothing is looked at any more
      if (!times) return
      yield sleep(clock, times.interval - times.jitter / 2 + clock.random.below(Math.floor(times.jitter)), { background: true })
      let text: string
      let identity: string
      try {
        text = this.#read()
        if (text === this.#lastGood && this.#tried === this.#running?.identity && !text.includes('import')) continue
        identity = readCorefile(text, this.#conf, this.#surroundings()).identity
      } catch (error) {
        if (this.#process.fs.exists(this.#conf)) this.#out.write(`[WARNING] plugin/reload: Corefile parse failed: ${(error as Error).message}\n`)
        continue
      }
      // one with a mistake is not tried again
      if (identity === this.#tried) continue
      this.#tried = identity
      this.#reload(text)
    }
  }

  /** A Corefile with a mistake changes nothing: the old servers go on. */
  #reload(text: string): void {
    this.#out.write('[INFO] Reloading\n')
    const old = this.#running
    try {
      // The new servers need the old ones' ports.
      this.#stop()
      this.#running = this.#start(text)
    } catch (error) {
      const message = error instanceof NotSimulated ? `podhop: not simulated: ${error.message}` : (error as Error).message
      this.#out.write(`[ERROR] Restart failed: ${message}\n[ERROR] plugin/reload: Corefile changed but reload failed: ${message}\n`)
      this.#metrics.add('coredns_reload_failed_total', {})
      if (old) this.#running = this.#start(this.#lastGood)
      return
    }
    this.#lastGood = text
    this.#tellHash()
    this.#out.write('[INFO] Reloading complete\n')
    this.#checkLoops()
  }

  #tellHash(): void {
    if (!this.#running?.setups.some(({ setup }) => setup.reload)) return
    const value = corefileHash(this.#running.identity)
    this.#out.write(`[INFO] plugin/reload: Running configuration SHA512 = ${value}\n`)
    this.#metrics.clear('coredns_reload_version_info')
    this.#metrics.set('coredns_reload_version_info', { hash: 'sha512', value }, 1)
  }

  #surroundings(): CorefileSurroundings {
    const { fs, env } = this.#process
    return {
      environment: env,
      warn: (text) => this.#out.write(`${text}\n`),
      find: (pattern) => {
        const slash = pattern.lastIndexOf('/')
        const directory = pattern.slice(0, slash) || '/'
        if (!/[*?]/.test(pattern)) return fs.exists(pattern) ? [{ path: pattern, text: fs.readText(pattern) }] : []
        if (!fs.exists(directory)) return []
        const names = new RegExp(`^${pattern.slice(slash + 1).replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`)
        return fs.readDirectory(directory).filter((name) => names.test(name)).sort().map((name) => ({ path: `${directory}/${name}`, text: fs.readText(`${directory}/${name}`) }))
      },
    }
  }

  #stop(): void {
    if (this.#running) this.#close(this.#running)
    this.#running = undefined
  }

  #close(running: Running): void {
    for (const server of [...running.servers, ...running.http]) server.close()
    for (const { setup } of running.setups) for (const plugin of setup.chain.plugins) plugin.stop?.()
  }
}

function* nothing(): Task<undefined> {
  return undefined
}
