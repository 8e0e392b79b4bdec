import { timestamp } from '../human-duration.ts'
import type { ContainerRecord } from './record.ts'
import type { PodWorker } from './pod-worker.ts'
import { ProbeWorker, type ProbeKind } from './probe-worker.ts'
import { probeOnce } from './prober.ts'
import type { Namespace } from '../../network/namespace.ts'
import type { Pod } from '../types.ts'
import { isStatic } from './static-pods.ts'

const WORDS = { readiness: 'Readiness', liveness: 'Liveness', startup: 'Startup' }

function isControlPlane({ metadata: { labels } }: Pod): boolean {
  return labels?.['tier'] === 'control-plane'
}

/** kubeadm has waited for the control plane before anybody comes to see a cluster: with it nobody waits again. */
function isBornWell({ pod, clock, startTime }: PodWorker, { restarts }: ContainerRecord): boolean {
  return restarts === 0 && isStatic(pod) && startTime === timestamp(clock.epoch)
}

/** Starts a container's probes; without a readiness probe a container is ready as soon as it has started. */
export function startProbes(worker: PodWorker, c: ContainerRecord): void {
  const { readinessProbe, livenessProbe, startupProbe } = c.spec
  const { host, clock } = worker
  const run = c.run!
  const isKnownWell = isBornWell(worker, c)
  c.started = !startupProbe || isKnownWell
  c.ready = isKnownWell || (!startupProbe && !readinessProbe)
  const changed = (): void => host.changed(worker)

  const start = (kind: ProbeKind, probe: NonNullable<typeof readinessProbe>, onResult: (ok: boolean) => void): ProbeWorker =>
    new ProbeWorker({
      clock,
      kind,
      probe,
      startedAt: run.startedAt,
      isKnownWell,
      isRelaxed: () => isStatic(worker.pod) && isControlPlane(worker.pod) && !(host.context.network as Namespace).tapped,
      mayAsk: () => (kind === 'startup' ? !c.started : c.started) && run.running,
      ask: (timeout, answer) => probeOnce(clock, host.context.network, worker.sandbox?.ips[0] ?? '', c.spec, run, probe, timeout, answer),
      onResult,
      onNote: (reason, message) => worker.event('Warning', reason, `${WORDS[kind]} probe ${message}`, c),
    })

  if (readinessProbe) {
    c.probes.push(start('readiness', readinessProbe, (ok) => {
      if (c.ready === ok) return
      c.ready = ok
      changed()
    }))
  }
  if (livenessProbe) c.probes.push(start('liveness', livenessProbe, (ok) => ok || worker.kill(c, 'failed liveness probe', livenessProbe.terminationGracePeriodSeconds)))
  if (startupProbe && !isKnownWell) {
    c.probes.push(start('startup', startupProbe, (ok) => {
      if (!ok) return worker.kill(c, 'failed startup probe', startupProbe.terminationGracePeriodSeconds)
      if (c.started) return
      c.started = true
      if (!readinessProbe) c.ready = true
      for (const probe of c.probes) probe.wake()
      changed()
      worker.wake()
    }))
  }
}
