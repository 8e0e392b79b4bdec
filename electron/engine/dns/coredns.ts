import type { KubernetesClient } from '../kubernetes/client.ts'
import { Signal, sleep, type Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { joinHostPort } from '../network/address.ts'
import { dnsQuery, encodeDns, type DnsMessage } from '../network/wire/dns.ts'
import { goDuration } from '../kubernetes/kubelet/go-duration.ts'
import { parseGoFlags } from '../programs/go-flags.ts'
import { GO_NOT_FOUND, serveGo, splitTarget } from '../programs/http/go.ts'
import type { HttpServer } from '../programs/http/server.ts'
import { Output, untilSignal } from '../programs/output.ts'
import { ownerOf } from '../programs/stream.ts'
import type { Chain, PluginContext } from './coredns/chain.ts'
import { serverName, setUpServer, type ServerSetup } from './coredns/configure.ts'
import { corefileHash, CorefileError, readCorefile, type CorefileSurroundings, type ServerBlock } from './coredns/corefile.ts'
import { Metrics } from './coredns/metrics.ts'
import { NotSimulated } from './coredns/setups.ts'
import { isBelow } from './names.ts'
import { replyTo, serveDns, type DnsClient, type DnsServer } from './server.ts'

/** The coredns binary: reads its Corefile, serves DNS, health and readiness, and loads a changed Corefile again. */
const VERSION = '1.12.0'
const BUILD = 'linux/amd64, go1.23.3, 51e11f1'

export function coreDns(client: KubernetesClient): Program {
  return function* (process) {
    const flags = parseGoFlags(process.argv.slice(1), [{ name: 'conf', kind: 'string' }, { name: 'dns.port', kind: 'int' }, { name: 'version', kind: 'bool' }, { name: 'quiet', kind: 'bool' }])
    if ('error' in flags) {
      yield* process.printError(`${flags.error}\n`)
      return 2
    }
    if (flags.values.get('version') === 'true') {
      yield* process.print(`CoreDNS-${VERSION}\n${BUILD}\n`)
      return 0
    }
    const conf = process.resolve(flags.values.get('conf') ?? 'Corefile')
    return yield* new Instance(process, client, conf, Number(flags.values.get('dns.port') ?? 53)).run()
  }
}

/** What listens; replaced as a whole by a reload. */
interface Running {
  identity: string
  setups: { block: ServerBlock; setup: ServerSetup }[]
  servers: DnsServer[]
  http: HttpServer[]
}

class Instance {
  readonly #process: Process
  readonly #client: KubernetesClient
  readonly #conf: string
  readonly #port: number
  readonly #out: Output
  #running: Running | undefined
  /** What was tried last, and the last text that runs. */
  #tried = ''
  #lastGood = ''
  readonly #metrics = new Metrics()
  #fatal: string | undefined
  readonly #wake = new Signal()

  constructor(process: Process, client: KubernetesClient, conf: string, port: number) {
    this.#process = process
    this.#client = client
    this.#conf = conf
    this.#port = port
    this.#out = new Output(process, 1)
  }

  *run(): Task<number> {
    const process = this.#process
    try {
      this.#lastGood = this.#read()
      this.#running = this.#start(this.#lastGood)
      this.#tried = this.#running.identity
    } catch (error) {
      if (error instanceof NotSimulated) {
        yield* process.printError(`podhop: not simulated: ${error.message}\n`)
        return 69
      }
      if (!(error instanceof CorefileError)) throw error
      yield* process.print(`${error.message}\n`)
      return 1
    }
    process.onExit(() => this.#stop())
    for (const { block } of this.#running.setups) for (const key of block.keys) this.#out.write(`${key.zone}:${key.port}\n`)
    this.#tellHash()
    this.#out.write(`CoreDNS-${VERSION}\n${BUILD}\n`)
    this.#metrics.set('coredns_build_info', { goversion: 'go1.23.3', revision: '51e11f1', version: VERSION }, 1)
    this.#metrics.add('coredns_panics_total', {}, 0)
    this.#metrics.add('coredns_reload_failed_total', {}, 0)
    this.#checkLoop()
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

  /** Throws CorefileError (and then nothing runs). */
  #start(text: string): Running {
    const process = this.#process
    const { blocks, identity } = readCorefile(text, this.#conf, this.#surroundings())
    const running: Running = { identity, setups: [], servers: [], http: [] }
    const here: DnsClient = { address: '127.0.0.1', port: 0, protocol: 'udp', size: 0 }
    const context: PluginContext = {
      process,
      log: (line) => this.#out.write(`${line}\n`),
      metrics: this.#metrics,
      lookup: (name, type) => this.#chainFor(running, this.#port, name)?.lookup(name, type, here) ?? nothing(),
    }
    try {
      for (const block of blocks) running.setups.push({ block, setup: setUpServer(block, context, this.#client) })
      const metricsPorts = new Set<number>()
      const ports = new Set(blocks.flatMap((b) => b.keys.map((k) => (k.port === 53 ? this.#port : k.port))))
      for (const port of ports) {
        running.servers.push(this.#listen(port, () => serveDns(process, { port, program: 'coredns', compress: 'needed' }, (query, client) => this.#answer(running, port, query, client))))
      }
      this.#metrics.clear('coredns_plugin_enabled')
      for (const { block, setup } of running.setups) {
        const { healthPort, readyPort, metricsPort } = setup
        for (const { zone, port } of block.keys) for (const { name } of block.plugins) this.#metrics.set('coredns_plugin_enabled', { name, server: serverName(port), view: '', zone }, 1)
        if (metricsPort !== undefined && !metricsPorts.has(metricsPort)) {
          metricsPorts.add(metricsPort)
          running.http.push(this.#listen(metricsPort, () => serveGo(process, 'coredns', metricsPort, undefined, (r) => (splitTarget(r.target).path === '/metrics' ? { body: this.#metrics.text(), contentType: 'text/plain; version=0.0.4; charset=utf-8; escaping=values' } : GO_NOT_FOUND))))
        }
        if (healthPort !== undefined) running.http.push(this.#listen(healthPort, () => serveGo(process, 'coredns', healthPort, undefined, (r) => (splitTarget(r.target).path === '/health' ? { body: 'OK' } : { status: 404, body: '404 page not found\n' }))))
        if (readyPort !== undefined) running.http.push(this.#listen(readyPort, () => serveGo(process, 'coredns', readyPort, undefined, (r) => this.#readiness(running, splitTarget(r.target).path))))
      }
    } catch (error) {
      this.#close(running)
      throw error
    }
    return running
  }

  #listen<T>(port: number, start: () => T): T {
    try {
      return start()
    } catch (error) {
      if ((error as { code?: string }).code !== 'EADDRINUSE') throw error
      throw new CorefileError(`Listen: listen tcp :${port}: bind: address already in use`)
    }
  }

  #readiness(running: Running, path: string): { status?: number; body: string } {
    if (path !== '/ready') return { status: 404, body: '404 page not found\n' }
    const waiting = running.setups.flatMap(({ setup }) => setup.chain.plugins.filter((p) => p.ready && !p.ready()).map((p) => p.name))
    return waiting.length > 0 ? { status: 503, body: waiting.join(',') } : { body: 'OK' }
  }

  #chainFor(running: Running, port: number, name: string): Chain | undefined {
    let best: { length: number; chain: Chain } | undefined
    for (const { block, setup } of running.setups) {
      for (const key of block.keys) {
        if ((key.port === 53 ? this.#port : key.port) !== port || !isBelow(key.zone, name)) continue
        if (!best || key.zone.length > best.length) best = { length: key.zone.length, chain: setup.chain }
      }
    }
    return best?.chain
  }

  *#answer(running: Running, port: number, query: DnsMessage, client: DnsClient): Task<DnsMessage | undefined> {
    const question = query.questions[0]
    if (query.edns && query.edns.version !== 0) return replyTo(query, { rcode: 'BADVERS' })
    if (query.opcode !== 0) return replyTo(query, { rcode: 'NOTIMP' })
    if (!question) return replyTo(query, { rcode: 'SERVFAIL' })
    if (question.type === 'HINFO' && question.name === this.#loopName && client.protocol === 'udp') this.#loopSeen(client)
    if (question.class !== 'IN') return replyTo(query, { rcode: 'REFUSED' })
    const chain = this.#chainFor(running, port, question.name)
    if (!chain) return replyTo(query, { rcode: 'REFUSED' })
    return yield* chain.serve({ query, client, name: question.name, type: question.type })
  }

  // ---- the loop plugin ----------------------------------------------------------------------------------------

  #loopName = ''
  #loopCount = 0

  /** Asks itself for a random name; when the question comes back more than twice, its upstream is itself. */
  #checkLoop(): void {
    if (!this.#running?.setups.some(({ setup }) => setup.loop)) return
    const { random } = this.#process.clock
    this.#loopName = `${random.uint32()}${random.uint32()}.${random.uint32()}${random.uint32()}.`
    this.#loopCount = 0
    const socket = this.#process.network.sockets.udp({ owner: ownerOf(this.#process, 'coredns') })
    try {
      socket.send(encodeDns(dnsQuery(random.below(65_536), this.#loopName, 'HINFO')), '127.0.0.1', this.#port)
    } catch {
      socket.close()
      return
    }
    this.#process.clock.schedule(2_000, () => socket.close(), { background: true })
  }

  #loopSeen(client: DnsClient): void {
    if (++this.#loopCount <= 2) return
    this.#fatal = `[FATAL] plugin/loop: Loop (${joinHostPort(client.address, client.port)} -> :${this.#port}) detected for zone ".", see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${this.#loopName}"`
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
    this.#checkLoop()
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
