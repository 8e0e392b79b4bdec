import { nodeIps } from '../config.ts'
import type { Program } from '../machine/types.ts'
import { klogLine } from '../programs/klog.ts'
import { Output, untilSignal } from '../programs/output.ts'
import type { SystemServices } from '../programs/types.ts'
import { untilReached } from '../kubernetes/connection.ts'
import { ProxyHealth } from './health.ts'
import { IptablesProxier } from './iptables/proxier.ts'

/** The kube-proxy binary in its host-network Pod. */
export function kubeProxy(services: SystemServices): Program {
  return function* (process) {
    const { clock, pid } = process
    const node = services.nodeOf(process)
    if (!node) {
      yield* process.printError(klogLine(clock.wall(), 'E', pid, 'server.go:687', '"Failed to retrieve node info" err="the Pod does not run on the host network of a node"'))
      return 1
    }
    if (node.config.proxyMode !== 'iptables') {
      yield* process.printError(`podhop: not simulated: kube-proxy mode ${node.config.proxyMode} (iptables is)\n`)
      return 69
    }
    const out = new Output(process, 2)
    const log = (severity: 'I' | 'E', source: string, message: string): void => out.write(klogLine(clock.wall(), severity, pid, source, message))
    const ips = node.config.nodes.filter((n) => n.name === node.name).flatMap(nodeIps)
    const dual = node.config.ipFamilies.length > 1
    log('I', 'server_linux.go:63', '"Using iptables proxy"')
    log('I', 'server.go:715', `"Successfully retrieved node IP(s)" IPs=[${ips.map((ip) => `"${ip}"`).join(',')}]`)
    if (dual) log('I', 'server.go:245', '"kube-proxy running in dual-stack mode" primary ipFamily="IPv4"')
    log('I', 'server_linux.go:145', '"Using iptables Proxier"')
    log('I', 'proxier.go:243', '"Setting route_localnet=1 to allow node-ports on localhost; to change this either disable iptables.localhostNodePorts (--iptables-localhost-nodeports) or set nodePortAddresses (--nodeport-addresses) to filter loopback addresses" ipFamily="IPv4"')
    log('I', 'server.go:516', '"Version info" version="v1.33.1"')
    const health = new ProxyHealth(process, node.name, log)
    for (const family of dual ? [4, 6] as const : [4] as const) {
      const proxier = yield* untilReached(clock, () => new IptablesProxier(node, log, health, family))
      process.onExit(() => proxier.stop())
    }
    for (const kind of ['service config', 'endpoint slice config', 'node config']) log('I', 'config.go:199', `"Starting ${kind} controller"`)
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    yield* out.flush()
    return 0
  }
}
