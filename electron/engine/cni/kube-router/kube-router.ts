import type { ClusterConfig } from '../../config.ts'
import { untilReached } from '../../kubernetes/connection.ts'
import type { Node } from '../../kubernetes/types.ts'
import type { Process, Program } from '../../machine/types.ts'
import { accountOf, tellFailure } from '../../programs/account.ts'
import { serveGo, splitTarget } from '../../programs/http/go.ts'
import { klogLine } from '../../programs/klog.ts'
import { Output, untilSignal } from '../../programs/output.ts'
import type { SystemServices } from '../../programs/types.ts'
import { addToBridge, internalIp, removeFromBridge } from '../bridge-link.ts'
import { replacesKubeProxy } from '../options.ts'
import type { Agent, CniPlugin, CniResult, NodeContext, Sandbox } from '../types.ts'
import { CONF, readConf } from './conf.ts'
import { DEFAULTS, readFlags, type Settings } from './flags.ts'
import { kubeRouterManifests } from './manifests.ts'
import { NetworkPolicyController } from './netpol.ts'
import { NodePortHealth } from './proxy-health.ts'
import { NetworkRoutesController, routerId, RouterIdError, type Log } from './routing.ts'
import { NetworkServicesController } from './service-proxy.ts'

/**
 * kube-router v2.6: --run-router (BGP between the nodes, a bridge on each), --run-firewall (NetworkPolicies by iptables and
 * ipset) and --run-service-proxy (Services by IPVS, in kube-proxy's place). Everything that it writes stays when it stops.
 */
const HEALTH_PORT = 20_244

function startControllers(context: NodeContext, log: Log, settings: Settings, process?: Process): Agent {
  const owner = process && { pid: process.pid, program: 'kube-router' }
  const agents: Agent[] = []
  // the one that asks the API server before it does anything: where that is not reached, nothing is left behind
  if (settings.proxy) agents.push(new NetworkServicesController(context, settings, log, new NodePortHealth(process)))
  if (settings.firewall) agents.push(new NetworkPolicyController(context, log))
  if (settings.router) agents.push(new NetworkRoutesController(context, log, owner, settings))
  return {
    stop() {
      for (const agent of agents) agent.stop()
    },
  }
}

/** The kube-router binary in its host-network Pod. */
export function kubeRouter(services: SystemServices): Program {
  return function* (process) {
    const { clock, pid } = process
    const found = services.nodeOf(process)
    if (!found) {
      yield* process.printError(klogLine(clock.wall(), 'E', pid, 'main.go:83', 'Failed to parse kube-router config: the Pod does not run on the host network of a node'))
      return 1
    }
    const settings = readFlags(process.argv.slice(1))
    if ('message' in settings) {
      yield* process.printError(settings.message)
      return settings.code
    }
    const out = new Output(process, 2)
    const log: Log = (source, message, severity = 'I') => out.write(klogLine(clock.wall(), severity, pid, source, message))
    log('version.go:66', 'Running kube-router version v2.6.0, built on 2025-09-20T21:34:39+0000, go1.24.7')
    if (!settings.router && !settings.firewall && !settings.proxy) {
      log('kube-router.go:101', 'Router, Firewall or Service proxy functionality must be specified. Exiting!')
      yield* out.flush()
      return 0
    }
    log('metrics_controller.go:185', 'Disabling metrics for kube-router, set --metrics-port properly in order to enable')
    try {
      serveGo(process, 'kube-router', HEALTH_PORT, undefined, ({ target }) =>
        splitTarget(target).path === '/healthz' ? { status: 200, body: 'OK\n' } : { status: 404, body: '404 page not found\n' })
    } catch (error) {
      log('health_controller.go:157', `Health controller error: listen tcp :${HEALTH_PORT}: bind: ${(error as Error).message.toLowerCase()}`, 'E')
    }
    const client = accountOf(process, found.client, (failure) => tellFailure({ minor: 32, patch: 8 }, failure, (severity, source, message) => out.write(klogLine(clock.wall(), severity, pid, source, message))), { manager: 'kube-router' })
    const node: NodeContext = { ...found, client }
    yield* client.untilSynced(['nodes', 'services', 'endpointslices', 'pods', 'namespaces', 'networkpolicies'])
    try {
      if (settings.router) routerId(settings, internalIp(client.get<Node>('nodes', undefined, node.name)) ?? '')
    } catch (error) {
      if (!(error instanceof RouterIdError)) throw error
      yield* process.printError(`Failed to create network routes controller: ${error.message}\n`)
      return 1
    }
    const agent = yield* untilReached(clock, () => startControllers(node, log, settings, process))
    process.onExit(() => agent.stop())
    yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
    log('kube-router.go:292', 'Shutting down the controllers')
    yield* out.flush()
    return 0
  }
}

export const kubeRouterPlugin: CniPlugin = {
  name: 'kube-router',
  agentProgram: 'kube-router',

  manifests(config: ClusterConfig): object[] {
    return kubeRouterManifests(config)
  },

  startAgent(context: NodeContext, log?: (line: string) => void): Agent {
    return startControllers(context, (source, message) => log?.(`${source}] ${message}`), { ...DEFAULTS, proxy: replacesKubeProxy(context.config), gracefulRestart: true, routerId: context.config.ipFamilies[0] === 'IPv6' ? 'generate' : '' })
  },

  status(context: NodeContext): string | undefined {
    return context.machine.fs.exists(CONF) ? undefined : 'cni plugin not initialized'
  },

  add(context: NodeContext, sandbox: Sandbox): CniResult {
    let config
    try {
      config = readConf(context)
      if (config) return addToBridge(context, sandbox, config)
    } catch (error) {
      throw new Error(`plugin type="bridge" failed (add): ${(error as Error).message}`)
    }
    throw new Error('cni plugin not initialized')
  },

  remove(context: NodeContext, sandbox: Sandbox): void {
    const config = readConf(context)
    if (config) removeFromBridge(context, sandbox, config.network, config.subnets)
    else if (sandbox.network.links.has('eth0')) sandbox.network.removeLink('eth0')
  },
}
