import type { Machine } from '../machine/types.ts'
import { encodeUtf8 } from '../text.ts'
import type { TcpConnection } from '../network/types.ts'

/**
 * A node's OpenSSH server as a network sees it: it listens on port 22 and tells and expects an identification string (RFC 4253 4.2,
 * texts of OpenSSH 9.2's kex.c). What is said after that is not carried by packets: there is no cryptography here.
 */
export const SSH_PORT = 22
export const SSHD_PID = 458
export const SSH_IDENTIFICATION = 'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u6'
/** LoginGraceTime of sshd_config(5), ms: who has not said who he is by then is hung up on. */
const GRACE = 120_000
/** listen(2)'s second argument in sshd.c. */
const BACKLOG = 128

/** To be called at each start of the machine. What is returned ends it as a power cut does: nobody is told. */
export function serveSsh({ clock, network }: Machine): () => void {
  const connections = new Set<TcpConnection>()
  const owner = { pid: SSHD_PID, program: 'sshd' }
  const accept = (connection: TcpConnection): void => {
    // who has gone before he was accepted hears nothing
    if (connection.state !== 'ESTAB') return connection.abort()
    connections.add(connection)
    let heard = ''
    let known = false
    const hangUp = (): void => connection.end()
    const grace = clock.schedule(GRACE, hangUp, { background: true })
    connection.handlers = {
      onData: (data) => {
        if (known) return
        heard += String.fromCharCode(...data.subarray(0, 256))
        if (!heard.includes('\n')) return
        known = heard.startsWith('SSH-2.0-') || heard.startsWith('SSH-1.99-')
        clock.cancel(grace)
        if (known) return
        connection.send(encodeUtf8('Invalid SSH identification string.\r\n'))
        hangUp()
      },
      onEnd: hangUp,
      onClose: () => {
        connections.delete(connection)
        clock.cancel(grace)
      },
    }
    connection.send(encodeUtf8(`${SSH_IDENTIFICATION}\r\n`))
  }
  const listeners = (network.ipv6 ? ['0.0.0.0', '::'] : ['0.0.0.0']).map((address) => network.sockets.listen({ port: SSH_PORT, address, v6only: address === '::', owner, backlog: BACKLOG }, accept))
  return () => {
    for (const listener of listeners) listener.close()
    for (const connection of connections) connection.abort()
  }
}
