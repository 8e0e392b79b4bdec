import { broadcastOption } from '../../network/address.ts'
import type { ClusterConfig } from '../../config.ts'
import type { Agent, CniPlugin, CniResult, NodeContext, Sandbox } from '../types.ts'
import { bridgeOf } from './bridge.ts'
import { weaveManifests } from './manifests.ts'
import { BRIDGE, CNI_CONF, CONTROL_PORT, hostInterface, MTU } from './names.ts'
import { routerOf, type WeaveRouter } from './router.ts'

/** Weave Net 2.8.1 as a network plugin: plugin/net/cni.go asks the router at 127.0.0.1:6784 for addresses. */
const POD_INTERFACE = 'eth0'

function ask<T>(context: NodeContext, path: string, use: (router: WeaveRouter) => T): T {
  const failed = (why: string): Error => new Error(`unable to allocate IP address: Post "http://127.0.0.1:${CONTROL_PORT}${path}": ${why}`)
  const router = routerOf(context.network)
  if (!router) throw failed(`dial tcp 127.0.0.1:${CONTROL_PORT}: connect: connection refused`)
  try {
    return use(router)
  } catch (error) {
    throw failed((error as Error).message)
  }
}

function addTo(context: NodeContext, sandbox: Sandbox): CniResult {
  const { network, fabric } = context
  const address = ask(context, `/ip/${sandbox.id}`, (router) => router.allocate(sandbox.id))
  const gateway = ask(context, '/ip/weave:expose', (router) => router.exposed())
  const bridge = bridgeOf(network)
  if (!bridge || gateway === undefined) throw new Error(`unable to expose bridge "${BRIDGE}": ${bridge ? 'no address' : 'Link not found'}`)
  const link = hostInterface(sandbox.id)
  const [, port] = fabric.createVeth({ network: sandbox.network, name: POD_INTERFACE, mtu: MTU }, { network, name: link, mtu: MTU })
  bridge.attach(port)
  bridge.hairpin(port, true)
  network.setUp(link, true)
  if (sandbox.network.links.has('lo')) sandbox.network.setUp('lo', true)
  sandbox.network.setUp(POD_INTERFACE, true)
  sandbox.network.addAddress(POD_INTERFACE, address, broadcastOption(address))
  // an address is soon another Pod's: who knew the last one learns at once (net/veth.go, SetupGuest)
  sandbox.network.neighbours.announce(address.split('/')[0]!, POD_INTERFACE)
  sandbox.network.routes.add({ destination: '0.0.0.0/0', via: gateway.split('/')[0]!, device: POD_INTERFACE })
  return { ips: [address.split('/')[0]!], interface: POD_INTERFACE, hostInterface: link }
}

export const weavePlugin: CniPlugin = {
  name: 'weave',
  agentProgram: 'weave-launch',

  manifests(config: ClusterConfig): object[] {
    return weaveManifests(config)
  },

  startAgent(): Agent {
    throw new Error('the router of Weave Net runs in its Pod')
  },

  status(context: NodeContext): string | undefined {
    return context.machine.fs.exists(CNI_CONF) ? undefined : 'cni plugin not initialized'
  },

  add(context: NodeContext, sandbox: Sandbox): CniResult {
    if (!context.machine.fs.exists(CNI_CONF)) throw new Error('cni plugin not initialized')
    try {
      return addTo(context, sandbox)
    } catch (error) {
      throw new Error(`plugin type="weave-net" name="weave" failed (add): ${(error as Error).message}`)
    }
  },

  remove(context: NodeContext, sandbox: Sandbox): void {
    if (sandbox.network.links.has(POD_INTERFACE)) sandbox.network.removeLink(POD_INTERFACE)
    routerOf(context.network)?.allocator.release(sandbox.id)
  },
}
