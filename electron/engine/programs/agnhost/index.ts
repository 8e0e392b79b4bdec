import type { Task } from '../../machine/task.ts'
import type { Process, Program } from '../../machine/types.ts'
import { resolvConfOf } from '../../dns/resolver.ts'
import { untilSignal } from '../output.ts'
import { connect } from './connect.ts'
import { cobraFlags } from './flags.ts'
import { grpcHealthChecking } from './grpc.ts'
import { liveness } from './liveness.ts'
import { logsGenerator } from './logs-generator.ts'
import { netexec } from './netexec.ts'
import { porter } from './porter.ts'
import { serveHostname } from './serve-hostname.ts'
import { webhook } from './webhook.ts'

/** registry.k8s.io/e2e-test-images/agnhost (kubernetes/test/images/agnhost): its subcommands by name. */
const COMMANDS: Readonly<Record<string, (process: Process, args: readonly string[]) => Task<number>>> = {
  connect,
  'dns-server-list': printing((process) => resolvConfOf(process).nameservers.join(',')),
  'dns-suffix': printing((process) => resolvConfOf(process).search.join(',')),
  'entrypoint-tester': printing((process) => `[${process.argv.join(' ')}]`),
  'etc-hosts': printing((process) => (process.fs.exists('/etc/hosts') ? process.fs.readText('/etc/hosts') : '')),
  'grpc-health-checking': grpcHealthChecking,
  liveness,
  'logs-generator': logsGenerator,
  netexec,
  pause,
  porter,
  'serve-hostname': serveHostname,
  webhook,
}

/** Subcommands that the real program has, and that are not simulated. */
const OTHERS = [
  'audit-proxy', 'crd-conversion-webhook', 'fake-gitserver', 'guestbook', 'inclusterclient', 'mounttest',
  'net', 'nettest', 'no-snat-test', 'no-snat-test-proxy', 'openidmetadata', 'resource-consumer-controller', 'tcp-reset', 'test-webserver',
]

function printing(text: (process: Process) => string): (process: Process) => Task<number> {
  return function* (process) {
    yield* process.print(`${text(process)}\n`)
    return 0
  }
}

function* pause(process: Process, args: readonly string[]): Task<number> {
  const flags = yield* cobraFlags(process, args, [{ name: 'delay-shutdown', kind: 'int' }])
  if (typeof flags === 'number') return flags
  yield* process.print('Paused\n')
  const signal = yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
  const delay = Number(flags.values.get('delay-shutdown') ?? 0)
  if (delay > 0) {
    yield* process.print(`Sleeping ${delay} seconds before exit ...`)
    yield* process.sleep(delay * 1000)
  }
  const code = signal === 'SIGINT' ? 1 : 2
  yield* process.print(`exiting ${code}\n`)
  return code
}

export const agnhost: Program = function* (process) {
  const [, command = '', ...args] = process.argv
  const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined
  if (run) return yield* run(process, args)
  if (command === '' || OTHERS.includes(command) || command.startsWith('-')) {
    yield* process.printError(`podhop: not simulated: agnhost ${command} (${Object.keys(COMMANDS).join(', ')} are)\n`)
    return 69
  }
  yield* process.printError(`Error: unknown command "${command}" for "app"\nRun 'app --help' for usage.\n`)
  return 1
}
