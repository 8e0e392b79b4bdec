import type { NodeContext } from '../cni/types.ts'
import { capable } from '../machine/capabilities.ts'
import type { Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { canonicalIp } from '../network/address.ts'
import { parseGoFlags, type FlagSpec } from '../programs/go-flags.ts'
import { serveGo, splitTarget, GO_NOT_FOUND } from '../programs/http/go.ts'
import { Output } from '../programs/output.ts'
import type { SystemServices } from '../programs/types.ts'
import { EXPOSITION_TYPE, exposition, type MetricFamily } from '../prometheus.ts'
import { COREDNS_FLAGS, runCoreDns, type CoreDnsBuild } from './coredns.ts'

/**
 * NodeLocal DNSCache: a CoreDNS on each node that listens on an address of its own, and on that of kube-dns, on a dummy
 * interface; its queries and answers pass by connection tracking (cmd/node-cache of kubernetes/dns 1.26.4,
 * cluster/addons/dns/nodelocaldns of Kubernetes, KEP-1024).
 */
const VERSION = '1.26.4'
const BUILD: CoreDnsBuild = {
  program: 'node-cache', version: '1.13.2', platform: 'linux/amd64, go1.25.5, ', go: 'go1.25.5', revision: '',
  plugins: new Set(['bind', 'bufsize', 'cache', 'debug', 'dns64', 'errors', 'forward', 'health', 'hosts', 'loadbalance', 'log', 'loop', 'prometheus', 'pprof', 'reload', 'rewrite', 'template', 'timeouts', 'trace', 'whoami']),
}
const FLAGS: readonly FlagSpec[] = [
  ...COREDNS_FLAGS,
  ...['localip', 'interfacename', 'syncinterval', 'metrics-listen-address', 'basecorefile', 'corefile', 'kubednscm', 'upstreamsvc', 'health-port'].map((name) => ({ name, kind: 'string' as const })),
  ...['setupinterface', 'setupiptables', 'skipteardown', 'reloadwithsignal'].map((name) => ({ name, kind: 'bool' as const })),
]
/** ms between two looks at the configuration, and at the rules and the interface. */
const CONFIG_PERIOD = 10_000
const NETWORK_PERIOD = 60_000
const KUBE_DNS = '/etc/kube-dns'

interface Rule { table: 'raw' | 'filter'; chain: 'PREROUTING' | 'INPUT' | 'OUTPUT'; args: readonly string[] }

export function nodeCache(services: SystemServices): Program {
  return function* (process) {
    const flags = parseGoFlags(process.argv.slice(1), FLAGS)
    if ('error' in flags) {
      yield* process.printError(`${flags.error}\n`)
      return 2
    }
    const { values } = flags
    const node = services.nodeOf(process)
    const refused = values.get('version') === 'true' ? '-version of node-cache (its first log line says it)' : values.has('syncinterval') ? '-syncinterval of node-cache (60 seconds are)' : values.get('reloadwithsignal') === 'true' ? '-reloadwithsignal of node-cache (the plugin reload is)' : !node ? "node-cache in a Pod's own network (hostNetwork: true is)" : undefined
    if (refused !== undefined || !node) {
      yield* process.printError(`podhop: not simulated: ${refused!}\n`)
      return 69
    }
    const cache = new NodeCache(process, node, values)
    const early = cache.check()
    if (early !== undefined) {
      yield* cache.flush()
      return early
    }
    cache.init()
    return yield* runCoreDns({
      process, client: services.client, conf: cache.corefile, flags: values, build: BUILD, out: cache.out,
      onServing: () => cache.serve(),
      onStopping: () => cache.tearDown(),
    })
  }
}

class NodeCache {
  readonly out: Output
  readonly #process: Process
  readonly #node: NodeContext
  readonly #flags: ReadonlyMap<string, string>
  #ips: string[] = []
  /** CoreDNS runs: lines have no time any more. */
  #running = false
  #stopped = false
  #configuration = ''
  readonly #failures = new Map(['configmap', 'interface_add', 'interface_check', 'iptables', 'iptables_lock'].map((type) => [type, 0]))

  constructor(process: Process, node: NodeContext, flags: ReadonlyMap<string, string>) {
    this.#process = process
    this.#node = node
    this.#flags = flags
    this.out = new Output(process, 1)
  }

  get #port(): number {
    return Number(this.#flag('dns.port', '53'))
  }

  get corefile(): string {
    return this.#flag('conf', '') || this.#flag('corefile', '/etc/Corefile')
  }

  get #base(): string {
    return this.#flag('basecorefile', '/etc/coredns/Corefile.base')
  }

  get #interface(): string {
    return this.#flag('interfacename', 'nodelocaldns')
  }

  flush(): Task {
    return this.out.flush()
  }

  #flag(name: string, otherwise: string): string {
    return this.#flags.get(name) ?? otherwise
  }

  #isOn(name: string, otherwise: boolean): boolean {
    const value = this.#flags.get(name)
    return value === undefined ? otherwise : /^(1|t|T|true|TRUE|True)$/.test(value)
  }

  /** Go's log has the time in front until CoreDNS takes it over. */
  #log(level: 'INFO' | 'WARNING' | 'ERROR' | 'FATAL', text: string): void {
    const { clock } = this.#process
    const time = this.#running ? '' : `${new Date(clock.epoch + Math.floor(clock.now)).toISOString().slice(0, 19).replaceAll('-', '/').replace('T', ' ')} `
    this.out.write(`${time}[${level}] ${text}\n`)
  }

  #fail(type: string, text: string): void {
    this.#failures.set(type, (this.#failures.get(type) ?? 0) + 1)
    this.#log('ERROR', text)
  }

  #errors(): MetricFamily {
    const samples = [...this.#failures].map(([errortype, value]) => ({ labels: { errortype }, value }))
    return { name: 'coredns_nodecache_setup_errors_total', help: 'The number of errors during periodic network setup for node-cache', type: 'counter', samples }
  }

  /** What its flags say; the exit code where they cannot be. */
  check(): number | undefined {
    this.#log('INFO', `Starting node-cache image: ${VERSION}`)
    const listed = this.#flag('localip', '').split(',')
    const wrong = listed.find((ip) => canonicalIp(ip) === undefined)
    const family = listed[0]!.includes(':')
    const other = wrong === undefined ? listed.find((ip) => ip.includes(':') !== family) : undefined
    if (wrong !== undefined || other !== undefined) {
      this.#log('FATAL', `Error parsing flags - ${wrong !== undefined ? `invalid localip specified - ${JSON.stringify(wrong)}` : `unexpected IP Family for localIP - ${JSON.stringify(other)}, want IPv6=${family}`}, Exiting`)
      return 1
    }
    this.#ips = listed.map((ip) => canonicalIp(ip)!)
    this.#log('INFO', `Using Corefile ${this.#flag('conf', '')}`)
    this.#log('INFO', `Using Pidfile ${this.#flag('pidfile', '')}`)
    return undefined
  }

  init(): void {
    const service = this.#flag('upstreamsvc', 'kube-dns')
    if (this.#upstream === undefined) this.#log('WARNING', `Unable to lookup IP address of Upstream service ${service}, env ${this.#variable} \`\``)
    const metrics = /^(.*):(\d+)$/.exec(this.#flag('metrics-listen-address', '0.0.0.0:9353'))
    try {
      if (metrics) serveGo(this.#process, 'node-cache', Number(metrics[2]), metrics[1] === '' ? undefined : metrics[1], ({ target }) => (splitTarget(target).path === '/metrics' ? { body: exposition([this.#errors()]), contentType: EXPOSITION_TYPE } : GO_NOT_FOUND))
    } catch (error) {
      this.#log('ERROR', `Failed to start metrics handler: listen tcp ${metrics![0]}: bind: ${(error as Error).message.toLowerCase()}`)
    }
    this.#update()
    if (this.#kubeDns === undefined) this.#log('INFO', 'Skipping kube-dns configmap sync as no directory was specified')
    else this.#update()
    this.#configuration = this.#read()
    this.#ensureInterface()
    const pidfile = this.#flag('pidfile', '')
    if (pidfile !== '') this.#log('INFO', `waiting for coredns pidfile '${pidfile}'`)
    this.#running = true
  }

  /** CoreDNS answers: only now may nobody else be asked. */
  serve(): void {
    const pidfile = this.#flag('pidfile', '')
    this.#process.spawnThread(this.#keepNetwork(pidfile === '' ? NETWORK_PERIOD : 1000))
    this.#process.spawnThread(this.#keepConfiguration())
  }

  *#keepNetwork(first: number): Task {
    yield* this.#process.sleep(first)
    while (!this.#stopped) {
      this.#ensureRules()
      this.#ensureInterface()
      yield* this.#process.sleep(NETWORK_PERIOD)
    }
  }

  *#keepConfiguration(): Task {
    while (!this.#stopped) {
      yield* this.#process.sleep(CONFIG_PERIOD)
      const now = this.#read()
      if (now === this.#configuration || this.#stopped) continue
      this.#configuration = now
      this.#update()
    }
  }

  /** It ends as it was told to; killed, it leaves everything. */
  tearDown(): void {
    if (this.#stopped || this.#isOn('skipteardown', false)) return
    this.#stopped = true
    this.#log('INFO', 'Tearing down')
    if (this.#isOn('setupiptables', true)) {
      for (const { table, chain, args } of this.#rules()) while (this.#netfilter.command(['-t', table, '-D', chain, ...args]).code === 0);
    }
    const { network } = this.#node
    if (this.#isOn('setupinterface', true) && network.links.has(this.#interface)) network.removeLink(this.#interface)
    this.#log('WARNING', 'Exiting iptables/interface check goroutine')
  }

  // ---- the Corefile ---------------------------------------------------------------------------------------------

  get #variable(): string {
    return `$${this.#flag('upstreamsvc', 'kube-dns').replaceAll('-', '_').toUpperCase()}_SERVICE_HOST`
  }

  get #upstream(): string | undefined {
    return canonicalIp(this.#process.env.get(this.#variable.slice(1)) ?? '')
  }

  /** Where the ConfigMap kube-dns is mounted. */
  get #kubeDns(): string | undefined {
    const named = this.#flag('kubednscm', '')
    return named !== '' ? named : this.#process.fs.exists(KUBE_DNS) ? KUBE_DNS : undefined
  }

  #text(path: string): string {
    const { fs } = this.#process
    return fs.exists(path) ? fs.readText(path) : ''
  }

  #read(): string {
    const directory = this.#kubeDns
    return JSON.stringify([this.#base, ...(directory === undefined ? [] : [`${directory}/stubDomains`, `${directory}/upstreamNameservers`])].map((path) => this.#text(path)))
  }

  /** Of the ConfigMap kube-dns, as of old: which servers answer for a domain, and for the rest. */
  #custom(): { stubDomains: Record<string, string[]>; upstreamNameservers: string[] } {
    const directory = this.#kubeDns
    const of = <T>(key: string, otherwise: T): T => {
      const text = directory === undefined ? '' : this.#text(`${directory}/${key}`)
      if (text.trim() === '') return otherwise
      try {
        return JSON.parse(text) as T
      } catch {
        this.#log('ERROR', `Failed to sync kube-dns config directory ${directory}, err: invalid ${key}: ${text}`)
        return otherwise
      }
    }
    return { stubDomains: of('stubDomains', {}), upstreamNameservers: of('upstreamNameservers', []) }
  }

  #update(): void {
    const { fs } = this.#process
    if (!fs.exists(this.#base)) return this.#fail('configmap', `Failed to read node-cache coreFile ${this.#base} - open ${this.#base}: no such file or directory`)
    const { stubDomains, upstreamNameservers } = this.#custom()
    const listen = this.#flag('localip', '').replaceAll(',', ' ')
    const servers = upstreamNameservers.length > 0 ? upstreamNameservers.join(' ') : '/etc/resolv.conf'
    const text = fs.readText(this.#base)
      .replaceAll('__PILLAR__UPSTREAM__SERVERS__', servers)
      .replaceAll('__PILLAR__CLUSTER__DNS__', this.#upstream ?? '<nil>')
      .replaceAll('__PILLAR__LOCAL__DNS__', listen)
      .replaceAll('__PILLAR__DNS__SERVER__', '')
    const stubs = Object.entries(stubDomains).map(([domain, to]) => `\n${domain}:${this.#port} {\n    errors\n    cache 30\n    bind ${listen}\n    forward . ${to.join(' ')}\n}\n`)
    fs.writeFile(this.corefile, text + stubs.join(''))
    this.#log('INFO', `Updated Corefile with ${stubs.length} custom stubdomains and upstream servers ${servers}`)
    this.#log('INFO', `Using config file:\n${text}${stubs.join('')}`)
  }

  // ---- the node's network ---------------------------------------------------------------------------------------

  get #netfilter(): NodeContext['network']['netfilter'] {
    const { network } = this.#node
    return this.#ips[0]!.includes(':') ? network.netfilter6 : network.netfilter
  }

  #rules(): Rule[] {
    const [dns, health] = [String(this.#port), this.#flag('health-port', '8080')]
    const skip = (chain: Rule['chain'], ...match: string[]): Rule => ({ table: 'raw', chain, args: [...match, '-j', 'NOTRACK', '-m', 'comment', '--comment', 'NodeLocal DNS Cache: skip conntrack'] })
    const allow = (chain: Rule['chain'], ...match: string[]): Rule => ({ table: 'filter', chain, args: [...match, '-j', 'ACCEPT', '-m', 'comment', '--comment', 'NodeLocal DNS Cache: allow DNS traffic'] })
    const both = (rule: typeof skip, chain: Rule['chain'], ...match: string[]): Rule[] => ['tcp', 'udp'].map((protocol) => rule(chain, '-p', protocol, ...match))
    return this.#ips.flatMap((ip) => [
      ...both(skip, 'PREROUTING', '-d', ip, '--dport', dns),
      ...both(allow, 'INPUT', '-d', ip, '--dport', dns),
      ...both(skip, 'OUTPUT', '-s', ip, '--sport', dns),
      ...both(allow, 'OUTPUT', '-s', ip, '--sport', dns),
      ...both(skip, 'OUTPUT', '-d', ip, '--dport', dns),
      skip('OUTPUT', '-p', 'tcp', '-d', ip, '--dport', health),
      skip('OUTPUT', '-p', 'tcp', '-s', ip, '--sport', health),
    ])
  }

  #ensureRules(): void {
    if (!this.#isOn('setupiptables', true)) return
    for (const rule of this.#rules()) {
      const { table, chain, args } = rule
      if (this.#netfilter.command(['-t', table, '-C', chain, ...args]).code === 0) continue
      const text = `{${table} ${chain} [${args.join(' ')}]}`
      if (!capable(this.#process, 'NET_ADMIN')) this.#fail('iptables', `Error checking/adding iptables rule ${text}, error - exit status 4: Permission denied (you must be root)`)
      else if (this.#netfilter.command(['-t', table, '-I', chain, ...args]).code === 0) this.#log('INFO', `Added back nodelocaldns rule - ${text}`)
    }
  }

  #ensureInterface(): void {
    if (!this.#isOn('setupinterface', true)) return
    const { network, fabric } = this.#node
    const name = this.#interface
    const link = network.links.get(name)
    const missing = this.#ips.filter((ip) => !link?.addresses.some((a) => a.address === ip))
    if (missing.length === 0) return
    if (!capable(this.#process, 'NET_ADMIN')) {
      if (!link) this.#fail('interface_add', `Failed to add non-existent interface ${name}: operation not permitted`)
      return
    }
    if (!link) fabric.createDummy(network, name)
    for (const ip of missing) network.addAddress(name, `${ip}/${ip.includes(':') ? 128 : 32}`)
    if (!link) this.#log('INFO', `Added interface - ${name}`)
  }
}
