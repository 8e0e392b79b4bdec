import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseClusterConfig } from '../../../electron/engine/cluster.ts'
import { serveKubeApi, type KubeApiServer } from '../../../electron/host/kube-api/server.ts'
import { ApiCalls } from '../../../electron/host/session/api-calls.ts'
import { runScript } from '../../../electron/lab/script.ts'
import { bearCluster } from '../../../electron/lab/start.ts'
import { World } from '../../../electron/lab/world.ts'
import { onlyAged } from './ages.ts'

export interface Outcome { stdout: string; stderr: string; code: number | null }

/** How far virtual time goes on in a step while the real kubectl waits, in ms, and how often, in real ms. */
const STEP = 20
const PAUSE = 4
/** klog's time and process. */
const LOG_HEAD = /^([WEIF])\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ /gm
/** The ms of a second at which commands come that reckon ages. */
const AGES_AT = 700
/** Of these the real one tells some things in the order of a Go map, which is another each time: Pods that a drain warns of, and data. */
const SHUFFLED = /^drain /
const DATA = /^(?:Binary)?Data\n====$/m
const comesShuffled = (command: string, stdout: string): boolean => SHUFFLED.test(command) || (command.startsWith('describe ') && DATA.test(stdout))
const shuffled = ({ stdout, stderr, code }: Outcome): string => [`${stdout}\n${stderr}`.split(/\n|, |\[|\]/).sort().join('\n'), code].join('\n')
/**
 * Commands that write and wait for nothing: time stands still in them, so that no controller acts between two of their objects.
 * Only where they sleep, as apply does for a second after a conflict, a second passes.
 */
const STILL = /^(?:apply|create|annotate|label|expose|patch|set)$/
const SLEEP = 1000
/** Who has not computed for so many ms, of which this process saw so many ticks, sleeps. */
const ASLEEP = { ms: 700, ticks: 60 }
/** Commands that change nothing. */
const READS = /^(?:get|describe|events|explain|logs|top|version|cluster-info|api-resources|api-versions|__complete|__completeNoDesc)$/

/**
 * One command, two clients, two whole clusters of one seed: Podhop's kubectl in one lab terminal, the real one over the
 * HTTP API of the other. Both clusters are as old when a command begins.
 */
export class TwoClusters {
  /** Born now: the real kubectl reckons ages by the real clock. */
  readonly #epoch = Math.floor(Date.now() / 1000) * 1000
  readonly #ours: ReturnType<typeof bearCluster>
  readonly #world: World
  readonly #home = mkdtempSync(join(tmpdir(), 'podhop-parity-'))
  readonly #kubectl: string
  readonly #api: ApiCalls
  #server: KubeApiServer | undefined
  /** How far the times that the real one is told are from those of the cluster, if they are. */
  #shift: { ms: number } | undefined

