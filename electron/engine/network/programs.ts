import type { BaseLink } from './link.ts'
import type { Frame, Ip, Link } from './types.ts'

/**
 * Places where a program may decide instead of the kernel: on a link (tc's classifier BPF and TCX) and on the sockets of
 * a network namespace (cgroup/connect4 and its kin). Where no program is attached they cost nothing. Open vSwitch takes
 * frames from links in the same place (its rx handler).
 */

/** What a program on a link decided: the TC_ACT_* codes and the redirect helpers of bpf-helpers(7). */
export type LinkVerdict =
  | 'pass'
  /** The program answered, queued or dropped the frame itself, and has written why. */
  | 'stolen'
  /** bpf_redirect: out of another link, or in as if another link had received it; bpf_redirect_peer: out of the other end of a veth pair. */
  | { redirect: 'egress' | 'ingress' | 'peer'; link: Link }
  /** bpf_redirect_neigh: out of another link, to the next hop that its neighbour table knows. */
  | { redirect: 'neighbour'; link: Link; via: Ip }

export interface LinkProgram {
  /** "cil_from_container" */
  readonly name: string
  /** May change the frame in place. */
  run(frame: Frame, link: Link): LinkVerdict
}

/** Where a socket's call goes instead. `explain` writes the hop as soon as there is a packet to write it for. */
export interface SocketTarget { address: Ip; port: number }

export interface SocketPrograms {
  /** connect(2) of a TCP socket. Another target, none (go on), or the error that the call fails with. */
  connect(target: SocketTarget): SocketTranslation | undefined
  /** sendmsg(2) and connect(2) of a UDP socket; `socket` stands for it (bpf_get_socket_cookie). */
  send(target: SocketTarget, socket: object): SocketTranslation | undefined
  /** recvmsg(2): whom the program is told that a datagram comes from. */
  receive(from: SocketTarget, socket: object): SocketTarget | undefined
}

export interface SocketTranslation {
  to: SocketTarget
  /** The hop's sentence, and the row that decided. */
  text: string
  decidedBy: string
  /** All that it could have chosen: "ip:port". */
  possible?: readonly string[]
  explanation: string
  /** The call fails with this, and nothing is sent. */
  error?: 'EHOSTUNREACH' | 'EPERM'
}

/** Runs a link's program and carries its decision out. True: the kernel goes on with the frame. */
export function runLinkProgram(program: LinkProgram, frame: Frame, link: BaseLink): boolean {
  const verdict = program.run(frame, link)
  if (verdict === 'pass') return true
  if (verdict === 'stolen') return false
  const target = verdict.link as BaseLink
  switch (verdict.redirect) {
    case 'egress':
      target.transmit(frame)
      break
    case 'ingress':
      target.receive(frame)
      break
    case 'peer':
      target.handOver(frame)
      break
    case 'neighbour':
      if (frame.payload.kind === 'ip') target.namespace.neighbours.send(frame.payload, verdict.via, target)
  }
  return false
}
