import type { ContainerRecord } from './record.ts'
import type { PodWorker } from './pod-worker.ts'
import { ProbeWorker, type ProbeKind } from './probe-worker.ts'
import { probeOnce } from './prober.ts'

const WORDS = { readiness: 'Readiness', liveness: 'Liveness', startup: 'Startup' }

/** Starts a container's probes; without a readiness probe a container is ready as soon as it has started. */
export function startProbes(worker: PodWorker, c: ContainerRecord): void {
  const { readinessProbe, livenessProbe, startupProbe } = c.spec
  const { host, clock } = worker
  const run = c.run!
  c.started = !startupProbe
  c.ready = !startupProbe && !readinessProbe
  const changed = (): void => host.changed(worker)

  const start = (kind: ProbeKind, probe: NonNullable<typeof readinessProbe>, onResult: (ok: boolean) => void): ProbeWorker =>
    new ProbeWorker({
      clock,
      kind,
      probe,
      startedAt: run.startedAt,
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
  if (startupProbe) {
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
