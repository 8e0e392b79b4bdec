import type { ClusterConfig } from '../../config.ts'
import type { Agent, CniPlugin, CniResult, NodeContext, Sandbox } from '../types.ts'
import { agentOf, CNI_CONF, SOCKET } from './agent.ts'
import { forgetEndpoint } from './endpoints.ts'
import { datapathOf } from './datapath.ts'
import { POD_INTERFACE } from './devices.ts'
import { ciliumManifests } from './manifests.ts'

/** Cilium 1.17 as a network plugin: plugins/cilium-cni of cilium/cilium asks the agent over its socket. */
const NO_AGENT = 'failed to create cilium agent client after 30.000000 seconds timeout: Get "http://localhost/v1/config": dial unix'

export const ciliumPlugin: CniPlugin = {
  name: 'cilium',
  agentProgram: 'cilium-agent',
  tools: { '/usr/local/bin/cilium': 'cilium-cli', '/usr/local/bin/hubble': 'hubble' },

  manifests(config: ClusterConfig): object[] {
    return ciliumManifests(config)
  },

  startAgent(): Agent {
    throw new Error('the agent of Cilium runs in its Pod')
  },

  status(context: NodeContext): string | undefined {
    return context.machine.fs.exists(CNI_CONF) ? undefined : 'cni plugin not initialized'
  },

  add(context: NodeContext, sandbox: Sandbox): CniResult {
    const { fs } = context.machine
    if (!fs.exists(CNI_CONF)) throw new Error('cni plugin not initialized')
    const failed = (reason: string): Error => new Error(`plugin type="cilium-cni" failed (add): ${reason}`)
    const agent = agentOf(context.network)
    if (!agent) {
      const why = fs.exists(SOCKET) ? 'connection refused' : 'no such file or directory'
      throw failed(`unable to connect to Cilium agent: ${NO_AGENT} ${SOCKET}: connect: ${why}\nIs the agent running?`)
    }
    try {
      const { ips, link } = agent.addEndpoint(sandbox)
      return { ips, interface: POD_INTERFACE, hostInterface: link }
    } catch (error) {
      throw failed((error as Error).message)
    }
  },

  remove(context: NodeContext, sandbox: Sandbox): void {
    if (sandbox.network.links.has(POD_INTERFACE)) sandbox.network.removeLink(POD_INTERFACE)
    sandbox.network.socketPrograms = undefined
    const dp = datapathOf(context.network)
    const endpoint = dp && [...dp.endpoints.values()].find((e) => e.containerId === sandbox.id)
    const agent = agentOf(context.network)
    // Without an agent the plugin queues the deletion; the next agent finds the link gone.
    if (!dp || !endpoint || !agent) return
    forgetEndpoint(dp, endpoint)
    agent.removeEndpoint(endpoint)
  },
}
