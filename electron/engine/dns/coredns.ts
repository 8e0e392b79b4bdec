import type { KubernetesClient } from '../kubernetes/client.ts'
import { Signal, sleep, type Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { joinHostPort } from '../network/address.ts'
import { dnsQuery, encodeDns, type DnsMessage } from '../network/wire/dns.ts'
import { parseGoFlags } from '../programs/go-flags.ts'
import { serveGo, splitTarget } from '../programs/http/go.ts'
import type { HttpServer } from '../programs/http/server.ts'
import { Output, untilSignal } from '../programs/output.ts'
import type { Chain, PluginContext } from './coredns/chain.ts'
import { NotSimulated, setUpServer, type ServerSetup } from './coredns/configure.ts'
import { CorefileError, parseCorefile, type ServerBlock } from './coredns/corefile.ts'
import { isBelow } from './names.ts'
import { replyTo, serveDns, type DnsClient, type DnsServer } from './server.ts'

/** The coredns binary: reads its Corefile, serves DNS, health and readiness, and loads a changed Corefile again. */
const VERSION = '1.12.0'
const RELOAD = 30_000
const RELOAD_JITTER = 15_000

export function coreDns(client: KubernetesClient): Program {
  return function* (process) {
    const flags = parseGoFlags(process.argv.slice(1), [{ name: 'conf', kind: 'string' }, { name: 'dns.port', kind: 'int' }, { name: 'version', kind: 'bool' }, { name: 'quiet', kind: 'bool' }])
    if ('error' in flags) {
      yield* process.printError(`${flags.error}\n`)
      return 2
    }
    if (flags.values.get('version') === 'true') {
      yield* process.print(`CoreDNS-${VERSION}\nlinux/amd64, go1.23.3, 51e11f1\n`)
      return 0
    }
    const conf = process.resolve(flags.values.get('conf') ?? 'Corefile')
    return yield* new Instance(process, client, conf, Number(flags.values.get('dns.port') ?? 53)).run()
  }
}

/** What listens; replaced as a whole by a reload. */
interface Running {
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
  /** The text that was looked at last, and the last one that runs. */
  #loaded = ''
  #lastGood = ''
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
      this.#loaded = this.#read()
      this.#running = this.#start(this.#loaded)
      this.#lastGood = this.#loaded
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
    this.#out.write(`CoreDNS-${VERSION}\nlinux/amd64, go1.23.3, 51e11f1\n`)
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
    const blocks = parseCorefile(text, this.#conf)
    const running: Running = { setups: [], servers: [], http: [] }
    const here: DnsClient = { address: '127.0.0.1', port: 0, protocol: 'udp', size: 0 }
    const context: PluginContext = {
      process,
      log: (line) => this.#out.write(`${line}\n`),
      lookup: (name, type) => this.#chainFor(running, this.#port, name)?.lookup(name, type, here) ?? nothing(),
    }
    try {
      for (const block of blocks) running.setups.push({ block, setup: setUpServer(block, context, this.#client, this.#conf) })
      const ports = new Set(blocks.flatMap((b) => b.keys.map((k) => (k.port === 53 ? this.#port : k.port))))
      for (const port of ports) {
        running.servers.push(this.#listen(port, () => serveDns(process, { port, program: 'coredns' }, (query, client) => this.#answer(running, port, query, client))))
      }
      for (const { setup } of running.setups) {
        const { healthPort, readyPort } = setup
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
    const socket = this.#process.network.sockets.udp({ owner: { pid: this.#process.pid, program: 'coredns' } })
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
      yield sleep(clock, RELOAD - RELOAD_JITTER + clock.random.below(2 * RELOAD_JITTER), { background: true })
      if (!this.#running?.setups.some(({ setup }) => setup.reload)) continue
      let text: string
      try {
        text = this.#read()
      } catch {
        continue
      }
      if (text === this.#loaded) continue
      this.#loaded = text
      this.#reload(text)
    }
  }

  /** A Corefile with a mistake changes nothing: the old servers go on. */
  #reload(text: string): void {
    this.#out.write('[INFO] Reloading\n')
    try {
      parseCorefile(text, this.#conf)
      // The new servers need the old ones' ports.
      this.#stop()
      this.#running = this.#start(text)
      this.#out.write('[INFO] Reloading complete\n')
    } catch (error) {
      const message = error instanceof NotSimulated ? `podhop: not simulated: ${error.message}` : (error as Error).message
      this.#out.write(`[ERROR] Restart failed: ${message}\n[ERROR] plugin/reload: Corefile changed but reload failed: ${message}\n`)
      this.#running ??= this.#start(this.#lastGood)
      return
    }
    this.#lastGood = text
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
