import type { Machine, Pod, Task } from '../../engine/cluster.ts'
import { CHECKER, resolveHost } from '../../engine/cluster.ts'
import { traceJourney } from '../../shell/hop/trace.ts'
import type { CheckOf } from '../model.ts'
import { failing, fill, passed, type CheckContext, type CheckResult } from './context.ts'
import { describe } from './journey.ts'

/** Checks that send packets of their own, over the one path. */
export function* probe(check: CheckOf<'dns'> | CheckOf<'trace'>, context: CheckContext): Task<CheckResult> {
  return check.kind === 'dns' ? yield* askDns(check, context) : yield* trace(check, context)
}

function* trace(check: CheckOf<'trace'>, context: CheckContext): Task<CheckResult> {
  const fillIn = (text: string): string => fill(text, context.variables)
  const result = yield* traceJourney(context.cluster, fillIn(check.from), fillIn(check.destination), CHECKER)
  if ('error' in result) return failing(result.error)
  return result.journey.verdict === check.verdict ? passed(result.journey) : failing(`a connection ${describe(result.journey)}`)
}

function* askDns(check: CheckOf<'dns'>, context: CheckContext): Task<CheckResult> {
  const machine = machineOf(fill(check.from, context.variables), context)
  if (!machine) return failing(`no running Pod ${check.from}`)
  const name = fill(check.name, context.variables)
  let outcome = { message: 'no answer' } as { addresses: readonly string[] } | { message: string }
  const process = machine.start({
    argv: [CHECKER],
    files: new Map(),
    program: function* (self) {
      outcome = yield* resolveHost(self, name)
      return 0
    },
  })
  yield* process.thread.join()
  const want = check.answers.map((a) => fill(a, context.variables)).sort()
  const got = 'addresses' in outcome ? [...outcome.addresses].sort() : []
  if (want.join() === got.join()) return passed()
  return failing(`${name} is ${got.length > 0 ? got.join(', ') : 'message' in outcome ? `not answered (${outcome.message})` : 'an unknown name'}`)
}

/** "ns/pod", or "ns/app=web" for the first ready Pod with the label. */
function machineOf(from: string, context: CheckContext): Machine | undefined {
  const [namespace, rest] = from.split('/') as [string, string]
  if (!rest.includes('=')) return context.cluster.container(namespace, rest)
  const pods = context.cluster.client.list<Pod>('pods', { namespace, labelSelector: rest }).items
  return pods.map((p) => context.cluster.container(namespace, p.metadata.name)).find((m) => m !== undefined)
}
