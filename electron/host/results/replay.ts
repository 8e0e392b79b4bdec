import type { UsableLab } from '../labs.ts'
import { LiveWorld } from '../session/live-world.ts'
import { readLog } from '../session/log.ts'
import { unpackedSession, type LabResult } from './file.ts'

/** How long one replay may take, in ms of the real clock. */
const PATIENCE = 300_000

/** Types again what a student typed, on a new cluster in virtual time, and says which of the checks pass. */
export async function replayResult(result: LabResult, found: UsableLab, build: string): Promise<string> {
  if (result.session === undefined) return 'no: what was typed is not in the file'
  const bytes = unpackedSession(result.session)
  const log = bytes && readLog(bytes)
  if (!log) return 'no: what was typed cannot be read'
  const { header, entries } = log
  if (header.app !== build) return 'no: done with another build of Podhop'
  if (header.world !== found.fingerprint) return 'no: done in another version of the lab'
  const before = new Set(Object.keys(header.progress?.passed ?? {}))
  const silent = { changed: () => undefined, terminalOutput: () => undefined, terminalClosed: () => undefined, notice: () => undefined, explain: () => undefined }
  let live: LiveWorld | undefined
  try {
    live = new LiveWorld({ lab: found.lab, epoch: header.epoch, ...(header.progress ? { progress: structuredClone(header.progress) } : {}) }, silent)
    const end = performance.now() + PATIENCE
    const way = await live.replay(entries, () => Promise.resolve(), () => performance.now() > end)
    if (way === 'stopped') return `no: it took longer than ${PATIENCE / 60_000} minutes`
    if (way === 'lost') return 'DIFFERS: the same commands do not lead there'
    const again = Object.keys(live.world.progress?.passed ?? {}).filter((id) => !before.has(id))
    const claimed = Object.keys(result.passed)
    const unproven = claimed.filter((id) => !again.includes(id))
    const earlier = unproven.filter((id) => before.has(id)).length
    const never = unproven.length - earlier
    if (never > 0) return `DIFFERS: ${never} of ${claimed.length} checks do not pass`
    return earlier === 0 ? `yes: ${claimed.length} of ${claimed.length} checks pass again` : `partly: ${again.length} of ${claimed.length} checks pass again; ${earlier} passed on an earlier cluster, of which nothing is kept`
  } catch (error) {
    return `no: ${(error as Error).message}`
  } finally {
    live?.close()
  }
}
