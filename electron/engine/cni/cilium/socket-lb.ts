import { isLoopbackIp } from '../../network/address.ts'
import type { SocketPrograms, SocketTarget, SocketTranslation } from '../../network/programs.ts'
import type { NetworkNamespace } from '../../network/types.ts'
import type { Datapath } from './datapath.ts'
import { HOST, isReserved, REMOTE_NODE } from './identity.ts'
import { addressText, backendsBeside, rowText, type Frontend } from './lb-map.ts'

/**
 * Socket-level load balancing (bpf/bpf_sock.c of cilium/cilium v1.17): a Service's address is replaced when a program
 * calls connect or sendmsg, so it never gets onto a wire, and nothing has to be translated back but what the program is
 * told of its peer.
 */
export function socketPrograms(dp: Datapath, network: NetworkNamespace): SocketPrograms {
  const inHost = network === dp.network
  const cookies = new WeakMap<object, number>()
  /** cilium_lb4_reverse_sk: what a socket asked for, by what it got. */
  const asked = new WeakMap<object, Map<string, SocketTarget>>()
  let nextCookie = 0
  const cookieOf = (socket: object): number => {
    let cookie = cookies.get(socket)
    if (cookie === undefined) cookies.set(socket, (cookie = nextCookie++))
    return cookie
  }
  const translate = (target: SocketTarget, protocol: 'tcp' | 'udp', slot: number | undefined): SocketTranslation | undefined => {
    const frontend = lookup(dp, target, protocol, inHost)
    if (!frontend) return undefined
    const backend = dp.lb.select(frontend, network.name, dp.now, true, slot)
    const call = `${target.address.includes(':') ? 'cil_sock6' : 'cil_sock4'}_${protocol === 'tcp' ? 'connect' : 'sendmsg'}`
    if (!backend) {
      return {
        to: target, decidedBy: rowText(frontend, undefined), error: 'EHOSTUNREACH', explanation: 'drop-cilium-no-backend',
        text: `The program ${call} finds no backend of ${frontend.service} for ${addressText(frontend)}: the call fails at once with "No route to host". Cilium's reason: "Service backend not found".`,
      }
    }
    const possible = backendsBeside(frontend, backend)
    return {
      to: { address: backend.ip, port: backend.port }, decidedBy: rowText(frontend, backend), explanation: 'cilium-socket-lb', possible,
      text: `The program ${call} sees the call before there is a packet: ${addressText(frontend)} is ${frontend.type === 'LocalRedirect' ? `redirected to this node's Pods by the CiliumLocalRedirectPolicy ${frontend.service}` : frontend.service}, and the socket is connected to ${addressText(backend)} instead (one of ${possible.length}).`,
    }
  }
  return {
    connect: (target) => translate(target, 'tcp', undefined),
    send(target, socket) {
      const translation = translate(target, 'udp', cookieOf(socket))
      if (translation && !translation.error) {
        let map = asked.get(socket)
        if (!map) asked.set(socket, (map = new Map()))
        map.set(`${translation.to.address} ${translation.to.port}`, target)
      }
      return translation
    },
    receive: (from, socket) => asked.get(socket)?.get(`${from.address} ${from.port}`),
  }
}

/** lb4_lookup_service and sock4_wildcard_lookup: a NodePort is answered on every node's addresses, and on the own node on lo. */
function lookup(dp: Datapath, { address, port }: SocketTarget, protocol: string, inHost: boolean): Frontend | undefined {
  const frontend = dp.lb.findForSocket(address, port, protocol)
  // packets for external addresses are left to the node that has them
  if (frontend) return frontend.type === 'ExternalIPs' && dp.identityAt(address) !== HOST ? undefined : frontend
  const { from, to } = dp.context.config.nodePortRange
  if (port < from || port > to) return undefined
  const nodePort = dp.lb.nodePort(port, protocol, address.includes(':') ? 6 : 4)
  if (!nodePort) return undefined
  if (isLoopbackIp(address)) return inHost ? nodePort : undefined
  const id = dp.identityAt(address)
  const isNode = id === HOST || id === REMOTE_NODE || isReserved(dp.identity(id), 'kube-apiserver')
  // with externalTrafficPolicy Local another node's port is that node's affair
  return isNode && (id === HOST || !nodePort.localExternal) ? nodePort : undefined
}