  /** `cluster`: more keys of the cluster file. */
  constructor(kubectl: string, cluster: Record<string, unknown> = {}) {
    this.#kubectl = kubectl
    const config = parseClusterConfig({ seed: 5, ...cluster }, 'cluster')
    this.#ours = bearCluster(config, [], this.#epoch)
    let connections = 1
    const calls: ApiCalls = new ApiCalls({
      input: (input) => this.#world.apply(input),
      sync: () => undefined,
      world: () => this.#world,
      nextConnection: () => connections++,
    })
    const request = calls.request.bind(calls)
    calls.request = (asked, sink, user) => request(asked, {
      head: (status, headers) => sink.head(status, headers),
      data: (chunk) => sink.data(this.#shift ? shifted(Buffer.from(chunk as string).toString(), this.#shift.ms) : chunk),
      end: () => sink.end(),
      lost: (why) => sink.lost(why),
    }, user)
    const nothing = (): void => undefined
    this.#world = new World({ config, manifests: [], epoch: this.#epoch }, {
      terminalOutput: nothing,
      terminalClosed: nothing,
      portWanted: nothing,
      portReleased: nothing,
      timeChanged: nothing, refused: nothing,
      outsideData: (connection, data) => void calls.forwardData(connection, data),
      outsideEnd: (connection) => void calls.forwardEnd(connection),
      outsideClose: (connection, error) => void calls.forwardClosed(connection, error),
      apiHead: (call, status, headers) => calls.head(call, status, headers),
      apiData: (call, chunk) => calls.data(call, chunk),
      apiEnd: (call, unreachable) => calls.end(call, unreachable),
      apiOutput: (call, descriptor, data) => calls.output(call, descriptor, data),
      apiSessionEnd: (call, end) => calls.sessionEnd(call, end),
      apiForwardOpen: (call) => calls.forwardOpen(call),
      apiForwardEnd: (call, refused) => calls.forwardEnded(call, refused),
      trouble: (error) => { throw error },
    })
    this.#api = calls
    mkdirSync(join(this.#home, '.kube'))
  }
  async open(): Promise<void> {
    this.#server = await serveKubeApi({ api: () => this.#api, folder: join(this.#home, 'served') })
    writeFileSync(join(this.#home, '.kube', 'config'), readFileSync(this.#server.kubeconfig))
    this.#evenOut()
  }

  async close(): Promise<void> {
    await this.#server?.close()
    this.#world.stop()
    rmSync(this.#home, { recursive: true, force: true })
  }

  /** Both lose their API server, for good. */
  async unplug(): Promise<void> {
    runScript(this.#ours, 'hop fault apply apiserver-down')
    await this.#server?.close()
    this.#evenOut()
  }

  /** A file in the student's home, for both. */
  write(name: string, content: string): void {
    const folder = dirname(name)
    mkdirSync(join(this.#home, folder), { recursive: true })
    if (folder !== '.') runScript(this.#ours, `mkdir -p ${folder}`)
    writeFileSync(join(this.#home, name), content)
    this.#ours.laptop.fs.writeFile(`/home/student/${name}`, content)
  }

  /** Virtual time passes in both. */
  wait(ms: number): void {
    this.#ours.clock.runFor(ms)
    this.#evenOut()
  }

  /**
   * The next command reckons ages by the client's clock, which the real one takes from the machine: it is told times that
   * are as far from now as they are in the cluster, so that nobody has to wait until real and virtual time meet. It comes
   * late in a second of virtual time, when others do not (see `both`): no age is then at the edge of a second, unless the machine is busy: see `onlyAged`.
   */
  async bothWithAges(args: readonly string[]): Promise<{ ours: Outcome; real: Outcome }> {
    this.wait(Math.ceil((this.#ours.clock.now - AGES_AT) / 1000) * 1000 + AGES_AT - this.#ours.clock.now)
    this.#shift = { ms: 0 }
    const began = Date.now()
    try {
      const said = await this.both(args)
      return onlyAged(said.ours.stdout, said.real.stdout, Date.now() - began) ? { ...said, real: { ...said.real, stdout: said.ours.stdout } } : said
    } finally {
      this.#shift = undefined
    }
  }

  async both(args: readonly string[], stdin = '', variables: Record<string, string> = {}): Promise<{ ours: Outcome; real: Outcome }> {
    // what a command makes is of one second in both, though it takes its moment in each
    const part = this.#ours.clock.now % 1000
    if (part > 600 && !this.#shift) this.wait(1000 - part)
    const script = `${Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)} `).join('')}kubectl ${args.map(quoted).join(' ')}`
    const began = this.#ours.clock.now
    const ours = runScript(this.#ours, script, { stdin })
    if (this.#shift) this.#shift.ms = Date.now() - this.#epoch - Math.floor(began)
    const expected: Outcome = { stdout: ours.stdout, stderr: unhurried(ours.stderr.replace(LOG_HEAD, '$1 ')), code: ours.code ?? null }
    const asked = Date.now()
    const ask = async (): Promise<Outcome> => {
      const real = await this.#real(args, stdin, variables)
      return { ...real, stderr: unhurried(real.stderr) }
    }
    const alike = (said: Outcome): boolean => said.stderr === expected.stderr && said.code === expected.code && onlyAged(expected.stdout, said.stdout, Date.now() - asked)
    let real = await ask()
    // what changes nothing may be asked again: a busy machine can disturb any program
    const shuffles = comesShuffled(args.join(' '), expected.stdout)
    if (READS.test(args[0] ?? '') && !alike(real) && !shuffles) {
      const again = await ask()
      if (alike(again)) {
        console.warn(`REFEREE: kubectl ${args.join(' ')} was the same only when asked again:\n${real.stdout}${real.stderr}`)
        real = again
      }
    }
    if (shuffles && shuffled(expected) === shuffled(real)) real = expected
    this.#evenOut()
    return { ours: expected, real }
  }

  #real(args: readonly string[], stdin: string, variables: Record<string, string>): Promise<Outcome> {
    const env = { PATH: process.env['PATH'], HOME: this.#home, KUBECONFIG: join(this.#home, '.kube', 'config'), ...variables }
    const child = spawn(this.#kubectl, args, { argv0: 'kubectl', cwd: this.#home, env })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
    child.stdin.on('error', () => undefined)
    child.stdin.end(stdin)
    const { clock } = this.#world.cluster
    const began = clock.now
    const end = Math.max(this.#ours.clock.now, began)
    // time passes while a watch or a stream waits for it, and for those who ask again and again when nothing else helps
    const still = STILL.test(args[0] ?? '')
    let idle = 0
    let quiet = performance.now()
    let known = 0
    const timer = setInterval(() => {
      const open = this.#world.api.open.length + this.#world.connections.length
      // nothing is said on a stream before the client is ready to hear it
      if (open > known && computes(child.pid)) return
      known = open
      if (still) {
        if (open > 0 || computes(child.pid)) [idle, quiet] = [0, performance.now()]
        const asleep = ++idle > ASLEEP.ticks && performance.now() - quiet > ASLEEP.ms
        if (asleep) [idle, quiet] = [0, performance.now()]
        return this.#world.runUntil(clock.now + (asleep ? SLEEP : 0))
      }
      const waits = open > 0
      const patient = waits ? clock.now < end || ++idle > 25 : ++idle > 100
      // a busy machine has not let it begin, or end, yet: nothing may happen between the objects of one command
      const early = patient && !waits && computes(child.pid)
      if (early) idle = 60
      this.#world.runUntil(clock.now + (patient && !early ? STEP : 0))
    }, PAUSE)
    return new Promise((resolve) => child.on('close', (code) => {
      clearInterval(timer)
      const back = (text: string): string => this.#alike(this.#shift ? shiftedBack(text, this.#shift.ms) : text)
      resolve({ stdout: back(stdout), stderr: back(stderr), code })
    }))
  }

  /** What differs because of where the two run, not because of what they say. */
  #alike(text: string): string {
    const token = /^    token: REDACTED$/m
    return text
      .replace(token, '    client-certificate-data: DATA+OMITTED\n    client-key-data: DATA+OMITTED')
      .replace(/^ *tls-server-name: .*\n/gm, '')
      .replaceAll(this.#server!.url, 'https://172.18.0.2:6443')
      .replaceAll(this.#server!.url.slice('https://'.length), '172.18.0.2:6443')
      .replaceAll(this.#home, '/home/student')
      .replaceAll('/root/', '/home/student/')
      .replace(LOG_HEAD, '$1 ')
  }

  #evenOut(): void {
    const [a, b] = [this.#ours.clock, this.#world.cluster.clock]
    const later = Math.ceil(Math.max(a.now, b.now))
    a.runFor(later - a.now)
    this.#world.runUntil(later)
  }
}

/** The lines of -v without what is chance, time or the carrier's: gates come in the order of a Go map, the served API has a token. */
function unhurried(log: string): string {
  return log
    .replace(/^I envvar\.go.*\n/gm, '')
    .replace(/^\t(Authorization|Audit-Id|Connection|Date|Keep-Alive): .*\n/gm, '')
    .replace(/^\tcurl .*$/gm, (line) => (line.match(/-H "(?!Authorization)[^"]*"|^\S+ \S+ \S+|'.*'/g) ?? []).sort().join(' '))
    .replace(/illiseconds=\d+/g, 'illiseconds=N')
}

/** Whether one of its threads has something to do; where nobody can tell, none has. */
function computes(pid: number | undefined): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).some((task) => /\) [RD] /.test(readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8')))
  } catch {
    return false
  }
}

/** Every time in JSON, so many ms later. */
function shifted(json: string, ms: number): string {
  return json.replace(/"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{6}))?Z"/g, (_, second: string, micros = '000000') => {
    const later = new Date(Date.parse(`${second}.${String(micros).slice(0, 3)}Z`) + ms).toISOString()
    return `"${later.slice(0, -1)}${String(micros).slice(3)}Z"`
  })
}

/** Times in output back to those of the cluster: describe's own, which are whole seconds, and those with what was added. */
function shiftedBack(text: string, ms: number): string {
  return text
    .replace(/[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000/g, (time) =>
      new Date(Date.parse(time) - Math.floor(ms / 1000) * 1000).toUTCString().replace('GMT', '+0000'))
    .replace(/(\d{4}-\d\d-\d\d)([T ])(\d\d:\d\d:\d\d)(\.\d+)?(Z| \+0000 UTC)/g, (_, day: string, between: string, time: string, part: string | undefined, zone: string) => {
      const at = Date.parse(`${day}T${time}${part ?? ''}Z`) - (part === undefined ? Math.floor(ms / 1000) * 1000 : ms)
      return new Date(at).toISOString().replace(/(\.\d*?)0*Z$/, '$1').replace(/\.$/, '').replace('T', between) + zone
    })
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
