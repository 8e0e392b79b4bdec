import { nodeIps } from '../config.ts'
import type { NodeContext } from '../cni/types.ts'
import type { Node } from '../kubernetes/types.ts'
import type { Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { klogLine } from '../programs/klog.ts'
import { Output, untilSignal } from '../programs/output.ts'
import type { SystemServices } from '../programs/types.ts'
import { accountOf, tellFailure, type ClientGo } from '../programs/account.ts'
import type { AccountClient } from '../kubernetes/rbac/account-client.ts'
import { EventRecorder } from '../kubernetes/controllers/events.ts'
import { untilReached } from '../kubernetes/connection.ts'
import { HARDWARE } from '../machine/hardware.ts'
import { setConntrackSysctls } from './conntrack-sysctls.ts'
import { ProxyHealth, serveProxyMode } from './health.ts'
import { IptablesProxier } from './iptables/proxier.ts'
import { NftablesProxier } from './nftables/proxier.ts'
import { ConfigurationError, readConfiguration, seconds, type ProxyConfiguration } from './configuration.ts'
import { proxyMetrics } from './metrics.ts'
import { IpvsProxier } from './ipvs/proxier.ts'
import { truncatedSets } from './ipvs/sets.ts'
import { cleanUpIpvs } from './ipvs/cleanup.ts'
import { IpvsNotSimulated, type Ipvs } from '../network/ipvs/ipvs.ts'

/** Whether the kernel has the scheduler: a virtual service of an address for documentation is tried (CanUseIPVSProxier). */
function tryScheduler(ipvs: Ipvs, scheduler: string): Error | undefined {
  const key = { protocol: 'tcp', address: '198.51.100.0', port: 20_000 } as const
  try {
    ipvs.add(key, { scheduler: scheduler === '' ? 'rr' : scheduler })
    ipvs.remove(key)
    return undefined
  } catch (error) {
    return error as Error
  }
}

const CLIENT_GO: ClientGo = { minor: 33, name: 'k8s.io/client-go/informers/factory.go:160' }
/** getNodeIPs of cmd/kube-proxy: it looks for its Node so often, each time after twice as long (ms). */
const LOOKS = 6
const LOOK_AGAIN = 1000

/** Whether it learns its node's addresses from the API server; it goes on without. */
function* ownNode(process: Process, client: AccountClient, name: string, log: (severity: 'I' | 'W' | 'E', source: string, message: string) => void): Task<boolean> {
  for (let look = 0; look < LOOKS; look++) {
    if (look > 0) yield* process.sleep(LOOK_AGAIN * 2 ** (look - 1))
    const refused = client.refusal({ verb: 'get', resource: 'nodes', name })
    if (!refused) return true
    log('E', 'server.go:707', `"Failed to retrieve node info" err=${JSON.stringify(refused.message)}`)
  }
  log('I', 'server.go:497', `"Can't determine this node's IP, assuming loopback; if this is incorrect, please set the --bind-address flag"`)
  return false
}

/** What it watches, and which line of pkg/proxy/config/config.go of v1.33.1 says so. */
const INFORMERS = [['service config', 199, 'services'], ['endpoint slice config', 105, 'endpointslices'], ['serviceCIDR config', 440, 'servicecidrs'], ['node config', 329, 'nodes']] as const

/** What the node has of the Pods' network; it waits until something is there (waitForPodCIDR). */
function* podCIDRs(process: Process, { client, name }: NodeContext, log: (severity: 'I' | 'E', source: string, message: string) => void): Task<readonly string[]> {
  log('I', 'server_linux.go:95', `"Watching for node, awaiting podCIDR allocation" hostname="${name}"`)
  for (;;) {
    const { spec } = yield* untilReached(process.clock, () => client.get<Node>('nodes', undefined, name))
    const found = spec.podCIDRs ?? []
    if (found.length > 0) {
      log('I', 'server_linux.go:101', `"NodeInfo" podCIDRs=[${found.map((cidr) => `"${cidr}"`).join(',')}]`)
      return found
    }
    yield* process.sleep(1000)
  }
}

/** The kube-proxy binary in its host-network Pod. */
export function kubeProxy(services: SystemServices): Program {
  return function* (process) {
    const { clock, pid } = process
    const found = services.nodeOf(process)
    if (!found) {
      yield* process.printError(klogLine(clock.wall(), 'E', pid, 'server.go:687', '"Failed to retrieve node info" err="the Pod does not run on the host network of a node"'))
      return 1
    }
    const out = new Output(process, 2)
    const log = (severity: 'I' | 'W' | 'E', source: string, message: string): void => out.write(klogLine(clock.wall(), severity, pid, source, message))
    const client = accountOf(process, found.client, (failure) => tellFailure(CLIENT_GO, failure, log), { manager: 'kube-proxy', selects: true })
    const node: NodeContext = { ...found, client }
    let configuration: ProxyConfiguration
    try {
      configuration = readConfiguration(process, node.config, node.name)
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error
      yield* process.printError(klogLine(clock.wall(), 'E', pid, 'run.go:72', `"command failed" err=${JSON.stringify(error.message)}`))
      return 1
    }
    const { mode } = configuration
    if (configuration.notSimulated) {
      yield* process.printError(`podhop: not simulated: ${configuration.notSimulated}\n`)
      return 69
    }
    const refusal = mode === 'ipvs' ? tryScheduler(node.network.netfilter.ipvs, configuration.ipvs.scheduler) : undefined
    if (refusal instanceof IpvsNotSimulated) {
      yield* process.printError(`podhop: not simulated: ${refusal.message}\n`)
      return 69
    }
    const ips = node.config.nodes.filter((n) => n.name === node.name).flatMap(nodeIps)
    const families = node.config.ipFamilies.map((family) => (family === 'IPv4' ? 4 : 6))
    const dual = families.length > 1
    if (mode === 'iptables') log('I', 'server_linux.go:63', '"Using iptables proxy"')
    if (yield* ownNode(process, client, node.name, log)) log('I', 'server.go:715', `"Successfully retrieved node IP(s)" IPs=[${ips.map((ip) => `"${ip}"`).join(',')}]`)
    setConntrackSysctls(node.network, configuration.conntrack, HARDWARE.cpus, seconds, (source, message) => log('I', source, message))
    if (mode !== 'nftables' && configuration.rules.nodePortAddresses === undefined) log('E', 'server.go:245', '"Kube-proxy configuration may be incomplete or incorrect" err="nodePortAddresses is unset; NodePort connections will be accepted on all local IPs. Consider using `--nodeport-addresses primary`"')
    if (dual) log('I', 'server.go:254', '"kube-proxy running in dual-stack mode" primary ipFamily="' + `IPv${families[0]!}"`)
    if (mode === 'ipvs') log('I', 'server_linux.go:188', '"Using ipvs Proxier"')
    else if (mode === 'nftables') log('I', 'server_linux.go:231', '"Using nftables Proxier"')
    else log('I', 'server_linux.go:145', '"Using iptables Proxier"')
    if (mode === 'iptables' && configuration.rules.localhostNodePorts && families.includes(4)) log('I', 'proxier.go:243', '"Setting route_localnet=1 to allow node-ports on localhost; to change this either disable iptables.localhostNodePorts (--iptables-localhost-nodeports) or set nodePortAddresses (--nodeport-addresses) to filter loopback addresses" ipFamily="IPv4"')
    if (mode === 'ipvs' && configuration.ipvs.scheduler === '') {
      for (const family of families) log('I', 'proxier.go:364', `"IPVS scheduler not specified, use rr by default" ipFamily="IPv${family}"`)
    }
    if (mode === 'ipvs' && dual) for (const [name, cut] of truncatedSets()) log('I', 'ipset.go:119', `"Ipset name truncated" ipSetName="${name}" truncatedName="${cut}"`)
    log('I', 'server.go:516', '"Version info" version="v1.33.1"')
    log('I', 'server.go:518', '"Golang settings" GOGC="" GOMAXPROCS="" GOTRACEBACK=""')
    if (refusal) {
      log('E', 'proxier.go:573', `"Could not create dummy VS" err="no such file or directory" scheduler="${configuration.ipvs.scheduler}"`)
      log('E', 'run.go:72', '"command failed" err="can\'t use the IPVS proxier: no such file or directory"')
      yield* out.flush()
      return 1
    }
    if (mode === 'nftables') cleanUpIpvs(node.network)
    // What the nftables mode has left goes when another one takes over (CleanupLeftovers of pkg/proxy/nftables).
    if (mode !== 'nftables' && node.network.netfilter.hasNftables) {
      const { nftables } = node.network.netfilter
      nftables.apply(['ip kube-proxy', 'ip6 kube-proxy'].filter((table) => nftables.tables.has(table)).map((table) => `delete table ${table}`))
    }
    if (configuration.byNodeCIDR) {
      const clusterCIDR = yield* podCIDRs(process, node, log)
      Object.assign(configuration.rules, { clusterCIDR })
      Object.assign(configuration.ipvs, { clusterCIDR })
    }
    const health = new ProxyHealth(process, node.name, log, configuration.healthz)
    serveProxyMode(process, mode, () => proxyMetrics(node, mode, health), log, configuration.metrics)
    // It names itself by its node's name, also where the uid stands.
    new EventRecorder(client, clock, 'kube-proxy', node.name).note({ kind: 'Node', name: node.name, uid: node.name }, 'Normal', 'Starting', 'StartKubeProxy', '')
    for (const [kind, line] of INFORMERS) {
      log('I', `config.go:${line}`, `"Starting ${kind} controller"`)
      log('I', 'shared_informer.go:350', `"Waiting for caches to sync" controller="${kind}"`)
    }
    // each lists for itself; rules wait for the first two only
    for (const [kind, , resource] of INFORMERS) client.onceSynced(resource, resource === 'nodes' ? { fieldSelector: `metadata.name=${node.name}` } : {}, () => log('I', 'shared_informer.go:357', `"Caches are synced" controller="${kind}"`))
    yield* client.untilSynced(['services', 'endpointslices'])
    for (const family of families) {
      const proxier = yield* untilReached(clock, () => {
        if (mode === 'ipvs') return new IpvsProxier(node, configuration.ipvs, log, health, family)
        return mode === 'nftables' ? new NftablesProxier(node, log, health, family, configuration.rules) : new IptablesProxier(node, log, health, family, configuration.rules)
      })
      process.onExit(() => proxier.stop())
    }
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    yield* out.flush()
    return 0
  }
}
