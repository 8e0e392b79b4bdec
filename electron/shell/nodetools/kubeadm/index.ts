import type { Cluster, Process, Program, Task } from '../../../engine/cluster.ts'
import { FlagError } from '../../kubectl/flags.ts'
import { toYaml } from '../../kubectl/yaml.ts'
import { certs } from './certs.ts'
import { KubeadmError, NotSimulated } from './client.ts'
import { config } from './config.ts'
import { initPhase } from './init-phase.ts'
import { join } from './join.ts'
import { reset } from './reset.ts'
import { token } from './token.ts'

const VERSION = {
  major: '1', minor: '33', gitVersion: 'v1.33.1', gitCommit: '8adc0f041b8e7ad1d30e29cc59c6ae7a15e19828', gitTreeState: 'clean', buildDate: '2025-05-15T08:25:54Z', goVersion: 'go1.24.2', compiler: 'gc', platform: 'linux/amd64',
}
const VERSION_TEXT = 'kubeadm version: &version.Info{Major:"1", Minor:"33", EmulationMajor:"", EmulationMinor:"", MinCompatibilityMajor:"", MinCompatibilityMinor:"", GitVersion:"v1.33.1", GitCommit:"8adc0f041b8e7ad1d30e29cc59c6ae7a15e19828", GitTreeState:"clean", BuildDate:"2025-05-15T08:25:54Z", GoVersion:"go1.24.2", Compiler:"gc", Platform:"linux/amd64"}\n'
/** There is no cluster that it could set up: it is there. It knows bootstrap tokens, certificates and versions, and workers leave and join with it. */
export function kubeadm(cluster: Cluster): Program {
  return function* (process) {
    const [, verb = '', ...words] = process.argv
    try {
      yield* process.print(yield* run(process, cluster, verb, words))
      return 0
    } catch (error) {
      if (error instanceof NotSimulated) {
        yield* process.printError(`podhop: not simulated: ${error.message}\n`)
        return 69
      }
      if (!(error instanceof KubeadmError || error instanceof FlagError)) throw error
      yield* process.printError(`error: ${error.message}\nTo see the stack trace of this error execute with --v=5 or higher\n`)
      return 1
    }
  }
}

function* run(process: Process, cluster: Cluster, verb: string, words: readonly string[]): Task<string> {
  if (verb === 'token') return yield* token(process, cluster, words)
  if (verb === 'certs') return yield* certs(process, cluster, words)
  if (verb === 'reset') return yield* reset(process, cluster, words)
  if (verb === 'join') return yield* join(process, cluster, words)
  if (verb === 'version') return version(words)
  if (verb === 'config') return config(process, words)
  if (verb === 'init' && words[0] === 'phase') return yield* initPhase(process, cluster, words.slice(1))
  if (verb === 'upgrade') throw new NotSimulated(`kubeadm upgrade${words[0] === undefined ? '' : ` ${words[0]}`} (there is no version but v1.33.1: all nodes have it, as kubectl get nodes says)`)
  throw new NotSimulated(`kubeadm${verb === '' ? '' : ` ${verb}`} (the cluster is set up already; a cluster file says how: podhop run --cluster)`)
}

function version(words: readonly string[]): string {
  const [, format = 'text'] = /^(?:-o|--output)[= ]?(\w+)$/.exec(words.join(' ')) ?? []
  if (format === 'short') return 'v1.33.1\n'
  if (format === 'json') return `${JSON.stringify({ clientVersion: VERSION }, null, 2)}\n`
  if (format === 'yaml') return toYaml({ clientVersion: Object.fromEntries(Object.entries(VERSION).sort(([a], [b]) => (a < b ? -1 : 1))) })
  if (format !== 'text') throw new KubeadmError(`invalid output format: ${format}`)
  return VERSION_TEXT
}
