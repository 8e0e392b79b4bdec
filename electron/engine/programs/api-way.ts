import { ApiSession } from '../kubernetes/api-session.ts'
import type { KubernetesClient } from '../kubernetes/client.ts'
import { ApiConnection } from '../kubernetes/connection.ts'
import { anyOf, sleep, type Task } from '../machine/task.ts'
import type { Process, Program } from '../machine/types.ts'
import { joinHostPort } from '../network/address.ts'
import type { SystemServices } from './types.ts'

/** How long a program waits for its first connection before it goes on without (ms), and when it gives that up: client-go's dialer. */
const FIRST = 500
const DIAL = 30_000

/**
 * The API as the program of a Pod reaches it: by packets, at the address of the Service `kubernetes` that the kubelet has put
 * into its environment. While the Pod's packets do not get there, it asks and learns nothing.
 */
export function* reachApi(process: Process, { client }: Pick<SystemServices, 'client'>): Task<KubernetesClient> {
  const { clock, env, network } = process
  const [address, port] = [env.get('KUBERNETES_SERVICE_HOST') ?? '', Number(env.get('KUBERNETES_SERVICE_PORT'))]
  if (address === '' || process.machine.kind !== 'container') return client
  const way = new ApiConnection(clock, client, { address: joinHostPort(address, port), kind: 'agent' })
  const program = process.argv[0]?.replace(/.*\//, '') ?? ''
  const session = new ApiSession({ clock, network, address, port, owner: () => ({ pid: process.pid, program, uid: process.user.uid, gid: process.user.gid }), way, patience: { ms: DIAL } })
  session.start()
  process.onExit(() => session.stop())
  yield anyOf((wake) => session.whenTried(wake), sleep(clock, FIRST, { background: true }))
  session.expectAnswer()
  return way
}

/** A program that is given the API. */
export function withApi(services: SystemServices, program: (client: KubernetesClient) => Program): Program {
  return function* (process) {
    return yield* program(yield* reachApi(process, services))(process)
  }
}
