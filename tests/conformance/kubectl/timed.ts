import { expect } from 'vitest'
import type { Transcript } from '../referee/transcript.ts'
import type { Outcome } from './two-clusters.ts'

/** Commands with a deadline of real time, or which watch what goes on meanwhile: where the machine is busy, their transcripts decide. */
const TIMED = /timeout[= ]'?\d|(?:^| )-w(?: |$)|--watch|^(?:wait|rollout status|drain) /

const told = ({ stdout, stderr, code }: Outcome): string => `${stdout}--- stderr\n${stderr}--- exit ${code}`

/** How what two kubectls say to a line is compared. Call it while tests are collected. */
export function comparison(transcript: Transcript, line: string): (said: { ours: Outcome; real: Outcome }) => Promise<void> {
  if (!TIMED.test(line)) {
    return async ({ ours, real }) => expect(ours).toEqual(real)
  }
  const entry = transcript.entry(line)
  return ({ ours, real }) => entry.hold(told(ours), () => told(real))
}
