import { SystemError } from '../../engine/cluster.ts'
import { FlagSet, GLOBAL_FLAGS } from '../../shell/kubectl/flags.ts'
import { portForward } from '../../shell/kubectl/port-forward.ts'
import type { CheckOf } from '../model.ts'
import { failing, fill, like, passed, valueText, type CheckContext, type CheckResult } from './context.ts'
import { findObjects } from './resource.ts'

/** A file in the student's home. */
export function checkFile(check: CheckOf<'file'>, context: CheckContext): CheckResult {
  const path = check.path.replace(/^~(?=\/)/, '/home/student')
  let text: string
  try {
    text = context.cluster.laptop.fs.readText(path)
  } catch (error) {
    if (error instanceof SystemError) return failing(`${check.path}: ${error.message}`)
    throw error
  }
  if (check.contains !== undefined && !text.includes(fill(check.contains, context.variables))) return failing(`${check.path} does not contain it`)
  if (check.matches !== undefined && !new RegExp(fill(check.matches, context.variables), 'm').test(text)) return failing(`${check.path} has no such line`)
  return passed()
}

export function checkQuiz(check: CheckOf<'quiz'>, context: CheckContext): CheckResult {
  const given = context.answers.get(check.id)
  if (given === undefined) return failing('no answer yet')
  const fold = (text: string): string => text.trim().toLowerCase()
  return quizAnswers(check, context).some((right) => fold(right) === fold(given)) ? passed() : failing(`"${given}"`)
}

/** The right answers as they are now. */
function quizAnswers(check: CheckOf<'quiz'>, context: CheckContext): string[] {
  if (check.answerFrom) {
    const found = findObjects(check.answerFrom, context)
    const path = check.answerFrom.path
    return 'objects' in found ? found.objects.map((o) => valueText(o, path)).filter((v) => v !== '') : []
  }
  return [check.answer ?? []].flat().map((a) => fill(a, context.variables))
}

/** A `kubectl port-forward` that runs in the lab terminal and listens. */
export function checkPortForward(check: CheckOf<'port-forward'>, context: CheckContext): CheckResult {
  const { laptop } = context.cluster
  const forwards = portForwards(context)
  if (forwards.length === 0) return failing('no kubectl port-forward is running')
  const fits = forwards.filter((f) => like(f.target, check.target, context.variables) && (check.localPort === undefined || f.localPort === check.localPort))
  if (fits.length === 0) return failing(forwards.map((f) => `port ${f.localPort} goes to ${f.target}`).join(', '))
  const used = (port: number): boolean =>
    context.cluster.journeys.recent.some((j) => j.id > context.journeysAfter && j.from === laptop.name && j.destinationPort === port && j.verdict === 'delivered')
  if (check.used && !fits.some((f) => used(f.localPort))) return failing(`port ${fits[0]!.localPort} is open, but nothing has used it yet`)
  return passed()
}

export interface OpenPortForward { pid: number; localPort: number; target: string }

/** Port-forwards are what they are: kubectl processes on the laptop with a listening socket. */
export function portForwards(context: Pick<CheckContext, 'cluster'>): OpenPortForward[] {
  const { laptop } = context.cluster
  const out: OpenPortForward[] = []
  for (const socket of laptop.network.sockets.list()) {
    if (socket.state !== 'LISTEN' || socket.owner?.program !== 'kubectl') continue
    // it listens on 127.0.0.1 and on ::1
    if (out.some((f) => f.pid === socket.owner!.pid && f.localPort === socket.localPort)) continue
    const argv = laptop.processes.get(socket.owner.pid)?.argv ?? []
    // kubectl proxy listens, too
    if (!argv.includes('port-forward')) continue
    const flags = new FlagSet([...GLOBAL_FLAGS, ...(portForward.flags ?? [])])
    flags.parse(argv.slice(1))
    const [, target = ''] = flags.args
    out.push({ pid: socket.owner.pid, localPort: socket.localPort, target: target.includes('/') ? target : `pod/${target}` })
  }
  return out
}
