import type { Process } from '../machine/types.ts'
import type { TcpConnection } from '../network/types.ts'
import { ownerOf } from './stream.ts'

/**
 * A socket of its own for each family, as servers have them that ask getaddrinfo for the wildcards: 0.0.0.0 and, where there is
 * IPv6, [::]. They are closed when the process ends. Throws SystemError EADDRINUSE.
 */
export function listenOnBoth(process: Process, { port, program, backlog }: { port: number; program: string; backlog: number }, onConnection: (connection: TcpConnection) => void): void {
  const { sockets, ipv6 } = process.network
  for (const address of ipv6 ? ['0.0.0.0', '::'] : ['0.0.0.0']) {
    const listener = sockets.listen({ port, address, v6only: address === '::', owner: ownerOf(process, program), backlog }, onConnection)
    process.onExit(() => listener.close())
  }
}
