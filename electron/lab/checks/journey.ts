import { CHECKER, isLoopbackIp, type Cluster, type Journey, type Pod } from '../../engine/cluster.ts'
import type { CheckOf } from '../model.ts'
import { failing, fill, inRange, like, passed, rangeText, type CheckContext, type CheckResult } from './context.ts'

/** Looks at connections that were really made, and at the way they took. */
export function checkJourney(check: CheckOf<'journey'>, context: CheckContext): CheckResult {
  const { variables } = context
  const made = context.cluster.journeys.recent.filter((j) => j.id > context.journeysAfter && j.program !== CHECKER)
  const aimed = made.filter(
    (j) =>
      like(j.from, check.from, variables) &&
      (check.to === undefined || like(j.to, check.to, variables)) &&
      (like(j.destination, check.destination, variables) || (check.destination === 'localhost' && isLoopbackIp(j.destination))) &&
      (check.port === undefined || j.destinationPort === check.port) &&
      (check.protocol === undefined || j.protocol === check.protocol) &&
      like(j.program, check.program, variables),
  )
  if (aimed.length === 0) {
    const near = made.filter((j) => like(j.from, check.from, variables)).at(-1)
    if (near) return failing(`the last connection, ${way(near)}, ${outcome(near)}`)
    // what went before the step began does not count, and whoever sees it in the journeys is told so
    const before = context.cluster.journeys.recent.some((j) => j.id <= context.journeysAfter && j.program !== CHECKER && like(j.from, check.from, variables))
    const since = before ? 'since this step began' : 'yet'
    return failing(check.from ? `nothing has been sent from ${fill(check.from, variables)} ${since}` : `no such connection ${since}`)
  }
  const reasons: string[] = []
  const good = aimed.filter((j) => {
    const reason = unfit(j, check, context.cluster)
    if (reason) reasons.push(reason)
    return !reason
  })
  if (good.length === 0) return failing(reasons.at(-1)!)
  if (!inRange(good.length, check.count)) return failing(`${good.length} such connection${good.length === 1 ? '' : 's'}, not ${rangeText(check.count)}`)
  const ends = new Set(good.map((j) => j.finalDestination))
  if (check.destinations && !inRange(ends.size, check.destinations)) {
    return failing(`they went to ${ends.size} different Pod${ends.size === 1 ? '' : 's'}, not ${rangeText(check.destinations)}`)
  }
  return passed(good.at(-1))
}

function unfit(journey: Journey, check: CheckOf<'journey'>, cluster: Cluster): string | undefined {
  if (!check.verdict.some((v) => v === journey.verdict)) return `the connection ${describe(journey)}`
  const hops = [...journey.hops, ...journey.reply]
  const stages = new Set(hops.map((h) => h.stage))
  const missing = check.via.find((s) => !stages.has(s))
  if (missing) return `the connection ${describe(journey)} without the stage "${missing}" on its way`
  const unwanted = check.without.find((s) => stages.has(s))
  if (unwanted) return `the connection ${describe(journey)}, and its way has the stage "${unwanted}"`
  const link = check.interfaces.find((name) => !hops.some((h) => h.interface === name))
  if (link) return `the connection ${describe(journey)} and did not cross ${link}`
  if (check.sourceKept !== undefined && (journey.sourceSeenByServer === journey.source) !== check.sourceKept) {
    return `the server saw ${journey.sourceSeenByServer ?? 'nobody'}, the sender is ${journey.source}`
  }
  if (check.nodes) {
    const [a, b] = [nodeOf(journey.from, cluster), nodeOf(journey.to, cluster)]
    if (!a || !b || (a === b) !== (check.nodes === 'same')) return `the connection ${describe(journey)}; its ends are on ${a ?? 'no node'} and ${b ?? 'no node'}`
  }
  return undefined
}

function nodeOf(machine: string | undefined, cluster: Cluster): string | undefined {
  if (!machine) return undefined
  if (cluster.nodes.has(machine)) return machine
  const [namespace, name] = machine.split('/')
  return cluster.client.list<Pod>('pods', { namespace: namespace!, fieldSelector: `metadata.name=${name}` }).items[0]?.spec.nodeName
}

/** "from default/client to 10.96.0.10:53" */
function way({ from, destination, destinationPort: port }: Journey): string {
  return `from ${from} to ${port === undefined ? destination : destination.includes(':') ? `[${destination}]:${port}` : `${destination}:${port}`}`
}

const OUTCOMES: Readonly<Partial<Record<Journey['verdict'], string>>> = { timeout: 'timed out', pending: 'is still on its way', unreachable: 'found its destination unreachable' }

function outcome({ verdict }: Journey): string {
  return OUTCOMES[verdict] ?? `was ${verdict}`
}

export function describe(journey: Journey): string {
  return `${way(journey)} ${outcome(journey)}`
}
